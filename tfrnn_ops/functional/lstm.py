"""The LSTM as a function."""

from __future__ import annotations

from typing import Any

from tfrnn_ops import _cells
from tfrnn_ops.functional.common import run
from tfrnn_ops.state import LSTMState


def lstm(
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
    activation: Any = "tanh",
    recurrent_activation: Any = "sigmoid",
    recurrent_dropout: float = 0.0,
    state_dropout_mask: Any = None,
    zoneout: float = 0.0,
    cell_zoneout: float = 0.0,
    training: bool = False,
    seed: Any = None,
    peephole: Any = None,
    projection: Any = None,
    cell_clip: float | None = None,
    projection_clip: float | None = None,
    layer_norm: Any = None,
    layer_norm_epsilon: float = 1e-3,
    layer_norm_carry: bool = False,
    recompute: int | None = None,
    return_cell_states: bool = False,
) -> Any:
    """Runs an LSTM layer, differentiable in every floating argument.

    With `i, f, g, o = split(x[t] kernel + h[t-1] recurrent_kernel + bias)`:

        c[t] = sigmoid(f) * c[t-1] + sigmoid(i) * tanh(g)
        h[t] = sigmoid(o) * tanh(c[t])

    Peephole connections add `p_i * c[t-1]`, `p_f * c[t-1]` and `p_o * c[t]` to i, f and o
    (Gers & Schmidhuber 2000); a projection multiplies `h[t]` by a matrix (Sak et al. 2014,
    arXiv:1402.1128).

    Source: Hochreiter & Schmidhuber, "Long short-term memory" (1997), with the forget gate of
    Gers, Schmidhuber & Cummins, "Learning to forget" (2000). The weights of
    `keras.layers.LSTM` fit unchanged.

    Args:
        inputs: `[batch, time, features]`, or `[time, batch, features]` if `time_major`; float16,
            bfloat16, float32 or float64, which all floating arguments share. Or integers without
            the last axis, `[batch, time]`: each stands for a row of zeros with a one in that place
            (no one if out of range), as `tf.one_hot` makes it; the op then takes that row of
            `kernel` instead of multiplying.
        initial_state: an `LSTMState`, or any pair `(h, c)` of `[batch, units]` tensors, `h` as
            wide as the projection if there is one; None for zeros.
        kernel: `[features, 4 * units]`.
        recurrent_kernel: `[units, 4 * units]`, or `[projection units, 4 * units]`.
        bias: `[4 * units]`, or None.
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
        cell_zoneout: likewise, for `c`.
        training: whether dropout and zoneout draw.
        seed: integers `[2]`, which determine all draws; needed if there are any.
        peephole: `[3, units]`: what `c` adds to the gates i, f and o, see above; or None.
        projection: `[units, projection units]`: the output is `h[t] projection`, so that `h` is as
            wide as that; or None.
        cell_clip: the largest magnitude of `c`, or None.
        projection_clip: the largest magnitude of the projected output, or None.
        layer_norm: `[2, 9 * units]`: gains and offsets of the normalisation of the products with
            `kernel` and with `recurrent_kernel`, each over all of its columns, and of `c` where it
            is put out (Ba et al., arXiv:1607.06450); or None.
        layer_norm_epsilon: what is added to the variance there.
        layer_norm_carry: whether the normalised `c` is also what the next step starts from, as in
            TensorFlow Addons.
        recompute: keep only the state of every so many steps for the gradient, which computes the
            others again: less memory, the same numbers. None to keep
            all, as second derivatives do.
        return_cell_states: whether to return `c` at every step too.

    Returns:
        `(outputs, final_state)`: `h` at every step, laid out as `inputs` with `units` for
        `features`, and the last `LSTMState`. With `return_cell_states` a third: `c` after every
        step, laid out likewise; a masked step repeats it, or has zeros with
        `zero_output_for_mask`.

    Raises:
        ValueError: an argument's rank, shape or dtype does not fit, a rate or another option is
            out of range, or there is no `seed` to draw with.
        tf.errors.InvalidArgumentError: a shape that only became known when running does not
            fit, or a `sequence_length` is negative or more than the number of steps. Code
            compiled by XLA does not check lengths.
    """
    results = run(_cells.LSTM, locals())
    final_state = LSTMState(*results.final_state)
    if return_cell_states:
        return results.outputs, final_state, results.cell_states
    return results.outputs, final_state
