"""Inputs that come straight from `tf.one_hot`: their integers, of which the fused ops gather."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tfrnn_ops.v1._arguments import dimensions


def indices_of(tensor: Any) -> Any:
    """The integers that a tensor of one-hot rows is made of; None if it is not known to be one.

    That can be seen in a graph, where a tensor knows its operation. Who takes the integers in the
    tensor's place calls `replaced` too.
    """
    if not tf.is_symbolic_tensor(tensor) or tensor.op.type != "OneHot":
        return None
    indices, _, on, off = tensor.op.inputs
    rank = tensor.shape.rank
    axis = tensor.op.get_attr("axis")
    values = [tf.get_static_value(value) for value in (on, off)]
    if rank is None or axis not in (-1, rank - 1) or values != [1, 0]:
        return None
    if dimensions(tensor)[-1] is None:
        return None
    return indices


def stacked(inputs: Sequence[Any]) -> tuple[Any, bool]:
    """A list of tensors, one for each step, in one tensor; of one-hot tensors a one-hot one.

    Returns:
        `(sequence, time_major)`.
    """
    inputs = [tf.convert_to_tensor(x) for x in inputs]
    if not all(tf.is_symbolic_tensor(x) for x in inputs):
        return tf.stack(inputs), True
    operation = inputs[0].op
    if operation.type == "Unpack" and _same(operation.outputs, inputs):
        (sequence,) = operation.inputs
        if indices_of(sequence) is not None and sequence.shape.rank == 3:
            axis = operation.get_attr("axis") % 3
            if axis < 2:
                replaced(inputs)
                return sequence, axis == 0
    parts = [indices_of(x) for x in inputs]
    depths = {dimensions(x)[-1] for x in inputs}
    if any(part is None for part in parts) or len(depths) > 1 or None in depths:
        return tf.stack(inputs), True
    replaced(inputs)
    indices = tf.stack([tf.cast(part, tf.int64) for part in parts])
    return tf.one_hot(indices, depths.pop(), dtype=inputs[0].dtype), True


def replaced(tensors: Sequence[Any]) -> None:
    """Refuses that a TF1 session be fed values for tensors in whose place their integers went."""
    for tensor in tensors:
        tensor.graph.prevent_feeding(tensor)


def _same(tensors: Sequence[Any], others: Sequence[Any]) -> bool:
    return len(tensors) == len(others) and all(x is y for x, y in zip(tensors, others, strict=True))
