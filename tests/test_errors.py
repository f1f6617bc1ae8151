"""Bad arguments: each is refused by name, with what was found and what was expected."""

import numpy as np
import pytest
import tensorflow as tf
from cells import GRU, LSTM, SIMPLE_RNN, call, every_cell, random_tensors

import tfrnn_ops

BATCH, TIME, FEATURES, UNITS = 3, 4, 5, 6


def lstm(**replaced):
    """A valid call but for the arguments given."""
    tensors = random_tensors(LSTM, BATCH, TIME, FEATURES, UNITS, dtype="float32")
    arguments = {
        "inputs": tensors.inputs,
        "initial_state": tensors.states,
        "kernel": tensors.weights[0],
        "recurrent_kernel": tensors.weights[1],
        "bias": tensors.weights[2],
    }
    return tfrnn_ops.lstm(**{**arguments, **replaced})


def zeros(*shape, dtype="float32"):
    return tf.zeros(shape, dtype)


BAD_ARGUMENTS = {
    "rank": (
        {"inputs": zeros(3, 4)},
        r"inputs has shape \(3, 4\); expected three axes",
    ),
    "dtype": (
        {"inputs": zeros(3, 4, 5, dtype="int32")},
        r"inputs has shape \(3, 4, 5\); expected two axes, time and batch, of integers",
    ),
    "other dtype": (
        {"inputs": zeros(3, 4, 5, dtype="bool")},
        "inputs has dtype bool; expected one of float16, bfloat16, float32, float64",
    ),
    "dtype with integers": (
        {"inputs": zeros(3, 4, dtype="int64"), "bias": zeros(24, dtype="float64")},
        "bias has dtype float64; expected float32, as kernel has",
    ),
    "state dropout": (
        {"state_dropout_mask": zeros(3, 4, 6)},
        r"state_dropout_mask has shape \(3, 4, 6\); expected \[time, batch, units\] = \(4, 3, 6\)",
    ),
    "features": (
        {"kernel": zeros(7, 24)},
        r"kernel has shape \(7, 24\); expected \[features, 4 \* units\] = \(5, 24\)",
    ),
    "gates": (
        {"kernel": zeros(5, 23)},
        r"kernel has shape \(5, 23\); expected \[features, 4 \* units\] = \(5, 24\)",
    ),
    "recurrent gates": (
        {"recurrent_kernel": zeros(6, 18)},
        r"recurrent_kernel has shape \(6, 18\); expected \[units, 4 \* units\] = \(6, 24\)",
    ),
    "recurrent rank": (
        {"recurrent_kernel": zeros(6)},
        r"recurrent_kernel has shape \(6,\); expected",
    ),
    "bias": (
        {"bias": zeros(2, 24)},
        r"bias has shape \(2, 24\); expected \[4 \* units\] = \(24\)",
    ),
    "kernel dtype": (
        {"kernel": zeros(5, 24, dtype="float64")},
        "kernel has dtype float64; expected float32, as inputs has",
    ),
    "state dtype": (
        {"initial_state": [zeros(3, 6), zeros(3, 6, dtype="float16")]},
        "initial_state c has dtype float16; expected float32, as inputs has",
    ),
    "state batch": (
        {"initial_state": [zeros(2, 6), zeros(3, 6)]},
        r"initial_state h has shape \(2, 6\); expected \[batch, units\] = \(3, 6\)",
    ),
    "state count": (
        {"initial_state": [zeros(3, 6)]},
        r"initial_state has 1 tensor\(s\); expected 2: h, c",
    ),
    "mask dtype": (
        {"mask": zeros(3, 4)},
        "mask has dtype float32; expected bool",
    ),
    "mask shape": (
        {"mask": zeros(4, 3, dtype="bool")},
        r"mask has shape \(4, 3\); expected \[batch, time\] = \(3, 4\)",
    ),
    "peephole": (
        {"peephole": zeros(2, 6)},
        r"peephole has shape \(2, 6\); expected \[3, units\] = \(3, 6\)",
    ),
    "projection": (
        {"projection": zeros(5, 2)},
        r"recurrent_kernel has shape \(6, 24\); expected \[projection units, 4 \* units\] = \(2, 2",
    ),
    "projection rank": (
        {"projection": zeros(6)},
        r"projection has shape \(6,\); expected \[units, projection units\]",
    ),
    "projected state": (
        {"projection": zeros(6, 2), "recurrent_kernel": zeros(2, 24)},
        r"initial_state h has shape \(3, 6\); expected \[batch, projection units\] = \(3, 2\)",
    ),
    "layer_norm": (
        {"layer_norm": zeros(2, 48)},
        r"layer_norm has shape \(2, 48\); expected \[2, 9 \* units\] = \(2, 54\)",
    ),
    "layer_norm dtype": (
        {"layer_norm": zeros(2, 54, dtype="float64")},
        "layer_norm has dtype float64; expected float32, as inputs has",
    ),
    "no seed": (
        {"zoneout": 0.1, "cell_zoneout": 0.1, "training": True},
        r"seed is None; expected integers \[2\], for zoneout and cell_zoneout to draw with",
    ),
    "seed shape": (
        {"recurrent_dropout": 0.1, "training": True, "seed": [1]},
        r"seed has shape \(1,\); expected \[2\] = \(2\)",
    ),
    "seed dtype": (
        {"recurrent_dropout": 0.1, "training": True, "seed": [1.0, 2.0]},
        "seed has dtype float32; expected an integer one",
    ),
    "rate": (
        {"recurrent_dropout": 1.0},
        "recurrent_dropout is 1.0; expected a rate of at least 0 and below 1",
    ),
    "cell_clip": (
        {"cell_clip": -1.0},
        "cell_clip is -1.0; expected a finite number above 0, or None",
    ),
    "projection_clip": (
        {"projection_clip": 1.0},
        r"projection_clip is 1.0, but there is no projection to clip .*; expected None",
    ),
    "layer_norm_carry": (
        {"layer_norm_carry": True},
        "layer_norm_carry is True, but without layer_norm there is no normalised cell state",
    ),
    "recompute": (
        {"recompute": -1},
        "recompute is -1; expected a number of steps above 0, or None",
    ),
    "crelu": ({"activation": "crelu"}, "activation crelu doubles the width of what it is given"),
    "length dtype": (
        {"sequence_length": [1.0, 2.0, 3.0]},
        "sequence_length has dtype float32; expected an integer one",
    ),
    "length shape": (
        {"sequence_length": [1, 2]},
        r"sequence_length has shape \(2,\); expected \[batch\] = \(3\)",
    ),
}


@pytest.mark.parametrize(("replaced", "message"), BAD_ARGUMENTS.values(), ids=BAD_ARGUMENTS)
@pytest.mark.filterwarnings("ignore::tfrnn_ops.ReferencePathWarning")
def test_bad_arguments(replaced, message):
    with pytest.raises(ValueError, match=message):
        lstm(**replaced)


@pytest.mark.filterwarnings("ignore::tfrnn_ops.ReferencePathWarning")
def test_a_seed_is_needed_only_to_draw():
    lstm(zoneout=0.1)
    lstm(recurrent_dropout=0.1)
    with pytest.raises(TypeError, match="training is 1; expected a bool"):
        lstm(training=1)


@pytest.mark.parametrize("in_graph", [False, True], ids=["eager", "graph"])
@pytest.mark.parametrize("lengths", [[-1, 0, 4], [0, 4, 5]])
def test_lengths_out_of_range(lengths, in_graph):
    run = tf.function(lstm) if in_graph else lstm
    with pytest.raises(tf.errors.InvalidArgumentError, match="sequence_length must lie between 0"):
        run(sequence_length=tf.constant(lengths))


@pytest.mark.parametrize(("case", "shape"), [(GRU, (18,)), (SIMPLE_RNN, (7,))])
def test_bias_of_another_cell(case, shape):
    tensors = random_tensors(case, BATCH, TIME, FEATURES, UNITS)
    tensors.weights[-1] = zeros(*shape, dtype="float64")
    with pytest.raises(ValueError, match=r"bias has shape .*; expected \["):
        call(case.function, case, tensors)


@every_cell
@pytest.mark.parametrize("wrong", range(6))
def test_shapes_that_only_running_shows(case, wrong):
    tensors = random_tensors(case, BATCH, TIME, FEATURES, UNITS)
    flat = tensors.all()
    if wrong == len(flat):
        pytest.skip("a tensor that this cell has not")
    flat[wrong] = tf.concat([flat[wrong], flat[wrong][..., :1]], axis=-1)

    @tf.function(input_signature=[tf.TensorSpec(None, t.dtype) for t in flat])
    def run(*flat):
        return call(case.function, case, tensors.replace(flat))

    names = "x|kernel|initial_h|initial_c|recurrent_kernel|bias"
    with pytest.raises(tf.errors.InvalidArgumentError, match=names):
        run(*flat)


def test_an_unknown_activation():
    with pytest.raises(ValueError, match="tanhh"):
        lstm(activation="tanhh")


@every_cell
def test_layer_inputs_of_the_wrong_rank(case):
    with pytest.raises(ValueError, match="expected ndim=3, found ndim=2"):
        case.layer(3)(np.zeros([2, 3]))


@every_cell
def test_layer_states_of_the_wrong_shape(case):
    states = [np.zeros([2, 4])] * case.states
    with pytest.raises(ValueError, match=r"initial_state h has shape \(2, 4\); expected"):
        case.layer(3)(np.zeros([2, 5, 4]), initial_state=states)


@every_cell
@pytest.mark.parametrize("units", [0, -1])
def test_no_units(case, units):
    with pytest.raises(ValueError, match="units"):
        case.layer(units)


def test_time_major_is_a_bool():
    with pytest.raises(TypeError, match="time_major is 'yes'; expected a bool"):
        tfrnn_ops.LSTM(3, time_major="yes")


def test_unknown_option():
    with pytest.raises(ValueError, match="forget_bias"):
        tfrnn_ops.LSTM(3, forget_bias=1.0)


@pytest.mark.parametrize("case", [LSTM, GRU], ids=["lstm", "gru"])
def test_cudnn_is_refused(case):
    with pytest.raises(ValueError, match="use_cudnn is True"):
        case.layer(3, use_cudnn=True)(np.zeros([2, 3, 4]))
    with pytest.raises(ValueError, match="use_cudnn"):
        case.layer(3, use_cudnn="always")


def test_a_stateful_layer_keeps_its_batch_size():
    layer = tfrnn_ops.LSTM(3, stateful=True)
    layer(np.zeros([2, 3, 4]))
    with pytest.raises(ValueError, match="sequences has batch size 5; expected 2"):
        layer(np.zeros([5, 3, 4]))
