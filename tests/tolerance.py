"""How close is close, in one place: the largest error over the largest value."""

import numpy as np

SINGLE_ROUNDING = {"float16": 2.0**-11, "bfloat16": 2.0**-8}

TOLERANCE = {
    "float64": 1e-12,
    "float32": 1e-5,
    # Against float64 arithmetic on the same 16-bit numbers: a few roundings of what is stored.
    "float16": 8 * SINGLE_ROUNDING["float16"],
    "bfloat16": 8 * SINGLE_ROUNDING["bfloat16"],
}

# Central differences in float64 with a step of 1e-4 against the gradient.
TOLERANCE["numerical gradient"] = 1e-6
# The gelu of TensorFlow holds its constant in float32 in float64 too, the fused op does not; the
# steps of a recurrence amplify the 1e-8 of one.
TOLERANCE["gelu"] = 1e-6
# float32 after some steps of training, which amplify the roundings of each.
TOLERANCE["training"] = 1e-4


def assert_close(got, want, kind=None, what="", floor=0.0):
    """Compares a tensor, or a sequence of them, with what is wanted.

    Args:
        got: tensors or arrays.
        want: the same number of them.
        kind: which tolerance to use; that of the dtype of `got` by default.
        what: put into the message.
        floor: what the scale, the largest value that is wanted, is at least taken for: sums of
            order one may cancel.
    """
    if isinstance(got, (list, tuple)):
        assert len(got) == len(want)
        for i, (g, w) in enumerate(zip(got, want, strict=True)):
            assert_close(g, w, kind, f"{what}[{i}]", floor)
        return
    tolerance = TOLERANCE[kind or np.asarray(got).dtype.name]
    got, want = (np.asarray(a).astype(np.float64) for a in (got, want))
    assert got.shape == want.shape, f"{what}: shape {got.shape}, expected {want.shape}"
    assert np.isfinite(got).all(), f"{what}: not finite"
    if got.size:
        error, scale = np.abs(got - want).max(), max(floor, np.abs(want).max())
        message = f"{what}: error {error:.3g} at scale {scale:.3g}, tolerance {tolerance:.3g}"
        assert error <= tolerance * scale, message


def assert_no_worse(got, want, moved, what=""):
    """Compares a tensor, or a sequence of them, where a dtype may not be able to do better.

    Args:
        got: tensors or arrays.
        want: the same in float64.
        moved: how far roundings of the dtype may move it.
        what: put into the message.
    """
    if isinstance(got, (list, tuple)):
        for i, each in enumerate(zip(got, want, moved, strict=True)):
            assert_no_worse(*each, f"{what}[{i}]")
        return
    got, want, moved = (np.asarray(a).astype(np.float64) for a in (got, want, moved))
    assert got.shape == want.shape, f"{what}: shape {got.shape}, expected {want.shape}"
    if got.size:
        error, allowed = np.abs(got - want).max(), 3 * moved.max()
        assert error <= allowed, f"{what}: error {error:.3g}, allowed {allowed:.3g}"


def assert_same_bits(got, want):
    """Compares two sequences of tensors bit by bit."""
    for g, w in zip(got, want, strict=True):
        assert np.asarray(g).tobytes() == np.asarray(w).tobytes()
