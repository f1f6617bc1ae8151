"""Problems to differentiate twice: every cell with every option, and every floating operand."""

import pytest
import tensorflow as tf
from cells import EVERY_CELL, LSTM, random_mask, random_tensors

from tfrnn_ops import _cells, fused

BATCH, TIME, FEATURES, UNITS, PROJECTED = 2, 3, 3, 4, 2
KINDS = {cell.name: cell for cell in (_cells.LSTM, _cells.GRU, _cells.SIMPLE_RNN, _cells.IND_RNN)}
DRAWING = {"training": True, "seed": [3, 4]}


def normal(*shape, seed=5):
    return tf.random.stateless_normal(shape, seed=[seed, 6], dtype="float64")


def kept(*shape):
    """A dropout mask: zeros and twos."""
    return 2 * tf.cast(normal(*shape) > 0, tf.float64)


def options_of(case):
    """What is differentiated, by the option that it is to cover: options, and tensors of them."""
    norm = {"layer_norm": normal(2, KINDS[case.name].layer_norm_width * UNITS)}
    options = {
        "plain": {},
        "mask": {"mask": tf.constant(random_mask(BATCH, TIME)), "go_backwards": True},
        "dropout": {
            "input_dropout_mask": kept(case.gates, BATCH, FEATURES),
            "recurrent_dropout_mask": kept(case.gates, BATCH, UNITS),
        },
        "recurrent_dropout": {"recurrent_dropout": 0.4, **DRAWING},
        "state_dropout": {"state_dropout_mask": kept(TIME, BATCH, UNITS)},
        "zoneout": {"zoneout": 0.3, **DRAWING},
        "zoneout without training": {"zoneout": 0.3},
        "layer_norm": {**norm, "layer_norm_epsilon": 1e-2},
        "no bias": {"bias": None},
        "time_major": {"time_major": True},
    }
    if case is LSTM:
        projected = {"projection": normal(UNITS, PROJECTED)}
        options |= {
            "cell_zoneout": {"cell_zoneout": 0.3, **DRAWING},
            "peephole": {"peephole": normal(3, UNITS)},
            "projection": {**projected, "projection_clip": 0.4, "cell_clip": 0.5},
            "layer_norm_carry": {**norm, "layer_norm_carry": True},
            "return_cell_states": {"return_cell_states": True},
            "all": {
                **norm,
                **projected,
                **DRAWING,
                "mask": tf.constant(random_mask(BATCH, TIME)),
                "zero_output_for_mask": True,
                "recurrent_dropout": 0.4,
                "zoneout": 0.2,
                "cell_zoneout": 0.2,
                "peephole": normal(3, UNITS),
                "projection_clip": 0.6,
                "cell_clip": 0.7,
                "return_cell_states": True,
                "activation": "softsign",
                "recurrent_activation": "silu",
            },
        }
    return options


PAIRS = {
    f"{name}-{option}": (case, option)
    for name, case in EVERY_CELL.items()
    for option in options_of(case)
}
every_pair = pytest.mark.parametrize(("case", "option"), PAIRS.values(), ids=PAIRS)


class Problem:
    """A loss of all results of one call, and what it is differentiated by: every floating operand.

    Args:
        case: the cell.
        option: a key of `options_of(case)`.
        dtype: of all operands.
    """

    def __init__(self, case, option="plain", dtype="float64"):
        self.case = case
        self.options = {"activation": "tanh", **case.options, **options_of(case)[option]}
        tensors = random_tensors(case, BATCH, TIME, FEATURES, UNITS)
        if "projection" in self.options:
            tensors.states[0] = tensors.states[0][:, :PROJECTED]
            tensors.weights[1] = tensors.weights[1][:PROJECTED]
        if "bias" in self.options:
            tensors.weights.pop()
        if "time_major" in self.options:
            tensors.inputs = tf.transpose(tensors.inputs, [1, 0, 2])
        self.tensors = tensors
        self.names = [n for n in ("peephole", "layer_norm", "projection") if n in self.options]
        extra = [self.options.pop(name) for name in self.names]
        self.variables = [tf.cast(v, dtype) for v in (*tensors.all(), *extra)]
        self.direction = [
            tf.cast(normal(*v.shape, seed=i), dtype) for i, v in enumerate(self.variables)
        ]

    def values(self, variables, reference=False):
        """The floating results of the call, by the fused op or the reference."""
        count = len(variables) - len(self.names)
        options = {**self.options, **dict(zip(self.names, variables[count:], strict=True))}
        tensors = self.tensors.replace(variables[:count])
        kernel, recurrent_kernel, *bias = tensors.weights
        bias, mask = (bias or [None])[0], options.pop("mask", None)
        options.pop("bias", None)
        arguments = tensors.inputs, tensors.states, kernel, recurrent_kernel, bias
        if not reference:
            given = set(fused.Direction._fields) & set(options)
            one = fused.Direction(*arguments, **{name: options.pop(name) for name in given})
            function = getattr(fused, self.case.name)
            return tf.nest.flatten(function([one], mask, keep_reserve=True, **options))
        for name in ("input_dropout_mask", "recurrent_dropout_mask"):
            if name in options:
                options[name] = tf.unstack(options[name])
        return tf.nest.flatten(self.case.reference(*arguments, mask=mask, **options))

    def loss(self, variables, **kwargs):
        """A number that depends on every result, and on none linearly."""
        values = self.values(variables, **kwargs)
        return tf.add_n([tf.reduce_sum(tf.sin((i + 1) * v + i)) for i, v in enumerate(values)])

    def gradient(self, variables, **kwargs):
        """The gradient of the loss."""
        with tf.GradientTape() as tape:
            tape.watch(variables)
            loss = self.loss(variables, **kwargs)
        return tape.gradient(loss, variables, unconnected_gradients="zero")

    def second(self, variables, **kwargs):
        """The Hessian's product with the direction, by reverse mode over reverse mode."""
        with tf.GradientTape() as tape:
            tape.watch(variables)
            gradient = self.gradient(variables, **kwargs)
        return tape.gradient(gradient, variables, self.direction, unconnected_gradients="zero")

    def forward_over_reverse(self, variables, **kwargs):
        """The same product, by forward mode over reverse mode."""
        with tf.autodiff.ForwardAccumulator(variables, self.direction) as accumulator:
            gradient = self.gradient(variables, **kwargs)
        return [accumulator.jvp(g, "zero") for g in gradient]

    def forward(self, variables, **kwargs):
        """The derivative of the results along the direction."""
        with tf.autodiff.ForwardAccumulator(variables, self.direction) as accumulator:
            values = self.values(variables, **kwargs)
        return [accumulator.jvp(v, "zero") for v in values]

    def differences(self, function):
        """The derivative of `function` along the direction, by central differences."""
        delta = 1e-5  # the results are curved
        high, low = (
            function([v + s * d for v, d in zip(self.variables, self.direction, strict=True)])
            for s in (delta, -delta)
        )
        return [(h - low_) / (2 * delta) for h, low_ in zip(high, low, strict=True)]
