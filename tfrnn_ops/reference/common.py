"""What the steps of all reference cells share: activations, products under dropout, layer norm."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from tfrnn_ops import _tensorflow


def activation_function(activation: Any) -> Callable[[Any], Any]:
    """A Keras activation by its name, a callable as it is, and None as the identity.

    Raises:
        ValueError: no activation has that name, or it is crelu.
    """
    if activation == "crelu" or activation is tf.nn.crelu:
        raise ValueError("activation: found crelu; expected one that keeps the width")
    function = keras.activations.get(activation)
    return _softsign if function in (keras.activations.softsign, tf.nn.softsign) else function


def _softsign(values: Any) -> Any:
    """TensorFlow's own cannot be differentiated twice."""
    return values / (1 + tf.abs(values))


def normalise(values: Any, norm: Any, epsilon: float) -> Any:
    """Normalises each row to mean 0 and variance 1, then scales and shifts its elements.

        (values - mean) / sqrt(variance + epsilon) * gain + offset

    The moments of 16-bit numbers are those of float32.

    Source: Ba, Kiros & Hinton, "Layer normalization" (2016).

    Args:
        values: `[..., width]`.
        norm: `[2, width]`, gains and offsets; None to leave the values as they are.
        epsilon: added to the variance.
    """
    if norm is None:
        return values
    dtype = values.dtype if values.dtype.size >= 4 else tf.float32
    gain, offset = tf.unstack(tf.cast(norm, dtype), num=2)
    centred = tf.cast(values, dtype)
    centred -= tf.reduce_mean(centred, axis=-1, keepdims=True)
    variance = tf.reduce_mean(centred**2, axis=-1, keepdims=True)
    return tf.cast(centred / tf.sqrt(variance + epsilon) * gain + offset, values.dtype)


def split_norm(norm: Any, units: Any, *gates: int) -> list[Any]:
    """The columns of a layer norm, shared out.

    Args:
        norm: `[2, sum(gates) * units]`, or None.
        units: an integer or a tensor.
        gates: how many times `units` wide each share is.

    Returns:
        As many tensors, or Nones for None.

    Raises:
        ValueError: the shape of `norm` does not fit.
    """
    if norm is None:
        return [None] * len(gates)
    columns = sum(gates) * units
    norm = tf.convert_to_tensor(norm)
    if not norm.shape.is_compatible_with([2, columns if isinstance(columns, int) else None]):
        raise ValueError(f"layer_norm: found shape {norm.shape}; expected [2, {columns}]")
    return tf.split(norm, [g * units for g in gates], axis=1)


def product(operand: Any, kernel: Any, gates: int, dropout_mask: Any = None) -> Any:
    """Multiplies by the kernel, after dropout.

    Args:
        operand: `[..., features]`.
        kernel: `[features, gates * units]`.
        gates: the number of gates.
        dropout_mask: None, a `[batch, features]` factor of the operand, or a list with one for
            each gate.

    Returns:
        `[..., gates * units]`.
    """
    if isinstance(dropout_mask, (list, tuple)):
        parts = zip(dropout_mask, tf.split(kernel, gates, axis=1), strict=True)
        return tf.concat([product(operand * m, part, 1) for m, part in parts], axis=-1)
    if dropout_mask is not None:
        operand *= dropout_mask
    if operand.shape.rank == 2:
        return tf.matmul(operand, kernel)
    return tf.tensordot(operand, kernel, 1)


def size(tensor: Any, axis: int) -> Any:
    """The size of an axis: an integer if the graph knows it, otherwise a tensor."""
    static = static_size(tensor, axis)
    return tf.shape(tensor)[axis] if static is None else static


def static_size(tensor: Any, axis: int) -> int | None:
    """The size of an axis as an integer, whatever kind TF1 or TensorFlow 2 has; None if unknown."""
    return tf.compat.dimension_value(tensor.shape[axis])


def with_shape(tensor: Any, shape: Any) -> Any:
    """The tensor, of which the graph then knows that it has this shape, checked when running.

    Raises:
        ValueError: the shape is known to be another.
    """
    if _tensorflow.has_tangents([tensor]):  # a graph's forward mode cannot pass tf.ensure_shape
        tensor = tf.identity(tensor)
        tensor.set_shape(shape)
        return tensor
    return tf.ensure_shape(tensor, shape)
