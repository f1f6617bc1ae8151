"""The Keras layers against their namesakes: options, wrappers, models, training."""

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
from cells import LSTM, every_cell, layer_pair, random_mask
from gradients import values_and_gradients
from tolerance import assert_close

import tfrnn_ops

BATCH, TIME, FEATURES, UNITS = 3, 5, 4, 6


def inputs(batch=BATCH, time=TIME, features=FEATURES):
    return tf.random.stateless_normal([batch, time, features], seed=[1, 2])


def compare(theirs, ours, *args, **kwargs):
    """Values and every gradient of two layers or models with equal weights."""
    (want, dwant), (got, dgot) = (
        values_and_gradients(lambda f=f: f(*args, **kwargs), [*args, *f.trainable_variables])
        for f in (theirs, ours)
    )
    assert_close(got, want)
    assert_close(dgot, dwant)


OPTIONS = [
    {},
    {"return_sequences": True},
    {"return_state": True},
    {"return_sequences": True, "return_state": True, "go_backwards": True},
    {"return_sequences": True, "zero_output_for_mask": True},
    {"zero_output_for_mask": True},
    {"go_backwards": True, "use_bias": False},
    {"activity_regularizer": "l2", "kernel_regularizer": "l1", "recurrent_constraint": "non_neg"},
]


@every_cell
@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: "-".join(o) or "plain")
@pytest.mark.parametrize("mask", [False, True])
def test_options_equal_keras(case, options, mask):
    theirs, ours = layer_pair(case, UNITS, [None, None, FEATURES], **options)
    mask = tf.constant(random_mask(BATCH, TIME)) if mask else None
    compare(theirs, ours, inputs(), mask=mask)
    assert_close(ours.losses, theirs.losses)
    names = [[w.path.split("/", 1)[1] for w in layer.weights] for layer in (theirs, ours)]
    assert names[0] == names[1]
    assert ours.compute_output_shape([3, 5, 4]) == theirs.compute_output_shape([3, 5, 4])


@every_cell
def test_it_is_a_keras_layer_with_keras_configuration(case):
    theirs, ours = layer_pair(case, UNITS, [None, None, FEATURES], name="same", unroll=True)
    assert isinstance(ours, type(theirs))
    own = {n: v for n, v in ours.get_config().items() if n not in theirs.get_config()}
    assert {**theirs.get_config(), **own} == ours.get_config()
    assert not any(value for name, value in own.items() if name != "layer_norm_epsilon")
    again = type(ours).from_config(ours.get_config())
    assert again.get_config() == ours.get_config()


def test_arguments_by_position():
    layer = tfrnn_ops.GRU(6, "tanh", "sigmoid", False)
    assert not layer.use_bias
    assert layer.units == 6


@every_cell
@pytest.mark.parametrize("as_layer_call", [True, False])
def test_initial_state(case, as_layer_call):
    theirs, ours = layer_pair(case, UNITS, [None, None, FEATURES], return_state=True)
    states = [inputs(BATCH, 1, UNITS)[:, 0] + i for i in range(case.states)]
    call = [f if as_layer_call else f.call for f in (theirs, ours)]
    (want, dwant), (got, dgot) = (
        values_and_gradients(lambda f=f: f(inputs(), initial_state=states), states) for f in call
    )
    assert_close(got, want)
    assert_close(dgot, dwant)


@every_cell
def test_the_same_initial_weights_from_the_same_seed(case):
    theirs, ours = (
        (keras.utils.set_random_seed(3), case.layer(UNITS, module))[1]
        for module in (keras.layers, tfrnn_ops)
    )
    keras.utils.set_random_seed(4)
    theirs.build([None, None, FEATURES])
    keras.utils.set_random_seed(4)
    ours.build([None, None, FEATURES])
    assert_close(ours.get_weights(), theirs.get_weights())


@every_cell
@pytest.mark.parametrize("name", sorted(["relu", "linear", "hard_sigmoid", "softsign", "gelu"]))
def test_activations_equal_keras(case, name):
    theirs, ours = layer_pair(case, UNITS, [None, None, FEATURES], activation=name)
    compare(theirs, ours, inputs())


@every_cell
def test_an_activation_of_ones_own_equals_keras_and_warns(case):
    theirs, ours = layer_pair(case, UNITS, [None, None, FEATURES], activation=tf.sin)
    with pytest.warns(tfrnn_ops.ReferencePathWarning, match="activation: sin, which the fused op"):
        compare(theirs, ours, inputs())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ours(inputs())  # once is enough


@pytest.mark.parametrize("name", ["hard_sigmoid", "relu"])
def test_recurrent_activations_equal_keras(name):
    theirs, ours = layer_pair(LSTM, UNITS, [None, None, FEATURES], recurrent_activation=name)
    compare(theirs, ours, inputs())


def test_a_recurrent_activation_of_ones_own_equals_keras_and_warns():
    theirs, ours = layer_pair(LSTM, UNITS, [None, None, FEATURES], recurrent_activation=tf.sin)
    with pytest.warns(tfrnn_ops.ReferencePathWarning, match="recurrent_activation: sin, which"):
        compare(theirs, ours, inputs())


@every_cell
@pytest.mark.parametrize("activation", [tf.tanh, keras.ops.tanh, keras.activations.tanh])
def test_any_tanh_is_fused(case, activation):
    theirs, ours = layer_pair(case, UNITS, [None, None, FEATURES], activation=activation)
    compare(theirs, ours, inputs())


@every_cell
def test_unroll_equals_keras_and_stays_fused(case):
    theirs, ours = layer_pair(
        case, UNITS, [None, TIME, FEATURES], unroll=True, return_sequences=True
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        compare(theirs, ours, inputs(), mask=tf.constant(random_mask(BATCH, TIME)))
    run = tf.function(ours, input_signature=[tf.TensorSpec([BATCH, None, FEATURES])])
    with pytest.raises(ValueError, match="unroll needs a static number of steps"):
        run(inputs())


@every_cell
@pytest.mark.parametrize("batch", [BATCH, None])
@pytest.mark.parametrize("time_major", [False, True])
def test_a_state_of_one_row_is_that_of_every_row(case, batch, time_major):
    theirs, ours = layer_pair(case, UNITS, [batch, TIME, FEATURES])
    ours.time_major = time_major
    states = [tf.random.stateless_normal([1, UNITS], [3, i]) for i in range(case.states)]

    @tf.function(input_signature=[tf.TensorSpec([batch, TIME, FEATURES])])
    def run(x):
        return ours(tf.transpose(x, [1, 0, 2]) if time_major else x, initial_state=states)

    assert_close(run(inputs()), theirs(inputs(), initial_state=states))


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda layer: layer,
        tf.function,
        lambda layer: tf.function(lambda x: layer(x)),
        lambda layer: keras.Sequential([layer]),
        tfrnn_ops.Bidirectional,
    ],
    ids=["layer", "function", "function of a lambda", "model", "Bidirectional"],
)
def test_the_warning_points_at_the_line_of_the_caller(wrapped):
    call, x = wrapped(tfrnn_ops.GRU(UNITS, activation="exponential")), inputs()
    with pytest.warns(tfrnn_ops.ReferencePathWarning) as caught:
        call(x)
    assert {warning.filename for warning in caught} == {__file__}


@every_cell
def test_a_layer_that_can_be_fused_keeps_its_model_out_of_xla(case):
    assert not case.layer(UNITS).supports_jit
    assert not case.layer(UNITS, recurrent_dropout=0.5).supports_jit
    assert not case.cell(UNITS).supports_jit
    assert not case.layer(UNITS, activation="relu").supports_jit
    assert case.layer(UNITS, activation=tf.sin).supports_jit
    assert case.cell(UNITS, activation=tf.sin).supports_jit


@every_cell
def test_use_reference_is_another_path_to_the_same_numbers(case):
    layer = case.layer(UNITS, return_sequences=True)
    want = layer(inputs())
    with warnings.catch_warnings(), tfrnn_ops.use_reference():
        warnings.simplefilter("error")
        assert_close(layer(inputs()), want)
        with tf.GradientTape() as outer, tf.GradientTape() as inner:
            x = inputs()
            outer.watch(x)
            inner.watch(x)
            gradient = inner.gradient(tf.reduce_sum(layer(x) ** 2), x)
        assert np.any(outer.gradient(gradient, x))
