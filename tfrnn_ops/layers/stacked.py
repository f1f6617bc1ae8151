"""Layers on top of each other."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tfrnn_ops.layers.bidirectional import Bidirectional
from tfrnn_ops.layers.gru import GRU
from tfrnn_ops.layers.ind_rnn import IndRNN
from tfrnn_ops.layers.lstm import LSTM
from tfrnn_ops.layers.ragged import AcceptsRagged
from tfrnn_ops.layers.recurrent import RecurrentLayer
from tfrnn_ops.layers.simple_rnn import SimpleRNN
from tfrnn_ops.options import check_bool, check_positive_int, check_rate, check_seed

_LAYERS: dict[str, type[RecurrentLayer]] = {
    layer.kind.name: layer for layer in (LSTM, GRU, SimpleRNN, IndRNN)
}
# What the stack decides itself, or cannot pass on.
_REFUSED = {
    "go_backwards": "reverse the sequences, or use bidirectional=True",
    "return_cell_states": "there is one for every layer; read the last of them by return_state",
}


@keras.saving.register_keras_serializable(package="tfrnn_ops")
class StackedRNN(AcceptsRagged, keras.Layer):
    """Recurrent layers, each over what the one below puts out, as PyTorch's `num_layers`.

    Args:
        layer: "lstm", "gru", "simple_rnn", "ind_rnn", or such a layer class of this package.
        units: the width of each layer, and of each direction.
        num_layers: how many layers.
        bidirectional: whether each layer runs in both directions and puts out both, one after the
            other along the last axis.
        dropout: the rate at which elements of what goes from one layer to the next are dropped, in
            training, each element of each step on its own; unlike a layer's own `dropout`.
        return_sequences: whether to return the output of every step, or of the last only.
        return_state: whether to return the final states, too.
        seed: an integer that determines all that is drawn in training; each layer draws its own.
            None for any.
        **kwargs: the other arguments of the layer class, which all layers get; and those of every
            Keras layer, such as `name` and `dtype`.

    Call arguments:
        sequences: `[batch, time, features]`, or `[time, batch, features]` with `time_major`; or a
            `tf.RaggedTensor` `[batch, (time), features]`.
        initial_state: the states of the first layer, then those of the second and so on; in each
            layer forward, then backward.
        mask: boolean, the first two axes of `sequences`.
        training: whether dropout is in force.
        sequence_length: integers `[batch]`: how many steps of each sequence count.

    Raises:
        ValueError: an argument is out of range, or has no meaning for a stack.
        TypeError: a flag is not a bool.

    Example:
        >>> layer = tfrnn_ops.StackedRNN("lstm", 8, 2, bidirectional=True, dropout=0.1)
        >>> layer(tf.zeros([2, 5, 3])).shape
        TensorShape([2, 16])
    """

    def __init__(
        self,
        layer: str | type[RecurrentLayer],
        units: int,
        num_layers: int,
        bidirectional: bool = False,
        dropout: float = 0.0,
        return_sequences: bool = False,
        return_state: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ):
        layer_class = _layer_class(layer)
        check_positive_int("num_layers", num_layers, "a number of layers above 0")
        check_bool("bidirectional", bidirectional)
        check_rate("dropout", dropout)
        check_seed("seed", seed)
        for name, instead in _REFUSED.items():
            if kwargs.pop(name, False):
                raise ValueError(f"{name} is True, which a stack does not have: {instead}")
        super().__init__(
            **{n: kwargs.pop(n) for n in ("name", "activity_regularizer") if n in kwargs},
            **{n: kwargs[n] for n in ("dtype", "trainable") if n in kwargs},
        )
        self.layer_class = layer_class
        self.bidirectional = bidirectional
        self.dropout = dropout
        self.return_sequences = return_sequences
        self.return_state = return_state
        self.seed = seed
        self.supports_masking = True
        input_dim = kwargs.pop("input_dim", None)
        if input_dim is None:
            self.input_spec = keras.layers.InputSpec(ndim=3)
        self.rnn_layers: list[Any] = []
        self.dropout_layers: list[Any] = []
        for i in range(num_layers):
            # Layers, directions and the dropout between them have a seed each, if there is one.
            seeds = [None if seed is None else seed + 3 * i + j for j in range(3)]
            options = {
                "return_sequences": return_sequences or i + 1 < num_layers,
                "return_state": True,
                **kwargs,
                **({} if i else {"input_dim": input_dim}),
            }
            one: Any = layer_class(units, name=f"layer_{i}", seed=seeds[0], **options)
            if bidirectional:
                options |= {"go_backwards": True, "name": f"backward_layer_{i}"}
                other = layer_class(units, seed=seeds[1], **options)
                one = Bidirectional(one, backward_layer=other, name=f"layer_{i}")
            self.rnn_layers.append(one)
            if dropout and i + 1 < num_layers:
                drop = keras.layers.Dropout(dropout, seed=seeds[2], dtype=one.dtype_policy)
                self.dropout_layers.append(drop)
        first = self.rnn_layers[0]
        self.time_major, self.stateful = first.time_major, first.stateful

    def build(self, sequences_shape: Any, initial_state_shape: Any = None) -> None:
        """Makes the weights of every layer."""
        for layer in self.rnn_layers:
            layer.build(sequences_shape)
            sequences_shape = layer.compute_output_shape(sequences_shape)[0]

    def call(
        self,
        sequences: Any,
        initial_state: Any = None,
        mask: Any = None,
        training: Any = False,
        sequence_length: Any = None,
    ) -> Any:
        """Runs the layers, one after the other.

        Args:
            sequences: as for the layers.
            initial_state: the states of all layers, in their order; None for theirs.
            mask: boolean, the first two axes of `sequences`.
            training: whether dropout is in force.
            sequence_length: integers `[batch]`: how many steps of each sequence count; with a
                mask, both hold.

        Returns:
            The output of the last layer; with `return_state` a tuple that goes on with the states
            of all layers, in their order.

        Raises:
            ValueError: there are too many or too few initial states, or a shape does not fit.
        """
        if mask is None and sequence_length is not None:
            mask = getattr(sequences, "_keras_mask", None)
        given = None if initial_state is None else tf.nest.flatten(initial_state)
        if given is not None and len(given) != self.num_states:
            raise ValueError(
                f"initial_state has {len(given)} tensor(s); expected {self.num_states}, those of "
                f"{len(self.rnn_layers)} layers"
            )
        output, final_state = sequences, []
        for i, layer in enumerate(self.rnn_layers):
            if i and self.dropout_layers:
                output = self.dropout_layers[i - 1](output, training=training)
            count = self.num_states // len(self.rnn_layers)
            output, *states = layer(
                output,
                initial_state=None if given is None else given[i * count : (i + 1) * count],
                mask=mask,
                training=training,
                sequence_length=sequence_length,
            )
            final_state += states
        return (output, *final_state) if self.return_state else output

    @property
    def num_states(self) -> int:
        """How many state tensors the stack has."""
        directions = 2 if self.bidirectional else 1
        return len(self.rnn_layers) * directions * len(self.layer_class.kind.states)

    def reset_state(self) -> None:
        """Makes the states of a stateful stack zeros."""
        for layer in self.rnn_layers:
            layer.reset_state()

    def reset_states(self) -> None:
        """The same, by the other name that Keras has for it."""
        self.reset_state()

    def compute_output_shape(self, sequences_shape: Any, initial_state_shape: Any = None) -> Any:
        """The shape of what `call` returns."""
        output, final_state = sequences_shape, []
        for layer in self.rnn_layers:
            output, *states = layer.compute_output_shape(output)
            final_state += states
        return (output, *final_state) if self.return_state else output

    def compute_mask(self, sequences: Any, mask: Any) -> Any:
        """The masks of what `call` returns."""
        mask = tf.nest.flatten(mask)[0] if self.return_sequences else None
        return (mask, *[None] * self.num_states) if self.return_state else mask

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor, those of the layers among them."""
        first = self.rnn_layers[0]
        config = (first.forward_layer if self.bidirectional else first).get_config()
        for name in _REFUSED:
            config.pop(name, None)
        return {
            **config,
            **super().get_config(),
            "layer": keras.saving.get_registered_name(self.layer_class),
            "num_layers": len(self.rnn_layers),
            "bidirectional": self.bidirectional,
            "dropout": self.dropout,
            "return_sequences": self.return_sequences,
            "return_state": self.return_state,
        }


def _layer_class(layer: Any) -> type[RecurrentLayer]:
    found = layer
    if isinstance(layer, str):
        found = _LAYERS.get(layer) or keras.saving.get_registered_object(layer)
    if isinstance(found, type) and issubclass(found, RecurrentLayer):
        return found
    raise ValueError(
        f"layer is {layer!r}; expected {', '.join(map(repr, _LAYERS))} or such a layer class of "
        "tfrnn_ops"
    )
