"""Integer inputs: the op gathers rows of the kernel where the one-hot rows are multiplied."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from cells import EVERY_CELL, LSTM, call, every_cell_and_ind_rnn, random_mask, random_tensors
from gradients import values_and_gradients
from tolerance import assert_close, assert_same_bits

import tfrnn_ops

# The kernel has fewer rows than there are steps, and more: the op keeps another table then.
SIZES = [(3, 5, 4, 6), (8, 20, 16, 33), (2, 3, 50, 17), (1, 1, 3, 64), (2, 0, 3, 4), (0, 3, 4, 5)]


def problem(case, batch, time, width, units, dtype="float64", *, time_major=False):
    """Tensors, random numbers of rows in their place, some of them out of range, and variables."""
    tensors = random_tensors(case, batch, time, width, units, dtype)
    layout = (time, batch) if time_major else (batch, time)
    indices = np.random.default_rng(1).integers(-1, width + 1, layout)
    indices[:1, :1] = -(2**31)
    return tensors, tf.constant(indices, tf.int32), [*tensors.states, *tensors.weights]


def both(case, tensors, indices, variables, **options):
    """Values and gradients with the integers, and with the one-hot rows that they stand for."""
    dtype = tensors.weights[0].dtype
    one_hot = tf.one_hot(indices, tensors.weights[0].shape[0], dtype=dtype)
    results = []
    for inputs in (indices, one_hot):
        tensors.inputs = inputs

        def run(f=case.function):
            return call(f, case, tensors, **options)

        values, gradients = values_and_gradients(run, variables)
        results.append([*values, *gradients])
    return results


@every_cell_and_ind_rnn
@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16"])
def test_same_bits_as_the_product(case, sizes, dtype):
    got, want = both(case, *problem(case, *sizes, dtype))
    assert_same_bits(got, want)


OPTIONS = {
    "masked": {"mask": tf.constant(random_mask(3, 5))},
    "backwards": {"mask": tf.constant(random_mask(3, 5)), "go_backwards": True},
    "time major": {"time_major": True, "zero_output_for_mask": True},
    "recompute": {"recompute": 2, "mask": tf.constant(random_mask(3, 5))},
    "recurrent dropout": {"recurrent_dropout": 0.4, "training": True, "seed": [1, 2]},
    "state dropout": {"state_dropout_mask": np.full([5, 3, 6], 0.7)},
    "activation": {"activation": "softsign", "recompute": 3},
}


@every_cell_and_ind_rnn
@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("width", [4, 40])
def test_with_options(case, option, width):
    options = OPTIONS[option]
    time_major = options.get("time_major", False)
    got, want = both(case, *problem(case, 3, 5, width, 6, time_major=time_major), **options)
    assert_same_bits(got, want)


@every_cell_and_ind_rnn
@pytest.mark.parametrize("recompute", [None, 2])
def test_with_layer_norm(case, recompute):
    norms = {"lstm": 9, "gru": 6, "simple_rnn": 2, "ind_rnn": 1}[case.name]
    norm = tf.random.stateless_normal([2, norms * 6], [1, 2], dtype="float64")
    tensors, indices, variables = problem(case, 3, 5, 4, 6)
    options = {"layer_norm": norm, "recompute": recompute}
    got, want = both(case, tensors, indices, [*variables, norm], **options)
    assert_close(got, want)


@every_cell_and_ind_rnn
def test_the_reference_too(case):
    tensors, indices, variables = problem(case, 3, 5, 4, 6)
    with tfrnn_ops.use_reference():
        want, _ = both(case, tensors, indices, variables)
    got, _ = both(case, tensors, indices, variables)
    assert_close(got, want)


@pytest.mark.parametrize("case", EVERY_CELL.values(), ids=EVERY_CELL)
@pytest.mark.parametrize("recompute", [None, 2])
def test_second_order(case, recompute):
    tensors, indices, variables = problem(case, 2, 3, 4, 5)

    def gradients_of_a_gradient(inputs):
        tensors.inputs = inputs
        with tf.GradientTape() as tape:
            tape.watch(variables)
            _, first = values_and_gradients(
                lambda: call(case.function, case, tensors, recompute=recompute), variables
            )
            loss = tf.add_n([tf.reduce_sum(tf.sin(g)) for g in first])
        return tape.gradient(loss, variables)

    got = gradients_of_a_gradient(indices)
    want = gradients_of_a_gradient(tf.one_hot(indices, 4, dtype=tf.float64))
    assert_close(got, want)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "int64", "uint64"])
def test_integers_of_every_type(dtype):
    tensors, _, _ = problem(LSTM, 3, 5, 4, 6)
    largest = np.iinfo(dtype).max
    indices = np.array([[0, 3, 4, largest, 1]] * 3, dtype)
    tensors.inputs = indices
    got = call(tfrnn_ops.lstm, LSTM, tensors)
    tensors.inputs = tf.one_hot(np.array([[0, 3, -1, -1, 1]] * 3), 4, dtype=tf.float64)
    assert_same_bits(got, call(tfrnn_ops.lstm, LSTM, tensors))


def test_shapes_are_inferred_in_a_graph():
    tensors, _, _ = problem(LSTM, 3, 5, 4, 6)

    @tf.function(input_signature=[tf.TensorSpec([None, 5], tf.int32)])
    def run(indices):
        outputs, state = tfrnn_ops.lstm(indices, None, *tensors.weights)
        assert outputs.shape.as_list() == [None, 5, 6]
        assert state.h.shape.as_list() == [None, 6]
        return outputs

    assert run(tf.zeros([2, 5], tf.int32)).shape == [2, 5, 6]


def test_results_do_not_depend_on_threads():
    tensors, indices, variables = problem(LSTM, 32, 20, 11, 48, "float32")
    first, _ = both(LSTM, tensors, indices, variables)
    again, _ = both(LSTM, tensors, indices, variables)
    assert_same_bits(first, again)


@every_cell_and_ind_rnn
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"time_major": True, "return_sequences": True, "return_state": True},
        {"dropout": 0.4, "recurrent_dropout": 0.3, "return_sequences": True, "seed": 3},
    ],
    ids=["plain", "sequences", "dropout"],
)
def test_layers(case, options):
    """A layer with `input_dim` takes integers, and one-hot rows as before."""
    layer = case.layer(6, input_dim=4, **options)
    other = case.layer(6, **options)
    time_major = options.get("time_major", False)
    shape = (5, 3) if time_major else (3, 5)
    indices = np.random.default_rng(1).integers(-1, 5, shape)
    rows = tf.one_hot(indices, 4)
    other.build([*shape, 4])
    layer.build(shape)
    layer.set_weights(other.get_weights())
    training = "dropout" in options
    expected = layer.compute_output_shape(shape)
    assert expected == other.compute_output_shape([*shape, 4])
    want = tf.nest.flatten(other(rows, training=training))
    got = tf.nest.flatten(layer(indices, training=training))
    assert_close(got, want)
    if not training:
        assert_close(tf.nest.flatten(layer(rows)), want)


@pytest.mark.parametrize("wrap", ["none", "bidirectional", "stacked"])
def test_a_model_of_integers_trains_and_is_saved(wrap, tmp_path):
    layer = tfrnn_ops.LSTM(6, input_dim=7, return_sequences=True)
    if wrap == "bidirectional":
        layer = tfrnn_ops.Bidirectional(layer)
    if wrap == "stacked":
        layer = tfrnn_ops.StackedRNN("lstm", 6, 2, input_dim=7, return_sequences=True)
    model = keras.Sequential([keras.Input([None], dtype="int32"), layer, keras.layers.Dense(7)])
    x = np.random.default_rng(1).integers(0, 7, (8, 6))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss)
    model.fit(x, x, epochs=2, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert_close(again.predict(x, verbose=0), model.predict(x, verbose=0))


def test_explain():
    layer = tfrnn_ops.LSTM(6, input_dim=7)
    explanation = tfrnn_ops.explain(layer, tf.TensorSpec([3, 5], tf.int32))
    assert explanation.options["input_dim"] == "7: integers pick rows of the kernel"
    assert explanation.sizes == {"batch": 3, "time": 5, "features": 7, "units": 6}
    dropping = tfrnn_ops.explain(tfrnn_ops.LSTM(6, input_dim=7, dropout=0.1))
    assert dropping.options["input_dim"] == "7: integers become one-hot rows to multiply"


def test_errors_of_layers():
    with pytest.raises(ValueError, match="input_dim is 0; expected a number of features above 0"):
        tfrnn_ops.LSTM(6, input_dim=0)
    with pytest.raises(ValueError, match="expected ndim=3, found ndim=2"):
        tfrnn_ops.LSTM(6)(np.zeros([3, 5], "int32"))
    with pytest.raises(ValueError, match=r"shape \(3, 5, 8\); expected three axes, the last of 7"):
        tfrnn_ops.LSTM(6, input_dim=7)(np.zeros([3, 5, 8], "float32"))
