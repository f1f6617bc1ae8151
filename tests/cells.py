"""The table of cells under test, and tensors to feed them."""

import dataclasses
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfrnn_ops


@dataclasses.dataclass(frozen=True)
class Case:
    """One cell: how to call it in each of its forms."""

    name: str
    layer_name: str
    gates: int
    states: int
    options: dict[str, Any] = dataclasses.field(default_factory=dict)
    bias_rows: int | None = None
    diagonal: bool = False

    @property
    def function(self) -> Callable[..., Any]:
        return getattr(tfrnn_ops, self.name)

    @property
    def reference(self) -> Callable[..., Any]:
        return getattr(tfrnn_ops.reference, self.name)

    def layer(self, units, module=tfrnn_ops, **kwargs):
        """Our layer, or Keras's with `module=keras.layers`."""
        return getattr(module, self.layer_name)(units, **self.options, **kwargs)

    def cell(self, units, module=tfrnn_ops, **kwargs):
        return getattr(module, f"{self.layer_name}Cell")(units, **self.options, **kwargs)


IND_RNN = Case("ind_rnn", "IndRNN", 1, 1, diagonal=True)
CASES = [
    Case("lstm", "LSTM", 4, 2),
    Case("gru", "GRU", 3, 1, {"reset_after": True}, 2),
    Case("gru", "GRU", 3, 1, {"reset_after": False}),
    Case("simple_rnn", "SimpleRNN", 1, 1),
]
LSTM, GRU, GRU_RESET_BEFORE, SIMPLE_RNN = CASES
_NAMES = ["lstm", "gru", "gru_reset_before", "simple_rnn", "ind_rnn"]
EVERY_CELL = dict(zip(_NAMES, [*CASES, IND_RNN], strict=True))


def every_cell(test):
    """Runs a test for every cell, as its argument `case`."""
    return pytest.mark.parametrize("case", CASES, ids=list(EVERY_CELL)[:-1])(test)


def every_cell_and_ind_rnn(test):
    """Runs a test for every cell, those that Keras lacks among them."""
    return pytest.mark.parametrize("case", EVERY_CELL.values(), ids=EVERY_CELL)(test)


draws_a_mask_for_every_gate = pytest.mark.skipif(
    not hasattr(keras.layers.LSTMCell(1, implementation=1), "dropout_mask_count"),
    reason="Keras 3.5 shares one mask",
)


@dataclasses.dataclass
class Tensors:
    """What a function takes: inputs, states and weights, each random and of order one."""

    inputs: Any
    states: list[Any]
    weights: list[Any]

    def all(self):
        return [self.inputs, *self.states, *self.weights]

    def replace(self, tensors):
        """The same with the tensors of a list like `all()`."""
        inputs, *others = tensors
        count = len(self.states)
        return Tensors(inputs, others[:count], others[count:])

    def cast(self, dtype):
        return self.replace([tf.cast(t, dtype) for t in self.all()])


def random_tensors(case, batch, time, features, units, dtype="float64", use_bias=True, seed=0):
    rng = np.random.default_rng(seed)

    def normal(*shape, scale=1.0):
        return tf.constant(rng.standard_normal(shape) * scale, dtype)

    width = case.gates * units
    weights = [
        normal(features, width, scale=features**-0.5),
        normal(units) if case.diagonal else normal(units, width, scale=units**-0.5),
    ]
    if use_bias:
        weights.append(normal(*([case.bias_rows] if case.bias_rows else []), width))
    return Tensors(
        normal(batch, time, features), [normal(batch, units) for _ in range(case.states)], weights
    )


def call(function, case, tensors, **kwargs):
    """Calls a public function; the states go in and out as a flat list."""
    states = tensors.states if case.states > 1 else tensors.states[0]
    results = function(tensors.inputs, states, *tensors.weights, **case.options, **kwargs)
    return tf.nest.flatten(results)


def keras_call(case, tensors, mask=None, **kwargs):
    """Runs the Keras layer with these tensors as its weights.

    Its weights are the tensors themselves, so that gradients reach them.
    """
    layer = case.layer(
        tensors.states[0].shape[1],
        keras.layers,
        return_sequences=True,
        return_state=True,
        use_bias=len(tensors.weights) == 3,
        dtype=tensors.inputs.dtype.name,
        **kwargs,
    )
    layer.build(tensors.inputs.shape)
    (outputs, *states), _ = layer.stateless_call(
        tensors.weights,
        layer.non_trainable_variables,
        tensors.inputs,
        initial_state=tensors.states,
        mask=mask,
    )
    return [outputs, *states]


def layer_pair(case, units, input_shape, weight_seed=0, **kwargs):
    """Keras's layer and ours, built, with the same random weights."""
    pair = case.layer(units, keras.layers, **kwargs), case.layer(units, **kwargs)
    for layer in pair:
        layer.build(input_shape)
    copy_random_weights(*pair, seed=weight_seed)
    return pair


def copy_random_weights(*layers, seed=0):
    """Gives layers or models of the same structure the same random weights."""
    rng = np.random.default_rng(seed)
    weights = [rng.standard_normal(w.shape) * max(w.shape[0], 1) ** -0.5 for w in layers[0].weights]
    for layer in layers:
        layer.set_weights(weights)


def random_mask(batch, time, seed=0):
    """A first row that is masked at both ends and between, random rows, and one without steps."""
    mask = np.random.default_rng(seed).random([batch, time]) > 0.4
    mask[:1] = np.arange(time) % 2 == 1
    mask[:1, -1:] = False
    if batch > 1:
        mask[-1] = False
    return mask
