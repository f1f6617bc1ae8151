"""The cells of tf.contrib, against its equations and the ops that TensorFlow has kept of it."""

import numpy as np
import pytest
import tensorflow as tf
from gradients import values_and_gradients
from programs import Program, assert_same, ours, theirs
from tolerance import assert_close

import tfrnn_ops

v1 = tf.compat.v1
BATCH, TIME, FEATURES, UNITS = 3, 5, 4, 6
RNG = np.random.default_rng(0)
X = RNG.normal(size=(BATCH, TIME, FEATURES))


def randomize(cell):
    """Gives the variables other values than their first ones; returns them by short names."""
    rng = np.random.default_rng(1)
    for w in sorted(cell.weights, key=lambda w: w.name):
        w.assign(rng.normal(size=w.shape) / 2 + (2.0 if "period" in w.name else 0.0))
    return {w.name.removesuffix(":0").split(cell.scope_name + "/")[1]: w for w in cell.weights}


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def one_step(cell, x, dtype=tf.float64):
    """Builds a cell, then returns its variables, a random state and what a step makes of it."""
    zeros = cell.zero_state(BATCH, dtype)
    cell(x, zeros)
    weights = {name: w.numpy() for name, w in randomize(cell).items()}
    rng = np.random.default_rng(2)
    state = tf.nest.map_structure(lambda z: tf.constant(rng.normal(size=z.shape), dtype), zeros)
    return weights, state, cell(x, state)


PAIRS = {
    "LSTMBlockCell": (lambda m: m.LSTMBlockCell(UNITS), lambda m: m.LSTMCell(UNITS)),
    "LSTMBlockCell, all": (
        lambda m: m.LSTMBlockCell(UNITS, 0.5, cell_clip=0.4, use_peephole=True, name="a"),
        lambda m: m.LSTMCell(UNITS, True, cell_clip=0.4, forget_bias=0.5, name="a"),
    ),
    "GRUBlockCellV2": (lambda m: m.GRUBlockCellV2(UNITS), lambda m: m.GRUCell(UNITS)),
    "CudnnCompatibleLSTMCell": (
        lambda m: m.CudnnCompatibleLSTMCell(UNITS),
        lambda m: m.LSTMCell(UNITS, forget_bias=0.0, name="cudnn_compatible_lstm_cell"),
    ),
    "LayerNormBasicLSTMCell without": (
        lambda m: m.LayerNormBasicLSTMCell(UNITS, 0.5, layer_norm=False),
        lambda m: m.LSTMCell(UNITS, forget_bias=0.5, name="layer_norm_basic_lstm_cell"),
    ),
}


@pytest.mark.filterwarnings("ignore::tfrnn_ops.ReferencePathWarning")
@pytest.mark.parametrize("name", PAIRS)
def test_the_same_as_plain_cells_in_a_graph(name):
    def call(library, cell, x, lengths):
        return library.dynamic_rnn(cell, x, lengths, dtype=tf.float64)

    inputs = (X, np.array([0, TIME, 2]))
    mine, plain = (Program(make, call, inputs) for make in PAIRS[name])
    assert_same(mine.in_graph(ours), plain.in_graph(theirs))


@pytest.mark.parametrize("peephole", [False, True])
@pytest.mark.parametrize("clip", [None, 0.3])
def test_lstm_block_ops(peephole, clip):
    x = tf.constant(X.swapaxes(0, 1), tf.float32)
    layer = ours.LSTMBlockFusedCell(UNITS, 0.7, cell_clip=clip, use_peephole=peephole)
    lengths = [2, TIME, 4]
    layer(x, dtype=tf.float32)
    weights = randomize(layer)
    c, h = (tf.constant(RNG.normal(size=(BATCH, UNITS)), tf.float32) for _ in range(2))
    diagonals = [weights.get(f"w_{gate}_diag", tf.zeros(UNITS)) for gate in "ifo"]

    def op():
        results = tf.raw_ops.BlockLSTM(
            seq_len_max=tf.constant(TIME, tf.int64),
            x=x,
            cs_prev=c,
            h_prev=h,
            w=weights["kernel"],
            wci=diagonals[0],
            wcf=diagonals[1],
            wco=diagonals[2],
            b=weights["bias"],
            forget_bias=0.7,
            cell_clip=-1.0 if clip is None else clip,
            use_peephole=peephole,
        )
        mask = tf.transpose(tf.sequence_mask(lengths, TIME, tf.float32))[:, :, tf.newaxis]
        last = [[n - 1, b] for b, n in enumerate(lengths)]
        return results.h * mask, tf.gather_nd(results.cs, last), tf.gather_nd(results.h, last)

    @tf.function
    def mine():
        return layer(x, (c, h), sequence_length=lengths)

    wanted = [x, c, h, *layer.weights]
    values, gradients = values_and_gradients(op, wanted)
    got, got_gradients = values_and_gradients(mine, wanted)
    assert_close(got, values)
    if clip is None:  # the op takes a clipped value for one that is not, ours for a constant
        assert_close(got_gradients, gradients)
    assert type(layer(x, (c, h))[1]) is ours.LSTMStateTuple

    cell = ours.LSTMBlockCell(UNITS, 0.7, cell_clip=clip, use_peephole=peephole)
    cell(x[0], (c, h))
    for mine_, given in zip(cell.weights, layer.weights, strict=True):
        mine_.assign(given)
    assert_close(cell(x[0], (c, h))[0], layer(x[:1], (c, h))[0][0])


def test_lstm_block_fused_cell_takes_lists():
    x = tf.constant(X)
    layer = ours.LSTMBlockFusedCell(UNITS)
    want, state = layer(tf.transpose(x, [1, 0, 2]), dtype=tf.float64)
    outputs, list_state = layer(tf.unstack(x, axis=1), dtype=tf.float64)
    assert_close(outputs, list(want))
    assert_close(list(list_state), list(state))
    assert layer.num_units == UNITS
    with pytest.raises(ValueError, match=r"expected \[time, batch, features\]"):
        layer(x[0], dtype=tf.float64)
    with pytest.raises(ValueError, match="initial_state and dtype are both None"):
        layer(x)


def test_scope_of_the_lstm_block_fused_cell_in_a_graph():
    with tf.Graph().as_default():
        layers = [ours.LSTMBlockFusedCell(UNITS) for _ in range(3)]
        for layer, scope in zip(layers, (None, "mine", None), strict=True):
            layer(tf.constant(X), dtype=tf.float64, scope=scope)
        assert [layer.scope_name for layer in layers] == [
            "lstm_fused_cell",
            "mine",
            "lstm_fused_cell_1",
        ]


def test_gru_block_cell():
    x = tf.constant(X[:, 0], tf.float32)
    cell = ours.GRUBlockCell(cell_size=UNITS)
    cell(x, cell.zero_state(BATCH, tf.float32))
    weights = randomize(cell)
    assert list(weights) == ["w_ru", "b_ru", "w_c", "b_c"]
    h = tf.constant(RNG.normal(size=(BATCH, UNITS)), tf.float32)
    want = tf.raw_ops.GRUBlockCell(x=x, h_prev=h, **weights).h
    assert_close(cell(x, h)[0], want)
    with pytest.raises(ValueError, match="found num_units=None, cell_size=None"):
        ours.GRUBlockCell()


def test_cudnn_compatible_gru_cell():
    cell = ours.CudnnCompatibleGRUCell(UNITS)
    w, h, (output, state) = one_step(cell, X[:, 0])
    rows = np.concatenate([X[:, 0], h], 1)
    r, u = np.split(sigmoid(rows @ w["gates/kernel"] + w["gates/bias"]), 2, 1)
    hidden = h @ w["candidate/hidden_projection/kernel"] + w["candidate/hidden_projection/bias"]
    inputs = X[:, 0] @ w["candidate/input_projection/kernel"]
    c = np.tanh(inputs + w["candidate/input_projection/bias"] + r * hidden)
    assert_close(output, u * h + (1 - u) * c)
    assert_close(state, output)
    assert tfrnn_ops.explain(cell).path == "fused"
    lengths = [TIME, 0, 2]

    def run(loop):
        return lambda: tf.nest.flatten(loop(cell, tf.constant(X), lengths, initial_state=h))

    got = values_and_gradients(run(ours.dynamic_rnn), [h, *cell.weights])
    want = values_and_gradients(run(v1.nn.dynamic_rnn), [h, *cell.weights])
    for g, w in zip(got, want, strict=True):
        assert_close(g, w)


def test_layer_norm_basic_lstm_cell():
    cell = ours.LayerNormBasicLSTMCell(UNITS, forget_bias=0.7, norm_gain=0.9, norm_shift=0.1)
    cell(X[:, 0], cell.zero_state(BATCH, tf.float64))
    first = {w.name.split("/")[-1]: w.numpy() for w in cell.weights if "kernel" not in w.name}
    assert (first["gamma:0"] == 0.9).all()
    assert (first["beta:0"] == 0.1).all()
    w, (c, h), (output, state) = one_step(cell, X[:, 0])
    c = c.numpy()

    def norm(x, scope):
        x = (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-12)
        return x * w[f"{scope}/gamma"] + w[f"{scope}/beta"]

    gates = np.split(np.concatenate([X[:, 0], h], 1) @ w["kernel"], 4, 1)
    i, j, f, o = map(norm, gates, ["input", "transform", "forget", "output"])
    c = norm(c * sigmoid(f + 0.7) + sigmoid(i) * np.tanh(j), "state")
    assert_close(state.c, c)
    assert_close(output, np.tanh(c) * sigmoid(o))
    assert_close(state.h, output)
    with pytest.raises(ValueError, match="input_size is 3; expected None"):
        ours.LayerNormBasicLSTMCell(UNITS, input_size=3)


def test_layer_norm_basic_lstm_cell_drops_the_candidate():
    cell = ours.LayerNormBasicLSTMCell(400, layer_norm=False, dropout_keep_prob=0.75)
    state = cell(tf.ones([1, FEATURES]), cell.zero_state(1, tf.float32))[1]
    assert 0.15 < (state.c.numpy() == 0).mean() < 0.35


@pytest.mark.filterwarnings("ignore::tfrnn_ops.ReferencePathWarning")
@pytest.mark.parametrize("peepholes", [False, True])
def test_phased_lstm_cell(peepholes):
    cell = ours.PhasedLSTMCell(UNITS, peepholes, leak=0.05, trainable_ratio_on=False)
    time, x = np.array([[0.3], [2.7], [11.0]]), X[:, 0]
    cell((time, tf.constant(x)), cell.zero_state(BATCH, tf.float64))
    first = {w.name.split("/")[-1]: w.numpy() for w in cell.weights}
    assert (first["period:0"] >= 1).all()
    assert (first["period:0"] <= 1000).all()
    assert (first["phase:0"] >= 0).all()
    assert (first["phase:0"] <= first["period:0"]).all()
    assert (first["ratio_on:0"] == 0.1).all()
    assert [w.name for w in cell.non_trainable_weights] == [f"{cell.scope_name}/ratio_on:0"]

    w, (c, h), (output, state) = one_step(cell, (tf.constant(time), tf.constant(x)))

    def linear(scope, *values):
        return np.concatenate(values, 1) @ w[f"{scope}/kernel"] + w[f"{scope}/bias"]

    i, f = np.split(sigmoid(linear("mask_gates", x, h, *[c] * peepholes)), 2, 1)
    new_c = f * c + i * np.tanh(linear("new_input", x, h))
    o = sigmoid(linear("output_gate", x, h, *[new_c] * peepholes))
    new_h = np.tanh(new_c) * o
    ratio = np.mod(time - w["phase"], w["period"]) / w["period"]
    on = w["ratio_on"]
    k = np.where(
        ratio < on / 2, 2 * ratio / on, np.where(ratio < on, 2 - 2 * ratio / on, 0.05 * ratio)
    )
    assert_close(state.c, k * new_c + (1 - k) * c)
    assert_close(output, k * new_h + (1 - k) * h)
    assert_close(state.h, output)

    with tf.Graph().as_default(), v1.Session() as session:  # its inputs are a pair
        cell = ours.PhasedLSTMCell(UNITS, peepholes)
        times = tf.constant(np.arange(TIME)[np.newaxis, :, np.newaxis] * np.ones((BATCH, 1, 1)))
        x = tf.constant(X, tf.float32)  # of another dtype than the time
        outputs, _ = ours.dynamic_rnn(cell, (times, x), dtype=tf.float32)
        assert all(w.dtype.base_dtype == tf.float32 for w in cell.weights)
        gradients = tf.gradients(outputs, cell.trainable_weights)
        session.run(v1.global_variables_initializer())
        assert all(np.isfinite(g).all() for g in session.run(gradients))


@pytest.mark.filterwarnings("ignore::tfrnn_ops.ReferencePathWarning")
@pytest.mark.parametrize("made_in", ["a function", "a loop in a function"])
def test_variables_are_made_in_the_first_call(made_in):
    cell = ours.PhasedLSTMCell(UNITS)
    time, x = tf.constant(X[:, :, :1]), tf.constant(X)

    @tf.function
    def run():
        if made_in == "a function":
            return cell((time[:, 0], x[:, 0]), cell.zero_state(BATCH, tf.float64))[0]
        return ours.dynamic_rnn(cell, (time, x), dtype=tf.float64)[0]

    run()
    values = {w.name.split("/")[-1]: w.numpy() for w in cell.weights}
    assert len(values) == 5  # three pairs by the same names, and three more
    assert (values["phase:0"] <= values["period:0"]).all()


@pytest.mark.filterwarnings("ignore::tfrnn_ops.ReferencePathWarning")
@pytest.mark.parametrize("state_is_tuple", [True, False])
def test_attention_cell_wrapper(state_is_tuple):
    length, size, width = 3, 5, 2
    inner = ours.GRUCell(UNITS)
    cell = ours.AttentionCellWrapper(
        inner, length, size, width, input_size=7, state_is_tuple=state_is_tuple
    )
    x = X[:, 0]
    w, state, (output, new_state) = one_step(cell, tf.constant(x))
    if not state_is_tuple:
        state = tf.split(state, [UNITS, size, size * length], 1)
        new_state = tf.split(new_state, [UNITS, size, size * length], 1)
    h, attention, memory = (s.numpy() for s in state)

    def linear(scope, *values):
        return np.concatenate(values, 1) @ w[f"{scope}kernel"] + w[f"{scope}bias"]

    inner_output, h = inner(tf.constant(linear("", x, attention)), tf.constant(h))
    memory = memory.reshape(BATCH, length, size)
    hidden = memory @ w["attention/attn_w"][0, 0] + linear("attention/", h)[:, np.newaxis]
    scores = (w["attention/attn_v"] * np.tanh(hidden)).sum(2)
    weights = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    attention = (weights[:, :, np.newaxis] * memory).sum(1)
    want = linear("attn_output_projection/", inner_output, attention)
    memory = np.concatenate([memory[:, 1:], want[:, np.newaxis]], 1)
    assert_close(output, want)
    assert_close(list(new_state), [h, attention, memory.reshape(BATCH, -1)])
    outputs, _ = ours.dynamic_rnn(cell, tf.constant(X), dtype=tf.float64)
    assert outputs.shape == (BATCH, TIME, size)
    assert len(cell.trainable_variables) == 2 + 4 + 4 + 2  # those of the cell inside too
    with tf.Graph().as_default():
        graph_cell = ours.AttentionCellWrapper(ours.GRUCell(UNITS), length)
        ours.dynamic_rnn(graph_cell, tf.constant(X), dtype=tf.float64)
        names = [v.name for v in graph_cell.weights]
        assert sorted(names) == sorted(v.name for v in v1.global_variables())
    assert "rnn/attention_cell_wrapper/gru_cell/gates/kernel:0" in names
    with pytest.raises(ValueError, match="attn_length is 0"):
        ours.AttentionCellWrapper(inner, 0)
    with pytest.raises(ValueError, match="state_is_tuple is False, but the cell"):
        ours.AttentionCellWrapper(ours.LSTMCell(3), 2, state_is_tuple=False)
