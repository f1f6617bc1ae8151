"""The IndRNN as a function."""

from __future__ import annotations

from typing import Any

from tfrnn_ops import _cells
from tfrnn_ops.functional.common import run


def ind_rnn(
    inputs: Any,
    initial_state: Any,
    kernel: Any,
    recurrent_kernel: Any,
    bias: Any = None,
    *,
    sequence_length: Any = None,
    mask: Any = None,
    time_major: bool = False,
    go_backwards: bool = False,
    zero_output_for_mask: bool = False,
    activation: Any = "relu",
    recurrent_dropout: float = 0.0,
    state_dropout_mask: Any = None,
    zoneout: float = 0.0,
    training: bool = False,
    seed: Any = None,
    layer_norm: Any = None,
    layer_norm_epsilon: float = 1e-3,
    recompute: int | None = None,
) -> tuple[Any, Any]:
    """Runs an independently recurrent layer, differentiable in every floating argument.

        h[t] = relu(x[t] kernel + recurrent_kernel * h[t-1] + bias)

    Each unit sees its own past only; stacked layers mix the units. Source: Li, Li, Cook, Zhu & Gao,
    "Independently recurrent neural network (IndRNN)" (2018), arXiv:1803.04831.

    Args:
        inputs: `[batch, time, features]`, or `[time, batch, features]` if `time_major`; float16,
            bfloat16, float32 or float64, which all floating arguments share. Or integers without
            the last axis, `[batch, time]`: each stands for a row of zeros with a one in that place
            (no one if out of range), as `tf.one_hot` makes it; the op then takes that row of
            `kernel` instead of multiplying.
        initial_state: `[batch, units]`; None for zeros.
        kernel: `[features, units]`.
        recurrent_kernel: `[units]`.
        bias: `[units]`, or None.
        sequence_length: integers `[batch]`: how many steps of each sequence count. The same as a
            mask that is True for the first `sequence_length` steps; with a mask, both hold.
        mask: boolean, the first two axes of `inputs`. A step where it is False keeps the state
            and repeats the previous output (zeros before the first output).
        time_major: whether time is the first axis of `inputs`, `mask` and the outputs.
        go_backwards: whether to process the last step first. Outputs come in that order.
        zero_output_for_mask: whether masked steps put out zeros instead.
        activation: a callable, the name of a Keras activation, or None for the identity. What
            the fused op does not compute takes the reference path, and warns.
        recurrent_dropout: the rate at which elements of `h[t-1]` are dropped in the product with
            the recurrent kernel, anew at every step; what is kept is scaled by `1 / (1 - rate)`.
            In force in training only.
        state_dropout_mask: factors `[time, batch, units]` of the `h[t-1]` that each step, in the
            order of processing, starts from, wherever it is used; without a gradient, or None.
        zoneout: how often a unit of `h` keeps its previous value: in training at random, otherwise
            the two are mixed in that proportion (Krueger et al., arXiv:1606.01305).
        training: whether dropout and zoneout draw.
        seed: integers `[2]`, which determine all draws; needed if there are any.
        layer_norm: `[2, units]`: gains and offsets of the normalisation of the product with
            `kernel` (Ba et al., arXiv:1607.06450); or None.
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
    outputs, (final_state,), _ = run(_cells.IND_RNN, locals())
    return outputs, final_state
