"""Cells by themselves: one step, scopes and reuse, cells of one's own, errors, checkpoints."""

import numpy as np
import pytest
import tensorflow as tf
from programs import Program, assert_same, ours, theirs
from tolerance import assert_close, assert_same_bits

v1 = tf.compat.v1
BATCH, FEATURES = 4, 3
X = np.random.default_rng(0).normal(size=(BATCH, FEATURES))


def unrolled(library, cell, x):
    state = cell.zero_state(BATCH, tf.float64)
    outputs = []
    for _ in range(3):
        output, state = cell(x, state)
        outputs.append(output)
    return outputs, state


@pytest.mark.parametrize(
    "make",
    [
        lambda m: m.GRUCell(5),
        lambda m: m.BasicLSTMCell(5, state_is_tuple=False),
        lambda m: m.LSTMCell(5, use_peepholes=True, num_proj=2, name="mine"),
        lambda m: m.MultiRNNCell([m.BasicRNNCell(5), m.ResidualWrapper(m.GRUCell(5))]),
    ],
)
def test_in_a_python_loop(make):
    case = Program(make, unrolled, (X,))
    want = case.in_graph(theirs)
    assert_same(case.in_graph(ours), want)
    for function in (False, True):
        assert_close(case.in_tf2(ours, function)[1], want[1])


@pytest.mark.parametrize("library", [ours, theirs], ids=["ours", "theirs"])
def test_scopes_and_reuse_are_tf1s(library):
    with tf.Graph().as_default():
        x = tf.constant(X)

        def run(**options):
            cell = library.GRUCell(5, **options)
            cell(x, cell.zero_state(BATCH, tf.float64))
            return cell.scope_name

        assert run() == "gru_cell"
        assert run() == "gru_cell_1"
        assert run(name="a") == "a"
        again = library.GRUCell(5)
        with pytest.raises(ValueError, match="already exists"):
            again(x, again.zero_state(BATCH, tf.float64), scope="a")
        assert run(name="a", reuse=True) == "a"
        with pytest.raises(ValueError, match="does not exist"):
            run(name="b", reuse=True)
        with v1.variable_scope("outer") as outer:
            assert run() == "outer/gru_cell"
        with v1.variable_scope(outer, reuse=True):
            assert run() == "outer/gru_cell"
        with v1.variable_scope("outer", reuse=v1.AUTO_REUSE):
            assert run(name="gru_cell") == "outer/gru_cell"
            assert run(name="gru_cell") == "outer/gru_cell_1"
        cell = library.GRUCell(5)
        cell(x, cell.zero_state(BATCH, tf.float64), scope="given")
        assert cell.weights[0].name == "given/gates/kernel:0"
        assert len(v1.trainable_variables()) == 4 * 5 + 4


@pytest.mark.parametrize("library", [ours, theirs], ids=["ours", "theirs"])
def test_first_values_are_tf1s(library):
    with tf.Graph().as_default(), v1.Session() as session:
        x = tf.constant(X)
        cells = [
            library.GRUCell(50),
            library.LSTMCell(50, use_peepholes=True, initializer=v1.constant_initializer(0.2)),
            library.BasicRNNCell(50, name="plain"),
        ]
        for cell in cells:
            cell(x, cell.zero_state(BATCH, tf.float64))
        with v1.variable_scope("given", initializer=v1.constant_initializer(0.3)):
            cell = library.GRUCell(50, bias_initializer=v1.constant_initializer(0.4))
            cell(x, cell.zero_state(BATCH, tf.float64))
        session.run(v1.global_variables_initializer())
        values = {v.name: session.run(v) for v in v1.global_variables()}
    limit = np.sqrt(6 / (FEATURES + 50 + 100))  # Glorot's
    largest = np.abs(values["gru_cell/gates/kernel:0"]).max()
    assert 0.9 * limit < largest <= limit
    assert values["plain/kernel:0"].std() > 0
    constants = {
        "gru_cell/gates/bias:0": 1,
        "gru_cell/candidate/bias:0": 0,
        "lstm_cell/kernel:0": 0.2,
        "lstm_cell/w_f_diag:0": 0.2,
        "lstm_cell/bias:0": 0,
        "plain/bias:0": 0,
        "given/gru_cell/candidate/kernel:0": 0.3,
        "given/gru_cell/gates/bias:0": 0.4,
    }
    for name, value in constants.items():
        assert (values[name] == value).all(), name


def test_names_in_tensorflow_2():
    x = tf.zeros([BATCH, 2, FEATURES])
    for _ in range(2):  # names need not be unique
        cell = ours.MultiRNNCell([ours.GRUCell(5), ours.LSTMCell(2)])
        ours.dynamic_rnn(cell, x, dtype=tf.float32)
        assert [v.name for v in cell.variables][::4] == [
            "rnn/multi_rnn_cell/cell_0/gru_cell/gates/kernel:0",
            "rnn/multi_rnn_cell/cell_1/lstm_cell/kernel:0",
        ]


def own_cell(library):
    class OwnGRU(library.RNNCell):
        """As the lectures write one."""

        def __init__(self, size):
            self._size = size

        @property
        def state_size(self):
            return self._size

        @property
        def output_size(self):
            return self._size

        def __call__(self, inputs, state, scope=None):
            with v1.variable_scope(scope or type(self).__name__):
                with v1.variable_scope("gates"):
                    width = inputs.shape[1] + self._size
                    w = v1.get_variable("w", [width, 2 * self._size], tf.float64)
                    gates = tf.sigmoid(tf.concat([inputs, state], 1) @ w)
                    r, u = tf.split(gates, 2, 1)
                with v1.variable_scope("candidate"):
                    w = v1.get_variable("w", [width, self._size], tf.float64)
                    c = tf.tanh(tf.concat([inputs, r * state], 1) @ w)
            state = u * state + (1 - u) * c
            return state, state

    return OwnGRU(5)


def own_layer(library):
    class Minimal(library.RNNCell):
        """With `call`, `build` and a variable that is got on the way."""

        state_size = property(lambda self: (self.size, 2))
        output_size = property(lambda self: self.size)

        def __init__(self, size, **kwargs):
            super().__init__(**kwargs)
            self.size = size

        def build(self, inputs_shape):
            self.kernel = self.add_weight("kernel", [inputs_shape[-1], self.size])
            self.built = True

        def call(self, inputs, state):
            h, extra = state
            scale = v1.get_variable("scale", [2], tf.float64)
            h = tf.tanh(inputs @ self.kernel + h * tf.reduce_sum(extra * scale, 1, keepdims=True))
            return h, (h, extra + 1)

    return Minimal(5, name="small", dtype=tf.float64)


@pytest.mark.filterwarnings("ignore::tfrnn_ops.ReferencePathWarning")
@pytest.mark.parametrize("make", [own_cell, own_layer])
@pytest.mark.parametrize("loop", ["dynamic_rnn", "static_rnn"])
@pytest.mark.parametrize("stacked", [False, True])
def test_a_cell_of_ones_own(make, loop, stacked):
    def call(library, cell, x):
        x = x if loop == "dynamic_rnn" else tf.unstack(x, 3, axis=1)
        return getattr(library, loop)(cell, x, dtype=tf.float64)

    def make_cell(library):
        cell = make(library)
        return library.MultiRNNCell([library.GRUCell(4), cell]) if stacked else cell

    inputs = (np.random.default_rng(1).normal(size=(BATCH, 3, FEATURES)),)
    case = Program(make_cell, call, inputs)
    want = case.in_graph(theirs)
    assert_same(case.in_graph(ours), want)
    for function in (False, True):
        assert_close(case.in_tf2(ours, function)[1], want[1])


def test_a_subclass_runs_its_own_call():
    class Doubled(ours.GRUCell):
        def call(self, inputs, state):
            output, state = super().call(inputs, state)
            return 2 * output, state

    x = tf.constant(X[:, np.newaxis])
    cell = Doubled(5, name="gru_cell")
    with pytest.warns(match="Doubled defines its own call"):
        output, state = ours.dynamic_rnn(cell, x, dtype=tf.float64)
    assert_close(output[:, -1], 2 * state)


def test_checkpoints_pass_between_the_libraries(tmp_path):
    def program(library):
        cell = library.MultiRNNCell([library.GRUCell(5), library.LSTMCell(4, use_peepholes=False)])
        outputs, _ = library.dynamic_rnn(cell, tf.constant(X[:, np.newaxis]), dtype=tf.float64)
        return outputs, v1.train.Saver()

    results = []
    for writer, reader in ((theirs, ours), (ours, theirs)):
        path = str(tmp_path / writer.__class__.__name__)
        with tf.Graph().as_default(), v1.Session() as session:
            outputs, saver = program(writer)
            session.run(v1.global_variables_initializer())
            saver.save(session, path)
            results.append(session.run(outputs))
        with tf.Graph().as_default(), v1.Session() as session:
            outputs, saver = program(reader)
            saver.restore(session, path)
            results.append(session.run(outputs))
    assert_close(results[0], results[1])
    assert_close(results[2], results[3])


def test_checkpoint_of_a_module(tmp_path):
    def model(seed):
        tf.random.set_seed(seed)
        cell = ours.MultiRNNCell([ours.GRUCell(5), ours.BasicLSTMCell(4)])
        return cell, ours.dynamic_rnn(cell, tf.constant(X[:, np.newaxis]), dtype=tf.float64)[0]

    cell, want = model(1)
    path = tf.train.Checkpoint(cell=cell).save(str(tmp_path / "checkpoint"))
    other, before = model(2)
    assert np.abs(before - want).max() > 0
    tf.train.Checkpoint(cell=other).restore(path).assert_consumed()
    outputs, _ = ours.dynamic_rnn(other, tf.constant(X[:, np.newaxis]), dtype=tf.float64)
    assert_same_bits([outputs], [want])


def test_zero_state():
    cell = ours.MultiRNNCell([ours.GRUCell(5), ours.BasicLSTMCell(4)])
    state = cell.zero_state(3, tf.float32)
    tf.nest.assert_same_structure(state, cell.state_size)
    assert [s.shape for s in tf.nest.flatten(state)] == [(3, 5), (3, 4), (3, 4)]
    assert cell.get_initial_state(inputs=tf.zeros([2, 7]))[0].shape == (2, 5)
    with tf.Graph().as_default():
        batch = v1.placeholder(tf.int32, [])
        assert ours.GRUCell(5).zero_state(batch, tf.float32).shape.as_list() == [None, 5]
        assert ours.GRUCell(5).zero_state(tf.constant(2), tf.float32).shape == (2, 5)
    assert ours.LSTMStateTuple(tf.zeros(1), tf.zeros(1)).dtype == tf.float32
    with pytest.raises(TypeError, match="c has dtype"):
        _ = ours.LSTMStateTuple(tf.zeros(1), tf.zeros(1, tf.float64)).dtype


def test_frozen_and_partitioned():
    cell = ours.GRUCell(5, trainable=False)
    cell(X, cell.zero_state(BATCH, tf.float64))
    assert cell.trainable_variables == []
    assert len(cell.non_trainable_variables) == len(cell.weights) == 4
    with tf.Graph().as_default():
        cell = ours.LSTMCell(5, num_unit_shards=2, num_proj=4, num_proj_shards=2)
        cell(tf.constant(X), cell.zero_state(BATCH, tf.float64))
        assert [w.shape.as_list() for w in cell.weights][:2] == [[4, 20], [3, 20]]
        assert cell.weights[-1].name == "lstm_cell/projection/kernel/part_1:0"


def test_errors():
    x = tf.constant(X)
    cell = ours.GRUCell(5)
    with pytest.raises(ValueError, match=r"inputs of 'gru_cell' has shape \(4, 3, 1\); expected"):
        cell(x[:, :, tf.newaxis], cell.zero_state(BATCH, tf.float64))
    with pytest.raises(ValueError, match="inputs has dtype int32; expected a floating one"):
        ours.GRUCell(5, dtype=tf.float32)(tf.constant([[1]]), tf.zeros([1, 5]))
    with pytest.raises(ValueError, match="cell 'gru_cell' has dtype int32"):
        ours.GRUCell(5, dtype=tf.int32)
    bad = ours.GRUCell(5, kernel_initializer="none such")
    with pytest.raises(ValueError, match="initializer is 'none such'; expected one of"):
        bad(x, bad.zero_state(BATCH, tf.float64))
    with pytest.raises(ValueError, match="cells is empty"):
        ours.MultiRNNCell([])
    with pytest.raises(TypeError, match="cells is a GRUCell; expected a list"):
        ours.MultiRNNCell(cell)
    with pytest.raises(ValueError, match="state_is_tuple is False, but the cells"):
        ours.MultiRNNCell([ours.LSTMCell(5)], state_is_tuple=False)
    with pytest.warns(UserWarning, match="the same cell more than once"):
        stack = ours.MultiRNNCell([cell, cell])
    with pytest.raises(ValueError, match="expected a tuple of 2"):
        stack(x, tf.zeros([BATCH, 5], tf.float64))
    wrapped = ours.ResidualWrapper(ours.GRUCell(5))
    with pytest.raises(ValueError, match="ResidualWrapper cannot add"):
        wrapped(x, wrapped.zero_state(BATCH, tf.float64))
    with pytest.raises(TypeError, match="is not an RNNCell"):
        ours.ResidualWrapper(3)
    with pytest.raises(ValueError, match="found batch_size=None"):
        cell.get_initial_state(dtype=tf.float32)
    state = cell.zero_state(BATCH, tf.float64)
    with (
        pytest.raises(ValueError, match=r"regularizer of .* expected None"),
        v1.variable_scope("s", regularizer=tf.nn.l2_loss),
    ):
        ours.GRUCell(5)(x, state)


@pytest.mark.parametrize(
    "make", [lambda: ours.GRUCell(5), lambda: ours.LSTMCell(5), lambda: ours.BasicRNNCell(5)]
)
def test_one_cell_for_two_widths_is_tf1s_error(make):
    for run in (
        lambda cell: ours.dynamic_rnn(cell, tf.zeros([4, 2, 3]), dtype=tf.float32),
        lambda cell: cell(tf.zeros([4, 3]), cell.zero_state(4, tf.float32)),
    ):
        with pytest.warns(UserWarning, match="the same cell"):
            stack = ours.MultiRNNCell([make()] * 2)
        with tf.Graph().as_default(), pytest.raises(ValueError, match="Dimensions must be equal"):
            run(stack)
