"""The ops on a GPU, which is emulated: everything between TensorFlow and the CUDA kernels.

The kernels themselves are tested in tests/emulator; here they are to give what the CPU gives, with
every option, dtype and shape that comes to them through the ops.
"""

import numpy as np
import pytest
import tensorflow as tf
from cells import (
    GRU,
    LSTM,
    call,
    every_cell,
    every_cell_and_ind_rnn,
    random_mask,
    random_tensors,
)
from emulated_gpu import (
    DTYPES,
    OPS,
    POLICIES,
    SIZES,
    SUFFIXES,
    compare,
    draws,
    needs_emulated_gpu,
    on_emulated_gpu,
    run,
    run_bidirectional,
)
from gradients import values_and_gradients
from problems import build, everything
from problems import every_cell as every_problem
from tolerance import assert_close, assert_same_bits

import tfrnn_ops
from tfrnn_ops import _build_info
from tfrnn_ops.fused import Direction

pytestmark = [needs_emulated_gpu, pytest.mark.usefixtures("exact_float32")]


@every_cell_and_ind_rnn
@pytest.mark.parametrize("dtype", DTYPES)
def test_results_and_gradients(case, dtype):
    run(case, random_tensors(case, *SIZES, dtype=dtype))


OPTIONS = {
    "mask": {"mask": tf.constant(random_mask(3, 5))},
    "zero output": {"mask": tf.constant(random_mask(3, 5)), "zero_output_for_mask": True},
    "lengths": {"sequence_length": [5, 0, 2]},
    "backwards": {"mask": tf.constant(random_mask(3, 5)), "go_backwards": True},
    "dropout": draws(recurrent_dropout=0.4),
    "dropout in inference": draws(False, recurrent_dropout=0.4),
    "zoneout": draws(zoneout=0.3),
    "expected zoneout": {"zoneout": 0.3},
    "all noise": {
        **draws(recurrent_dropout=0.4, zoneout=0.3),
        "mask": tf.constant(random_mask(3, 5)),
        "go_backwards": True,
    },
}


@every_cell_and_ind_rnn
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_options(case, options):
    run(case, random_tensors(case, *SIZES), **options)


@pytest.mark.parametrize("training", [False, True])
def test_cell_zoneout(training):
    run(LSTM, random_tensors(LSTM, *SIZES), **draws(training, cell_zoneout=0.3, zoneout=0.2))


@every_cell_and_ind_rnn
def test_without_a_bias(case):
    run(case, random_tensors(case, *SIZES, use_bias=False))


@every_cell_and_ind_rnn
@pytest.mark.parametrize("options", [{}, {"mask": tf.constant(random_mask(5, 3))}])
def test_time_major(case, options):
    tensors = random_tensors(case, *SIZES)
    tensors.inputs = tf.transpose(tensors.inputs, [1, 0, 2])
    run(case, tensors, time_major=True, **options)


@every_cell_and_ind_rnn
@pytest.mark.parametrize(
    "sizes", [(3, 0, 4, 6), (0, 5, 4, 6), (1, 1, 1, 1), (9, 2, 3, 33)], ids=str
)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_empty_and_odd_shapes(case, sizes, dtype):
    run(case, random_tensors(case, *sizes, dtype=dtype))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("policy", POLICIES)
def test_every_policy(monkeypatch, policy, dtype):
    monkeypatch.setenv("TFRNN_GPU_PLAN", policy)
    tensors = random_tensors(LSTM, 9, 5, 7, 40, dtype=dtype)
    run(LSTM, tensors, mask=tf.constant(random_mask(9, 5)))


@every_problem
def test_activations(make):
    given, options = build(make)
    options |= {"activation": "softsign"}
    if make["name"] in ("lstm", "gru"):
        options |= {"recurrent_activation": "hard_sigmoid"}
    compare(given.tensors(), **options)


@every_problem
@pytest.mark.parametrize("sizes", [(3, 5), (3, 0), (0, 5)], ids=str)
def test_layer_norm(make, sizes):
    given, options = build(make, *sizes, layer_norm=True)
    compare(given.tensors(), layer_norm_epsilon=1e-2, **options)


@pytest.mark.parametrize(
    ("arrays", "options"),
    [
        ({"peephole": True}, {}),
        ({"outputs": 5}, {"projection_clip": 0.5}),
        ({"layer_norm": True}, {"layer_norm_carry": True}),
        ({}, {"cell_clip": 0.8}),
        ({}, {"return_cell_states": True}),
    ],
    ids=str,
)
def test_options_of_an_lstm(arrays, options):
    given, _ = build({"name": "lstm"}, **arrays)
    compare(given.tensors(), **options)


@every_problem
@pytest.mark.parametrize("time_major", [False, True])
def test_everything_at_once(make, time_major):
    given, options = everything(make)
    given = given.tensors()
    mask = random_mask(3, 4)
    if time_major:
        given.inputs, mask = tf.transpose(given.inputs, [1, 0, 2]), mask.T
    compare(given, mask=tf.constant(mask), time_major=time_major, **options)


@every_cell
@pytest.mark.parametrize("shared", [False, True])
def test_given_factors_of_dropout(case, shared):
    """One mask of recurrent dropout for all gates, or one each, and of the inputs too."""
    kind = case.layer(1).kind
    tensors = random_tensors(case, *SIZES)
    rng = np.random.default_rng(0)
    masks = {"recurrent_dropout_mask": rng.integers(0, 2, [1, 3, 20]) * 2.0}
    if not shared:
        masks["recurrent_dropout_mask"] = rng.integers(0, 2, [kind.gates, 3, 20]) * 2.0
        masks["input_dropout_mask"] = rng.integers(0, 2, [kind.gates, 3, 7]) * 2.0

    def compute():
        def function():
            one = Direction(tensors.inputs, tensors.states, *tensors.weights, **masks)
            results = kind.fused([one], None, keep_reserve=True, **case.options)
            return tf.nest.flatten(results)

        return values_and_gradients(function, tensors.all())

    (got, dgot), (want, dwant) = on_emulated_gpu(compute), compute()
    assert_close(got, want)
    assert_close(dgot, dwant, floor=1.0)


@every_cell_and_ind_rnn
def test_the_gradient_can_be_taken_twice(case):
    """What was kept for it is still there after the first time."""
    tensors = random_tensors(case, *SIZES)

    def twice():
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(tensors.all())
            loss = tf.reduce_sum(call(case.function, case, tensors)[0] ** 2)
        return [tape.gradient(loss, tensors.all()) for _ in range(2)]

    first, second = on_emulated_gpu(twice)
    assert_same_bits(first, second)


@every_cell_and_ind_rnn
def test_only_some_gradients(case):
    tensors = random_tensors(case, *SIZES)

    def gradient(of):
        with tf.GradientTape() as tape:
            tape.watch(of)
            loss = tf.reduce_sum(call(case.function, case, tensors)[0] ** 2)
        return tape.gradient(loss, of)

    for of in ([tensors.inputs], tensors.weights[:1], tensors.states):
        got = on_emulated_gpu(lambda of=of: gradient(of))
        assert_close(got, gradient(of))


@every_cell
def test_layers_train(case):
    """Steps of a layer over a layer, with an optimizer, as on the CPU."""
    x, y = tf.random.normal([4, 6, 3]), tf.random.normal([4, 5])
    layers = [case.layer(8, return_sequences=True), case.layer(5)]
    for layer, shape in zip(layers, ([4, 6, 3], [4, 6, 8]), strict=True):
        layer.build(shape)
    weights = [w for layer in layers for w in layer.trainable_weights]

    def train():
        values = [tf.identity(w) for w in weights]
        for _ in range(3):
            with tf.GradientTape() as tape:
                tape.watch(values)
                given, h = list(values), x
                for layer in layers:
                    own = [given.pop(0) for _ in layer.trainable_weights]
                    h, _ = layer.stateless_call(own, layer.non_trainable_variables, h)
                loss = tf.reduce_mean((h - y) ** 2)
            found = tape.gradient(loss, values)
            values = [v - 0.1 * g for v, g in zip(values, found, strict=True)]
        return [loss, *values]

    assert_close(on_emulated_gpu(train), train(), "training")


@every_cell
@pytest.mark.parametrize("policy", ["stepwise", ""])
@pytest.mark.parametrize("options", [{}, {"layer_norm": True}])
def test_both_directions_in_one_call(monkeypatch, case, policy, options):
    monkeypatch.setenv("TFRNN_GPU_PLAN", policy)
    run_bidirectional(case, **options)


def test_tf32_when_tensorflow_allows_it():
    tensors = random_tensors(LSTM, 9, 5, 7, 40, dtype="float32")
    exact = run(LSTM, tensors)[0]
    tf.config.experimental.enable_tensor_float_32_execution(True)
    rounded = on_emulated_gpu(lambda: call(LSTM.function, LSTM, tensors))
    error = np.abs(rounded[0] - exact[0]).max()
    assert 1e-6 < error < 1e-2


# ---- what cannot be run


def fails(error, match, case=LSTM, dtype="float32", **options):
    tensors = random_tensors(case, *SIZES, dtype=dtype)
    with pytest.raises(error, match=match):
        on_emulated_gpu(lambda: call(case.function, case, tensors, **options))


def test_no_gpu(monkeypatch):
    monkeypatch.setenv("EMULATED_GPU", "none")
    fails(tf.errors.InternalError, "asking for the GPU's properties: no CUDA-capable device")


def test_a_wrong_override(monkeypatch):
    monkeypatch.setenv("TFRNN_GPU_PLAN", "luck")
    fails(tf.errors.FailedPreconditionError, "TFRNN_GPU_PLAN='luck': found 'luck', expected step")


def test_an_override_that_does_not_fit(monkeypatch):
    monkeypatch.setenv("TFRNN_GPU_PLAN", "grid")
    fails(tf.errors.FailedPreconditionError, "asks for grid, which does not fit", dtype="float64")


def test_an_older_gpu_steps(monkeypatch):
    monkeypatch.setenv("EMULATED_GPU", "T4")
    run(GRU, random_tensors(GRU, *SIZES, dtype="bfloat16"))


def test_the_operands_are_checked():
    tensors = random_tensors(LSTM, *SIZES)
    tensors.weights[2] = tensors.weights[2][:3]
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError), match="bias"):
        on_emulated_gpu(lambda: call(LSTM.function, LSTM, tensors))


# ---- the library for real GPUs


@pytest.mark.skipif(not _build_info.CUDA, reason="built without CUDA")
@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("op", OPS)
def test_kernels_are_registered_for_gpus(op, suffix):
    from tensorflow.python.framework import kernels

    assert tfrnn_ops.explain  # the library is loaded
    found = [
        kernel
        for kernel in kernels.get_registered_kernels_for_op(op + suffix).kernel
        if kernel.device_type == "GPU"
    ]
    types = {
        tf.dtypes.as_dtype(dtype).name
        for kernel in found
        for constraint in kernel.constraint
        for dtype in constraint.allowed_values.list.type
    }
    assert types == set(DTYPES)
    assert all(kernel.host_memory_arg == ["seed"] for kernel in found)
