"""The layers as functions of their tensors."""

from __future__ import annotations

from typing import Any

from tfrnn_ops import _cells
from tfrnn_ops._execute import execute, warn_if_not_fused
from tfrnn_ops.path import Request, decide, keeps_reserve
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
) -> tuple[Any, LSTMState]:
    """Runs an LSTM layer, differentiable in every floating argument.

    With `i, f, g, o = split(x[t] kernel + h[t-1] recurrent_kernel + bias)`:

        c[t] = sigmoid(f) * c[t-1] + sigmoid(i) * tanh(g)
        h[t] = sigmoid(o) * tanh(c[t])

    Source: Hochreiter & Schmidhuber, "Long short-term memory" (1997), with the forget gate of
    Gers, Schmidhuber & Cummins, "Learning to forget" (2000). The weights of
    `keras.layers.LSTM` fit unchanged.

    Args:
        inputs: `[batch, time, features]`, or `[time, batch, features]` if `time_major`; float16,
            bfloat16, float32 or float64, which all floating arguments share.
        initial_state: an `LSTMState`, or any pair `(h, c)` of `[batch, units]` tensors; None for
            zeros.
        kernel: `[features, 4 * units]`.
        recurrent_kernel: `[units, 4 * units]`.
        bias: `[4 * units]`, or None.
        sequence_length: integers `[batch]`: how many steps of each sequence count. The same as a
            mask that is True for the first `sequence_length` steps; with a mask, both hold.
        mask: boolean, the first two axes of `inputs`. A step where it is False keeps the state
            and repeats the previous output (zeros before the first output).
        time_major: whether time is the first axis of `inputs`, `mask` and the outputs.
        go_backwards: whether to process the last step first. Outputs come in that order.
        zero_output_for_mask: whether masked steps put out zeros instead.
        activation: a callable, the name of a Keras activation, or None for the identity. With
            another than tanh the call takes the reference path, and warns.
        recurrent_activation: likewise, for the gates: another than sigmoid.

    Returns:
        `(outputs, final_state)`: `h` at every step, laid out as `inputs` with `units` for
        `features`, and the last `LSTMState`.

    Raises:
        ValueError: an argument's rank, shape or dtype does not fit.
        tf.errors.InvalidArgumentError: a shape that only became known when running does not
            fit, or a `sequence_length` is negative or more than the number of steps. Code
            compiled by XLA does not check lengths.
    """
    outputs, states = _run(
        _cells.LSTM,
        inputs,
        initial_state,
        (kernel, recurrent_kernel, bias),
        sequence_length=sequence_length,
        mask=mask,
        time_major=time_major,
        go_backwards=go_backwards,
        zero_output_for_mask=zero_output_for_mask,
        activation=activation,
        recurrent_activation=recurrent_activation,
    )
    return outputs, LSTMState(*states)


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
            bfloat16, float32 or float64, which all floating arguments share.
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
        activation: a callable, the name of a Keras activation, or None for the identity. With
            another than tanh the call takes the reference path, and warns.
        recurrent_activation: likewise, for the gates: another than sigmoid.

    Returns:
        `(outputs, final_state)`: `h` at every step, laid out as `inputs` with `units` for
        `features`, and the last `h`.

    Raises:
        ValueError: an argument's rank, shape or dtype does not fit.
        tf.errors.InvalidArgumentError: a shape that only became known when running does not
            fit, or a `sequence_length` is negative or more than the number of steps. Code
            compiled by XLA does not check lengths.
    """
    outputs, (final_state,) = _run(
        _cells.GRU,
        inputs,
        initial_state,
        (kernel, recurrent_kernel, bias),
        sequence_length=sequence_length,
        mask=mask,
        time_major=time_major,
        go_backwards=go_backwards,
        zero_output_for_mask=zero_output_for_mask,
        activation=activation,
        recurrent_activation=recurrent_activation,
        reset_after=reset_after,
    )
    return outputs, final_state


def simple_rnn(
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
) -> tuple[Any, Any]:
    """Runs a fully connected recurrent layer, differentiable in every floating argument.

        h[t] = tanh(x[t] kernel + h[t-1] recurrent_kernel + bias)

    Source: Elman, "Finding structure in time" (1990). The weights of `keras.layers.SimpleRNN`
    fit unchanged.

    Args:
        inputs: `[batch, time, features]`, or `[time, batch, features]` if `time_major`; float16,
            bfloat16, float32 or float64, which all floating arguments share.
        initial_state: `[batch, units]`; None for zeros.
        kernel: `[features, units]`.
        recurrent_kernel: `[units, units]`.
        bias: `[units]`, or None.
        sequence_length: integers `[batch]`: how many steps of each sequence count. The same as a
            mask that is True for the first `sequence_length` steps; with a mask, both hold.
        mask: boolean, the first two axes of `inputs`. A step where it is False keeps the state
            and repeats the previous output (zeros before the first output).
        time_major: whether time is the first axis of `inputs`, `mask` and the outputs.
        go_backwards: whether to process the last step first. Outputs come in that order.
        zero_output_for_mask: whether masked steps put out zeros instead.
        activation: a callable, the name of a Keras activation, or None for the identity. With
            another than tanh the call takes the reference path, and warns.

    Returns:
        `(outputs, final_state)`: `h` at every step, laid out as `inputs` with `units` for
        `features`, and the last `h`.

    Raises:
        ValueError: an argument's rank, shape or dtype does not fit.
        tf.errors.InvalidArgumentError: a shape that only became known when running does not
            fit, or a `sequence_length` is negative or more than the number of steps. Code
            compiled by XLA does not check lengths.
    """
    outputs, (final_state,) = _run(
        _cells.SIMPLE_RNN,
        inputs,
        initial_state,
        (kernel, recurrent_kernel, bias),
        sequence_length=sequence_length,
        mask=mask,
        time_major=time_major,
        go_backwards=go_backwards,
        zero_output_for_mask=zero_output_for_mask,
        activation=activation,
    )
    return outputs, final_state


def _run(
    cell: _cells.Cell, inputs: Any, initial_state: Any, weights: Any, **arguments: Any
) -> tuple[Any, tuple[Any, ...]]:
    decision = decide(Request(cell, {name: arguments[name] for name in cell.activations}))
    warn_if_not_fused(decision, f"tfrnn_ops.{cell.name}", stacklevel=3)
    # A function cannot know whether a graph that it is traced into will be differentiated.
    reserve = keeps_reserve(training=True)
    return execute(
        cell, decision, inputs, initial_state, weights, keep_reserve=reserve, **arguments
    )
