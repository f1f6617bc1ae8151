"""`convert`: our layers in place of Keras's, with all variables, at any depth."""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from cells import LSTM, copy_random_weights, draws_a_mask_for_every_gate, every_cell
from tolerance import assert_close

import tfrnn_ops

INPUTS = np.random.default_rng(0).standard_normal([2, 5, 3]).astype("float32")
KERAS = keras.layers


def parts(model):
    return [type(part) for part in model._flatten_layers()]


def check(model, inputs=INPUTS, kind=None):
    """Converts, and compares names, variables and outputs in inference and training."""
    model(inputs)
    copy_random_weights(model)
    converted = tfrnn_ops.convert(model)
    assert converted.name == model.name
    if isinstance(model, keras.Model):
        assert [layer.name for layer in converted.layers] == [layer.name for layer in model.layers]
    for ours, theirs in zip(converted.variables, model.variables, strict=True):
        assert ours is not theirs
        np.testing.assert_array_equal(ours, theirs)
    for training in (False, True):
        got, want = (m(inputs, training=training) for m in (converted, model))
        assert_close(got, want, kind)
    return converted


@every_cell
def test_sequential(case):
    model = keras.Sequential(
        [
            case.layer(4, KERAS, return_sequences=True, name="first"),
            KERAS.Dense(3),
            case.layer(4, KERAS, dropout=0.3, seed=1),
        ]
    )
    converted = check(model)
    ours = type(case.layer(1))
    assert [type(layer) for layer in converted.layers] == [ours, KERAS.Dense, ours]


def test_a_model_that_is_not_built():
    converted = tfrnn_ops.convert(keras.Sequential([KERAS.LSTM(4), KERAS.Dense(2)]))
    assert isinstance(converted.layers[0], tfrnn_ops.LSTM)
    assert converted(INPUTS).shape == (2, 2)


@every_cell
def test_functional_with_states_sharing_and_masks(case):
    inputs = keras.Input([None], dtype="int32")
    embedded = KERAS.Embedding(7, 3, mask_zero=True)(inputs)
    _, *states = case.layer(4, KERAS, return_state=True)(embedded)
    shared = case.layer(4, KERAS, return_sequences=True, name="shared")
    outputs = shared(embedded, initial_state=states)
    again = shared(KERAS.Dense(3)(outputs))
    model = keras.Model(inputs, [outputs, again])
    ids = np.array([[1, 2, 3, 0, 0], [4, 5, 6, 0, 1]])
    converted = check(model, ids)
    assert len(converted.layers) == len(model.layers)
    assert isinstance(converted.get_layer("shared"), type(case.layer(1)))


@every_cell
def test_nested_models(case):
    inner = keras.Sequential([keras.Input([None, 3]), case.layer(3, KERAS)], name="inner")
    inputs = keras.Input([None, 3])
    outer = keras.Model(inputs, [inner(inputs), KERAS.Dense(2)(inner(inputs))])
    converted = check(outer)
    assert isinstance(converted.get_layer("inner").layers[0], type(case.layer(1)))


@every_cell
def test_states_of_stateful_layers(case):
    model = keras.Sequential(
        [
            keras.Input([None, 3], batch_size=2),
            KERAS.Bidirectional(case.layer(4, KERAS, stateful=True, return_sequences=True)),
            KERAS.RNN(case.cell(4, KERAS), stateful=True),
        ]
    )
    model(INPUTS)
    converted = tfrnn_ops.convert(model)
    assert_close(converted(INPUTS), model(INPUTS))


@draws_a_mask_for_every_gate
def test_what_keras_leaves_out_of_its_configuration():
    layer = KERAS.LSTM(4, dropout=0.3, implementation=1, use_cudnn=False, seed=1)
    check(layer)


def test_ones_own_activation():
    def doubled(x):
        return 2 * x

    with pytest.warns(tfrnn_ops.ReferencePathWarning, match="activation: doubled, which"):
        check(KERAS.LSTM(4, activation=doubled))


class MyLSTM(keras.layers.LSTM):
    def call(self, sequences, initial_state=None, mask=None, training=False):
        return 2 * super().call(sequences, initial_state, mask, training)


def test_subclasses_stay_and_are_reported():
    model = keras.Sequential([MyLSTM(4, name="mine", return_sequences=True), KERAS.GRU(3)])
    with pytest.warns(UserWarning, match=r"left 'mine' as it is: MyLSTM is a subclass of .*\.LSTM"):
        converted = check(model)
    assert [type(layer) for layer in converted.layers] == [MyLSTM, tfrnn_ops.GRU]


def test_converted_layers_are_copied_as_they_are():
    model = keras.Sequential([tfrnn_ops.LSTM(4, return_sequences=True), KERAS.LSTM(4)])
    converted = check(check(model))
    assert [type(layer) for layer in converted.layers] == [tfrnn_ops.LSTM] * 2


def test_a_converted_model_can_be_saved_and_trained(tmp_path):
    model = keras.Sequential([keras.Input([None, 3]), KERAS.Bidirectional(KERAS.LSTM(4))])
    converted = tfrnn_ops.convert(model)
    converted.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert_close(again(INPUTS), model(INPUTS))
    again.compile("sgd", "mse")
    again.fit(INPUTS, np.zeros([2, 8]), verbose=0)


class Subclassed(keras.Model):
    def __init__(self, convert):
        super().__init__()
        self.rnn = convert(KERAS.LSTM(4, kernel_initializer="ones"))

    def call(self, inputs):
        return self.rnn(inputs)


def test_a_subclassed_model_is_refused_but_its_layers_are_not():
    with pytest.raises(TypeError, match=r"a subclassed model; .*self.rnn = tfrnn_ops.convert"):
        tfrnn_ops.convert(Subclassed(lambda layer: layer))
    model = Subclassed(tfrnn_ops.convert)
    assert isinstance(model.rnn, tfrnn_ops.LSTM)
    assert model(INPUTS).shape == (2, 4)


@pytest.mark.parametrize("wrong", [None, "model", LSTM])
def test_no_model_at_all(wrong):
    with pytest.raises(TypeError, match="expected a Keras model or layer"):
        tfrnn_ops.convert(wrong)


def test_the_model_itself_is_unchanged():
    model = keras.Sequential([keras.Input([None, 3]), KERAS.LSTM(4)])
    before = [tf.identity(v) for v in model.variables]
    converted = tfrnn_ops.convert(model)
    converted.compile("sgd", "mse")
    converted.fit(INPUTS, np.ones([2, 4]), verbose=0)
    assert type(model.layers[0]) is KERAS.LSTM
    for old, new in zip(before, model.variables, strict=True):
        np.testing.assert_array_equal(old, new)


class Block(keras.layers.Layer):
    """Makes its layers in its code."""

    def __init__(self, depth=0, **kwargs):
        super().__init__(**kwargs)
        self.depth = depth
        self._rnn = KERAS.LSTM(3)
        self.inner = [Block(depth - 1)] if depth else []

    def get_config(self):
        return {**super().get_config(), "depth": self.depth}

    def build(self, shape):
        for layer in (self._rnn, *self.inner):
            layer.build(shape)

    def call(self, inputs):
        return sum((layer(inputs) for layer in self.inner), self._rnn(inputs))


def functional(layer):
    inputs = keras.Input([None, 3])
    return keras.Model(inputs, [layer(inputs), KERAS.GRU(2)(inputs)])


def test_what_a_layer_makes_in_its_code_stays_and_is_reported():
    where = r"keras.layers.LSTM '.*' in attribute _rnn"
    with pytest.warns(UserWarning, match="convert left") as caught:
        converted = check(functional(Block(1, name="block")))
    told = [str(warning.message) for warning in caught]
    assert len(told) == 2
    assert [re.search(where + " of Block 'block'", t) is not None for t in told] == [True, False]
    assert re.search(where + " of attribute inner of Block 'block' as it is", told[1])
    assert {warning.filename for warning in caught} == {__file__}
    assert KERAS.LSTM in parts(converted)
    assert isinstance(converted.layers[-1], tfrnn_ops.GRU)


def test_a_subclassed_model_inside_a_model_stays_and_is_reported():
    model = functional(Subclassed(lambda layer: layer))
    model(INPUTS)
    with pytest.warns(UserWarning, match="convert left") as caught:
        converted = tfrnn_ops.convert(model)
    told = " ".join(str(warning.message) for warning in caught)
    assert "left Subclassed 'subclassed" in told
    assert "in both models" in told
    assert "in attribute rnn of Subclassed" in told
    assert converted.layers[1] is model.layers[1]
    assert_close(converted(INPUTS), model(INPUTS))


def test_inputs_keep_what_they_are():
    class Dense(keras.layers.Layer):
        def call(self, inputs, extra=None):
            dense = tf.sparse.to_dense(inputs)[:, tf.newaxis]
            return dense if extra is None else dense + extra

    inputs = keras.Input([3], sparse=True, name="sparse")
    extra = keras.Input([1, 3], optional=True, name="optional")
    model = keras.Model([inputs, extra], KERAS.LSTM(2)(Dense()(inputs, extra)))
    converted = tfrnn_ops.convert(model)
    assert converted.get_layer("sparse").sparse
    assert converted.get_layer("optional").optional
    x = tf.sparse.from_dense(INPUTS[:, 0])
    assert_close(converted([x, None]), model([x, None]))
