"""What is saved comes back, here and in a fresh process."""

import os
import pathlib
import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest
import tensorflow as tf
from cells import every_cell, layer_pair
from tolerance import assert_same_bits

import tfrnn_ops

INPUTS = np.random.default_rng(0).standard_normal([2, 5, 3]).astype("float32")


def model(dropout=0.3):
    """Every layer and cell of the package, alone and wrapped."""
    inputs = keras.Input([None, 3], batch_size=2)
    cells = [tfrnn_ops.LSTMCell(4), tfrnn_ops.GRUCell(3), tfrnn_ops.SimpleRNNCell(2)]
    outputs = [
        tfrnn_ops.LSTM(4, dropout=dropout, seed=1)(inputs),
        tfrnn_ops.GRU(4, reset_after=False, go_backwards=True)(inputs),
        tfrnn_ops.SimpleRNN(4, stateful=True)(inputs),
        keras.layers.Bidirectional(tfrnn_ops.GRU(2))(inputs),
        keras.layers.RNN(cells)(inputs),
    ]
    return keras.Model(inputs, keras.layers.Concatenate()(outputs))


def run_in_fresh_process(script, folder):
    script = "import numpy as np, tensorflow as tf, keras\nimport tfrnn_ops\n" + textwrap.dedent(
        script
    )
    package = str(pathlib.Path(tfrnn_ops.__file__).parents[1])  # maybe not installed
    environment = {**os.environ, "PYTHONPATH": package}
    command = [sys.executable, "-c", script]
    subprocess.run(command, cwd=folder, env=environment, check=True, timeout=300)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A folder with the model in every format, and its outputs."""
    folder = tmp_path_factory.mktemp("saved")
    original = model()
    original.save(folder / "model.keras")
    original.save_weights(folder / "model.weights.h5")
    original.export(folder / "exported")
    without = model(dropout=0)  # tf.saved_model.save fails on the seeds of Keras's dropout
    without.set_weights(original.get_weights())
    tf.saved_model.save(without, str(folder / "saved_model"))
    np.save(folder / "inputs.npy", INPUTS)
    np.save(folder / "outputs.npy", original(INPUTS))  # from the first state, as the copies will
    return folder


def test_keras_file(saved):
    again = keras.models.load_model(saved / "model.keras")
    assert_same_bits([again(INPUTS)], [np.load(saved / "outputs.npy")])
    assert isinstance(again.layers[1], tfrnn_ops.LSTM)


def test_weights(saved):
    again = model()
    again.load_weights(saved / "model.weights.h5")
    assert_same_bits([again(INPUTS)], [np.load(saved / "outputs.npy")])


def test_fresh_process(saved):
    run_in_fresh_process(
        """
        inputs, want = np.load("inputs.npy"), np.load("outputs.npy")

        def check(got, name):
            np.testing.assert_array_equal(got, want, err_msg=name)

        check(keras.models.load_model("model.keras")(inputs), "keras")
        exported, saved_model = map(tf.saved_model.load, ("exported", "saved_model"))
        check(exported.serve(inputs), "exported")
        (got,) = saved_model.signatures["serving_default"](tf.constant(inputs)).values()
        check(got, "saved_model")
        check(keras.layers.TFSMLayer("exported", call_endpoint="serve")(inputs), "TFSMLayer")
        """,
        saved,
    )


def test_a_saved_model_holds_the_fused_ops(saved):
    graph = tf.saved_model.load(str(saved / "exported")).signatures["serve"].graph
    types = {n.op for f in graph.as_graph_def().library.function for n in f.node_def}
    assert {"TfrnnLstm", "TfrnnGru", "TfrnnSimpleRnn"} <= types


def test_a_saved_function_can_be_trained(tmp_path):
    class Module(tf.Module):
        def __init__(self):
            self.kernel = tf.Variable(tf.ones([3, 16]))
            self.recurrent_kernel = tf.Variable(tf.ones([4, 16]))

        @tf.function(input_signature=[tf.TensorSpec([None, None, 3])])
        def __call__(self, inputs):
            return tfrnn_ops.lstm(inputs, None, self.kernel, self.recurrent_kernel)[0]

    def gradient(module):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(module(tf.constant(INPUTS)))
        return tape.gradient(loss, [module.kernel, module.recurrent_kernel])

    tf.saved_model.save(Module(), str(tmp_path))
    assert_same_bits(gradient(tf.saved_model.load(str(tmp_path))), gradient(Module()))


@every_cell
def test_weights_are_keras_weights(case, tmp_path):
    theirs, ours = layer_pair(case, 4, [None, None, 3], weight_seed=1)
    models = [keras.Sequential([keras.Input([None, 3]), layer]) for layer in (theirs, ours)]
    models[0].save_weights(tmp_path / "theirs.weights.h5")
    ours.set_weights([np.zeros(w.shape) for w in ours.weights])
    models[1].load_weights(tmp_path / "theirs.weights.h5")
    assert_same_bits(ours.get_weights(), theirs.get_weights())


@every_cell
def test_configuration(case):
    options = {"time_major": True, "dropout": 0.25, "recurrent_dropout": 0.5, "stateful": True}
    layer = case.layer(4, return_state=True, activation="relu", **options)
    again = keras.layers.deserialize(keras.layers.serialize(layer))
    assert type(again) is type(layer)
    assert again.get_config() == layer.get_config()
    assert keras.saving.get_registered_name(type(layer)) == f"tfrnn_ops>{case.layer_name}"


def test_an_export_of_the_reference_path_needs_no_library(tmp_path):
    original = keras.Sequential([keras.Input([None, 3]), tfrnn_ops.LSTM(4)])
    np.save(tmp_path / "inputs.npy", INPUTS)
    np.save(tmp_path / "outputs.npy", original(INPUTS))
    with tfrnn_ops.use_reference():
        original.export(tmp_path / "exported", verbose=False)
    script = """
    import numpy as np, tensorflow as tf
    loaded = tf.saved_model.load("exported")
    got = loaded.serve(np.load("inputs.npy"))
    np.testing.assert_allclose(got, np.load("outputs.npy"), atol=1e-6)
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=300)
