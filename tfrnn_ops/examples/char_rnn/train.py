"""The train command: limits, validation, checkpoints, curves."""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

import keras
import numpy as np

from tfrnn_ops._programs import UserError, require
from tfrnn_ops.examples.char_rnn import corpus
from tfrnn_ops.examples.char_rnn.model import Architecture, CharModel
from tfrnn_ops.examples.char_rnn.report import EventLog, Progress, bits, plot_losses
from tfrnn_ops.examples.char_rnn.schedule import Limits
from tfrnn_ops.examples.char_rnn.stop import StopRequest
from tfrnn_ops.examples.char_rnn.trainer import Options, Trainer

CURVE_STEPS = 10  # steps averaged into one point of the training curve


def prepare(
    args: argparse.Namespace,
    library: str,
    validation_characters: int = corpus.VALIDATION_CHARACTERS,
) -> Trainer:
    """Reads the text and builds a model with everything that training it needs.

    Equal arguments give equal initial weights, whatever the library.

    Raises:
        UserError: the text cannot be used.
    """
    text = corpus.read_text(args.text)
    vocabulary = corpus.Vocabulary.of(text, args.vocabulary)
    training, validation = corpus.split(
        vocabulary.encode(text), args.batch, args.steps, validation_characters
    )
    architecture = Architecture(
        args.cell, args.layers, args.units, args.embedding, args.dropout, vocabulary.symbols
    )
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    options = Options(digest, args.batch, args.steps, args.learning_rate, args.clip, args.seed)
    keras.utils.set_random_seed(args.seed)
    return Trainer(CharModel(architecture, library, args.seed), options, training, validation)


def run(args: argparse.Namespace) -> int:
    """Trains; returns the exit status, 130 after Ctrl-C."""
    for dependency in ("tqdm", "matplotlib.figure"):
        require(dependency, "examples")  # miss it now, not after the work
    trainer = prepare(args, args.library, args.validation_characters)
    limits = Limits(args.minutes, args.epochs, args.max_steps)
    folder = Path(args.out)
    _prepare_folder(folder, args.resume, args.overwrite)
    if args.resume:
        trainer.restore(folder / "last.npz")
    print(describe(args, trainer, args.library))
    print(
        f"held out    the last tenth; its first {trainer.validation.characters:,} characters "
        "are read for the validation loss"
    )
    if limits.done(trainer.step, trainer.seconds, trainer.training.chunks) == 1:
        print("nothing left to do: raise --minutes, --epochs or --max-steps to go on")
    interrupted = _loop(trainer, limits, folder, args.validate_every)
    _summarise(trainer, folder)
    if interrupted:
        print("interrupted; repeat the command with --resume to go on")
        return 130
    return 0


def describe(args: argparse.Namespace, trainer: Trainer, library: str) -> str:
    """Returns lines that say what is trained on what."""
    model, options = trainer.model, trainer.options
    source = args.text or "the Python standard library's source"
    cell = f"{args.layers} x {args.cell}({args.units})"
    return (
        f"text        {source}, {len(model.architecture.vocabulary)} symbols\n"
        f"training    {trainer.training.characters:,} characters as {options.batch} streams, "
        f"{options.steps} characters a step, {trainer.training.chunks:,} steps an epoch\n"
        f"model       {cell} of {library}, {model.count_params():,} weights"
    )


def _prepare_folder(folder: Path, resume: bool, overwrite: bool) -> None:
    try:
        if not resume:
            folder.mkdir(parents=True, exist_ok=True)
        old = [folder / name for name in ("best.npz", "last.npz") if (folder / name).exists()]
        if old and not (resume or overwrite):
            raise UserError(
                f"--out {folder}: found a checkpoint ({old[-1].name}); add --resume to go on "
                "with it, --overwrite to start anew, or choose another folder"
            )
        if overwrite:
            for path in [*old, *folder.glob("logs/events.out.tfevents.*")]:
                path.unlink()
    except OSError as error:
        raise UserError(
            f"--out {folder}: {error.strerror or error}; expected a folder to write to"
        ) from error


def _loop(trainer: Trainer, limits: Limits, folder: Path, validate_every: int) -> bool:
    def done() -> float:
        return limits.done(trainer.step, trainer.seconds, trainer.training.chunks)

    progress, events = Progress(done()), EventLog(folder / "logs")
    recent: list[float] = []
    speed = 0.0
    try:
        with StopRequest() as stop:
            while done() < 1 and not stop.made:
                before = trainer.seconds
                recent.append(trainer.train_step(done()))
                now = trainer.training.batch * trainer.training.steps / (trainer.seconds - before)
                speed = 0.95 * speed + 0.05 * now if speed else now
                progress.show(done(), trainer.epoch, recent[-1], speed)
                if trainer.step % CURVE_STEPS == 0:
                    loss = float(np.mean(recent))
                    recent.clear()
                    trainer.curves["training"].append([trainer.step, loss])
                    events.write(trainer.step, training_loss=loss, characters_per_second=speed)
                if trainer.step % validate_every == 0 or done() == 1:
                    loss = _validate_and_save(trainer, folder)
                    events.write(trainer.step, validation_loss=loss)
                    progress.note(f"step {trainer.step:,}: {_loss_text(loss)}")
            if stop.made:
                trainer.save(folder / "last.npz")
    finally:
        progress.close()
        events.close()
    return stop.made


def _validate_and_save(trainer: Trainer, folder: Path) -> float:
    best = trainer.best
    loss = trainer.validate()
    trainer.curves["validation"].append([trainer.step, loss])
    if loss < best:
        trainer.save(folder / "best.npz")
    trainer.save(folder / "last.npz")
    return loss


def _loss_text(loss: float) -> str:
    return f"validation loss {loss:.4f} nats = {bits(loss):.4f} bits per character"


def _summarise(trainer: Trainer, folder: Path) -> None:
    characters = trainer.step * trainer.training.batch * trainer.training.steps
    print(
        f"trained     {trainer.step:,} steps = {trainer.epoch:.2f} epochs "
        f"in {trainer.seconds / 60:.1f} minutes, "
        f"{characters / max(trainer.seconds, 1e-9):,.0f} characters/s with all validation"
    )
    if trainer.curves["validation"]:
        print(f"last        {_loss_text(trainer.curves['validation'][-1][1])}")
        print(f"best        {_loss_text(trainer.best)}, kept in {folder / 'best.npz'}")
    plot_losses(folder / "loss.png", trainer.curves, "Character model: loss while training")
    print(f"curves      {folder / 'loss.png'}; tensorboard --logdir {folder / 'logs'}")
