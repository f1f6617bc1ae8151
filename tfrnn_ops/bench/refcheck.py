"""Whether everybody computes the same, before anybody is timed."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tfrnn_ops.bench.cases import Case
from tfrnn_ops.bench.options import OPTIONS
from tfrnn_ops.bench.peers import Ours

# The largest error over the largest value, against Keras in float64 on the same numbers. The
# 16-bit types are allowed some roundings, of 2^-8 and 2^-11. Other libraries get more of them:
# ours sums in float32, most of them in 16 bits.
TOLERANCE = {"float32": 1e-5, "bfloat16": 8 * 2.0**-8, "float16": 8 * 2.0**-11}
SIXTEEN_BIT_SUMS = 4


class Mismatch(Exception):
    """A peer's results are wrong."""


def tolerance_of(peer: str, dtype: str) -> float:
    """The largest error that a peer may have."""
    wider = 1 if peer == Ours.name or dtype == "float32" else SIXTEEN_BIT_SUMS
    return TOLERANCE[dtype] * wider


def can_check(case: Case, mode: str) -> bool:
    """Whether a case has results to compare: none are right if they are drawn."""
    return not (case.option and OPTIONS[case.option].draws and mode == "train")


def check(
    case: Case,
    mode: str,
    peer: str,
    got: Mapping[str, np.ndarray],
    want: Mapping[str, np.ndarray],
) -> float:
    """Compares a peer's results with the right ones; outputs only at the steps that count.

    Returns:
        The largest error, relative to the largest value of the tensor that it is in.

    Raises:
        Mismatch: it is too large, or tensors or their shapes differ.
    """
    shapes = [{name: array.shape for name, array in arrays.items()} for arrays in (got, want)]
    if shapes[0] != shapes[1]:
        raise Mismatch(f"{case} {mode}: {peer} returned {shapes[0]}; expected {shapes[1]}")
    tolerance, mask, worst = tolerance_of(peer, case.dtype), case.shape.mask, 0.0
    for name, array in got.items():
        errors, scale = np.abs(array.astype(np.float64) - want[name]), np.abs(want[name])
        if name == "outputs" and mask is not None:
            errors, scale = errors[mask], scale[mask]
        error = float(errors.max() / scale.max())
        if not error <= tolerance:  # NaN too
            raise Mismatch(
                f"{case} {mode}: {peer} is wrong: {name} differs from Keras in float64 by "
                f"{error:.2g} of its largest value; the tolerance is {tolerance:.2g}"
            )
        worst = max(worst, error)
    return worst
