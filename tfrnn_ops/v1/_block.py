"""Contrib's LSTM and GRU cells that once were single ops, and those compatible with cuDNN.

They compute what their plain siblings do, so they are those, with other names for some variables;
over whole sequences they run in the fused ops like them.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfrnn_ops.v1 import _loops, _sequence
from tfrnn_ops.v1._arguments import check_dense, dimensions, known_features
from tfrnn_ops.v1._cells import GRUCell
from tfrnn_ops.v1._lstm import LSTMCell, LSTMStateTuple

v1 = tf.compat.v1


class LSTMBlockCell(LSTMCell):
    """`LSTMCell` under the name and with the arguments of `tf.contrib.rnn.LSTMBlockCell`.

    Args:
        num_units: the size of the state and the output.
        forget_bias: added to the forget gate at every step; no variable holds it.
        cell_clip: bound of the values of the memory cell; None, 0 or less for none.
        use_peephole: whether gates see the memory cell.
        dtype: see `RNNCell`.
        reuse: see `RNNCell`.
        name: see `RNNCell`; that of `LSTMCell` by default, whose checkpoints fit.
    """

    def __init__(
        self,
        num_units: int,
        forget_bias: float = 1.0,
        cell_clip: float | None = None,
        use_peephole: bool = False,
        dtype: Any = None,
        reuse: Any = None,
        name: str | None = "lstm_cell",
    ):
        super().__init__(
            num_units,
            use_peepholes=use_peephole,
            cell_clip=cell_clip if cell_clip is not None and cell_clip > 0 else None,
            forget_bias=forget_bias,
            reuse=reuse,
            name=name,
            dtype=dtype,
        )


class LSTMBlockFusedCell(LSTMBlockCell):
    """An LSTM over whole sequences, time first, as `tf.contrib.rnn.LSTMBlockFusedCell`.

    Args:
        num_units: see `LSTMBlockCell`.
        forget_bias: see `LSTMBlockCell`.
        cell_clip: see `LSTMBlockCell`.
        use_peephole: see `LSTMBlockCell`.
        reuse: see `RNNCell`.
        dtype: see `RNNCell`.
        name: see `RNNCell`.
    """

    def __init__(
        self,
        num_units: int,
        forget_bias: float = 1.0,
        cell_clip: float | None = None,
        use_peephole: bool = False,
        reuse: Any = None,
        dtype: Any = None,
        name: str | None = "lstm_fused_cell",
    ):
        super().__init__(num_units, forget_bias, cell_clip, use_peephole, dtype, reuse, name)

    @property
    def num_units(self) -> int:
        """The size of the state and the output."""
        return self._num_units

    def __call__(  # type: ignore[override]  # over whole sequences
        self,
        inputs: Any,
        initial_state: Any = None,
        dtype: Any = None,
        sequence_length: Any = None,
        scope: Any = None,
    ) -> tuple[Any, LSTMStateTuple]:
        """Runs the layer.

        Args:
            inputs: `[time, batch, features]`, or a list of `[batch, features]`.
            initial_state: a pair `(c, h)` of `[batch, num_units]`; zeros by default.
            dtype: the dtype of the state; needed without `initial_state`.
            sequence_length: integers `[batch]`: after so many steps of a sequence its outputs are
                zeros, and its state stays.
            scope: the variable scope to open in the first call; see `RNNCell.__call__`.

        Returns:
            `(outputs, state)`: the outputs at every step, a list if `inputs` is one, and the last
            `LSTMStateTuple`.

        Raises:
            TypeError: `inputs` is ragged.
            ValueError: neither `initial_state` nor `dtype` is given, or a shape does not fit.
        """
        check_dense(inputs)
        sequence = tf.stack(inputs) if isinstance(inputs, list) else tf.convert_to_tensor(inputs)
        if sequence.shape.rank != 3:
            raise ValueError(f"inputs has shape {sequence.shape}; expected [time, batch, features]")
        _, batch, features = dimensions(sequence)
        if initial_state is None:
            batch_size = tf.shape(sequence)[1] if batch is None else batch
            initial_state = _loops.zero_state(self, batch_size, dtype)
        state = LSTMStateTuple(*self._split_state(initial_state))
        lengths = None if sequence_length is None else _loops.as_lengths(sequence_length, batch)

        def run(sequence: Any, state: Any) -> tuple[Any, Any]:
            reasons = self._not_fused()
            if reasons:
                _loops.warn_of_steps(type(self).__name__, reasons)
                return v1.nn.dynamic_rnn(
                    _Step(self), sequence, lengths, state, time_major=True, scope="steps"
                )
            mask = None
            if lengths is not None:
                mask = tf.transpose(tf.sequence_mask(lengths, tf.shape(sequence)[0]))
            return self._run_sequence(_sequence.Steps(mask, time_major=True), sequence, state)

        shape = tf.TensorShape([batch, features])
        outputs, state = self._run(run, sequence, state, scope, inputs_shape=shape)
        return (tf.unstack(outputs, len(inputs)) if isinstance(inputs, list) else outputs), state


class _Step:
    """One step of a layer, as a cell: the layer's variables have been made."""

    def __init__(self, layer: LSTMBlockFusedCell):
        self.state_size = layer.state_size
        self.output_size = layer.output_size
        self.zero_state = layer.zero_state
        self._call = layer.call

    def __call__(self, inputs: Any, state: Any) -> tuple[Any, Any]:
        return self._call(inputs, state)


class GRUBlockCell(GRUCell):
    """`GRUCell` as `tf.contrib.rnn.GRUBlockCell`, with its names for the variables.

    Variables are `w_ru`, `b_ru`, `w_c` and `b_c`.

    Args:
        num_units: the size of the state and the output.
        cell_size: the same, by an older name.
        reuse: see `RNNCell`.
        name: see `RNNCell`.

    Raises:
        ValueError: none, or both, of `num_units` and `cell_size` are given.
    """

    _variables = ("w_ru", "b_ru", "w_c", "b_c")

    def __init__(
        self,
        num_units: int | None = None,
        cell_size: int | None = None,
        reuse: Any = None,
        name: str | None = "gru_cell",
    ):
        given = [size for size in (num_units, cell_size) if size is not None]
        if len(given) != 1:
            raise ValueError(
                f"found num_units={num_units}, cell_size={cell_size}; expected one of them"
            )
        super().__init__(given[0], reuse=reuse, name=name)


class GRUBlockCellV2(GRUBlockCell):
    """`GRUBlockCell` with the names of `GRUCell` for the variables, whose checkpoints fit."""

    _variables = GRUCell._variables


class CudnnCompatibleLSTMCell(LSTMBlockCell):
    """An LSTM that computes what cuDNN's does: `forget_bias` is 0.

    Args:
        num_units: the size of the state and the output.
        reuse: see `RNNCell`.
        kernel_initializer: initializer of the kernel; the scope's by default.
        bias_initializer: initializer of the bias; zeros by default.
    """

    def __init__(
        self,
        num_units: int,
        reuse: Any = None,
        kernel_initializer: Any = None,
        bias_initializer: Any = None,
    ):
        super().__init__(num_units, forget_bias=0.0, reuse=reuse, name=None)
        self._initializer = kernel_initializer
        self._bias_initializer = bias_initializer

    # Whether inputs go to every gate as they are, in `input_mode="skip_input"` of `CudnnLSTM`.
    _skips_input = False

    def build(self, inputs_shape: Any) -> None:
        super().build([None, 0] if self._skips_input else inputs_shape)

    def _matrix(self) -> Any:
        if not self._skips_input:
            return self._kernel
        return tf.concat([_same_for_gates(self._kernel), self._kernel], 0)


class CudnnCompatibleGRUCell(GRUCell):
    """A GRU that computes what cuDNN's does: it resets the state after the product.

        r, u = split(sigmoid([x[t], h[t-1]] gate_kernel + gate_bias))
        h[t] = u * h[t-1] + (1 - u) * tanh(x[t] W + b + r * (h[t-1] R + d))

    Variables: `gates/kernel`, `gates/bias` as `GRUCell` has; `candidate/input_projection/kernel`
    and `bias` for `W` and `b`, `candidate/hidden_projection/kernel` and `bias` for `R` and `d`.

    Args:
        num_units: the size of the state and the output.
        reuse: see `RNNCell`.
        kernel_initializer: see `GRUCell`.
        bias_initializer: see `GRUCell`.
    """

    def __init__(
        self,
        num_units: int,
        reuse: Any = None,
        kernel_initializer: Any = None,
        bias_initializer: Any = None,
    ):
        super().__init__(
            num_units,
            reuse=reuse,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
        )

    # See `CudnnCompatibleLSTMCell`.
    _skips_input = False

    def build(self, inputs_shape: Any) -> None:
        features, units = known_features(self, inputs_shape), self._num_units
        features = 0 if self._skips_input else features
        biases = self._bias_initializer
        ones, zeros = (
            (v1.ones_initializer(), v1.zeros_initializer()) if biases is None else (biases, biases)
        )
        kernels = self._kernel_initializer

        def projection(scope: str, shape: list[int], bias_initializer: Any) -> tuple[Any, Any]:
            kernel = (
                self.add_weight(f"{scope}/kernel", shape, initializer=kernels) if shape[0] else None
            )
            return kernel, self.add_weight(f"{scope}/bias", shape[1:], initializer=bias_initializer)

        self._gate_weights = projection("gates", [features + units, 2 * units], ones)
        self._input_projection = projection("candidate/input_projection", [features, units], zeros)
        self._hidden_projection = projection("candidate/hidden_projection", [units, units], zeros)

    def _kernels(self) -> tuple[Any, Any]:
        """What inputs and state are multiplied by for the gates, and inputs for the candidate."""
        gates, candidate = self._gate_weights[0], self._input_projection[0]
        if not self._skips_input:
            return gates, candidate
        return tf.concat([_same_for_gates(gates), gates], 0), tf.eye(
            self._num_units, dtype=gates.dtype
        )

    def call(self, inputs: Any, state: Any) -> tuple[Any, Any]:
        gate_kernel, kernel = self._kernels()
        gates = tf.matmul(tf.concat([inputs, state], 1), gate_kernel) + self._gate_weights[1]
        r, u = tf.split(tf.sigmoid(gates), 2, axis=1)
        bias = self._input_projection[1]
        recurrent_kernel, recurrent_bias = self._hidden_projection
        hidden = tf.matmul(state, recurrent_kernel) + recurrent_bias
        candidate = tf.tanh(tf.matmul(inputs, kernel) + bias + r * hidden)
        h = u * state + (1 - u) * candidate
        return h, h

    def _fused_call(self, inputs: Any, state: Any) -> _sequence.Call:
        gate_kernel, candidate_kernel = self._kernels()
        recurrent_kernel, recurrent_bias = self._hidden_projection
        kernel, recurrent, bias = _sequence.gru_weights(
            gate_kernel,
            self._gate_weights[1],
            tf.concat([candidate_kernel, recurrent_kernel], 0),
            self._input_projection[1],
            dimensions(inputs)[-1],
        )
        recurrent_bias = tf.pad(recurrent_bias, [[2 * self._num_units, 0]])
        biases = tf.stack([bias, recurrent_bias])
        weights = (kernel, recurrent, biases)
        return _sequence.Call(self._kind, [state], weights, {"reset_after": True})


def _same_for_gates(kernel: Any) -> Any:
    """A kernel of inputs that all gates get as they are, next to one of the state."""
    units, columns = dimensions(kernel)
    return tf.tile(tf.eye(units, dtype=kernel.dtype), [1, columns // units])
