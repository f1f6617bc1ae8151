"""The GRU as a function."""

from __future__ import annotations

from typing import Any

from tfrnn_ops import _cells
from tfrnn_ops.functional.common import run


def gru(
    inputs: Any,
    initial_state: Any,
    kernel: Any,
    recurrent_kernel: Any,
    bias: Any = None,
    *,
    reset_after: bool = True,
    sequence_length: Any = None,
    mask: Any = None,
    time_major: bool = False,
    go_backwards: bool = False,
    zero_output_for_mask: bool = False,
    activation: Any = "tanh",
    recurrent_activation: Any = "sigmoid",
    recurrent_dropout: float = 0.0,
    state_dropout_mask: Any = None,
    zoneout: float = 0.0,
    training: bool = False,
    seed: Any = None,
    layer_norm: Any = None,
    layer_norm_epsilon: float = 1e-3,
    recompute: int | None = None,
) -> tuple[Any, Any]:
    """Runs a GRU layer, differentiable in every floating argument.

    With `W, U` the columns of `kernel` and `recurrent_kernel` for one gate, and `b, d` its input
    and recurrent bias:

        z = sigmoid(x[t] Wz + bz + h[t-1] Uz + dz)
        r = sigmoid(x[t] Wr + br + h[t-1] Ur + dr)
        candidate = tanh(x[t] Wh + bh + r * (h[t-1] Uh + dh))     if reset_after
        candidate = tanh(x[t] Wh + bh + (r * h[t-1]) Uh)          otherwise, where d = 0
        h[t] = z * h[t-1] + (1 - z) * candidate

    Source: Cho et al., "Learning phrase representations using RNN encoder-decoder" (2014): its
    first version, arXiv:1406.1078v1, resets after the product, its third before it. The weights
    of `keras.layers.GRU` fit unchanged.

    Args:
        inputs: `[batch, time, features]`, or `[time, batch, features]` if `time_major`; float16,
            bfloat16, float32 or float64, which all floating arguments share. Or integers without
            the last axis, `[batch, time]`: each stands for a row of zeros with a one in that place
            (no one if out of range), as `tf.one_hot` makes it; the op then takes that row of
            `kernel` instead of multiplying.
        initial_state: `[batch, units]`; None for zeros.
        kernel: `[features, 3 * units]`, for z, r and the candidate.
        recurrent_kernel: `[units, 3 * units]`.
        bias: `[2, 3 * units]`, the input and the recurrent bias, if `reset_after`, otherwise
            `[3 * units]`; or None.
        reset_after: whether the reset gate acts after the product with the recurrent kernel.
        sequence_length: integers `[batch]`: how many steps of each sequence count. The same as a
            mask that is True for the first `sequence_length` steps; with a mask, both hold.
        mask: boolean, the first two axes of `inputs`. A step where it is False keeps the state
            and repeats the previous output (zeros before the first output).
        time_major: whether time is the first axis of `inputs`, `mask` and the outputs.
        go_backwards: whether to process the last step first. Outputs come in that order.
        zero_output_for_mask: whether masked steps put out zeros instead.
        activation: a callable, the name of a Keras activation, or None for the identity. What
            the fused op does not compute takes the reference path, and warns.
        recurrent_activation: likewise, for the gates.
        recurrent_dropout: the rate at which elements of `h[t-1]` are dropped in the product with
            the recurrent kernel, anew at every step and the same for all gates; what is kept is
            scaled by `1 / (1 - rate)`. In force in training only.
        state_dropout_mask: factors `[time, batch, units]` of the `h[t-1]` that each step, in the
            order of processing, starts from, wherever it is used; without a gradient, or None.
        zoneout: how often a unit of `h` keeps its previous value: in training at random, otherwise
            the two are mixed in that proportion (Krueger et al., arXiv:1606.01305).
        training: whether dropout and zoneout draw.
        seed: integers `[2]`, which determine all draws; needed if there are any.
        layer_norm: `[2, 6 * units]`: gains and offsets of the normalisation of the products with
            `kernel` and with `recurrent_kernel`, each over all of its columns (Ba et al.,
            arXiv:1607.06450); or None.
        layer_norm_epsilon: what is added to the variance there.
        recompute: keep only the state of every so many steps for the gradient, which computes the
            others again: less memory, the same numbers. None to keep
            all, as second derivatives do.

    Returns:
        `(outputs, final_state)`: `h` at every step, laid out as `inputs` with `units` for
        `features`, and the last `h`.

    Raises:
        ValueError: an argument's rank, shape or dtype does not fit, a rate or another option is
            out of range, or there is no `seed` to draw with.
        tf.errors.InvalidArgumentError: a shape that only became known when running does not
            fit, or a `sequence_length` is negative or more than the number of steps. Code
            compiled by XLA does not check lengths.
    """
    outputs, (final_state,), _ = run(_cells.GRU, locals())
    return outputs, final_state
