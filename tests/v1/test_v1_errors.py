"""Mistakes that TF1 found are found as it did: the same exceptions, with what programs look for."""

import numpy as np
import pytest
import tensorflow as tf
from programs import ours, theirs

v1 = tf.compat.v1
BATCH, TIME, FEATURES, UNITS = 3, 4, 5, 6


def inputs(features=FEATURES, dtype=tf.float32):
    return v1.placeholder(dtype, [BATCH, TIME, features])


def run(library, cell, x=None, **options):
    if "initial_state" not in options:
        options.setdefault("dtype", tf.float32)
    return library.dynamic_rnn(cell, inputs() if x is None else x, **options)


def twice(library, cell, other=None, features=FEATURES, reuse=False):
    run(library, cell)
    if reuse:
        v1.get_variable_scope().reuse_variables()
    run(library, other or cell, inputs(features))


def shared(library):
    cell = library.GRUCell(UNITS)
    return library.MultiRNNCell([cell, cell])


def state(*shape, dtype=tf.float32):
    return tf.zeros(shape, dtype)


EQUAL = "Dimensions must be equal"
MISTAKES = {
    "features": (lambda m: twice(m, m.GRUCell(UNITS), features=7), EQUAL),
    "features of an LSTM": (lambda m: twice(m, m.LSTMCell(UNITS), features=7), EQUAL),
    "one cell for two layers": (lambda m: run(m, shared(m)), EQUAL),
    "state of a GRU": (lambda m: run(m, m.GRUCell(UNITS), initial_state=state(BATCH, 7)), EQUAL),
    "state of an RNN": (
        lambda m: run(m, m.BasicRNNCell(UNITS), initial_state=state(BATCH, 7)),
        EQUAL,
    ),
    "h": (
        lambda m: run(
            m,
            m.LSTMCell(UNITS),
            initial_state=m.LSTMStateTuple(state(BATCH, UNITS), state(BATCH, 7)),
        ),
        EQUAL,
    ),
    "c": (
        lambda m: run(
            m,
            m.LSTMCell(UNITS),
            initial_state=m.LSTMStateTuple(state(BATCH, 7), state(BATCH, UNITS)),
        ),
        EQUAL,
    ),
    "state of static_rnn": (
        lambda m: m.static_rnn(
            m.GRUCell(UNITS), [state(BATCH, FEATURES)], initial_state=state(BATCH, 7)
        ),
        EQUAL,
    ),
    "batch of the state": (
        lambda m: run(m, m.GRUCell(UNITS), initial_state=state(4, UNITS)),
        "must be equal, but are 3 and 4",
    ),
    "dtype of the state": (
        lambda m: run(m, m.GRUCell(UNITS), initial_state=state(BATCH, UNITS, dtype=tf.float64)),
        "",
    ),
    "dtype": (lambda m: run(m, m.GRUCell(UNITS), dtype=tf.float64), ""),
    "no dtype": (lambda m: run(m, m.GRUCell(UNITS), dtype=None), "initial_state"),
    "state that is no tuple": (
        lambda m: run(m, m.LSTMCell(UNITS), initial_state=state(BATCH, UNITS)),
        "",
    ),
    "number of lengths": (lambda m: run(m, m.GRUCell(UNITS), sequence_length=[1, 2]), ""),
    "axes of lengths": (
        lambda m: run(m, m.GRUCell(UNITS), sequence_length=[[1, 2, 3]]),
        "sequence_length",
    ),
    "a scalar length": (lambda m: run(m, m.GRUCell(UNITS), sequence_length=3), "sequence_length"),
    "unknown features": (lambda m: run(m, m.GRUCell(UNITS), inputs(None)), "None"),
    "axes of inputs": (
        lambda m: run(m, m.GRUCell(UNITS), v1.placeholder(tf.float32, [BATCH, FEATURES])),
        "must have rank at least 3",
    ),
    "integers": (lambda m: run(m, m.GRUCell(UNITS), inputs(dtype=tf.int32)), "floating"),
    "a second cell in the scope": (
        lambda m: twice(m, m.GRUCell(UNITS), m.GRUCell(UNITS)),
        "Variable rnn/gru_cell/gates/kernel already exists, disallowed. Did you mean to set",
    ),
    "no variable to reuse": (
        lambda m: run(m, m.GRUCell(UNITS, reuse=True)),
        "Variable rnn/gru_cell/gates/kernel does not exist, or was not created with",
    ),
    "features on reuse": (
        lambda m: twice(m, m.GRUCell(UNITS), m.GRUCell(UNITS), features=7, reuse=True),
        "Trying to share variable rnn/gru_cell/gates/kernel, but specified shape (13, 12) and",
    ),
    "units on reuse": (
        lambda m: twice(m, m.GRUCell(UNITS), m.GRUCell(8), reuse=True),
        "Trying to share variable rnn/gru_cell/gates/kernel, but specified shape (13, 16) and",
    ),
    "no cell": (lambda m: run(m, 3), "is not an RNNCell"),
    "an empty list": (lambda m: m.static_rnn(m.GRUCell(UNITS), [], dtype=tf.float32), "empty"),
    "no list": (
        lambda m: m.static_rnn(m.GRUCell(UNITS), state(TIME, BATCH, FEATURES), dtype=tf.float32),
        "",
    ),
    "features of a list": (
        lambda m: m.static_rnn(
            m.GRUCell(UNITS), [state(BATCH, FEATURES), state(BATCH, 7)], dtype=tf.float32
        ),
        "must be equal, but are",
    ),
    "a probability": (
        lambda m: m.DropoutWrapper(m.GRUCell(UNITS), state_keep_prob=-1.0),
        "state_keep_prob",
    ),
    "units that are no integer": (lambda m: run(m, m.GRUCell(2.5)), ""),
    "units that are negative": (lambda m: run(m, m.LSTMCell(-4)), "-4"),
    "a ragged tensor": (
        lambda m: run(m, m.GRUCell(UNITS), tf.RaggedTensor.from_tensor(state(BATCH, TIME, 2))),
        "",
    ),
    "a residual": (lambda m: run(m, m.ResidualWrapper(m.GRUCell(UNITS))), "(3, "),
}


@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_as_tf1(mistake):
    make, message = MISTAKES[mistake]
    found = []
    for library in (theirs, ours):
        with tf.Graph().as_default(), pytest.raises((ValueError, TypeError)) as error:
            make(library)
        assert message in str(error.value)
        found.append(TypeError if isinstance(error.value, TypeError) else ValueError)
    assert found[0] is found[1]


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_in_tf2():
    """Eagerly TensorFlow's own loops fail deep inside an op; these say what does not fit."""
    cell = ours.GRUCell(UNITS)
    x = np.zeros([BATCH, TIME, FEATURES], np.float32)
    ours.dynamic_rnn(cell, x, dtype=tf.float32)
    with pytest.raises(ValueError, match=f"{EQUAL}, but are 7 and 5"):
        ours.dynamic_rnn(cell, np.zeros([BATCH, TIME, 7], np.float32), dtype=tf.float32)
    with pytest.raises(ValueError, match=f"{EQUAL}, but are 7 and 6: the width of the state"):
        ours.dynamic_rnn(cell, x, initial_state=state(BATCH, 7))
    with pytest.raises(TypeError, match="state has dtype float64; expected float32"):
        ours.dynamic_rnn(cell, x, dtype=tf.float64)


SIZES = {
    "BasicRNNCell": lambda n: ours.BasicRNNCell(n),
    "GRUCell": lambda n: ours.GRUCell(n),
    "GRUBlockCell": lambda n: ours.GRUBlockCell(cell_size=n),
    "LSTMCell": lambda n: ours.LSTMCell(n, use_peepholes=True),
    "num_proj": lambda n: ours.LSTMCell(UNITS, num_proj=n),
    "BasicLSTMCell": lambda n: ours.BasicLSTMCell(n, state_is_tuple=False),
    "LSTMBlockCell": lambda n: ours.LSTMBlockCell(n),
    "CudnnCompatibleGRUCell": lambda n: ours.CudnnCompatibleGRUCell(n),
    "LayerNormBasicLSTMCell": lambda n: ours.LayerNormBasicLSTMCell(n),
    "attn_length": lambda n: ours.AttentionCellWrapper(ours.GRUCell(UNITS), n),
    "attn_size": lambda n: ours.AttentionCellWrapper(ours.GRUCell(UNITS), 2, attn_size=n),
    "attn_vec_size": lambda n: ours.AttentionCellWrapper(ours.GRUCell(UNITS), 2, attn_vec_size=n),
    "input_size": lambda n: ours.AttentionCellWrapper(ours.GRUCell(UNITS), 2, input_size=n),
}
every_size = pytest.mark.parametrize("size", SIZES)


@every_size
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_dimension_is_a_size_in_a_graph(size):
    """As x.shape[-1] is one after `tf.compat.v1.disable_v2_behavior()`."""
    with tf.Graph().as_default():
        outputs, _ = run(ours, SIZES[size](v1.Dimension(3)))
        again, _ = run(ours, SIZES[size](np.int64(3)), scope="again")
        assert outputs.shape.as_list() == again.shape.as_list()


@every_size
def test_sizes(size):
    for wrong in (-4, 0) if size != "num_proj" else (-4,):
        with pytest.raises(ValueError, match=f" is {wrong}; expected 1 or more"):
            SIZES[size](wrong)
    for wrong in ("3", 3.0, v1.Dimension(None)):
        with pytest.raises(TypeError, match=r" is .*; expected an integer"):
            SIZES[size](wrong)


def test_messages():
    cell = ours.LSTMCell(UNITS)
    x = np.zeros([BATCH, TIME, FEATURES], np.float32)
    with pytest.raises(TypeError, match=r"expected an LSTMStateTuple \(c, h\)"):
        ours.dynamic_rnn(cell, x, initial_state=state(BATCH, UNITS))
    with pytest.raises(TypeError, match=r"expected an LSTMStateTuple \(c, h\)"):
        cell(x[:, 0], state(2, UNITS))
    with pytest.raises(TypeError, match=r"cells\[1\] \(3\) is not an RNNCell: it has no output_s"):
        ours.MultiRNNCell([cell, 3])
    with pytest.raises(TypeError, match="attn_length is None; expected an integer"):
        ours.AttentionCellWrapper(cell, None)
    with pytest.raises(TypeError, match=r"inputs is a RaggedTensor; expected inputs.to_tensor\(\)"):
        ours.dynamic_rnn(cell, tf.RaggedTensor.from_tensor(x), dtype=tf.float32)


def test_a_class_is_no_cell():
    for run_class in (
        lambda: ours.dynamic_rnn(ours.GRUCell, state(BATCH, TIME, FEATURES), dtype=tf.float32),
        lambda: ours.DropoutWrapper(ours.GRUCell),
    ):
        with pytest.raises(TypeError, match="cell is the class GRUCell; expected a cell"):
            run_class()
