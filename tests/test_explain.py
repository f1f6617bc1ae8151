"""`explain` tells what then happens."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from cells import LSTM, every_cell, every_cell_and_ind_rnn
from options import options_of

import tfrnn_ops
from tfrnn_ops import _tensorflow
from tfrnn_ops.fused.common import FusedOp

INPUTS = tf.zeros([2, 5, 3])

# Constructor arguments, training, and the reasons to leave the fused path.
CALLS = {
    "plain": ({}, True, []),
    "everything fused": (
        {
            "use_bias": False,
            "go_backwards": True,
            "dropout": 0.2,
            "stateful": True,
            "zero_output_for_mask": True,
        },
        True,
        [],
    ),
    "activation": ({"activation": "relu"}, False, []),
    "activation of one's own": ({"activation": tf.sin}, False, ["activation"]),
    "recurrent dropout": ({"recurrent_dropout": 0.2}, True, []),
    "recurrent dropout in inference": ({"recurrent_dropout": 0.2}, False, []),
    "unroll": ({"unroll": True}, False, ["unroll"]),
    "both": (
        {"activation": tf.sin, "recurrent_dropout": 0.2, "unroll": True},
        True,
        ["activation", "unroll"],
    ),
}


def op_types(function):
    """The types of the ops that a function's graph holds, at any depth."""
    definition = tf.function(function).get_concrete_function().graph.as_graph_def()
    nodes = [*definition.node, *(n for f in definition.library.function for n in f.node_def)]
    return {node.op for node in nodes}


@every_cell
@pytest.mark.parametrize(("arguments", "training", "reasons"), CALLS.values(), ids=CALLS)
@pytest.mark.filterwarnings("ignore::tfrnn_ops.ReferencePathWarning")
def test_it_tells_what_happens(case, arguments, training, reasons):
    layer = case.layer(4, **arguments)
    explanation = tfrnn_ops.explain(layer, INPUTS, training=training)
    assert explanation.path == ("reference" if reasons else "fused")
    assert [reason.split(":")[0] for reason in explanation.reasons] == reasons
    layer.build(INPUTS.shape)
    types = op_types(lambda: layer(INPUTS, training=training))
    fused = [t for t in types if t.startswith("Tfrnn")]
    assert fused == ([] if reasons else [explanation.kernel.split(",")[0]])
    assert ("While" in types or "StatelessWhile" in types) == (
        "tf.while_loop" in explanation.kernel
    )


@every_cell_and_ind_rnn
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.filterwarnings("ignore::tfrnn_ops.ReferencePathWarning")
def test_it_tells_of_every_option(case, training):
    for option, arguments in options_of(case).items():
        layer = case.layer(4, **arguments)
        explanation = tfrnn_ops.explain(layer, INPUTS, training=training)
        idle = option == "recurrent_dropout" and not training
        assert option in explanation.options
        assert ("not in force" in explanation.options[option]) == idle
        table = layer.kind.options
        told = {reason.split(":")[0] for reason in explanation.reasons} - {"cell"}
        in_force = [*layer.path_request(training).in_force]
        assert told == {n for n in in_force if not table[n] and layer.kind.fused}
        layer.build(INPUTS.shape)
        fused = [t for t in op_types(lambda f=layer: f(INPUTS, training=training)) if "Tfrnn" in t]
        assert bool(fused) == (explanation.path == "fused")


def test_drop_connect_stays_fused():
    explanation = tfrnn_ops.explain(tfrnn_ops.GRU(4, drop_connect=0.3), training=True)
    assert explanation.path == "fused"
    assert (
        explanation.options["drop_connect"] == "0.3, applied to the recurrent kernel before the op"
    )


def test_an_ind_rnn():
    explanation = tfrnn_ops.explain(tfrnn_ops.IndRNN(4), INPUTS)
    assert explanation.path == "fused"
    assert explanation.kernel == "TfrnnIndRnn, float32"
    assert explanation.options["activation"] == "relu, in the fused op"


def test_both_directions():
    layer = tfrnn_ops.Bidirectional(
        tfrnn_ops.LSTM(4, name="one"),
        backward_layer=tfrnn_ops.LSTM(4, unroll=True, go_backwards=True, name="other"),
        name="both",
    )
    explanation = tfrnn_ops.explain(layer, INPUTS)
    assert explanation.path == "reference"
    assert [part.path for part in explanation.parts] == ["fused", "reference"]
    assert explanation.reasons == ("LSTM 'other': unroll: asks for a Python loop",)
    text = str(explanation)
    assert text.startswith("Bidirectional 'both': reference path\n")
    assert "\n  LSTM 'forward_one': fused path\n    kernel   TfrnnLstm, float32\n" in text
    assert text.count("because") == 1
    assert tfrnn_ops.explain(tfrnn_ops.Bidirectional(tfrnn_ops.GRU(2))).path == "fused"


def test_a_stack():
    layer = tfrnn_ops.StackedRNN("gru", 4, 3, bidirectional=True, dropout=0.1)
    explanation = tfrnn_ops.explain(layer, INPUTS)
    assert explanation.path == "fused"
    assert explanation.kernel == "TfrnnGru, float32"
    assert [part.sizes["features"] for part in explanation.parts] == [3, 8, 8]
    assert explanation.options["dropout"] == "0.1 between the layers"


@every_cell
def test_a_cell(case):
    explanation = tfrnn_ops.explain(case.cell(4), INPUTS[:, 0])
    assert explanation.path == "fused"
    assert explanation.sizes == {"batch": 2, "features": 3, "units": 4}


def test_it_reads_well():
    options = {"recurrent_dropout": 0.2, "dtype": "mixed_bfloat16"}
    layer = tfrnn_ops.LSTM(4, name="reader", activation=tf.sin, **options)
    text = str(tfrnn_ops.explain(layer, keras.Input([None, 3]), training=True))
    assert text.startswith("LSTM 'reader': reference path\n")
    assert "sizes    batch ?, time ?, features 3, units 4" in text
    assert "because  activation: sin, which the fused op does not have" in text
    assert "option   recurrent_dropout: 0.2, in the fused op" in text
    assert "tfrnn_ops.reference.lstm, bfloat16: tf.while_loop" in text
    text = str(tfrnn_ops.explain(tfrnn_ops.LSTM(4, **options)))
    assert "kernel   TfrnnLstm, bfloat16" in text
    assert "option   recurrent_dropout: 0.2, not in force without training" in text


def test_the_device_is_where_the_op_has_kernels(monkeypatch):
    monkeypatch.setattr(_tensorflow, "devices_with_kernel", lambda op: {"CPU"})
    explanation = tfrnn_ops.explain(tfrnn_ops.LSTM(4))
    assert explanation.device == "CPU"
    assert "kernels for CPU only" in " ".join(explanation.notes)


def test_time_major_sizes():
    sizes = tfrnn_ops.explain(tfrnn_ops.GRU(4, time_major=True), INPUTS).sizes
    assert sizes == {"time": 2, "batch": 5, "features": 3, "units": 4}


def test_it_depends_on_the_place():
    layer = tfrnn_ops.LSTM(4)
    with tfrnn_ops.use_reference():
        assert "use_reference" in tfrnn_ops.explain(layer).reasons[0]
    explanations = []

    @tf.function(jit_compile=True)
    def compiled():
        explanations.append(tfrnn_ops.explain(layer))
        return tf.constant(0)

    compiled()
    assert "compiled by XLA" in explanations[0].reasons[0]
    assert tfrnn_ops.explain(layer).path == "fused"


def test_cudnn_is_told():
    assert "raises ValueError" in tfrnn_ops.explain(tfrnn_ops.LSTM(4, use_cudnn=True)).notes[-1]


def test_wrong_arguments():
    with pytest.raises(TypeError, match=r"keras.*LSTM; expected a layer or cell of tfrnn_ops"):
        tfrnn_ops.explain(keras.layers.LSTM(4))
    with pytest.raises(ValueError, match=r"inputs has shape \(2, 3\); expected \[batch, time, f"):
        tfrnn_ops.explain(LSTM.layer(4), np.zeros([2, 3]))


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
@pytest.mark.parametrize(
    ("layer", "options"),
    [
        ("LSTM", {}),
        ("LSTM", {"activation": "relu", "peephole": True}),
        ("LSTM", {"layer_norm": True, "projection_units": 3}),
        ("LSTM", {"recompute": 2, "zoneout": 0.1}),
        ("GRU", {"reset_after": False}),
        ("GRU", {"layer_norm": True, "recurrent_dropout": 0.1}),
        ("SimpleRNN", {"zoneout": 0.5}),
        ("IndRNN", {}),
        ("IndRNN", {"layer_norm": True}),
    ],
)
def test_bytes_kept_for_the_gradient(layer, options, dtype, monkeypatch):
    """They are those that the op puts out."""
    kept = []
    function = FusedOp.function

    def watched(self, suffix):
        def call(*args, **kwargs):
            results = function(self, suffix)(*args, **kwargs)
            if not suffix:
                kept.append(results[-1].shape[0])
            return results

        return call

    monkeypatch.setattr(FusedOp, "function", watched)
    x = tf.cast(tf.random.normal([3, 5, 4]), dtype)
    layer = getattr(tfrnn_ops, layer)(
        7, dtype=dtype, recurrent_initializer="glorot_uniform", **options
    )
    with tf.GradientTape() as tape:
        tape.watch(x)
        layer(x, training=True)
    told = tfrnn_ops.explain(layer, x, training=True)
    assert told.path == "fused"
    assert told.gradient_bytes == kept[0] > 0
    assert f"{kept[0]:,} bytes kept" in str(told)
    assert tfrnn_ops.explain(layer, training=True).gradient_bytes is None
