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


def assert_close(got, want, kind=None, what=""):
    """Compares a tensor, or a sequence of them, with what is wanted.

    Args:
        got: tensors or arrays.
        want: the same number of them.
        kind: which tolerance to use; that of the dtype of `got` by default.
        what: put into the message.
    """
    if isinstance(got, (list, tuple)):
        assert len(got) == len(want)
        for i, (g, w) in enumerate(zip(got, want, strict=True)):
            assert_close(g, w, kind, f"{what}[{i}]")
        return
    tolerance = TOLERANCE[kind or np.asarray(got).dtype.name]
    got, want = (np.asarray(a).astype(np.float64) for a in (got, want))
    assert got.shape == want.shape, f"{what}: shape {got.shape}, expected {want.shape}"
    assert np.isfinite(got).all(), f"{what}: not finite"
    if got.size:
        error, scale = np.abs(got - want).max(), np.abs(want).max()
        message = f"{what}: error {error:.3g} at scale {scale:.3g}, tolerance {tolerance:.3g}"
        assert error <= tolerance * scale, message


def assert_no_worse(got, rough, want, kind, what=""):
    """Compares a tensor, or a sequence of them, where a dtype may not be able to do better.

    Args:
        got: tensors or arrays.
        rough: the same by other means in the dtype of `got`.
        want: the same in float64.
        kind: which tolerance to use unless a quarter of the error is still less than `rough`'s: two
            ways to round differ by luck.
        what: put into the message.
    """
    if isinstance(got, (list, tuple)):
        for i, each in enumerate(zip(got, rough, want, strict=True)):
            assert_no_worse(*each, kind, f"{what}[{i}]")
        return
    got, rough, want = (np.asarray(a).astype(np.float64) for a in (got, rough, want))
    assert got.shape == want.shape, f"{what}: shape {got.shape}, expected {want.shape}"
    if got.size:
        error, scale = np.abs(got - want).max(), np.abs(want).max()
        allowed = max(TOLERANCE[kind] * scale, 4 * np.abs(rough - want).max())
        message = f"{what}: error {error:.3g} at scale {scale:.3g}, allowed {allowed:.3g}"
        assert error <= allowed, message


def assert_same_bits(got, want):
    """Compares two sequences of tensors bit by bit."""
    for g, w in zip(got, want, strict=True):
        assert np.asarray(g).tobytes() == np.asarray(w).tobytes()
