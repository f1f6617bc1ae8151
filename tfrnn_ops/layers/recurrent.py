"""What the layers share."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tfrnn_ops._arguments import as_mask
from tfrnn_ops._execute import Results
from tfrnn_ops.layers.base import Recurrent, as_tensor, broadcast_states
from tfrnn_ops.layers.cell import RecurrentCell, arguments_of, check_has
from tfrnn_ops.layers.ragged import AcceptsRagged
from tfrnn_ops.options import LayerOptions, check_activations, check_bool, check_positive_int
from tfrnn_ops.path import Request, decide


class OwnCell(keras.layers.RNN):
    """Puts a cell of this package in the place of the one that a Keras layer has made.

    It stands between the Keras layer and `keras.layers.RNN`, to which the layer hands its cell, and
    with it the arguments that are not Keras's.
    """

    cell_class: type[RecurrentCell]

    def __init__(self, cell: keras.Layer, *args: Any, **kwargs: Any):
        own = LayerOptions.take(kwargs)
        super().__init__(self.cell_class.like(cell, **own), *args, **kwargs)


class RecurrentLayer(AcceptsRagged, Recurrent, keras.layers.RNN):
    """The base of the layers, which comes before the Keras class that it speeds up.

    Args:
        units: the width of the output and of the states.
        *args: the Keras class's other arguments.
        time_major: whether time is the first axis of sequences, masks and outputs.
        return_cell_states: whether the call returns the cell state of every step too.
        input_dim: the number of features; with it sequences may be integers without that axis.
        **kwargs: the Keras class's other arguments, and those of `LayerOptions`.

    Raises:
        ValueError: the layer has no such option, an option is out of range, or it needs another.
        TypeError: `time_major` or another flag is not a bool.
    """

    def __init__(
        self,
        units: int,
        *args: Any,
        time_major: bool = False,
        return_cell_states: bool = False,
        input_dim: int | None = None,
        **kwargs: Any,
    ):
        if input_dim is not None:
            check_positive_int("input_dim", input_dim, "a number of features above 0, or None")
        check_bool("time_major", time_major)
        check_bool("return_cell_states", return_cell_states)
        check_has(self.kind, {"return_cell_states": return_cell_states})
        check_activations([*args, *kwargs.values()])
        super().__init__(units, *args, **kwargs)
        self.time_major = time_major
        self.return_cell_states = return_cell_states
        self.input_dim = input_dim
        if input_dim is not None:
            self.input_spec = None  # Keras's says three axes; `dense_shape` checks them
        if decide(self.path_request(), anywhere=True).path == "fused":
            self.supports_jit = False  # XLA cannot compile the fused op

    @property
    def zero_output_for_mask(self) -> bool:
        """Whether masked steps put out zeros, not the previous output."""
        return self._zero_output_for_mask

    @zero_output_for_mask.setter
    def zero_output_for_mask(self, value: bool) -> None:
        # keras.layers.Bidirectional sets this on the layers that it made, to True if they return
        # sequences, and later reverses axis 1, which in a time-major sequence is the batch.
        if value and getattr(self, "time_major", False):
            raise ValueError(
                f"zero_output_for_mask of the time-major layer {self.name!r} can only be set in "
                "its constructor; keras.layers.Bidirectional, which sets it later, needs "
                "time_major=False"
            )
        self._zero_output_for_mask = value

    def path_request(self, training: Any = False) -> Request:
        """What decides the path of a call, for `tfrnn_ops.path.decide`."""
        return self.cell.path_request(training, self.unroll, self.return_cell_states)

    def build(self, sequences_shape: Any, initial_state_shape: Any = None) -> None:
        """Makes the weights and, if stateful, the states."""
        super().build(self._swap_if_time_major(self.dense_shape(sequences_shape)))

    def compute_output_shape(self, sequences_shape: Any, initial_state_shape: Any = None) -> Any:
        """The shape of what `call` returns."""
        shapes = super().compute_output_shape(
            self._swap_if_time_major(self.dense_shape(sequences_shape))
        )
        output, *states = shapes if self.return_state else [shapes]
        if self.return_sequences:
            output = self._swap_if_time_major(output)
        shapes = [output, *states]
        if self.return_cell_states:
            shapes.append((*sequences_shape[:2], self.cell.units))
        return tuple(shapes) if len(shapes) > 1 else output

    def compute_mask(self, sequences: Any, mask: Any) -> Any:
        """The masks of what `call` returns."""
        masks = super().compute_mask(sequences, mask)
        if not self.return_cell_states:
            return masks
        return [*(masks if self.return_state else [masks]), tf.nest.flatten(mask)[0]]

    def dense_shape(self, sequences_shape: Any) -> tuple[Any, ...]:
        """The shape of sequences, with the axis of features that integers lack.

        Raises:
            ValueError: it does not fit `input_dim`.
        """
        shape = tuple(sequences_shape)
        if self.input_dim is None:
            return shape
        if len(shape) == 2:
            return (*shape, self.input_dim)
        if len(shape) != 3 or shape[2] not in (None, self.input_dim):
            raise ValueError(
                f"sequences has shape {shape}; expected three axes, the last of {self.input_dim} "
                f"features, or integers without that axis: layer {self.name!r} has "
                f"input_dim={self.input_dim}"
            )
        return shape

    def _as_sequences(self, sequences: Any) -> Any:
        """Floating sequences, or integers that the op gathers rows of the kernel for."""
        if self.input_dim is not None:
            indices = tf.convert_to_tensor(sequences)
            if indices.dtype.is_integer and indices.shape.rank == 2:
                if not self.cell.dropout:
                    return indices
                # Dropout multiplies the features.
                return tf.one_hot(indices, self.input_dim, dtype=self.cell.compute_dtype)
        return as_tensor(sequences, self.cell.compute_dtype)

    def _swap_if_time_major(self, shape: Any) -> tuple[Any, ...]:
        shape = tuple(shape)
        return (shape[1], shape[0], *shape[2:]) if self.time_major else shape

    def call(
        self,
        sequences: Any,
        initial_state: Any = None,
        mask: Any = None,
        training: Any = False,
        sequence_length: Any = None,
    ) -> Any:
        """Runs the layer.

        Args:
            sequences: `[batch, time, features]`, or `[time, batch, features]` if `time_major`; with
                `input_dim` also integers without the last axis, each for a one-hot row.
            initial_state: the states, each `[batch, units]`, or `[1, units]` for the whole batch;
                None for those that a stateful layer has kept, or zeros.
            mask: boolean, the first two axes of `sequences`; steps where it is False are skipped.
            training: whether dropout is in force.
            sequence_length: integers `[batch]`: how many steps of each sequence count; with a
                mask, both hold. It does not become a mask of the output.

        Returns:
            The output: with `return_sequences` that of every step, laid out as `sequences`, in
            the order of processing; otherwise that of the last. With `return_state` a tuple of
            it and the final states. With `return_cell_states` a tuple, too, whose last tensor has
            the cell state after every step, laid out like outputs.

        Raises:
            ValueError: a shape does not fit, or `use_cudnn` is True.
            tf.errors.InvalidArgumentError: as for the function of the same name.
        """
        # Keras's own `call` reads the first step of the sequences, and fails if there is none.
        sequences, mask = self._prepare(sequences, mask, sequence_length)
        initial_state = self._first_states(sequences, initial_state)
        try:
            self._draw_dropout_masks(sequences, initial_state)
            results = self._run_steps(sequences, initial_state, mask, training)
        finally:
            self._forget_dropout_masks()
        self._keep_states(results.final_state)
        returned = [results.outputs if self.return_sequences else self._last(results, mask)]
        if self.return_state:
            returned += results.final_state
        if self.return_cell_states:
            returned.append(results.cell_states)
        returned = [as_tensor(tensor, self.compute_dtype) for tensor in returned]
        return tuple(returned) if len(returned) > 1 else returned[0]

    def _prepare(self, sequences: Any, mask: Any, sequence_length: Any) -> tuple[Any, Any]:
        """Sequences and mask as tensors, from what `call` was given."""
        if getattr(self, "use_cudnn", False) is True:
            raise ValueError(
                f"use_cudnn is True in layer {self.name!r}, but tfrnn_ops runs its own kernels, "
                "never cuDNN's; expected 'auto' or False"
            )
        if mask is None and sequence_length is not None:
            # With a second tensor argument Keras does not look for the mask of `sequences`.
            mask = getattr(sequences, "_keras_mask", None)
        sequences = self._as_sequences(sequences)
        self._check_sizes(sequences.shape)
        mask = as_mask(_one_mask(mask, sequences), sequence_length, sequences, self.time_major)
        return sequences, mask

    def _first_states(self, sequences: Any, initial_state: Any) -> list[Any]:
        """The states to begin with, from what `call` was given."""
        if initial_state is None and self.stateful:
            initial_state = self.states
        if initial_state is None:
            batch, _ = self._swap_if_time_major(sequences.shape[:2])
            if batch is None:
                batch = tf.shape(sequences)[1 if self.time_major else 0]
            initial_state = self.get_initial_state(batch)
        states = [as_tensor(s, self.cell.compute_dtype) for s in tf.nest.flatten(initial_state)]
        return broadcast_states(states, sequences, 1 if self.time_major else 0)

    def _draw_dropout_masks(self, sequences: Any, initial_state: list[Any]) -> None:
        """Draws what Keras draws, in its order and in force or not, so that seeds agree."""
        if self.cell.dropout:
            self.cell.get_dropout_mask(self._edge(sequences, slice(1)))
        if self.path_request().recurrent_dropout:
            self.cell.get_recurrent_dropout_mask(initial_state[0])

    def _forget_dropout_masks(self) -> None:
        self.cell.reset_dropout_mask()
        self.cell.reset_recurrent_dropout_mask()

    def _keep_states(self, final_state: Any) -> None:
        """Makes these the states that a stateful layer begins with in the next call."""
        if self.stateful:
            for variable, state in zip(self.states, final_state, strict=True):
                variable.assign(state)

    def _run_steps(self, sequences: Any, initial_state: Any, mask: Any, training: Any) -> Results:
        return self._run(
            self.cell,
            self.path_request(training),
            sequences,
            initial_state,
            None,
            mask=mask,
            time_major=self.time_major,
            go_backwards=self.go_backwards,
            zero_output_for_mask=self.zero_output_for_mask,
            unroll=self.unroll,
        )

    def _last(self, results: Results, mask: Any) -> Any:
        """The output of the last step."""
        if self._ends_with_a_step(results.outputs, mask):
            return results.final_state[0]
        return self._edge(results.outputs, slice(-1, None))

    def _ends_with_a_step(self, outputs: Any, mask: Any) -> bool:
        """Whether the last output is sure to be the last state.

        It is not if the last step is masked, or there are no steps.
        """
        return mask is None and bool(outputs.shape[0 if self.time_major else 1])

    def _edge(self, sequences: Any, step: slice) -> Any:
        """The first or last step `[batch, features]`, zeros if there are no steps."""
        axis = 0 if self.time_major else 1
        return tf.reduce_sum(sequences[step] if self.time_major else sequences[:, step], axis)

    def _check_sizes(self, shape: Any) -> None:
        batch, time = self._swap_if_time_major(shape[:2])
        if self.unroll and time is None:
            raise ValueError(
                f"unroll needs a static number of steps; layer {self.name!r} found sequences of "
                f"shape {shape}. Give the Input of the model one."
            )
        if self.stateful and batch not in (None, self.states[0].shape[0]):
            raise ValueError(
                f"sequences has batch size {batch}; expected {self.states[0].shape[0]}, that of "
                f"the states that the stateful layer {self.name!r} keeps"
            )

    def get_config(self) -> dict[str, Any]:
        """Keras's configuration, and the arguments of this package that the layer has."""
        own = {name: getattr(self.cell.layer_options, name) for name in arguments_of(self.kind)}
        own |= {"time_major": self.time_major, "input_dim": self.input_dim}
        own["seed"] = self.cell.seed  # which Keras's SimpleRNN leaves out
        if "return_cell_states" in self.kind.options:
            own["return_cell_states"] = self.return_cell_states
        return {**super().get_config(), **own}


def _one_mask(mask: Any, sequences: Any) -> Any:
    """What Keras accepts as a mask, made boolean `[batch, time]` in the layout of `sequences`."""
    if isinstance(mask, (list, tuple)):  # one for each tensor of a nested input
        mask = mask[0]
    if mask is None:
        return None
    mask = tf.cast(mask, tf.bool)
    if mask.shape.rank == 3:
        mask = tf.squeeze(mask, axis=2)
    if mask.shape.rank == 2 and 1 in mask.shape:
        mask = tf.broadcast_to(mask, tf.shape(sequences)[:2])
    return mask
