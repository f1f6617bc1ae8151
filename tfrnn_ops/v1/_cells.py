"""The simple recurrent cell and the GRU."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfrnn_ops import _cells
from tfrnn_ops.v1 import _sequence
from tfrnn_ops.v1._arguments import (
    as_activation,
    as_size,
    check_dtype,
    check_inputs,
    dimensions,
    known_features,
)
from tfrnn_ops.v1._base import RNNCell

v1 = tf.compat.v1


class BasicRNNCell(RNNCell):
    """A fully connected recurrent cell.

        h[t] = activation([x[t], h[t-1]] kernel + bias)

    Source: Elman, "Finding structure in time" (1990).

    Variables: `kernel [features + num_units, num_units]`, `bias [num_units]`.

    Args:
        num_units: the size of the state and the output.
        activation: a function, or the name of a Keras activation; tanh by default.
        reuse: see `RNNCell`.
        name: see `RNNCell`.
        dtype: see `RNNCell`.
        trainable: see `RNNCell`.

    Raises:
        TypeError: a size is no integer.
        ValueError: a size is less than 1, or `dtype` not floating.
    """

    _kind = _cells.SIMPLE_RNN

    def __init__(
        self,
        num_units: int,
        activation: Any = None,
        reuse: Any = None,
        name: str | None = None,
        dtype: Any = None,
        trainable: bool = True,
    ):
        super().__init__(trainable=trainable, name=name, dtype=dtype, reuse=reuse)
        check_dtype(f"cell {self.name!r}", self.dtype)
        self._num_units = as_size("num_units", num_units)
        self._activation = as_activation(activation)

    @property
    def state_size(self) -> int:
        return self._num_units

    @property
    def output_size(self) -> int:
        return self._num_units

    def build(self, inputs_shape: Any) -> None:
        features, units = known_features(self, inputs_shape), self._num_units
        self._kernel = self.add_weight("kernel", [features + units, units])
        self._bias = self.add_weight("bias", [units], initializer=v1.zeros_initializer())

    def call(self, inputs: Any, state: Any) -> tuple[Any, Any]:
        inputs = check_inputs(self, inputs)
        product = tf.matmul(tf.concat([inputs, state], 1), self._kernel)
        h = self._activation(tf.nn.bias_add(product, self._bias))
        return h, h

    def _not_fused(self) -> list[str]:
        return _sequence.activation_reasons(self._activation)

    def _droppable(self) -> bool:
        return True

    def _fused_call(self, inputs: Any, state: Any) -> _sequence.Call:
        kernel = tf.convert_to_tensor(self._kernel)
        kernels = _sequence.split_rows(kernel, dimensions(inputs)[-1], self._num_units)
        weights = (*kernels, self._bias)
        return _sequence.Call(self._kind, [state], weights, {"activation": self._activation})


class GRUCell(RNNCell):
    """A gated recurrent unit that resets the state before the product.

        r, u = split(sigmoid([x[t], h[t-1]] gate_kernel + gate_bias))
        h[t] = u * h[t-1] + (1 - u) * activation([x[t], r * h[t-1]] candidate_kernel
                                                 + candidate_bias)

    Source: Cho et al., "Learning phrase representations using RNN encoder-decoder for statistical
    machine translation" (2014).

    Variables: `gates/kernel [features + num_units, 2 * num_units]`, `gates/bias [2 * num_units]`,
    of ones at first, `candidate/kernel [features + num_units, num_units]` and
    `candidate/bias [num_units]`.

    Args:
        num_units: the size of the state and the output.
        activation: of the candidate: a function, or the name of a Keras one; tanh by default.
        reuse: see `RNNCell`.
        kernel_initializer: initializer of both kernels; the scope's by default.
        bias_initializer: initializer of both biases; ones and zeros by default.
        name: see `RNNCell`.
        dtype: see `RNNCell`.
        trainable: see `RNNCell`.

    Raises:
        TypeError: a size is no integer.
        ValueError: a size is less than 1, or `dtype` not floating.
    """

    _kind = _cells.GRU
    _variables = ("gates/kernel", "gates/bias", "candidate/kernel", "candidate/bias")

    def __init__(
        self,
        num_units: int,
        activation: Any = None,
        reuse: Any = None,
        kernel_initializer: Any = None,
        bias_initializer: Any = None,
        name: str | None = None,
        dtype: Any = None,
        trainable: bool = True,
    ):
        super().__init__(trainable=trainable, name=name, dtype=dtype, reuse=reuse)
        check_dtype(f"cell {self.name!r}", self.dtype)
        self._num_units = as_size("num_units", num_units)
        self._activation = as_activation(activation)
        self._kernel_initializer = kernel_initializer
        self._bias_initializer = bias_initializer

    @property
    def state_size(self) -> int:
        return self._num_units

    @property
    def output_size(self) -> int:
        return self._num_units

    def build(self, inputs_shape: Any) -> None:
        features, units = known_features(self, inputs_shape), self._num_units
        kernels, biases = self._kernel_initializer, self._bias_initializer
        ones = v1.ones_initializer() if biases is None else biases
        zeros = v1.zeros_initializer() if biases is None else biases
        gate_kernel, gate_bias, candidate_kernel, candidate_bias = self._variables
        self._gate_kernel = self.add_weight(
            gate_kernel, [features + units, 2 * units], initializer=kernels
        )
        self._gate_bias = self.add_weight(gate_bias, [2 * units], initializer=ones)
        self._candidate_kernel = self.add_weight(
            candidate_kernel, [features + units, units], initializer=kernels
        )
        self._candidate_bias = self.add_weight(candidate_bias, [units], initializer=zeros)

    def call(self, inputs: Any, state: Any) -> tuple[Any, Any]:
        inputs = check_inputs(self, inputs)
        gates = tf.matmul(tf.concat([inputs, state], 1), self._gate_kernel)
        r, u = tf.split(tf.sigmoid(tf.nn.bias_add(gates, self._gate_bias)), 2, axis=1)
        candidate = tf.matmul(tf.concat([inputs, r * state], 1), self._candidate_kernel)
        candidate = self._activation(tf.nn.bias_add(candidate, self._candidate_bias))
        h = u * state + (1 - u) * candidate
        return h, h

    def _not_fused(self) -> list[str]:
        return _sequence.activation_reasons(self._activation)

    def _droppable(self) -> bool:
        return True

    def _fused_call(self, inputs: Any, state: Any) -> _sequence.Call:
        weights = _sequence.gru_weights(
            self._gate_kernel,
            self._gate_bias,
            self._candidate_kernel,
            self._candidate_bias,
            dimensions(inputs)[-1],
        )
        options = {"reset_after": False, "activation": self._activation}
        return _sequence.Call(self._kind, [state], weights, options)
