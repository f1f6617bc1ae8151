"""`python -m tfrnn_ops.bench steps`: single steps in a row, as a streaming program makes them."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

import tfrnn_ops
from tfrnn_ops import _core
from tfrnn_ops._programs import UserError
from tfrnn_ops.bench import machine
from tfrnn_ops.bench.refcheck import Mismatch
from tfrnn_ops.bench.stats import summarize
from tfrnn_ops.bench.timing import run_rounds, seconds_per_call

CELLS = {"lstm": "LSTM", "gru": "GRU", "simple_rnn": "SimpleRNN"}
TOLERANCE = 1e-5  # float32: the largest error over the largest value
SLOT_SECONDS = 0.05


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.add_argument("--cell", choices=CELLS, nargs="+", default=list(CELLS), help="(all)")
    parser.add_argument("--units", type=int, default=256, help="and features (%(default)s)")
    parser.add_argument("--batch", type=int, default=1, help="(%(default)s)")
    parser.add_argument("--steps", type=int, default=1000, help="in a function (%(default)s)")
    parser.add_argument("--rounds", type=int, default=15, help="of all (%(default)s)")


def run(args: argparse.Namespace) -> int:
    """Measures and prints a line for each cell; returns the exit status.

    Raises:
        Mismatch: the chain computes something else than the kernel.
        UserError: an argument is not positive.
    """
    for name in ("units", "batch", "steps", "rounds"):
        if getattr(args, name) < 1:
            raise UserError(f"--{name}: found {getattr(args, name)}, expected 1 or more")
    print(
        f"batch {args.batch}, {args.units} features and units, float32: one step of the kernel, "
        f"and one of {args.steps} calls in a row in a tf.function, microseconds"
    )
    for cell in args.cell:
        print(line(cell, measure(cell, args)))
    print(f"load average now {machine.load_average():.2f}")
    return 0


def measure(cell: str, args: argparse.Namespace) -> dict[str, list[float]]:
    """Seconds of a step, one number a round: of the kernel, of our layer, of Keras's cell."""
    x = np.random.default_rng(0).standard_normal([args.batch, 1, args.units]).astype("f")
    ours = getattr(tfrnn_ops, CELLS[cell])(args.units, return_state=True)
    ours.build(x.shape)
    theirs = getattr(keras.layers, f"{CELLS[cell]}Cell")(args.units)
    theirs.build(x[:, 0].shape)
    theirs.set_weights(ours.get_weights())
    first = [tf.zeros([args.batch, args.units])] * (2 if cell == "lstm" else 1)
    calls = {
        "tfrnn_ops": chain(lambda x, states: ours(x, initial_state=states)[1:], x, first, args),
        "Keras": chain(lambda x, states: theirs(x[:, 0], states)[1], x, first, args),
    }
    calls["kernel"] = kernel(cell, ours.get_weights(), x, first, args)
    wanted = calls["kernel"]()
    for name in ("tfrnn_ops", "Keras"):
        error = np.abs(calls[name]() - wanted).max() / np.abs(wanted).max()
        if not error <= TOLERANCE:
            raise Mismatch(f"the last state of {name} differs from the kernel's by {error:.2g}")
    slots = {
        name: lambda call=call: seconds_per_call(call, SLOT_SECONDS) / args.steps
        for name, call in calls.items()
    }
    with tqdm(total=args.rounds, desc=cell, leave=False) as progress:
        return run_rounds(slots, args.rounds, float("inf"), args.rounds, progress.update)


def chain(
    step: Callable[..., Any], x: np.ndarray, first: list[Any], args: argparse.Namespace
) -> Callable[[], np.ndarray]:
    """Returns what steps again and again on the same input in a graph: the last `h`."""

    @tf.function
    def run_chain(x: Any) -> Any:
        states = first
        for _ in range(args.steps):
            states = step(x, states)
        return states[0]

    tensor = tf.constant(x)
    return lambda: run_chain(tensor).numpy()


def kernel(
    cell: str, weights: list[np.ndarray], x: np.ndarray, first: list[Any], args: argparse.Namespace
) -> Callable[[], np.ndarray]:
    """The same by the engine alone, on one thread."""
    layer = _core.Layer32(cell, *weights)
    zeros = [state.numpy() for state in first]

    def run_chain() -> np.ndarray:
        states = zeros
        for _ in range(args.steps):
            _, states, _ = layer.forward(x, states)
        last: np.ndarray = states[0]
        return last

    return run_chain


def line(cell: str, measured: dict[str, list[float]]) -> str:
    """One row of the table."""
    micros = {
        name: summarize([1e6 * seconds for seconds in measured[name]])
        for name in ("kernel", "tfrnn_ops", "Keras")
    }
    times = ", ".join(
        f"{name} {s.median:.1f} [{s.low:.1f}, {s.high:.1f}]" for name, s in micros.items()
    )
    over = micros["tfrnn_ops"].median - micros["kernel"].median
    return f"{cell:<11} {times}; over the kernel {over:.1f}"
