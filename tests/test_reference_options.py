"""The reference path's own options against NumPy: values, and every gradient."""

import dataclasses

import numpy as np
import numpy_cells
import numpy_philox
import pytest
import tensorflow as tf
from cells import random_mask
from gradients import values_and_gradients
from problems import SEED, build, every_cell, problem
from tolerance import assert_close


def assert_equals_numpy(case, *, drop=None, zone=None, arguments=None, mask=None, **options):
    """Compares with NumPy.

    Args:
        case: the problem.
        drop: factors for NumPy.
        zone: shares for NumPy.
        arguments: what makes the reference draw the same.
        mask: for both.
        **options: for both.
    """

    def reference():
        return case_tensors.reference(mask=tf_mask, **(arguments or {}), **options)

    def in_numpy(arrays):
        p = case.replace(arrays)
        values = numpy_cells.run(
            p.name, p.inputs, p.states, p.weights, mask=mask, drop=drop, zone=zone, **options
        )
        return values if options.get("return_cell_states") else values[: 1 + len(p.states)]

    tf_mask = None if mask is None else tf.constant(mask)
    case_tensors = case.tensors()
    got, dgot = values_and_gradients(reference, case_tensors.arrays())
    want = in_numpy(case.arrays())
    assert_close(got, want, "float64")
    rng = np.random.default_rng(0)
    signs = [(2 * rng.integers(-8, 8, v.shape) + 1) / 8 for v in want]
    dwant = numpy_cells.gradients(
        lambda *arrays: sum((v * s).sum() for v, s in zip(in_numpy(arrays), signs, strict=True)),
        case.arrays(),
    )
    assert_close(dgot, dwant, "float64")


def noise(case, time, *, recurrent_dropout=0.0, zoneout=0.0, cell_zoneout=0.0):
    """What NumPy draws, and the arguments by which the reference must draw the same."""
    arguments = {"recurrent_dropout": recurrent_dropout, "zoneout": zoneout}
    if case.name == "lstm":
        arguments["cell_zoneout"] = cell_zoneout
    sizes = [(time, *s.shape) for s in case.states]
    dropped = numpy_philox.chosen(SEED, 0, recurrent_dropout, *sizes[0])
    rates = zip((zoneout, cell_zoneout), sizes, strict=False)
    return {
        "drop": np.where(dropped, 0, 1 / (1 - recurrent_dropout)),
        "zone": [
            1.0 * numpy_philox.chosen(SEED, 1 + i, rate, *size)
            for i, (rate, size) in enumerate(rates)
        ],
        "arguments": {**arguments, "training": True, "seed": tf.constant(SEED, tf.int64)},
    }


@every_cell
@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize("masked", [False, True], ids=["", "masked"])
def test_layer_norm(make, use_bias, masked):
    case, options = build(make, layer_norm=True, use_bias=use_bias)
    mask = random_mask(3, 5) if masked else None
    assert_equals_numpy(case, mask=mask, layer_norm_epsilon=0.01, **options)


@every_cell
@pytest.mark.parametrize(
    "rates",
    [
        {"recurrent_dropout": 0.3},
        {"zoneout": 0.4},
        {"zoneout": 0.2, "recurrent_dropout": 0.5, "cell_zoneout": 0.7},
    ],
    ids="-".join,
)
@pytest.mark.parametrize("masked", [False, True], ids=["", "masked"])
def test_noise_in_training(make, rates, masked):
    case, options = build(make)
    mask = random_mask(3, 5) if masked else None
    assert_equals_numpy(case, **noise(case, 5, **rates), mask=mask, **options)


@every_cell
def test_noise_at_inference(make):
    """Zoneout becomes its mean; dropout does nothing."""
    case, options = build(make)
    rates = [0.3, 0.6][: len(case.states)]
    arguments = dict(zip(("zoneout", "cell_zoneout"), rates, strict=False), recurrent_dropout=0.5)
    assert_equals_numpy(case, zone=rates, arguments=arguments, **options)


LSTM_OPTIONS = {
    "peephole": ({"peephole": True}, {}),
    "cell-clip": ({}, {"cell_clip": 0.6}),
    "projection": ({"outputs": 3}, {}),
    "projection-clip": ({"outputs": 3}, {"projection_clip": 0.25}),
    "wide-projection": ({"outputs": 9}, {}),
    "layer-norm-carry": ({"layer_norm": True}, {"layer_norm_carry": True}),
    "cell-states": ({}, {"return_cell_states": True}),
    "everything": (
        {"peephole": True, "outputs": 5, "layer_norm": True},
        {"cell_clip": 0.6, "projection_clip": 0.4, "return_cell_states": True},
    ),
    "everything-carried": (
        {"peephole": True, "outputs": 5, "layer_norm": True},
        {"cell_clip": 0.6, "layer_norm_carry": True, "return_cell_states": True},
    ),
}


@pytest.mark.parametrize(("made", "options"), LSTM_OPTIONS.values(), ids=LSTM_OPTIONS)
@pytest.mark.parametrize("masked", [False, True], ids=["", "masked"])
@pytest.mark.parametrize("drawn", [False, True], ids=["", "drawn"])
def test_lstm_options(made, options, masked, drawn):
    case = problem("lstm", **made)
    rates = {"recurrent_dropout": 0.3, "zoneout": 0.2, "cell_zoneout": 0.4}
    draws = noise(case, 5, **rates) if drawn else {}
    assert_equals_numpy(case, **draws, mask=random_mask(3, 5) if masked else None, **options)


@every_cell
def test_zoneout_at_inference_is_the_mean(make):
    case, options = build(make, 1, 1)
    rates = {"zoneout": 0.3} | ({"cell_zoneout": 0.6} if case.name == "lstm" else {})
    want = case.tensors().reference(**rates, **options)[1:]
    rows = 20000
    case.inputs = np.repeat(case.inputs, rows, axis=0)
    case.states = [np.repeat(s, rows, axis=0) for s in case.states]
    states = case.tensors().reference(**rates, **options, training=True, seed=(3, 4))[1:]
    for state, mean in zip(states, want, strict=True):
        got = np.asarray(state)
        assert (np.abs(got.mean(0) - mean[0]) <= 5 * got.std(0) / np.sqrt(rows) + 1e-12).all()
        assert len(np.unique(got[:, 0])) == 2


@every_cell
def test_a_seed_repeats(make):
    case, options = build(make, 3, 5, 4, 16)
    draw = [
        case.tensors().reference(recurrent_dropout=0.5, training=True, seed=seed, **options)[0]
        for seed in [(1, 2), (1, 2), (1, 3), (2, 2)]
    ]
    assert (draw[0].numpy() == draw[1].numpy()).all()
    for other in draw[2:]:
        assert np.abs(draw[0] - other).max() > 1e-3


@every_cell
def test_per_step_dropout_and_a_mask_multiply(make):
    case, options = build(make, 3, 1)
    rng = np.random.default_rng(0)
    mask = rng.random(case.states[0].shape)
    masks = [tf.constant(mask)] * {"lstm": 4, "gru": 3}.get(case.name, 1)  # a list for the GRU's z
    drawn = noise(case, 1, recurrent_dropout=0.4)
    got = case.tensors().reference(**options, **drawn["arguments"], recurrent_dropout_mask=masks)
    want = numpy_cells.run(
        case.name, case.inputs, case.states, case.weights, drop=drawn["drop"] * mask, **options
    )
    assert_close(got, want[: len(got)], "float64")


@pytest.mark.parametrize("zeros", [False, True], ids=["carried", "zeros"])
def test_cell_states_at_masked_steps(zeros):
    case = problem("lstm", 2, 4)
    mask = tf.constant([[False, True, False, True], [True, True, False, False]])
    _, _, c, cells = case.tensors().reference(
        mask=mask, return_cell_states=True, zero_output_for_mask=zeros
    )
    first, last = (np.zeros(6), np.zeros(6)) if zeros else (case.states[1][0], c[1])
    assert_close([cells[0, 0], cells[0, 3], cells[1, 3]], [first, c[0], last])


@every_cell
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"zoneout": 1.0}, r"zoneout: found 1.0; expected a rate in \[0, 1\)"),
        ({"recurrent_dropout": -0.1}, r"recurrent_dropout: found -0.1; expected a rate"),
        ({"zoneout": 0.1, "training": True}, "seed: found None; expected two integers"),
        ({"recurrent_dropout": 0.1, "training": True, "seed": [1]}, r"seed: found shape \(1,\)"),
        ({"recompute": 0}, "recompute: found 0; expected a number of steps"),
        ({"activation": "crelu"}, "activation: found crelu; expected one that keeps the width"),
        ({"activation": tf.nn.crelu}, "activation: found crelu"),
        ({"layer_norm": tf.zeros([2, 5])}, r"layer_norm: found shape \(2, 5\); expected \[2, "),
        ({"layer_norm": tf.zeros([36])}, r"layer_norm: found shape \(36,\)"),
    ],
    ids=lambda a: "-".join(a) if isinstance(a, dict) else "",
)
def test_errors(make, arguments, message):
    case, options = build(make)
    with pytest.raises(ValueError, match=message):
        case.tensors().reference(**options, **arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"cell_zoneout": 1.5}, "cell_zoneout: found 1.5; expected a rate"),
        ({"projection_clip": 1.0}, "projection_clip: found 1.0 without a projection"),
        ({"recurrent_activation": "crelu"}, "found crelu"),
    ],
    ids=lambda a: "-".join(a) if isinstance(a, dict) else "",
)
def test_errors_of_lstm(arguments, message):
    with pytest.raises(ValueError, match=message):
        problem("lstm").tensors().reference(**arguments)


@every_cell
def test_a_state_of_another_batch_size_found_when_running(make):
    case, options = build(make)
    tensors = case.tensors()

    @tf.function(input_signature=[tf.TensorSpec([None, 6], tf.float64)] * len(case.states))
    def run(*states):
        return dataclasses.replace(tensors, states=list(states)).reference(**options)

    run(*tensors.states)
    with pytest.raises(tf.errors.InvalidArgumentError):
        run(*(s[:1] for s in tensors.states))
