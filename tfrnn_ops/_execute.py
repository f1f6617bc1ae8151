"""Runs one call on the path that was decided for it."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tfrnn_ops import _arguments
from tfrnn_ops._cells import Cell
from tfrnn_ops.path import Decision, ReferencePathWarning


def execute(
    cell: Cell,
    decision: Decision,
    inputs: Any,
    initial_state: Any,
    weights: Sequence[Any],
    *,
    mask: Any = None,
    sequence_length: Any = None,
    keep_reserve: bool,
    time_major: bool = False,
    go_backwards: bool = False,
    zero_output_for_mask: bool = False,
    unroll: bool = False,
    input_dropout_mask: Any = None,
    recurrent_dropout_mask: Any = None,
    **options: Any,
) -> tuple[Any, tuple[Any, ...]]:
    """Checks the arguments, then runs the fused op or the reference.

    Args:
        cell: the cell.
        decision: the path to take.
        inputs: `[batch, time, features]`, or `[time, batch, features]` if `time_major`.
        initial_state: as the public function takes it.
        weights: `kernel`, `recurrent_kernel` and `bias`, which may be None.
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
        **options: the cell's own options.

    Returns:
        `(outputs, final_state)`, the state as a tuple of tensors.
    """
    inputs = _arguments.as_inputs(inputs)
    attributes = {name: options[name] for name in cell.attributes}
    kernel, recurrent_kernel, bias = _arguments.as_weights(cell, inputs, weights, **attributes)
    states = _arguments.as_states(cell, initial_state, inputs, recurrent_kernel, time_major)
    mask = _arguments.as_mask(mask, sequence_length, inputs, time_major)
    layout = {
        "time_major": time_major,
        "go_backwards": go_backwards,
        "zero_output_for_mask": zero_output_for_mask,
    }
    if decision.path == "fused":
        if isinstance(input_dropout_mask, tf.Tensor):  # of all gates: cheaper outside the op
            inputs *= tf.expand_dims(input_dropout_mask, 0 if time_major else 1)
            input_dropout_mask = None
        return cell.fused(
            inputs,
            states,
            kernel,
            recurrent_kernel,
            bias,
            mask,
            input_dropout=_per_gate(cell, input_dropout_mask),
            recurrent_dropout_mask=_per_gate(cell, recurrent_dropout_mask),
            keep_reserve=keep_reserve,
            **layout,
            **attributes,
        )
    outputs, final_state = cell.reference(
        inputs,
        states,
        kernel,
        recurrent_kernel,
        bias,
        mask=mask,
        unroll=unroll,
        input_dropout_mask=input_dropout_mask,
        recurrent_dropout_mask=recurrent_dropout_mask,
        **layout,
        **options,
    )
    return outputs, final_state if isinstance(final_state, tuple) else (final_state,)


def _per_gate(cell: Cell, mask: Any) -> Any:
    """Dropout factors `[gates, batch, width]`, from one for each gate or one for all."""
    if mask is None:
        return None
    return tf.stack(list(mask) if isinstance(mask, (list, tuple)) else [mask] * cell.gates)


def warn_if_not_fused(decision: Decision, who: str, stacklevel: int) -> None:
    """Warns that a call leaves the fused op, unless the caller asked for that."""
    if decision.path == "reference" and not decision.asked_for:
        warnings.warn(
            f"{who} runs on the slower reference path. {'; '.join(decision.reasons)}.",
            ReferencePathWarning,
            stacklevel=stacklevel + 1,
        )
