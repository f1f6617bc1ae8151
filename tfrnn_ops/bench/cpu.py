"""The commands that need TensorFlow: `cpu`, `report`, `steps` and `v1`."""

from __future__ import annotations

import argparse
import logging
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from tfrnn_ops._programs import UserError, require
from tfrnn_ops.bench import PROGRAM, machine, plot, report, runner, steps, table, v1
from tfrnn_ops.bench.argument_types import at_least, positive, shape, some_of
from tfrnn_ops.bench.cases import CELLS, DTYPES, MODES, QUICK_SHAPES, SHAPES, Case
from tfrnn_ops.bench.options import OPTIONS
from tfrnn_ops.bench.peers import OTHERS
from tfrnn_ops.bench.refcheck import SIXTEEN_BIT_SUMS, TOLERANCE, Mismatch
from tfrnn_ops.bench.results import Run

# What --quick changes, where nothing else is asked for.
QUICK: dict[str, Any] = {"rounds": 3, "fewest_rounds": 2, "budget": 2.0, "slot": 0.005}


def parser() -> argparse.ArgumentParser:
    """Returns the parser of all commands."""
    top = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Times the layers of tfrnn_ops against other libraries, in turns, and against "
        "what the machine can do at most.",
    )
    commands = top.add_subparsers(dest="command", required=True)
    shared = _measuring_arguments()
    cpu = commands.add_parser("cpu", parents=[shared], help="measure on the CPU, print tables")
    cpu.set_defaults(file=None, read=None)
    p = commands.add_parser(
        "report", parents=[shared], help="the same, and put the tables into BENCHMARKS.md"
    )
    p.add_argument("--file", type=Path, default=Path("BENCHMARKS.md"), help="(%(default)s)")
    p.add_argument(
        "--from",
        dest="read",
        type=Path,
        metavar="FILE.json",
        help="take the results of `cpu --json FILE.json`, measure nothing",
    )
    p = commands.add_parser("v1", help="TF1's dynamic_rnn over its cells against ours")
    v1.add_arguments(p)
    p = commands.add_parser(
        "steps", help="single steps in a row: what a call costs beside its step"
    )
    steps.add_arguments(p)
    # Listed here for --help; __main__ runs it without TensorFlow.
    commands.add_parser("gpu", help="measure on a GPU, or plan for one that is not there")
    return top


def _measuring_arguments() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(add_help=False)
    what = p.add_argument_group("what to measure (everything, if not said)")
    what.add_argument(
        "--shape",
        type=shape,
        action="append",
        metavar="B,T,I,H",
        help="batch, time, features, units; T may be a range such as 20..200. Repeatable",
    )
    what.add_argument("--cell", type=some_of(*CELLS), default=list(CELLS), help=",".join(CELLS))
    what.add_argument(
        "--dtype",
        type=some_of(*DTYPES),
        default=["float32", "bfloat16"],
        help=f"{','.join(DTYPES)} (float32,bfloat16)",
    )
    what.add_argument(
        "--against",
        type=some_of(*OTHERS),
        default=list(OTHERS),
        help=f"{','.join(OTHERS)}: Keras as a graph, Keras compiled by XLA, "
        "tf.raw_ops.BlockLSTM, PyTorch",
    )
    what.add_argument(
        "--option",
        type=some_of(*OPTIONS),
        default=[],
        help=f"{','.join(OPTIONS)}: instead of plain layers those with an option, one by one",
    )
    what.add_argument("--mode", type=some_of(*MODES), default=list(MODES), help=",".join(MODES))
    how = p.add_argument_group("how")
    default = runner.Plan
    how.add_argument(
        "--threads",
        type=at_least(1),
        default=machine.cores(),
        help="of every library (all: %(default)s)",
    )
    how.add_argument("--rounds", type=at_least(1), help=f"of all libraries ({default.rounds})")
    how.add_argument(
        "--seconds",
        type=positive,
        help="for the rounds of one row; after that no further one begins, once there are "
        f"{default.fewest_rounds} ({default.budget:g})",
    )
    how.add_argument(
        "--quick",
        action="store_true",
        help=f"{QUICK['rounds']} short rounds, {' and '.join(map(str, QUICK_SHAPES))} only: to "
        "see whether it works",
    )
    how.add_argument(
        "--refcheck",
        action="store_true",
        help="first check outputs and gradients against Keras in float64: largest error over "
        f"largest value at most {TOLERANCE['float32']:.0e} in float32, {TOLERANCE['bfloat16']:.2g} "
        f"in bfloat16, {TOLERANCE['float16']:.2g} in float16; other libraries, which may sum in "
        f"16 bits, {SIXTEEN_BIT_SUMS} times that in the latter two",
    )
    to = p.add_argument_group("where to write the results, besides stdout")
    to.add_argument("--csv", type=Path, metavar="FILE", help="one line a library and row")
    to.add_argument("--json", type=Path, metavar="FILE", help="all there is, every round")
    to.add_argument("--plot", type=Path, metavar="FILE.png", help="bars and the ceiling")
    return p


def plan(args: argparse.Namespace) -> runner.Plan:
    """Returns what the arguments ask for."""
    thoroughness = dict(QUICK) if args.quick else {}
    if args.rounds is not None:
        fewest = min(args.rounds, runner.Plan.fewest_rounds)
        thoroughness |= {"rounds": args.rounds, "fewest_rounds": fewest}
    if args.seconds is not None:
        thoroughness["budget"] = args.seconds
    shapes = args.shape or (QUICK_SHAPES if args.quick else SHAPES)
    return runner.Plan(
        [
            Case(cell, s, dtype, option)
            for dtype in args.dtype
            for cell in args.cell
            for s in shapes
            for option in args.option or [""]
            if not option or cell in (OPTIONS[option].cells or CELLS)
        ],
        args.mode,
        args.against,
        args.threads,
        refcheck=args.refcheck,
        **thoroughness,
    )


def execute(args: argparse.Namespace, command: str) -> int:
    """Runs one command; returns the exit status."""
    # Everything that can be wrong with the files is found before hours of measuring.
    if args.plot:
        require("matplotlib.figure", "bench")
    for path in filter(None, (args.csv, args.json, args.plot)):
        if not path.parent.is_dir():
            raise UserError(f"{path}: found no folder {path.parent} to write it to")
    if args.file:
        report.read(args.file, options=bool(args.option))
    if args.read:
        result, complete = Run.read_json(args.read), True
    else:
        result, complete = runner.run(plan(args), command)
    table.show(result)
    try:
        if args.json:
            result.write_json(args.json)
        if args.csv:
            result.write_csv(args.csv)
        if args.plot and result.measurements:
            plot.draw(result, args.plot)
        if args.file and complete:
            report.write(result, args.file)
    except OSError as error:
        raise UserError(f"{error.filename}: {error.strerror or error}") from error
    if not complete:
        print(f"{PROGRAM}: interrupted, not everything was measured", file=sys.stderr)
        return 130
    return 0


def main(argv: Sequence[str]) -> int:
    """Runs the program.

    Returns:
        The exit status: 1 if results are wrong, 2 for a mistake in the arguments.
    """
    args = parser().parse_args(argv)
    tf.get_logger().setLevel(logging.ERROR)  # no advice on retracing: every case is a new function
    try:
        if args.command == "v1":
            return v1.run(args)
        if args.command == "steps":
            return steps.run(args)
        return execute(args, f"{PROGRAM} {shlex.join(argv)}")
    except UserError as error:
        print(f"{PROGRAM} {args.command}: error: {error}", file=sys.stderr)
        return 2
    except Mismatch as error:
        print(f"{PROGRAM} {args.command}: wrong results: {error}", file=sys.stderr)
        return 1
