"""`StackedRNN` against PyTorch in float64, and its modes."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from cells import copy_random_weights, every_cell_and_ind_rnn
from gradients import projection
from test_pytorch import with_gates
from tolerance import assert_close, assert_same_bits

import tfrnn_ops

torch = pytest.importorskip("torch")

BATCH, TIME, FEATURES, UNITS, LAYERS = 3, 6, 4, 5, 3
KINDS = {"lstm": ("LSTM", [0, 1, 2, 3]), "gru": ("GRU", [1, 0, 2]), "simple_rnn": ("RNN", [0])}

pytestmark = pytest.mark.filterwarnings("ignore::tfrnn_ops.ReferencePathWarning")


def inputs(dtype="float64"):
    return tf.cast(tf.random.stateless_normal([BATCH, TIME, FEATURES], seed=[1, 2]), dtype)


def copy_to_torch(layer, module, order):
    """Gives a PyTorch module the weights of a stack, whose biases it has twice."""
    ours = [
        one for stacked in layer.rnn_layers for one in getattr(stacked, "directions", [stacked])
    ]
    for one, names in zip(ours, module.all_weights, strict=True):
        kernel, recurrent_kernel, bias, *others = (np.asarray(w) for w in one.weights)
        biases = bias if bias.ndim == 2 else (bias, np.zeros_like(bias))
        values = [with_gates(v, order) for v in (kernel, recurrent_kernel, *biases)]
        with torch.no_grad():
            for parameter, value in zip(names, [*values, *(o.T for o in others)], strict=True):
                parameter.copy_(torch.tensor(value))


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("proj_size", [0, 2])
def test_equals_pytorch(name, bidirectional, proj_size):
    if proj_size and name != "lstm":
        pytest.skip("only an LSTM has a projection")
    torch_name, order = KINDS[name]
    options = {"projection_units": proj_size} if proj_size else {}
    layer = tfrnn_ops.StackedRNN(
        name,
        UNITS,
        LAYERS,
        bidirectional,
        return_sequences=True,
        return_state=True,
        dtype="float64",
        bias_initializer="normal",
        **options,
    )
    layer.build([BATCH, TIME, FEATURES])
    copy_random_weights(layer)
    module = getattr(torch.nn, torch_name)(
        FEATURES,
        UNITS,
        LAYERS,
        batch_first=True,
        bidirectional=bidirectional,
        dtype=torch.float64,
        **({"proj_size": proj_size} if proj_size else {}),
    )
    copy_to_torch(layer, module, order)
    x = inputs()
    # h, and c of an LSTM, of every layer and direction.
    widths = ([proj_size or UNITS, UNITS] if name == "lstm" else [UNITS]) * layer.num_states
    states = [
        tf.random.stateless_normal([BATCH, width], [3, i], dtype="float64")
        for i, width in enumerate(widths[: layer.num_states])
    ]
    theirs = [torch.tensor(s.numpy(), requires_grad=True) for s in states]
    by_state = (
        [torch.stack(theirs[i::2]) for i in range(2)] if name == "lstm" else torch.stack(theirs)
    )
    x_torch = torch.tensor(x.numpy(), requires_grad=True)
    want, final = module(x_torch, tuple(by_state) if name == "lstm" else by_state)
    if name == "lstm":
        final = [s for pair in zip(*final, strict=True) for s in pair]
    want = [want, *final]

    with tf.GradientTape() as tape:
        tape.watch([x, *states])
        got = layer(x, initial_state=states)
        loss = projection(got)
    assert_close(list(got), [w.detach().numpy() for w in want])
    weights = [w.value for w in layer.trainable_weights]
    dx, *dstates = tape.gradient(loss, [x, *states, *weights])
    dstates, dweights = dstates[: len(states)], dstates[len(states) :]
    rng = np.random.default_rng(0)  # the weights of `projection`
    sum(
        (w * torch.tensor((2 * rng.integers(-8, 8, w.shape) + 1) / 8)).sum() for w in want
    ).backward()
    assert_close(dx, x_torch.grad.numpy())
    assert_close(dstates, [s.grad.numpy() for s in theirs])
    # Of PyTorch's two biases the second is left out: ours has the same gradient, if there is one.
    parameters = [p for names in module.all_weights for p in (*names[:3], *names[4:])]
    for gradient, weight, parameter in zip(dweights, layer.weights, parameters, strict=True):
        if weight.name == "bias" and len(gradient.shape) == 2:
            gradient = gradient[0]
        gates = [0] if weight.name == "projection_kernel" else order
        assert_close(with_gates(gradient, gates), parameter.grad.numpy())


@every_cell_and_ind_rnn
@pytest.mark.parametrize("bidirectional", [False, True])
def test_it_is_its_layers(case, bidirectional):
    stack = tfrnn_ops.StackedRNN(
        case.name, 4, 2, bidirectional, return_state=True, **case.options, zero_output_for_mask=True
    )
    lengths = [2, 6, 0]
    got = stack(inputs("float32"), sequence_length=lengths)
    mask = np.arange(TIME) < np.array(lengths)[:, None]
    assert_same_bits(stack(inputs("float32"), mask=mask), got)
    output, *states = stack.rnn_layers[0](inputs("float32"), sequence_length=lengths)
    output, *more = stack.rnn_layers[1](output, sequence_length=lengths)
    assert_same_bits(got, [output, *states, *more])
    assert stack.compute_output_shape([BATCH, TIME, FEATURES]) == tuple(tuple(t.shape) for t in got)
    again = stack(inputs("float32"), initial_state=got[1:])
    assert np.abs(again[0] - got[0]).max() > 1e-3
    time_major = tfrnn_ops.StackedRNN(
        case.name, 4, 2, bidirectional, time_major=True, return_sequences=True, **case.options
    )
    assert time_major(inputs("float32")).shape[:2] == (BATCH, TIME)


def test_dropout_between_layers():
    stack = tfrnn_ops.StackedRNN("gru", 4, 3, dropout=0.5, seed=1, return_sequences=True)
    x = inputs("float32")
    plain = stack(x)
    assert_same_bits([stack(x)], [plain])
    trained = stack(x, training=True)
    assert np.abs(trained - plain).max() > 1e-3
    again = tfrnn_ops.StackedRNN("gru", 4, 3, dropout=0.5, seed=1, return_sequences=True)
    again.build(x.shape)
    again.set_weights(stack.get_weights())
    assert_same_bits([again(x, training=True)], [trained])
    assert len(stack.dropout_layers) == 2
    first = stack.rnn_layers[0](x)[0]
    dropped = stack.dropout_layers[0](first, training=True)
    kept = np.asarray(dropped) != 0
    assert_close(dropped, np.where(kept, 2 * first, 0))
    assert (
        len(np.unique(kept.reshape(-1, kept.shape[1], 4), axis=1)[0]) > 1
    )  # not one for all steps


@every_cell_and_ind_rnn
def test_configuration_files_and_training(case, tmp_path):
    stack = tfrnn_ops.StackedRNN(
        type(case.layer(1)),
        4,
        2,
        bidirectional=True,
        dropout=0.2,
        layer_norm=True,
        zoneout=0.1,
        kernel_initializer=keras.initializers.GlorotNormal(),
        seed=3,
        **case.options,
    )
    again = keras.layers.deserialize(keras.layers.serialize(stack))
    assert again.get_config() == stack.get_config()
    model = keras.Sequential([keras.Input([None, FEATURES]), stack, keras.layers.Dense(1)])
    model.compile("adam", "mse")
    x = inputs("float32")
    losses = model.fit(x, np.ones([BATCH, 1]), epochs=3, verbose=0).history["loss"]
    assert np.isfinite(losses).all()
    model.save(tmp_path / "model.keras")
    assert_same_bits([keras.models.load_model(tmp_path / "model.keras")(x)], [model(x)])


def test_stateful():
    stack = tfrnn_ops.StackedRNN("lstm", 4, 2, stateful=True, return_sequences=True)
    x = inputs("float32")
    whole = stack(x)
    stack.reset_state()
    parts = [stack(x[:, :2]), stack(x[:, 2:])]
    assert_close(tf.concat(parts, 1), whole)


WRONG = {
    "layer": ({"layer": "rnn"}, "layer is 'rnn'; expected 'lstm', 'gru', 'simple_rnn', 'ind_rnn'"),
    "keras": ({"layer": keras.layers.LSTM}, "layer is <class .*LSTM'>; expected 'lstm'"),
    "count": ({"num_layers": 0}, "num_layers is 0; expected a number of layers above 0"),
    "dropout": ({"dropout": 1.0}, "dropout is 1.0; expected a rate of at least 0 and below 1"),
    "backwards": ({"go_backwards": True}, "go_backwards is True, which a stack does not have"),
    "cells": ({"return_cell_states": True}, "return_cell_states is True, which a stack does not"),
}


@pytest.mark.parametrize(("replaced", "message"), WRONG.values(), ids=WRONG)
def test_wrong_arguments(replaced, message):
    with pytest.raises(ValueError, match=message):
        tfrnn_ops.StackedRNN(**{"layer": "lstm", "units": 2, "num_layers": 2, **replaced})


def test_wrong_number_of_states():
    stack = tfrnn_ops.StackedRNN("lstm", 2, 2)
    with pytest.raises(
        ValueError, match=r"initial_state has 2 tensor\(s\); expected 4, those of 2"
    ):
        stack(inputs("float32"), initial_state=[tf.zeros([BATCH, 2])] * 2)


@pytest.mark.parametrize("seed", ["a", -1, 1.5, True, keras.random.SeedGenerator(1)])
def test_a_seed_is_an_integer(seed):
    with pytest.raises(ValueError, match=r"seed is .*; expected an integer of at least 0, or None"):
        tfrnn_ops.StackedRNN("gru", 2, 2, seed=seed)


@pytest.mark.parametrize("name", ["reset_state", "reset_states"])
def test_states_are_reset_by_both_of_keras_names(name):
    layer = tfrnn_ops.StackedRNN("gru", UNITS, 2, stateful=True)
    first = layer(inputs("float32"))
    assert np.any(layer(inputs("float32")) != first)
    getattr(layer, name)()
    assert_same_bits(layer(inputs("float32")), first)
