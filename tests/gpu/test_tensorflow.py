"""The ops on a GPU under TensorFlow: the same layers there and on the CPU."""

import numpy as np
import pytest

pytest.importorskip("tensorflow")

import tensorflow as tf
from cells import GRU, LSTM, call, every_cell_and_ind_rnn, layer_pair, random_mask, random_tensors
from gradients import values_and_gradients
from tolerance import assert_close, assert_same_bits

import tfrnn_ops
from tfrnn_ops import _build_info

pytestmark = [
    pytest.mark.skipif(not _build_info.CUDA, reason="tfrnn_ops was built without CUDA"),
    pytest.mark.skipif(
        not tf.config.list_physical_devices("GPU"), reason="this TensorFlow has no GPU"
    ),
]
DTYPES = ("float64", "float32", "float16", "bfloat16")
SIZES = [
    (3, 5, 7, 20),
    (1, 1, 1, 1),
    (17, 9, 31, 33),
    (40, 16, 20, 200),
    (3, 0, 4, 6),
    (0, 5, 4, 6),
]


@pytest.fixture(autouse=True)
def exact_float32():
    before = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(False)
    yield
    tf.config.experimental.enable_tensor_float_32_execution(before)


def compare(case, tensors, **options):
    """Values and gradients on the GPU, and on the CPU in float64."""

    def compute(given):
        return values_and_gradients(
            lambda: call(case.function, case, given, **options), given.all()
        )

    with tf.device("/GPU:0"):
        got = compute(tensors.replace([tf.identity(t) for t in tensors.all()]))
    assert "GPU" in got[0][0].device
    with tf.device("/CPU:0"):
        want = compute(tensors.cast("float64"))
    assert_close(got[0], want[0])
    assert_close(got[1], want[1], floor=1.0)


@every_cell_and_ind_rnn
@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_results_and_gradients(case, dtype, sizes):
    compare(case, random_tensors(case, *sizes, dtype=dtype))


@every_cell_and_ind_rnn
@pytest.mark.parametrize(
    "options",
    [
        {"mask": random_mask(3, 5)},
        {"mask": random_mask(3, 5), "zero_output_for_mask": True, "go_backwards": True},
        {"training": True, "seed": [3, 5], "recurrent_dropout": 0.4, "zoneout": 0.3},
        {"activation": "relu"},
    ],
    ids=["mask", "backwards", "noise", "relu"],
)
def test_options(case, options):
    compare(case, random_tensors(case, 3, 5, 7, 20), **options)


@every_cell_and_ind_rnn
def test_a_training_step(case):
    """A Keras model, an optimizer, a compiled graph: the same weights afterwards."""
    x, y = tf.random.normal([8, 12, 5]), tf.random.normal([8, 4])

    def train(device):
        with tf.device(device):
            layers = [case.layer(16, return_sequences=True), case.layer(4)]
            for seed, layer in enumerate(layers):
                layer.build([8, 12, 5 if seed == 0 else 16])
                rng = np.random.default_rng(seed)
                layer.set_weights([rng.normal(size=w.shape) * 0.3 for w in layer.weights])
            variables = [w.value for layer in layers for w in layer.trainable_weights]

            @tf.function
            def step():
                with tf.GradientTape() as tape:
                    loss = tf.reduce_mean((layers[1](layers[0](x)) - y) ** 2)
                for variable, gradient in zip(
                    variables, tape.gradient(loss, variables), strict=True
                ):
                    variable.assign_sub(0.1 * gradient)
                return loss

            return [step(), step(), *variables]

    assert_close(train("/GPU:0"), train("/CPU:0"), "training")


@pytest.mark.parametrize("case", [LSTM, GRU], ids=["lstm", "gru"])
def test_order_among_other_ops(case):
    """Long products before and after share the stream: nobody reads what is not yet written."""
    with tf.device("/GPU:0"):
        tensors = random_tensors(case, 32, 50, 64, 128, dtype="float32")
        big = tf.random.stateless_normal([2048, 2048], [1, 2]) / 45

        @tf.function
        def busy(i):
            product = big
            for _ in range(8):
                product = tf.matmul(product, big)
            scale = 1 + 0 * tf.reduce_sum(product) + tf.cast(i, tf.float32) / 8
            given = tensors.replace([t * scale for t in tensors.all()])
            values, gradients = values_and_gradients(
                lambda: call(case.function, case, given), given.all()
            )
            return [tf.matmul(tf.reshape(values[0], [-1, 128]), tensors.weights[1]), *gradients]

        waits = []
        for i in range(8):
            waits.append([t.numpy() for t in busy(tf.constant(i))])
        runs = [busy(tf.constant(i)) for i in range(8)]
    for run, want in zip(runs, waits, strict=True):
        assert_same_bits([t.numpy() for t in run], want)


@every_cell_and_ind_rnn
def test_the_same_bits_every_time(case):
    tensors = random_tensors(case, 24, 50, 32, 96, dtype="bfloat16")
    with tf.device("/GPU:0"):
        runs = [
            values_and_gradients(lambda: call(case.function, case, tensors), tensors.all())
            for _ in range(3)
        ]
    for run in runs[1:]:
        assert_same_bits(run[0], runs[0][0])
        assert_same_bits(run[1], runs[0][1])


def test_dropout_of_keras():
    theirs, ours = layer_pair(LSTM, 6, [3, 5, 4], recurrent_dropout=0.4, seed=7)
    x = tf.random.stateless_normal([3, 5, 4], [1, 2])
    with tf.device("/GPU:0"):
        assert_close(ours(x, training=True), theirs(x, training=True))


def test_explain_tells_the_plan():
    with tf.device("/GPU:0"):
        explanation = tfrnn_ops.explain(tfrnn_ops.LSTM(512), tf.zeros([2, 5, 3]), training=True)
    assert explanation.device == "GPU"
    assert [note.split(":")[0] for note in explanation.notes] == [
        "GPU plan forward",
        "GPU plan backward",
    ]


def test_errors_name_what_was_found(monkeypatch):
    monkeypatch.setenv("TFRNN_GPU_PLAN", "luck")
    with (
        tf.device("/GPU:0"),
        pytest.raises(tf.errors.FailedPreconditionError, match="found 'luck', expected stepwise"),
    ):
        tfrnn_ops.LSTM(4)(tf.zeros([2, 5, 3]))
