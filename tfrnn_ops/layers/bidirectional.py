"""Both directions of a sequence."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tfrnn_ops.layers.base import as_tensor
from tfrnn_ops.layers.both_directions import run_both, why_not_one_call
from tfrnn_ops.layers.ragged import AcceptsRagged
from tfrnn_ops.layers.recurrent import RecurrentLayer

_MERGE_MODES = ("concat", "sum", "mul", "ave", None)


@keras.saving.register_keras_serializable(package="tfrnn_ops")
class Bidirectional(AcceptsRagged, keras.layers.Bidirectional):
    """`keras.layers.Bidirectional` over a layer of this package, with lengths.

    Runs one layer over a sequence and another over its reverse, and merges what they put out.
    Arguments, weights and numbers are Keras's. Besides, it takes `sequence_length`, ragged tensors
    and time-major layers. Masked steps keep the state in both directions, so that the backward
    layer begins with the last step that counts.

    Args:
        layer: an `LSTM`, `GRU`, `SimpleRNN` or `IndRNN` of this package. Two layers with new
            weights are made from its configuration.
        merge_mode: how the outputs become one: "concat", "sum", "mul", "ave", or None for a tuple
            of both.
        backward_layer: the layer to use for the reverse, which goes the other way; None to make one
            like `layer`.
        **kwargs: the arguments of every Keras layer, such as `name`, and `dtype`, which is that of
            `layer` otherwise.

    Call arguments:
        sequences: `[batch, time, features]`, or `[time, batch, features]` if the layer is
            time-major; or a `tf.RaggedTensor` `[batch, (time), features]`.
        initial_state: the states of the forward layer, then those of the backward layer.
        mask: boolean, the first two axes of `sequences`.
        training: whether dropout is in force.
        sequence_length: integers `[batch]`: how many steps of each sequence count.

    Raises:
        TypeError: a layer is none of this package's.
        ValueError: the two layers do not fit together, or `merge_mode` is another.

    Example:
        >>> layer = tfrnn_ops.Bidirectional(tfrnn_ops.GRU(8, return_sequences=True))
        >>> layer(tf.zeros([2, 5, 3]), sequence_length=[5, 2]).shape
        TensorShape([2, 5, 16])
    """

    def __init__(
        self,
        layer: RecurrentLayer,
        merge_mode: str | None = "concat",
        backward_layer: RecurrentLayer | None = None,
        **kwargs: Any,
    ):
        if merge_mode not in _MERGE_MODES:
            raise ValueError(
                f"merge_mode is {merge_mode!r}; expected 'concat', 'sum', 'mul', 'ave' or None"
            )
        _check_layer("layer", layer)
        # Not Keras's own constructor, which takes the second axis for the time.
        keras.Layer.__init__(self, **{"dtype": layer.dtype_policy, **kwargs})
        self.merge_mode = merge_mode
        self.forward_layer = _copy(layer, "forward", layer.go_backwards)
        if backward_layer is None:
            backward_layer = _copy(layer, "backward", not layer.go_backwards)
        else:
            _check_layer("backward_layer", backward_layer)
        self.backward_layer = backward_layer
        _check_pair(self.forward_layer, backward_layer, merge_mode)
        for one in self.directions:
            # What Keras does too: a merged output of masked steps is zero.
            one._zero_output_for_mask = layer.return_sequences
        self.stateful = layer.stateful
        self.return_sequences = layer.return_sequences
        self.return_state = layer.return_state
        self.time_major = layer.time_major
        self.supports_masking = True
        self.input_spec = layer.input_spec

    @property
    def directions(self) -> tuple[RecurrentLayer, RecurrentLayer]:
        """The forward and the backward layer."""
        return self.forward_layer, self.backward_layer

    def call(
        self,
        sequences: Any,
        initial_state: Any = None,
        mask: Any = None,
        training: Any = False,
        sequence_length: Any = None,
    ) -> Any:
        """Runs both layers.

        Args:
            sequences: as for the layers.
            initial_state: the states of the forward layer, then those of the backward layer; None
                for theirs.
            mask: boolean, the first two axes of `sequences`.
            training: whether dropout is in force.
            sequence_length: integers `[batch]`: how many steps of each sequence count; with a
                mask, both hold.

        Raises:
            ValueError: there are too many or too few initial states, or a shape does not fit.

        Returns:
            The merged output, or a tuple of both; with `return_state` a tuple that goes on with the
            states of the forward and of the backward layer.
        """
        if mask is None and sequence_length is not None:
            mask = getattr(sequences, "_keras_mask", None)
        states: list[Any] = [None, None]
        if initial_state is not None:
            given = tf.nest.flatten(initial_state)
            counts = [len(layer.state_size) for layer in self.directions]
            if len(given) != sum(counts):
                raise ValueError(
                    f"initial_state has {len(given)} tensor(s); expected {sum(counts)}: "
                    f"{counts[0]} of the forward layer, then {counts[1]} of the backward layer"
                )
            states = [given[: counts[0]], given[counts[0] :]]
        arguments = {"mask": mask, "training": training, "sequence_length": sequence_length}
        run = self._run_one_by_one if self.why_two_calls(training) else self._run_as_one
        output, *final_states = run(sequences, states, arguments)
        if not self.return_state:
            return output
        merged = output if self.merge_mode is None else (output,)
        return *merged, *final_states

    def why_two_calls(self, training: Any = False) -> str | None:
        """Why the directions run in a call of the op each; None if one call runs both."""
        return why_not_one_call(*self.directions, self.compute_dtype, training)

    def _run_as_one(
        self, sequences: Any, states: list[Any], arguments: dict[str, Any]
    ) -> tuple[Any, ...]:
        """The merged output, and the states that both directions end with."""
        outputs, last, *final_states = run_both(*self.directions, sequences, states, **arguments)
        if not self.return_sequences:
            outputs = last
        if self.merge_mode != "concat":  # otherwise they lie as they should
            outputs = self._merge(*tf.split(outputs, 2, axis=-1))
        return outputs, *tf.nest.flatten(final_states)

    def _run_one_by_one(
        self, sequences: Any, states: list[Any], arguments: dict[str, Any]
    ) -> tuple[Any, ...]:
        """Likewise, by a call of each layer."""
        returned = [
            layer(sequences, initial_state=state, **arguments)
            for layer, state in zip(self.directions, states, strict=True)
        ]
        if not self.return_state:
            returned = [[output] for output in returned]
        (forward, *forward_states), (backward, *backward_states) = returned
        if self.return_sequences:
            backward = tf.reverse(backward, [0 if self.time_major else 1])
        output = self._merge(*(as_tensor(y, self.compute_dtype) for y in (forward, backward)))
        return output, *forward_states, *backward_states

    def _merge(self, forward: Any, backward: Any) -> Any:
        if self.merge_mode == "concat":
            return tf.concat([forward, backward], axis=-1)
        if self.merge_mode == "sum":
            return forward + backward
        if self.merge_mode == "mul":
            return forward * backward
        if self.merge_mode == "ave":
            return (forward + backward) / 2
        return forward, backward

    def compute_output_shape(self, sequences_shape: Any, initial_state_shape: Any = None) -> Any:
        """The shape of what `call` returns."""
        shapes = [layer.compute_output_shape(sequences_shape) for layer in self.directions]
        if self.return_state:
            (forward, *forward_states), (backward, *backward_states) = shapes
        else:
            (forward, backward), forward_states, backward_states = shapes, [], []
        output: tuple[Any, ...] = (forward, backward)
        if self.merge_mode is not None:
            width = forward[-1] + backward[-1] if self.merge_mode == "concat" else forward[-1]
            output = (*forward[:-1], width)
        if not self.return_state:
            return output
        merged = output if self.merge_mode is None else (output,)
        return *merged, *forward_states, *backward_states

    def compute_mask(self, sequences: Any, mask: Any) -> Any:
        """The masks of what `call` returns."""
        mask = tf.nest.flatten(mask)[0] if self.return_sequences else None
        outputs = (mask,) * (2 if self.merge_mode is None else 1)
        if self.return_state:
            return (*outputs, *[None] * sum(len(layer.state_size) for layer in self.directions))
        return outputs if self.merge_mode is None else mask

    def _sequences_returned(self) -> int:
        return 2 if self.merge_mode is None else 1


def _copy(layer: RecurrentLayer, prefix: str, go_backwards: bool) -> RecurrentLayer:
    """A layer with the same configuration and new weights."""
    config = keras.saving.serialize_keras_object(layer)
    name = f"{prefix}_{layer.name.removeprefix(f'{prefix}_')}"
    config["config"] |= {"name": name, "go_backwards": go_backwards}
    copy = keras.saving.deserialize_keras_object(config, safe_mode=False)  # of a live object
    if hasattr(layer, "use_cudnn"):
        copy.use_cudnn = layer.use_cudnn  # which Keras leaves out of the configuration
    return copy


def _check_layer(name: str, layer: Any) -> None:
    if not isinstance(layer, RecurrentLayer):
        kind = f"{type(layer).__module__.split('.')[0]}.{type(layer).__name__}"
        raise TypeError(
            f"{name} is a {kind}; expected an LSTM, GRU, SimpleRNN or IndRNN of tfrnn_ops. For "
            "others use keras.layers.Bidirectional"
        )
    if layer.return_cell_states:
        raise ValueError(
            f"{name} has return_cell_states=True, and there is no way to merge cell states; "
            "expected False"
        )


def _check_pair(forward: RecurrentLayer, backward: RecurrentLayer, merge_mode: str | None) -> None:
    if forward.go_backwards == backward.go_backwards:
        raise ValueError(
            f"backward_layer has go_backwards={backward.go_backwards}, as layer has; expected "
            f"{not forward.go_backwards}"
        )
    for name in ("stateful", "return_sequences", "return_state", "time_major"):
        ours, theirs = getattr(forward, name), getattr(backward, name)
        if ours != theirs:
            raise ValueError(f"backward_layer has {name}={theirs}; expected {ours}, as layer has")
    widths = [layer.cell.output_size for layer in (forward, backward)]
    if widths[0] != widths[1] and merge_mode not in ("concat", None):
        raise ValueError(
            f"backward_layer puts out {widths[1]} features; expected {widths[0]}, as layer does, "
            f"for merge_mode {merge_mode!r}; 'concat' and None take any"
        )
