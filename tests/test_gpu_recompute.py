"""recompute=K on an emulated GPU: the same results for less memory."""

import numpy as np
import pytest
import tensorflow as tf
from cells import GRU, LSTM, call, every_cell, every_cell_and_ind_rnn, random_mask, random_tensors
from emulated_gpu import (
    DTYPES,
    NUMBERS,
    POLICIES,
    SIZES,
    compare,
    draws,
    needs_emulated_gpu,
    on_emulated_gpu,
    run,
    run_bidirectional,
    run_indices,
)
from gradients import values_and_gradients
from problems import every_cell as every_problem
from problems import everything
from tolerance import assert_same_bits

pytestmark = [needs_emulated_gpu, pytest.mark.usefixtures("exact_float32")]


def run_recomputed(case, tensors, steps, **options):
    """As `run`; and the results are those of a call that keeps everything, bit by bit."""
    given = options.pop("masks", {})
    got = run(case, tensors, recompute=steps, **given, **options)
    whole = on_emulated_gpu(
        lambda: tf.nest.flatten(call(case.function, case, tensors, **given, **options))
    )
    assert_same_bits(tf.nest.flatten(got[0]), whole)
    return got


RECOMPUTED = {
    "plain": {},
    "masked": {"mask": tf.constant(random_mask(3, 5)), "zero_output_for_mask": False},
    "backwards": {"sequence_length": [5, 0, 2], "go_backwards": True},
    "noise": {**draws(recurrent_dropout=0.4, zoneout=0.3), "mask": tf.constant(random_mask(3, 5))},
    "general": {"activation": "softsign", "mask": tf.constant(random_mask(3, 5))},
    "general noise": {
        **draws(recurrent_dropout=0.4, zoneout=0.3),
        "activation": "softsign",
        "zero_output_for_mask": False,
        "sequence_length": [5, 0, 2],
        "state_dropout_mask": tf.constant(
            np.random.default_rng(4).integers(0, 3, [5, 3, 20]) * 0.7
        ),
    },
}


@every_cell_and_ind_rnn
@pytest.mark.parametrize("options", RECOMPUTED.values(), ids=RECOMPUTED)
@pytest.mark.parametrize("steps", [1, 2, 5])
def test_recompute(case, steps, options):
    run_recomputed(case, random_tensors(case, *SIZES), steps, **options)


@every_cell_and_ind_rnn
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("time_major", [False, True])
def test_recompute_in_every_type_and_layout(case, dtype, time_major):
    tensors = random_tensors(case, *SIZES, dtype=dtype)
    mask = tf.constant(random_mask(3, 5))
    if time_major:
        tensors.inputs, mask = tf.transpose(tensors.inputs, [1, 0, 2]), tf.transpose(mask)
    run_recomputed(case, tensors, 2, time_major=time_major, mask=mask, go_backwards=True)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("case", [LSTM, GRU], ids=["lstm", "gru"])
def test_recompute_by_every_policy(monkeypatch, case, policy):
    monkeypatch.setenv("TFRNN_GPU_PLAN", policy)
    tensors = random_tensors(case, 9, 5, 7, 40, dtype="float32")
    run_recomputed(case, tensors, 2, mask=tf.constant(random_mask(9, 5)), **draws(zoneout=0.3))


@pytest.mark.parametrize("sizes", [(3, 0, 4, 6), (0, 5, 4, 6), (1, 4, 3, 5)], ids=str)
def test_recompute_of_odd_shapes(sizes):
    run_recomputed(LSTM, random_tensors(LSTM, *sizes), 2)


def test_recompute_sums_16_bits_in_32():
    """Gradients of many segments are as good as those of one."""
    tensors = random_tensors(GRU, 4, 64, 3, 5, dtype="bfloat16")

    def gradients(given, steps=None):
        def function():
            return call(GRU.function, GRU, given, recompute=steps)

        return values_and_gradients(function, given.all())[1][-3:]

    want = gradients(tensors.cast("float64"))
    errors = []
    for steps in (None, 1):
        got = on_emulated_gpu(lambda steps=steps: gradients(tensors, steps))
        pairs = ((np.asarray(g, "float64"), np.asarray(w)) for g, w in zip(got, want, strict=True))
        errors.append(max(np.abs(g - w).max() for g, w in pairs))
    assert errors[1] <= 1.5 * errors[0]


@every_cell_and_ind_rnn
def test_recompute_of_integers(case):
    run_indices(case, NUMBERS, recompute=2)
    run_indices(case, NUMBERS.T, recompute=2, time_major=True, dtype="bfloat16")


@every_problem
def test_everything_at_once_recomputed(make):
    given, options = everything(make)
    compare(given.tensors(), mask=tf.constant(random_mask(3, 4)), recompute=3, **options)


@pytest.mark.parametrize("policy", POLICIES)
def test_recompute_with_all_cell_states(monkeypatch, policy):
    monkeypatch.setenv("TFRNN_GPU_PLAN", policy)
    tensors = random_tensors(LSTM, 9, 5, 7, 40, dtype="float32")
    mask = tf.constant(random_mask(9, 5))
    run_recomputed(LSTM, tensors, 2, mask=mask, return_cell_states=True)


@every_cell
def test_both_directions_recomputed(case):
    run_bidirectional(case, recompute=2)
