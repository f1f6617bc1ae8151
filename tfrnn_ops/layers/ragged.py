"""Ragged sequences, for layers that take lengths."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


class AcceptsRagged(keras.Layer):
    """A base of layers over sequences that makes them take a `tf.RaggedTensor` too.

    Its rows become the sequences of a padded batch with their lengths; outputs that are sequences
    come back with the same rows.

    Attributes:
        time_major: whether time is the first axis; a ragged tensor has it second.
        return_sequences: whether the output is a sequence.
        return_cell_states: whether the last thing returned is a sequence, too.
        go_backwards: whether outputs come in reversed order, after those of the padding.
    """

    time_major: bool = False
    return_sequences: bool = False
    return_cell_states: bool = False
    go_backwards: bool = False

    def __call__(self, sequences: Any, *args: Any, **kwargs: Any) -> Any:
        """Keras's method, for dense and ragged sequences.

        Args:
            sequences: the argument of `call`, or a `tf.RaggedTensor` `[batch, (time), features]`.
            *args: the other arguments of `call`.
            **kwargs: the other arguments of `call`.

        Raises:
            ValueError: `sequences` is ragged, and has not that shape; or the layer is time-major,
                or there are a mask or lengths besides.
        """
        if not isinstance(sequences, tf.RaggedTensor):
            return super().__call__(sequences, *args, **kwargs)
        self._check_ragged(sequences, kwargs)
        lengths = sequences.row_lengths()
        padded = sequences.to_tensor()
        results = super().__call__(padded, *args, sequence_length=lengths, **kwargs)
        within = tf.sequence_mask(lengths, tf.shape(padded)[1])
        if self.go_backwards:
            within = tf.reverse(within, [1])

        def rows(outputs: Any) -> Any:
            return sequences.with_flat_values(tf.boolean_mask(outputs, within))

        if not isinstance(results, (list, tuple)):
            return rows(results) if self.return_sequences else results
        results = list(results)
        if self.return_sequences:
            count = self._sequences_returned()
            results[:count] = map(rows, results[:count])
        if self.return_cell_states:
            results[-1] = rows(results[-1])
        return tuple(results)

    def _sequences_returned(self) -> int:
        """How many of the results are sequences of outputs, the first ones."""
        return 1

    def _check_ragged(self, sequences: Any, kwargs: dict[str, Any]) -> None:
        shape = sequences.shape
        if shape.rank != 3 or sequences.ragged_rank != 1:
            raise ValueError(
                f"sequences is ragged, of shape {shape} and ragged rank {sequences.ragged_rank}; "
                "expected [batch, (time), features], ragged in time only"
            )
        if self.time_major:
            raise ValueError(
                f"sequences is ragged, but layer {self.name!r} is time-major; expected "
                "time_major=False, as a ragged tensor has its batch first"
            )
        for name in ("mask", "sequence_length"):
            if kwargs.get(name) is not None:
                raise ValueError(
                    f"{name} is given with ragged sequences, which say their lengths themselves; "
                    "expected None"
                )
