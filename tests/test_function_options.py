"""The options of the functions: what they hand on, and which path they take."""

import dataclasses
import inspect

import keras
import pytest
import tensorflow as tf
from cells import EVERY_CELL, LSTM, call, every_cell_and_ind_rnn, random_mask, random_tensors
from gradients import values_and_gradients
from tolerance import assert_close

import tfrnn_ops
from tfrnn_ops import _cells, path
from tfrnn_ops.options import Options

BATCH, TIME, FEATURES, UNITS, PROJECTION = 3, 5, 4, 6, 2
KINDS = {cell.name: cell for cell in (_cells.LSTM, _cells.GRU, _cells.SIMPLE_RNN, _cells.IND_RNN)}


def normal(*shape):
    return tf.random.stateless_normal(shape, seed=[5, 6], dtype="float64")


def kept(*shape):
    """Dropout factors, without a gradient: zeros and twos."""
    return 2.0 * (normal(*shape).numpy() > 0)


def options_of(case):
    """Every option that a cell has, as the function's arguments."""
    drawing = {"training": True, "seed": [3, 4]}
    options = {
        "activation": {"activation": "softsign"},
        "recurrent_dropout": {"recurrent_dropout": 0.4, **drawing},
        "zoneout": {"zoneout": 0.3},
        "zoneout in training": {"zoneout": 0.3, **drawing},
        "layer_norm": {
            "layer_norm": normal(2, KINDS[case.name].layer_norm_width * UNITS),
            "layer_norm_epsilon": 1e-2,
        },
        "recompute": {"recompute": 2},
        "state_dropout": {"state_dropout_mask": kept(TIME, BATCH, UNITS)},
    }
    if case.gates > 1:
        options["recurrent_activation"] = {"recurrent_activation": "hard_sigmoid"}
    if case is LSTM:
        norm = options["layer_norm"]
        options |= {
            "cell_zoneout": {"cell_zoneout": 0.3, **drawing},
            "peephole": {"peephole": normal(3, UNITS)},
            "projection": {"projection": normal(UNITS, PROJECTION)},
            "projection_clip": {"projection": normal(UNITS, PROJECTION), "projection_clip": 0.2},
            "cell_clip": {"cell_clip": 0.2},
            "layer_norm_carry": {**norm, "layer_norm_carry": True},
            "return_cell_states": {"return_cell_states": True},
        }
    return options


PAIRS = {
    f"{name}-{option}": (case, option)
    for name, case in EVERY_CELL.items()
    for option in options_of(case)
}


@pytest.mark.parametrize(("case", "option"), PAIRS.values(), ids=PAIRS)
@pytest.mark.parametrize("layout", [{}, {"time_major": True, "go_backwards": True}])
@pytest.mark.filterwarnings("ignore::tfrnn_ops.ReferencePathWarning")
def test_values_and_gradients_equal_the_reference(case, option, layout):
    options = {**options_of(case)[option], **layout}
    tensors = random_tensors(case, BATCH, TIME, FEATURES, UNITS)
    if "projection" in options:
        tensors.states[0] = tensors.states[0][:, :PROJECTION]
        tensors.weights[1] = tensors.weights[1][:PROJECTION]
    if layout:
        tensors.inputs = tf.transpose(tensors.inputs, [1, 0, 2])
    mask = tf.constant(random_mask(BATCH, TIME).T if layout else random_mask(BATCH, TIME))
    variables = [*tensors.all(), *(v for v in options.values() if isinstance(v, tf.Tensor))]
    (got, dgot), (want, dwant) = (
        values_and_gradients(lambda f=f: call(f, case, tensors, mask=mask, **options), variables)
        for f in (case.function, case.reference)
    )
    assert_close(got, want)
    assert_close(dgot, dwant)


@every_cell_and_ind_rnn
def test_signatures_agree(case):
    """The public function has what the reference has, but for Keras's masks and loops."""
    ours, theirs = (inspect.signature(f).parameters for f in (case.function, case.reference))
    internal = {"unroll", "input_dropout_mask", "recurrent_dropout_mask"}
    assert set(ours) == set(theirs) - internal | {"sequence_length"}
    for name in set(ours) & set(theirs):
        assert ours[name].default == theirs[name].default, name


@every_cell_and_ind_rnn
def test_the_table_of_a_cell_names_arguments(case):
    """What the fused op is asked for by name is an argument, and an option that is checked."""
    kind = KINDS[case.name]
    assert set(kind.options) <= set(inspect.signature(case.function).parameters)
    assert set(kind.options) <= {field.name for field in dataclasses.fields(Options)}


def test_zoneout_without_training_is_not_free():
    request = path.Request(_cells.LSTM, Options(zoneout=0.1, recurrent_dropout=0.2))
    assert request.in_force == ("zoneout",)
    assert request.drawing == ()
    request = dataclasses.replace(request, training=True)
    assert request.in_force == request.drawing == ("recurrent_dropout", "zoneout")


NAMES = ["tanh", "sigmoid", "hard_sigmoid", "relu", "relu6", "elu", "selu", "softplus", "softsign"]
NAMES += ["linear", "silu", "gelu"]


@pytest.mark.parametrize("name", NAMES)
def test_names_of_activations(name):
    function = getattr(keras.activations, name)
    assert path.activation_name(name) == path.activation_name(function) == name
    for module in (tf, tf.nn, keras.ops):
        other = getattr(module, name, None)
        if other is None:
            continue
        x = tf.linspace(tf.constant(-4.0, tf.float64), 7.0, 23)
        same = bool(tf.reduce_max(tf.abs(other(x) - function(x))) < 1e-12)
        assert (path.activation_name(other) == name) == same


def test_names_of_other_activations():
    def tanh(x):
        return x

    assert path.activation_name(tanh) == "another tanh"
    assert path.activation_name(None) == "linear"
    assert path.activation_name("swish") == "silu"
    assert path.activation_name(keras.layers.LeakyReLU()) == "LeakyReLU"


def test_a_fused_op_is_told_what_is_on(monkeypatch):
    """Switching an option to the fused op is one entry of the table."""
    handed, operands = {}, {}

    class Op:
        op = "TfrnnLstm"

        def __call__(self, directions, mask, **keywords):
            (one,) = directions
            handed.update(keywords)
            operands.update(one._asdict())
            return one.inputs, tuple(one.initial_state), one.inputs

    table = {**dict.fromkeys(_cells.LSTM.options, True), "activation": ("tanh", "relu")}
    table["recurrent_activation"] = ("sigmoid",)
    kind = dataclasses.replace(_cells.LSTM, fused=Op(), options=table)
    monkeypatch.setattr(_cells, "LSTM", kind)
    tensors = random_tensors(LSTM, BATCH, TIME, FEATURES, UNITS)
    common = ["time_major", "go_backwards", "zero_output_for_mask", "keep_reserve", "activation"]
    call(tfrnn_ops.lstm, LSTM, tensors, activation=tf.nn.relu)
    assert sorted(handed) == sorted(common)
    given = {name for name, operand in operands.items() if operand is not None}
    assert given == {"inputs", "initial_state", "kernel", "recurrent_kernel", "bias"}
    assert handed["activation"] == "relu"
    peephole = normal(3, UNITS)
    call(
        tfrnn_ops.lstm,
        LSTM,
        tensors,
        peephole=peephole,
        cell_clip=2.0,
        zoneout=0.1,
        recurrent_dropout=0.2,
        training=True,
        seed=[1, 2],
        recompute=4,
    )
    assert operands["peephole"] is peephole
    wanted = {"cell_clip": 2.0, "zoneout": 0.1, "recurrent_dropout": 0.2, "recompute": 4}
    assert wanted.items() <= handed.items()
    assert handed["training"] is True
    assert operands["seed"].numpy().tolist() == [1, 2]
