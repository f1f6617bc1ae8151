"""What training shows of itself: progress bar, TensorBoard events, curves as a picture."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

import tensorflow as tf

from tfrnn_ops._programs import UserError, require

BAR = "{percentage:3.0f}%|{bar:20}| {elapsed}<{remaining}{postfix}"


def bits(nats: float) -> float:
    """Converts nats to bits: a loss to base e to a loss to base 2."""
    return nats / math.log(2)


class Progress:
    """A bar over the share of the training that is done; tqdm works out the remaining time.

    Args:
        done: the share already done when training starts, 0 to 1.
    """

    def __init__(self, done: float) -> None:
        tqdm = require("tqdm", "examples").tqdm
        # A log file gets a line now and then, a terminal a living bar.
        interval = 0.2 if sys.stderr.isatty() else 10
        self._bar = tqdm(total=1.0, initial=done, bar_format=BAR, mininterval=interval)

    def show(self, done: float, epoch: float, loss: float, characters_per_second: float) -> None:
        """Moves the bar on; `loss` in nats per character."""
        self._bar.set_postfix_str(
            f"epoch {epoch:.2f}, loss {loss:.3f}, {bits(loss):.3f} bits/char, "
            f"{characters_per_second:,.0f} chars/s",
            refresh=False,
        )
        self._bar.update(done - self._bar.n)

    def note(self, line: str) -> None:
        """Prints a line above the bar."""
        self._bar.write(line, file=sys.stderr)

    def close(self) -> None:
        """Leaves the bar as it is."""
        self._bar.close()


class EventLog:
    """Scalars for TensorBoard, which need not be installed to write them."""

    def __init__(self, folder: Path) -> None:
        self._writer = tf.summary.create_file_writer(str(folder))

    def write(self, step: int, **values: float) -> None:
        """Adds one point to each curve named."""
        Summary = tf.compat.v1.Summary
        event = Summary(value=[Summary.Value(tag=k, simple_value=v) for k, v in values.items()])
        with self._writer.as_default():
            tf.summary.experimental.write_raw_pb(event.SerializeToString(), step=step)

    def close(self) -> None:
        """Writes out what is buffered."""
        self._writer.close()


def plot_losses(path: Path, curves: dict[str, list[Any]], title: str, xlabel: str = "step") -> None:
    """Draws curves of `[x, loss in nats]` points, with bits on the right, into a PNG file."""
    figure = require("matplotlib.figure", "examples").Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot(title=title, xlabel=xlabel, ylabel="loss (nats per character)")
    for label, points in curves.items():
        if points:
            marker = "o" if len(points) < 50 else None
            axes.plot(*zip(*points, strict=True), label=label, marker=marker, markersize=3)
    axes.secondary_yaxis("right", functions=(bits, lambda b: b * math.log(2))).set_ylabel(
        "bits per character"
    )
    axes.grid(alpha=0.3)
    if any(curves.values()):
        axes.legend()
    try:
        figure.savefig(path, dpi=120)
    except OSError as error:
        raise UserError(f"cannot write picture {path}: {error.strerror or error}") from error
