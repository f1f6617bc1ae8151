"""What the fused ops draw at every step: the bits of the generator, and nothing else."""

import numpy as np
import numpy_philox
import pytest
import tensorflow as tf
from cells import EVERY_CELL, LSTM, call, random_mask, random_tensors
from gradients import values_and_gradients
from tolerance import assert_close, assert_same_bits

import tfrnn_ops

TIME, BATCH, UNITS, RATE = 6, 3, 5, 0.375  # a row of five words fills no block of four
SEEDS = {
    "small": (1, 2),
    "zero": (0, 0),
    "negative": (-7, -1),
    "wide": (2**62 + 3, 2**33 + 5),
    "extreme": (-(2**63), 2**63 - 1),
}
each_seed = pytest.mark.parametrize("seed", SEEDS.values(), ids=SEEDS)
each_dtype = pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "float16"])


def chosen(seed, stream, time=TIME):
    """What is dropped or kept, `[batch, time, units]`."""
    drawn = numpy_philox.chosen(seed, stream, RATE, time, BATCH, UNITS)
    return drawn.swapaxes(0, 1)


def linear_rnn(recurrent, dtype="float64", seed=(1, 2), kernel=1.0, seed_dtype=tf.int64, **options):
    """h[t] = kernel * (t + 1) + recurrent * h[t-1], in every unit alike; h begins at -1."""
    inputs = tf.reshape(tf.range(1.0, TIME + 1), [1, TIME, 1]) * tf.ones([BATCH, 1, 1])
    outputs, _ = tfrnn_ops.simple_rnn(
        tf.cast(inputs, dtype),
        -tf.ones([BATCH, UNITS], dtype),
        tf.fill([1, UNITS], tf.cast(kernel, dtype)),
        tf.eye(UNITS, dtype=dtype) * tf.cast(recurrent, dtype),
        activation="linear",
        training=True,
        seed=tf.constant(seed, seed_dtype),
        **options,
    )
    return tf.cast(outputs, tf.float64).numpy()


@each_seed
@each_dtype
def test_zoneout_of_h(dtype, seed):
    outputs = linear_rnn(0.0, dtype, seed, zoneout=RATE)
    before = np.concatenate([np.full([BATCH, 1, UNITS], -1.0), outputs[:, :-1]], axis=1)
    kept = chosen(seed, 1)
    assert 0 < kept.sum() < kept.size
    np.testing.assert_array_equal(outputs == before, kept)
    steps = np.arange(1.0, TIME + 1)[:, None]
    np.testing.assert_array_equal(outputs, np.where(kept, before, steps))


@each_seed
@each_dtype
def test_recurrent_dropout(dtype, seed):
    outputs = linear_rnn(0.5, dtype, seed, recurrent_dropout=RATE)
    dropped = chosen(seed, 0)
    assert 0 < dropped.sum() < dropped.size
    steps = np.broadcast_to(np.arange(1.0, TIME + 1)[:, None], outputs.shape)
    np.testing.assert_array_equal(outputs == steps, dropped)


@each_seed
@each_dtype
def test_zoneout_of_c(dtype, seed):
    """With an open input gate and a shut forget gate c is the step's own input."""
    inputs = tf.reshape(tf.range(1.0, TIME + 1), [1, TIME, 1]) * tf.ones([BATCH, 1, 1])
    kernel = tf.concat([tf.zeros([1, 2 * UNITS]), tf.ones([1, UNITS]), tf.zeros([1, UNITS])], 1)
    bias = tf.repeat(tf.constant([1.0, 0.0, 0.0, 1.0]), UNITS)
    tensors = [inputs, kernel, tf.zeros([UNITS, 4 * UNITS]), bias, tf.zeros([BATCH, UNITS])]
    x, *weights, zeros = (tf.cast(t, dtype) for t in tensors)
    _, _, c = tfrnn_ops.lstm(
        x,
        (zeros, zeros),
        *weights,
        activation="linear",
        recurrent_activation="linear",
        cell_zoneout=RATE,
        return_cell_states=True,
        training=True,
        seed=tf.constant(seed, tf.int64),
    )
    c, kept = tf.cast(c, tf.float64).numpy(), chosen(seed, 2)
    before = np.concatenate([np.zeros([BATCH, 1, UNITS]), c[:, :-1]], axis=1)
    steps = np.arange(1.0, TIME + 1)[:, None]
    np.testing.assert_array_equal(c, np.where(kept, before, steps))


def test_steps_count_from_the_first_processed():
    forwards = linear_rnn(0.0, zoneout=RATE, kernel=0.0)
    backwards = linear_rnn(0.0, zoneout=RATE, kernel=0.0, go_backwards=True)
    np.testing.assert_array_equal(forwards, backwards)


def test_masked_steps_use_up_their_bits():
    mask = random_mask(BATCH, TIME)
    outputs = linear_rnn(0.0, zoneout=RATE, mask=tf.constant(mask), zero_output_for_mask=True)
    steps = np.broadcast_to(np.arange(1.0, TIME + 1)[:, None], outputs.shape)
    new = mask[..., None] & ~chosen((1, 2), 1)
    np.testing.assert_array_equal(outputs == steps, new)


def test_the_words_of_a_seed():
    options = {"zoneout": RATE, "recurrent_dropout": 0.5}

    def run(*seed, dtype=tf.int64):
        return linear_rnn(0.5, seed=seed, seed_dtype=dtype, **options)

    first = run(1, 2)
    np.testing.assert_array_equal(run(1, 2), first)
    np.testing.assert_array_equal(run(1, 2, dtype=tf.int32), first)
    np.testing.assert_array_equal(run(1, 2 + 2**32), first)
    np.testing.assert_array_equal(run(-3, -4, dtype=tf.int32), run(-3, -4))
    for other in [(2, 2), (1, 3), (-1, 2), (1, -2), (1 + 2**32, 2)]:
        assert np.any(run(*other) != first), other


RATES = {
    "recurrent_dropout": {"recurrent_dropout": 0.375},
    "zoneout": {"zoneout": 0.375},
    "cell_zoneout": {"cell_zoneout": 0.375},
    "all": {"recurrent_dropout": 0.25, "zoneout": 0.125, "cell_zoneout": 0.5},
}


def applies(name, case):
    return case is LSTM or name != "cell_zoneout"


@pytest.mark.parametrize(
    ("case", "rates"),
    [
        pytest.param(
            case, {n: r for n, r in rates.items() if applies(n, case)}, id=f"{name}-{what}"
        )
        for name, case in EVERY_CELL.items()
        for what, rates in RATES.items()
        if applies(what, case)
    ],
)
@pytest.mark.parametrize("dtype", ["float64", "bfloat16", "float16"])
def test_values_and_gradients_equal_the_reference(case, rates, dtype):
    tensors = random_tensors(case, 3, 7, 5, 19, dtype=dtype)
    options = {**rates, "training": True, "seed": [-5, 9], "mask": tf.constant(random_mask(3, 7))}

    def run(function, tensors, **changed):
        return values_and_gradients(
            lambda: call(function, case, tensors, **{**options, **changed}), tensors.all()
        )

    values, gradients = run(case.function, tensors)
    want, dwant = run(case.reference, tensors.cast("float64"))
    assert_close(values, want)
    assert_close(gradients, dwant)
    again, dagain = run(case.function, tensors)
    assert_same_bits([*again, *dagain], [*values, *gradients])
    other, _ = run(case.function, tensors, seed=[-5, 10])
    assert np.abs(tf.cast(other[0] - values[0], tf.float64)).max() > 0.01
    still, _ = run(case.function, tensors, training=False)
    assert np.abs(tf.cast(still[0] - values[0], tf.float64)).max() > 0.01
