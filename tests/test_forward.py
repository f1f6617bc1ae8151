"""The fused functions against Keras, PyTorch and the reference: outputs and final states."""

import numpy as np
import pytest
import tensorflow as tf
from cells import (
    GRU,
    GRU_RESET_BEFORE,
    LSTM,
    call,
    every_cell,
    keras_call,
    random_mask,
    random_tensors,
)
from tolerance import assert_close

import tfrnn_ops

SIZES = [(1, 1, 1, 1), (3, 5, 7, 2), (2, 17, 31, 17), (31, 2, 1, 5), (5, 3, 17, 64)]


@every_cell
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_equals_keras(case, dtype, sizes):
    tensors = random_tensors(case, *sizes, dtype=dtype)
    assert_close(call(case.function, case, tensors), keras_call(case, tensors))


@every_cell
@pytest.mark.parametrize("go_backwards", [False, True])
@pytest.mark.parametrize("zero_output_for_mask", [False, True])
@pytest.mark.parametrize("use_bias", [False, True])
@pytest.mark.parametrize("mask", [False, True])
def test_options_equal_keras(case, mask, use_bias, zero_output_for_mask, go_backwards):
    tensors = random_tensors(case, 3, 7, 5, 6, use_bias=use_bias)
    options = {"go_backwards": go_backwards, "zero_output_for_mask": zero_output_for_mask}
    options["mask"] = tf.constant(random_mask(3, 7)) if mask else None
    got = call(case.function, case, tensors, **options)
    assert_close(got, keras_call(case, tensors, **options))


@every_cell
@pytest.mark.parametrize("go_backwards", [False, True])
def test_time_major_is_a_transpose(case, go_backwards):
    tensors = random_tensors(case, 3, 7, 5, 6)
    mask = tf.constant(random_mask(3, 7))
    want, *states = call(case.function, case, tensors, mask=mask, go_backwards=go_backwards)
    tensors.inputs = tf.transpose(tensors.inputs, [1, 0, 2])
    got = call(
        case.function,
        case,
        tensors,
        mask=tf.transpose(mask),
        go_backwards=go_backwards,
        time_major=True,
    )
    assert_close(got, [tf.transpose(want, [1, 0, 2]), *states])


@every_cell
def test_no_initial_state_is_zeros(case):
    tensors = random_tensors(case, 3, 4, 5, 6)
    got, _ = case.function(tensors.inputs, None, *tensors.weights, **case.options)
    tensors.states = [tf.zeros_like(s) for s in tensors.states]
    want, *_ = call(case.function, case, tensors)
    assert_close(got, want)


@every_cell
@pytest.mark.parametrize("go_backwards", [False, True])
def test_sequence_length_is_a_mask(case, go_backwards):
    tensors = random_tensors(case, 4, 5, 3, 2)
    lengths = [5, 0, 3, 1]
    mask = np.arange(5) < np.array(lengths)[:, None]
    want = call(case.function, case, tensors, mask=mask, go_backwards=go_backwards)
    got = call(case.function, case, tensors, sequence_length=lengths, go_backwards=go_backwards)
    assert_close(got, want)


def test_sequence_length_and_mask_both_hold():
    tensors = random_tensors(LSTM, 4, 5, 3, 2)
    mask, lengths = random_mask(4, 5), np.array([5, 0, 3, 1])
    both = mask & (np.arange(5) < lengths[:, None])
    want = call(LSTM.function, LSTM, tensors, mask=both)
    assert_close(
        call(LSTM.function, LSTM, tensors, mask=mask, sequence_length=lengths),
        want,
    )


def test_the_lstm_state_has_names():
    tensors = random_tensors(LSTM, 3, 4, 5, 6)
    state = tfrnn_ops.LSTMState(*tensors.states)
    outputs, final = tfrnn_ops.lstm(tensors.inputs, state, *tensors.weights)
    assert isinstance(final, tfrnn_ops.LSTMState)
    assert_close(final.h, outputs[:, -1])


@every_cell
@pytest.mark.parametrize(("batch", "time"), [(2, 0), (0, 3), (0, 0)])
@pytest.mark.parametrize("mask", [False, True])
def test_empty(case, batch, time, mask):
    tensors = random_tensors(case, batch, time, 4, 6, dtype="float32")
    mask = tf.ones([batch, time], tf.bool) if mask else None
    outputs, *states = call(case.function, case, tensors, mask=mask)
    assert outputs.shape == (batch, time, 6)
    assert [s.shape for s in states] == [(batch, 6)] * case.states
    if not time:
        assert_close(states, tensors.states)


@every_cell
@pytest.mark.parametrize("activation", ["relu", tf.nn.elu, None])
def test_other_activations_equal_keras(case, activation):
    tensors = random_tensors(case, 3, 4, 5, 6)
    got = call(case.function, case, tensors, activation=activation)
    assert_close(got, keras_call(case, tensors, activation=activation))


@every_cell
def test_activations_of_ones_own_equal_keras_and_warn(case):
    tensors = random_tensors(case, 3, 4, 5, 6)
    with pytest.warns(tfrnn_ops.ReferencePathWarning, match="activation: sin, which the fused op"):
        got = call(case.function, case, tensors, activation=tf.sin)
    assert_close(got, keras_call(case, tensors, activation=tf.sin))


def test_the_two_grus_differ():
    tensors = random_tensors(GRU_RESET_BEFORE, 3, 4, 5, 6, use_bias=False)
    before = call(tfrnn_ops.gru, GRU_RESET_BEFORE, tensors)
    after = call(tfrnn_ops.gru, GRU, tensors)
    assert np.abs(before[0] - after[0]).max() > 0.01
