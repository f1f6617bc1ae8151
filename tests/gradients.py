"""Values and gradients of a function, in a form that two implementations can share."""

import numpy as np
import tensorflow as tf


def projection(values):
    """A fixed random weighted sum of tensors: its gradient depends on every element.

    The weights are the same numbers in every dtype, being odd multiples of an eighth.
    """
    rng = np.random.default_rng(0)
    terms = [
        tf.reduce_sum(v * tf.cast((2 * rng.integers(-8, 8, v.shape) + 1) / 8, v.dtype))
        for v in tf.nest.flatten(values)
    ]
    return tf.add_n(terms)


def values_and_gradients(function, variables):
    """`function()`'s tensors, and the gradients of a random projection of them.

    Args:
        function: returns tensors, maybe nested.
        variables: tensors or variables to differentiate by.

    Returns:
        `(values, gradients)`, two flat lists.
    """
    variables = tf.nest.flatten(variables)
    with tf.GradientTape() as tape:
        for variable in variables:
            if isinstance(variable, tf.Tensor):
                tape.watch(variable)
        values = tf.nest.flatten(function())
        loss = projection(values)
    gradients = tape.gradient(loss, variables)
    assert all(g is not None for g in gradients)
    return values, gradients
