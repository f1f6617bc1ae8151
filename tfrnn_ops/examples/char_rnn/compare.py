"""The compare command: the same training with tfrnn_ops and with Keras, side by side."""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tfrnn_ops._programs import UserError, require
from tfrnn_ops.examples.char_rnn.report import plot_losses
from tfrnn_ops.examples.char_rnn.train import describe, prepare
from tfrnn_ops.examples.char_rnn.trainer import Trainer


@dataclass
class Record:
    """Loss and seconds of every step of one library."""

    losses: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


def train_both(trainers: dict[str, Trainer], steps: int) -> dict[str, Record]:
    """Trains all from the first one's weights on the same chunks.

    They take turns step by step, and who goes first changes too, so that whatever else the
    machine does slows all alike.
    """
    first, *others = trainers.values()
    for other in others:
        other.model.set_weights(first.model.get_weights())
    records = {library: Record() for library in trainers}
    order = list(trainers)
    for step in range(steps):
        for library in order:
            started = time.perf_counter()
            loss = trainers[library].train_step(step / steps)
            records[library].seconds.append(time.perf_counter() - started)
            records[library].losses.append(loss)
        order.reverse()
    return records


def run(args: argparse.Namespace) -> int:
    """Compares, prints the result; returns the exit status."""
    if args.plot:
        require("matplotlib.figure", "examples")
    for option in (args.csv, args.plot):
        if option and not Path(option).parent.is_dir():
            raise UserError(f"{option}: found no folder {Path(option).parent} to write it to")
    trainers = {library: prepare(args, library) for library in ("tfrnn_ops", "keras")}
    print(describe(args, trainers["tfrnn_ops"], " and ".join(trainers)))
    records = train_both(trainers, args.warmup + args.max_steps)
    print(summary(records, args.batch * args.steps, args.warmup))
    if args.csv:
        _write_csv(Path(args.csv), records)
    if args.plot:
        curves = {name: list(enumerate(r.losses, 1)) for name, r in records.items()}
        plot_losses(Path(args.plot), curves, "The same training, two libraries")
    return 0


def summary(records: dict[str, Record], characters: int, warmup: int) -> str:
    """Returns a table of speed and loss; the first `warmup` steps are not timed."""
    ours, theirs = records["tfrnn_ops"], records["keras"]
    lines = [f"{'':12}{'ms/step':>10}{'characters/s':>15}{'final loss':>13}"]
    medians = {name: float(np.median(r.seconds[warmup:])) for name, r in records.items()}
    for name, record in records.items():
        lines.append(
            f"{name:12}{1000 * medians[name]:10.1f}{characters / medians[name]:15,.0f}"
            f"{record.losses[-1]:13.6f}"
        )
    difference = np.abs(np.subtract(ours.losses, theirs.losses))
    lines += [
        f"tfrnn_ops is {medians['keras'] / medians['tfrnn_ops']:.2f} times as fast as keras "
        f"(medians of {len(ours.seconds) - warmup} steps each, in turns, after {warmup} untimed)",
        f"largest difference of the losses over {len(difference)} steps: {difference.max():.2e} "
        f"nats (first step {difference[0]:.2e}, last {difference[-1]:.2e})",
    ]
    return "\n".join(lines)


def _write_csv(path: Path, records: dict[str, Record]) -> None:
    columns: dict[str, Sequence[float]] = {"step": range(1, 1 + len(records["tfrnn_ops"].losses))}
    for name, record in records.items():
        columns |= {f"{name}_loss": record.losses, f"{name}_seconds": record.seconds}
    try:
        with open(path, "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(columns)
            writer.writerows(zip(*columns.values(), strict=True))
    except OSError as error:
        raise UserError(f"--csv {path}: {error.strerror or error}") from error
