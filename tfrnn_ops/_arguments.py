"""Checks the arguments of a call, and says what is wrong with one by its name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tfrnn_ops._cells import Cell

DTYPES = (tf.float16, tf.bfloat16, tf.float32, tf.float64)

Dim = int | None


def as_inputs(inputs: Any) -> Any:
    """Checks `inputs` on its own; the other arguments are checked against it."""
    inputs = tf.convert_to_tensor(inputs)
    if inputs.dtype not in DTYPES:
        wanted = ", ".join(d.name for d in DTYPES)
        raise ValueError(f"inputs has dtype {inputs.dtype.name}; expected one of {wanted}")
    _check_rank("inputs", inputs, 3, "three axes: time, batch and features")
    return inputs


def as_weights(cell: Cell, inputs: Any, weights: Sequence[Any], **attributes: Any) -> list[Any]:
    """Checks `kernel`, `recurrent_kernel` and `bias` (or None) against `inputs`."""
    kernel, recurrent_kernel, bias = weights
    kernel = _as_tensor("kernel", kernel, inputs.dtype)
    recurrent_kernel = _as_tensor("recurrent_kernel", recurrent_kernel, inputs.dtype)
    _check_rank("recurrent_kernel", recurrent_kernel, 2, f"[units, {cell.gates} * units]")
    units = recurrent_kernel.shape[0] if recurrent_kernel.shape.rank else None
    width = None if units is None else cell.gates * units
    columns = "units" if cell.gates == 1 else f"{cell.gates} * units"
    features = inputs.shape[2] if inputs.shape.rank else None
    _check_shape("recurrent_kernel", recurrent_kernel, (units, width), f"[units, {columns}]")
    _check_shape("kernel", kernel, (features, width), f"[features, {columns}]")
    if bias is not None:
        bias = _as_tensor("bias", bias, inputs.dtype)
        biases = cell.biases(**attributes)
        if biases == 1:
            _check_shape("bias", bias, (width,), f"[{columns}]")
        else:
            _check_shape("bias", bias, (biases, width), f"[{biases}, {columns}]")
    return [kernel, recurrent_kernel, bias]


def as_states(
    cell: Cell, initial_state: Any, inputs: Any, recurrent_kernel: Any, time_major: bool
) -> list[Any]:
    """Checks the initial state, or makes one of zeros if it is None."""
    batch = inputs.shape[1 if time_major else 0] if inputs.shape.rank else None
    units = recurrent_kernel.shape[0] if recurrent_kernel.shape.rank else None
    if initial_state is None:
        zeros = tf.zeros(
            [
                tf.shape(inputs)[1 if time_major else 0] if batch is None else batch,
                tf.shape(recurrent_kernel)[0] if units is None else units,
            ],
            inputs.dtype,
        )
        return [zeros] * len(cell.states)
    if not isinstance(initial_state, (list, tuple)):
        initial_state = [initial_state]
    if len(initial_state) != len(cell.states):
        raise ValueError(
            f"initial_state has {len(initial_state)} tensor(s); expected {len(cell.states)}: "
            f"{', '.join(cell.states)}"
        )
    states = []
    for name, state in zip(cell.states, initial_state, strict=True):
        state = _as_tensor(f"initial_state {name}", state, inputs.dtype)
        _check_shape(f"initial_state {name}", state, (batch, units), "[batch, units]")
        states.append(state)
    return states


def as_mask(mask: Any, sequence_length: Any, inputs: Any, time_major: bool) -> Any:
    """Joins `mask` and `sequence_length`, each of which may be None, into one mask or None."""
    time_axis, batch_axis = (0, 1) if time_major else (1, 0)
    shape = inputs.shape if inputs.shape.rank else [None, None]
    if mask is not None:
        mask = tf.convert_to_tensor(mask)
        if mask.dtype != tf.bool:
            raise ValueError(f"mask has dtype {mask.dtype.name}; expected bool")
        layout = "[time, batch]" if time_major else "[batch, time]"
        _check_shape("mask", mask, tuple(shape[:2]), layout)
    if sequence_length is None:
        return mask
    sequence_length = tf.convert_to_tensor(sequence_length)
    if not sequence_length.dtype.is_integer:
        found = sequence_length.dtype.name
        raise ValueError(f"sequence_length has dtype {found}; expected an integer one")
    _check_shape("sequence_length", sequence_length, (shape[batch_axis],), "[batch]")
    time = tf.shape(inputs, out_type=tf.int64)[time_axis]
    lengths = tf.cast(sequence_length, tf.int64)
    batch = tf.shape(inputs, out_type=tf.int64)[batch_axis]
    one_each = _require(
        tf.reduce_all(tf.equal(tf.shape(lengths, out_type=tf.int64), [batch])),
        "sequence_length must have shape [batch]; batch and its shape:",
        batch,
        tf.shape(lengths),
    )
    fits = _require(
        tf.reduce_all((lengths >= 0) & (lengths <= time)),
        "sequence_length must lie between 0 and the number of steps; steps and lengths:",
        time,
        lengths,
    )
    with tf.control_dependencies([*one_each, *fits]):
        within = tf.sequence_mask(lengths, time)
    if time_major:
        within = tf.transpose(within)
    return within if mask is None else mask & within


def _require(condition: Any, message: str, *values: Any) -> list[Any]:
    """Checks now in eager mode; in a graph returns what has to run before what depends on it."""
    if not tf.executing_eagerly():
        return [tf.Assert(condition, [message, *values], summarize=16)]
    if not condition:
        shown = ", ".join(str(value.numpy().tolist()) for value in values)
        raise tf.errors.InvalidArgumentError(None, None, f"{message} {shown}")
    return []


def _as_tensor(name: str, value: Any, dtype: Any) -> Any:
    is_tensor = isinstance(value, tf.Tensor)
    tensor = value if is_tensor else tf.convert_to_tensor(value, dtype_hint=dtype)
    if tensor.dtype != dtype:
        raise ValueError(
            f"{name} has dtype {tensor.dtype.name}; expected {dtype.name}, as inputs has"
        )
    return tensor


def _check_rank(name: str, tensor: Any, rank: int, expected: str) -> None:
    if tensor.shape.rank not in (None, rank):
        raise ValueError(f"{name} has shape {tensor.shape}; expected {expected}")


def _check_shape(name: str, tensor: Any, sizes: tuple[Dim, ...], layout: str) -> None:
    if not tensor.shape.is_compatible_with(sizes):
        known = ", ".join("?" if size is None else str(size) for size in sizes)
        raise ValueError(f"{name} has shape {tensor.shape}; expected {layout} = ({known})")
