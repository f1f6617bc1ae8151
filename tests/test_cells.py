"""The cells: alone, in `keras.layers.RNN`, stacked and wrapped."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from cells import LSTM, SIMPLE_RNN, copy_random_weights, every_cell, random_mask
from gradients import values_and_gradients
from tolerance import assert_close

import tfrnn_ops
from tfrnn_ops.options import LAYER_DEFAULTS

BATCH, TIME, FEATURES, UNITS = 3, 5, 4, 6


def inputs():
    return tf.random.stateless_normal([BATCH, TIME, FEATURES], seed=[1, 2])


def compare(make, *args, **kwargs):
    """Values and gradients of what `make` makes of our module and of Keras's."""
    theirs, ours = make(keras.layers), make(tfrnn_ops)
    for layer in (theirs, ours):
        layer(*args, **kwargs)
    copy_random_weights(theirs, ours)
    (want, dwant), (got, dgot) = (
        values_and_gradients(lambda f=f: f(*args, **kwargs), [*args, *f.trainable_variables])
        for f in (theirs, ours)
    )
    assert_close(got, want)
    assert_close(dgot, dwant)


@every_cell
def test_one_step_equals_keras(case):
    theirs, ours = case.cell(UNITS, keras.layers), case.cell(UNITS)
    for cell in (theirs, ours):
        cell.build([None, FEATURES])
    copy_random_weights(theirs, ours)
    x = inputs()[:, 0]
    states = [tf.random.stateless_normal([BATCH, UNITS], seed=[3, i]) for i in range(case.states)]
    (want, dwant), (got, dgot) = (
        values_and_gradients(lambda f=f: f(x, states), [x, *states, *f.trainable_variables])
        for f in (theirs, ours)
    )
    assert_close(got, want)
    assert_close(dgot, dwant)


@every_cell
def test_it_is_a_keras_cell(case):
    theirs, ours = case.cell(UNITS, keras.layers, name="same"), case.cell(UNITS, name="same")
    assert isinstance(ours, type(theirs))
    assert ours.state_size == theirs.state_size
    assert ours.output_size == theirs.output_size
    zeros = ours.get_initial_state(batch_size=2)
    assert [z.shape for z in zeros] == [z.shape for z in theirs.get_initial_state(batch_size=2)]
    own = {name: LAYER_DEFAULTS[name] for name in set(ours.get_config()) - set(theirs.get_config())}
    assert ours.get_config() == {**theirs.get_config(), **own}


def test_states_come_back_as_they_went_in():
    cell = SIMPLE_RNN.cell(UNITS)
    state = tf.zeros([BATCH, UNITS])
    alone = cell(inputs()[:, 0], state)[1]
    assert isinstance(alone, tf.Tensor)
    assert isinstance(cell(inputs()[:, 0], [state])[1], list)
    assert_close(cell.call(sequence=inputs()[:, 0], states=state)[0], alone)


@every_cell
@pytest.mark.parametrize("mask", [False, True])
@pytest.mark.parametrize("options", [{}, {"unroll": True}, {"go_backwards": True}], ids=str)
def test_in_rnn(case, mask, options):
    compare(
        lambda module: keras.layers.RNN(
            case.cell(UNITS, module), return_sequences=True, return_state=True, **options
        ),
        inputs(),
        mask=tf.constant(random_mask(BATCH, TIME)) if mask else None,
    )


@every_cell
def test_in_a_graph(case):
    layer = keras.layers.RNN(case.cell(UNITS), return_sequences=True)
    layer(inputs())
    variables = [inputs(), *layer.trainable_variables]
    eager = values_and_gradients(lambda: layer(variables[0]), variables)
    run = tf.function(lambda x: values_and_gradients(lambda: layer(x), [x, *variables[1:]]))
    graph = run(variables[0])
    assert_close(graph[0], eager[0])
    assert_close(graph[1], eager[1])


@every_cell
@pytest.mark.parametrize("rates", [{"dropout": 0.4}, {"recurrent_dropout": 0.4}], ids=str)
def test_dropout(case, rates):
    theirs, ours = (
        keras.layers.RNN(case.cell(UNITS, module, seed=7, **rates), return_sequences=True)
        for module in (keras.layers, tfrnn_ops)
    )
    for layer in (theirs, ours):
        layer.build([BATCH, TIME, FEATURES])
    copy_random_weights(theirs, ours)

    for _ in range(2):
        assert_close(ours(inputs(), training=True), theirs(inputs(), training=True))


@pytest.mark.parametrize("name", ["relu", "linear"])
@every_cell
def test_other_activations(case, name):
    compare(lambda m: keras.layers.RNN(case.cell(UNITS, m, activation=name)), inputs())


@every_cell
def test_an_activation_of_ones_own(case):
    def doubled(x):
        return 2 * x

    with pytest.warns(tfrnn_ops.ReferencePathWarning, match="activation: doubled, which the fused"):
        compare(lambda m: keras.layers.RNN(case.cell(UNITS, m, activation=doubled)), inputs())


@every_cell
@pytest.mark.parametrize("stacked", [False, True], ids=["list", "StackedRNNCells"])
def test_stacked(case, stacked):
    def make(module):
        cells = [
            cell.cell(units, module, dtype="float64")
            for cell, units in ((case, UNITS), (LSTM, 3), (case, 2))
        ]
        cells = keras.layers.StackedRNNCells(cells, dtype="float64") if stacked else cells
        return keras.layers.RNN(cells, return_sequences=True, dtype="float64")

    compare(make, tf.cast(inputs(), "float64"))


@every_cell
def test_stacked_with_dropout(case):
    def make(module):
        cells = [case.cell(UNITS, module, dropout=0.3, seed=s) for s in (1, 2)]
        return keras.layers.RNN(cells, return_sequences=True)

    theirs, ours = make(keras.layers), make(tfrnn_ops)
    for layer in (theirs, ours):
        layer.build([BATCH, TIME, FEATURES])
    copy_random_weights(theirs, ours)
    assert_close(ours(inputs(), training=True), theirs(inputs(), training=True))


@every_cell
def test_bidirectional(case):
    compare(
        lambda module: keras.layers.Bidirectional(
            keras.layers.RNN(case.cell(UNITS, module), return_sequences=True)
        ),
        inputs(),
        mask=tf.constant(random_mask(BATCH, TIME)),
    )


@every_cell
def test_empty_batch(case):
    output, states = case.cell(UNITS)(tf.zeros([0, FEATURES]), [tf.zeros([0, UNITS])] * case.states)
    assert output.shape == (0, UNITS)
    assert [s.shape for s in states] == [(0, UNITS)] * case.states


@every_cell
def test_dtypes(case):
    cell = case.cell(UNITS, dtype="mixed_bfloat16")
    output, states = cell(np.zeros([2, FEATURES]), cell.get_initial_state(batch_size=2))
    assert {t.dtype.name for t in (output, *states)} == {"bfloat16"}
    assert cell.kernel.dtype == "float32"
