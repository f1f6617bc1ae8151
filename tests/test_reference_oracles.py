"""The reference path's options against other people's code: PyTorch, TF1's cells, Keras."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from cells import call, keras_call, random_mask, random_tensors
from cells import every_cell as every_keras_cell
from gradients import values_and_gradients
from problems import problem
from tensorflow.python.keras.layers.legacy_rnn import rnn_cell_impl
from tolerance import assert_close

ACTIVATIONS = (
    "tanh",
    "sigmoid",
    "hard_sigmoid",
    "relu",
    "relu6",
    "elu",
    "selu",
    "softplus",
    "softsign",
    "linear",
    "silu",
    "swish",
    "gelu",
)
# Of TF1, whose gates are i, candidate, f, o, with x and h in one kernel.
TF1_GATES = [0, 2, 1, 3]


def reorder(tensor, order):
    """The gates along the last axis, in another order."""
    gates = tf.split(tensor, len(order), axis=-1)
    return tf.concat([gates[i] for i in order], axis=-1)


def assert_same_function(got, want, case):
    """Compares values and every gradient of two functions of the tensors of a problem."""
    tensors = case.tensors()
    (got, dgot), (want, dwant) = (
        values_and_gradients(lambda f=f: f(tensors), tensors.arrays()) for f in (got, want)
    )
    assert_close(got, want)
    assert_close(dgot, dwant)


def tf1_lstm(problem, **options):
    """TF1's LSTMCell with the weights of a problem."""
    weights = problem.weights
    h, c = problem.states
    cell = rnn_cell_impl.LSTMCell(
        c.shape[1],
        use_peepholes="peephole" in weights,
        num_proj=weights["projection"].shape[1] if "projection" in weights else None,
        forget_bias=0.0,
        dtype=tf.float64,
        **options,
    )
    cell.build(problem.inputs.shape[::2])
    kernel = tf.concat([weights["kernel"], weights["recurrent_kernel"]], axis=0)
    cell._kernel, cell._bias = reorder(kernel, TF1_GATES), reorder(weights["bias"], TF1_GATES)
    if "peephole" in weights:
        cell._w_i_diag, cell._w_f_diag, cell._w_o_diag = tf.unstack(weights["peephole"])
    if "projection" in weights:
        cell._proj_kernel = weights["projection"]
    outputs, states = [], (c, h)
    for x in tf.unstack(problem.inputs, axis=1):
        output, states = cell(x, states)
        outputs.append(output)
    return [tf.stack(outputs, axis=1), *states[::-1]]


@pytest.mark.filterwarnings("ignore:.*is deprecated:UserWarning")
@pytest.mark.parametrize(
    ("made", "ours", "theirs"),
    [
        ({"peephole": True}, {}, {}),
        ({}, {"cell_clip": 0.4}, {"cell_clip": 0.4}),
        ({"outputs": 3}, {}, {}),
        ({"outputs": 3}, {"projection_clip": 0.2}, {"proj_clip": 0.2}),
        (
            {"outputs": 11, "peephole": True},
            {"projection_clip": 0.3, "cell_clip": 0.5},
            {"proj_clip": 0.3, "cell_clip": 0.5},
        ),
    ],
    ids=["peephole", "cell-clip", "projection", "projection-clip", "all"],
)
@pytest.mark.parametrize("sizes", [(1, 1, 1, 1), (3, 9, 5, 7)], ids=str)
def test_lstm_equals_tf1s(made, ours, theirs, sizes):
    case = problem("lstm", *sizes, **made)
    assert_same_function(lambda p: p.reference(**ours), lambda p: tf1_lstm(p, **theirs), case)


@pytest.mark.parametrize("peephole", [False, True])
@pytest.mark.parametrize("cell_clip", [None, 0.5])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_lstm_equals_block_lstm(peephole, cell_clip, dtype):
    """TensorFlow's fused op. It has no float64, and its gradient knows nothing of the clip."""
    case = problem("lstm", 3, 9, 5, 7, peephole=peephole)

    def block_lstm(p):
        h, c = p.states
        zeros = tf.zeros([7], dtype)
        w_i, w_f, w_o = tf.unstack(p.weights["peephole"]) if peephole else [zeros] * 3
        kernel = tf.concat([p.weights["kernel"], p.weights["recurrent_kernel"]], axis=0)
        _, cells, *_, outputs = tf.raw_ops.BlockLSTM(
            seq_len_max=9,
            x=tf.transpose(p.inputs, [1, 0, 2]),
            cs_prev=c,
            h_prev=h,
            w=reorder(kernel, TF1_GATES),
            wci=w_i,
            wcf=w_f,
            wco=w_o,
            b=reorder(p.weights["bias"], TF1_GATES),
            forget_bias=0.0,
            cell_clip=cell_clip or -1.0,
            use_peephole=peephole,
        )
        outputs, cells = (tf.transpose(t, [1, 0, 2]) for t in (outputs, cells))
        return [outputs, outputs[:, -1], cells[:, -1], cells]

    tensors = case.tensors(dtype)
    if cell_clip or dtype == "float16":
        got = tensors.reference(cell_clip=cell_clip, return_cell_states=True)
        assert_close(got, block_lstm(tensors))
        return
    (got, dgot), (want, dwant) = (
        values_and_gradients(function, tensors.arrays())
        for function in (
            lambda: tensors.reference(cell_clip=cell_clip, return_cell_states=True),
            lambda: block_lstm(tensors),
        )
    )
    assert_close(got, want)
    assert_close(dgot, dwant)


@pytest.mark.parametrize("outputs", [1, 3, 6])
@pytest.mark.parametrize("sizes", [(1, 1, 1, 7), (3, 17, 5, 7)], ids=str)
def test_lstm_with_projection_equals_pytorch(outputs, sizes):
    torch = pytest.importorskip("torch")
    case = problem("lstm", *sizes, outputs=outputs)
    arrays = [torch.tensor(a, requires_grad=True) for a in case.arrays()]
    p = case.replace(arrays)
    weights = p.weights
    module = torch.nn.LSTM(
        sizes[2], sizes[3], proj_size=outputs, batch_first=True, dtype=torch.float64
    )
    bias = weights["bias"]
    parameters = {
        "weight_ih_l0": weights["kernel"].T,
        "weight_hh_l0": weights["recurrent_kernel"].T,
        "bias_ih_l0": bias,
        "bias_hh_l0": torch.zeros_like(bias),
        "weight_hr_l0": weights["projection"].T,
    }
    states = tuple(s[None] for s in p.states)
    result, (h, c) = torch.func.functional_call(module, parameters, (p.inputs, states))
    want = [result, h[0], c[0]]
    rng = np.random.default_rng(0)  # as gradients.projection
    signs = [torch.tensor((2 * rng.integers(-8, 8, v.shape) + 1) / 8) for v in want]
    sum((v * s).sum() for v, s in zip(want, signs, strict=True)).backward()

    tensors = case.tensors()
    got, dgot = values_and_gradients(lambda: tensors.reference(), tensors.arrays())
    assert_close(got, [v.detach().numpy() for v in want])
    assert_close(dgot, [a.grad.numpy() for a in arrays])


@every_keras_cell
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations_equal_keras(case, activation):
    tensors = random_tensors(case, 3, 5, 4, 6)
    mask = tf.constant(random_mask(3, 5))
    names = ["activation"] + (["recurrent_activation"] if case.gates > 1 else [])
    for options in [{name: activation} for name in names] + [dict.fromkeys(names, activation)]:
        (got, dgot), (want, dwant) = (
            values_and_gradients(
                lambda f=f, options=options: f(mask=mask, **options), tensors.all()
            )
            for f in (
                lambda **kwargs: call(case.reference, case, tensors, **kwargs),
                lambda **kwargs: keras_call(case, tensors, **kwargs),
            )
        )
        assert_close(got, want)
        assert_close(dgot, dwant)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_ind_rnn_is_one_simple_rnn_per_unit(activation):
    """Keras's SimpleRNN with a diagonal recurrent kernel."""
    case = problem("ind_rnn", 3, 7, 4, 5)
    mask = tf.constant(random_mask(3, 7))

    def by_keras(p):
        layer = keras.layers.SimpleRNN(
            5, activation, return_sequences=True, return_state=True, dtype="float64"
        )
        layer.build(p.inputs.shape)
        kernel, recurrent_kernel, bias = p.weights.values()
        weights = [kernel, tf.linalg.diag(recurrent_kernel), bias]
        values, _ = layer.stateless_call(
            weights,
            layer.non_trainable_variables,
            p.inputs,
            initial_state=p.states,
            mask=mask,
        )
        return list(values)

    assert_same_function(lambda p: p.reference(activation=activation, mask=mask), by_keras, case)


def test_ind_rnn_has_relu_by_default():
    tensors = problem("ind_rnn").tensors()
    assert_close(tensors.reference(), tensors.reference(activation="relu"))
    assert tensors.reference()[0].numpy().min() == 0
