"""Training under Keras's mixed precision: 16 bits in the fused op, float32 master weights."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from cells import every_cell_and_ind_rnn
from gradients import values_and_gradients
from spies import spy_on_fused_ops
from tolerance import TOLERANCE, assert_same_bits

import tfrnn_ops

POLICIES = {"mixed_float16": "float16", "mixed_bfloat16": "bfloat16"}
every_policy = pytest.mark.parametrize("policy", POLICIES)


def data():
    inputs = np.random.default_rng(0).standard_normal([32, 6, 3]).astype("float32")
    return inputs, inputs[:, :, :1].mean(axis=1)


def make_model(case, policy, **options):
    model = keras.Sequential(
        [
            keras.Input([6, 3]),
            case.layer(8, dtype=policy, seed=1, **options),
            keras.layers.Dense(1, dtype="float32"),
        ]
    )
    rng = np.random.default_rng(1)
    model.set_weights([rng.standard_normal(w.shape) * 0.3 for w in model.get_weights()])
    return model


@pytest.fixture(autouse=True)
def policy_before():
    yield
    keras.config.set_dtype_policy("float32")


@every_cell_and_ind_rnn
@every_policy
def test_it_learns_about_what_float32_learns(case, policy):
    inputs, targets = data()
    losses = {}
    for dtype in (policy, "float32"):
        keras.config.set_dtype_policy(dtype)  # by which the model scales its loss
        model = make_model(case, dtype)
        model.compile(keras.optimizers.SGD(0.1), "mse")
        history = model.fit(inputs, targets, 8, epochs=3, shuffle=False, verbose=0)
        losses[dtype] = np.array(history.history["loss"])
        assert {w.dtype for w in model.weights} == {"float32"}
        if dtype == "mixed_float16":
            assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    assert losses[policy][-1] < losses[policy][0]
    # The error of a loss is the least of those of the outputs, which rounding makes.
    error = np.abs(losses[policy] - losses["float32"]).max()
    assert error < 4 * TOLERANCE[POLICIES[policy]] * losses["float32"][0]


@every_cell_and_ind_rnn
@every_policy
def test_the_fused_ops_run_in_sixteen_bits(case, policy, monkeypatch):
    called = spy_on_fused_ops(monkeypatch)
    model = make_model(case, policy)
    model.compile("sgd", "mse")
    model.fit(*data(), 32, verbose=0)
    op = f"Tfrnn{case.name.title().replace('_', '')}"
    for part in ("", "Grad", "GradWeights"):
        assert (op + part, POLICIES[policy]) in called


@every_cell_and_ind_rnn
@every_policy
def test_gradients_of_the_master_weights(case, policy):
    """They are float32, and those of float32 arithmetic but for the rounding of 16 bits."""
    inputs, _ = data()
    gradients = {}
    for dtype in (policy, "float32"):
        model = make_model(case, dtype, recurrent_dropout=0.3, recurrent_dropout_per_step=True)
        layer = model.layers[0]
        _, gradients[dtype] = values_and_gradients(
            lambda layer=layer: tf.cast(layer(inputs, training=True), "float32"),
            layer.trainable_variables,
        )
    for got, want in zip(gradients[policy], gradients["float32"], strict=True):
        assert got.dtype == tf.float32
        error = np.abs(got - want).max() / np.abs(want).max()
        assert error < 4 * TOLERANCE[POLICIES[policy]]


@every_cell_and_ind_rnn
def test_loss_scaling(case):
    """Gradients too small for float16 survive; a step whose gradients overflow is left out."""
    inputs, _ = data()
    tiny = 1e-6

    def gradients(scale):
        model = make_model(case, "mixed_float16")
        with tf.GradientTape() as tape:
            outputs = tf.cast(model.layers[0](inputs, training=True), tf.float32)
            loss = scale * tiny * tf.reduce_mean(outputs)
        return tape.gradient(loss, model.layers[0].trainable_variables)

    plain, scaled = (gradients(scale)[0] for scale in (1.0, 2.0**15))
    assert np.any(scaled != 0)
    assert np.mean(np.abs(plain * 2.0**15 - scaled)) > 0.01 * np.mean(np.abs(scaled))

    model = make_model(case, "mixed_float16")
    optimizer = keras.optimizers.LossScaleOptimizer(
        keras.optimizers.SGD(0.1), initial_scale=2.0**30
    )
    model.compile(optimizer, "mse")
    before = model.get_weights()
    model.train_on_batch(inputs, np.full([32, 1], 1e4, "float32"))
    assert_same_bits(model.get_weights(), before)
    assert float(optimizer.dynamic_scale.numpy()) == 2.0**29
    for _ in range(40):
        model.train_on_batch(*data())
    assert not np.array_equal(model.get_weights()[0], before[0])
    assert all(np.isfinite(w).all() for w in model.get_weights())


@every_policy
def test_explain_tells_of_it(policy):
    layer = tfrnn_ops.GRU(3, dtype=policy)
    told = tfrnn_ops.explain(layer, tf.zeros([2, 5, 4]), training=True)
    assert told.path == "fused"
    assert told.kernel == f"TfrnnGru, {POLICIES[policy]}"
