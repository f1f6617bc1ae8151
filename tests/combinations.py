"""The options of a fused op as factors to combine, and the call that a combination stands for."""

import dataclasses
from typing import Any

import numpy as np
import tensorflow as tf

from tfrnn_ops import _cells
from tfrnn_ops._arguments import Weights, as_mask
from tfrnn_ops._execute import DirectionArguments, execute, execute_both
from tfrnn_ops.options import Options
from tfrnn_ops.path import Request, decide

KINDS = {
    "lstm": _cells.LSTM,
    "gru": _cells.GRU,
    "gru_reset_before": _cells.GRU,
    "simple_rnn": _cells.SIMPLE_RNN,
    "ind_rnn": _cells.IND_RNN,
}

MASKS = ("none", "random", "empty row", "lengths", "lengths and random")
SHAPE = {"batch": (1, 3, 7), "time": (1, 2, 5, 11), "features": (1, 5, 19)}
UNITS = (1, 3, 7, 16, 17, 37, 67)
_BOUNDED = ("tanh", "sigmoid", "hard_sigmoid", "softsign")
DTYPES = ("float64", "float32", "bfloat16", "float16")


def factors(name):
    """Every option of a cell's fused op, the layout and the shape: their values by their names."""
    kind = KINDS[name]
    rates = (0.0, 0.25)
    values = {
        **{argument: kind.options[argument] for argument in kind.activations},
        "recurrent_dropout": rates,
        "zoneout": (0.0, 0.375),
        "training": (False, True),
        "layer_norm": ("off", "on", "epsilon"),
        # Factors of the inputs and of h, the same at every step, as Keras draws them.
        "input_dropout_mask": ("off", "shared", "per gate"),
        "recurrent_dropout_mask": ("off", "per gate", *([] if kind.carries_h else ["shared"])),
        "use_bias": (True, False),
        "initial_state": (True, False),
        "recompute": (None, *((1, 3) if kind.options["recompute"] else ())),
        "time_major": (False, True),
        "go_backwards": (False, True),
        "both_directions": (False, True),  # not where the cell states are returned
        "zero_output_for_mask": (False, True),
        "mask": MASKS,
        "keep_reserve": (True, False),
        "dtype": DTYPES,
        "units": UNITS,
        **SHAPE,
    }
    if name == "lstm":
        values |= {
            "layer_norm": (*values["layer_norm"], "carry"),
            "cell_zoneout": (0.0, 0.5),
            "peephole": (False, True),
            "projection": ("off", "narrow", "wide", "clipped"),
            "cell_clip": (None, 0.3),
            "return_cell_states": (False, True),
        }
    return values


@dataclasses.dataclass
class Combination:
    """One call of a cell.

    Attributes:
        name: of the cell, a key of `KINDS`.
        row: a value for every one of its factors.
        seed: of all numbers.
    """

    name: str
    row: dict[str, Any]
    seed: int = 0

    def __post_init__(self):
        row, kind = self.row, KINDS[self.name]
        self.kind = kind
        self.rng = np.random.default_rng(self.seed)
        # Products of unbounded gates and states grow faster than any power of the steps.
        bounded = all(row[name] in _BOUNDED for name in kind.activations)
        self.scale = 1.0 if bounded else 0.4
        batch, time, features, units = (row[n] for n in ("batch", "time", "features", "units"))
        columns = kind.gates * units
        width = {"narrow": -(-units // 2), "wide": units + 3, "clipped": -(-units // 3)}.get(
            row.get("projection"), units
        )
        self.tensors = {
            "inputs": self.normal(batch, time, features),
            "kernel": self.normal(features, columns, scale=features**-0.5),
            "recurrent_kernel": self.normal(units, scale=0.7)
            if kind.diagonal
            else self.normal(width, columns, scale=width**-0.5),
        }
        if row["initial_state"]:
            self.tensors["h"] = self.normal(batch, width)
            if len(kind.states) > 1:
                self.tensors["c"] = self.normal(batch, units)
        if row["use_bias"]:
            biases = kind.biases(self.name == "gru")
            self.tensors["bias"] = self.normal(*([biases] if biases > 1 else []), columns)
        if row["layer_norm"] != "off":
            norm = self.normal(2, kind.layer_norm_width * units, scale=0.3)
            self.tensors["layer_norm"] = norm + np.array([[self.scale], [0.0]])
        if row.get("peephole"):
            self.tensors["peephole"] = self.normal(3, units)
        if row.get("projection", "off") != "off":
            self.tensors["projection"] = self.normal(units, width, scale=units**-0.5)
        self.dropout = {
            "input_dropout_mask": self.dropout_mask("input_dropout_mask", batch, features),
            "recurrent_dropout_mask": self.dropout_mask("recurrent_dropout_mask", batch, width),
        }
        self.both = row["both_directions"] and not row.get("return_cell_states")
        if self.both:  # the second direction has the first's numbers in another order
            own = [name for name in self.tensors if name != "inputs"]
            self.tensors |= {f"backward {n}": self.tensors[n][..., ::-1].copy() for n in own}
        self.mask, self.lengths = self.draw_mask(batch, time)
        if row["time_major"]:
            self.tensors["inputs"] = self.tensors["inputs"].swapaxes(0, 1)
            self.mask = None if self.mask is None else self.mask.T
        self.random_seed = self.rng.integers(-(2**63), 2**63, 2)

    def normal(self, *shape, scale=1.0):
        return self.rng.standard_normal(shape) * scale * self.scale

    def dropout_mask(self, name, batch, width):
        """None, one factor or one for each gate, as layers hand them on."""
        masks = list((self.rng.random([self.kind.gates, batch, width]) < 0.75) / 0.75)
        return {"off": None, "shared": masks[0], "per gate": masks}[self.row[name]]

    def draw_mask(self, batch, time):
        """A mask and lengths; only the first row is sure to have a step."""
        mask, lengths = self.rng.random([batch, time]) < 0.6, self.rng.integers(0, time + 1, batch)
        kind = self.row["mask"]
        if kind == "empty row":
            mask[-1:] = False
        if kind == "all masked":
            return np.zeros_like(mask), None
        if time:
            mask[:1, time // 2] = True
            lengths[:1] = time
        return (
            mask if kind in ("random", "empty row", "lengths and random") else None,
            lengths if kind in ("lengths", "lengths and random") else None,
        )

    def variables(self, dtype):
        """The tensors to differentiate by, of the numbers that the row's dtype holds."""
        return {
            name: tf.cast(tf.constant(array, self.row["dtype"]), dtype)
            for name, array in self.tensors.items()
        }

    def spread(self, count=12):
        """How far roundings of the row's dtype move values and gradients, at most.

        Returns:
            The largest changes of each, where every number of the tensors is changed at random by
            up to one rounding, so many times.
        """
        epsilon = {"bfloat16": 2.0**-8, "float16": 2.0**-11}[self.row["dtype"]]
        exact, rng = self.tensors, np.random.default_rng(self.seed + 2)
        want, dwant = self.values_and_gradients("float64", reference=True)
        moved = [np.zeros_like(w) for w in want]
        dmoved = {name: np.zeros_like(d) for name, d in dwant.items()}
        stored = {name: tensor.numpy() for name, tensor in self.variables("float64").items()}
        dtype = self.row["dtype"]
        try:
            self.row = {**self.row, "dtype": "float64"}
            for _ in range(count):
                self.tensors = {
                    name: array * (1 + epsilon * rng.uniform(-1, 1, array.shape))
                    for name, array in stored.items()
                }
                got, dgot = self.values_and_gradients("float64", reference=True)
                moved = [
                    np.maximum(m, abs(g - w)) for m, g, w in zip(moved, got, want, strict=True)
                ]
                dmoved = {n: np.maximum(m, abs(dgot[n] - dwant[n])) for n, m in dmoved.items()}
        finally:
            self.tensors, self.row = exact, {**self.row, "dtype": dtype}
        return moved, dmoved

    def __call__(self, variables, *, reference):
        """The results as a flat list.

        Args:
            variables: what `variables` returns, or tensors like that.
            reference: whether to run the reference, instead of the fused op.
        """
        row, request = self.row, self.request
        decision = decide(request)
        assert decision.path == "fused", decision.reasons
        directions = [self.arguments(variables)]
        if self.both:
            directions.append(self.arguments(variables, "backward "))
        layout = {n: row[n] for n in ("time_major", "zero_output_for_mask", "keep_reserve")}
        if self.both and not reference:
            mask = as_mask(self.mask, self.lengths, variables["inputs"], row["time_major"])
            outputs, states = execute_both(
                request,
                decision,
                directions,
                mask=mask,
                go_backwards=row["go_backwards"],
                **layout,
            )
            return [outputs, *tf.nest.flatten(states)]
        if reference:
            decision = dataclasses.replace(decision, path="reference")
        results = [
            execute(
                request,
                decision,
                **{f.name: getattr(own, f.name) for f in dataclasses.fields(own)},
                mask=self.mask,
                sequence_length=self.lengths,
                go_backwards=row["go_backwards"] != (i > 0),
                **layout,
            )
            for i, own in enumerate(directions)
        ]
        if self.both:
            (forward, *states), (backward, *others) = results
            backward = tf.reverse(backward, [0 if row["time_major"] else 1])
            results = tf.concat([forward, backward], -1), states, others
        return [r for r in tf.nest.flatten(tuple(results)) if r is not None]

    @property
    def request(self):
        """What decides the path."""
        row = self.row
        options = {n: row[n] for n in ("recurrent_dropout", "zoneout", "recompute")}
        for name in (*self.kind.activations, "cell_zoneout", "cell_clip", "return_cell_states"):
            if name in row:
                options[name] = row[name]
        if row.get("projection") == "clipped":
            options["projection_clip"] = 0.125
        return Request(
            self.kind,
            Options(
                **options,
                **{n: n in self.tensors for n in ("peephole", "projection", "layer_norm")},
                reset_after=self.name != "gru_reset_before",
                layer_norm_epsilon=0.125 if row["layer_norm"] == "epsilon" else 1e-3,
                layer_norm_carry=row["layer_norm"] == "carry",
            ),
            training=row["training"],
        )

    def arguments(self, variables, prefix=""):
        """What a direction has of its own, of tensors whose names begin with the prefix."""
        row, dtype = self.row, variables["inputs"].dtype
        names = [name for name in self.tensors if name != "inputs" and " " not in name]
        own = {name: variables[f"{prefix}{name}"] for name in names}
        states = [own.pop(name) for name in ("h", "c") if name in own] or None
        order = -1 if prefix else 1
        dropout = {
            name: tf.nest.map_structure(
                lambda m: tf.cast(tf.constant(m[:, ::order], row["dtype"]), dtype), mask
            )
            for name, mask in self.dropout.items()
            if mask is not None
        }
        seed = self.random_seed[::order] if self.request.drawing else None
        return DirectionArguments(variables["inputs"], states, Weights(**own), seed, **dropout)

    def values_and_gradients(self, dtype, *, reference):
        """The results, and the gradient of a fixed random sum of them by every tensor."""
        variables = self.variables(dtype)
        with tf.GradientTape() as tape:
            tape.watch(variables)
            values = self(variables, reference=reference)
            rng = np.random.default_rng(self.seed + 1)
            loss = tf.add_n(
                [tf.reduce_sum(v * tf.constant(self._weights(rng, v), v.dtype)) for v in values]
            )
        # Without steps, no op of the reference sees the weights.
        unconnected = "zero" if reference else "none"
        gradients = tape.gradient(loss, variables, unconnected_gradients=unconnected)
        assert not [name for name, gradient in gradients.items() if gradient is None]
        return values, gradients

    @staticmethod
    def _weights(rng, value):
        """Odd multiples of an eighth: the same numbers in every dtype."""
        return (2 * rng.integers(-8, 8, value.shape) + 1) / 8
