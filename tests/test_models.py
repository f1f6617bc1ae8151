"""Models: wrappers, the three ways to build one, and training."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from cells import LSTM, copy_random_weights, every_cell, random_mask
from gradients import values_and_gradients
from tolerance import assert_close

import tfrnn_ops

BATCH, TIME, FEATURES, UNITS = 4, 5, 3, 6


def sequential(case, module):
    return keras.Sequential(
        [
            keras.Input([None, FEATURES]),
            keras.layers.Masking(),
            case.layer(UNITS, module, return_sequences=True, dropout=0.2, seed=1),
            keras.layers.Bidirectional(case.layer(UNITS, module)),
            keras.layers.Dense(2),
        ]
    )


def functional(case, module):
    sequences = keras.Input([None, FEATURES])
    states = [keras.Input([UNITS]) for _ in range(case.states)]
    layer = case.layer(UNITS, module, return_sequences=True, return_state=True)
    outputs, *final = layer(sequences, initial_state=states)
    outputs = case.layer(UNITS, module)(outputs)
    return keras.Model([sequences, *states], [outputs, *final])


class Subclassed(keras.Model):
    def __init__(self, case, module):
        super().__init__()
        self.first = case.layer(UNITS, module, return_sequences=True)
        self.second = case.layer(UNITS, module)

    def call(self, sequences, training=False):
        return self.second(self.first(sequences), training=training)


def data():
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal([16, TIME, FEATURES]).astype("float32")
    inputs[3:6, 2:] = 0  # masked
    return inputs, inputs[:, :, 0].sum(axis=1, keepdims=True) * [1.0, -1.0]


def pair(make, case, example):
    models = make(case, keras.layers), make(case, tfrnn_ops)
    for model in models:
        model(example)
    copy_random_weights(*models)
    return models


def fit_and_compare(case, **options):
    inputs, targets = data()
    models = pair(sequential, case, inputs)
    losses = []
    for model in models:
        model.compile("sgd", "mse", **options)
        history = model.fit(inputs, targets, batch_size=8, epochs=2, shuffle=False, verbose=0)
        losses.append(history.history["loss"])
    assert losses[0][-1] < losses[0][0]
    assert_close(losses[1], losses[0], "training")
    weights = [model.get_weights() for model in models]
    assert_close(weights[1], weights[0], "training")


@every_cell
def test_fit_equals_keras(case):
    fit_and_compare(case)


def test_fit_run_eagerly_equals_keras():
    fit_and_compare(LSTM, run_eagerly=True)


@every_cell
def test_predict_and_evaluate_equal_keras(case):
    inputs, targets = data()
    theirs, ours = pair(Subclassed, case, inputs)
    assert_close(ours.predict(inputs, verbose=0), theirs.predict(inputs, verbose=0))
    losses = []
    for model in (ours, theirs):
        model.compile(loss=lambda y, p: keras.ops.mean(y[:, :1] * p))
        losses.append(model.evaluate(inputs, targets, verbose=0))
    assert_close(*losses, "float32")


@every_cell
def test_functional_equals_keras(case):
    inputs = [data()[0], *(np.ones([16, UNITS], "float32"),) * case.states]
    theirs, ours = pair(functional, case, inputs)
    assert_close(ours(inputs), theirs(inputs))


@every_cell
def test_functional_with_sequence_length(case):
    sequences = keras.Input([None, FEATURES])
    lengths = keras.Input([], dtype="int32")
    layer = case.layer(UNITS)
    model = keras.Model([sequences, lengths], layer(sequences, sequence_length=lengths))
    inputs, lengths = data()[0], np.arange(16) % (TIME + 1)
    want = layer(inputs, mask=np.arange(TIME) < lengths[:, None])
    assert_close(model([inputs, lengths]), want)
    assert_close(model.predict([inputs, lengths], verbose=0), want)


@every_cell
def test_subclassed_equals_keras(case):
    inputs, _ = data()
    theirs, ours = pair(Subclassed, case, inputs)
    (want, dwant), (got, dgot) = (
        values_and_gradients(lambda f=f: f(inputs, training=True), f.trainable_variables)
        for f in (theirs, ours)
    )
    assert_close(got, want)
    assert_close(dgot, dwant)


@every_cell
@pytest.mark.parametrize("merge_mode", ["concat", "sum", None])
@pytest.mark.parametrize("return_sequences", [False, True])
def test_bidirectional_equals_keras(case, merge_mode, return_sequences):
    def make(case, module):
        layer = case.layer(UNITS, module, return_sequences=return_sequences)
        return keras.layers.Bidirectional(layer, merge_mode=merge_mode)

    inputs = tf.constant(data()[0])
    theirs, ours = pair(make, case, inputs)
    assert type(ours.backward_layer) is type(case.layer(UNITS))
    mask = tf.constant(random_mask(16, TIME))
    (want, dwant), (got, dgot) = (
        values_and_gradients(lambda f=f: f(inputs, mask=mask), [inputs, *f.trainable_variables])
        for f in (theirs, ours)
    )
    assert_close(got, want)
    assert_close(dgot, dwant)


@every_cell
def test_time_distributed_equals_keras(case):
    def make(case, module):
        return keras.layers.TimeDistributed(case.layer(UNITS, module))

    # As many sequences as steps of the outer axis: Keras 3.15 takes the one number for the other
    # where the second is unknown, and then maps over steps with `tf.vectorized_map`.
    inputs = tf.random.stateless_normal([2, 2, TIME, FEATURES], seed=[1, 2])
    theirs, ours = pair(make, case, inputs)
    (want, dwant), (got, dgot) = (
        values_and_gradients(lambda f=f: f(inputs, training=True), f.trainable_variables)
        for f in (theirs, ours)
    )
    assert_close(got, want)
    assert_close(dgot, dwant)

    @tf.function(input_signature=[tf.TensorSpec([2, None, TIME, FEATURES])], autograph=False)
    def graph(x):
        def call():
            return tf.ensure_shape(ours(x, training=True), want[0].shape)

        return values_and_gradients(call, ours.trainable_variables)

    got, dgot = graph(inputs)
    assert_close(got, want)
    assert_close(dgot, dwant)


def test_keras_keeps_a_model_out_of_xla():
    inputs, targets = data()
    model = keras.Sequential([tfrnn_ops.LSTM(UNITS), keras.layers.Dense(2)])
    with pytest.warns(UserWarning, match="Model doesn't support `jit_compile=True`"):
        model.compile("sgd", "mse", jit_compile=True)
    assert not model.jit_compile
    model.fit(inputs, targets, epochs=1, verbose=0)  # on the fused path, or it would warn
