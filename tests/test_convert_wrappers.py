"""`convert` inside wrappers."""

import keras
import pytest
import tensorflow as tf
from cells import CASES, every_cell
from test_convert import INPUTS, KERAS, check, parts
from tolerance import assert_close

import tfrnn_ops


@every_cell
@pytest.mark.parametrize("wrapper", [KERAS.Bidirectional, KERAS.TimeDistributed])
def test_wrappers(case, wrapper):
    inputs = INPUTS if wrapper is KERAS.Bidirectional else INPUTS[:, None]
    converted = check(wrapper(case.layer(4, KERAS)), inputs)
    assert type(converted) is (
        tfrnn_ops.Bidirectional if wrapper is KERAS.Bidirectional else wrapper
    )
    assert type(case.layer(1)) in parts(converted)
    assert not {KERAS.LSTM, KERAS.GRU, KERAS.SimpleRNN} & set(parts(converted))


def test_bidirectional_of_two_kinds():
    layer = KERAS.Bidirectional(
        KERAS.LSTM(4, return_sequences=True),
        backward_layer=KERAS.GRU(2, return_sequences=True, go_backwards=True),
        merge_mode=None,
    )
    converted = check(layer)
    assert type(converted) is tfrnn_ops.Bidirectional
    assert isinstance(converted.forward_layer, tfrnn_ops.LSTM)
    assert isinstance(converted.backward_layer, tfrnn_ops.GRU)


@pytest.mark.parametrize("merge_mode", ["concat", "ave", None])
def test_bidirectional_takes_lengths_afterwards(merge_mode):
    inner = KERAS.GRU(4, return_sequences=True, dropout=0.3, seed=1)
    converted = check(KERAS.Bidirectional(inner, merge_mode=merge_mode, name="kept"))
    mask = tf.sequence_mask([2, 5], 5)
    got, want = converted(INPUTS, sequence_length=[2, 5]), converted(INPUTS, mask=mask)
    assert_close(tf.nest.flatten(got), tf.nest.flatten(want))


def test_bidirectional_of_a_subclass_stays():
    @keras.saving.register_keras_serializable("test_bidirectional_of_a_subclass")
    class Mine(keras.layers.LSTM):
        pass

    layer = KERAS.Bidirectional(Mine(4), backward_layer=KERAS.LSTM(4, go_backwards=True))
    with pytest.warns(UserWarning, match="Mine is a subclass"):
        converted = check(layer)
    assert type(converted) is KERAS.Bidirectional
    assert type(converted.forward_layer) is Mine
    assert type(converted.backward_layer) is tfrnn_ops.LSTM


def test_what_keras_cannot_copy_is_in_both_models():
    normalization = KERAS.Normalization()
    normalization.adapt(5 + 3 * tf.random.normal(INPUTS.shape))
    doubled = KERAS.Lambda(lambda x: 2 * x)
    model = keras.Sequential([keras.Input(INPUTS.shape[1:]), normalization, doubled, KERAS.LSTM(4)])
    want = model(INPUTS)
    converted = tfrnn_ops.convert(model)
    assert_close(converted(INPUTS), want)
    assert converted.layers[:2] == [normalization, doubled]

    words = KERAS.TextVectorization(output_sequence_length=5)
    words.adapt(["a few words", "a few more"])
    text = tf.constant(["few more words", "words"])
    model = keras.Sequential([words, KERAS.Embedding(9, 3, mask_zero=True), KERAS.GRU(4)])
    want = model(text)
    assert_close(tfrnn_ops.convert(model)(text), want)


def test_layers_with_cells_of_their_own_kind():
    layer = KERAS.ConvLSTM1D(2, 2)
    inputs = tf.random.normal([2, 4, 7, 3])
    want = layer(inputs)
    assert_close(tfrnn_ops.convert(layer)(inputs), want)


def test_a_shared_cell_is_refused():
    cell, x = KERAS.LSTMCell(3), keras.Input([None, 3])
    model = keras.Model(x, [KERAS.RNN(cell, name="one")(x), KERAS.RNN(cell, name="two")(x)])
    with pytest.raises(ValueError, match="'one' and 'two' share the cell"):
        tfrnn_ops.convert(model)


def test_an_empty_model():
    assert not tfrnn_ops.convert(keras.Sequential()).layers


@every_cell
def test_rnn_of_a_cell_becomes_a_layer(case):
    options = {"return_sequences": True, "go_backwards": True, "name": "kept"}
    converted = check(KERAS.RNN(case.cell(4, KERAS, dropout=0.3, seed=1), **options))
    assert type(converted) is type(case.layer(1))
    assert converted.go_backwards


def test_rnn_of_a_cell_of_another_dtype_stays_an_rnn():
    layer = KERAS.RNN(KERAS.LSTMCell(4, dtype="mixed_bfloat16"))
    converted = check(layer, kind="bfloat16")
    assert type(converted) is KERAS.RNN
    assert isinstance(converted.cell, tfrnn_ops.LSTMCell)


@pytest.mark.parametrize("stacked", [False, True])
def test_stacked_cells(stacked):
    cells = [case.cell(4, KERAS) for case in CASES]
    layer = KERAS.RNN(KERAS.StackedRNNCells(cells) if stacked else cells, return_state=True)
    converted = check(layer)
    ours = [type(case.cell(1)) for case in CASES]
    assert [type(cell) for cell in converted.cell.cells] == ours
