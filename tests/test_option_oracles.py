"""The fused options against other implementations: Keras, PyTorch and TensorFlow's BlockLSTM."""

import numpy as np
import pytest
import tensorflow as tf
from cells import (
    LSTM,
    call,
    draws_a_mask_for_every_gate,
    every_cell,
    every_cell_and_ind_rnn,
    keras_call,
    layer_pair,
    random_mask,
    random_tensors,
)
from gradients import values_and_gradients
from test_pytorch import with_gates
from tolerance import assert_close, assert_same_bits

import tfrnn_ops

NAMES = tfrnn_ops.LSTM.kind.options["activation"]


@every_cell
@pytest.mark.parametrize("name", NAMES)
def test_activations_equal_keras(case, name):
    """Inputs far out reach every kink and plateau; two steps do not blow up."""
    tensors = random_tensors(case, 5, 2, 4, 9)
    tensors.inputs *= 3.0
    options = {"activation": name}
    if case.gates > 1:  # every pair of neighbours in the list
        options["recurrent_activation"] = NAMES[NAMES.index(name) - 1]
    tensors.weights = tensors.weights[:2]
    mask = tf.constant(random_mask(5, 2) | (np.arange(5)[:, None] % 2 == 0))
    (got, dgot), (want, dwant) = (
        values_and_gradients(run, tensors.all())
        for run in (
            lambda: call(case.function, case, tensors, mask=mask, **options),
            lambda: keras_call(case, tensors, mask=mask, **options),
        )
    )
    kind = "gelu" if "gelu" in options.values() else None
    assert_close(got, want, kind)
    assert_close(dgot, dwant, kind)


@draws_a_mask_for_every_gate
@every_cell
@pytest.mark.parametrize("use_bias", [False, True])
def test_dropout_with_other_activations_equals_keras(case, use_bias):
    options = {"dropout": 0.3, "recurrent_dropout": 0.4, "use_bias": use_bias, "seed": 5}
    options |= {"activation": "softsign", "return_sequences": True, "dtype": "float64"}
    if case.gates > 1:
        options["recurrent_activation"] = "hard_sigmoid"
    theirs, ours = layer_pair(case, 6, [3, 5, 4], **options)
    x = random_tensors(case, 3, 5, 4, 6).inputs
    mask = tf.constant(random_mask(3, 5))
    (want, dwant), (got, dgot) = (
        values_and_gradients(
            lambda f=f: f(x, mask=mask, training=True), [x, *f.trainable_variables]
        )
        for f in (theirs, ours)
    )
    assert_close(got, want)
    assert_close(dgot, dwant)
    assert np.abs(got[0] - ours(x, mask=mask)).max() > 1e-2


@pytest.mark.parametrize("outputs", [1, 3, 6])
def test_projection_equals_pytorch(outputs):
    torch = pytest.importorskip("torch")
    order, units = [0, 1, 2, 3], 7
    rng = np.random.default_rng(outputs)
    shapes = [(3, 11, 5), (3, outputs), (3, units), (5, 4 * units), (outputs, 4 * units)]
    shapes += [(4 * units,), (units, outputs)]
    arrays = [rng.standard_normal(s) * 0.5 for s in shapes]
    module = torch.nn.LSTM(5, units, batch_first=True, proj_size=outputs, dtype=torch.float64)
    _, _, _, kernel, recurrent_kernel, bias, projection = arrays
    parameters = [with_gates(w, order) for w in (kernel, recurrent_kernel, bias, 0 * bias)]
    with torch.no_grad():
        for parameter, value in zip(module.parameters(), [*parameters, projection.T], strict=True):
            parameter.copy_(torch.tensor(np.ascontiguousarray(value)))
    x, h, c = (torch.tensor(a, requires_grad=True) for a in arrays[:3])
    values, (last_h, last_c) = module(x, (h[None], c[None]))
    results = [values, last_h[0], last_c[0]]
    sum(r.square().sum() for r in results).backward()

    tensors = [tf.constant(a) for a in arrays]
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        x_, h_, c_, *weights, w = tensors
        got = tf.nest.flatten(tfrnn_ops.lstm(x_, (h_, c_), *weights, projection=w))
        loss = tf.add_n([tf.reduce_sum(v**2) for v in got])
    dx, dh, dc, dkernel, drecurrent, dbias, dprojection = tape.gradient(loss, tensors)
    assert_close(got, [r.detach().numpy() for r in results])
    assert_close([dx, dh, dc], [t.grad.numpy() for t in (x, h, c)])
    ours = [with_gates(g, order) for g in (dkernel, drecurrent, dbias, dbias)]
    theirs = [p.grad.numpy() for p in module.parameters()]
    assert_close([*ours, np.transpose(dprojection)], theirs)


BLOCK_LSTM = {
    "forget bias": {"forget_bias": 1.0},
    "peephole": {"forget_bias": 0.5, "use_peephole": True},
    "clip": {"cell_clip": 0.3},
    "all": {"forget_bias": 0.5, "use_peephole": True, "cell_clip": 0.3},
}


@pytest.mark.parametrize("options", BLOCK_LSTM.values(), ids=BLOCK_LSTM)
def test_equal_block_lstm(options):
    """Version 1, as the gradient of version 2 is wrong."""
    batch, time, features, units = 3, 7, 5, 17
    settings = {"forget_bias": 0.0, "cell_clip": -1.0, "use_peephole": False, **options}
    tensors = random_tensors(LSTM, batch, time, features, units, dtype="float32")
    variables = [tf.transpose(tensors.inputs, [1, 0, 2]), *tensors.all()[1:]]
    if settings["use_peephole"]:
        variables.append(tf.constant(np.random.default_rng(1).normal(size=[3, units]), "float32"))

    def theirs(x, h, c, kernel, recurrent_kernel, bias, peephole=None):
        def reorder(weights):  # from i, f, g, o to i, g, f, o
            i, f, g, o = tf.split(weights, 4, axis=-1)
            return tf.concat([i, g, f, o], axis=-1)

        peepholes = tf.zeros([3, units]) if peephole is None else peephole
        block = tf.raw_ops.BlockLSTM(
            seq_len_max=tf.constant(time, tf.int64),
            x=x,
            cs_prev=c,
            h_prev=h,
            w=reorder(tf.concat([kernel, recurrent_kernel], axis=0)),
            b=reorder(bias),
            **dict(zip(("wci", "wcf", "wco"), tf.unstack(peepholes), strict=True)),
            **settings,
        )
        return [block.h, block.cs]

    def ours(x, h, c, kernel, recurrent_kernel, bias, peephole=None):
        forget = tf.repeat(tf.constant([0, settings["forget_bias"], 0, 0]), units)
        outputs, _, cell_states = tfrnn_ops.lstm(
            x,
            (h, c),
            kernel,
            recurrent_kernel,
            bias + forget,
            time_major=True,
            peephole=peephole,
            cell_clip=options.get("cell_clip"),
            return_cell_states=True,
        )
        return [outputs, cell_states]

    (got, dgot), (want, dwant) = (
        values_and_gradients(lambda f=f: f(*variables), variables) for f in (ours, theirs)
    )
    assert_close(got, want)
    if "cell_clip" in options:  # which the gradient of BlockLSTM does not see
        assert np.sum(np.abs(got[1]) == np.float32(0.3)) > 20
    else:
        assert_close(dgot, dwant)


@every_cell_and_ind_rnn
def test_zoneout_keeps_the_very_bits(case):
    """However large the new value is that a unit does not take, and so for the gradient."""
    rates = {"zoneout": 0.5, **({"cell_zoneout": 0.5} if case.states > 1 else {})}
    layer = case.layer(
        16, activation="linear", kernel_initializer="ones", return_state=True, seed=1, **rates
    )
    states = [tf.random.stateless_normal([8, 16], [1, i]) for i in range(case.states)]
    _, *final = layer(tf.fill([8, 1, 4], 3e38), initial_state=states, training=True)
    for old, new in zip(states, final, strict=True):
        assert 0.3 < np.mean(old == new) < 0.7
    with tf.GradientTape() as tape:
        tape.watch(states)
        _, *final = layer(tf.ones([8, 1, 4]), initial_state=states, training=True)
        kept = tf.cast(final[0] == states[0], tf.float32)
        loss = tf.reduce_sum(kept * final[0])
    assert_same_bits(tape.gradient(loss, states[0]), kept)
