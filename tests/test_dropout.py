"""Dropout: the same numbers as Keras from the same seed, and the path that it takes."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from cells import draws_a_mask_for_every_gate, every_cell, layer_pair, random_mask
from gradients import values_and_gradients
from problems import problem
from tolerance import assert_close, assert_same_bits

import tfrnn_ops

SHAPE = [3, 5, 4]


def inputs():
    return tf.random.stateless_normal(SHAPE, seed=[1, 2])


def compare_training(theirs, ours, steps=3, **kwargs):
    """Some training steps with an inference step between, on the same seeds."""
    x = inputs()
    for step in range(steps):
        (want, dwant), (got, dgot) = (
            values_and_gradients(
                lambda f=f, step=step: f(x, training=step != 1, **kwargs),
                [x, *f.trainable_variables],
            )
            for f in (theirs, ours)
        )
        assert_close(got, want)
        assert_close(dgot, dwant)


@every_cell
@pytest.mark.parametrize("mask", [False, True])
def test_dropout_of_the_inputs_is_fused_and_equals_keras(case, mask):
    theirs, ours = layer_pair(case, 6, SHAPE, dropout=0.4, seed=7, return_sequences=True)
    compare_training(theirs, ours, mask=tf.constant(random_mask(3, 5)) if mask else None)


@every_cell
@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("options", [{}, {"go_backwards": True, "zero_output_for_mask": True}])
def test_recurrent_dropout_equals_keras(case, dropout, options):
    theirs, ours = layer_pair(
        case, 6, SHAPE, dropout=dropout, recurrent_dropout=0.4, seed=7, **options
    )
    compare_training(theirs, ours, mask=tf.constant(random_mask(3, 5)))  # a warning is an error


@every_cell
def test_recurrent_dropout_is_fused_in_inference(case):
    theirs, ours = layer_pair(case, 6, SHAPE, recurrent_dropout=0.4, seed=7)
    assert_close(ours(inputs()), theirs(inputs()))  # a warning would be an error


@every_cell
@pytest.mark.parametrize("rate", ["dropout", "recurrent_dropout"])
def test_a_rate_of_one_is_what_keras_makes_of_it(case, rate):
    theirs, ours = layer_pair(case, 6, SHAPE, **{rate: 1.0}, seed=7)
    with tfrnn_ops.use_reference():
        try:
            want = theirs(inputs(), training=True)
        except ValueError:  # Keras 3.5
            with pytest.raises(ValueError, match="must be a scalar tensor or a float in the range"):
                ours(inputs(), training=True)
            return
        assert_close(ours(inputs(), training=True), want)
    if rate == "dropout":
        assert_close(ours(inputs(), training=True), want)


@draws_a_mask_for_every_gate
@pytest.mark.parametrize("name", ["LSTM", "GRU"])
def test_a_mask_for_every_gate_equals_keras(name):
    # With use_cudnn="auto" Keras 3.15 fails on a list of masks.
    theirs, ours = (
        getattr(module, name)(6, dropout=0.4, implementation=1, use_cudnn=False, seed=7)
        for module in (keras.layers, tfrnn_ops)
    )
    for layer in (theirs, ours):
        layer.build(SHAPE)
    ours.set_weights(theirs.get_weights())
    compare_training(theirs, ours)


@every_cell
def test_dropout_in_graphs_equals_keras(case):
    theirs, ours = layer_pair(case, 6, SHAPE, dropout=0.4, seed=7)
    graphs = [tf.function(lambda x, f=f: f(x, training=True)) for f in (theirs, ours)]
    first = None
    for _ in range(3):
        want, got = (graph(inputs()) for graph in graphs)
        assert_close(got, want)
        assert first is None or not np.array_equal(first, got)
        first = got


@every_cell
def test_dropout_without_a_seed_follows_the_global_one(case):
    outputs = []
    for module in (keras.layers, tfrnn_ops):
        keras.utils.set_random_seed(5)
        outputs.append(case.layer(6, module, dropout=0.5)(inputs(), training=True))
    assert_close(outputs[1], outputs[0])


@every_cell
def test_the_op_takes_one_mask_for_all_gates(case):
    kind = case.layer(6).kind
    given = problem(kind.name).tensors("float32")
    mask = tf.cast(tf.random.stateless_uniform([1, 3, 6], [1, 2]) < 0.7, "float32") / 0.7
    variables = given.arrays()

    def call(factors):
        def run():
            results = kind.fused(
                given.inputs,
                given.states,
                *given.weights.values(),
                None,
                recurrent_dropout_mask=factors,
                keep_reserve=True,
            )
            return tf.nest.flatten(results)

        with tf.GradientTape() as tape:
            tape.watch(variables)
            values, gradients = values_and_gradients(run, variables)
        return values, gradients, tape.gradient(gradients[0], variables)

    each, one = call(tf.tile(mask, [kind.gates, 1, 1])), call(mask)
    assert_same_bits(one[0], each[0])
    assert_same_bits(one[1], each[1])
    assert_close(one[2], each[2])
