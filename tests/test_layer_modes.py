"""The layers time-major, stateful, and without steps or rows."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from cells import copy_random_weights, every_cell, layer_pair, random_mask
from test_layers import BATCH, FEATURES, TIME, UNITS, inputs
from tolerance import assert_close

import tfrnn_ops


@every_cell
@pytest.mark.parametrize("stateful", [False, True])
@pytest.mark.parametrize("mask", [False, True])
def test_time_major_is_a_transpose(case, stateful, mask):
    options = {"return_sequences": True, "return_state": True, "stateful": stateful}
    ours = case.layer(UNITS, time_major=True, dropout=0.5, seed=1, **options)
    theirs = case.layer(UNITS, keras.layers, dropout=0.5, seed=1, **options)
    ours.build([TIME, BATCH, FEATURES])
    theirs.build([BATCH, TIME, FEATURES])
    copy_random_weights(theirs, ours)
    mask = random_mask(BATCH, TIME) if mask else None
    for _ in range(2):
        want, *states = theirs(inputs(), mask=mask, training=True)
        got = ours(
            tf.transpose(inputs(), [1, 0, 2]), mask=None if mask is None else mask.T, training=True
        )
        assert_close(list(got), [tf.transpose(want, [1, 0, 2]), *states])
    sequence, *states = ours.compute_output_shape([TIME, BATCH, FEATURES])
    assert sequence == (TIME, BATCH, UNITS)
    assert states == [(BATCH, UNITS)] * case.states
    last = case.layer(UNITS, time_major=True)
    assert last.compute_output_shape([TIME, BATCH, FEATURES]) == (BATCH, UNITS)
    assert last(tf.transpose(inputs(), [1, 0, 2])).shape == (BATCH, UNITS)


@every_cell
def test_stateful_equals_keras(case):
    theirs, ours = layer_pair(case, UNITS, [BATCH, TIME, FEATURES], stateful=True)
    for _ in range(2):
        for _ in range(3):
            assert_close(ours(inputs()), theirs(inputs()))
        assert_close([s.value for s in ours.states], [s.value for s in theirs.states])
        for layer in (theirs, ours):
            layer.reset_state()


@every_cell
@pytest.mark.parametrize(("batch", "time"), [(2, 0), (0, 3)])
@pytest.mark.parametrize("time_major", [False, True])
def test_empty(case, batch, time, time_major):
    layer = case.layer(
        UNITS, return_sequences=True, return_state=True, dropout=0.5, time_major=time_major
    )
    shape = [time, batch] if time_major else [batch, time]
    outputs, *states = layer(tf.zeros([*shape, FEATURES]), training=True)
    assert outputs.shape == (*shape, UNITS)
    assert [s.shape for s in states] == [(batch, UNITS)] * case.states
    assert not np.any(case.layer(UNITS, time_major=time_major)(tf.zeros([*shape, FEATURES])))


def test_bidirectional_refuses_a_time_major_layer():
    layer = tfrnn_ops.LSTM(UNITS, time_major=True, return_sequences=True)
    with pytest.raises(ValueError, match="Bidirectional, which sets it later, needs time_major=F"):
        keras.layers.Bidirectional(layer)
    zeros = tfrnn_ops.LSTM(UNITS, time_major=True, zero_output_for_mask=True)
    assert zeros.zero_output_for_mask
