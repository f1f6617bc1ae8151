"""Checks the arguments of a call, and says what is wrong with one by its name."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tfrnn_ops._cells import Cell

DTYPES = (tf.float16, tf.bfloat16, tf.float32, tf.float64)

Dim = int | None


def as_inputs(inputs: Any) -> Any:
    """Checks `inputs` on its own; the other arguments are checked against it."""
    inputs = tf.convert_to_tensor(inputs)
    if inputs.dtype.is_integer:
        _check_rank("inputs", inputs, 2, "two axes, time and batch, of integers for one-hot rows")
        return _as_int32(inputs)
    if inputs.dtype not in DTYPES:
        wanted = ", ".join(d.name for d in DTYPES)
        raise ValueError(f"inputs has dtype {inputs.dtype.name}; expected one of {wanted}")
    _check_rank("inputs", inputs, 3, "three axes: time, batch and features")
    return inputs


@dataclasses.dataclass(frozen=True)
class Weights:
    """The weights of a call, with None for those that it is without.

    Attributes:
        kernel: `[features, gates * units]`.
        recurrent_kernel: `[outputs, gates * units]`, where `outputs` is the width of `h`: that of
            the projection, or `units`; `[units]` if the cell is diagonal.
        bias: `[gates * units]`, or `[biases, gates * units]`.
        peephole: `[3, units]`, of the gates i, f and o.
        projection: `[units, outputs]`.
        layer_norm: `[2, n]`: gains and offsets.
    """

    kernel: Any
    recurrent_kernel: Any
    bias: Any = None
    peephole: Any = None
    projection: Any = None
    layer_norm: Any = None


def as_weights(cell: Cell, inputs: Any, weights: Weights, reset_after: bool) -> Weights:
    """Checks the weights against `inputs` and each other."""
    dtype, like = inputs.dtype, "inputs"
    if dtype.is_integer:
        like = "kernel"
        dtype = tf.convert_to_tensor(weights.kernel).dtype
        if dtype not in DTYPES:
            raise ValueError(f"kernel has dtype {dtype.name}; expected a floating one")
    tensors = {
        f.name: _as_tensor(f.name, getattr(weights, f.name), dtype, like)
        for f in dataclasses.fields(Weights)
        if getattr(weights, f.name) is not None
    }
    projection, recurrent_kernel = tensors.get("projection"), tensors["recurrent_kernel"]
    units = _dim(recurrent_kernel, 0)
    outputs: Dim = units
    if projection is not None:
        _check_rank("projection", projection, 2, "[units, projection units]")
        units, outputs = _dim(projection, 0), _dim(projection, 1)
    gates, rows = cell.gates, "units" if projection is None else "projection units"
    width = None if units is None else gates * units
    columns = "units" if gates == 1 else f"{gates} * units"
    if cell.diagonal:
        _check_shape("recurrent_kernel", recurrent_kernel, (units,), "[units]")
    else:
        _check_rank("recurrent_kernel", recurrent_kernel, 2, f"[{rows}, {columns}]")
        _check_shape("recurrent_kernel", recurrent_kernel, (outputs, width), f"[{rows}, {columns}]")
    _check_shape("kernel", tensors["kernel"], (_dim(inputs, 2), width), f"[features, {columns}]")
    biases = cell.biases(reset_after)
    norms = cell.layer_norm_width
    optional: dict[str, tuple[tuple[Dim, ...], str]] = {
        "bias": ((width,), f"[{columns}]")
        if biases == 1
        else ((biases, width), f"[{biases}, {columns}]"),
        "peephole": ((3, units), "[3, units]"),
        "layer_norm": (
            (2, None if units is None else norms * units),
            "[2, units]" if norms == 1 else f"[2, {norms} * units]",
        ),
    }
    for name, (sizes, layout) in optional.items():
        if name in tensors:
            _check_shape(name, tensors[name], sizes, layout)
    return Weights(**tensors)


def as_states(
    cell: Cell, initial_state: Any, inputs: Any, weights: Weights, time_major: bool
) -> list[Any]:
    """Checks the initial state, or makes one of zeros if it is None."""
    batch_axis = 1 if time_major else 0
    batch, dtype = _dim(inputs, batch_axis), weights.kernel.dtype
    # Each state is as wide as one axis of a weight: h as what is multiplied by the recurrent
    # kernel, c as what comes before the projection.
    wide = [(weights.recurrent_kernel, 0)] * len(cell.states)
    if weights.projection is not None:
        wide[1:] = [(weights.projection, 0)] * (len(cell.states) - 1)
    if initial_state is None:
        rows = tf.shape(inputs)[batch_axis] if batch is None else batch
        widths = [tf.shape(w)[a] if _dim(w, a) is None else _dim(w, a) for w, a in wide]
        return [tf.zeros([rows, width], dtype) for width in widths]
    if not isinstance(initial_state, (list, tuple)):
        initial_state = [initial_state]
    if len(initial_state) != len(cell.states):
        raise ValueError(
            f"initial_state has {len(initial_state)} tensor(s); expected {len(cell.states)}: "
            f"{', '.join(cell.states)}"
        )
    states = []
    for name, state, (weight, axis) in zip(cell.states, initial_state, wide, strict=True):
        state = _as_tensor(
            f"initial_state {name}", state, dtype, "inputs" if inputs.dtype == dtype else "kernel"
        )
        projected = name == "h" and weights.projection is not None
        layout = "[batch, projection units]" if projected else "[batch, units]"
        _check_shape(f"initial_state {name}", state, (batch, _dim(weight, axis)), layout)
        states.append(state)
    return states


def as_state_dropout_mask(mask: Any, inputs: Any, weights: Weights, time_major: bool) -> Any:
    """Checks the factors of the state that each step starts from, if there are any."""
    if mask is None:
        return None
    mask = _as_tensor("state_dropout_mask", mask, weights.kernel.dtype, "kernel")
    time, batch = _dim(inputs, 0), _dim(inputs, 1)
    sizes = (time, batch) if time_major else (batch, time)
    width = _dim(weights.recurrent_kernel, 0)
    _check_shape("state_dropout_mask", mask, (*sizes, width), "[time, batch, units]")
    return mask


def as_seed(seed: Any, drawing: Sequence[str]) -> Any:
    """Checks the seed of a call in which the options called `drawing` draw random numbers."""
    if seed is None:
        raise ValueError(
            f"seed is None; expected integers [2], for {' and '.join(drawing)} to draw with in "
            "training"
        )
    seed = tf.convert_to_tensor(seed)
    if not seed.dtype.is_integer:
        raise ValueError(f"seed has dtype {seed.dtype.name}; expected an integer one")
    _check_shape("seed", seed, (2,), "[2]")
    return seed


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


def _dim(tensor: Any, axis: int) -> Dim:
    """The size of an axis; None if it is unknown, or there is no such axis."""
    known = tensor.shape.rank is not None and tensor.shape.rank > axis
    return tf.compat.dimension_value(tensor.shape[axis]) if known else None


def _as_int32(indices: Any) -> Any:
    """Numbers of rows as the op takes them: what int32 lacks is out of range before and after."""
    if indices.dtype.max > tf.int32.max:
        largest = tf.constant(tf.int32.max, indices.dtype)
        smallest = tf.constant(-1 if indices.dtype.min < 0 else 0, indices.dtype)
        indices = tf.clip_by_value(indices, smallest, largest)
    return tf.cast(indices, tf.int32)


def _as_tensor(name: str, value: Any, dtype: Any, like: str) -> Any:
    is_tensor = isinstance(value, tf.Tensor)
    tensor = value if is_tensor else tf.convert_to_tensor(value, dtype_hint=dtype)
    if tensor.dtype != dtype:
        raise ValueError(
            f"{name} has dtype {tensor.dtype.name}; expected {dtype.name}, as {like} has"
        )
    return tensor


def _check_rank(name: str, tensor: Any, rank: int, expected: str) -> None:
    if tensor.shape.rank not in (None, rank):
        raise ValueError(f"{name} has shape {tensor.shape}; expected {expected}")


def _check_shape(name: str, tensor: Any, sizes: tuple[Dim, ...], layout: str) -> None:
    if not tensor.shape.is_compatible_with(sizes):
        known = ", ".join("?" if size is None else str(size) for size in sizes)
        raise ValueError(f"{name} has shape {tensor.shape}; expected {layout} = ({known})")
