"""SavedModels: with the fused ops, and with TensorFlow's own only, each in a process of its own."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from gradients import values_and_gradients
from spies import spy_on_fused_ops
from tolerance import assert_close, assert_same_bits

import tfrnn_ops

LIBRARY = Path(tfrnn_ops.__file__).with_name("libtfrnn_ops.so")
INPUTS = np.random.default_rng(0).standard_normal([2, 5, 3]).astype("float32")
INPUTS[1, 2:] = 0  # masked
DROPOUT = {"dropout": 0.3, "recurrent_dropout": 0.3, "seed": 1}


def make_model():
    """Every layer and cell with the options that differ between training and inference."""
    inputs = keras.Input([None, 3])
    masked = keras.layers.Masking()(inputs)
    norm = {"layer_norm": True, "zoneout": 0.2, "recurrent_dropout_per_step": True}
    bidirectional = keras.layers.Bidirectional(tfrnn_ops.GRU(2, **DROPOUT))
    cells = [tfrnn_ops.LSTMCell(4, zoneout=0.1), tfrnn_ops.GRUCell(3), tfrnn_ops.SimpleRNNCell(2)]
    lstm = {"peephole": True, "projection_units": 3, "cell_clip": 1.0, "cell_zoneout": 0.2}
    outputs = [
        tfrnn_ops.LSTM(4, **norm, **lstm, **DROPOUT)(masked),
        tfrnn_ops.GRU(4, reset_after=False, go_backwards=True, drop_connect=0.3, **norm)(masked),
        tfrnn_ops.SimpleRNN(4, activation="relu", **norm)(masked),
        tfrnn_ops.IndRNN(4, **norm)(masked),
        tfrnn_ops.Bidirectional(tfrnn_ops.GRU(2), merge_mode="sum")(masked),
        bidirectional(masked),
        tfrnn_ops.StackedRNN("lstm", 3, num_layers=2, dropout=0.5)(masked),
        keras.layers.RNN(cells)(masked),
    ]
    return keras.Model(inputs, keras.layers.Concatenate()(outputs))


def make_stateful():
    layers = [tfrnn_ops.LSTM(3, stateful=True, return_sequences=True)]
    layers += [tfrnn_ops.GRU(3, stateful=True, zoneout=0.2)]
    return keras.Sequential([keras.Input([None, 3], batch_size=2), *layers])


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A folder with the models in every format, what they compute, and the first model."""
    folder = tmp_path_factory.mktemp("saved")
    model = make_model()
    np.save(folder / "inputs.npy", INPUTS)
    np.save(folder / "outputs.npy", model(INPUTS))
    model.save(folder / "model.keras")
    for composite, name in ((False, "fused"), (True, "composite")):
        tfrnn_ops.export(model, folder / name, composite=composite, verbose=False)
        stateful = make_stateful()
        stateful(INPUTS)  # so that the states are not zeros
        tfrnn_ops.export(stateful, folder / f"stateful_{name}", composite=composite, verbose=False)
        np.save(folder / f"stateful_{name}.npy", [stateful(INPUTS), stateful(INPUTS)])
    return folder, model


def run_without_the_package(folder, library=None):
    """Loads and serves where `import tfrnn_ops` fails; with `library`, after loading that."""
    name = "composite" if library is None else "fused"
    script = f"""
    import sys
    sys.modules["tfrnn_ops"] = None  # whoever imports it gets an ImportError
    import numpy as np, tensorflow as tf
    if {library!r}:
        tf.load_op_library({library!r})
    else:
        assert not hasattr(tf.raw_ops, "TfrnnLstm")
        try:
            tf.saved_model.load("fused")
        except RuntimeError as error:
            assert "Tfrnn" in str(error), error
        else:
            raise AssertionError("the ops are here")
    inputs = np.load("inputs.npy")
    model = tf.saved_model.load({name!r})
    np.testing.assert_allclose(model.serve(inputs), np.load("outputs.npy"), atol=1e-6)
    (got,) = model.signatures["serving_default"](tf.constant(inputs)).values()
    np.testing.assert_allclose(got, np.load("outputs.npy"), atol=1e-6)
    assert model.serve(inputs[:1, :3]).shape[0] == 1
    stateful = tf.saved_model.load("stateful_{name}")
    for want in np.load("stateful_{name}.npy"):
        np.testing.assert_allclose(stateful.serve(inputs), want, atol=1e-6)
    """
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    command = [sys.executable, "-c", textwrap.dedent(script)]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-3000:]


def test_a_composite_needs_no_package(saved):
    run_without_the_package(saved[0])


def test_the_library_alone_serves_the_fused_ops(saved):
    run_without_the_package(saved[0], str(LIBRARY))


def ops_of(concrete):
    graph = concrete.graph.as_graph_def()
    return {n.op for n in [*graph.node, *(n for f in graph.library.function for n in f.node_def)]}


def ops_in(loaded):
    return ops_of(loaded.signatures["serve"])


@pytest.mark.parametrize("name", ["fused", "composite"])
def test_what_it_holds(saved, name):
    loaded = tf.saved_model.load(str(saved[0] / name))
    fused = {"TfrnnLstm", "TfrnnGru", "TfrnnSimpleRnn", "TfrnnIndRnn"}
    found = {op for op in ops_in(loaded) if op.startswith("Tfrnn")}
    assert found == (fused if name == "fused" else set())


@pytest.mark.parametrize("name", ["fused", "composite"])
def test_gradients_after_loading(saved, name):
    folder, model = saved
    inputs = tf.constant(INPUTS)
    loaded = tf.saved_model.load(str(folder / name))
    got, dgot = values_and_gradients(
        lambda: loaded.serve(inputs), [inputs, *loaded.trainable_variables]
    )
    want, dwant = values_and_gradients(lambda: model(inputs), [inputs, *model.trainable_variables])
    assert_close(got, want)
    for g, w in zip(dgot, dwant, strict=True):
        np.testing.assert_allclose(g, w, atol=1e-4)


@pytest.mark.parametrize("name", ["fused", "composite"])
def test_second_gradients_after_loading(tmp_path, name):
    layer = tfrnn_ops.GRU(4)
    layer.build([None, None, 3])
    signature = [tf.TensorSpec([None, None, 3])]
    composite = name == "composite"
    tfrnn_ops.export(layer, tmp_path, composite=composite, input_signature=signature, verbose=False)
    inputs = tf.constant(INPUTS)

    def second(function):
        with tf.GradientTape() as outer:
            outer.watch(inputs)
            with tf.GradientTape() as inner:
                inner.watch(inputs)
                loss = tf.reduce_sum(function(inputs) ** 2)
            first = tf.reduce_sum(inner.gradient(loss, inputs) ** 2)
        return outer.gradient(first, inputs)

    loaded = tf.saved_model.load(str(tmp_path))
    assert_close(second(loaded.serve), second(layer), "training")


def test_a_keras_file(saved):
    folder, model = saved
    again = keras.models.load_model(folder / "model.keras")
    assert_same_bits([again(INPUTS)], [model(INPUTS)])
    want, got = (
        values_and_gradients(lambda m=m: m(INPUTS), m.trainable_variables) for m in (model, again)
    )
    assert_same_bits(got[1], want[1])
    assert [type(layer) for layer in again.layers] == [type(layer) for layer in model.layers]


@pytest.mark.parametrize("traced_before", [False, True])
def test_the_model_is_unharmed(tmp_path, traced_before, monkeypatch):
    model = keras.Sequential([keras.Input([None, 3]), tfrnn_ops.LSTM(32, zoneout=0.2, seed=1)])
    model.compile("sgd", "mse")
    if traced_before:
        model.predict(INPUTS, verbose=0)
    want = model(INPUTS)
    before = [variable.numpy() for variable in model.variables]
    tfrnn_ops.export(model, tmp_path, composite=True, verbose=False)
    assert_same_bits([v.numpy() for v in model.variables], before)
    assert tfrnn_ops.explain(model.layers[0]).path == "fused"
    called = spy_on_fused_ops(monkeypatch)
    predicted = model.predict(INPUTS, verbose=0)
    assert bool(called) is not traced_before
    assert_same_bits([predicted, model(INPUTS)], [want, want])
    composite = tf.saved_model.load(str(tmp_path))
    assert not np.array_equal(composite.serve(INPUTS), want)  # so the bits tell the paths apart
    model.fit(INPUTS, np.zeros([2, 32]), verbose=0)
    assert {op for op, _ in called} >= {"TfrnnLstm", "TfrnnLstmGrad"}


def test_the_states_stay_where_they_are(tmp_path):
    model = make_stateful()
    model(INPUTS)
    states = [s.numpy() for layer in model.layers for s in layer.states]
    assert all(map(np.any, states))
    tfrnn_ops.export(model, tmp_path, composite=True, verbose=False)
    assert_same_bits([s.numpy() for layer in model.layers for s in layer.states], states)


class Subclassed(keras.Model):
    """A model whose layer is called in a `tf.function` of its own."""

    def __init__(self):
        super().__init__()
        self.rnn = tfrnn_ops.GRU(4)

    @tf.function(input_signature=[tf.TensorSpec([None, None, 3])])
    def run(self, inputs):
        return self.rnn(inputs)

    def call(self, inputs):
        return self.run(inputs)

    def functions(self):
        return [self.run]


class Inner(tf.Module):
    """A layer in a `tf.function` without a signature, with control flow that AutoGraph reads."""

    def __init__(self, rnn):
        super().__init__()
        self.rnn = rnn

    @tf.function
    def __call__(self, inputs):
        if tf.shape(inputs)[1] > 0:
            outputs = self.rnn(inputs)
        else:
            outputs = tf.zeros([tf.shape(inputs)[0], 4])
        return outputs


class Nested(Subclassed):
    """A function that calls a module's function, which calls the layer."""

    def __init__(self):
        super().__init__()
        self.inner = Inner(self.rnn)

    @tf.function
    def run(self, inputs):
        return self.inner(inputs) + 0.0

    def functions(self):
        return [self.run, self.inner.__call__]


def subclassed(model_class):
    model = model_class()
    model.rnn.build([None, None, 3])
    model.build([None, None, 3])
    return model


OWN_FUNCTIONS = pytest.mark.parametrize("model_class", [Subclassed, Nested])


@OWN_FUNCTIONS
@pytest.mark.parametrize("traced_before", [False, True])
@pytest.mark.filterwarnings("ignore:.*does not have a `build.*:UserWarning")
def test_a_function_of_the_models_own(tmp_path, model_class, traced_before):
    """Nothing that it has traced before, and nothing it traces for an export, is used elsewhere."""
    model = subclassed(model_class)
    other = subclassed(model_class)
    other.set_weights(model.get_weights())
    want = other(INPUTS)
    if traced_before:
        model(INPUTS)
    for again in range(2):
        tfrnn_ops.export(model, tmp_path / f"composite{again}", composite=True, verbose=False)
        assert_same_bits([model(INPUTS)], [want])
        tfrnn_ops.export(model, tmp_path / f"fused{again}", verbose=False)
        for kind in ("composite", "fused"):
            loaded = tf.saved_model.load(str(tmp_path / f"{kind}{again}"))
            found = {op for op in ops_in(loaded) if op.startswith("Tfrnn")}
            assert found == (set() if kind == "composite" else {"TfrnnGru"})
            assert_close(loaded.serve(INPUTS), want)
    with tf.GradientTape() as tape:
        outputs = model(tf.constant(INPUTS))
    assert_same_bits([outputs], [want])
    assert all(g is not None for g in tape.gradient(outputs, model.trainable_variables))
    for function in model.functions():
        concrete = function.get_concrete_function(tf.TensorSpec([2, 5, 3]))
        assert "TfrnnGru" in ops_of(concrete)


def test_a_function_has_a_trace_for_each_path():
    """Also in eager mode, whichever is called first, and in a model's own `predict`."""
    layer = tfrnn_ops.GRU(32)
    inner = tf.function(lambda x: layer(x))
    outer = tf.function(lambda x: inner(x) + 0.0)
    inputs = tf.constant(INPUTS)
    want = layer(inputs)
    for function in (inner, outer):
        with tfrnn_ops.use_reference():
            reference = function(inputs)
            assert "TfrnnGru" not in ops_of(function.get_concrete_function(inputs))
        assert_same_bits([function(inputs)], [want])
        assert "TfrnnGru" in ops_of(function.get_concrete_function(inputs))
        assert not np.array_equal(reference, want)  # so the bits tell the paths apart
        with tfrnn_ops.use_reference():
            assert_same_bits([function(inputs)], [reference])
        assert function.experimental_get_tracing_count() <= 3  # the first may be traced twice
    model = keras.Sequential([keras.Input([None, 3]), layer])
    with tfrnn_ops.use_reference():
        assert_same_bits([model.predict(INPUTS, verbose=0)], [reference])
    assert_same_bits([model.predict(INPUTS, verbose=0)], [want])


def test_fused_ops_in_a_saved_model_are_found_out(saved, tmp_path):
    layer = keras.layers.TFSMLayer(saved[0] / "fused", call_endpoint="serve")
    model = keras.Sequential([keras.Input([None, 3]), layer])
    with pytest.raises(ValueError, match=r"holds TfrnnGru, .*TfrnnLstm"):
        tfrnn_ops.export(model, tmp_path, composite=True, verbose=False)


def test_a_layer(tmp_path):
    layer = tfrnn_ops.LSTM(4, return_sequences=True, return_state=True)
    layer.build([None, None, 3])
    states = [tf.TensorSpec([None, 4])] * 2
    signature = [tf.TensorSpec([None, None, 3]), states]
    tfrnn_ops.export(layer, tmp_path, composite=True, input_signature=signature, verbose=False)
    start = [tf.ones([2, 4]), tf.zeros([2, 4])]
    loaded = tf.saved_model.load(str(tmp_path))
    assert_close(list(loaded.serve(INPUTS, start)), list(layer(INPUTS, start)))


def test_the_signature_of_a_layer(tmp_path):
    layer = tfrnn_ops.GRU(4)
    layer(INPUTS)
    tfrnn_ops.export(layer, tmp_path, composite=True, verbose=False)
    loaded = tf.saved_model.load(str(tmp_path))
    assert_close(loaded.serve(INPUTS[:1]), layer(INPUTS[:1]))


def test_bad_arguments(tmp_path):
    with pytest.raises(ValueError, match="not yet been built"):
        tfrnn_ops.export(tfrnn_ops.LSTM(4), tmp_path)
    layer = keras.layers.Lambda(lambda x: x)
    layer.built = True
    with pytest.raises(ValueError, match=r"input_signature is None, but 'lambda.*' does not tell"):
        tfrnn_ops.export(layer, tmp_path)
    with pytest.raises(TypeError, match="model is a Variable; expected a Keras model or layer"):
        tfrnn_ops.export(keras.Variable(1.0), tmp_path)
