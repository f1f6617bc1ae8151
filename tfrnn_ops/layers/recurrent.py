"""What the layers share."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tfrnn_ops._arguments import as_mask
from tfrnn_ops.layers.base import Recurrent, as_tensor
from tfrnn_ops.layers.initializers import bfloat16_initializers
from tfrnn_ops.path import Request, decide


class RecurrentLayer(Recurrent, keras.layers.RNN):
    """The base of the layers, which comes before the Keras class that it speeds up.

    Args:
        units: the width of the output and of the states.
        *args: the Keras class's other arguments.
        time_major: whether time is the first axis of sequences, masks and outputs.
        **kwargs: the Keras class's other arguments.

    Raises:
        TypeError: `time_major` is not a bool.
    """

    def __init__(self, units: int, *args: Any, time_major: bool = False, **kwargs: Any):
        if not isinstance(time_major, bool):
            raise TypeError(f"time_major is {time_major!r}; expected a bool")
        super().__init__(units, *args, **kwargs)
        self.time_major = time_major
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
        return self._request_of(self.cell, training, self.unroll)

    def build(self, sequences_shape: Any, initial_state_shape: Any = None) -> None:
        """Makes the weights and, if stateful, the states."""
        with bfloat16_initializers(self.cell):
            super().build(self._swap_if_time_major(sequences_shape))

    def compute_output_shape(self, sequences_shape: Any, initial_state_shape: Any = None) -> Any:
        """The shape of what `call` returns."""
        shape = super().compute_output_shape(self._swap_if_time_major(sequences_shape))
        if not self.return_sequences:
            return shape
        if self.return_state:
            return self._swap_if_time_major(shape[0]), *shape[1:]
        return self._swap_if_time_major(shape)

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
            sequences: `[batch, time, features]`, or `[time, batch, features]` if `time_major`.
            initial_state: the states, each `[batch, units]`; None for those that a stateful layer
                has kept, or zeros.
            mask: boolean, the first two axes of `sequences`; steps where it is False are skipped.
            training: whether dropout is in force.
            sequence_length: integers `[batch]`: how many steps of each sequence count; with a
                mask, both hold. It does not become a mask of the output.

        Returns:
            The output: with `return_sequences` that of every step, laid out as `sequences`, in
            the order of processing; otherwise that of the last. With `return_state` a tuple of
            it and the final states.

        Raises:
            ValueError: a shape does not fit, or `use_cudnn` is True.
            tf.errors.InvalidArgumentError: as for the function of the same name.
        """
        # Keras's own `call` reads the first step of the sequences, and fails if there is none.
        if mask is None and sequence_length is not None:
            # With a second tensor argument Keras does not look for the mask of `sequences`.
            mask = getattr(sequences, "_keras_mask", None)
        dtype = self.cell.compute_dtype
        sequences = as_tensor(sequences, dtype)
        self._check_sizes(sequences.shape)
        if initial_state is None and self.stateful:
            initial_state = self.states
        if initial_state is None:
            batch, *_ = self._swap_if_time_major(sequences.shape)
            if batch is None:
                batch = tf.shape(sequences)[1 if self.time_major else 0]
            initial_state = self.get_initial_state(batch)
        initial_state = [as_tensor(state, dtype) for state in tf.nest.flatten(initial_state)]
        mask = as_mask(_one_mask(mask, sequences), sequence_length, sequences, self.time_major)
        try:
            self._draw_dropout_masks(sequences, initial_state)
            last_output, outputs, states = self.inner_loop(sequences, initial_state, mask, training)
        finally:
            self.cell.reset_dropout_mask()
            self.cell.reset_recurrent_dropout_mask()
        if self.stateful:
            for variable, state in zip(self.states, states, strict=True):
                variable.assign(state)
        output = as_tensor(outputs if self.return_sequences else last_output, self.compute_dtype)
        if not self.return_state:
            return output
        return output, *(as_tensor(state, self.compute_dtype) for state in states)

    def _draw_dropout_masks(self, sequences: Any, initial_state: list[Any]) -> None:
        """Draws what Keras draws, in its order and in force or not, so that seeds agree."""
        if self.cell.dropout:
            self.cell.get_dropout_mask(self._edge(sequences, slice(1)))
        if self.cell.recurrent_dropout:
            self.cell.get_recurrent_dropout_mask(initial_state[0])

    def inner_loop(
        self, sequences: Any, initial_state: Any, mask: Any, training: Any = False
    ) -> tuple[Any, Any, list[Any]]:
        """Runs all steps; `call` has prepared the arguments and drawn the dropout masks.

        Returns:
            `(last_output, outputs, states)`; with `return_sequences` there is no last output.

        Raises:
            ValueError: `use_cudnn` is True.
        """
        if getattr(self, "use_cudnn", False) is True:
            raise ValueError(
                f"use_cudnn is True in layer {self.name!r}, but tfrnn_ops runs its own kernels, "
                "never cuDNN's; expected 'auto' or False"
            )
        outputs, states = self._run(
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
        if self.return_sequences:
            last_output = None
        elif mask is None and outputs.shape[0 if self.time_major else 1]:
            last_output = states[0]
        else:  # not the last state, if the last step is masked or there are no steps
            last_output = self._edge(outputs, slice(-1, None))
        return last_output, outputs, list(states)

    def _edge(self, sequences: Any, step: slice) -> Any:
        """The first or last step `[batch, features]`, zeros if there are no steps."""
        axis = 0 if self.time_major else 1
        return tf.reduce_sum(sequences[step] if self.time_major else sequences[:, step], axis)

    def _check_sizes(self, shape: Any) -> None:
        batch, time, _ = self._swap_if_time_major(shape)
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
        """Keras's configuration, and `time_major`."""
        return {**super().get_config(), "time_major": self.time_major}


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
