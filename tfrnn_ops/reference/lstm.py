"""LSTM in plain TensorFlow ops."""

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
from tfrnn_ops.state import LSTMState


def lstm(
    inputs: Any,
    initial_state: Any,
    kernel: Any,
    recurrent_kernel: Any,
    bias: Any = None,
    *,
    mask: Any = None,
    time_major: bool = False,
    go_backwards: bool = False,
    zero_output_for_mask: bool = False,
    unroll: bool = False,
    activation: Any = "tanh",
    recurrent_activation: Any = "sigmoid",
    input_dropout_mask: Any = None,
    recurrent_dropout_mask: Any = None,
) -> tuple[Any, LSTMState]:
    """Runs an LSTM layer in plain TensorFlow ops.

    With `i, f, g, o = split(x[t] kernel + h[t-1] recurrent_kernel + bias)`:

        c[t] = recurrent_activation(f) * c[t-1] + recurrent_activation(i) * activation(g)
        h[t] = recurrent_activation(o) * activation(c[t])

    Source: Hochreiter & Schmidhuber, "Long short-term memory" (1997), with the forget gate of
    Gers, Schmidhuber & Cummins, "Learning to forget" (2000); gates in Keras's order.

    Args:
        inputs: `[batch, time, features]`, or `[time, batch, features]` if `time_major`. Any
            floating dtype, which all tensors but the mask share.
        initial_state: `(h, c)`, two `[batch, units]` tensors.
        kernel: `[features, 4 * units]`.
        recurrent_kernel: `[units, 4 * units]`.
        bias: `[4 * units]`, or None.
        mask: boolean, the first two axes of `inputs`. A step where it is False keeps the state
            and repeats the previous output (zeros before the first output).
        time_major: whether time is the first axis of `inputs`, `mask` and the outputs.
        go_backwards: whether to process the last step first. Outputs come in that order.
        zero_output_for_mask: whether masked steps put out zeros instead.
        unroll: whether to loop in Python; the number of steps must then be static.
        activation: a callable, the name of a Keras activation, or None for the identity.
        recurrent_activation: likewise, for the gates.
        input_dropout_mask: a factor of the inputs at every step, `[batch, features]`, or a list
            of four, for the gates i, f, g and o.
        recurrent_dropout_mask: the same for `h`, `[batch, units]`.

    Returns:
        `(outputs, final_state)`: `h` at every step, laid out as `inputs` with `units` for
        `features`, and the last `LSTMState`.

    Raises:
        ValueError: `unroll` with an unknown number of steps, or shapes that do not fit.
        tf.errors.InvalidArgumentError: shapes that do not fit, found only when running.
    """
    act, recurrent_act = map(activation_function, (activation, recurrent_activation))

    def step(x: Any, states: State) -> State:
        h, c = states
        products = gate_products(gate_states(h, 4, recurrent_dropout_mask), recurrent_kernel)
        i, f, g, o = (a + b for a, b in zip(tf.split(x, 4, axis=1), products, strict=True))
        c = recurrent_act(f) * c + recurrent_act(i) * act(g)
        return recurrent_act(o) * act(c), c

    outputs, states = run(
        step,
        inputs,
        initial_state,
        kernel,
        bias,
        gates=4,
        mask=mask,
        time_major=time_major,
        go_backwards=go_backwards,
        zero_output_for_mask=zero_output_for_mask,
        unroll=unroll,
        input_dropout_mask=input_dropout_mask,
    )
    return outputs, LSTMState(*states)
