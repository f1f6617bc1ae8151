"""How far everybody is from float64, before anybody is timed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tfrnn_ops.bench.gpu.cases import GpuCase
from tfrnn_ops.bench.gpu.peers.pytorch import PyTorch
from tfrnn_ops.bench.gpu.tensors import GpuTensors

STEPS = 16  # in float64 more would take too long
# Of the norm of the difference over the norm of the right values, in any tensor.
TOLERANCE = {"float32": 2e-5, "tf32": 5e-3, "float16": 5e-3, "bfloat16": 4e-2}


class Mismatch(Exception):
    """Our results are wrong."""


def reference(
    case: GpuCase, tensors: GpuTensors, mode: str, device: str | None = None
) -> dict[str, Any]:
    """The right results for the first steps: PyTorch's in float64.

    Args:
        case: the case.
        tensors: of the case.
        mode: of `cases.GPU_MODES`.
        device: where to compute them; if not given, where the tensors are.
    """
    import torch

    exact = PyTorch(
        case.shortened(STEPS),
        tensors.first(STEPS).to(device=device, dtype=torch.float64),
        mode,
    )
    exact.run(0)
    return {name: tensor.cpu() for name, tensor in exact.results().items()}


def errors(got: Mapping[str, Any], want: Mapping[str, Any]) -> dict[str, float]:
    """The norm of the difference over that of the right values, for every tensor.

    Raises:
        Mismatch: tensors or their shapes differ.
    """
    shapes = [{name: tuple(t.shape) for name, t in found.items()} for found in (got, want)]
    if shapes[0] != shapes[1]:
        raise Mismatch(f"found {shapes[0]}, expected {shapes[1]}")
    return {name: _error(tensor, want[name]) for name, tensor in got.items()}


def _error(got: Any, want: Any) -> float:
    error = (got.double().cpu() - want).norm() / want.norm().clamp_min(1e-30)
    return float("inf") if error.isnan() else float(error)


def worst(found: Mapping[str, float]) -> tuple[str, float]:
    """The tensor with the largest error."""
    return max(found.items(), key=lambda item: item[1])


def require_right(case: GpuCase, mode: str, found: Mapping[str, float]) -> None:
    """Checks our own results.

    Raises:
        Mismatch: they are off by more than the dtype explains.
    """
    name, error = worst(found)
    if not error <= TOLERANCE[case.dtype]:
        raise Mismatch(
            f"{case} {mode}: {name} differs from float64 by {error:.2g} of its norm; the "
            f"tolerance is {TOLERANCE[case.dtype]:.2g}"
        )
