"""A character model as TF1 lectures wrote them: placeholders, a Session, `dynamic_rnn`, a Saver.

    python examples/tf1_char_rnn.py train --steps 2000
    python examples/tf1_char_rnn.py sample --start "def " --length 500

It trains on Python's standard library, or on any text given by `--text`, writes samples while it
does, and goes on from its last checkpoint if it is started again.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow.compat.v1 as tf
from tqdm import trange

import tfrnn_ops.v1 as rnn
from tfrnn_ops._programs import UserError
from tfrnn_ops.examples.char_rnn.corpus import Vocabulary, read_text

SYMBOLS = 128
PADDING = 0  # character number n is n + 1 in the model, so that 0 can mean that there is none


@dataclasses.dataclass
class CharacterModel:
    """The graph: from `sequence`, characters as numbers, to the logits of the next ones.

    The state is fed when sampling, and zeros by default.
    """

    symbols: int
    units: tuple[int, ...]

    def build(self) -> None:
        """Makes the graph."""
        self.sequence = tf.placeholder(tf.int32, [None, None], "sequence")
        self.temperature = tf.placeholder_with_default(0.8, [], "temperature")
        cell = rnn.rnn_cell.MultiRNNCell([rnn.rnn_cell.GRUCell(n) for n in self.units])
        zeros = cell.zero_state(tf.shape(self.sequence)[0], tf.float32)
        self.state = tuple(
            tf.placeholder_with_default(z, [None, n])
            for z, n in zip(zeros, self.units, strict=True)
        )
        lengths = tf.reduce_sum(tf.sign(self.sequence), 1)
        inputs = tf.one_hot(self.sequence - 1, self.symbols)
        outputs, self.next_state = rnn.dynamic_rnn(cell, inputs, lengths, self.state)

        kernel = tf.get_variable("softmax/kernel", [self.units[-1], self.symbols])
        bias = tf.get_variable("softmax/bias", [self.symbols], initializer=tf.zeros_initializer())
        logits = tf.tensordot(outputs, kernel, 1) + bias
        self.sample = tf.random.categorical(logits[:, -1] / self.temperature, 1)[:, 0] + 1

        targets = self.sequence[:, 1:]
        weights = tf.cast(tf.sign(targets), tf.float32)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
            labels=tf.maximum(targets - 1, 0), logits=logits[:, :-1]
        )
        self.loss = tf.reduce_sum(losses * weights) / tf.reduce_sum(weights)

    def build_training(self, rate: float) -> None:
        """Adds to the graph what trains it."""
        self.step = tf.train.get_or_create_global_step()
        variables = tf.trainable_variables()
        gradients, _ = tf.clip_by_global_norm(tf.gradients(self.loss, variables), 5.0)
        self.train = tf.train.AdamOptimizer(rate).apply_gradients(
            zip(gradients, variables, strict=True), global_step=self.step
        )

    def generate(self, session: Any, start: list[int], temperature: float) -> Iterator[int]:
        """Yields characters that follow `start`, one at a time, without end."""
        sequence, state = [start], None
        while True:
            fed = {self.sequence: sequence, self.temperature: temperature}
            if state is not None:
                fed.update(zip(self.state, state, strict=True))
            (character,), state = session.run([self.sample, self.next_state], fed)
            yield int(character)
            sequence = [[character]]


def lines(ids: np.ndarray, newline: int, batch: int, length: int) -> Iterator[np.ndarray]:
    """Yields batches of passages that begin at random lines, some of them cut short by padding."""
    rng = np.random.default_rng(0)
    begins = 1 + np.flatnonzero(ids[: -length - 1] == newline)
    while True:
        places = rng.choice(begins, batch)
        passages = ids[places[:, np.newaxis] + np.arange(length + 1)]
        ends = rng.integers(length // 2, length + 2, (batch, 1))
        yield np.where(np.arange(length + 1) < ends, passages, PADDING)


def train(args: argparse.Namespace) -> None:
    """Trains a model, with progress, samples and checkpoints."""
    text = read_text(args.text)
    vocabulary = Vocabulary.of(text, SYMBOLS)
    args.out.mkdir(parents=True, exist_ok=True)
    settings = {"symbols": vocabulary.symbols, "units": args.units}
    saved = args.out / "model.json"
    if saved.exists() and json.loads(saved.read_text()) != settings:
        raise UserError(f"--out {args.out}: found another model there; expected the same --units")
    saved.write_text(json.dumps(settings))

    model = CharacterModel(len(vocabulary.symbols), tuple(args.units))
    model.build()
    model.build_training(args.rate)
    saver = tf.train.Saver(max_to_keep=2)
    newline = 1 + int(vocabulary.encode("\n")[0])
    batches = lines(1 + vocabulary.encode(text), newline, args.batch, args.length)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        last = tf.train.latest_checkpoint(args.out)
        if last:
            saver.restore(session, last)
        first = session.run(model.step)
        with trange(first, args.steps, initial=first, total=args.steps, unit="step") as progress:
            for step in progress:
                fed = {model.sequence: next(batches)}
                _, loss = session.run([model.train, model.loss], fed)
                progress.set_postfix(loss=f"{loss:.3f}")
                if (step + 1) % args.every == 0 or step + 1 == args.steps:
                    saver.save(session, str(args.out / "checkpoint"), model.step)
                    characters = itertools.islice(model.generate(session, [newline], 0.7), 200)
                    progress.write(vocabulary.decode(np.array(list(characters)) - 1) + "\n")


def sample(args: argparse.Namespace) -> None:
    """Writes text that a trained model makes up."""
    saved = args.out / "model.json"
    last = tf.train.latest_checkpoint(args.out)
    if not saved.exists() or not last:
        raise UserError(
            f"--out {args.out}: found no checkpoint; expected a folder that was trained"
        )
    settings = json.loads(saved.read_text())
    vocabulary = Vocabulary(settings["symbols"])
    model = CharacterModel(len(vocabulary.symbols), tuple(settings["units"]))
    model.build()
    with tf.Session() as session:
        tf.train.Saver().restore(session, last)
        start = (1 + vocabulary.encode(args.start)).tolist()
        sys.stdout.write(args.start)
        for character in itertools.islice(
            model.generate(session, start, args.temperature), args.length
        ):
            sys.stdout.write(vocabulary.decode([character - 1]))
            sys.stdout.flush()
    sys.stdout.write("\n")


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    training = commands.add_parser("train", help="train a model, or go on with it")
    training.add_argument("--text", help="a UTF-8 file; Python's standard library by default")
    training.add_argument("--units", type=int, nargs="+", default=[128, 256])
    training.add_argument("--steps", type=int, default=2000)
    training.add_argument("--batch", type=int, default=64)
    training.add_argument("--length", type=int, default=50, help="characters in a passage")
    training.add_argument("--rate", type=float, default=0.002, help="Adam's learning rate")
    training.add_argument("--every", type=int, default=200, help="steps between checkpoints")
    sampling = commands.add_parser("sample", help="write text")
    sampling.add_argument("--start", default="\n", help="the text to go on from")
    sampling.add_argument("--length", type=int, default=500, help="characters to write")
    sampling.add_argument("--temperature", type=float, default=0.7)
    for command in (training, sampling):
        command.add_argument("--out", type=Path, default=Path("runs/tf1_char_rnn"))
    args = parser.parse_args(arguments)
    tf.disable_v2_behavior()
    try:
        train(args) if args.command == "train" else sample(args)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
