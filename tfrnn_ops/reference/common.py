"""The loop over time, and products under dropout, that all reference cells share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

State = tuple[Any, ...]
Step = Callable[[Any, State], State]


def activation_function(activation: Any) -> Callable[[Any], Any]:
    """A Keras activation by its name, a callable as it is, and None as the identity."""
    return keras.activations.get(activation)


def project(inputs: Any, kernel: Any, gates: int, dropout_mask: Any = None) -> Any:
    """Multiplies the inputs of every step by the kernel.

    Args:
        inputs: `[time, batch, features]`.
        kernel: `[features, gates * units]`.
        gates: the number of gates.
        dropout_mask: None, a `[batch, features]` factor of the inputs, or a list with one for
            each gate.

    Returns:
        `[time, batch, gates * units]`.
    """
    if isinstance(dropout_mask, (list, tuple)):
        parts = zip(dropout_mask, tf.split(kernel, gates, axis=1), strict=True)
        return tf.concat([tf.tensordot(inputs * m, part, 1) for m, part in parts], axis=-1)
    return tf.tensordot(inputs if dropout_mask is None else inputs * dropout_mask, kernel, 1)


def gate_states(h: Any, gates: int, dropout_mask: Any = None) -> list[Any]:
    """The output of the previous step as every gate sees it, after its recurrent dropout."""
    if isinstance(dropout_mask, (list, tuple)):
        return [h * m for m in dropout_mask]
    return [h if dropout_mask is None else h * dropout_mask] * gates


def gate_products(states: Sequence[Any], recurrent_kernel: Any) -> list[Any]:
    """The product of each gate's `[batch, units]` state and its columns of the kernel."""
    if all(s is states[0] for s in states):
        return tf.split(tf.matmul(states[0], recurrent_kernel), len(states), axis=1)
    columns = tf.split(recurrent_kernel, len(states), axis=1)
    return [tf.matmul(s, c) for s, c in zip(states, columns, strict=True)]


def run(
    step: Step,
    inputs: Any,
    initial_state: Any,
    kernel: Any,
    bias: Any,
    *,
    gates: int,
    mask: Any,
    time_major: bool,
    go_backwards: bool,
    zero_output_for_mask: bool,
    unroll: bool,
    input_dropout_mask: Any,
) -> tuple[Any, State]:
    """Runs a layer over time, as Keras does on a CPU.

    A masked step keeps the states, and puts out the previous output (zeros before the first
    step that is not masked), or zeros if `zero_output_for_mask`.

    Args:
        step: maps `(x, states)` to the new states, of which the first is also the output. Here
            `x` is `[batch, gates * units]`, one step's share of `inputs kernel + bias`.
        inputs: `[batch, time, features]`, or `[time, batch, features]` if `time_major`.
        initial_state: a sequence of `[batch, units]` tensors; one alone may come without it.
        kernel: `[features, gates * units]`.
        bias: `[gates * units]`, or None.
        gates: the number of gates.
        mask: boolean, the first two axes of `inputs`; or None.
        time_major: whether time is the first axis of `inputs`, `mask` and the outputs.
        go_backwards: whether to begin with the last step.
        zero_output_for_mask: whether masked steps put out zeros.
        unroll: whether to loop in Python; the number of steps must then be static.
        input_dropout_mask: as for `project`.

    Returns:
        `(outputs, final_state)`, the outputs laid out as `inputs`, in the order of processing.
    """
    if not time_major:
        inputs, mask = _swap_time_and_batch(inputs), _swap_time_and_batch(mask)
    if go_backwards:
        inputs = tf.reverse(inputs, [0])
        mask = None if mask is None else tf.reverse(mask, [0])
    projected = project(inputs, kernel, gates, input_dropout_mask)
    if bias is not None:
        projected += bias
    if not isinstance(initial_state, (list, tuple)):
        initial_state = (initial_state,)
    states = tuple(tf.ensure_shape(s, [inputs.shape[1], None]) for s in initial_state)
    nothing = tf.zeros_like(states[0])

    def masked_step(x: Any, active: Any, output: Any, states: State) -> tuple[Any, State]:
        new_states = step(x, states)
        if active is None:
            return new_states[0], new_states
        active = active[:, tf.newaxis]
        idle = nothing if zero_output_for_mask else output
        carried = tuple(tf.where(active, n, s) for n, s in zip(new_states, states, strict=True))
        return tf.where(active, new_states[0], idle), carried

    loop = _python_loop if unroll else _while_loop
    outputs, states = loop(masked_step, projected, mask, nothing, states)
    return outputs if time_major else _swap_time_and_batch(outputs), states


def _python_loop(
    step: Callable[..., Any], projected: Any, mask: Any, nothing: Any, states: State
) -> tuple[Any, State]:
    if projected.shape[0] is None:
        raise ValueError("unroll needs a static number of steps; found an unknown one")
    outputs = [nothing]
    for t in range(projected.shape[0]):
        output, states = step(projected[t], None if mask is None else mask[t], outputs[-1], states)
        outputs.append(output)
    return tf.stack(outputs)[1:], states


def _while_loop(
    step: Callable[..., Any], projected: Any, mask: Any, nothing: Any, states: State
) -> tuple[Any, State]:
    time = projected.shape[0] if projected.shape[0] is not None else tf.shape(projected)[0]
    steps = tf.TensorArray(projected.dtype, time).unstack(projected)
    active = None if mask is None else tf.TensorArray(tf.bool, time).unstack(mask)
    # One element more than there are steps, so that it is never empty: an empty TensorArray of
    # a batch size unknown to the graph cannot be stacked.
    outputs = tf.TensorArray(nothing.dtype, time + 1, element_shape=nothing.shape)
    outputs = outputs.write(0, nothing)

    def body(t: Any, outputs: Any, output: Any, states: State) -> tuple[Any, ...]:
        output, states = step(
            steps.read(t), None if active is None else active.read(t), output, states
        )
        return t + 1, outputs.write(t + 1, output), output, states

    _, outputs, _, states = tf.while_loop(
        lambda t, *_: t < time,
        body,
        (tf.constant(0), outputs, nothing, states),
        maximum_iterations=time,
    )
    return outputs.stack()[1:], states


def _swap_time_and_batch(tensor: Any) -> Any:
    """Makes a batch-major sequence time-major, and back; None stays None."""
    if tensor is None:
        return None
    return tf.transpose(tensor, [1, 0, *range(2, tensor.shape.rank)])
