"""The language model: embedding, stacked recurrent layers, one score per character."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

import tfrnn_ops

CELLS = {"lstm": "LSTM", "gru": "GRU", "simple_rnn": "SimpleRNN"}
LIBRARIES = {"tfrnn_ops": tfrnn_ops, "keras": keras.layers}

State = list[list[tf.Tensor]]


@dataclass(frozen=True)
class Architecture:
    """What fixes the shapes of a model's weights, and the dropout between its layers."""

    cell: str
    layers: int
    units: int
    embedding: int
    dropout: float
    vocabulary: str


class CharModel(keras.Model):
    """Predicts the next character at every position of a text.

    Dropout acts on what goes up from layer to layer, never on what goes on in time
    (Zaremba et al. 2014, "Recurrent neural network regularization").

    Args:
        architecture: the sizes; `embedding=0` feeds one-hot vectors instead.
        library: where the recurrent layers come from, "tfrnn_ops" or "keras". The weights
            are the same, so a model trained with one runs with the other.
        seed: seed of the dropout masks.
    """

    def __init__(self, architecture: Architecture, library: str = "tfrnn_ops", seed: int = 0):
        super().__init__()
        self.architecture = architecture
        layer_class = getattr(LIBRARIES[library], CELLS[architecture.cell])
        symbols = len(architecture.vocabulary)
        self.embed = (
            keras.layers.Embedding(symbols, architecture.embedding)
            if architecture.embedding
            else None
        )
        self.recurrent = [
            layer_class(architecture.units, return_sequences=True, return_state=True)
            for _ in range(architecture.layers)
        ]
        self.dropouts = [
            keras.layers.Dropout(architecture.dropout, seed=seed + i)
            for i in range(architecture.layers)
        ]
        self.scores = keras.layers.Dense(symbols)
        self(tf.zeros([1, 1], tf.int32), self.initial_state(1))

    def initial_state(self, batch: int) -> State:
        """Returns zeros: per layer its states (LSTM: h and c), each `[batch, units]`."""
        count = 2 if self.architecture.cell == "lstm" else 1
        zeros = tf.zeros([batch, self.architecture.units], self.compute_dtype)
        return [[zeros] * count for _ in self.recurrent]

    def call(self, ids: Any, state: State, training: bool = False) -> tuple[tf.Tensor, State]:
        """Runs over `ids [batch, time]` from `state`.

        Returns:
            The scores (logits) of the next character, `[batch, time, symbols]`, and the
            state after the last step.
        """
        if self.embed is None:
            x = tf.one_hot(ids, len(self.architecture.vocabulary), dtype=self.compute_dtype)
        else:
            x = self.embed(ids)
        final_state = []
        for layer, dropout, layer_state in zip(self.recurrent, self.dropouts, state, strict=True):
            x, *layer_state = layer(x, initial_state=layer_state)
            x = dropout(x, training=training)
            final_state.append(layer_state)
        return self.scores(x), final_state


def mean_loss(targets: tf.Tensor, scores: tf.Tensor) -> tf.Tensor:
    """Returns the mean cross entropy in nats per character."""
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=targets, logits=scores)
    return tf.reduce_mean(losses)
