"""The reference path's own options against NumPy: values, and every gradient."""

import dataclasses

import numpy as np
import numpy_cells
import numpy_philox
import pytest
import tensorflow as tf
from cells import random_mask
from gradients import values_and_gradients
from tolerance import assert_close

import tfrnn_ops

SEED = (-7, 2**33 + 5)
GATES = {"lstm": 4, "gru": 3, "simple_rnn": 1, "ind_rnn": 1}


@dataclasses.dataclass
class Problem:
    """Random arrays for one call of a cell."""

    name: str
    inputs: np.ndarray
    states: list[np.ndarray]
    weights: dict[str, np.ndarray]

    def arrays(self):
        return [self.inputs, *self.states, *self.weights.values()]

    def replace(self, arrays):
        inputs, *others = arrays
        count = len(self.states)
        weights = dict(zip(self.weights, others[count:], strict=True))
        return Problem(self.name, inputs, others[:count], weights)

    def tensors(self, dtype="float64"):
        return self.replace([tf.constant(a, dtype) for a in self.arrays()])

    def reference(self, **options):
        """Calls the reference; the states go in and out as a flat list."""
        weights = dict(self.weights)
        bias = weights.pop("bias", None)
        return tf.nest.flatten(
            getattr(tfrnn_ops.reference, self.name)(
                self.inputs,
                self.states if len(self.states) > 1 else self.states[0],
                weights.pop("kernel"),
                weights.pop("recurrent_kernel"),
                bias,
                **weights,
                **options,
            )
        )


def problem(
    name,
    batch=3,
    time=5,
    features=4,
    units=6,
    *,
    outputs=None,
    peephole=False,
    layer_norm=False,
    use_bias=True,
    reset_after=True,
    seed=0,
):
    """Arrays of order one, so that clips at 1 and gates off their plateaus both matter."""
    rng = np.random.default_rng(seed)

    def normal(*shape, scale=1.0):
        return rng.standard_normal(shape) * scale

    gates, width = GATES[name], outputs or units
    columns = gates * units
    weights = {"kernel": normal(features, columns, scale=features**-0.5)}
    weights["recurrent_kernel"] = (
        normal(units) if name == "ind_rnn" else normal(width, columns, scale=width**-0.5)
    )
    if use_bias:
        weights["bias"] = normal(*([2] if name == "gru" and reset_after else []), columns)
    if peephole:
        weights["peephole"] = normal(3, units)
    if outputs:
        weights["projection"] = normal(units, outputs, scale=units**-0.5)
    if layer_norm:
        n = {"lstm": 9, "gru": 6, "simple_rnn": 2, "ind_rnn": 1}[name] * units
        weights["layer_norm"] = normal(2, n) + np.array([[1.0], [0.0]])
    states = [normal(batch, width)] + ([normal(batch, units)] if name == "lstm" else [])
    return Problem(name, normal(batch, time, features), states, weights)


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


every_cell = pytest.mark.parametrize(
    "make",
    [{"name": name} for name in GATES] + [{"name": "gru", "reset_after": False}],
    ids=lambda m: "-".join(map(str, m.values())),
)


def build(make, **kwargs):
    """A problem, and the options that the cell itself needs."""
    options = {"reset_after": make["reset_after"]} if "reset_after" in make else {}
    return problem(**make, **kwargs), options


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
