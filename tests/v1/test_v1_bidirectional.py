"""`bidirectional_dynamic_rnn` in one call of the fused op, against TensorFlow's own."""

import numpy as np
import pytest
import tensorflow as tf
from programs import Program, assert_same, makers, ours, theirs
from tolerance import assert_close

import tfrnn_ops

BATCH, TIME, FEATURES = 4, 5, 3
X = np.random.default_rng(0).normal(size=(BATCH, TIME, FEATURES))
LENGTHS = np.array([0, TIME, 2, 4])
CELLS = {
    **makers(4),
    "relu": lambda m: m.GRUCell(4, activation=tf.nn.relu),
}
OTHERS = {
    "kind": (lambda m: m.GRUCell(4), lambda m: m.BasicRNNCell(4)),
    "size": (lambda m: m.GRUCell(4), lambda m: m.GRUCell(3)),
    "option": (lambda m: m.LSTMCell(4), lambda m: m.LSTMCell(4, cell_clip=0.5)),
    "weights": (lambda m: m.LSTMCell(4), lambda m: m.LSTMCell(4, num_proj=4)),
    "activation": (lambda m: m.GRUCell(4), lambda m: m.GRUCell(4, activation=tf.nn.relu)),
    "wrapper": (lambda m: m.GRUCell(4), lambda m: m.MultiRNNCell([m.GRUCell(4)])),
}


def in_both_directions(library, cells, x, lengths=None, states=(0.5, -0.5), **options):
    """Runs two cells, from first states that are this number everywhere."""
    zeros = [cell.zero_state(BATCH, tf.float64) for cell in cells]
    first = [
        tf.nest.map_structure(lambda z, n=n: z + n, z) for z, n in zip(zeros, states, strict=True)
    ]
    return library.bidirectional_dynamic_rnn(
        *cells, x, lengths, *first, dtype=tf.float64, **options
    )


def fused_ops(make, **options):
    """How many directions each fused op of a graph has."""
    with tf.Graph().as_default() as graph:
        in_both_directions(ours, make(ours), tf.constant(X), **options)
        operations = [op for op in graph.get_operations() if op.type.startswith("Tfrnn")]
        return [op.get_attr("directions") for op in operations]


@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["all", "lengths"])
@pytest.mark.parametrize("make", CELLS.values(), ids=CELLS)
def test_in_one_call(make, lengths):
    inputs = (X,) if lengths is None else (X, lengths)
    case = Program(lambda m: (make(m), make(m)), in_both_directions, inputs)
    want = case.in_graph(theirs)
    assert_same(case.in_graph(ours), want)
    assert_close(case.in_tf2(ours)[1], want[1])
    assert fused_ops(case.make, lengths=lengths) == [2]


def test_time_major():
    def make(library):
        return library.GRUCell(4), library.GRUCell(4)

    def call(library, cells, x, lengths):
        x = tf.transpose(x, [1, 0, 2])
        return in_both_directions(library, cells, x, lengths, time_major=True, scope="mine")

    case = Program(make, call, (X, LENGTHS))
    assert_same(case.in_graph(ours), case.in_graph(theirs))


@pytest.mark.parametrize("pair", OTHERS.values(), ids=OTHERS)
def test_of_cells_that_differ(pair):
    case = Program(lambda m: [make(m) for make in pair], in_both_directions, (X, LENGTHS))
    assert_same(case.in_graph(ours), case.in_graph(theirs))
    assert fused_ops(case.make, lengths=LENGTHS) == [1, 1]


def test_one_cell_both_ways():
    cell = ours.GRUCell(4)
    outputs, states = in_both_directions(ours, [cell, cell], tf.constant(X), LENGTHS)
    reverse = tf.reverse_sequence(X, LENGTHS, 1)
    for i, (x, sign) in enumerate([(X, 1), (reverse, -1)]):
        first = tf.fill([BATCH, 4], tf.constant(0.5 * sign, tf.float64))
        want, state = ours.dynamic_rnn(cell, x, LENGTHS, first)
        want = want if sign > 0 else tf.reverse_sequence(want, LENGTHS, 1)
        assert_close([outputs[i], states[i]], [want, state])


def test_on_the_reference_path():
    def make(library):
        return library.GRUCell(4), library.GRUCell(4)

    case = Program(make, in_both_directions, (X, LENGTHS))
    want = case.in_tf2(ours)
    with tfrnn_ops.use_reference():
        assert_close(case.in_tf2(ours)[1], want[1])
        assert fused_ops(make) == []


def test_mistakes():
    cells = ours.GRUCell(4), ours.GRUCell(4)
    with pytest.raises(ValueError, match="the width of the state, and that of GRUCell"):
        ours.bidirectional_dynamic_rnn(
            *cells, X, initial_state_bw=tf.zeros([BATCH, 3], tf.float64), dtype=tf.float64
        )
    with pytest.raises(ValueError, match="initial_state and dtype are both None"):
        ours.bidirectional_dynamic_rnn(*cells, X)
    with pytest.raises(ValueError, match="sequence_length has shape"):
        ours.bidirectional_dynamic_rnn(*cells, X, [1, 2], dtype=tf.float64)
