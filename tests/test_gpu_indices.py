"""Integers in place of inputs, and dropout of the state of each step, on an emulated GPU."""

import numpy as np
import pytest
import tensorflow as tf
from cells import GRU, LSTM, every_cell_and_ind_rnn, random_mask, random_tensors
from emulated_gpu import (
    DTYPES,
    NUMBERS,
    POLICIES,
    SIZES,
    draws,
    needs_emulated_gpu,
    run,
    run_indices,
)
from tolerance import assert_same_bits

pytestmark = [needs_emulated_gpu, pytest.mark.usefixtures("exact_float32")]


@every_cell_and_ind_rnn
@pytest.mark.parametrize("dtype", DTYPES)
def test_integers_in_place_of_one_hot_rows(case, dtype):
    first, second = (run_indices(case, NUMBERS, dtype=dtype) for _ in range(2))
    assert_same_bits(tf.nest.flatten(first), tf.nest.flatten(second))


@every_cell_and_ind_rnn
@pytest.mark.parametrize(
    "options",
    [
        {"mask": tf.constant(random_mask(3, 5)), "go_backwards": True},
        {**draws(recurrent_dropout=0.4, zoneout=0.3)},
        {"time_major": True},
    ],
    ids=["masked", "noise", "time_major"],
)
def test_integers_with_options(case, options):
    numbers = NUMBERS.T if options.get("time_major") else NUMBERS
    run_indices(case, numbers, **options)


@pytest.mark.parametrize("shape", [(3, 0), (0, 5)], ids=str)
def test_no_integers(shape):
    run_indices(LSTM, np.zeros(shape, "int32"))


@pytest.mark.parametrize("policy", POLICIES)
def test_many_numbers_and_every_policy(monkeypatch, policy):
    monkeypatch.setenv("TFRNN_GPU_PLAN", policy)
    numbers = np.random.default_rng(2).integers(0, 1000, [3, 5])
    run_indices(GRU, numbers, features=1000, dtype="float32")


@every_cell_and_ind_rnn
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"mask": tf.constant(random_mask(3, 5)), "zero_output_for_mask": False},
        {**draws(recurrent_dropout=0.4, zoneout=0.3), "sequence_length": [5, 0, 2]},
        {"go_backwards": True, "activation": "softsign"},
    ],
    ids=["alone", "masked", "noise", "backwards"],
)
def test_dropout_of_the_state(case, options):
    factors = np.random.default_rng(3).integers(0, 3, [5, 3, 20]) * 0.75
    run(case, random_tensors(case, *SIZES), state_dropout_mask=tf.constant(factors), **options)
