"""Training by truncated backpropagation through time with carried state.

The text is cut into contiguous streams. One step reads the next chunk of every stream,
starting from the state the last chunk ended with, and backpropagates through this chunk only
(Williams & Peng 1990); the state carries what came before, the gradient does not. Gradients
are clipped by their global norm (Pascanu et al. 2013).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfrnn_ops._programs import UserError
from tfrnn_ops.examples.char_rnn import checkpoint as checkpoints
from tfrnn_ops.examples.char_rnn.corpus import Streams
from tfrnn_ops.examples.char_rnn.model import CharModel, State, mean_loss
from tfrnn_ops.examples.char_rnn.schedule import learning_rate


@dataclass(frozen=True)
class Options:
    """What must be equal for training to go on exactly, besides the architecture."""

    text_digest: str
    batch: int
    steps: int
    learning_rate: float
    clip: float
    seed: int


def make_train_step(
    model: CharModel, optimizer: keras.optimizers.Optimizer, clip: float
) -> Callable[..., tuple[tf.Tensor, State]]:
    """Returns the compiled function that learns from one chunk."""

    @tf.function
    def train_step(inputs: Any, targets: Any, state: State) -> tuple[tf.Tensor, State]:
        with tf.GradientTape() as tape:
            scores, state = model(inputs, state, training=True)
            loss = mean_loss(targets, scores)
        gradients = tape.gradient(loss, model.trainable_variables)
        # The embedding's is sparse, with several parts for one row; its norm needs their sum.
        gradients = [tf.convert_to_tensor(gradient) for gradient in gradients]
        gradients, _ = tf.clip_by_global_norm(gradients, clip)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss, state

    return train_step


class Trainer:
    """A model in training: everything that changes from step to step.

    Args:
        model: what to train.
        options: see `Options`.
        training, validation: the streams of `corpus.split`.
    """

    def __init__(self, model: CharModel, options: Options, training: Streams, validation: Streams):
        self.model = model
        self.options = options
        self.training = training
        self.validation = validation
        self.optimizer = keras.optimizers.Adam(options.learning_rate)
        self.optimizer.build(model.trainable_variables)
        self.step = 0
        self.seconds = 0.0
        self.curves: dict[str, list[list[float]]] = {"training": [], "validation": []}
        self.state = model.initial_state(options.batch)
        self._train_step = make_train_step(model, self.optimizer, options.clip)
        self._loss = tf.function(self._chunk_loss)

    @property
    def epoch(self) -> float:
        """How often the training text has been read."""
        return self.step / self.training.chunks

    @property
    def best(self) -> float:
        """The lowest validation loss so far, infinity before the first."""
        return min((loss for _, loss in self.curves["validation"]), default=math.inf)

    def train_step(self, done: float) -> float:
        """Learns from the next chunk; returns its loss.

        Raises:
            UserError: the loss is no longer a number.
        """
        started = time.perf_counter()
        number = self.step % self.training.chunks
        if number == 0:  # the streams start over, somewhere else in the text
            self.state = self.model.initial_state(self.options.batch)
        self.optimizer.learning_rate = learning_rate(self.options.learning_rate, self.step, done)
        loss, self.state = self._train_step(*self.training.chunk(number), self.state)
        loss = float(loss)
        if not math.isfinite(loss):
            raise UserError(
                f"the loss became {loss} at step {self.step}; expected a number. "
                "Lower --learning-rate or --clip; earlier checkpoints are unharmed"
            )
        self.step += 1
        self.seconds += time.perf_counter() - started
        return loss

    def validate(self) -> float:
        """Returns the mean loss of the validation text, read with carried state."""
        started = time.perf_counter()
        state = self.model.initial_state(self.options.batch)
        losses = []
        for number in range(self.validation.chunks):
            loss, state = self._loss(*self.validation.chunk(number), state)
            losses.append(float(loss))
        self.seconds += time.perf_counter() - started
        return float(np.mean(losses))

    def _chunk_loss(self, inputs: Any, targets: Any, state: State) -> tuple[tf.Tensor, State]:
        scores, state = self.model(inputs, state, training=False)
        return mean_loss(targets, scores), state

    def _variables(self) -> dict[str, list[Any]]:
        dropouts = [layer for layer in self.model.dropouts if layer.rate > 0]
        return {
            "weights": self.model.weights,
            "optimizer": self.optimizer.variables,
            "dropout": [layer.seed_generator.state for layer in dropouts],
        }

    def save(self, path: Path) -> None:
        """Writes everything needed to go on exactly from here."""
        arrays = {
            group: [np.asarray(variable) for variable in variables]
            for group, variables in self._variables().items()
        }
        arrays["state"] = [np.asarray(tensor) for tensor in tf.nest.flatten(self.state)]
        progress = {"step": self.step, "seconds": self.seconds, "curves": self.curves}
        architecture = asdict(self.model.architecture)
        checkpoints.save(
            path, checkpoints.Checkpoint(architecture, asdict(self.options), progress, arrays)
        )

    def restore(self, path: Path) -> None:
        """Goes on from a checkpoint.

        Raises:
            UserError: there is none, or its architecture or options differ from this run's.
        """
        saved = checkpoints.load(path)
        checkpoints.check_same(
            path,
            saved.architecture | saved.options,
            asdict(self.model.architecture) | asdict(self.options),
        )
        for group, variables in self._variables().items():
            checkpoints.assign(path, variables, saved.arrays.get(group, []))
        self.state = tf.nest.pack_sequence_as(
            self.state, [tf.constant(array) for array in saved.arrays["state"]]
        )
        self.step = saved.progress["step"]
        self.seconds = saved.progress["seconds"]
        self.curves = saved.progress["curves"]
