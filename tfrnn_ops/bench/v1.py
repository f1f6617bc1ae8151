"""`python -m tfrnn_ops.bench v1`: TF1's `dynamic_rnn` over TF1's cells, in turns with ours."""

from __future__ import annotations

import argparse
import importlib
import types
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from tqdm import tqdm

import tfrnn_ops.v1 as ours
from tfrnn_ops._programs import UserError
from tfrnn_ops.bench import machine
from tfrnn_ops.bench.ceilings import measure_fma
from tfrnn_ops.bench.refcheck import Mismatch
from tfrnn_ops.bench.stats import paired_ratio, summarize
from tfrnn_ops.bench.timing import run_rounds, seconds_per_call

v1 = tf.compat.v1
# Private: TensorFlow's public cells are gone where Keras is Keras 3.
LEGACY_CELLS = "tensorflow.python.keras.layers.legacy_rnn.rnn_cell_impl"
TOLERANCE = 1e-4  # float32: the largest error over the largest value
CELLS = {"gru": "GRUCell", "lstm": "BasicLSTMCell", "rnn": "BasicRNNCell"}
GATES = {"gru": 3, "lstm": 4, "rnn": 1}
MODES = ("forward", "training")
INPUTS = ("one-hot", "dense")


@dataclass(frozen=True)
class Setting:
    """What is measured: a `MultiRNNCell` over characters, whole sequences.

    Attributes:
        cell: a key of `CELLS`.
        units: of each layer.
        batch: the number of sequences.
        time: the number of steps.
        symbols: the number of characters.
        inputs: "one-hot", straight from `tf.one_hot`, or "dense", the same numbers as any others.
        threads: of each of TensorFlow's two thread pools.
    """

    cell: str
    units: Sequence[int]
    batch: int
    time: int
    symbols: int
    inputs: str
    threads: int

    def flops(self, mode: str) -> int:
        """Operations in the matrix products that a mode cannot do without.

        Training takes each forward product three times: itself, and those for the gradients of
        its two factors; but nobody needs the gradient of the inputs. One-hot inputs need none.
        """
        total, features = 0, self.symbols
        for layer, units in enumerate(self.units):
            of_inputs, of_state = (1, 1) if mode == "forward" else (3 if layer else 2, 3)
            if layer == 0 and self.inputs == "one-hot":
                of_inputs = 0
            columns = 2 * self.batch * self.time * GATES[self.cell] * units
            total += columns * (of_inputs * features + of_state * units)
            features = units
        return total


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.add_argument("--cell", choices=CELLS, default="gru", help="(%(default)s)")
    parser.add_argument("--units", type=int, nargs="+", default=[128, 256], help="of each layer")
    parser.add_argument("--batch", type=int, default=64, help="(%(default)s)")
    parser.add_argument("--time", type=int, default=50, help="steps (%(default)s)")
    parser.add_argument("--symbols", type=int, default=83, help="characters (%(default)s)")
    parser.add_argument(
        "--inputs", choices=INPUTS, nargs="+", default=INPUTS, help="one after another"
    )
    parser.add_argument("--threads", type=int, default=machine.cores(), help="(%(default)s)")
    parser.add_argument("--rounds", type=int, default=30, help="of both (%(default)s)")
    parser.add_argument("--seconds", type=float, default=30.0, help="for the rounds of a mode")


def run(args: argparse.Namespace) -> int:
    """Measures and prints a table; returns the exit status.

    Raises:
        Mismatch: the two compute something else.
        UserError: an argument is not positive, or this TensorFlow lacks the cells.
    """
    for name in ("batch", "time", "symbols", "threads", "rounds"):
        if getattr(args, name) < 1:
            raise UserError(f"--{name}: found {getattr(args, name)}, expected 1 or more")
    if min(args.units) < 1:
        raise UserError(f"--units: found {args.units}, expected numbers from 1")
    print(f"{CELLS[args.cell]} {args.units}, batch {args.batch}, {args.time} steps, float32")
    for inputs in args.inputs:
        sizes = (args.batch, args.time, args.symbols)
        measure(Setting(args.cell, args.units, *sizes, inputs, args.threads), args)
    print(f"load average now {machine.load_average():.2f}")
    return 0


def measure(setting: Setting, args: argparse.Namespace) -> None:
    """Measures one setting in every mode and prints a line for each."""
    libraries = {"TensorFlow": (legacy_cells(), v1.nn), "tfrnn_ops": (ours, ours)}
    with ExitStack() as stack:
        calls = {
            name: stack.enter_context(program(setting, *library))
            for name, library in libraries.items()
        }
        check({name: call["training"]() for name, call in calls.items()})
        for mode in MODES:
            slots = {
                name: lambda call=call[mode]: seconds_per_call(call, 0.0)
                for name, call in calls.items()
            }
            what = f"{mode}, {setting.inputs}"
            with tqdm(total=args.rounds, desc=what, leave=False) as progress:
                measured = run_rounds(
                    slots, args.rounds, args.seconds, min(5, args.rounds), progress.update
                )
            gflops = max(measure_fma(0.05, setting.threads) for _ in range(5))
            least = 1e-6 * setting.flops(mode) / gflops
            print(f"{line(what, measured)}; products alone {least:.1f} ms at {gflops:.0f} GFLOP/s")


def legacy_cells() -> types.ModuleType:
    """TensorFlow's own copies of TF1's cells.

    Raises:
        UserError: it has none.
    """
    try:
        return importlib.import_module(LEGACY_CELLS)
    except ImportError as error:
        raise UserError(f"TensorFlow {tf.__version__} has no {LEGACY_CELLS}") from error


@contextmanager
def program(setting: Setting, cells: Any, loops: Any) -> Iterator[dict[str, Callable[[], Any]]]:
    """A TF1 program: yields for every mode what runs it and returns arrays."""
    ids = np.random.default_rng(0).integers(0, setting.symbols, (setting.batch, setting.time))
    with_v2 = v1.control_flow_v2_enabled()
    v1.disable_control_flow_v2()  # a TF1 program has none
    try:
        with tf.Graph().as_default():
            sequence = v1.placeholder(tf.int32, [None, None])
            lengths = tf.fill([tf.shape(sequence)[0]], setting.time)
            inputs = tf.one_hot(sequence, setting.symbols)
            layers = [getattr(cells, CELLS[setting.cell])(n) for n in setting.units]
            outputs, _ = loops.dynamic_rnn(
                cells.MultiRNNCell(layers),
                inputs if setting.inputs == "one-hot" else tf.identity(inputs),
                sequence_length=lengths,
                dtype=tf.float32,
            )
            variables = sorted(v1.trainable_variables(), key=lambda v: v.name)
            gradients = tf.gradients(tf.reduce_sum(outputs**2), variables)
            config = v1.ConfigProto(
                intra_op_parallelism_threads=setting.threads,
                inter_op_parallelism_threads=setting.threads,
            )
            with v1.Session(config=config) as session:
                rng = np.random.default_rng(1)
                for variable in variables:
                    shape = variable.shape.as_list()
                    variable.load(rng.normal(size=shape).astype("f") / shape[0], session)
                forward = session.make_callable(outputs, [sequence])
                training = session.make_callable([outputs, *gradients], [sequence])
                yield {"forward": lambda: forward(ids), "training": lambda: training(ids)}
    finally:
        if with_v2:
            v1.enable_control_flow_v2()


def check(results: dict[str, list[np.ndarray]]) -> None:
    """Compares the arrays of all with those of the first.

    Raises:
        Mismatch: they differ by more than `TOLERANCE`.
    """
    (first, wanted), *others = results.items()
    for name, arrays in others:
        for number, (got, want) in enumerate(zip(arrays, wanted, strict=True)):
            error = np.abs(got - want).max() / np.abs(want).max()
            if not error <= TOLERANCE:
                raise Mismatch(f"array {number} of {name} differs from {first}'s by {error:.2g}")


def line(what: str, measured: dict[str, list[float]]) -> str:
    """One row of the table."""
    (_, theirs), (_, mine) = measured.items()
    times = [
        f"{name} {1e3 * summarize(seconds).median:.1f} ms (best {1e3 * min(seconds):.1f})"
        for name, seconds in measured.items()
    ]
    ratio = paired_ratio(theirs, mine)
    return (
        f"{what:<17} {', '.join(times)}; "
        f"{ratio.median:.2f} times as fast ({ratio.low:.2f} to {ratio.high:.2f})"
    )
