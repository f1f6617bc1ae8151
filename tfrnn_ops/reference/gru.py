"""GRU in plain TensorFlow ops."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfrnn_ops.reference.common import (
    State,
    activation_function,
    gate_products,
    gate_states,
    run,
)


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
) -> tuple[Any, Any]:
    """Runs a GRU layer in plain TensorFlow ops.

    With `W, U` the columns of `kernel` and `recurrent_kernel` for one gate, and `b, d` its input
    and recurrent bias:

        z = recurrent_activation(x[t] Wz + bz + h[t-1] Uz + dz)
        r = recurrent_activation(x[t] Wr + br + h[t-1] Ur + dr)
        candidate = activation(x[t] Wh + bh + r * (h[t-1] Uh + dh))     if reset_after
        candidate = activation(x[t] Wh + bh + (r * h[t-1]) Uh)          otherwise, where d = 0
        h[t] = z * h[t-1] + (1 - z) * candidate

    Source: Cho et al., "Learning phrase representations using RNN encoder-decoder" (2014): its
    first version, arXiv:1406.1078v1, resets after the product, its third before it; gates in
    Keras's order.

    Args:
        inputs: `[batch, time, features]`, or `[time, batch, features]` if `time_major`. Any
            floating dtype, which all tensors but the mask share.
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

    Returns:
        `(outputs, final_state)`: `h` at every step, laid out as `inputs` with `units` for
        `features`, and the last `h`.

    Raises:
        ValueError: `unroll` with an unknown number of steps, or shapes that do not fit.
        tf.errors.InvalidArgumentError: shapes that do not fit, found only when running.
    """
    act, recurrent_act = map(activation_function, (activation, recurrent_activation))
    input_bias, recurrent_bias = bias, None
    if reset_after and bias is not None:
        input_bias, recurrent_bias = tf.unstack(bias, num=2)
    *gate_kernels, candidate_kernel = tf.split(recurrent_kernel, 3, axis=1)
    gate_kernel = tf.concat(gate_kernels, axis=1)

    def step(x: Any, states: State) -> State:
        (h,) = states
        x_z, x_r, x_candidate = tf.split(x, 3, axis=1)
        h_z, h_r, h_candidate = gate_states(h, 3, recurrent_dropout_mask)
        if not isinstance(recurrent_dropout_mask, (list, tuple)):
            h = h_z
        if reset_after:
            products = gate_products([h_z, h_r, h_candidate], recurrent_kernel)
            if recurrent_bias is not None:
                biases = tf.split(recurrent_bias, 3)
                products = [p + b for p, b in zip(products, biases, strict=True)]
            z, r = recurrent_act(x_z + products[0]), recurrent_act(x_r + products[1])
            recurrent = r * products[2]
        else:
            products = gate_products([h_z, h_r], gate_kernel)
            z, r = recurrent_act(x_z + products[0]), recurrent_act(x_r + products[1])
            recurrent = tf.matmul(r * h_candidate, candidate_kernel)
        return (z * h + (1 - z) * act(x_candidate + recurrent),)

    outputs, (final_state,) = run(
        step,
        inputs,
        initial_state,
        kernel,
        input_bias,
        gates=3,
        mask=mask,
        time_major=time_major,
        go_backwards=go_backwards,
        zero_output_for_mask=zero_output_for_mask,
        unroll=unroll,
        input_dropout_mask=input_dropout_mask,
    )
    return outputs, final_state
