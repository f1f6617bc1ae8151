"""What the package asks of TensorFlow beyond its public names; nothing else imports such names.

Each function falls back to the safe answer where a TensorFlow version lacks the name.
"""

from __future__ import annotations

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


def devices_with_kernel(op: str) -> set[str]:
    """The device types, such as "CPU", that have a kernel for the op."""
    try:
        from tensorflow.python.framework import kernels

        return {k.device_type for k in kernels.get_registered_kernels_for_op(op).kernel}
    except (ImportError, AttributeError):
        return {"CPU"}


def has_tangents(tensors: Iterable[Any]) -> bool:
    """Whether a ForwardAccumulator of this thread differentiates by any of the tensors."""
    try:
        from tensorflow.python.eager import forwardprop_util

        return bool(forwardprop_util.pack_tangents(list(tensors)).tangents)
    except (ImportError, AttributeError):
        return False
