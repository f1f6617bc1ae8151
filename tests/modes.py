"""Derivatives of a function that maps a flat list of tensors to another, in every mode."""

import tensorflow as tf


def loss(values):
    """A number that depends on every element, whether or not shapes are known."""
    return tf.add_n([tf.reduce_sum(v**2 + v) for v in values])


def first_gradients(function, flat):
    flat = list(flat)
    with tf.GradientTape() as tape:
        tape.watch(flat)
        values = function(flat)
        result = loss(values)
    return [*values, *tape.gradient(result, flat, unconnected_gradients="zero")]


def second_gradients(function, flat):
    flat = list(flat)
    with tf.GradientTape() as tape:
        tape.watch(flat)
        result = loss(first_gradients(function, flat))
    return tape.gradient(result, flat)


def directional(function, flat):
    flat = list(flat)
    with tf.autodiff.ForwardAccumulator(flat, [tf.ones_like(t) for t in flat]) as accumulator:
        result = loss(function(flat))
    return [accumulator.jvp(result)]


def hessian_times_ones(function, flat):
    """Forward over reverse."""
    flat = list(flat)
    with tf.autodiff.ForwardAccumulator(flat, [tf.ones_like(t) for t in flat]) as accumulator:
        gradients = first_gradients(function, flat)
    return accumulator.jvp(gradients)
