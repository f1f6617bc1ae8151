"""`Bidirectional` against Keras's, and what Keras's lacks."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from cells import LSTM, copy_random_weights, every_cell, every_cell_and_ind_rnn, random_mask
from gradients import values_and_gradients
from tolerance import assert_close, assert_same_bits

import tfrnn_ops

BATCH, TIME, FEATURES, UNITS = 4, 5, 3, 2
MERGE_MODES = ["concat", "sum", "mul", "ave", None]

pytestmark = pytest.mark.filterwarnings("ignore:.*ind_rnn:tfrnn_ops.ReferencePathWarning")


def inputs():
    return tf.random.stateless_normal([BATCH, TIME, FEATURES], seed=[1, 2])


def pair(case, merge_mode="concat", **options):
    """Keras's and ours, built, with the same random weights."""
    layers = [
        module.Bidirectional(
            case.layer(UNITS, inner, name="inner", **options), merge_mode=merge_mode
        )
        for module, inner in ((keras.layers, keras.layers), (tfrnn_ops, tfrnn_ops))
    ]
    for layer in layers:
        layer.build([BATCH, TIME, FEATURES])
    copy_random_weights(*layers)
    return layers


@every_cell
@pytest.mark.parametrize("merge_mode", MERGE_MODES)
@pytest.mark.parametrize("return_sequences", [False, True])
@pytest.mark.parametrize("return_state", [False, True])
def test_equals_keras(case, merge_mode, return_sequences, return_state):
    options = {"return_sequences": return_sequences, "return_state": return_state}
    theirs, ours = pair(case, merge_mode, **options)
    mask = tf.constant(random_mask(BATCH, TIME))
    states = [inputs()[:, i, :UNITS] for i in range(2 * case.states)]
    x = inputs()
    (want, dwant), (got, dgot) = (
        values_and_gradients(
            lambda f=f: f(x, mask=mask, initial_state=states), [x, *states, *f.trainable_variables]
        )
        for f in (theirs, ours)
    )
    assert_close(got, want)
    assert_close(dgot, dwant)
    assert [w.path.split("/", 1)[1] for w in ours.weights] == [
        w.path.split("/", 1)[1] for w in theirs.weights
    ]
    got = tf.nest.map_structure(lambda t: tuple(t.shape), ours(x))
    assert ours.compute_output_shape([BATCH, TIME, FEATURES]) == got


@every_cell_and_ind_rnn
@pytest.mark.parametrize("return_sequences", [False, True])
@pytest.mark.parametrize("time_major", [False, True])
def test_lengths_hold_in_both_directions(case, return_sequences, time_major):
    """Each sequence of a padded batch gives what it gives alone; padding gives zeros."""
    layer = tfrnn_ops.Bidirectional(
        case.layer(
            UNITS, return_sequences=return_sequences, return_state=True, time_major=time_major
        )
    )
    swap = (lambda t: tf.transpose(t, [1, 0, 2])) if time_major else (lambda t: t)
    x, lengths = inputs(), [3, 0, 5, 1]
    got, *states = layer(swap(x), sequence_length=lengths)
    mask = np.arange(TIME) < np.array(lengths)[:, None]
    masked = layer(swap(x), mask=mask.T if time_major else mask)
    assert_same_bits([got, *states], masked)
    for i, length in enumerate(lengths):
        alone, *alone_states = layer(swap(x[i : i + 1, :length]))
        row = swap(got)[i : i + 1, :length] if return_sequences else got[i : i + 1]
        assert_close(row, swap(alone) if return_sequences else alone, "float32")
        assert_close([s[i : i + 1] for s in states], alone_states, "float32")
    if return_sequences:
        assert not np.any(swap(got)[~mask])


@every_cell
def test_a_functional_model_with_masks_trains(case):
    ids = keras.Input([None], dtype="int32")
    embedded = keras.layers.Embedding(7, 3, mask_zero=True)(ids)
    sequences = tfrnn_ops.Bidirectional(case.layer(UNITS, return_sequences=True))(embedded)
    assert sequences.shape == (None, None, 2 * UNITS)
    outputs = tfrnn_ops.Bidirectional(case.layer(UNITS), merge_mode="sum")(sequences)
    model = keras.Model(ids, keras.layers.Dense(1)(outputs))
    model.compile("adam", "mse")
    x = np.array([[1, 2, 3, 0, 0], [4, 5, 6, 0, 0]])
    losses = model.fit(x, np.ones([2, 1]), epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    assert_close(model(x), model(x[:, :3]))


@every_cell_and_ind_rnn
def test_configuration_and_files(case, tmp_path):
    layer = tfrnn_ops.Bidirectional(
        case.layer(UNITS, name="inner", kernel_initializer="ones"), merge_mode="ave", name="outer"
    )
    assert type(layer.backward_layer) is type(case.layer(1))
    assert layer.backward_layer.go_backwards
    again = keras.layers.deserialize(keras.layers.serialize(layer))
    assert type(again) is tfrnn_ops.Bidirectional
    assert again.get_config() == layer.get_config()
    model = keras.Sequential([keras.Input([None, FEATURES]), layer])
    copy_random_weights(model)
    model.save(tmp_path / "model.keras")
    assert_same_bits(
        [keras.models.load_model(tmp_path / "model.keras")(inputs())], [model(inputs())]
    )


@every_cell
def test_weights_of_keras_load(case, tmp_path):
    theirs, ours = pair(case)
    models = [keras.Sequential([keras.Input([None, FEATURES]), layer]) for layer in (theirs, ours)]
    models[0].save_weights(tmp_path / "theirs.weights.h5")
    ours.set_weights([np.zeros(w.shape) for w in ours.weights])
    models[1].load_weights(tmp_path / "theirs.weights.h5")
    assert_close(models[1](inputs()), models[0](inputs()))


def test_stateful():
    theirs, ours = pair(LSTM, stateful=True)
    for _ in range(2):
        for _ in range(2):
            assert_close(ours(inputs()), theirs(inputs()))
        for layer in (theirs, ours):
            layer.reset_state()


def test_a_layer_of_another_kind_backwards():
    layer = tfrnn_ops.Bidirectional(
        tfrnn_ops.LSTM(2, return_sequences=True),
        backward_layer=tfrnn_ops.GRU(3, return_sequences=True, go_backwards=True),
    )
    assert layer(inputs()).shape == (BATCH, TIME, 5)
    assert layer.compute_output_shape([BATCH, TIME, FEATURES]) == (BATCH, TIME, 5)


def test_it_computes_in_the_dtype_of_its_layer():
    layer = tfrnn_ops.Bidirectional(tfrnn_ops.LSTM(2, dtype="float64"))
    assert layer(tf.cast(inputs(), "float64")).dtype == tf.float64
    layer = tfrnn_ops.Bidirectional(tfrnn_ops.LSTM(2, dtype="mixed_bfloat16"))
    assert layer(inputs()).dtype == tf.bfloat16


OURS = tfrnn_ops.LSTM(2)
WRONG = {
    "mode": (ValueError, {"layer": OURS, "merge_mode": "max"}, "merge_mode is 'max'; expected"),
    "keras": (TypeError, {"layer": keras.layers.LSTM(2)}, "layer is a keras.LSTM; expected an"),
    "direction": (
        ValueError,
        {"layer": OURS, "backward_layer": tfrnn_ops.LSTM(2)},
        "backward_layer has go_backwards=False, as layer has; expected True",
    ),
    "sequences": (
        ValueError,
        {
            "layer": OURS,
            "backward_layer": tfrnn_ops.LSTM(2, return_sequences=True, go_backwards=True),
        },
        "backward_layer has return_sequences=True; expected False, as layer has",
    ),
    "width": (
        ValueError,
        {
            "layer": OURS,
            "backward_layer": tfrnn_ops.LSTM(3, go_backwards=True),
            "merge_mode": "sum",
        },
        "backward_layer puts out 3 features; expected 2, as layer does, for merge_mode 'sum'",
    ),
    "cell states": (
        ValueError,
        {"layer": tfrnn_ops.LSTM(2, return_cell_states=True)},
        "layer has return_cell_states=True",
    ),
}


@pytest.mark.parametrize(("error", "arguments", "message"), WRONG.values(), ids=WRONG)
def test_wrong_arguments(error, arguments, message):
    with pytest.raises(error, match=message):
        tfrnn_ops.Bidirectional(**arguments)


def test_a_wrong_number_of_states():
    layer, states = tfrnn_ops.Bidirectional(tfrnn_ops.LSTM(UNITS)), [tf.zeros([BATCH, UNITS])] * 3
    with pytest.raises(
        ValueError, match=r"initial_state has 3 tensor\(s\); expected 4: 2 of the f"
    ):
        layer(inputs(), initial_state=states)
