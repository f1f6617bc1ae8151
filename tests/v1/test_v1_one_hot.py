"""One-hot inputs of a graph: gathered, equal to TensorFlow's own loops, and never made."""

import numpy as np
import pytest
import tensorflow as tf
from programs import Program, assert_same, ours, theirs
from tolerance import assert_close

import tfrnn_ops

v1 = tf.compat.v1
BATCH, TIME, SYMBOLS, UNITS = 3, 5, 7, 6
IDS = np.random.default_rng(0).integers(-1, SYMBOLS + 1, (BATCH, TIME))
LENGTHS = np.array([TIME, 0, 2])


def stack(library):
    return library.MultiRNNCell([library.GRUCell(UNITS), library.BasicLSTMCell(4)])


def operations(kind):
    graph = tf.compat.v1.get_default_graph()
    return [op for op in graph.get_operations() if op.type == kind]


def gathers():
    """Which of the fused ops take integers."""
    ops = [op for kind in ("TfrnnGru", "TfrnnLstm") for op in operations(kind)]
    return [op.inputs[0].dtype == tf.int32 for op in ops]


def test_dynamic_rnn():
    def call(library, cell, ids):
        x = tf.one_hot(ids, SYMBOLS, dtype=tf.float64)
        results = library.dynamic_rnn(cell, x, LENGTHS, dtype=tf.float64)
        if library is ours:
            assert gathers() == [True, False]
        return results

    case = Program(stack, call, (IDS,))
    assert_same(case.in_graph(ours), case.in_graph(theirs))


@pytest.mark.parametrize("how", ["unstack", "unstack time major", "each step"])
def test_static_rnn(how):
    def call(library, cell, ids):
        ids = tf.reshape(ids, [BATCH, TIME])
        if how == "unstack":
            inputs = tf.unstack(tf.one_hot(ids, SYMBOLS, dtype=tf.float64), axis=1)
        elif how == "unstack time major":
            inputs = tf.unstack(tf.one_hot(tf.transpose(ids), SYMBOLS, dtype=tf.float64))
        else:
            inputs = [tf.one_hot(ids[:, t], SYMBOLS, dtype=tf.float64) for t in range(TIME)]
        results = library.static_rnn(cell, inputs, sequence_length=LENGTHS, dtype=tf.float64)
        if library is ours:
            assert gathers() == [True, False]
        return results

    case = Program(stack, call, (IDS,))
    assert_same(case.in_graph(ours), case.in_graph(theirs))


@pytest.mark.parametrize("lengths", [LENGTHS, None], ids=["lengths", "whole"])
def test_bidirectional(lengths):
    def make(library):
        return library.GRUCell(UNITS), library.GRUCell(UNITS)

    def call(library, cells, ids):
        x = tf.one_hot(ids, SYMBOLS, dtype=tf.float64)
        results = library.bidirectional_dynamic_rnn(*cells, x, lengths, dtype=tf.float64)
        if library is ours:
            assert gathers() == [True]
        return results

    case = Program(make, call, (IDS,))
    assert_same(case.in_graph(ours), case.in_graph(theirs))


def test_in_a_function():
    cell = ours.GRUCell(UNITS)
    want = ours.dynamic_rnn(cell, tf.one_hot(IDS, SYMBOLS), dtype=tf.float32)

    @tf.function
    def run(ids):
        results = ours.dynamic_rnn(cell, tf.one_hot(ids, SYMBOLS), dtype=tf.float32)
        assert gathers() == [True]
        return results

    assert_close(list(run(IDS)), list(want))


@pytest.mark.parametrize(
    "inputs",
    [
        lambda ids: tf.identity(tf.one_hot(ids, SYMBOLS)),
        lambda ids: tf.one_hot(ids, SYMBOLS, on_value=2.0),
        lambda ids: tf.one_hot(ids, SYMBOLS, off_value=-1.0),
        lambda ids: tf.one_hot(ids, SYMBOLS, on_value=v1.placeholder_with_default(1.0, [])),
        lambda ids: tf.one_hot(ids, SYMBOLS, axis=1),
    ],
    ids=["identity", "on", "off", "fed", "axis"],
)
def test_other_inputs_are_multiplied(inputs):
    with tf.Graph().as_default():
        ours.dynamic_rnn(ours.GRUCell(UNITS), inputs(tf.constant(IDS)), dtype=tf.float32)
        assert gathers() == [False]


def test_dropped_inputs_are_multiplied():
    with tf.Graph().as_default():
        cell = ours.DropoutWrapper(ours.GRUCell(UNITS), input_keep_prob=0.5)
        ours.dynamic_rnn(cell, tf.one_hot(IDS, SYMBOLS), dtype=tf.float32)
        assert gathers() == [False]


def test_a_residual_is_of_the_one_hot_rows():
    def make(library):
        return library.ResidualWrapper(library.GRUCell(SYMBOLS))

    def call(library, cell, ids):
        x = tf.one_hot(ids, SYMBOLS, dtype=tf.float64)
        return library.dynamic_rnn(cell, x, LENGTHS, dtype=tf.float64)

    case = Program(make, call, (IDS,))
    assert_same(case.in_graph(ours), case.in_graph(theirs))


def test_explain():
    with tf.Graph().as_default():
        x = tf.one_hot(IDS, SYMBOLS)
        cell = ours.GRUCell(UNITS)
        dropping = ours.MultiRNNCell([ours.DropoutWrapper(cell, input_keep_prob=0.5)])
        gathered, multiplied = "one-hot: rows of the kernel are picked", "multiplied by the kernel"
        for case, inputs, how in [
            (cell, x, gathered),
            (ours.MultiRNNCell([ours.ResidualWrapper(cell), cell]), x, gathered),
            (cell, tf.identity(x), multiplied),
            (dropping, x, multiplied),
        ]:
            assert tfrnn_ops.explain(case, inputs).options == {"inputs": how}
    assert tfrnn_ops.explain(cell).options == {}


def test_what_is_never_made_cannot_be_fed():
    with tf.Graph().as_default(), v1.Session() as session:
        x = tf.one_hot(IDS, SYMBOLS)
        outputs, _ = ours.dynamic_rnn(ours.GRUCell(UNITS), x, dtype=tf.float32)
        session.run(v1.global_variables_initializer())
        with pytest.raises(ValueError, match="may not be fed"):
            session.run(outputs, {x: np.ones([BATCH, TIME, SYMBOLS])})
