"""Computes a part of the forward pass again for its gradient, which then need not keep it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from tfrnn_ops import _tensorflow


def recomputed(
    function: Callable[..., Any], weights: Mapping[str, Any], arguments: Any, constants: Any
) -> Any:
    """Calls `function(weights, *arguments, *constants)`; its gradient keeps the arguments only.

    Unlike `tf.recompute_grad` it can be differentiated any number of times and in forward mode,
    and a `tf.while_loop` around it keeps the weights once instead of once for every iteration.

    Args:
        function: returns nested floating tensors. It may use variables, but no other outside
            tensors that are to have a gradient.
        weights: floating tensors that are the same wherever the function is called.
        arguments: nested floating tensors.
        constants: nested tensors that have no gradient, or None.

    Returns:
        What the function returns.
    """
    shared = tf.nest.flatten(weights)

    @tf.custom_gradient
    def call(*flat: Any) -> tuple[Any, Callable[..., Any]]:
        def values(flat: Any) -> Any:
            w, a = tf.nest.pack_sequence_as((weights, arguments), flat)
            return function(w, *a, *constants)

        def gradient(*upstream: Any, variables: Any = ()) -> Any:
            # The dependency keeps a graph from computing again before the gradient is there, or
            # from sharing the first pass's work. A loop has `flat`'s weights for each iteration.
            with tf.control_dependencies(upstream):
                again = [tf.identity(tensor) for tensor in (*shared, *flat[len(shared) :])]
            gradients = _gradients(values, again, variables, upstream)
            by_argument, by_variable = gradients[: len(flat)], gradients[len(flat) :]
            return (by_argument, by_variable) if variables else by_argument

        if tf.executing_eagerly() and not _tensorflow.has_tangents(flat):
            # An eager tape would record this pass too. Forward mode needs it.
            return values([tf.stop_gradient(tensor) for tensor in flat]), gradient
        return values(flat), gradient

    return call(*shared, *tf.nest.flatten(arguments))


def _gradients(
    function: Callable[..., Any], arguments: Any, variables: Sequence[Any], upstream: Sequence[Any]
) -> list[Any]:
    """The gradients of `function(arguments)` by the arguments, then by the variables."""
    if tf.executing_eagerly():
        with tf.GradientTape() as tape:
            tape.watch(arguments)
            results = tf.nest.flatten(function(arguments))
        sources = [*arguments, *variables]
        return tape.gradient(results, sources, upstream, unconnected_gradients="zero")

    # In a graph a tape here would hide the gradient from a ForwardAccumulator around a function
    # around us. `tf.gradients` does not, but a loop that it has been through gives a tape around
    # us wrong second derivatives, unless a function stands between them.
    @tf.function(autograph=False)
    def in_function(arguments: Any, upstream: Any) -> list[Any]:
        results = tf.nest.flatten(function(arguments))
        sources = [*arguments, *variables]
        return tf.gradients(results, sources, upstream, unconnected_gradients="zero")

    # Called as it is, it would be warned of as a function that is traced too often.
    return in_function.get_concrete_function(arguments, upstream)(arguments, upstream)
