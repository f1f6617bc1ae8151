"""The LSTM cells."""

from __future__ import annotations

import collections
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


class LSTMStateTuple(collections.namedtuple("LSTMStateTuple", ("c", "h"))):
    """The state of an LSTM: the memory cell `c` and the output `h`, in this order."""

    __slots__ = ()

    @property
    def dtype(self) -> Any:
        """The dtype of both.

        Raises:
            TypeError: they differ.
        """
        if self.c.dtype != self.h.dtype:
            raise TypeError(f"c has dtype {self.c.dtype}, h has {self.h.dtype}; expected the same")
        return self.c.dtype


class LSTMCell(RNNCell):
    """An LSTM, with peepholes, clipping and a projection if asked for.

    With `i, j, f, o = split([x[t], m[t-1]] kernel + bias)`:

        c[t] = sigmoid(f + forget_bias + w_f c[t-1]) * c[t-1]
               + sigmoid(i + w_i c[t-1]) * activation(j)
        m[t] = (sigmoid(o + w_o c[t]) * activation(c[t])) projection

    The terms with `w` are there if `use_peepholes`, `projection` if `num_proj`; `c` is clipped
    by `cell_clip`, `m` by `proj_clip`.

    Source: Sak, Senior & Beaufays, "Long short-term memory recurrent neural network architectures
    for large scale acoustic modeling" (2014).

    Variables: `kernel [features + outputs, 4 * num_units]`, `bias [4 * num_units]`; `w_f_diag`,
    `w_i_diag`, `w_o_diag [num_units]`; `projection/kernel [num_units, num_proj]`.

    Args:
        num_units: the size of `c`.
        use_peepholes: whether gates see the memory cell.
        cell_clip: bound of the values of `c`; None for none.
        initializer: initializer of the kernels and peepholes; the scope's by default.
        num_proj: the size of the output; that of `c`, without a projection, by default.
        proj_clip: bound of the projected output; None for none.
        num_unit_shards: how many parts to split `kernel` into; a partitioner of the variable
            scope does the same.
        num_proj_shards: likewise, for `projection/kernel`.
        forget_bias: added to the forget gate at every step; no variable holds it.
        state_is_tuple: whether the state is an `LSTMStateTuple`, or else `[batch, c and m]`.
        activation: of the candidate and the output: a function, or the name of a Keras one; tanh
            by default.
        reuse: see `RNNCell`.
        name: see `RNNCell`.
        dtype: see `RNNCell`.
        trainable: see `RNNCell`.

    Raises:
        TypeError: a size is no integer.
        ValueError: a size is less than 1, or `dtype` not floating.
    """

    _kind = _cells.LSTM

    def __init__(
        self,
        num_units: int,
        use_peepholes: bool = False,
        cell_clip: float | None = None,
        initializer: Any = None,
        num_proj: int | None = None,
        proj_clip: float | None = None,
        num_unit_shards: int | None = None,
        num_proj_shards: int | None = None,
        forget_bias: float = 1.0,
        state_is_tuple: bool = True,
        activation: Any = None,
        reuse: Any = None,
        name: str | None = None,
        dtype: Any = None,
        trainable: bool = True,
    ):
        super().__init__(trainable=trainable, name=name, dtype=dtype, reuse=reuse)
        check_dtype(f"cell {self.name!r}", self.dtype)
        self._num_units = as_size("num_units", num_units)
        self._use_peepholes = use_peepholes
        self._cell_clip = cell_clip
        self._initializer = initializer
        self._bias_initializer: Any = None
        self._num_proj = None if num_proj in (None, 0) else as_size("num_proj", num_proj)
        self._proj_clip = proj_clip
        self._num_unit_shards = num_unit_shards
        self._num_proj_shards = num_proj_shards
        self._forget_bias = forget_bias
        self._state_is_tuple = state_is_tuple
        self._activation = as_activation(activation)

    @property
    def state_size(self) -> Any:
        sizes = (self._num_units, self.output_size)
        return LSTMStateTuple(*sizes) if self._state_is_tuple else sum(sizes)

    @property
    def output_size(self) -> int:
        return self._num_proj or self._num_units

    def build(self, inputs_shape: Any) -> None:
        features = known_features(self, inputs_shape)
        units = self._num_units
        self._kernel = self.add_weight(
            "kernel",
            [features + self.output_size, 4 * units],
            initializer=self._initializer,
            partitioner=_shards(self._num_unit_shards),
        )
        self._bias = self.add_weight(
            "bias", [4 * units], initializer=self._bias_initializer or v1.zeros_initializer()
        )
        if self._use_peepholes:
            self._w_f_diag, self._w_i_diag, self._w_o_diag = (
                self.add_weight(f"w_{gate}_diag", [units], initializer=self._initializer)
                for gate in "fio"
            )
        if self._num_proj is not None:
            self._proj_kernel = self.add_weight(
                "projection/kernel",
                [units, self._num_proj],
                initializer=self._initializer,
                partitioner=_shards(self._num_proj_shards),
            )

    def call(self, inputs: Any, state: Any) -> tuple[Any, Any]:
        inputs = check_inputs(self, inputs)
        c, m = self._split_state(state)
        product = tf.matmul(tf.concat([inputs, m], 1), self._matrix())
        gates = tf.nn.bias_add(product, self._bias)
        i, j, f, o = tf.split(gates, 4, axis=1)
        f += self._forget_bias
        if self._use_peepholes:
            f += self._w_f_diag * c
            i += self._w_i_diag * c
        c = tf.sigmoid(f) * c + tf.sigmoid(i) * self._activation(j)
        c = _clip(c, self._cell_clip)
        if self._use_peepholes:
            o += self._w_o_diag * c
        m = tf.sigmoid(o) * self._activation(c)
        if self._num_proj is not None:
            m = _clip(tf.matmul(m, self._proj_kernel), self._proj_clip)
        return m, self._join_state(c, m)

    def _matrix(self) -> Any:
        """What inputs and output are multiplied by: `[features + outputs, 4 * num_units]`."""
        return self._kernel

    def _split_state(self, state: Any) -> tuple[Any, Any]:
        if self._state_is_tuple:
            if not isinstance(state, (tuple, list)) or len(state) != 2:
                raise TypeError(
                    f"state of {self.name!r} is {state}; expected an LSTMStateTuple (c, h)"
                )
            c, m = state
            return c, m
        c, m = tf.split(state, [self._num_units, self.output_size], axis=1)
        return c, m

    def _join_state(self, c: Any, m: Any) -> Any:
        return LSTMStateTuple(c, m) if self._state_is_tuple else tf.concat([c, m], 1)

    def _not_fused(self) -> list[str]:
        clips = {"cell_clip": self._cell_clip, "proj_clip": self._proj_clip}
        reasons = [
            f"{name}: the fused op clips by a number above 0 only, not by {bound!r}"
            for name, bound in clips.items()
            if not (bound is None or (isinstance(bound, (int, float)) and bound > 0))
        ]
        return reasons + _sequence.activation_reasons(self._activation)

    def _droppable(self) -> Any:
        return LSTMStateTuple(c=False, h=True) if self._state_is_tuple else False

    def _fused_call(self, inputs: Any, state: Any) -> _sequence.Call:
        c, m = self._split_state(state)
        weights = _sequence.lstm_weights(
            self._matrix(), self._bias, dimensions(inputs)[-1], self.output_size, self._forget_bias
        )
        options = {"activation": self._activation, "cell_clip": self._cell_clip}
        if self._use_peepholes:
            options["peephole"] = tf.stack([self._w_i_diag, self._w_f_diag, self._w_o_diag])
        if self._num_proj is not None:
            options["projection"] = tf.convert_to_tensor(self._proj_kernel)
            options["projection_clip"] = self._proj_clip
        return _sequence.Call(self._kind, [m, c], weights, options)

    def _state_of(self, states: tuple[Any, ...]) -> Any:
        m, c = states
        return self._join_state(c, m)


class BasicLSTMCell(LSTMCell):
    """An LSTM without peepholes, clipping and projection.

    The equations and variables are those of `LSTMCell`.

    Source: Zaremba, Sutskever & Vinyals, "Recurrent neural network regularization" (2014).

    Args:
        num_units: the size of the state and the output.
        forget_bias: see `LSTMCell`.
        state_is_tuple: see `LSTMCell`.
        activation: see `LSTMCell`.
        reuse: see `RNNCell`.
        name: see `RNNCell`.
        dtype: see `RNNCell`.
        trainable: see `RNNCell`.
    """

    def __init__(
        self,
        num_units: int,
        forget_bias: float = 1.0,
        state_is_tuple: bool = True,
        activation: Any = None,
        reuse: Any = None,
        name: str | None = None,
        dtype: Any = None,
        trainable: bool = True,
    ):
        super().__init__(
            num_units,
            forget_bias=forget_bias,
            state_is_tuple=state_is_tuple,
            activation=activation,
            reuse=reuse,
            name=name,
            dtype=dtype,
            trainable=trainable,
        )


def _clip(value: Any, bound: float | None) -> Any:
    return value if bound is None else tf.clip_by_value(value, -bound, bound)


def _shards(count: int | None) -> Any:
    return None if count is None else v1.fixed_size_partitioner(count)
