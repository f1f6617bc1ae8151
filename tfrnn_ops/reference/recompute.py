"""Computes a part of the forward pass again for its gradient, which then need not keep it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf


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
            with tf.GradientTape() as tape:
                tape.watch(again)
                results = tf.nest.flatten(values(again))
            gradients = tape.gradient(
                results, [*again, *variables], upstream, unconnected_gradients="zero"
            )
            by_argument, by_variable = gradients[: len(flat)], gradients[len(flat) :]
            return (by_argument, by_variable) if variables else by_argument

        return values(flat), gradient

    return call(*shared, *tf.nest.flatten(arguments))
