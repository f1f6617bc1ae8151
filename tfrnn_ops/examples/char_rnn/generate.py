"""The generate command: writes text with a trained model, one character after the other."""

from __future__ import annotations

import argparse
import io
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfrnn_ops._programs import UserError
from tfrnn_ops.examples.char_rnn import checkpoint as checkpoints
from tfrnn_ops.examples.char_rnn.corpus import Vocabulary
from tfrnn_ops.examples.char_rnn.model import Architecture, CharModel, State

PIECE = 32  # characters written at once
COLD = 1e-6  # below this temperature only the likeliest character is left


def load_model(path: Path, library: str) -> CharModel:
    """Builds the model of a checkpoint file, or of a folder's best (before any, its last).

    Raises:
        UserError: there is no checkpoint at `path`.
    """
    if path.is_dir():
        best, last = path / "best.npz", path / "last.npz"
        path = last if last.exists() and not best.exists() else best
    saved = checkpoints.load(path)
    model = CharModel(Architecture(**saved.architecture), library)
    checkpoints.assign(path, model.weights, saved.arrays["weights"])
    return model


def make_sampler(
    model: CharModel, temperature: float, seed: int, unknown: int | None
) -> Callable[[tf.Tensor, State, tf.Tensor], tuple[tf.Tensor, tf.Tensor, State]]:
    """Returns the compiled function that writes the next `PIECE` characters.

    It takes the character before them, the state before that one, and the number of the
    first of them, which together with `seed` picks its random number. It never writes the
    symbol for unknown characters.
    """
    never = [-np.inf if symbol == unknown else 0.0 for symbol in range(model.scores.units)]

    def draw(scores: tf.Tensor, number: tf.Tensor) -> tf.Tensor:
        scores += tf.constant(never, scores.dtype)
        if temperature < COLD:
            return tf.argmax(scores, axis=-1, output_type=tf.int32)
        scores = (scores - tf.reduce_max(scores)) / temperature
        key = tf.stack([seed, number])
        return tf.random.stateless_categorical(scores, 1, seed=key, dtype=tf.int32)[:, 0]

    @tf.function
    def sample(
        character: tf.Tensor, state: State, first: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, State]:
        written = tf.TensorArray(tf.int32, PIECE)
        for i in tf.range(PIECE):
            scores, state = model(character[:, tf.newaxis], state)
            character = draw(scores[:, 0], first + i)
            written = written.write(i, character[0])
        return written.stack(), character, state

    return sample


def generate(
    model: CharModel, prime: str, length: int, temperature: float, seed: int
) -> Iterator[str]:
    """Yields `length` characters that go on from `prime`, in pieces.

    Args:
        model: a trained model.
        prime: the beginning of the text; if empty, the writing starts as after a line end.
        length: how many characters to write.
        temperature: scores are divided by it; 1 follows the model, lower is more careful,
            0 always takes the likeliest character.
        seed: equal seeds give equal text.

    Raises:
        UserError: `prime` has a character that the model does not know.
    """
    vocabulary = Vocabulary(model.architecture.vocabulary)
    strange = sorted(set(prime) - set(vocabulary.symbols))
    if strange:
        raise UserError(
            f"--prime: found {', '.join(map(repr, strange))}; expected only the "
            f"{len(vocabulary.symbols)} characters this model was trained on"
        )
    if not prime:
        prime = "\n" if "\n" in vocabulary.symbols else vocabulary.symbols[0]
    ids = tf.constant(vocabulary.encode(prime))[tf.newaxis]
    state = model.initial_state(1)
    if len(prime) > 1:
        _, state = model(ids[:, :-1], state)
    character = ids[:, -1]
    sample = make_sampler(model, temperature, seed, vocabulary.unknown)
    for first in range(0, length, PIECE):
        written, character, state = sample(character, state, tf.constant(first))
        yield vocabulary.decode(written.numpy()[: length - first])


def run(args: argparse.Namespace) -> int:
    """Writes text to the screen as it comes; returns the exit status."""
    model = load_model(Path(args.checkpoint), args.library)
    # A character that the screen cannot show must not end the program.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    pieces = generate(model, args.prime, args.length, args.temperature, args.seed)
    first = next(pieces)  # compiles; also where a bad prime is found
    started = time.perf_counter()
    print(args.prime + first, end="", flush=True)
    for piece in pieces:
        print(piece, end="", flush=True)
    seconds = time.perf_counter() - started
    print()
    if args.length > PIECE:
        speed = (args.length - PIECE) / seconds
        print(f"[{args.length:,} characters, {speed:,.0f} characters/s]", file=sys.stderr)
    return 0
