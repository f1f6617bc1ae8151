"""Cells over sequences: `dynamic_rnn` and its family."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from tfrnn_ops._warnings import warn
from tfrnn_ops.path import ReferencePathWarning
from tfrnn_ops.v1 import _sequence
from tfrnn_ops.v1._arguments import check_dense, dimensions
from tfrnn_ops.v1._both import run_both
from tfrnn_ops.v1._one_hot import indices_of, replaced
from tfrnn_ops.v1._wrappers import check_cell

v1 = tf.compat.v1


def dynamic_rnn(
    cell: Any,
    inputs: Any,
    sequence_length: Any = None,
    initial_state: Any = None,
    dtype: Any = None,
    parallel_iterations: int | None = None,
    swap_memory: bool = False,
    time_major: bool = False,
    scope: Any = None,
) -> tuple[Any, Any]:
    """Runs a cell over sequences.

    The whole sequence runs in the fused ops, layer by layer, if the cell is made of those that
    they can express; `tfrnn_ops.explain(cell)` tells. Otherwise it runs step by step in
    `tf.compat.v1.nn.dynamic_rnn`, with a `tfrnn_ops.ReferencePathWarning`.

    In a graph, inputs straight from `tf.one_hot` with its default values are not multiplied with
    the kernel: the fused op takes the rows that their integers name. The one-hot tensor is then
    never made: it has no gradient and cannot be fed. `tf.identity` of it makes it ordinary inputs.

    Args:
        cell: the cell, or anything with `state_size`, `output_size` and `zero_state` that can be
            called as one.
        inputs: `[batch, time, features]`, or `[time, batch, features]` if `time_major`; or a nest
            of such tensors, of any rank from 3.
        sequence_length: integers `[batch]`: after so many steps of a sequence its outputs are
            zeros, and its state stays.
        initial_state: tensors in the structure of `cell.state_size`; zeros by default.
        dtype: the dtype of the state; needed without `initial_state`.
        parallel_iterations: how many steps of a loop may run at a time; the fused ops have none.
        swap_memory: whether a loop may keep its tensors in the memory of the host; likewise.
        time_major: whether time is the first axis of inputs and outputs.
        scope: the variable scope, a name or a `tf.compat.v1.VariableScope`; "rnn" by default.

    Returns:
        `(outputs, state)`: the outputs at every step, laid out as `inputs`, and the last state.

    Raises:
        TypeError: `cell` is not a cell, `inputs` is ragged, or the state has another dtype.
        ValueError: neither `initial_state` nor `dtype` is given, or a shape does not fit.
    """
    check_cell("cell", cell)
    check_dense(inputs)
    reasons = _sequence.reasons(cell) or _sequence.input_reasons(inputs)
    if reasons:
        warn_of_steps("dynamic_rnn", reasons)
        return v1.nn.dynamic_rnn(
            cell,
            inputs,
            sequence_length=sequence_length,
            initial_state=initial_state,
            dtype=dtype,
            parallel_iterations=parallel_iterations,
            swap_memory=swap_memory,
            time_major=time_major,
            scope=scope,
        )
    with v1.variable_scope(scope or "rnn"):
        return _run_fused(cell, inputs, sequence_length, initial_state, dtype, time_major)


def bidirectional_dynamic_rnn(
    cell_fw: Any,
    cell_bw: Any,
    inputs: Any,
    sequence_length: Any = None,
    initial_state_fw: Any = None,
    initial_state_bw: Any = None,
    dtype: Any = None,
    parallel_iterations: int | None = None,
    swap_memory: bool = False,
    time_major: bool = False,
    scope: Any = None,
) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """Runs one cell over sequences, and another over the same sequences backwards.

    Two cells that differ in nothing but their weights run in one call of the fused op.

    Args:
        cell_fw: the forward cell.
        cell_bw: the backward cell; it begins with the last step that counts.
        inputs: see `dynamic_rnn`.
        sequence_length: see `dynamic_rnn`.
        initial_state_fw: the initial state of `cell_fw`; zeros by default.
        initial_state_bw: the initial state of `cell_bw`; zeros by default.
        dtype: see `dynamic_rnn`.
        parallel_iterations: see `dynamic_rnn`.
        swap_memory: see `dynamic_rnn`.
        time_major: see `dynamic_rnn`.
        scope: the variable scope; "bidirectional_rnn" by default, with `fw` and `bw` inside.

    Returns:
        `((outputs_fw, outputs_bw), (state_fw, state_bw))`; the outputs both in the order of the
        inputs.

    Raises:
        TypeError: a cell is none.
        ValueError: see `dynamic_rnn`.
    """
    check_cell("cell_fw", cell_fw)
    check_cell("cell_bw", cell_bw)
    check_dense(inputs)
    pair = cell_fw, cell_bw
    in_one_op = not any(map(_sequence.reasons, pair)) and all(map(_sequence.is_one_call, pair))
    if in_one_op and not _sequence.input_reasons(inputs):
        states = initial_state_fw, initial_state_bw
        with v1.variable_scope(scope or "bidirectional_rnn"):
            return _run_pair(pair, inputs, sequence_length, states, dtype, time_major)
    options = {
        "sequence_length": sequence_length,
        "dtype": dtype,
        "parallel_iterations": parallel_iterations,
        "swap_memory": swap_memory,
        "time_major": time_major,
    }

    def reverse(values: Any) -> Any:
        return tf.nest.map_structure(lambda v: _reverse(v, sequence_length, time_major), values)

    with v1.variable_scope(scope or "bidirectional_rnn"):
        with v1.variable_scope("fw") as inner:
            outputs_fw, state_fw = dynamic_rnn(
                cell_fw, inputs, initial_state=initial_state_fw, scope=inner, **options
            )
        with v1.variable_scope("bw") as inner:
            outputs_bw, state_bw = dynamic_rnn(
                cell_bw, reverse(inputs), initial_state=initial_state_bw, scope=inner, **options
            )
    return (outputs_fw, reverse(outputs_bw)), (state_fw, state_bw)


def stack_bidirectional_dynamic_rnn(
    cells_fw: Sequence[Any],
    cells_bw: Sequence[Any],
    inputs: Any,
    initial_states_fw: Sequence[Any] | None = None,
    initial_states_bw: Sequence[Any] | None = None,
    dtype: Any = None,
    sequence_length: Any = None,
    parallel_iterations: int | None = None,
    time_major: bool = False,
    scope: Any = None,
    swap_memory: bool = False,
) -> tuple[Any, tuple[Any, ...], tuple[Any, ...]]:
    """Runs bidirectional layers one upon another.

    Each layer takes the outputs of both directions of the one before, concatenated.

    Args:
        cells_fw: the forward cells, one a layer.
        cells_bw: the backward cells, as many.
        inputs: see `dynamic_rnn`; one tensor.
        initial_states_fw: the initial states of `cells_fw`; zeros by default.
        initial_states_bw: the initial states of `cells_bw`; zeros by default.
        dtype: see `dynamic_rnn`.
        sequence_length: see `dynamic_rnn`.
        parallel_iterations: see `dynamic_rnn`.
        time_major: see `dynamic_rnn`.
        scope: the variable scope; "stack_bidirectional_rnn" by default, with `cell_0`... inside.
        swap_memory: see `dynamic_rnn`.

    Returns:
        `(outputs, states_fw, states_bw)`: the outputs of the last layer, concatenated, and the
        states of all.

    Raises:
        TypeError: `cells_fw` or `cells_bw` is no list, or a cell is none.
        ValueError: the lists are empty or not of the same length.
    """
    lists = {
        "cells_bw": cells_bw,
        "initial_states_fw": initial_states_fw,
        "initial_states_bw": initial_states_bw,
    }
    if not isinstance(cells_fw, (list, tuple)) or not cells_fw:
        raise ValueError(f"cells_fw is {cells_fw!r}; expected a list of one cell at least")
    for name, values in lists.items():
        if values is None and name != "cells_bw":
            continue
        if not isinstance(values, (list, tuple)) or len(values) != len(cells_fw):
            raise ValueError(
                f"{name} is {values!r}; expected a list of {len(cells_fw)}, as cells_fw is"
            )
    states_fw: list[Any] = []
    states_bw: list[Any] = []
    with v1.variable_scope(scope or "stack_bidirectional_rnn"):
        for i, (cell_fw, cell_bw) in enumerate(zip(cells_fw, cells_bw, strict=True)):
            with v1.variable_scope(f"cell_{i}"):
                outputs, (state_fw, state_bw) = bidirectional_dynamic_rnn(
                    cell_fw,
                    cell_bw,
                    inputs,
                    sequence_length=sequence_length,
                    initial_state_fw=initial_states_fw and initial_states_fw[i],
                    initial_state_bw=initial_states_bw and initial_states_bw[i],
                    dtype=dtype,
                    parallel_iterations=parallel_iterations,
                    swap_memory=swap_memory,
                    time_major=time_major,
                )
            inputs = tf.concat(outputs, 2)
            states_fw.append(state_fw)
            states_bw.append(state_bw)
    return inputs, tuple(states_fw), tuple(states_bw)


def raw_rnn(
    cell: Any,
    loop_fn: Callable[..., Any],
    parallel_iterations: int | None = None,
    swap_memory: bool = False,
    scope: Any = None,
) -> tuple[Any, Any, Any]:
    """Runs a cell with inputs that a function makes of its outputs; always step by step.

    Args:
        cell: the cell.
        loop_fn: `loop_fn(time, output, state, loop_state)` returns `(finished, next_input,
            next_state, emit_output, next_loop_state)`, as `tf.compat.v1.nn.raw_rnn` says.
        parallel_iterations: how many steps may run at a time; 32 by default.
        swap_memory: whether to keep tensors in the memory of the host.
        scope: the variable scope; "rnn" by default.

    Returns:
        `(emit_ta, final_state, final_loop_state)`, the first of them a `TensorArray` for each
        tensor of `emit_output`.

    Raises:
        TypeError: `cell` is no cell or `loop_fn` no function.
    """
    check_cell("cell", cell)
    return v1.nn.raw_rnn(cell, loop_fn, parallel_iterations, swap_memory, scope)


def _run_fused(
    cell: Any, inputs: Any, sequence_length: Any, state: Any, dtype: Any, time_major: bool
) -> tuple[Any, Any]:
    inputs = tf.convert_to_tensor(inputs)
    steps = _steps(inputs, sequence_length, time_major)
    return _sequence.run(cell, steps, inputs, _first_state(cell, inputs, state, dtype, time_major))


def _run_pair(
    cells: tuple[Any, Any],
    inputs: Any,
    sequence_length: Any,
    initial_states: tuple[Any, Any],
    dtype: Any,
    time_major: bool,
) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """Runs two cells, each one fused op, in opposite directions."""
    inputs = tf.convert_to_tensor(inputs)
    steps = _steps(inputs, sequence_length, time_major)
    calls = []
    for name, cell, given in zip(("fw", "bw"), cells, initial_states, strict=True):
        with v1.variable_scope(name):
            state = _first_state(cell, inputs, given, dtype, time_major)
            calls.append(_sequence.inside(cell, steps, cell._fused_call, inputs, state))
    found = run_both(steps, inputs, *calls)
    if found is None:
        outputs, state = steps.run(calls[0], inputs)
        reverse = functools.partial(
            _reverse, sequence_length=sequence_length, time_major=time_major
        )
        outputs_bw, state_bw = steps.run(calls[1], reverse(inputs))
        found = (outputs, reverse(outputs_bw)), (state, state_bw)
    outputs, (state, state_bw) = found
    return outputs, (cells[0]._state_of(state), cells[1]._state_of(state_bw))


def _steps(inputs: Any, sequence_length: Any, time_major: bool) -> _sequence.Steps:
    """The layout of inputs, and which of their steps count."""
    time_axis, batch_axis = (0, 1) if time_major else (1, 0)
    shape = dimensions(inputs)
    if shape[2] is None:
        raise ValueError(f"inputs has shape {inputs.shape}; expected a known last axis")
    if sequence_length is None:
        return _sequence.Steps(None, time_major)
    lengths = as_lengths(sequence_length, shape[batch_axis])
    mask = tf.sequence_mask(lengths, _sequence.first_axes(inputs)[time_axis])
    mask.set_shape([shape[batch_axis], shape[time_axis]])
    return _sequence.Steps(tf.transpose(mask) if time_major else mask, time_major)


def _first_state(cell: Any, inputs: Any, state: Any, dtype: Any, time_major: bool) -> Any:
    """The state given, or zeros."""
    if state is not None:
        return state
    return zero_state(cell, _sequence.first_axes(inputs)[1 if time_major else 0], dtype)


def zero_state(cell: Any, batch_size: Any, dtype: Any) -> Any:
    """The state of zeros that a cell begins with.

    Raises:
        ValueError: `dtype` is None.
    """
    if dtype is None:
        raise ValueError("initial_state and dtype are both None; expected one of them")
    if hasattr(cell, "get_initial_state"):
        return cell.get_initial_state(inputs=None, batch_size=batch_size, dtype=dtype)
    return cell.zero_state(batch_size, dtype)


def as_lengths(sequence_length: Any, batch: int | None) -> Any:
    """The lengths as an int32 vector.

    Raises:
        ValueError: the shape does not fit the batch.
    """
    lengths = tf.cast(sequence_length, tf.int32)
    if not lengths.shape.is_compatible_with([batch]):
        raise ValueError(
            f"sequence_length has shape {lengths.shape}; expected [batch] = "
            f"({'?' if batch is None else batch},)"
        )
    return lengths


def _reverse(values: Any, sequence_length: Any, time_major: bool) -> Any:
    time_axis, batch_axis = (0, 1) if time_major else (1, 0)
    indices = indices_of(values)
    if indices is not None:
        replaced([values])
        rows = _reverse(indices, sequence_length, time_major)
        return tf.one_hot(rows, dimensions(values)[-1], dtype=values.dtype)
    if sequence_length is None:
        return tf.reverse(values, [time_axis])
    return tf.reverse_sequence(values, sequence_length, time_axis, batch_axis)


def warn_of_steps(who: str, reasons: list[str]) -> None:
    """Warns that a cell leaves the fused ops."""
    warn(f"{who} runs step by step, not in a fused op. {'; '.join(reasons)}.", ReferencePathWarning)
