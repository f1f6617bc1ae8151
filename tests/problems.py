"""Random arrays for one call of any cell with any option, and how to call the reference."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

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


every_cell = pytest.mark.parametrize(
    "make",
    [{"name": name} for name in GATES] + [{"name": "gru", "reset_after": False}],
    ids=lambda m: "-".join(map(str, m.values())),
)


def build(make, *sizes, **kwargs):
    """A problem, and the options that the cell itself needs."""
    options = {"reset_after": make["reset_after"]} if "reset_after" in make else {}
    return problem(make["name"], *sizes, **options, **kwargs), options


def everything(make):
    """A problem and options with all that the cell has, drawn noise included."""
    name = make["name"]
    lstm = {"outputs": 5, "peephole": True} if name == "lstm" else {}
    case, options = build(make, 3, 4, 5, 6, layer_norm=True, **lstm)
    options |= {
        "recurrent_dropout": 0.3,
        "zoneout": 0.2,
        "training": True,
        "seed": tf.constant(SEED),
    }
    if name == "lstm":
        options |= {"cell_zoneout": 0.4, "cell_clip": 0.8, "projection_clip": 0.5}
        options |= {"return_cell_states": True}
    return case, options
