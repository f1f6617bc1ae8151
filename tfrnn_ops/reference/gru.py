"""GRU in plain TensorFlow ops."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfrnn_ops.reference.common import activation_function, normalise, product, size, split_norm
from tfrnn_ops.reference.loop import State, Step, Weights, run
from tfrnn_ops.reference.noise import Noise


def gru(
    inputs: Any,
    initial_state: Any,
    kernel: Any,
    recurrent_kernel: Any,
    bias: Any = None,
    *,
    reset_after: bool = True,
    mask: Any = None,
    time_major: bool = False,
    go_backwards: bool = False,
    zero_output_for_mask: bool = False,
    unroll: bool = False,
    activation: Any = "tanh",
    recurrent_activation: Any = "sigmoid",
    input_dropout_mask: Any = None,
    recurrent_dropout_mask: Any = None,
    state_dropout_mask: Any = None,
    recurrent_dropout: float = 0.0,
    zoneout: float = 0.0,
    training: bool = False,
    seed: Any = None,
    layer_norm: Any = None,
    layer_norm_epsilon: float = 1e-3,
    recompute: int | None = None,
) -> tuple[Any, Any]:
    """Runs a GRU layer in plain TensorFlow ops.

    With `W, U` the columns of `kernel` and `recurrent_kernel` for one gate, and `b, d` its input
    and recurrent bias:

        z = recurrent_activation(x[t] Wz + bz + h[t-1] Uz + dz)
        r = recurrent_activation(x[t] Wr + br + h[t-1] Ur + dr)
        candidate = activation(x[t] Wh + bh + r * (h[t-1] Uh + dh))     if reset_after
        candidate = activation(x[t] Wh + bh + (r * h[t-1]) Uh)          otherwise, where d = 0
        h[t] = z * h[t-1] + (1 - z) * candidate

    With `layer_norm` each row of `x[t] W` is normalised as a whole, and of `h[t-1] U` too; unless
    `reset_after`, the columns of both gates as one, those of the candidate as another.

    Source: Cho et al., "Learning phrase representations using RNN encoder-decoder" (2014): its
    first version, arXiv:1406.1078v1, resets after the product, its third before it; gates in
    Keras's order.

    Args:
        inputs: `[batch, time, features]`, or `[time, batch, features]` if `time_major`. Any
            floating dtype, which all tensors but masks and seed share; or integers without the last
            axis, each for a one-hot row (zeros if it is out of range).
        initial_state: `[batch, units]`, or a sequence of one such tensor.
        kernel: `[features, 3 * units]`.
        recurrent_kernel: `[units, 3 * units]`.
        bias: `[2, 3 * units]`, the input and the recurrent bias, if `reset_after`, otherwise
            `[3 * units]`; or None.
        reset_after: whether the reset gate acts after the product with the recurrent kernel.
        mask: boolean, the first two axes of `inputs`. A step where it is False keeps the state
            and repeats the previous output (zeros before the first output).
        time_major: whether time is the first axis of `inputs`, `mask` and the outputs.
        go_backwards: whether to process the last step first. Outputs come in that order.
        zero_output_for_mask: whether masked steps put out zeros instead.
        unroll: whether to loop in Python; the number of steps must then be static.
        activation: a callable, the name of a Keras activation, or None for the identity.
        recurrent_activation: likewise, for the gates.
        input_dropout_mask: a factor of the inputs at every step, `[batch, features]`, or a list
            of three, for the gates z, r and the candidate.
        recurrent_dropout_mask: a factor of `h[t-1]`: `[batch, units]`, wherever it stands, as in
            Keras 3.5; or a list of three, for the products of z, r and the candidate only, as
            in later Keras.
        state_dropout_mask: factors of `h[t-1]`, `[time, batch, units]` in the order of processing:
            each step starts from the product, wherever it uses `h[t-1]`; or None.
        recurrent_dropout: the share of `h[t-1]` to drop anew at every step, in its product with the
            recurrent kernel only; the rest is scaled up to keep the mean. Needs `training`. It
            may act together with a mask.
        zoneout: the probability that an element of `h` stays what it was a step before. Without
            `training`, every element becomes what it is on average.
        training: whether to draw for dropout and zoneout.
        seed: integers `[2]`; needed when something is drawn.
        layer_norm: `[2, 6 * units]`, the gains and the offsets by which the products of the inputs
            (the first half) and of `h[t-1]` are normalised before biases are added; None for none.
        layer_norm_epsilon: added to the variances.
        recompute: for the gradient, keep the states of one step in so many only, and compute the
            others again. An `activation` of one's own may then use variables, but no other
            outside tensors that are to have a gradient. None to keep everything.

    Returns:
        `(outputs, final_state)`: `h` at every step, laid out as `inputs` with `units` for
        `features`, and the last `h`.

    Raises:
        ValueError: `unroll` with an unknown number of steps, a rate that is not in [0, 1), a seed
            that is missing, or shapes that do not fit.
        tf.errors.InvalidArgumentError: shapes that do not fit, found only when running.
    """
    act, recurrent_act = map(activation_function, (activation, recurrent_activation))
    noise = Noise(recurrent_dropout, [zoneout], training, seed)
    units = size(recurrent_kernel, 0)
    input_norm, gate_norm, *candidate_norm = split_norm(
        layer_norm, units, 3, *([3] if reset_after else [2, 1])
    )
    recurrent_bias = None
    if reset_after and bias is not None:
        bias, recurrent_bias = tf.unstack(bias, num=2)

    def cell(w: Weights) -> Step:
        kernel, masks = w["recurrent_kernel"], w.get("recurrent_dropout")
        dropped_everywhere = masks is not None and not isinstance(masks, (list, tuple))
        if not reset_after:
            gate_kernel, candidate_kernel = tf.split(kernel, [2 * units, units], axis=1)
            gate_masks, candidate_mask = masks, masks
            if isinstance(masks, (list, tuple)):
                *gate_masks, candidate_mask = masks

        def after(h: Any, x: Any) -> tuple[Any, Any]:
            """The gate z and the candidate; the product of `h` is reset."""
            share = normalise(product(h, kernel, 3, masks), w.get("gate_norm"), layer_norm_epsilon)
            if "recurrent_bias" in w:
                share += w["recurrent_bias"]
            h_z, h_r, h_candidate = tf.split(share, 3, axis=1)
            x_z, x_r, x_candidate = tf.split(x, 3, axis=1)
            r = recurrent_act(x_r + h_r)
            return recurrent_act(x_z + h_z), act(x_candidate + r * h_candidate)

        def before(h: Any, x: Any) -> tuple[Any, Any]:
            """The same; `h` is reset before its product."""
            share = product(h, gate_kernel, 2, gate_masks)
            share = normalise(share, w.get("gate_norm"), layer_norm_epsilon)
            x_gates, x_candidate = tf.split(x, [2 * units, units], axis=1)
            z, r = tf.split(recurrent_act(x_gates + share), 2, axis=1)
            share = product(r * h, candidate_kernel, 1, candidate_mask)
            share = normalise(share, w.get("candidate_norm"), layer_norm_epsilon)
            return z, act(x_candidate + share)

        def step(t: Any, x: Any, states: State) -> State:
            (h,) = states
            z, candidate = (after if reset_after else before)(noise.drop(t, h), x)
            carried = h * masks if dropped_everywhere else h
            return noise.zone_out(t, [z * carried + (1 - z) * candidate], states)

        return step

    (outputs,), (final_state,) = run(
        cell,
        inputs,
        initial_state,
        {
            "kernel": kernel,
            "recurrent_kernel": recurrent_kernel,
            "bias": bias,
            "recurrent_bias": recurrent_bias,
            "input_dropout": input_dropout_mask,
            "recurrent_dropout": recurrent_dropout_mask,
            "input_norm": input_norm,
            "gate_norm": gate_norm,
            "candidate_norm": candidate_norm[0] if candidate_norm else None,
        },
        gates=3,
        layer_norm_epsilon=layer_norm_epsilon,
        mask=mask,
        time_major=time_major,
        go_backwards=go_backwards,
        zero_output_for_mask=zero_output_for_mask,
        unroll=unroll,
        recompute=recompute,
        state_dropout_mask=state_dropout_mask,
    )
    return outputs, final_state
