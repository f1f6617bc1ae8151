"""Weights in four layouts: layers of different libraries give equal outputs."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from tolerance import assert_close

import tfrnn_ops
import tfrnn_ops.v1 as rnn
from tfrnn_ops import weights

BATCH, TIME, FEATURES, UNITS = 3, 5, 4, 6
X = np.random.default_rng(0).normal(size=(BATCH, TIME, FEATURES))
# The kind of layer, its cell and the layouts that can express it.
KINDS = {
    "lstm": ("lstm", ("keras", "tf1", "cudnn", "pytorch")),
    "gru": ("gru", ("keras", "tf1", "cudnn", "pytorch")),
    "gru, reset before": ("gru", ("keras", "tf1")),
    "simple_rnn": ("simple_rnn", ("keras", "tf1", "cudnn", "pytorch")),
}
LAYERS = {
    "lstm": lambda: keras.layers.LSTM(UNITS, return_sequences=True, dtype="float64"),
    "gru": lambda: keras.layers.GRU(UNITS, return_sequences=True, dtype="float64"),
    "gru, reset before": lambda: keras.layers.GRU(
        UNITS, return_sequences=True, dtype="float64", reset_after=False
    ),
    "simple_rnn": lambda: keras.layers.SimpleRNN(UNITS, return_sequences=True, dtype="float64"),
}
CELLS = {
    "lstm": lambda: rnn.LSTMCell(UNITS),
    "gru": lambda: rnn.CudnnCompatibleGRUCell(UNITS),
    "gru, reset before": lambda: rnn.GRUCell(UNITS),
    "simple_rnn": lambda: rnn.BasicRNNCell(UNITS),
}
MODULES = {"lstm": "LSTM", "gru": "GRU", "simple_rnn": "RNN"}


def run_keras(kind, arrays):
    layer = LAYERS[kind]()
    layer.build(X.shape)
    layer.set_weights(arrays)
    return layer(X).numpy()


def run_tf1(kind, arrays):
    cell = CELLS[kind]()
    rnn.dynamic_rnn(cell, tf.constant(X), dtype=tf.float64)
    for variable, array in zip(cell.weights, arrays, strict=True):
        variable.assign(array)
    return rnn.dynamic_rnn(cell, tf.constant(X), dtype=tf.float64)[0].numpy()


def run_pytorch(kind, arrays):
    torch = pytest.importorskip("torch")
    module = getattr(torch.nn, MODULES[kind])(FEATURES, UNITS, batch_first=True).double()
    with torch.no_grad():
        for parameter, array in zip(module.parameters(), arrays, strict=True):
            parameter.copy_(torch.tensor(array))
        return module(torch.tensor(X))[0].numpy()


def run_cudnn(kind, arrays):
    """cuDNN's equations, as its documentation gives them for its canonical tensors."""
    count = len(arrays) // 4
    w, r, b, d = (arrays[i * count : (i + 1) * count] for i in range(4))
    h = c = np.zeros((BATCH, UNITS))
    outputs = []
    for x in X.swapaxes(0, 1):
        inputs = [x @ w[g].T + b[g] for g in range(count)]
        hidden = [h @ r[g].T + d[g] for g in range(count)]
        sums = [i + j for i, j in zip(inputs, hidden, strict=True)]
        gates = [1 / (1 + np.exp(-s)) for s in sums]
        if kind == "lstm":
            c = gates[1] * c + gates[0] * np.tanh(sums[2])
            h = gates[3] * np.tanh(c)
        elif kind == "gru":
            h = (1 - gates[1]) * np.tanh(inputs[2] + gates[0] * hidden[2]) + gates[1] * h
        else:
            h = np.tanh(sums[0])
        outputs.append(h)
    return np.stack(outputs, 1)


RUNNERS = {"keras": run_keras, "tf1": run_tf1, "cudnn": run_cudnn, "pytorch": run_pytorch}


def random_weights(kind, layout):
    """Weights in a layout, none of them zero, and the outputs of a layer that has them."""
    layer = LAYERS[kind]()
    layer.build(X.shape)
    rng = np.random.default_rng(1)
    arrays = [rng.normal(size=w.shape) / 2 for w in layer.weights]
    arrays = weights.convert(KINDS[kind][0], arrays, "keras", layout)
    arrays = [a + 0.1 for a in arrays]
    return arrays, RUNNERS[layout](kind, arrays)


@pytest.mark.parametrize(
    ("kind", "source", "target"),
    [(kind, *pair) for kind in KINDS for pair in itertools.product(KINDS[kind][1], repeat=2)],
)
def test_equal_outputs(kind, source, target):
    arrays, want = random_weights(kind, source)
    converted = weights.convert(KINDS[kind][0], arrays, source, target)
    assert_close(RUNNERS[target](kind, converted), want)
    assert all(a.dtype == np.float64 for a in converted)
    if source == target:
        assert_close(converted, arrays)


@pytest.mark.parametrize("target", ["keras", "cudnn", "pytorch"])
def test_a_tf1_cell_with_another_forget_bias(target):
    cell = rnn.CudnnCompatibleLSTMCell(UNITS)
    want, _ = rnn.dynamic_rnn(cell, tf.constant(X), dtype=tf.float64)
    arrays = weights.convert("lstm", cell.weights, "tf1", target, forget_bias=0.0)
    assert_close(RUNNERS[target]("lstm", arrays), want)
    back = weights.convert("lstm", arrays, target, "tf1", forget_bias=0.0)
    assert_close(back, [w.numpy() for w in cell.weights])


def test_this_package_takes_them_too():
    arrays, want = random_weights("lstm", "pytorch")
    kernel, recurrent_kernel, bias = weights.convert("lstm", arrays, "pytorch", "keras")
    outputs, _ = tfrnn_ops.lstm(X, None, kernel, recurrent_kernel, bias)
    assert_close(outputs, want)


def test_float32_stays_float32():
    arrays = [a.astype(np.float32) for a in random_weights("lstm", "keras")[0]]
    for layout in KINDS["lstm"][1]:
        assert all(a.dtype == np.float32 for a in weights.convert("lstm", arrays, "keras", layout))


def test_errors():
    arrays, _ = random_weights("gru, reset before", "keras")
    for target in ("cudnn", "pytorch"):
        with pytest.raises(ValueError, match="resets before the product"):
            weights.convert("gru", arrays, "keras", target)
    with pytest.raises(ValueError, match="cell is 'rnn'; expected one of lstm, gru, simple_rnn"):
        weights.convert("rnn", arrays, "keras", "tf1")
    with pytest.raises(ValueError, match="source is 'jax'; expected one of keras"):
        weights.convert("gru", arrays, "jax", "tf1")
    with pytest.raises(ValueError, match="target is 'jax'; expected one of keras"):
        weights.convert("gru", arrays, "keras", "jax")
    for kind, layout in [("lstm", "keras"), ("gru", "tf1"), ("gru", "cudnn"), ("lstm", "pytorch")]:
        good, _ = random_weights(kind, layout)
        for bad in (good[:-1], [good[0], good[1][..., :-1], *good[2:]], [], [*good, good[0]]):
            with pytest.raises(ValueError, match=r"weights has shapes .*; expected those of one"):
                weights.convert(kind, bad, layout, "keras")


def test_a_layer_is_no_weights():
    layer = keras.layers.LSTM(2)
    with pytest.raises(TypeError, match=r"weights is a LSTM; expected .* layer.get_weights\(\)"):
        weights.convert("lstm", layer, "keras", "tf1")
