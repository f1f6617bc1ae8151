"""What a fused op does on a GPU: whether it gets there, whether it can run, and with which plan."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence

import tensorflow as tf

from tfrnn_ops import _core, _tensorflow


def is_there() -> bool:
    """Whether TensorFlow has a GPU, and `tf.device` asks for no other device here."""
    return _tensorflow.has_gpu() and _tensorflow.device_asked_for() in (None, "GPU")


def has_op(op: str) -> bool:
    """Whether TensorFlow would place a fused op that is made here on a GPU.

    Args:
        op: its name, such as "TfrnnLstm".
    """
    return "GPU" in _tensorflow.devices_with_kernel(op) and is_there()


@functools.cache
def obstacle() -> str:
    """Why the CUDA kernels cannot run on this machine, or "" if they can."""
    missing = _core.cuda_obstacle()
    if missing:
        return missing
    try:
        plan("lstm", "float32", 1, 1)
    except (RuntimeError, ValueError) as error:
        return str(error)
    return ""


def plan(
    cell: str,
    dtype: str,
    batch: int,
    units: int,
    *,
    directions: int = 1,
    features: Sequence[str] = (),
    backward: bool = False,
    override: str = "",
) -> str:
    """How the current GPU would run a call, in one line: policy, slices, predicted time, and why.

    Args:
        cell: its name in `_core`.
        dtype: of the call.
        batch: its size.
        units: of the layer.
        directions: how many run in one call.
        features: what the call asks for, of `_core.gpu_features()`.
        backward: whether to tell of the gradient.
        override: instead of the choice by predicted time, see `cuda/plan_override.h`.

    Raises:
        ValueError: the GPU or the override allows none.
    """
    reason: str = _core.gpu_plan(
        cell,
        dtype,
        batch,
        units,
        directions=directions,
        backward=backward,
        tf32=tf.config.experimental.tensor_float_32_execution_enabled() and dtype == "float32",
        features=list(features),
        device=_core.cuda_device(),
        override=override,
    )["reason"]
    return reason


def plans(
    cell: str,
    dtype: str,
    batch: int,
    units: int,
    features: Sequence[str],
    training: bool,
    directions: int = 1,
) -> list[str]:
    """A line for the forward pass and, in training, one for the gradient, as `explain` shows them.

    Args:
        cell: its name in `_core`.
        dtype: of the call.
        batch: its size.
        units: of the layer.
        features: what the call asks for, of `_core.gpu_features()`.
        training: whether the gradient will be taken.
        directions: how many run in one call.
    """
    lines = []
    override = os.environ.get("TFRNN_GPU_PLAN", "")
    for backward in (False, True)[: 1 + training]:
        what = "backward" if backward else "forward"
        try:
            how = plan(
                cell,
                dtype,
                batch,
                units,
                directions=directions,
                features=features,
                backward=backward,
                override=override,
            )
        except ValueError as error:
            how = f"calling the layer raises FailedPreconditionError, {error}"
        lines.append(f"GPU plan {what}: {how}")
    return lines
