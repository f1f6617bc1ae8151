"""Two cells over a sequence, one for each direction, in one call of the fused op."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfrnn_ops._arguments import Weights
from tfrnn_ops._execute import DirectionArguments, execute_both
from tfrnn_ops.options import Options
from tfrnn_ops.path import Request, decide, keeps_reserve
from tfrnn_ops.v1._sequence import Call, Steps


def run_both(
    steps: Steps, inputs: Any, forward: Call, backward: Call
) -> tuple[tuple[Any, Any], tuple[Any, Any]] | None:
    """Runs two calls, of which the second begins with the last step that counts.

    Args:
        steps: the layout. Steps that do not count must be the last ones.
        inputs: the inputs of both, in their order.
        forward: the first call.
        backward: the second.

    Returns:
        The outputs of both in the order of the inputs, and the final states of both; or None if
        one call of the op cannot do what both ask for.
    """
    weights, requests = zip(*map(_request, (forward, backward)), strict=True)
    decision = decide(requests[0])
    if requests[0] != requests[1] or _shapes(weights[0]) != _shapes(weights[1]):
        return None
    if decision.path != "fused":
        return None
    own = [steps.arguments(call, inputs) for call in (forward, backward)]
    outputs, states = execute_both(
        requests[0],
        decision,
        [
            DirectionArguments(a["inputs"], a["initial_state"], w)
            for a, w in zip(own, weights, strict=True)
        ],
        mask=steps.mask,
        keep_reserve=keeps_reserve(training=True),
        time_major=steps.time_major,
        go_backwards=False,
        zero_output_for_mask=steps.mask is not None,
    )
    first, second = tf.split(outputs, 2, axis=-1)
    return (first, second), (states[0], states[1])


def _request(call: Call) -> tuple[Weights, Request]:
    options = dict(call.options)
    tensors = {name: options.pop(name, None) for name in ("peephole", "projection")}
    given = {name: tensor is not None for name, tensor in tensors.items()}
    weights = Weights(*map(tf.convert_to_tensor, call.weights), **tensors)
    return weights, Request(call.kind, Options(**options, **given))


def _shapes(weights: Weights) -> list[Any]:
    return [None if w is None else w.shape.as_list() for w in vars(weights).values()]
