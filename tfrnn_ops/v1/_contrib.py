"""More cells of `tf.contrib.rnn`: layer normalization, phases, attention. They run step by step."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from tfrnn_ops.v1._arguments import as_activation, as_size, check_inputs, dimensions
from tfrnn_ops.v1._base import RNNCell
from tfrnn_ops.v1._lstm import LSTMStateTuple
from tfrnn_ops.v1._wrappers import check_cell

v1 = tf.compat.v1


class LayerNormBasicLSTMCell(RNNCell):
    """An LSTM with layer normalization and recurrent dropout.

    As `BasicLSTMCell`, but each gate before its activation, and the new memory cell, is normalized
    over the units, then scaled and shifted by variables; and the candidate is dropped out.

    Source: Ba, Kiros & Hinton, "Layer normalization" (2016); Semeniuta, Severyn & Barth,
    "Recurrent dropout without memory loss" (2016).

    Variables: `kernel`; `gamma` and `beta [num_units]` in `input`, `transform`, `forget`, `output`
    and `state`; without layer normalization `bias` instead of those.

    Args:
        num_units: the size of the state and the output.
        forget_bias: added to the forget gate at every step.
        input_size: must be None.
        activation: of the candidate and the output: a function, or the name of a Keras one.
        layer_norm: whether to normalize.
        norm_gain: the first value of every `gamma`.
        norm_shift: the first value of every `beta`.
        dropout_keep_prob: the probability to keep an element of the candidate, or a tensor of it.
        dropout_prob_seed: makes the random numbers repeatable, together with the graph's seed.
        reuse: see `RNNCell`.

    Raises:
        ValueError: `input_size` is given; contrib never used it.
    """

    def __init__(
        self,
        num_units: int,
        forget_bias: float = 1.0,
        input_size: None = None,
        activation: Any = None,
        layer_norm: bool = True,
        norm_gain: float = 1.0,
        norm_shift: float = 0.0,
        dropout_keep_prob: Any = 1.0,
        dropout_prob_seed: int | None = None,
        reuse: Any = None,
    ):
        super().__init__(reuse=reuse)
        if input_size is not None:
            raise ValueError(f"input_size is {input_size}; expected None, it was never used")
        self._num_units = as_size("num_units", num_units)
        self._forget_bias = forget_bias
        self._activation = as_activation(activation)
        self._layer_norm = layer_norm
        self._gain = v1.constant_initializer(norm_gain)
        self._shift = v1.constant_initializer(norm_shift)
        self._keep = dropout_keep_prob
        self._seed = dropout_prob_seed

    @property
    def state_size(self) -> LSTMStateTuple:
        return LSTMStateTuple(self._num_units, self._num_units)

    @property
    def output_size(self) -> int:
        return self._num_units

    def call(self, inputs: Any, state: Any) -> tuple[Any, Any]:
        c, h = state
        x = tf.concat([check_inputs(self, inputs), h], 1)
        kernel = v1.get_variable("kernel", [dimensions(x)[1], 4 * self._num_units], x.dtype)
        gates = tf.matmul(x, kernel)
        if not self._layer_norm:
            gates += v1.get_variable("bias", [4 * self._num_units], x.dtype)
        i, j, f, o = tf.split(gates, 4, axis=1)
        i, j = self._norm(i, "input"), self._norm(j, "transform")
        f, o = self._norm(f, "forget"), self._norm(o, "output")
        candidate = self._activation(j)
        if not isinstance(self._keep, (int, float)) or self._keep < 1:
            candidate = tf.nn.dropout(candidate, rate=1.0 - self._keep, seed=self._seed)
        c = self._norm(c * tf.sigmoid(f + self._forget_bias) + tf.sigmoid(i) * candidate, "state")
        h = self._activation(c) * tf.sigmoid(o)
        return h, LSTMStateTuple(c, h)

    def _norm(self, values: Any, scope: str) -> Any:
        if not self._layer_norm:
            return values
        with v1.variable_scope(scope):
            shape = [self._num_units]
            gamma = v1.get_variable("gamma", shape, values.dtype, self._gain)
            beta = v1.get_variable("beta", shape, values.dtype, self._shift)
        mean, variance = tf.nn.moments(values, [1], keepdims=True)
        epsilon = 1e-3 if values.dtype == tf.float16 else 1e-12
        return tf.nn.batch_normalization(values, mean, variance, beta, gamma, epsilon)


class PhasedLSTMCell(RNNCell):
    """An LSTM whose units are open in a part of a period of their own, and almost closed else.

    Source: Neil, Pfeiffer & Liu, "Phased LSTM: accelerating recurrent network training for long or
    event-based sequences" (2016).

    Its inputs are a pair: the time `[batch, 1]`, of any floating dtype, and the features.

    Variables: `kernel` and `bias` in `mask_gates`, `new_input` and `output_gate`; `period`,
    `phase` and `ratio_on [num_units]`.

    Args:
        num_units: the size of the state and the output.
        use_peepholes: whether gates see the memory cell.
        leak: how far a closed unit is open.
        ratio_on: the part of the period in which a unit is open, at first.
        trainable_ratio_on: whether it is trained.
        period_init_min: periods begin between this and the next, evenly in the logarithm.
        period_init_max: see `period_init_min`.
        reuse: see `RNNCell`.
    """

    def __init__(
        self,
        num_units: int,
        use_peepholes: bool = False,
        leak: float = 0.001,
        ratio_on: float = 0.1,
        trainable_ratio_on: bool = True,
        period_init_min: float = 1.0,
        period_init_max: float = 1000.0,
        reuse: Any = None,
    ):
        super().__init__(reuse=reuse)
        self._num_units = as_size("num_units", num_units)
        self._use_peepholes = use_peepholes
        self._leak = leak
        self._ratio_on = ratio_on
        self._trainable_ratio_on = trainable_ratio_on
        self._period_range = math.log(period_init_min), math.log(period_init_max)

    @property
    def state_size(self) -> LSTMStateTuple:
        return LSTMStateTuple(self._num_units, self._num_units)

    @property
    def output_size(self) -> int:
        return self._num_units

    def _run(
        self,
        method: Callable[..., Any],
        inputs: Any,
        state: Any,
        scope: Any = None,
        inputs_shape: Any = None,
    ) -> tuple[Any, Any]:
        if self.dtype is None:  # that of the features: the time may have another
            self.dtype = tf.convert_to_tensor(inputs[1]).dtype
        return super()._run(method, inputs, state, scope, inputs_shape)

    def build(self, inputs_shape: Any) -> None:
        units, dtype = [self._num_units], self.dtype
        with tf.init_scope():  # both are drawn when the variables get their values
            period = tf.exp(tf.random.uniform(units, *self._period_range, dtype))
            phase = period * tf.random.uniform(units, dtype=dtype)
        self._period = self.add_weight("period", units, initializer=lambda *_, **__: period)
        self._phase = self.add_weight("phase", units, initializer=lambda *_, **__: phase)
        ratio_on = v1.constant_initializer(self._ratio_on)
        self._on = self.add_weight(
            "ratio_on", units, initializer=ratio_on, trainable=self._trainable_ratio_on
        )

    def call(self, inputs: Any, state: Any) -> tuple[Any, Any]:
        time, x = inputs
        c, h = state
        units = self._num_units
        with v1.variable_scope("mask_gates"):
            seen = [x, h, c] if self._use_peepholes else [x, h]
            i, f = tf.split(tf.sigmoid(linear(seen, 2 * units)), 2, axis=1)
        with v1.variable_scope("new_input"):
            new_c = f * c + i * tf.tanh(linear([x, h], units))
        with v1.variable_scope("output_gate"):
            seen = [x, h, new_c] if self._use_peepholes else [x, h]
            new_h = tf.tanh(new_c) * tf.sigmoid(linear(seen, units))
        k = self._openness(time, x.dtype)
        new_c = k * new_c + (1 - k) * c
        new_h = k * new_h + (1 - k) * h
        return new_h, LSTMStateTuple(new_c, new_h)

    def _openness(self, time: Any, dtype: Any) -> Any:
        """How far each unit is open at a time, `[batch, num_units]`."""
        # In the dtype of the time, which may be exact where the features' is not.
        shifted = time - tf.cast(self._phase, time.dtype)
        length = tf.cast(self._period, time.dtype)
        # The remainder has no gradient where it jumps; elsewhere it is that of its argument.
        rest = shifted + tf.stop_gradient(tf.math.floormod(shifted, length) - shifted)
        ratio = tf.cast(rest / length, dtype)
        rising = 2 * ratio / self._on
        open_ = tf.where(ratio < 0.5 * self._on, rising, 2 - rising)
        return tf.where(ratio < self._on, open_, self._leak * ratio)


class AttentionCellWrapper(RNNCell):
    """A cell that attends to its own last outputs.

    Source: Cheng, Dong & Lapata, "Long short-term memory-networks for machine reading" (2016),
    and Bahdanau, Cho & Bengio, "Neural machine translation by jointly learning to align and
    translate" (2014).

    Variables: those of the cell; `kernel` and `bias` of the inputs; in `attention` `attn_w`,
    `attn_v`, `kernel` and `bias`; `attn_output_projection/kernel` and `bias`.

    Args:
        cell: the cell.
        attn_length: how many outputs it attends to.
        attn_size: the size of the output; the cell's by default.
        attn_vec_size: the width of the attention's inner layer; `attn_size` by default.
        input_size: the width of the inputs of the cell; that of the inputs by default.
        state_is_tuple: whether the state is `(cell state, attention, last outputs)`, or else one
            tensor, their concatenation.
        reuse: see `RNNCell`.

    Raises:
        TypeError: `cell` is no cell, or a size no integer.
        ValueError: a size is less than 1, or the cell's state is a tuple, but
            `state_is_tuple` False.
    """

    def __init__(
        self,
        cell: Any,
        attn_length: int,
        attn_size: int | None = None,
        attn_vec_size: int | None = None,
        input_size: int | None = None,
        state_is_tuple: bool = True,
        reuse: Any = None,
    ):
        super().__init__(reuse=reuse)
        check_cell("cell", cell)
        if tf.nest.is_nested(cell.state_size) and not state_is_tuple:
            raise ValueError(
                f"state_is_tuple is False, but the cell has state_size {cell.state_size}; expected "
                "one number"
            )
        self.cell = cell
        self._length = as_size("attn_length", attn_length)
        self._size = cell.output_size if attn_size is None else as_size("attn_size", attn_size)
        self._width = self._size
        if attn_vec_size is not None:
            self._width = as_size("attn_vec_size", attn_vec_size)
        self._input_size = None if input_size is None else as_size("input_size", input_size)
        self._state_is_tuple = state_is_tuple

    @property
    def state_size(self) -> Any:
        sizes = (self.cell.state_size, self._size, self._size * self._length)
        return sizes if self._state_is_tuple else sum(sizes)

    @property
    def output_size(self) -> int:
        return self._size

    def call(self, inputs: Any, state: Any) -> tuple[Any, Any]:
        if not self._state_is_tuple:
            sizes = [self.cell.state_size, self._size, self._size * self._length]
            state = tf.split(state, sizes, axis=1)
        state, attention, memory = state
        memory = tf.reshape(memory, [-1, self._length, self._size])
        inputs = check_inputs(self, inputs)
        inputs = linear([inputs, attention], self._input_size or dimensions(inputs)[1])
        output, state = self.cell(inputs, state)
        attention = self._attend(tf.concat(tf.nest.flatten(state), 1), memory)
        with v1.variable_scope("attn_output_projection"):
            output = linear([output, attention], self._size)
        memory = tf.concat([memory[:, 1:], output[:, tf.newaxis]], 1)
        new_state = (state, attention, tf.reshape(memory, [-1, self._length * self._size]))
        return output, new_state if self._state_is_tuple else tf.concat(new_state, 1)

    def _attend(self, query: Any, memory: Any) -> Any:
        with v1.variable_scope("attention"):
            shape = [1, 1, self._size, self._width]
            w = v1.get_variable("attn_w", shape, query.dtype)
            v = v1.get_variable("attn_v", [self._width], query.dtype)
            hidden = tf.tensordot(memory, w[0, 0], 1)
            hidden += linear([query], self._width)[:, tf.newaxis]
        weights = tf.nn.softmax(tf.reduce_sum(v * tf.tanh(hidden), 2))
        return tf.reduce_sum(weights[:, :, tf.newaxis] * memory, 1)


def linear(values: Sequence[Any], size: int | None) -> Any:
    """A linear function of tensors `[batch, features]`, with variables `kernel` and `bias`."""
    value = tf.concat(values, 1)
    kernel = v1.get_variable("kernel", [dimensions(value)[1], size], value.dtype)
    bias = v1.get_variable("bias", [size], value.dtype, v1.zeros_initializer())
    return tf.matmul(value, kernel) + bias
