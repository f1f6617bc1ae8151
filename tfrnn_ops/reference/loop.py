"""The loop over time that all reference cells share: layout, masks, segments to recompute."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from tfrnn_ops import _tensorflow
from tfrnn_ops.reference.common import normalise, product, size, static_size, with_shape
from tfrnn_ops.reference.recompute import recomputed

State = tuple[Any, ...]
Weights = Mapping[str, Any]
Step = Callable[[Any, Any, State], State]


def run(
    cell: Callable[[Weights], Step],
    inputs: Any,
    initial_state: Any,
    weights: Weights,
    *,
    gates: int,
    layer_norm_epsilon: float,
    mask: Any,
    time_major: bool,
    go_backwards: bool,
    zero_output_for_mask: bool,
    unroll: bool,
    recompute: int | None,
    state_dropout_mask: Any = None,
    emit: int = 1,
) -> tuple[State, State]:
    """Runs a layer over time, as Keras does on a CPU.

    A masked step keeps the states, and puts out the previous output (zeros before the first
    step that is not masked), or zeros if `zero_output_for_mask`.

    Args:
        cell: maps the weights to a step, which maps `(t, x, states)` to the new states, of which
            the first is also the output. Here `t` counts the steps in the order of processing
            and `x` is `[batch, gates * units]`, the inputs' share of one step.
        inputs: `[batch, time, features]`, or `[time, batch, features]` if `time_major`; or
            integers without the last axis, each for a one-hot row.
        initial_state: a sequence of `[batch, width]` tensors; one alone may come without it.
        weights: all floating tensors that the cell needs besides inputs and states, by name; what
            is None is left out. For the inputs' share: `kernel [features, gates * units]`,
            `bias [gates * units]`, `input_norm [2, gates * units]`, and `input_dropout`, the
            dropout mask of `common.product`.
        gates: the number of gates.
        layer_norm_epsilon: added to the variances.
        mask: boolean, the first two axes of `inputs`; or None.
        time_major: whether time is the first axis of `inputs`, `mask` and the outputs.
        go_backwards: whether to begin with the last step.
        zero_output_for_mask: whether masked steps put out zeros.
        unroll: whether to loop in Python; the number of steps must then be static.
        recompute: for the gradient, keep the states of one step in so many only; None for all.
        state_dropout_mask: factors of the first state as each step starts from it, `[time, batch,
            width]` in the order of processing; or None.
        emit: how many of the states to put out at every step.

    Returns:
        `(sequences, final_state)`: of the states to put out, the first being the outputs, what
        they are after every step, laid out as `inputs` in the order of processing; and the last
        states. Where a masked step repeats the previous output, it repeats the other states as
        they are carried.

    Raises:
        ValueError: `unroll` with an unknown number of steps, a `recompute` that is no length, or
            shapes that do not fit.
    """
    if recompute is not None and recompute < 1:
        raise ValueError(f"recompute: found {recompute}; expected a number of steps, or None")
    if state_dropout_mask is not None:
        state_dropout_mask = tf.stop_gradient(state_dropout_mask)
    if inputs.dtype.is_integer:
        kernel = tf.convert_to_tensor(weights["kernel"])
        inputs = tf.one_hot(inputs, size(kernel, 0), dtype=kernel.dtype)
    if not time_major:
        inputs, mask = _swap_time_and_batch(inputs), _swap_time_and_batch(mask)
    if go_backwards:
        inputs = tf.reverse(inputs, [0])
        mask = None if mask is None else tf.reverse(mask, [0])
    weights = {
        name: tf.nest.map_structure(tf.convert_to_tensor, weight)
        for name, weight in weights.items()
        if weight is not None
    }
    if not isinstance(initial_state, (list, tuple)):
        initial_state = (initial_state,)
    states = tuple(with_shape(s, [static_size(inputs, 1), None]) for s in initial_state)
    nothing = tuple(tf.zeros_like(s) for s in states[:emit])

    def segment(weights: Weights, x: Any, carry: Any, steps: Any, first: Any) -> tuple[Any, Any]:
        """Processes the steps from `first`.

        `carry` is the last output and the states, `steps` the mask and the state's factors.
        """
        step = cell(weights)
        share = product(x, weights["kernel"], gates, weights.get("input_dropout"))
        share = normalise(share, weights.get("input_norm"), layer_norm_epsilon)
        if "bias" in weights:
            share += weights["bias"]

        def masked_step(t: Any, slices: Any, carry: Any) -> tuple[Any, Any]:
            x, active, factors = slices
            output, states = carry
            seen = states if factors is None else (states[0] * factors, *states[1:])
            new = step(first + t, x, seen)
            if active is None:
                return new[:emit], (new[0], new)
            active = active[:, tf.newaxis]
            states = tuple(tf.where(active, n, s) for n, s in zip(new, states, strict=True))
            idle = nothing if zero_output_for_mask else (output, *states[1:emit])
            emitted = tuple(tf.where(active, n, i) for n, i in zip(new[:emit], idle, strict=True))
            return emitted, (emitted[0], states)

        return _scan(masked_step, (share, *steps), carry, nothing, unroll)

    def all_steps(weights: Weights, x: Any, carry: Any, steps: Any) -> tuple[Any, Any]:
        if recompute is None:
            return segment(weights, x, carry, steps, 0)
        return _run_segments(segment, recompute, weights, x, carry, steps, nothing, unroll)

    tensors = tf.nest.flatten((inputs, states, weights))
    if not (unroll or tf.executing_eagerly()) and _tensorflow.has_tangents(tensors):
        # TensorFlow has no forward mode through a loop of the graph that it is asked for in. In
        # Python's loop it has, and through a function it has the first derivative.
        unroll = static_size(inputs, 0) is not None
        if not unroll:
            all_steps = tf.function(all_steps, autograph=False)
    outputs, (_, states) = all_steps(
        weights, inputs, (nothing[0], states), (mask, state_dropout_mask)
    )
    return outputs if time_major else tuple(map(_swap_time_and_batch, outputs)), states


def _run_segments(
    segment: Callable[..., tuple[Any, Any]],
    length: int,
    weights: Weights,
    inputs: Any,
    carry: Any,
    steps: tuple[Any, ...],
    nothing: State,
    unroll: bool,
) -> tuple[State, Any]:
    """Runs segments of `length` steps, then the steps that are left."""
    count = size(inputs, 0) // length
    outputs = []
    if static_size(inputs, 0) is None or count:

        def run_one(number: Any, slices: Any, carry: Any) -> tuple[State, Any]:
            x, *steps = slices
            return recomputed(segment, weights, (x, carry), (steps, number * length))

        folded = tuple(None if s is None else _fold(s, count, length) for s in (inputs, *steps))
        blank = tuple(tf.repeat(n[tf.newaxis], length, axis=0) for n in nothing)
        blocks, carry = _scan(run_one, folded, carry, blank, unroll)
        outputs.append(tuple(map(_unfold, blocks)))
    left = inputs[count * length :]
    left_steps = [None if s is None else s[count * length :] for s in steps]
    if static_size(left, 0) != 0 or not outputs:
        last, carry = recomputed(segment, weights, (left, carry), (left_steps, count * length))
        outputs.append(last)
    return tuple(tf.concat(parts, 0) for parts in zip(*outputs, strict=True)), carry


def _scan(
    step: Callable[[Any, Any, Any], tuple[State, Any]],
    sequences: tuple[Any, ...],
    carry: Any,
    nothing: State,
    unroll: bool,
) -> tuple[State, Any]:
    """Calls `step(number, slices, carry)`, which returns what it puts out and the new carry.

    Args:
        step: what to call.
        sequences: tensors with a common first axis, to be sliced along it; or None.
        carry: what the first call gets; a nested tuple of tensors.
        nothing: tensors like what a call puts out.
        unroll: whether to loop in Python; the number of steps must then be static.

    Returns:
        `(outputs, carry)`: what all calls put out, stacked, and the last carry.

    Raises:
        ValueError: `unroll` with an unknown number of steps.
    """
    steps = static_size(sequences[0], 0)
    if steps == 0:  # which XLA does not compile as a loop
        return tuple(tf.stack([n])[:0] for n in nothing), carry
    if not unroll:
        return _while_loop(step, sequences, carry, nothing)
    if steps is None:
        raise ValueError("unroll needs a static number of steps; found an unknown one")
    outputs = [nothing]
    for t in range(steps):
        slices = tuple(None if s is None else s[t] for s in sequences)
        emitted, carry = step(t, slices, carry)
        outputs.append(emitted)
    return tuple(tf.stack(o)[1:] for o in zip(*outputs, strict=True)), carry


def _while_loop(
    step: Callable[[Any, Any, Any], tuple[State, Any]],
    sequences: tuple[Any, ...],
    carry: Any,
    nothing: State,
) -> tuple[State, Any]:
    steps = size(sequences[0], 0)
    readers = [None if s is None else tf.TensorArray(s.dtype, steps).unstack(s) for s in sequences]
    # One element more than there are steps, so that it is never empty: an empty TensorArray of
    # a batch size unknown to the graph cannot be stacked.
    writers = tuple(
        tf.TensorArray(n.dtype, steps + 1, element_shape=n.shape).write(0, n) for n in nothing
    )

    def body(t: Any, writers: State, carry: Any) -> tuple[Any, ...]:
        emitted, carry = step(t, tuple(None if r is None else r.read(t) for r in readers), carry)
        written = (w.write(t + 1, e) for w, e in zip(writers, emitted, strict=True))
        return t + 1, tuple(written), carry

    _, writers, carry = tf.while_loop(
        lambda t, *_: t < steps, body, (tf.constant(0), writers, carry), maximum_iterations=steps
    )
    return tuple(w.stack()[1:] for w in writers), carry


def _fold(sequence: Any, count: Any, length: int) -> Any:
    """Cuts the first `count * length` steps into `[count, length, ...]`."""
    sizes = tf.concat([[count, length], tf.shape(sequence)[1:]], axis=0)
    folded = tf.reshape(sequence[: count * length], sizes)
    static_count = count if isinstance(count, int) else None
    return with_shape(folded, [static_count, length, *sequence.shape[1:]])


def _unfold(blocks: Any) -> Any:
    """Makes `[count, length, ...]` a sequence of `count * length` steps."""
    count, length, *others = (size(blocks, axis) for axis in range(blocks.shape.rank))
    return tf.reshape(blocks, tf.stack([count * length, *others]))


def _swap_time_and_batch(tensor: Any) -> Any:
    """Makes a batch-major sequence time-major, and back; None stays None."""
    if tensor is None:
        return None
    return tf.transpose(tensor, [1, 0, *range(2, tensor.shape.rank)])
