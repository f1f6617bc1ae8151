"""SimpleRNN in plain TensorFlow ops."""

from __future__ import annotations

from typing import Any

from tfrnn_ops.reference.common import (
    State,
    activation_function,
    gate_products,
    gate_states,
    run,
)


def simple_rnn(
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
    input_dropout_mask: Any = None,
    recurrent_dropout_mask: Any = None,
) -> tuple[Any, Any]:
    """Runs a fully connected recurrent layer in plain TensorFlow ops.

        h[t] = activation(x[t] kernel + h[t-1] recurrent_kernel + bias)

    Source: Elman, "Finding structure in time" (1990).

    Args:
        inputs: `[batch, time, features]`, or `[time, batch, features]` if `time_major`. Any
            floating dtype, which all tensors but the mask share.
        initial_state: `[batch, units]`, or a sequence of one such tensor.
        kernel: `[features, units]`.
        recurrent_kernel: `[units, units]`.
        bias: `[units]`, or None.
        mask: boolean, the first two axes of `inputs`. A step where it is False keeps the state
            and repeats the previous output (zeros before the first output).
        time_major: whether time is the first axis of `inputs`, `mask` and the outputs.
        go_backwards: whether to process the last step first. Outputs come in that order.
        zero_output_for_mask: whether masked steps put out zeros instead.
        unroll: whether to loop in Python; the number of steps must then be static.
        activation: a callable, the name of a Keras activation, or None for the identity.
        input_dropout_mask: a factor of the inputs at every step, `[batch, features]`, or a list
            of one.
        recurrent_dropout_mask: the same for `h`, `[batch, units]`.

    Returns:
        `(outputs, final_state)`: `h` at every step, laid out as `inputs` with `units` for
        `features`, and the last `h`.

    Raises:
        ValueError: `unroll` with an unknown number of steps, or shapes that do not fit.
        tf.errors.InvalidArgumentError: shapes that do not fit, found only when running.
    """
    act = activation_function(activation)

    def step(x: Any, states: State) -> State:
        gates = gate_states(states[0], 1, recurrent_dropout_mask)
        (product,) = gate_products(gates, recurrent_kernel)
        return (act(x + product),)

    outputs, (final_state,) = run(
        step,
        inputs,
        initial_state,
        kernel,
        bias,
        gates=1,
        mask=mask,
        time_major=time_major,
        go_backwards=go_backwards,
        zero_output_for_mask=zero_output_for_mask,
        unroll=unroll,
        input_dropout_mask=input_dropout_mask,
    )
    return outputs, final_state
