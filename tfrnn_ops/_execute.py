"""Runs one call on the path that was decided for it."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import tensorflow as tf

from tfrnn_ops import _arguments
from tfrnn_ops._arguments import Weights
from tfrnn_ops.path import Decision, ReferencePathWarning, Request, activation_name


class Results(NamedTuple):
    """What a call computes.

    Attributes:
        outputs: `h` at every step.
        final_state: the last states, as a tuple of tensors.
        cell_states: `c` after every step, if it was asked for; otherwise None.
    """

    outputs: Any
    final_state: tuple[Any, ...]
    cell_states: Any = None


def execute(
    request: Request,
    decision: Decision,
    inputs: Any,
    initial_state: Any,
    weights: Weights,
    *,
    seed: Any = None,
    mask: Any = None,
    sequence_length: Any = None,
    keep_reserve: bool,
    time_major: bool = False,
    go_backwards: bool = False,
    zero_output_for_mask: bool = False,
    unroll: bool = False,
    input_dropout_mask: Any = None,
    recurrent_dropout_mask: Any = None,
) -> Results:
    """Checks the arguments, then runs the fused op or the reference.

    Args:
        request: the cell and its options.
        decision: the path to take.
        inputs: `[batch, time, features]`, or `[time, batch, features]` if `time_major`.
        initial_state: as the public function takes it.
        weights: the weights.
        seed: integers `[2]`, if anything is drawn at every step.
        mask: boolean, the first two axes of `inputs`; or None.
        sequence_length: integers `[batch]`; or None.
        keep_reserve: whether the fused op keeps what its gradient needs.
        time_major: whether time is the first axis.
        go_backwards: whether to process the last step first.
        zero_output_for_mask: whether masked steps put out zeros.
        unroll: whether the reference loops in Python.
        input_dropout_mask: a factor of the inputs, `[batch, features]`, or a list with one for
            each gate; or None.
        recurrent_dropout_mask: likewise, of the recurrent state.
    """
    cell, options = request.cell, request.options
    inputs = _arguments.as_inputs(inputs)
    weights = _arguments.as_weights(cell, inputs, weights, options.reset_after)
    states = _arguments.as_states(cell, initial_state, inputs, weights, time_major)
    mask = _arguments.as_mask(mask, sequence_length, inputs, time_major)
    keywords = {
        "time_major": time_major,
        "go_backwards": go_backwards,
        "zero_output_for_mask": zero_output_for_mask,
        **_option_keywords(request, decision, weights, seed),
    }
    own_weights = (weights.kernel, weights.recurrent_kernel, weights.bias)
    if decision.path == "fused":
        assert cell.fused is not None
        if isinstance(input_dropout_mask, tf.Tensor):  # of all gates: cheaper outside the op
            inputs *= tf.expand_dims(input_dropout_mask, 0 if time_major else 1)
            input_dropout_mask = None
        results = cell.fused(
            inputs,
            states,
            *own_weights,
            mask,
            input_dropout_mask=_factors(input_dropout_mask),
            recurrent_dropout_mask=_factors(recurrent_dropout_mask),
            keep_reserve=keep_reserve,
            **keywords,
        )
    else:
        results = cell.reference(
            inputs,
            states,
            *own_weights,
            mask=mask,
            unroll=unroll,
            input_dropout_mask=input_dropout_mask,
            recurrent_dropout_mask=recurrent_dropout_mask,
            **keywords,
        )
    outputs, final_state = results[:2]
    if not isinstance(final_state, tuple):
        final_state = (final_state,)
    return Results(outputs, final_state, *results[2:])


def _option_keywords(
    request: Request, decision: Decision, weights: Weights, seed: Any
) -> dict[str, Any]:
    """The options that are on, by the names of the functions' arguments.

    The fused op is told its activations only if it has a choice of them.
    """
    cell, options = request.cell, request.options
    keywords = {name: getattr(options, name) for name in request.in_force}
    for name in ("peephole", "projection", "layer_norm"):
        if name in keywords:
            keywords[name] = getattr(weights, name)
    if "layer_norm" in keywords:
        keywords["layer_norm_epsilon"] = options.layer_norm_epsilon
    if "zoneout" in keywords or "cell_zoneout" in keywords or request.drawing:
        keywords["training"] = request.training
    if request.drawing:
        keywords["seed"] = _arguments.as_seed(seed, request.drawing)
    if "reset_after" in cell.options:
        keywords["reset_after"] = options.reset_after
    for name in cell.activations:
        known = cell.options[name]
        if decision.path == "reference":
            keywords[name] = getattr(options, name)
        elif isinstance(known, tuple) and len(known) > 1:
            keywords[name] = activation_name(getattr(options, name))
    return keywords


def _factors(mask: Any) -> Any:
    """Dropout factors `[gates, batch, width]`, or `[1, batch, width]` if one serves all gates."""
    if mask is None:
        return None
    return tf.stack(list(mask)) if isinstance(mask, (list, tuple)) else mask[tf.newaxis]


def warn_if_not_fused(decision: Decision, who: str, stacklevel: int) -> None:
    """Warns that a call leaves the fused op, unless the caller asked for that."""
    if decision.path == "reference" and not decision.asked_for:
        warnings.warn(
            f"{who} runs on the slower reference path. {'; '.join(decision.reasons)}.",
            ReferencePathWarning,
            stacklevel=stacklevel + 1,
        )
