"""Cells over lists of inputs, one for each step: `static_rnn` and its family."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfrnn_ops.v1 import _loops, _sequence
from tfrnn_ops.v1._arguments import dimensions
from tfrnn_ops.v1._one_hot import stacked
from tfrnn_ops.v1._variables import owns_variables
from tfrnn_ops.v1._wrappers import check_cell

v1 = tf.compat.v1


def static_rnn(
    cell: Any,
    inputs: Any,
    initial_state: Any = None,
    dtype: Any = None,
    sequence_length: Any = None,
    scope: Any = None,
) -> tuple[list[Any], Any]:
    """Runs a cell over a list of inputs.

    In the fused ops if they can express the cell, as `tfrnn_ops.v1.dynamic_rnn` says; otherwise
    unrolled, with a `tfrnn_ops.ReferencePathWarning`. One-hot inputs, or what `tf.unstack` makes of
    them, are gathered as there.

    Args:
        cell: the cell.
        inputs: for each step a tensor `[batch, features]`, or whatever the cell takes.
        initial_state: see `dynamic_rnn`.
        dtype: see `dynamic_rnn`.
        sequence_length: see `dynamic_rnn`.
        scope: the variable scope; "rnn" by default.

    Returns:
        `(outputs, state)`: the list of the outputs, and the last state.

    Raises:
        TypeError: `cell` is no cell, or `inputs` no list or tuple.
        ValueError: `inputs` is empty, neither `initial_state` nor `dtype` is given, or a shape
            does not fit.
    """
    check_cell("cell", cell)
    _check_list(inputs)
    with v1.variable_scope(scope or "rnn") as opened:
        first = tf.nest.flatten(inputs[0])[0]
        batch = dimensions(first)[0]
        state = initial_state
        lengths = None
        if sequence_length is not None:
            lengths = _loops.as_lengths(sequence_length, batch)
        reasons = _sequence.reasons(cell) or _step_reasons(inputs)
        if reasons:
            _loops.warn_of_steps("static_rnn", reasons)
            if state is None:
                state = _loops.zero_state(
                    cell, tf.shape(first)[0] if batch is None else batch, dtype
                )
            return _unroll(cell, inputs, state, lengths, opened)
        sequence, time_major = stacked(inputs)
        if state is None:
            sizes = _sequence.first_axes(sequence)
            state = _loops.zero_state(cell, sizes[1 if time_major else 0], dtype)
        mask = None
        if lengths is not None:
            mask = tf.sequence_mask(lengths, len(inputs))
            mask = tf.transpose(mask) if time_major else mask
        steps = _sequence.Steps(mask, time_major)
        outputs, state = _sequence.run(cell, steps, sequence, state)
        return tf.unstack(outputs, len(inputs), axis=0 if time_major else 1), state


def static_state_saving_rnn(
    cell: Any,
    inputs: Any,
    state_saver: Any,
    state_name: Any,
    sequence_length: Any = None,
    scope: Any = None,
) -> tuple[list[Any], Any]:
    """Runs a cell over a list of inputs, from a saved state, and saves the last one.

    Args:
        cell: the cell.
        inputs: see `static_rnn`.
        state_saver: an object with `state(name)`, which gives a tensor, and
            `save_state(name, tensor)`, which gives an operation.
        state_name: the name of the state for the saver, or a nest of names, one for each tensor
            of the state.
        sequence_length: see `static_rnn`.
        scope: see `static_rnn`.

    Returns:
        `(outputs, state)`, as `static_rnn` does; the state is saved before the last output or the
        state can be had.

    Raises:
        TypeError: see `static_rnn`.
        ValueError: `state_name` does not fit `cell.state_size`; or see `static_rnn`.
    """
    sizes = tf.nest.flatten(cell.state_size)
    names = tf.nest.flatten(state_name)
    nested = tf.nest.is_nested(cell.state_size)
    if nested != tf.nest.is_nested(state_name) or len(sizes) != len(names):
        raise ValueError(
            f"state_name is {state_name!r}; expected as many names as there are in state_size, "
            f"{cell.state_size!r}"
        )
    state = tf.nest.pack_sequence_as(cell.state_size, [state_saver.state(name) for name in names])
    outputs, state = static_rnn(
        cell, inputs, initial_state=state, sequence_length=sequence_length, scope=scope
    )
    saved = [
        state_saver.save_state(name, tensor)
        for name, tensor in zip(names, tf.nest.flatten(state), strict=True)
    ]
    with tf.control_dependencies(saved):
        outputs[-1] = tf.nest.map_structure(tf.identity, outputs[-1])
        state = tf.nest.map_structure(tf.identity, state)
    return outputs, state


def static_bidirectional_rnn(
    cell_fw: Any,
    cell_bw: Any,
    inputs: Any,
    initial_state_fw: Any = None,
    initial_state_bw: Any = None,
    dtype: Any = None,
    sequence_length: Any = None,
    scope: Any = None,
) -> tuple[list[Any], Any, Any]:
    """Runs one cell over a list of inputs, and another over the same list backwards.

    Args:
        cell_fw: the forward cell.
        cell_bw: the backward cell; it begins with the last step that counts.
        inputs: see `static_rnn`.
        initial_state_fw: the initial state of `cell_fw`; zeros by default.
        initial_state_bw: the initial state of `cell_bw`; zeros by default.
        dtype: see `static_rnn`.
        sequence_length: see `static_rnn`.
        scope: the variable scope; "bidirectional_rnn" by default, with `fw` and `bw` inside.

    Returns:
        `(outputs, state_fw, state_bw)`: for each step the outputs of both, concatenated.

    Raises:
        TypeError: see `static_rnn`.
        ValueError: see `static_rnn`.
    """
    check_cell("cell_fw", cell_fw)
    check_cell("cell_bw", cell_bw)
    _check_list(inputs)
    with v1.variable_scope(scope or "bidirectional_rnn"):
        with v1.variable_scope("fw") as inner:
            outputs_fw, state_fw = static_rnn(
                cell_fw, inputs, initial_state_fw, dtype, sequence_length, scope=inner
            )
        with v1.variable_scope("bw") as inner:
            outputs_bw, state_bw = static_rnn(
                cell_bw,
                _reverse(inputs, sequence_length),
                initial_state_bw,
                dtype,
                sequence_length,
                scope=inner,
            )
    outputs = [
        tf.nest.map_structure(lambda x, y: tf.concat([x, y], 1), fw, bw)
        for fw, bw in zip(outputs_fw, _reverse(outputs_bw, sequence_length), strict=True)
    ]
    return outputs, state_fw, state_bw


def _check_list(inputs: Any) -> None:
    if not isinstance(inputs, (list, tuple)):
        raise TypeError(f"inputs is a {type(inputs).__name__}; expected a list, one item a step")
    if not inputs:
        raise ValueError("inputs is empty; expected one item at least")


def _step_reasons(inputs: Any) -> list[str]:
    """Why the steps cannot be stacked into the inputs of a fused op."""
    if any(tf.nest.is_nested(x) for x in inputs):
        return ["inputs are more than one tensor a step"]
    if any(
        x.shape.rank != 2 or dimensions(x)[1] is None for x in map(tf.convert_to_tensor, inputs)
    ):
        return ["inputs are not all of shape [batch, features]"]
    return _sequence.input_reasons(tf.expand_dims(inputs[0], 0))


def _unroll(cell: Any, inputs: Any, state: Any, lengths: Any, scope: Any) -> tuple[list[Any], Any]:
    outputs = []
    for time, x in enumerate(inputs):
        if time and not owns_variables():
            scope.reuse_variables()
        output, new_state = cell(x, state)
        if lengths is not None:
            done = time >= lengths
            nothing = tf.nest.map_structure(tf.zeros_like, output)
            output = _select(done, nothing, output)
            new_state = _select(done, state, new_state)
        outputs.append(output)
        state = new_state
    return outputs, state


def _select(condition: Any, values: Any, others: Any) -> Any:
    """Rows of one structure of tensors where a condition holds, of the other where not."""

    def select(x: Any, y: Any) -> Any:
        if isinstance(x, tf.TensorArray) or y.shape.rank == 0:
            return y
        return tf.where(tf.reshape(condition, [-1] + [1] * (y.shape.rank - 1)), x, y)

    return tf.nest.map_structure(select, values, others)


def _reverse(values: Any, sequence_length: Any) -> list[Any]:
    """The list backwards, each sequence from its own last step."""
    if sequence_length is None:
        return list(reversed(values))
    flat = [tf.nest.flatten(value) for value in values]
    columns = [
        tf.unstack(tf.reverse_sequence(tf.stack(column), sequence_length, 0, 1), len(flat))
        for column in zip(*flat, strict=True)
    ]
    return [
        tf.nest.pack_sequence_as(value, row)
        for value, row in zip(values, zip(*columns, strict=True), strict=True)
    ]
