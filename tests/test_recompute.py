"""recompute=K: the same bits for less memory."""

import numpy as np
import pytest
import tensorflow as tf

import tfrnn_ops
from tfrnn_ops import fused

UNITS, FEATURES, BATCH, TIME = 7, 4, 3, 13
OPTIONS = {
    "plain": {},
    "masked": {"mask": True},
    "masked, zeros": {"mask": True, "zero_output_for_mask": True, "time_major": True},
    "backwards": {"mask": True, "go_backwards": True},
    "random": {"mask": True, "training": True, "recurrent_dropout": 0.3, "zoneout": 0.2},
    "dropout masks": {"masks": True},
    "layer norm": {"mask": True, "layer_norm": True},
    "state dropout": {"mask": True, "state_dropout": True},
}
LSTM_OPTIONS = {
    "peephole and projection": {"peephole": True, "projection": 5, "layer_norm": True},
    "cell states": {"mask": True, "return_cell_states": True, "cell_zoneout": 0.3},
}
CASES = [
    *((cell, name) for cell in ("lstm", "gru", "simple_rnn", "ind_rnn") for name in OPTIONS),
    *(("lstm", name) for name in LSTM_OPTIONS),
]
GATES = {"lstm": 4, "gru": 3, "simple_rnn": 1, "ind_rnn": 1}
NORMS = {"lstm": 9, "gru": 6, "simple_rnn": 2, "ind_rnn": 1}


def results(cell, dtype, recompute, *, seed=0, **options):
    """Outputs, states and all gradients, as bytes."""
    rng = np.random.default_rng(seed)

    def normal(*shape):
        return tf.cast(rng.normal(size=shape) / 2, dtype)

    gates, width = GATES[cell], options.get("projection", UNITS)
    time_major = options.get("time_major", False)
    layout = (TIME, BATCH) if time_major else (BATCH, TIME)
    variables = [normal(*layout, FEATURES), normal(BATCH, width)]
    if cell == "lstm":
        variables.append(normal(BATCH, UNITS))
    states = len(variables) - 1
    variables.append(normal(FEATURES, gates * UNITS))
    variables.append(normal(UNITS) if cell == "ind_rnn" else normal(width, gates * UNITS))
    variables.append(normal(*([2] if cell == "gru" else []), gates * UNITS))
    mask = tf.constant(rng.random(layout) < 0.5) if options.pop("mask", False) else None
    tensors = {}
    if options.pop("masks", False):
        tensors["input_dropout_mask"] = normal(gates, BATCH, FEATURES)
        tensors["recurrent_dropout_mask"] = normal(gates, BATCH, width)
    if options.pop("state_dropout", False):
        tensors["state_dropout_mask"] = normal(TIME, BATCH, width)
    for name, shape in (
        ("peephole", (3, UNITS)),
        ("projection", (UNITS, width)),
        ("layer_norm", (2, NORMS[cell] * UNITS)),
    ):
        if options.pop(name, False):
            tensors[name] = normal(*shape)
            variables.append(tensors[name])
    if options.get("training"):
        tensors["seed"] = tf.constant([5, -7], tf.int64)
    with tf.GradientTape() as tape:
        tape.watch(variables)
        x, *initial_state = variables[: 1 + states]
        flat = tf.nest.flatten(
            getattr(fused, cell)(
                [fused.Direction(x, initial_state, *variables[1 + states : 4 + states], **tensors)],
                mask,
                keep_reserve=True,
                recompute=recompute,
                **options,
            )
        )
        weights = np.random.default_rng(1)
        loss = tf.add_n(
            [tf.reduce_sum(y * tf.cast(weights.normal(size=y.shape), dtype)) for y in flat]
        )
    return [value.numpy().tobytes() for value in (*flat, *tape.gradient(loss, variables))]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize(("cell", "options"), CASES)
def test_the_same_bits(cell, options, dtype):
    options = (OPTIONS | LSTM_OPTIONS)[options]
    whole = results(cell, dtype, None, **options)
    for steps in (1, 4, TIME - 1, TIME, 100):
        assert results(cell, dtype, steps, **options) == whole


def test_other_inputs_give_other_bits():
    assert results("lstm", "float32", 4) != results("lstm", "float32", 4, seed=1)


def test_it_keeps_the_states_between_segments_only():
    sizes = {"batch": 16, "time": 4000, "features": 256}
    layers = [tfrnn_ops.LSTM(256, recompute=steps) for steps in (None, 64)]
    inputs = tf.TensorSpec([sizes["batch"], sizes["time"], sizes["features"]])
    whole, cut = (tfrnn_ops.explain(layer, inputs).gradient_bytes for layer in layers)
    assert cut == 62 * 2 * 16 * 256 * 4
    assert whole / cut > 150


def test_a_layer_with_it_trains_the_same():
    x = tf.random.stateless_normal([4, 9, 3], [1, 2])
    losses = []
    for recompute in (None, 2):
        layer = tfrnn_ops.GRU(5, recompute=recompute)
        layer.build(x.shape)
        layer.set_weights([np.full(w.shape, 0.1 * (i + 1)) for i, w in enumerate(layer.weights)])

        @tf.function
        def gradients(layer=layer):
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(layer(x, training=True) ** 2)
            return tape.gradient(loss, layer.trainable_weights)

        losses.append([g.numpy().tobytes() for g in gradients()])
        graph = gradients.get_concrete_function().graph
        operations = {op.type for op in graph.get_operations()}
        assert ("TfrnnGruGradRecompute" in operations) == (recompute is not None)
    assert losses[0] == losses[1]
