"""Runs one call on the path that was decided for it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from tfrnn_ops import _arguments
from tfrnn_ops._arguments import Weights
from tfrnn_ops._warnings import warn
from tfrnn_ops.fused.common import Direction
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
    state_dropout_mask: Any = None,
) -> Results:
    """Checks the arguments, then runs the fused op or the reference.

    Args:
        request: the cell and its options.
        decision: the path to take.
        inputs: `[batch, time, features]`, or `[time, batch, features]` if `time_major`; or
            integers without the last axis, each for a one-hot row.
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
        state_dropout_mask: factors of the state that each step starts from, `[time, batch, units]`
            in the order of processing; or None.
    """
    cell = request.cell
    own = DirectionArguments(
        inputs,
        initial_state,
        weights,
        seed,
        input_dropout_mask,
        recurrent_dropout_mask,
        state_dropout_mask,
    ).checked(request, time_major)
    mask = _arguments.as_mask(mask, sequence_length, own.inputs, time_major)
    keywords = {
        "time_major": time_major,
        "go_backwards": go_backwards,
        "zero_output_for_mask": zero_output_for_mask,
        **_option_keywords(request, decision),
    }
    if decision.path == "fused":
        assert cell.fused is not None
        direction = own.direction(request, time_major)
        results = cell.fused([direction], mask, keep_reserve=keep_reserve, **keywords)
    else:
        weights = own.weights
        results = cell.reference(
            own.inputs,
            own.initial_state,
            weights.kernel,
            weights.recurrent_kernel,
            weights.bias,
            mask=mask,
            unroll=unroll,
            input_dropout_mask=input_dropout_mask,
            recurrent_dropout_mask=recurrent_dropout_mask,
            state_dropout_mask=own.state_dropout_mask,
            **own.of_options(request),
            **keywords,
        )
    outputs, final_state = results[:2]
    if not isinstance(final_state, tuple):
        final_state = (final_state,)
    return Results(outputs, final_state, *results[2:])


def execute_both(
    request: Request,
    decision: Decision,
    directions: Sequence[DirectionArguments],
    *,
    mask: Any,
    keep_reserve: bool,
    time_major: bool,
    go_backwards: bool,
    zero_output_for_mask: bool,
) -> tuple[Any, list[tuple[Any, ...]]]:
    """Runs both directions of a layer in one call of the fused op.

    Args:
        request: the cell and its options, which both directions share.
        decision: the path to take, the fused one.
        directions: what each has of its own, of the same shapes.
        mask: boolean, the first two axes of the inputs; or None.
        keep_reserve: whether the fused op keeps what its gradient needs.
        time_major: whether time is the first axis.
        go_backwards: whether the first direction processes the last step first; the second goes
            the other way.
        zero_output_for_mask: whether masked steps put out zeros.

    Returns:
        The outputs of both side by side along the last axis, in the first direction's order; and
        the final states of each direction.
    """
    assert decision.path == "fused"
    assert request.cell.fused is not None
    outputs, states = request.cell.fused(
        [d.checked(request, time_major).direction(request, time_major) for d in directions],
        mask,
        keep_reserve=keep_reserve,
        time_major=time_major,
        go_backwards=go_backwards,
        zero_output_for_mask=zero_output_for_mask,
        **_option_keywords(request, decision),
    )
    count = len(request.cell.states)
    return outputs, [states[:count], states[count:]]


@dataclasses.dataclass(frozen=True)
class DirectionArguments:
    """What one direction of a call has of its own; see `execute`."""

    inputs: Any
    initial_state: Any
    weights: Weights
    seed: Any = None
    input_dropout_mask: Any = None
    recurrent_dropout_mask: Any = None
    state_dropout_mask: Any = None

    def checked(self, request: Request, time_major: bool) -> DirectionArguments:
        """The same as tensors, of which the shapes fit."""
        cell = request.cell
        inputs = _arguments.as_inputs(self.inputs)
        weights = _arguments.as_weights(cell, inputs, self.weights, request.options.reset_after)
        states = _arguments.as_states(cell, self.initial_state, inputs, weights, time_major)
        seed = _arguments.as_seed(self.seed, request.drawing) if request.drawing else None
        state_mask = self.state_dropout_mask
        if state_mask is not None:
            state_mask = _arguments.as_state_dropout_mask(state_mask, inputs, weights, time_major)
        if inputs.dtype.is_integer and self.input_dropout_mask is not None:
            inputs = tf.one_hot(inputs, tf.shape(weights.kernel)[0], dtype=weights.kernel.dtype)
        return dataclasses.replace(
            self,
            inputs=inputs,
            initial_state=states,
            weights=weights,
            seed=seed,
            state_dropout_mask=state_mask,
        )

    def of_options(self, request: Request) -> dict[str, Any]:
        """The operands of options that are on, by the names of the functions' arguments."""
        names = (n for n in ("peephole", "projection", "layer_norm") if n in request.in_force)
        tensors: dict[str, Any] = {name: getattr(self.weights, name) for name in names}
        return {**tensors, "seed": self.seed} if request.drawing else tensors

    def direction(self, request: Request, time_major: bool) -> Direction:
        """The operands of the fused op."""
        inputs, input_mask = self.inputs, self.input_dropout_mask
        if isinstance(input_mask, tf.Tensor):  # of all gates: cheaper outside the op
            inputs *= tf.expand_dims(input_mask, 0 if time_major else 1)
            input_mask = None
        return Direction(
            inputs,
            self.initial_state,
            self.weights.kernel,
            self.weights.recurrent_kernel,
            self.weights.bias,
            _factors(input_mask),
            _factors(self.recurrent_dropout_mask),
            self.state_dropout_mask,
            **self.of_options(request),
        )


def _option_keywords(request: Request, decision: Decision) -> dict[str, Any]:
    """The options that are on and no tensors, by the names of the functions' arguments.

    The fused op is told its activations only if it has a choice of them.
    """
    cell, options = request.cell, request.options
    keywords = {name: getattr(options, name) for name in request.in_force}
    for name in ("peephole", "projection"):
        keywords.pop(name, None)
    if keywords.pop("layer_norm", False):
        keywords["layer_norm_epsilon"] = options.layer_norm_epsilon
    if "zoneout" in keywords or "cell_zoneout" in keywords or request.drawing:
        keywords["training"] = request.training
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


def warn_if_not_fused(decision: Decision, who: str) -> None:
    """Warns that a call leaves the fused op, unless the caller asked for that."""
    if decision.path == "reference" and not decision.asked_for:
        warn(
            f"{who} runs on the slower reference path. {'; '.join(decision.reasons)}.",
            ReferencePathWarning,
        )
