"""DropoutWrapper: what is dropped, when, and that whole sequences do as single steps do."""

import numpy as np
import pytest
import tensorflow as tf
from programs import Program, assert_same, ours, theirs
from tolerance import assert_close

import tfrnn_ops

v1 = tf.compat.v1
BATCH, TIME, FEATURES, UNITS = 3, 40, 20, 20


@pytest.mark.parametrize(
    "options",
    [
        {"input_keep_prob": 0.6, "seed": 3},
        {"output_keep_prob": 0.6, "state_keep_prob": 0.7, "seed": 3},
        {"variational_recurrent": True, "state_keep_prob": 0.5, "seed": 4, "dtype": tf.float64},
        {
            "variational_recurrent": True,
            "input_keep_prob": 0.5,
            "output_keep_prob": 0.8,
            "input_size": tf.TensorShape([FEATURES]),
            "seed": 4,
            "dtype": tf.float64,
        },
    ],
    ids=["input", "output and state", "variational state", "variational"],
)
@pytest.mark.parametrize("cell", ["BasicLSTMCell", "GRUCell"])
def test_steps_draw_the_numbers_of_tf1(options, cell):
    """Op seeds are made as TF1 made them; with the graph's they decide the numbers."""

    def make(library):
        v1.set_random_seed(1)
        return library.DropoutWrapper(getattr(library, cell)(UNITS), **options)

    def call(library, cell, x):
        state = cell.zero_state(BATCH, tf.float64)
        output, state = cell(x, state)
        return output, cell(x, state)

    x = np.random.default_rng(0).normal(size=(BATCH, FEATURES))
    case = Program(make, call, (x,))
    assert_same(case.in_graph(ours), case.in_graph(theirs))


class Identity(ours.RNNCell):
    """Puts out its inputs; its state counts steps."""

    def __init__(self, state_size=UNITS):
        super().__init__()
        self._state_size = state_size

    @property
    def state_size(self):
        return self._state_size

    @property
    def output_size(self):
        return FEATURES

    def call(self, inputs, state):
        return inputs, tf.nest.map_structure(lambda s: s + 1, state)

    def _not_fused(self):
        return []

    def _run_sequence(self, steps, inputs, state):
        return inputs, state


def dropped(keep, variational, *, kind="input", fused=True, cell=None):
    """The outputs of ones through dropout, `[BATCH, TIME, FEATURES]`."""
    options = {"input_size": FEATURES} if kind == "input" else {}
    wrapper = ours.DropoutWrapper(
        cell or Identity(),
        **{f"{kind}_keep_prob": keep},
        variational_recurrent=variational,
        dtype=tf.float64,
        **options,
    )
    x = tf.ones([BATCH, TIME, FEATURES], tf.float64)
    if fused:
        return ours.dynamic_rnn(wrapper, x, dtype=tf.float64)[0].numpy()
    return v1.nn.dynamic_rnn(wrapper, x, dtype=tf.float64)[0].numpy()


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("kind", ["input", "output"])
def test_per_step_dropout(kind, fused):
    values = dropped(0.75, False, kind=kind, fused=fused)
    assert set(np.unique(values)) == {0.0, 1 / 0.75}
    assert abs((values > 0).mean() - 0.75) < 0.05
    for axis in range(3):  # nothing is dropped alike along any axis
        assert (values.std(axis=axis) > 0).mean() > 0.5


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("kind", ["input", "output"])
def test_variational_dropout(kind, fused):
    values = dropped(0.5, True, kind=kind, fused=fused)
    assert set(np.unique(values)) == {0.0, 2.0}
    assert (values == values[0, 0]).all()  # the same features in all steps and sequences


def test_the_fused_op_takes_what_is_left_of_the_inputs():
    wrapper = ours.DropoutWrapper(
        ours.MultiRNNCell([ours.GRUCell(UNITS), ours.LSTMCell(4)]),
        input_keep_prob=0.5,
        output_keep_prob=0.5,
        variational_recurrent=True,
        input_size=FEATURES,
        dtype=tf.float64,
    )
    assert tfrnn_ops.explain(wrapper).path == "fused"
    x = tf.random.normal([BATCH, TIME, FEATURES], dtype=tf.float64)
    lengths = [TIME, 0, 7]
    got, got_state = ours.dynamic_rnn(wrapper, x, lengths, dtype=tf.float64)
    want, want_state = v1.nn.dynamic_rnn(wrapper, x, lengths, dtype=tf.float64)
    assert_close(tf.nest.flatten([got, got_state]), tf.nest.flatten([want, want_state]))


def test_a_probability_that_is_fed():
    with tf.Graph().as_default(), v1.Session() as session:
        keep = v1.placeholder_with_default(0.5, [])
        cell = ours.DropoutWrapper(ours.GRUCell(UNITS), output_keep_prob=keep)
        assert tfrnn_ops.explain(cell).path == "fused"
        outputs, _ = ours.dynamic_rnn(cell, tf.ones([BATCH, TIME, FEATURES]), dtype=tf.float32)
        session.run(v1.global_variables_initializer())
        assert 0.4 < (session.run(outputs) == 0).mean() < 0.6
        assert (session.run(outputs, {keep: 1.0}) != 0).all()


STATE_CELLS = {
    "rnn": lambda library: library.BasicRNNCell(UNITS),
    "gru": lambda library: library.GRUCell(UNITS),
    "lstm": lambda library: library.BasicLSTMCell(UNITS),
    "projected": lambda library: library.LSTMCell(UNITS, use_peepholes=True, num_proj=4),
    "residual": lambda library: library.ResidualWrapper(library.GRUCell(FEATURES)),
    "stack": lambda library: library.MultiRNNCell(
        [library.GRUCell(UNITS), library.BasicLSTMCell(4)]
    ),
}
LENGTHS = np.array([7, 0, 3])


@pytest.mark.parametrize("cell", STATE_CELLS)
@pytest.mark.parametrize("time_major", [False, True])
@pytest.mark.parametrize("lengths", [LENGTHS, None], ids=["lengths", "whole"])
def test_variational_state_dropout_is_tf1s_and_fused(cell, time_major, lengths):
    """The noise is drawn once, by ops with the same seeds: all numbers agree."""

    def make(library):
        v1.set_random_seed(1)
        return library.DropoutWrapper(
            STATE_CELLS[cell](library),
            state_keep_prob=0.6,
            output_keep_prob=0.7,
            variational_recurrent=True,
            dtype=tf.float64,
            seed=5,
        )

    def call(library, cell, x):
        if library is ours:
            assert tfrnn_ops.explain(cell).path == "fused"
        return library.dynamic_rnn(cell, x, lengths, dtype=tf.float64, time_major=time_major)

    shape = (7, 3, FEATURES) if time_major else (3, 7, FEATURES)
    case = Program(make, call, (np.random.default_rng(0).normal(size=shape),))
    assert_same(case.in_graph(ours), case.in_graph(theirs))


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm", "projected"])
@pytest.mark.parametrize("lengths", [LENGTHS, None], ids=["lengths", "whole"])
def test_state_dropout_of_every_step(cell, lengths, monkeypatch):
    """Every step drops of the state that it makes; TensorFlow's cell in a loop tells the rest."""
    factors = []
    draw = ours.DropoutWrapper._state_factors

    def spy(*args):
        factors.append(draw(*args))
        return factors[0]

    monkeypatch.setattr(ours.DropoutWrapper, "_state_factors", spy)
    x = np.random.default_rng(0).normal(size=(3, 7, FEATURES))

    def make(library):
        return STATE_CELLS[cell](library)

    def call(library, cell, x):
        if library is ours:
            wrapper = ours.DropoutWrapper(cell, state_keep_prob=0.75)
            return ours.dynamic_rnn(wrapper, x, lengths, dtype=tf.float64)
        before, last = factors[0]
        state = cell.zero_state(3, tf.float64)
        outputs = []
        for t in range(7):
            output, new = cell(
                x[:, t], _times(state, [f if f is None else f[t] for f in tf.nest.flatten(before)])
            )
            active = tf.constant(t < (LENGTHS if lengths is not None else np.full(3, 7)))
            active = active[:, tf.newaxis]
            outputs.append(tf.where(active, output, tf.zeros_like(output)))
            state = tf.nest.map_structure(lambda n, s, a=active: tf.where(a, n, s), new, state)
        return tf.stack(outputs, 1), _times(state, last)

    case = Program(make, call, (x,))
    got, want = case.in_tf2(ours), case.in_tf2(theirs)
    assert_close(got[1], want[1])
    (dropped,) = [f for f in tf.nest.flatten(factors[0][0]) if f is not None]
    assert (dropped[0].numpy() == 1).all()
    assert set(np.unique(dropped[1:])) == {0.0, 1 / 0.75}
    assert (dropped.numpy().std(axis=0) > 0).all()


def _times(state, factors):
    flat = tf.nest.flatten(state)
    results = [
        s if f is None else s * f for s, f in zip(flat, tf.nest.flatten(factors), strict=True)
    ]
    return tf.nest.pack_sequence_as(state, results)


def test_nested_state_dropout():
    inner = ours.DropoutWrapper(ours.GRUCell(UNITS), state_keep_prob=0.5)
    cell = ours.DropoutWrapper(ours.MultiRNNCell([inner, ours.LSTMCell(4)]), state_keep_prob=0.5)
    assert tfrnn_ops.explain(cell).path == "fused"
    _, (state, _) = ours.dynamic_rnn(cell, tf.ones([50, TIME, FEATURES]), dtype=tf.float32)
    assert 0.65 < (state.numpy() == 0).mean() < 0.85


def test_a_state_keep_probability_that_is_fed():
    with tf.Graph().as_default(), v1.Session() as session:
        keep = v1.placeholder_with_default(0.5, [])
        cell = ours.DropoutWrapper(ours.GRUCell(UNITS), state_keep_prob=keep)
        assert tfrnn_ops.explain(cell).path == "fused"
        x = v1.placeholder(tf.float32, [None, None, FEATURES])
        outputs, state = ours.dynamic_rnn(cell, x, dtype=tf.float32)
        session.run(v1.global_variables_initializer())
        fed = {x: np.ones([BATCH, TIME, FEATURES])}
        assert 0.3 < (session.run(state, fed) == 0).mean() < 0.7
        got = session.run([outputs[:, -1], state], {**fed, keep: 1.0})
        assert_close(got[0], got[1])
        none = session.run([outputs, state], {x: np.ones([BATCH, 0, FEATURES])})
        assert none[0].shape == (BATCH, 0, UNITS)
        assert (none[1] == 0).all()


@pytest.mark.filterwarnings("ignore::tfrnn_ops.ReferencePathWarning")
@pytest.mark.parametrize(
    ("cell", "visitor"),
    [
        (lambda: ours.LSTMCell(UNITS), lambda part: True),
        (lambda: ours.LSTMCell(UNITS, state_is_tuple=False), None),
    ],
    ids=["all parts", "one tensor"],
)
def test_dropout_of_the_memory_cell_runs_step_by_step(cell, visitor):
    cell = ours.DropoutWrapper(cell(), state_keep_prob=0.5, dropout_state_filter_visitor=visitor)
    reason = "state_keep_prob: the fused op drops the state it puts out, no other (c of an LSTM)"
    assert tfrnn_ops.explain(cell).reasons == (reason,)
    _, state = ours.dynamic_rnn(cell, tf.ones([BATCH, TIME, FEATURES]), dtype=tf.float32)
    for values in tf.nest.flatten(state):
        assert 0.2 < (values.numpy() == 0).mean() < 0.8


def test_the_visitor_chooses():
    state_size = (4, {"a": 5, "b": (6, 7)})

    def visitor(part):
        if isinstance(part, tuple) and len(part) == 2 and isinstance(part[1], dict):
            return (False, True)
        if isinstance(part, dict):
            return {"a": True, "b": True}
        return True if not isinstance(part, tuple) else (True, False)

    def state_after(library, seed=5):
        class Cell(library.RNNCell):
            state_size = property(lambda self: (4, {"a": 5, "b": (6, 7)}))
            output_size = 3

            def call(self, inputs, state):
                return inputs, tf.nest.map_structure(lambda s: s + 1, state)

        v1.set_random_seed(2)
        cell = library.DropoutWrapper(
            Cell(), state_keep_prob=0.5, dropout_state_filter_visitor=visitor, seed=seed
        )
        _, state = cell(tf.zeros([2, 3]), cell.zero_state(2, tf.float32))
        tf.nest.assert_same_structure(state, state_size)
        with v1.Session() as session:
            return session.run(tf.nest.flatten(state))

    with tf.Graph().as_default():
        got = state_after(ours)
    with tf.Graph().as_default():
        want = state_after(theirs)
    assert_close(got, want)
    untouched = [(values == 1).all() for values in got]
    assert untouched == [True, False, False, True]


def test_errors():
    cell = ours.GRUCell(5)
    with pytest.raises(ValueError, match=r"input_keep_prob is 1.5; expected a number between"):
        ours.DropoutWrapper(cell, input_keep_prob=1.5)
    with pytest.raises(ValueError, match="dtype is None"):
        ours.DropoutWrapper(cell, variational_recurrent=True)
    with pytest.raises(ValueError, match="input_size is None"):
        ours.DropoutWrapper(cell, input_keep_prob=0.5, variational_recurrent=True, dtype=tf.float32)
    with pytest.raises(TypeError, match="dropout_state_filter_visitor is 3"):
        ours.DropoutWrapper(cell, dropout_state_filter_visitor=3)
    for visitor, message in [(lambda s: 7, "for one tensor"), (lambda s: (1, 2), "one for each")]:
        size = 5 if "tensor" in message else (5, 5)
        wrapper = ours.DropoutWrapper(
            Identity(size), state_keep_prob=0.5, dropout_state_filter_visitor=visitor
        )
        with pytest.raises(TypeError, match=message):
            wrapper(tf.zeros([2, FEATURES]), wrapper.zero_state(2, tf.float32))
