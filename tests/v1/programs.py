"""Runs the same program over this package's cells and over TensorFlow's own, in every mode.

TensorFlow still ships TF1's cells, under a private name: they are the truth to compare with.
"""

import dataclasses
import types
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.keras.layers.legacy_rnn import rnn_cell_impl
from tolerance import assert_close

import tfrnn_ops.v1

v1 = tf.compat.v1
ours = tfrnn_ops.v1
_CELLS = (
    "BasicLSTMCell",
    "BasicRNNCell",
    "DeviceWrapper",
    "DropoutWrapper",
    "GRUCell",
    "LSTMCell",
    "LSTMStateTuple",
    "MultiRNNCell",
    "RNNCell",
    "ResidualWrapper",
)
_LOOPS = (
    "bidirectional_dynamic_rnn",
    "dynamic_rnn",
    "raw_rnn",
    "static_bidirectional_rnn",
    "static_rnn",
    "static_state_saving_rnn",
)
theirs = types.SimpleNamespace(
    **{name: getattr(rnn_cell_impl, name) for name in _CELLS},
    **{name: getattr(v1.nn, name) for name in _LOOPS},
)


def makers(units: int) -> dict[str, Callable[[Any], Any]]:
    """A cell of every kind, made by the library that is given."""
    return {
        "rnn": lambda m: m.BasicRNNCell(units),
        "gru": lambda m: m.GRUCell(units),
        "lstm": lambda m: m.LSTMCell(units),
        "flat lstm": lambda m: m.BasicLSTMCell(units, state_is_tuple=False),
        "peepholes": lambda m: m.LSTMCell(units, use_peepholes=True, num_proj=2, cell_clip=0.5),
    }


@dataclasses.dataclass
class Program:
    """A program over either library.

    Attributes:
        make: `make(library)` makes the cells.
        call: `call(library, cells, *inputs)` returns tensors, maybe nested.
        inputs: arrays; the floating ones are differentiated by.
    """

    make: Callable[..., Any]
    call: Callable[..., Any]
    inputs: tuple[np.ndarray, ...]

    def in_graph(self, library, use_resource=None):
        """Runs in a TF1 graph: `(variables, results)`, shapes by name and a list of arrays."""
        with tf.Graph().as_default(), v1.Session() as session:
            if use_resource is not None:
                v1.get_variable_scope().set_use_resource(use_resource)
            fed = [v1.placeholder(a.dtype, [None, *a.shape[1:]]) for a in self.inputs]
            values = tf.nest.flatten(self.call(library, self.make(library), *fed))
            variables = sorted(v1.global_variables(), key=lambda v: v.name)
            wanted = [f for f in fed if f.dtype.is_floating] + variables
            gradients = v1.gradients(_sum(values), wanted)
            session.run(
                [v1.assign(v, a) for v, a in zip(variables, _values(variables), strict=True)]
            )
            results = session.run([*values, *gradients], dict(zip(fed, self.inputs, strict=True)))
        return {v.name: v.shape.as_list() for v in variables}, results

    def in_tf2(self, library, function=False):
        """Runs eagerly or in a `tf.function`; the gradients are sorted as `in_graph` does."""
        cells = self.make(library)

        def call(*inputs):
            return tf.nest.flatten(self.call(library, cells, *inputs))

        call = tf.function(call) if function else call
        inputs = [tf.constant(a) for a in self.inputs]
        call(*inputs)  # makes the variables
        variables = [v for cell in tf.nest.flatten(cells) for v in cell.weights]
        variables.sort(key=lambda v: v.name)
        for variable, value in zip(variables, _values(variables), strict=True):
            variable.assign(value)
        wanted = [i for i in inputs if i.dtype.is_floating] + variables
        with tf.GradientTape() as tape:
            tape.watch(wanted)
            values = call(*inputs)
            loss = _sum(values)
        results = [*values, *tape.gradient(loss, wanted)]
        return {v.name: v.shape.as_list() for v in variables}, [r.numpy() for r in results]


def _sum(values):
    """A sum that depends on every element, whether or not shapes are known."""
    return tf.add_n([tf.reduce_sum(tf.sin(3 * v + 0.1)) for v in values])


def _values(variables):
    rng = np.random.default_rng(1)
    return [rng.normal(size=v.shape.as_list()) / 2 for v in variables]


def assert_same(got, want):
    """Compares what two runs returned: the names and shapes of variables, and all numbers."""
    assert got[0] == want[0]
    assert_close(got[1], want[1])
