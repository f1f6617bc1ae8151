"""Layers of the shape of `tf.contrib.cudnn_rnn.CudnnLSTM` and `CudnnGRU`, without cuDNN."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf

from tfrnn_ops.v1 import _loops
from tfrnn_ops.v1._arguments import as_size, check_dense, dimensions
from tfrnn_ops.v1._block import CudnnCompatibleGRUCell, CudnnCompatibleLSTMCell
from tfrnn_ops.v1._dropout import DropoutWrapper
from tfrnn_ops.v1._lstm import LSTMStateTuple
from tfrnn_ops.v1._multi import MultiRNNCell

v1 = tf.compat.v1


class CudnnRNN(tf.Module):
    """Layers one upon another, in one or both directions.

    Their variables are those of `CudnnCompatibleLSTMCell` and `CudnnCompatibleGRUCell` in a
    `MultiRNNCell` or in `stack_bidirectional_dynamic_rnn`, in a scope of the layer's name. Under
    these names TF1 saved the weights of its cuDNN layers, so its checkpoints load. There is no
    `opaque_kernel`.

    Args:
        num_layers: how many layers.
        num_units: the size of the state, and of the output in each direction.
        input_mode: what becomes of the inputs of the first layer: "linear_input" multiplies them by
            a matrix; "skip_input" adds them to every gate as they are, and needs `num_units`
            features; "auto_select" is "skip_input" where that is possible.
        direction: "unidirectional" or "bidirectional".
        dropout: the rate of dropout between the layers, in training.
        seed: makes its random numbers repeatable, together with the graph's seed.
        dtype: the dtype of everything.
        kernel_initializer: initializer of the matrix of each gate, `[num_units, width]`;
            Glorot's uniform one by default.
        bias_initializer: initializer of cuDNN's two biases of each gate; zeros by default.
        name: the name of the layer, "cudnn_lstm" or "cudnn_gru" by default, and of its variable
            scope, numbered where the scope has been opened already.

    Raises:
        TypeError: a size is no integer.
        ValueError: an argument is none of those values.
    """

    rnn_mode: str
    _cell_class: Callable[..., Any]

    def __init__(
        self,
        num_layers: int,
        num_units: int,
        input_mode: str = "linear_input",
        direction: str = "unidirectional",
        dropout: float = 0.0,
        seed: int | None = None,
        dtype: Any = tf.float32,
        kernel_initializer: Any = None,
        bias_initializer: Any = None,
        name: str | None = None,
    ):
        super().__init__(name=name)
        if input_mode not in ("linear_input", "skip_input", "auto_select"):
            raise ValueError(
                f"input_mode is {input_mode!r}; expected 'linear_input', 'skip_input' or "
                "'auto_select'"
            )
        if tf.as_dtype(dtype) not in (tf.float16, tf.float32, tf.float64):
            raise ValueError(f"dtype is {dtype!r}; expected float16, float32 or float64")
        if direction not in ("unidirectional", "bidirectional"):
            raise ValueError(
                f"direction is {direction!r}; expected 'unidirectional' or 'bidirectional'"
            )
        if not 0 <= dropout <= 1:
            raise ValueError(f"dropout is {dropout}; expected a number between 0 and 1")
        self.num_layers = as_size("num_layers", num_layers)
        self.num_units = as_size("num_units", num_units)
        self.input_mode = input_mode
        self.direction = direction
        self.dtype = tf.as_dtype(dtype)
        self._dropout = dropout
        self._seed = seed
        kernels = kernel_initializer or v1.glorot_uniform_initializer(seed=seed)
        biases = bias_initializer or v1.zeros_initializer()
        self._cells = [
            self._cell_class(
                self.num_units,
                kernel_initializer=_by_gates(kernels, self.num_units),
                bias_initializer=_by_gates(biases, self.num_units),
            )
            for _ in range(self.num_layers * self.num_dirs)
        ]
        self._scope: Any = None

    @property
    def num_dirs(self) -> int:
        """The number of directions."""
        return 2 if self.direction == "bidirectional" else 1

    def state_shape(self, batch_size: int) -> tuple[list[int], ...]:
        """The shapes of the tensors of a state."""
        shape = [self.num_layers * self.num_dirs, batch_size, self.num_units]
        return (shape,) * (2 if self.rnn_mode == "lstm" else 1)

    def __call__(
        self,
        inputs: Any,
        initial_state: tuple[Any, ...] | None = None,
        sequence_lengths: Any = None,
        time_major: bool = True,
        training: bool = True,
        scope: Any = None,
    ) -> tuple[Any, tuple[Any, ...]]:
        """Runs the layers.

        Args:
            inputs: `[time, batch, features]`, or `[batch, time, features]` if not `time_major`.
            initial_state: `(h, c)` of an LSTM, `(h,)` of a GRU, each
                `[layers * directions, batch, num_units]`, or with the batch first if not
                `time_major`; zeros by default.
            sequence_lengths: integers `[batch]`: after so many steps of a sequence its outputs
                are zeros, and its state stays.
            time_major: whether time is the first axis.
            training: whether to drop out.
            scope: the variable scope to open in the first call, a name or a
                `tf.compat.v1.VariableScope`; the layer's name by default. TF1 saved the weights of
                a layer whose `build` was called first without it: these load into
                `scope=tf.compat.v1.get_variable_scope()`.

        Returns:
            `(outputs, state)`: the outputs of the last layer, of both directions concatenated, and
            the state, in the shape of `initial_state`.

        Raises:
            TypeError: `initial_state` is no tuple, or `inputs` is ragged.
            ValueError: `initial_state` has another number of tensors, `inputs` has not three axes
                or its last one is unknown, or "skip_input" finds another number of features than
                `num_units`.
        """
        if initial_state is not None and not isinstance(initial_state, tuple):
            raise TypeError(f"initial_state is {initial_state!r}; expected a tuple")
        check_dense(inputs)
        inputs = tf.convert_to_tensor(inputs, self.dtype)
        self._choose_input_mode(inputs)
        states = self._split(initial_state, inputs, time_major)
        dropout = self._dropout if training else 0.0
        options = {"sequence_length": sequence_lengths, "time_major": time_major}
        run = self._run_both if self.num_dirs == 2 else self._run_forward
        with self._variable_scope(scope):
            outputs, new_states = run(inputs, states, dropout, options)
        parts = zip(*new_states, strict=True)
        return outputs, tuple(tf.stack(part, 0 if time_major else 1) for part in parts)

    @contextlib.contextmanager
    def _variable_scope(self, scope: Any) -> Iterator[None]:
        if self._scope is None:
            with v1.variable_scope(scope, default_name=self.name) as self._scope:
                yield
            return
        with (
            v1.variable_scope(self._scope, auxiliary_name_scope=False) as entered,
            tf.name_scope(entered.original_name_scope),
        ):
            yield

    def _choose_input_mode(self, inputs: Any) -> None:
        """Tells the first layer, which has no variables yet, what to do with its inputs."""
        features = dimensions(inputs)[2] if inputs.shape.rank == 3 else None
        if features is None:
            raise ValueError(
                f"inputs has shape {inputs.shape}; expected three axes, of which the last is known"
            )
        if self.input_mode == "skip_input" and features != self.num_units:
            raise ValueError(
                f"input_mode is 'skip_input', but inputs has {features} features; expected "
                f"{self.num_units}, as num_units"
            )
        for cell in self._cells[: self.num_dirs]:
            if not cell.built and features == self.num_units:
                cell._skips_input = self.input_mode != "linear_input"

    def _run_forward(
        self, inputs: Any, states: list[Any], dropout: float, options: dict[str, Any]
    ) -> tuple[Any, list[Any]]:
        *inner, last = self._cells
        if dropout:
            inner = [
                DropoutWrapper(
                    cell, output_keep_prob=1.0 - dropout, seed=self._seed and self._seed + i
                )
                for i, cell in enumerate(inner)
            ]
        outputs, new_states = _loops.dynamic_rnn(
            MultiRNNCell([*inner, last]), inputs, initial_state=tuple(states), **options
        )
        return outputs, [_tensors(state) for state in new_states]

    def _run_both(
        self, inputs: Any, states: list[Any], dropout: float, options: dict[str, Any]
    ) -> tuple[Any, list[Any]]:
        new_states = []
        with v1.variable_scope("stack_bidirectional_rnn"):
            for layer in range(self.num_layers):
                fw, bw = 2 * layer, 2 * layer + 1
                with v1.variable_scope(f"cell_{layer}"):
                    outputs, both = _loops.bidirectional_dynamic_rnn(
                        self._cells[fw],
                        self._cells[bw],
                        inputs,
                        initial_state_fw=states[fw],
                        initial_state_bw=states[bw],
                        **options,
                    )
                inputs = tf.concat(outputs, 2)
                if dropout and layer + 1 < self.num_layers:
                    seed = self._seed and self._seed + layer
                    inputs = tf.nn.dropout(inputs, dropout, seed=seed)
                new_states += [_tensors(state) for state in both]
        return inputs, new_states

    def _split(self, initial_state: Any, inputs: Any, time_major: bool) -> list[Any]:
        """The initial state of each cell."""
        count = self.num_layers * self.num_dirs
        if initial_state is None:
            axis = 1 if time_major else 0
            batch = dimensions(inputs)[axis]
            batch_size = tf.shape(inputs)[axis] if batch is None else batch
            return [cell.zero_state(batch_size, self.dtype) for cell in self._cells]
        kinds = ("h", "c") if self.rnn_mode == "lstm" else ("h",)
        if len(initial_state) != len(kinds):
            raise ValueError(
                f"initial_state has {len(initial_state)} tensor(s); expected {len(kinds)}: "
                f"{', '.join(kinds)}"
            )
        parts = [tf.unstack(s, count, 0 if time_major else 1) for s in initial_state]
        if self.rnn_mode == "lstm":
            return [LSTMStateTuple(c, h) for h, c in zip(*parts, strict=True)]
        return list(parts[0])


class CudnnLSTM(CudnnRNN):
    __doc__ = "An LSTM, as `tf.contrib.cudnn_rnn.CudnnLSTM`.\n" + (CudnnRNN.__doc__ or "")
    rnn_mode = "lstm"
    _cell_class = CudnnCompatibleLSTMCell


class CudnnGRU(CudnnRNN):
    __doc__ = "A GRU, as `tf.contrib.cudnn_rnn.CudnnGRU`.\n" + (CudnnRNN.__doc__ or "")
    rnn_mode = "gru"
    _cell_class = CudnnCompatibleGRUCell


def _tensors(state: Any) -> tuple[Any, ...]:
    """A cell's state in cuDNN's order."""
    return (state.h, state.c) if isinstance(state, LSTMStateTuple) else (state,)


def _by_gates(initializer: Any, units: int) -> Callable[..., Any]:
    """An initializer of a cell's variable from one of cuDNN's, which has a tensor for each gate."""

    def first(shape: Any, dtype: Any = None, partition_info: Any = None) -> Any:
        *rows, columns = tf.TensorShape(shape).as_list()
        gates = columns // units
        if not rows:  # where one bias stands for two, it is their sum
            biases = [
                [initializer([units], dtype=dtype) for _ in range(gates)]
                for _ in range(1 if gates == 1 else 2)
            ]
            # The sum comes first: `Variable.load` feeds the result, and TensorFlow's optimizer of
            # graphs would compute a sum that is fed.
            return tf.concat([tf.add_n(both) for both in zip(*biases, strict=True)], 0)
        # Of inputs and state, unless they have a variable each.
        heights = rows if gates == 1 else [rows[0] - units, units]
        blocks = [
            [tf.transpose(initializer([units, n], dtype=dtype)) for _ in range(gates)]
            for n in heights
        ]
        return tf.concat([tf.concat(block, 1) for block in blocks], 0)

    return first
