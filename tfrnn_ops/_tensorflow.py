"""What the package asks of TensorFlow beyond its public names; nothing else imports such names.

Each function falls back to the safe answer where a TensorFlow version lacks the name.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any

import tensorflow as tf


def is_recording() -> bool:
    """Whether a GradientTape or ForwardAccumulator of this thread is recording."""
    try:
        from tensorflow.python.eager import record

        return bool(record.could_possibly_record())
    except (ImportError, AttributeError):
        return True


def is_in_xla() -> bool:
    """Whether the code being traced is to be compiled by XLA (`tf.function(jit_compile=True)`)."""
    try:
        return tf.__internal__.get_enclosing_xla_context() is not None
    except AttributeError:
        return False


@functools.cache
def devices_with_kernel(op: str) -> frozenset[str]:
    """The device types, such as "CPU", that have a kernel for the op."""
    try:
        from tensorflow.python.framework import kernels

        return frozenset(k.device_type for k in kernels.get_registered_kernels_for_op(op).kernel)
    except (ImportError, AttributeError):
        return frozenset({"CPU"})


@functools.cache
def has_gpu() -> bool:
    """Whether TensorFlow has a GPU; it has from the first op on what it will ever have."""
    return bool(tf.config.list_logical_devices("GPU"))


def device_asked_for() -> str | None:
    """The type of device, such as "GPU", that `tf.device` asks for here; None if it does not."""
    try:
        from tensorflow.python.eager import context

        if name := context.context().device_name:
            return tf.DeviceSpec.from_string(name).device_type
        if tf.executing_eagerly():
            return None
        for asked in tf.compat.v1.get_default_graph()._device_function_stack.peek_objs():
            if asked.function is None:  # tf.device(None)
                return None
            try:
                kind = tf.DeviceSpec.from_string(asked.display_name).device_type
            except ValueError:  # a function, which nobody can ask without an op
                return None
            if kind is not None:
                return kind
    except (ImportError, AttributeError):
        pass
    return None


def has_tangents(tensors: Iterable[Any]) -> bool:
    """Whether a ForwardAccumulator of this thread differentiates by any of the tensors."""
    try:
        from tensorflow.python.eager import forwardprop_util

        return bool(forwardprop_util.pack_tangents(list(tensors)).tangents)
    except (ImportError, AttributeError):
        return False


def ops_of_saved_model(folder: Any) -> set[str]:
    """The types of the ops in a SavedModel; none if it is no such folder, or nobody can tell."""
    try:
        from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

        with tf.io.gfile.GFile(f"{folder}/saved_model.pb", "rb") as file:
            saved = SavedModel.FromString(file.read())
    except (ImportError, tf.errors.OpError):
        return set()
    graphs = [meta.graph_def for meta in saved.meta_graphs]
    functions = [function for graph in graphs for function in graph.library.function]
    nodes = [node for graph in graphs for node in graph.node]
    return {n.op for n in [*nodes, *(n for function in functions for n in function.node_def)]}
