"""Ragged sequences: each row gives what it gives alone."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from cells import every_cell_and_ind_rnn
from tolerance import assert_close

import tfrnn_ops

FEATURES, UNITS = 3, 4
LENGTHS = [3, 0, 5, 1]

pytestmark = pytest.mark.filterwarnings("ignore:.*ind_rnn:tfrnn_ops.ReferencePathWarning")


def ragged(lengths=LENGTHS):
    values = tf.random.stateless_normal([sum(lengths), FEATURES], seed=[1, 2])
    return tf.RaggedTensor.from_row_lengths(values, lengths)


def alone(layer, row):
    return layer(ragged()[row][tf.newaxis])


@every_cell_and_ind_rnn
@pytest.mark.parametrize("go_backwards", [False, True])
@pytest.mark.parametrize("in_graph", [False, True])
def test_sequences(case, go_backwards, in_graph):
    layer = case.layer(UNITS, return_sequences=True, return_state=True, go_backwards=go_backwards)
    call = tf.function(layer) if in_graph else layer
    outputs, *states = call(ragged())
    assert isinstance(outputs, tf.RaggedTensor)
    assert outputs.row_lengths().numpy().tolist() == LENGTHS
    assert outputs.shape == (4, None, UNITS)
    for row, length in enumerate(LENGTHS):
        want, *want_states = alone(layer, row)
        assert want.shape[1] == length
        assert_close(outputs[row], want[0], "float32")
        assert_close([s[row : row + 1] for s in states], want_states, "float32")
    (outputs + outputs).flat_values.shape.assert_is_compatible_with([9, UNITS])
    tf.concat([outputs, ragged()], axis=2)  # the same rows


@every_cell_and_ind_rnn
def test_last_outputs(case):
    layer = case.layer(UNITS)
    outputs = layer(ragged())
    assert isinstance(outputs, tf.Tensor)
    for row, length in enumerate(LENGTHS):
        if length:
            assert_close(outputs[row : row + 1], alone(layer, row))
    assert not np.any(outputs[1])


@pytest.mark.parametrize("merge_mode", ["concat", None])
def test_bidirectional(merge_mode):
    layer = tfrnn_ops.Bidirectional(
        tfrnn_ops.GRU(UNITS, return_sequences=True), merge_mode=merge_mode
    )
    outputs = layer(ragged())
    outputs = outputs if merge_mode is None else [outputs]
    for row in range(len(LENGTHS)):
        want = alone(layer, row)
        for got, one in zip(outputs, want if merge_mode is None else [want], strict=True):
            assert_close(got[row], one[0])


def test_stacks_and_cell_states():
    layer = tfrnn_ops.StackedRNN("lstm", UNITS, 2, bidirectional=True, return_sequences=True)
    outputs = layer(ragged())
    for row in range(len(LENGTHS)):
        assert_close(outputs[row], alone(layer, row)[0])


@pytest.mark.filterwarnings("ignore::tfrnn_ops.ReferencePathWarning")
def test_cell_states():
    layer = tfrnn_ops.LSTM(UNITS, return_cell_states=True)
    last, cell_states = layer(ragged())
    assert last.shape == (4, UNITS)
    for row in range(len(LENGTHS)):
        assert_close(cell_states[row], alone(layer, row)[1][0])


def test_gradients_and_training():
    x = ragged()
    layer = tfrnn_ops.LSTM(UNITS, return_sequences=True)
    with tf.GradientTape() as tape:
        tape.watch(x.flat_values)
        loss = tf.reduce_sum(layer(x).flat_values ** 2)
    gradient = tf.convert_to_tensor(tape.gradient(loss, x.flat_values))
    assert np.all(np.abs(gradient).max(axis=1) > 0)

    inputs = keras.Input([None, FEATURES], ragged=True)
    model = keras.Model(inputs, keras.layers.Dense(1)(tfrnn_ops.LSTM(UNITS)(inputs)))
    data = tf.data.Dataset.from_tensors((x, tf.ones([4, 1])))
    model.compile("adam", "mse")
    losses = model.fit(data, epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


def test_wrong_arguments():
    layer = tfrnn_ops.GRU(UNITS)
    with pytest.raises(ValueError, match="mask is given with ragged sequences, which say"):
        layer(ragged(), mask=tf.ones([4, 5], tf.bool))
    with pytest.raises(ValueError, match="sequence_length is given with ragged sequences"):
        layer(ragged(), sequence_length=[1, 2, 3, 4])
    with pytest.raises(ValueError, match=r"layer 'gru.*' is time-major; expected time_major=False"):
        tfrnn_ops.GRU(UNITS, time_major=True)(ragged())
    uneven = tf.ragged.constant([[[1.0], [2.0, 3.0]]])
    with pytest.raises(ValueError, match=r"sequences is ragged, of shape .* and ragged rank 2"):
        layer(uneven)
