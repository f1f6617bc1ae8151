"""The siblings of `dynamic_rnn`, against TensorFlow's own: values and all gradients."""

import numpy as np
import pytest
import tensorflow as tf
from programs import Program, assert_same, ours, theirs
from tolerance import assert_close

BATCH, TIME, FEATURES = 4, 5, 3
LENGTHS = np.array([0, TIME, 2, 4])

pytestmark = pytest.mark.filterwarnings("ignore::tfrnn_ops.ReferencePathWarning")
cells = pytest.mark.parametrize(
    "make",
    [
        lambda m: m.MultiRNNCell([m.GRUCell(4), m.BasicLSTMCell(2)]),
        lambda m: m.LSTMCell(4, use_peepholes=True),
    ],
    ids=["fused", "steps"],
)
with_lengths = pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["all", "lengths"])


def sequences(*more):
    x = np.random.default_rng(0).normal(size=(BATCH, TIME, FEATURES))
    return (x, *(m for m in more if m is not None))


def unstacked(x):
    return tf.unstack(x, TIME, axis=1)


@cells
@with_lengths
def test_static_rnn(make, lengths):
    def call(library, cell, x, lengths=None):
        return library.static_rnn(
            cell, unstacked(x), dtype=tf.float64, sequence_length=lengths, scope="layer"
        )

    case = Program(make, call, sequences(lengths))
    want = case.in_graph(theirs)
    assert_same(case.in_graph(ours), want)
    for function in (False, True):
        assert_close(case.in_tf2(ours, function)[1], want[1])


@cells
@with_lengths
def test_static_bidirectional_rnn(make, lengths):
    def call(library, cells, x, lengths=None):
        zeros = cells[1].zero_state(BATCH, tf.float64)
        return library.static_bidirectional_rnn(
            *cells,
            unstacked(x),
            initial_state_bw=tf.nest.map_structure(lambda z: z + 0.5, zeros),
            dtype=tf.float64,
            sequence_length=lengths,
        )

    case = Program(lambda m: (make(m), m.GRUCell(4)), call, sequences(lengths))
    assert_same(case.in_graph(ours), case.in_graph(theirs))


@cells
@with_lengths
@pytest.mark.parametrize("time_major", [False, True])
def test_bidirectional_dynamic_rnn(make, lengths, time_major):
    def call(library, cells, x, lengths=None):
        x = tf.transpose(x, [1, 0, 2]) if time_major else x
        zeros = cells[0].zero_state(BATCH, tf.float64)
        return library.bidirectional_dynamic_rnn(
            *cells,
            x,
            sequence_length=lengths,
            initial_state_fw=tf.nest.map_structure(lambda z: z + 0.5, zeros),
            dtype=tf.float64,
            time_major=time_major,
        )

    case = Program(lambda m: (make(m), m.GRUCell(4)), call, sequences(lengths))
    want = case.in_graph(theirs)
    assert_same(case.in_graph(ours), want)
    assert_close(case.in_tf2(ours)[1], want[1])


@with_lengths
def test_stack_bidirectional_dynamic_rnn(lengths):
    def make(m):
        return [m.GRUCell(4), m.BasicLSTMCell(2)], [m.BasicLSTMCell(3), m.GRUCell(2)]

    def by_hand(library, cells, x, lengths=None):
        states = []
        with tf.compat.v1.variable_scope("stack_bidirectional_rnn"):
            for i, pair in enumerate(zip(*cells, strict=True)):
                with tf.compat.v1.variable_scope(f"cell_{i}"):
                    outputs, state = library.bidirectional_dynamic_rnn(
                        *pair, x, sequence_length=lengths, dtype=tf.float64
                    )
                x = tf.concat(outputs, 2)
                states.append(state)
        return x, *zip(*states, strict=True)

    def call(library, cells, x, lengths=None):
        return library.stack_bidirectional_dynamic_rnn(
            *cells, x, dtype=tf.float64, sequence_length=lengths
        )

    inputs = sequences(lengths)
    want = Program(make, by_hand, inputs).in_graph(theirs)
    assert_same(Program(make, call, inputs).in_graph(ours), want)


def test_stack_bidirectional_dynamic_rnn_takes_initial_states():
    x = tf.constant(sequences()[0])
    cells = [ours.GRUCell(4) for _ in range(4)]
    states = [tf.fill([BATCH, 4], tf.constant(v, tf.float64)) for v in (0.1, 0.2, 0.3, 0.4)]
    _, fw, bw = ours.stack_bidirectional_dynamic_rnn(
        cells[:2], cells[2:], x, states[:2], states[2:], sequence_length=[0] * BATCH
    )
    assert_close([*fw, *bw], states)


@cells
def test_static_state_saving_rnn(make):
    class Saver:
        """Keeps one row of numbers for each name."""

        def __init__(self):
            self.saved = {}

        def state(self, name):
            size = {"a": 4, "b": 2, "c": 2, "d": 4, "e": 4}[name]
            return tf.fill([BATCH, size], tf.constant(len(name) / 3, tf.float64))

        def save_state(self, name, state):
            self.saved[name] = state
            return tf.no_op()

    savers = []

    def call(library, cell, x, lengths):
        names = ("a", ("b", "c")) if len(tf.nest.flatten(cell.state_size)) == 3 else ("d", "e")
        savers.append(Saver())
        results = library.static_state_saving_rnn(
            cell, unstacked(x), savers[-1], names, sequence_length=lengths
        )
        assert list(savers[-1].saved) == tf.nest.flatten(names)
        return results

    case = Program(make, call, sequences(LENGTHS))
    assert_same(case.in_graph(ours), case.in_graph(theirs))


@cells
def test_raw_rnn(make):
    def call(library, cell, x):
        series = tf.TensorArray(tf.float64, TIME).unstack(tf.transpose(x, [1, 0, 2]))

        def loop(time, output, state, _):
            state = cell.zero_state(BATCH, tf.float64) if output is None else state
            finished = time >= tf.constant(LENGTHS, tf.int32)
            next_input = tf.cond(
                tf.reduce_all(finished),
                lambda: tf.zeros([BATCH, FEATURES], tf.float64),
                lambda: tf.ensure_shape(series.read(time), [BATCH, FEATURES]),
            )
            return finished, next_input, state, output, None

        emitted, state, _ = library.raw_rnn(cell, loop)
        return emitted.stack(), state

    case = Program(make, call, sequences())
    assert_same(case.in_graph(ours), case.in_graph(theirs))


def test_errors():
    x = tf.zeros([BATCH, TIME, FEATURES])
    cell = ours.GRUCell(4)
    with pytest.raises(TypeError, match=r"cell \(.*\) is not an RNNCell: it has no output_size"):
        ours.dynamic_rnn(lambda i, s: (i, s), x, dtype=tf.float32)
    with pytest.raises(ValueError, match="initial_state and dtype are both None"):
        ours.dynamic_rnn(cell, x)
    with pytest.raises(ValueError, match=r"sequence_length has shape \(3,\); expected \[batch\]"):
        ours.dynamic_rnn(cell, x, [1, 2, 3], dtype=tf.float32)
    with pytest.raises(TypeError, match=r"inputs is a .*Tensor; expected a list"):
        ours.static_rnn(cell, x, dtype=tf.float32)
    with pytest.raises(ValueError, match="inputs is empty"):
        ours.static_rnn(cell, [], dtype=tf.float32)
    with pytest.raises(ValueError, match=r"state_name is 'a'.*expected as many"):
        ours.static_state_saving_rnn(ours.LSTMCell(3), [x[:, 0]], None, "a")
    with pytest.raises(ValueError, match=r"cells_bw is .* expected a list of 1"):
        ours.stack_bidirectional_dynamic_rnn([cell], [], x)
    with tf.Graph().as_default():
        unknown = tf.compat.v1.placeholder(tf.float32, [None, None, None])
        with pytest.raises(ValueError, match="expected a known last axis"):
            ours.dynamic_rnn(cell, unknown, dtype=tf.float32)
        vector = tf.compat.v1.placeholder(tf.int32, [None, None])
        with pytest.raises(ValueError, match="sequence_length has shape"):
            ours.dynamic_rnn(cell, tf.zeros(x.shape), vector, dtype=tf.float32)
