"""Every cell in `dynamic_rnn`, against TensorFlow's own: values and all gradients."""

import numpy as np
import pytest
import tensorflow as tf
from programs import Program, assert_same, ours, theirs
from tolerance import assert_close

import tfrnn_ops

v1 = tf.compat.v1
BATCH, TIME, FEATURES = 4, 6, 3

FUSED = {
    "gru": lambda m: m.GRUCell(5),
    "gru, other options": lambda m: m.GRUCell(
        1, kernel_initializer="glorot_normal", bias_initializer=v1.zeros_initializer(), name="other"
    ),
    "basic lstm": lambda m: m.BasicLSTMCell(5, forget_bias=0.5),
    "basic lstm, one state": lambda m: m.BasicLSTMCell(5, state_is_tuple=False),
    "lstm": lambda m: m.LSTMCell(5, initializer=v1.random_normal_initializer()),
    "lstm, one state": lambda m: m.LSTMCell(5, state_is_tuple=False, forget_bias=0.0),
    "rnn": lambda m: m.BasicRNNCell(5),
    "tanh by name": lambda m: m.GRUCell(5, activation="tanh"),
    "stack": lambda m: m.MultiRNNCell([m.GRUCell(5), m.BasicLSTMCell(2), m.BasicRNNCell(4)]),
    "stack, one state": lambda m: m.MultiRNNCell(
        [m.GRUCell(5), m.BasicRNNCell(4)], state_is_tuple=False
    ),
    "stack of stacks": lambda m: m.MultiRNNCell(
        [m.MultiRNNCell([m.GRUCell(3), m.GRUCell(2)]), m.GRUCell(3)]
    ),
    "residual": lambda m: m.ResidualWrapper(m.GRUCell(FEATURES)),
    "residual inside": lambda m: m.MultiRNNCell(
        [m.ResidualWrapper(m.GRUCell(FEATURES)), m.LSTMCell(2)]
    ),
    "peepholes": lambda m: m.LSTMCell(5, use_peepholes=True),
    "clipped": lambda m: m.LSTMCell(5, cell_clip=0.3),
    "projected": lambda m: m.LSTMCell(5, num_proj=2),
    "all of them": lambda m: m.LSTMCell(
        5, use_peepholes=True, cell_clip=0.5, num_proj=2, proj_clip=0.2, state_is_tuple=False
    ),
    "relu": lambda m: m.BasicLSTMCell(5, activation="relu"),
    "gru, relu": lambda m: m.GRUCell(5, activation=tf.nn.relu),
    "rnn, sigmoid": lambda m: m.BasicRNNCell(5, activation=tf.sigmoid),
    "stack with projection": lambda m: m.MultiRNNCell([m.GRUCell(5), m.LSTMCell(3, num_proj=2)]),
    "device": lambda m: m.DeviceWrapper(m.GRUCell(5), "/CPU:0"),
    "dropout of nothing": lambda m: m.DropoutWrapper(m.GRUCell(5), 1.0, output_keep_prob=1.0),
}
STEPS = {
    "own activation": lambda m: m.BasicLSTMCell(5, activation=tf.sin),
    "gru, own activation": lambda m: m.GRUCell(5, activation=tf.sin),
    "rnn, own activation": lambda m: m.BasicRNNCell(5, activation=tf.sin),
    "residual, function": lambda m: m.ResidualWrapper(
        m.GRUCell(5), residual_fn=lambda i, o: tf.concat([i, o], 1)[:, :5]
    ),
    "stack with one": lambda m: m.MultiRNNCell([m.GRUCell(5), m.GRUCell(3, activation=tf.sin)]),
}
CELLS = FUSED | STEPS


def program(make, *, lengths=None, time_major=False, given_state=False, sizes=None):
    x = np.random.default_rng(0).normal(size=sizes or (BATCH, TIME, FEATURES))
    inputs = [x.swapaxes(0, 1).copy() if time_major else x]
    if lengths is not None:
        inputs.append(np.array(lengths))

    def call(library, cell, x, lengths=None):
        state = None
        if given_state:
            zeros = cell.zero_state(tf.shape(x)[1 if time_major else 0], tf.float64)
            # Of the inputs, so that their gradient is the state's too.
            shift = tf.reduce_mean(x, [0, 1])[:1]
            state = tf.nest.map_structure(lambda z: z + 0.3 + shift, zeros)
        return library.dynamic_rnn(
            cell,
            x,
            sequence_length=lengths,
            initial_state=state,
            dtype=None if given_state else tf.float64,
            time_major=time_major,
        )

    return Program(make, call, tuple(inputs))


@pytest.mark.filterwarnings("ignore::tfrnn_ops.ReferencePathWarning")
@pytest.mark.parametrize("name", CELLS)
def test_in_a_graph(name):
    first = program(CELLS[name], lengths=[0, TIME, 2, 4])
    assert_same(first.in_graph(ours), first.in_graph(theirs))
    second = program(CELLS[name], time_major=True, given_state=True)
    assert_same(second.in_graph(ours), second.in_graph(theirs))


@pytest.mark.parametrize("seed", range(6))
def test_any_lengths(seed):
    rng = np.random.default_rng(seed)
    batch, time, features = (int(n) for n in rng.integers(1, [6, 9, 6]))
    lengths = rng.integers(0, time + 1, batch)
    lengths[0] = time + 2 if seed % 2 else 0  # as in TF1, more than there are are all
    name = rng.choice(["stack", "basic lstm", "rnn"])
    case = program(FUSED[name], lengths=lengths, time_major=seed > 2, sizes=(batch, time, features))
    assert_same(case.in_graph(ours), case.in_graph(theirs))


@pytest.mark.parametrize("time_major", [False, True])
def test_no_steps(time_major):
    shape = (0, BATCH, FEATURES) if time_major else (BATCH, 0, FEATURES)
    cell = FUSED["stack"](ours)
    state = tf.nest.map_structure(lambda z: z + 0.3, cell.zero_state(BATCH, tf.float64))
    outputs, new_state = ours.dynamic_rnn(
        cell, tf.zeros(shape, tf.float64), [0] * BATCH, state, time_major=time_major
    )
    assert outputs.shape == (*shape[:2], 4)
    assert_close(tf.nest.flatten(new_state), tf.nest.flatten(state))


@pytest.mark.filterwarnings("ignore::tfrnn_ops.ReferencePathWarning")
def test_in_xla():
    cell = FUSED["stack"](ours)
    x = tf.random.normal([BATCH, TIME, FEATURES])
    want, _ = ours.dynamic_rnn(cell, x, [0, TIME, 2, 4], dtype=tf.float32)

    @tf.function(jit_compile=True)
    def compiled(x):
        return ours.dynamic_rnn(cell, x, [0, TIME, 2, 4], dtype=tf.float32)[0]

    assert_close(compiled(x), want)


def test_a_cell_made_in_a_function_is_an_error():
    @tf.function
    def run(x):
        return ours.dynamic_rnn(ours.GRUCell(5), x, dtype=tf.float32)[0]

    with pytest.raises(ValueError, match="singleton"):
        run(tf.zeros([BATCH, TIME, FEATURES]))


@pytest.mark.filterwarnings("ignore::tfrnn_ops.ReferencePathWarning")
@pytest.mark.parametrize(
    "name", ["basic lstm", "device", "stack", "residual inside", "all of them", "stack with one"]
)
@pytest.mark.parametrize("function", [False, True])
def test_in_tensorflow_2(name, function):
    case = program(CELLS[name], lengths=[0, TIME, 2, 4])
    _, got = case.in_tf2(ours, function)
    _, want = case.in_graph(theirs)
    assert_close(got, want)


@pytest.mark.parametrize("name", FUSED)
def test_fused(name):
    with tf.Graph().as_default() as graph:
        x = tf.zeros([BATCH, TIME, FEATURES])
        ours.dynamic_rnn(FUSED[name](ours), x, dtype=tf.float32)
    types = {op.type for op in graph.get_operations()}
    assert any(t.startswith("Tfrnn") for t in types)
    assert not types & {"While", "Enter", "StatelessWhile"}
    assert tfrnn_ops.explain(FUSED[name](ours)).path == "fused"


@pytest.mark.parametrize("name", STEPS)
def test_steps_are_not_silent(name):
    with tf.Graph().as_default(), pytest.warns(tfrnn_ops.ReferencePathWarning) as record:
        ours.dynamic_rnn(STEPS[name](ours), tf.zeros([BATCH, TIME, FEATURES]), dtype=tf.float32)
    explanation = tfrnn_ops.explain(STEPS[name](ours))
    assert explanation.path == "reference"
    assert "; ".join(explanation.reasons) in str(record[0].message)
    assert record[0].filename == __file__


def test_explain():
    cell = ours.MultiRNNCell([ours.GRUCell(5), ours.DropoutWrapper(ours.LSTMCell(3), 0.5)])
    x = tf.zeros([BATCH, TIME, FEATURES])
    told = tfrnn_ops.explain(cell, x)
    assert (told.path, told.kernel, told.reasons) == ("fused", "TfrnnGru, TfrnnLstm", ())
    assert told.sizes == {"batch": BATCH, "time": TIME, "features": FEATURES}
    assert "MultiRNNCell 'multi_rnn_cell': fused path" in str(told)
    with tfrnn_ops.use_reference():
        told = tfrnn_ops.explain(cell)
    assert told.path == "reference"
    assert told.kernel == "tfrnn_ops.reference: tf.while_loop of TensorFlow ops"
    assert "use_reference" in told.reasons[0]
    told = tfrnn_ops.explain(ours.MultiRNNCell([cell, ours.GRUCell(2, activation=tf.sin)]))
    assert told.reasons == ("cell_1: activation: the fused op has none called sin",)
    assert told.kernel == "tf.compat.v1.nn.dynamic_rnn: tf.while_loop over the cell"
    assert "inputs has shape (4, 3)" in tfrnn_ops.explain(cell, x[:, 0]).reasons[0]


def test_second_derivatives_on_the_reference_path():
    cell = FUSED["stack"](ours)
    x = tf.random.normal([BATCH, TIME, FEATURES], dtype=tf.float64)

    def second(run):
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                loss = tf.reduce_sum(run()[0] ** 2)
            gradient = inner.gradient(loss, x)
        return outer.gradient(gradient, x)

    with tfrnn_ops.use_reference():
        got = second(lambda: ours.dynamic_rnn(cell, x, [0, TIME, 2, 4], dtype=tf.float64))
    want = second(lambda: v1.nn.dynamic_rnn(cell, x, [0, TIME, 2, 4], dtype=tf.float64))
    assert_close(got, want)


def test_sizes_that_a_function_does_not_know():
    cell = FUSED["stack"](ours)

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None, FEATURES], tf.float64),
            tf.TensorSpec([None], tf.int64),
        ]
    )
    def run(x, lengths):
        outputs, state = ours.dynamic_rnn(cell, x, lengths, dtype=tf.float64)
        assert outputs.shape.as_list() == [None, None, 4]
        return outputs, state

    for batch, time in [(3, 5), (1, 1), (2, 0)]:
        x = tf.random.normal([batch, time, FEATURES], dtype=tf.float64)
        lengths = np.full(batch, time // 2)
        want = ours.dynamic_rnn(cell, x, lengths, dtype=tf.float64)
        assert_close(tf.nest.flatten(run(x, lengths)), tf.nest.flatten(want))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_dtypes(dtype):
    cells = [FUSED["stack"](ours) for _ in range(2)]
    x = tf.cast(tf.random.normal([BATCH, TIME, FEATURES], dtype=tf.float64), dtype)
    outputs, _ = ours.dynamic_rnn(cells[0], x, dtype=dtype)
    ours.dynamic_rnn(cells[1], tf.cast(x, tf.float64), dtype=tf.float64)
    for narrow, wide in zip(*(cell.weights for cell in cells), strict=True):
        assert narrow.dtype == dtype
        wide.assign(tf.cast(narrow, tf.float64))
    want, _ = ours.dynamic_rnn(cells[1], tf.cast(x, tf.float64), dtype=tf.float64)
    assert_close(outputs, want)


@pytest.mark.parametrize("library", [ours, theirs], ids=["ours", "theirs"])
def test_reuse_in_a_graph_is_tf1s(library):
    with tf.Graph().as_default():
        x = tf.zeros([BATCH, TIME, FEATURES])
        first, second = library.GRUCell(5), library.GRUCell(5)
        library.dynamic_rnn(first, x, dtype=tf.float32)
        library.dynamic_rnn(first, x, dtype=tf.float32)
        with pytest.raises(ValueError, match="already exists"):
            library.dynamic_rnn(second, x, dtype=tf.float32)
        with v1.variable_scope("", reuse=True):
            library.dynamic_rnn(library.GRUCell(5), x, dtype=tf.float32)
        with v1.variable_scope("", reuse=v1.AUTO_REUSE):
            library.dynamic_rnn(library.GRUCell(5), x, dtype=tf.float32, scope="other")
        with pytest.raises(ValueError, match="does not exist"), v1.variable_scope("b", reuse=True):
            library.dynamic_rnn(library.GRUCell(5), x, dtype=tf.float32)
        names = sorted(v.name for v in v1.global_variables())
    assert names[:2] == ["other/gru_cell/candidate/bias:0", "other/gru_cell/candidate/kernel:0"]
    assert len(names) == 8
