"""Layers of the shape of cuDNN's: values against PyTorch's equations, names, checkpoints."""

import numpy as np
import pytest
import tensorflow as tf
from gradients import values_and_gradients
from programs import ours
from tolerance import assert_close

from tfrnn_ops import weights

v1 = tf.compat.v1
BATCH, TIME, FEATURES, UNITS, LAYERS = 3, 5, 4, 6, 2
X = np.random.default_rng(0).normal(size=(TIME, BATCH, FEATURES))

kinds = pytest.mark.parametrize("kind", ["lstm", "gru"])
directions = pytest.mark.parametrize("direction", ["unidirectional", "bidirectional"])


def make(kind, direction="unidirectional", **options):
    layer = ours.CudnnLSTM if kind == "lstm" else ours.CudnnGRU
    return layer(LAYERS, UNITS, direction=direction, dtype=tf.float64, **options)


def states(kind, layer):
    rng = np.random.default_rng(3)
    return tuple(tf.constant(rng.normal(size=s)) for s in layer.state_shape(BATCH))


@kinds
@directions
def test_equal_to_pytorch(kind, direction):
    torch = pytest.importorskip("torch")
    layer = make(kind, direction)
    state = states(kind, layer)
    layer(X, state)
    rng = np.random.default_rng(4)
    for variable in layer.trainable_variables:
        variable.assign(rng.normal(size=variable.shape) / 2)
    module = getattr(torch.nn, kind.upper())(
        FEATURES, UNITS, LAYERS, bidirectional=layer.num_dirs == 2
    ).double()
    for cell, names in zip(layer._cells, module.all_weights, strict=True):
        arrays = weights.convert(kind, cell.weights, "tf1", "pytorch", forget_bias=0.0)
        for parameter, array in zip(names, arrays, strict=True):
            parameter.data.copy_(torch.tensor(array))
    x = torch.tensor(X, requires_grad=True)
    given = [torch.tensor(s.numpy()) for s in state]
    want, want_state = module(x, tuple(given) if kind == "lstm" else given[0])
    want_state = want_state if kind == "lstm" else (want_state,)
    torch.sin(want).sum().backward()

    inputs = tf.constant(X)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs, new_state = layer(inputs, state)
        loss = tf.reduce_sum(tf.sin(outputs))
    assert_close(outputs, want.detach().numpy())
    assert_close(list(new_state), [s.detach().numpy() for s in want_state])
    assert_close(tape.gradient(loss, inputs), x.grad.numpy())


@kinds
@directions
def test_batch_first_and_lengths(kind, direction):
    layer = make(kind, direction)
    state = states(kind, layer)
    lengths = [TIME, 0, 2]
    want, want_state = layer(X, state, lengths)
    swapped = tuple(tf.transpose(s, [1, 0, 2]) for s in state)
    outputs, new_state = layer(X.swapaxes(0, 1), swapped, lengths, time_major=False)
    assert_close(tf.transpose(outputs, [1, 0, 2]), want)
    assert_close([tf.transpose(s, [1, 0, 2]) for s in new_state], list(want_state))
    assert_close([s[:, 1] for s in want_state], [s[:, 1] for s in state])
    assert (want[2:, 2].numpy() == 0).all()
    zeros = tuple(tf.zeros_like(s) for s in state)
    assert_close(layer(X)[0], layer(X, zeros)[0])


def test_first_values_are_cudnns():
    layer = make(
        "gru",
        kernel_initializer=lambda shape, dtype: tf.fill(shape, tf.cast(shape[1], dtype)),
        bias_initializer=v1.constant_initializer(0.5),
    )
    layer(X)
    kernel, bias, *candidate = layer._cells[0].weights
    assert (kernel[:FEATURES].numpy() == FEATURES).all()
    assert (kernel[FEATURES:].numpy() == UNITS).all()
    assert (bias.numpy() == 1.0).all()  # of two biases
    assert (candidate[0].numpy() == FEATURES).all()
    assert (candidate[2].numpy() == UNITS).all()
    assert (candidate[1].numpy() == 0.5).all()
    layer = make("lstm", seed=1)
    layer(X)
    kernel, bias = layer._cells[0].weights
    assert (bias.numpy() == 0).all()
    limit = np.sqrt(6 / (FEATURES + UNITS))  # Glorot's, of one gate's matrix
    assert 0.8 * limit < np.abs(kernel[:FEATURES].numpy()).max() <= limit


@kinds
@directions
@pytest.mark.parametrize("input_mode", ["skip_input", "auto_select"])
def test_inputs_that_skip_the_matrix(kind, direction, input_mode):
    """As with a matrix that is the identity for every gate."""
    x = tf.constant(np.random.default_rng(5).normal(size=(TIME, BATCH, UNITS)))
    skipping, linear = make(kind, direction, input_mode=input_mode), make(kind, direction)
    skipping(x)
    linear(x)
    rng = np.random.default_rng(6)
    pairs = []
    for cell, other in zip(skipping._cells, linear._cells, strict=True):
        ours_, theirs_ = (
            {v.name.split("/", 1)[1]: v for v in one.weights}  # without the layer's scope
            for one in (cell, other)
        )
        for name, variable in theirs_.items():
            own = ours_.get(name)
            if own is None:
                assert name.endswith("input_projection/kernel:0")
                variable.assign(np.eye(UNITS))
                continue
            value = rng.normal(size=own.shape) / 2
            own.assign(value)
            if own.shape != variable.shape:
                gates = own.shape[1] // UNITS
                value = np.concatenate([np.tile(np.eye(UNITS), [1, gates]), value])
            variable.assign(value)
            pairs.append((own, variable))
    own, other = zip(*pairs, strict=True)
    got, dgot = values_and_gradients(lambda: skipping(x), own)
    want, dwant = values_and_gradients(lambda: linear(x), other)
    assert_close(got, want)
    assert_close(dgot, [w[-g.shape[0] :] for g, w in zip(dgot, dwant, strict=True)])


def test_auto_select_multiplies_other_widths():
    layer = make("gru", input_mode="auto_select")
    layer(X)
    assert layer._cells[0].weights[0].shape == [FEATURES + UNITS, 2 * UNITS]


@kinds
@directions
@pytest.mark.parametrize("scope", [None, "mine", "that of the call"])
def test_checkpoints_of_a_graph_fit_the_compatible_cells(kind, direction, scope, tmp_path):
    """Names are those of TF1's checkpoints, such as the public ones of DeepSpeech and Magenta."""
    path = str(tmp_path / "model.ckpt")
    with tf.Graph().as_default(), v1.Session() as session, v1.variable_scope("model") as outer:
        layer = make(kind, direction)
        want, _ = layer(X, scope=outer if scope == "that of the call" else scope)
        count = len(v1.global_variables())
        layer(X)
        assert len(v1.global_variables()) == count
        session.run(v1.global_variables_initializer())
        v1.train.Saver().save(session, path)
        want = session.run(want)
    inner = {None: f"model/cudnn_{kind}", "mine": "model/mine"}.get(scope, "model")
    with tf.Graph().as_default(), v1.Session() as session, v1.variable_scope(inner):
        name = f"CudnnCompatible{kind.upper()}Cell"
        cells = [getattr(ours, name)(UNITS) for _ in range(2 * LAYERS)]
        options = {"dtype": tf.float64, "time_major": True}
        x = tf.constant(X)
        if direction == "unidirectional":
            outputs, _ = ours.dynamic_rnn(ours.MultiRNNCell(cells[:LAYERS]), x, **options)
        else:
            outputs, _, _ = ours.stack_bidirectional_dynamic_rnn(
                cells[:LAYERS], cells[LAYERS:], x, **options
            )
        v1.train.Saver().restore(session, path)
        assert_close(session.run(outputs), want)
        first = v1.global_variables()[0].name
    layers = {
        "unidirectional": "rnn/multi_rnn_cell/cell_0",
        "bidirectional": "stack_bidirectional_rnn/cell_0/bidirectional_rnn/fw",
    }
    assert first.startswith(f"{inner}/{layers[direction]}/cudnn_compatible_{kind}_cell/")


def test_names_of_layers_in_a_graph():
    with tf.Graph().as_default():
        for layer in (make("gru"), make("gru"), make("lstm", name="mine")):
            layer(X)
        scopes = {v.name.split("/")[0] for v in v1.global_variables()}
    assert scopes == {"cudnn_gru", "cudnn_gru_1", "mine"}


@kinds
def test_values_that_are_loaded_in_a_graph(kind):
    with tf.Graph().as_default(), v1.Session() as session:
        layer = make(kind)
        layer(X)
        session.run(v1.global_variables_initializer())
        for variable in layer.variables:
            value = np.random.default_rng(2).normal(size=variable.shape.as_list())
            variable.load(value, session)
            assert_close(session.run(variable), value)


@kinds
@directions
def test_dropout_between_layers(kind, direction):
    layer = make(kind, direction, dropout=0.5)
    layer(X)

    def run(training):
        return layer(X, training=training)[0].numpy()

    assert np.abs(run(True) - run(True)).max() > 1e-3
    assert_close(run(False), run(False))
    one = type(layer)(1, UNITS, direction=direction, dropout=0.5, dtype=tf.float64)
    assert_close(one(X)[0], one(X, training=False)[0])


def test_weights_train_in_a_function():
    layer = make("lstm", "bidirectional")
    layer(X)
    run = tf.function(lambda: layer(X)[0])
    _, gradients = values_and_gradients(run, layer.trainable_variables)
    assert len(gradients) == 2 * 2 * LAYERS
    assert all(np.abs(g).max() > 0 for g in gradients)


def test_errors():
    with pytest.raises(ValueError, match="input_mode is 'none'; expected 'linear_input', 'skip"):
        make("lstm", input_mode="none")
    with pytest.raises(ValueError, match="'skip_input', but inputs has 4 features; expected 6"):
        make("lstm", input_mode="skip_input")(X)
    with pytest.raises(ValueError, match=r"dtype is tf.bfloat16; expected float16, float32 or"):
        ours.CudnnLSTM(1, 2, dtype=tf.bfloat16)
    with pytest.raises(ValueError, match=r"inputs has shape \(5, 3\); expected three axes"):
        make("lstm")(X[:, :, 0])
    with pytest.raises(ValueError, match="direction is 'both'; expected 'unidirectional' or"):
        make("lstm", "both")
    with pytest.raises(ValueError, match="dropout is 2; expected a number between 0 and 1"):
        make("lstm", dropout=2)
    with pytest.raises(TypeError, match=r"initial_state is \[\]; expected a tuple"):
        make("lstm")(X, [])
    with pytest.raises(ValueError, match=r"initial_state has 1 tensor\(s\); expected 2: h, c"):
        make("lstm")(X, (tf.zeros([LAYERS, BATCH, UNITS], tf.float64),))
    with pytest.raises(ValueError, match="num_layers is 0; expected 1 or more"):
        ours.CudnnLSTM(0, UNITS)
    with pytest.raises(TypeError, match=r"num_units is 2\.5; expected an integer"):
        ours.CudnnGRU(LAYERS, 2.5)
    with pytest.raises(TypeError, match=r"inputs is a RaggedTensor; expected inputs\.to_tensor"):
        make("lstm")(tf.RaggedTensor.from_tensor(X))
