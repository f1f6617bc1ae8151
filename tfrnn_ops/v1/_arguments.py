"""Arguments of cells: names, sizes, activations and initializers; and checks of them."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

v1 = tf.compat.v1


def as_size(name: str, value: Any) -> int:
    """The integer of a size, which may be an integer of any kind or, in TF1, a dimension.

    Raises:
        TypeError: it is no integer.
        ValueError: it is less than 1.
    """
    try:
        size = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} is {value!r}; expected an integer") from None
    if size < 1:
        raise ValueError(f"{name} is {size}; expected 1 or more")
    return size


def snake_case(name: str) -> str:
    """The name of a class in lower case: BasicLSTMCell is basic_lstm_cell."""
    name = re.sub(r"(.)([A-Z][a-z0-9]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def zeros(batch_size: Any, size: Any, dtype: Any) -> Any:
    """Zeros of shape `[batch_size, *size]`, where `size` is an integer or a shape."""
    return tf.zeros(batch_shape(batch_size, size), dtype)


def batch_shape(batch_size: Any, size: Any) -> list[Any]:
    """The shape `[batch_size, *size]`; the first may be a tensor or, in TF1, a dimension."""
    sizes = tf.TensorShape(size).as_list() if hasattr(size, "__iter__") else [operator.index(size)]
    if tf.is_tensor(batch_size):
        batch = tf.get_static_value(batch_size)
    else:
        batch = tf.TensorShape([batch_size]).as_list()[0]
    return [batch_size if batch is None else int(batch), *sizes]


def dimensions(tensor: Any) -> list[Any]:
    """The shape of a tensor of known rank, as integers or None, in TF1 too."""
    return tensor.shape.as_list()


def as_activation(activation: Any) -> Callable[..., Any]:
    """The function of an activation given as a function, the name of a Keras one or None."""
    return keras.activations.get(activation) if activation else tf.tanh


def as_initializer(initializer: Any) -> Any:
    """What `get_variable` takes, from that or the name of one of TF1's initializers."""
    if not isinstance(initializer, str):
        return initializer
    try:
        return getattr(v1.initializers, snake_case(initializer))()
    except AttributeError:
        known = ", ".join(n for n in dir(v1.initializers) if not n.startswith("_"))
        raise ValueError(
            f"initializer is {initializer!r}; expected one of {known}, or a function"
        ) from None


def check_inputs(cell: Any, inputs: Any) -> Any:
    """Converts the inputs of a step to a floating tensor `[batch, features]`."""
    inputs = tf.convert_to_tensor(inputs)
    if inputs.shape.rank not in (None, 2):
        raise ValueError(
            f"inputs of {cell.name!r} has shape {inputs.shape}; expected [batch, features]"
        )
    check_dtype("inputs", inputs.dtype)
    return inputs


def check_dense(inputs: Any) -> None:
    """Checks that inputs over time are not ragged.

    Raises:
        TypeError: they are.
    """
    if any(isinstance(x, tf.RaggedTensor) for x in tf.nest.flatten(inputs)):
        raise TypeError(
            "inputs is a RaggedTensor; expected inputs.to_tensor(), with inputs.row_lengths() as "
            "the lengths of the sequences"
        )


def check_dtype(name: str, dtype: Any) -> None:
    """Checks that a dtype, if given, is one that cells compute in."""
    if dtype is not None and not (tf.as_dtype(dtype).is_floating or tf.as_dtype(dtype).is_complex):
        raise ValueError(f"{name} has dtype {tf.as_dtype(dtype).name}; expected a floating one")


def known_features(cell: Any, inputs_shape: Any) -> int:
    """The number of features, which must be known to make the variables."""
    features = tf.TensorShape(inputs_shape).as_list()[-1]
    if features is None:
        raise ValueError(
            f"inputs of {cell.name!r} has shape {inputs_shape}; expected a known last axis"
        )
    return int(features)
