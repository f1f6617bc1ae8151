"""`python -m tfrnn_ops.bench gpu`: measures on a GPU, or plans for one that need not be there.

Needs `_core`, NumPy and, to measure, PyTorch; not TensorFlow.
"""

from __future__ import annotations

import argparse
import importlib.util
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tfrnn_ops import _core
from tfrnn_ops._programs import UserError
from tfrnn_ops.bench import PROGRAM, sheet
from tfrnn_ops.bench.argument_types import at_least, positive, shape, some_of
from tfrnn_ops.bench.cases import Shape
from tfrnn_ops.bench.gpu import cases, check, prediction, runner, table
from tfrnn_ops.bench.gpu.constants import Measured
from tfrnn_ops.bench.gpu.peers import OTHERS, TITLES
from tfrnn_ops.bench.gpu.results import write_csv

NO_GPU = 1  # the exit status
# What --quick changes, where nothing else is asked for.
QUICK: dict[str, Any] = {"rounds": 5, "budget": 0.5, "repeats": 1}
PLAN_BATCHES, PLAN_UNITS = (1, 16, 32, 64, 128, 256), (128, 256, 512, 768, 1024, 1536, 2048)


def numbers(text: str) -> list[int]:
    """The argument type of sizes: whole numbers from 1, with commas between them."""
    return [at_least(1)(part) for part in text.split(",")]


def parser() -> argparse.ArgumentParser:
    """Returns the parser of the command."""
    p = argparse.ArgumentParser(
        prog=f"{PROGRAM} gpu",
        description="Times our CUDA kernels against PyTorch's layers and against every algorithm "
        "of cuDNN, in turns; or, with --plan, predicts.",
    )
    default = runner.Settings
    what = p.add_argument_group("what to measure or plan (everything, if not said)")
    what.add_argument("--cell", type=some_of(*cases.GPU_CELLS), default=["lstm", "gru"])
    what.add_argument(
        "--dtype",
        type=some_of(*cases.GPU_DTYPES),
        default=list(cases.GPU_DTYPES),
        help=f"{','.join(cases.GPU_DTYPES)}; tf32 is float32 with TF32 products",
    )
    what.add_argument("--batch", type=numbers, help="sizes, with commas between them")
    what.add_argument("--units", type=numbers, help="likewise; features are as many")
    what.add_argument("--time", type=at_least(1), default=cases.TIME, help="steps (%(default)s)")
    what.add_argument(
        "--shape",
        type=shape,
        action="append",
        metavar="B,T,I,H",
        help="instead of --batch, --units and --time; T may be a range such as 20..200. Repeatable",
    )
    what.add_argument("--directions", type=some_of("1", "2"), default=["1"], help="1,2 (1)")
    how = p.add_argument_group("how to measure")
    how.add_argument(
        "--mode", type=some_of(*cases.GPU_MODES), default=list(cases.GPU_MODES), help="all"
    )
    how.add_argument(
        "--against", type=some_of(*OTHERS), default=list(OTHERS), help=",".join(OTHERS)
    )
    how.add_argument("--rounds", type=at_least(1), help=f"at most ({default.rounds})")
    how.add_argument(
        "--seconds", type=positive, help=f"for the rounds of one row ({default.budget:g})"
    )
    how.add_argument("--repeats", type=at_least(1), help=f"of everything ({default.repeats})")
    how.add_argument("--quick", action="store_true", help="two shapes, few rounds, once")
    how.add_argument(
        "--no-refcheck",
        dest="refcheck",
        action="store_false",
        help="do not compare the results of the first steps with float64 before",
    )
    plan = p.add_argument_group("planning, which needs no GPU")
    plan.add_argument("--plan", action="store_true", help="print plans and predicted times")
    plan.add_argument(
        "--device",
        metavar="NAME",
        help="one of " + ", ".join(d.name for d in _core.gpu_devices()) + " (this machine's, "
        "H200 if there is none)",
    )
    plan.add_argument(
        "--constants", type=Path, metavar="FILE.csv", help="what tfrnn_microbench has measured"
    )
    plan.add_argument(
        "--override", default="", metavar="PLAN", help="as in the variable TFRNN_GPU_PLAN"
    )
    plan.add_argument("--reasons", action="store_true", help="say of every plan why")
    to = p.add_argument_group("where to write the results, besides stdout")
    to.add_argument("--csv", type=Path, metavar="FILE", help="one line a peer, way and row")
    to.add_argument("--plot", type=Path, metavar="FILE.png", help="microseconds of a step")
    to.add_argument(
        "--file", type=Path, help="put the tables into a document such as BENCHMARKS.md"
    )
    return p


# What is for one of the two things that the command does, and would be ignored by the other.
_MEASURING = (
    *("time", "shape", "mode", "against", "rounds", "seconds", "repeats", "quick", "refcheck"),
    *("csv", "plot"),
)
_PLANNING = ("device", "constants", "override", "reasons")


def refuse_ignored(args: argparse.Namespace, p: argparse.ArgumentParser) -> None:
    """Checks that every option given has an effect.

    Raises:
        UserError: one has none.
    """
    for name in _MEASURING if args.plan else _PLANNING:
        if getattr(args, name) != p.get_default(name):
            option = "--no-refcheck" if name == "refcheck" else f"--{name}"
            raise UserError(f"{option}: {'not with' if args.plan else 'only with'} --plan")
    if args.shape and (args.batch or args.units or args.time != cases.TIME):
        raise UserError("--shape: not with --batch, --units or --time")


def shapes(args: argparse.Namespace) -> list[Shape]:
    """The shapes to measure."""
    if args.shape:
        return args.shape
    if args.quick and not (args.batch or args.units):
        return [Shape.parse(text) for text in cases.QUICK_SHAPES]
    if not (args.batch or args.units) and args.time == cases.TIME:
        return cases.all_shapes()
    return [
        Shape(batch, args.time, units, units)
        for units in args.units or cases.UNITS
        for batch in args.batch or cases.BATCHES
    ]


def settings(args: argparse.Namespace) -> runner.Settings:
    """What the arguments ask for."""
    thoroughness = dict(QUICK) if args.quick else {}
    given = {"rounds": args.rounds, "budget": args.seconds, "repeats": args.repeats}
    thoroughness |= {name: value for name, value in given.items() if value is not None}
    thoroughness["fewest_rounds"] = min(
        runner.Settings.fewest_rounds, thoroughness.get("rounds", runner.Settings.rounds)
    )
    directions = [int(count) for count in args.directions]
    wanted = cases.cases(shapes(args), args.cell, args.dtype, directions)
    return runner.Settings(wanted, args.mode, args.against, refcheck=args.refcheck, **thoroughness)


def question(args: argparse.Namespace) -> prediction.Question:
    """What to plan for.

    Raises:
        UserError: no such device, or the file with constants is none.
    """
    measured = None
    if args.constants:
        try:
            measured = Measured.read(args.constants)
        except (OSError, ValueError) as error:
            raise UserError(f"--constants {args.constants}: {error}") from error
    device = _device(args.device)
    if measured is not None:
        if measured.arch != device.arch:
            raise UserError(
                f"--constants {args.constants}: measured on compute capability "
                f"{measured.arch / 10:.1f}, {device.name} has {device.arch / 10:.1f}"
            )
        clusters = measured.resident_clusters
        device.resident_clusters = [
            clusters.get(blocks, 0) for blocks in range(len(device.resident_clusters))
        ]
    return prediction.Question(
        device,
        args.cell,
        args.dtype,
        args.batch or PLAN_BATCHES,
        args.units or PLAN_UNITS,
        [int(count) for count in args.directions],
        {} if measured is None else measured.values,
        args.override,
    )


def _device(name: str | None) -> Any:
    """The GPU of that name; without one, this machine's or an H200."""
    known = {device.name: device for device in _core.gpu_devices()}
    if name is None:
        return known["H200"] if obstacle() else _core.cuda_device()
    if name not in known:
        raise UserError(f"--device: found {name!r}, expected one of {', '.join(known)}")
    return known[name]


def obstacle() -> str:
    """Why nothing can be measured here; empty if it can."""
    if not _core.built_with_cuda:
        return "tfrnn_ops was built without CUDA"
    if found := _core.cuda_obstacle():
        return found
    if importlib.util.find_spec("torch") is None:
        return "PyTorch is not installed: pip install torch"
    import torch

    return "" if torch.cuda.is_available() else "PyTorch finds no GPU, or was built for the CPU"


def plan(args: argparse.Namespace, command: str) -> int:
    """Prints plans, and writes them into a document if asked to."""
    asked = question(args)
    facts = {**prediction.facts(asked), "command": command}
    try:
        sheets, notes = list(prediction.sheets(asked)), prediction.notes(asked)
        sheet.show(facts, sheets, notes)
        if args.reasons:
            for line in prediction.reasons(asked):
                print(line)
    except ValueError as error:  # of the override: only gpu_plan() knows what fits
        raise UserError(f"--override: {error}") from error
    if args.file:
        prediction.SECTION.write(args.file, sheet.markdown(facts, sheets, notes))
    return 0


def measure(args: argparse.Namespace, command: str) -> int:
    """Measures, prints tables and writes files; returns the exit status."""
    if found := obstacle():
        print(
            f"{PROGRAM} gpu: cannot measure: {found}. `--plan` predicts without a GPU.",
            file=sys.stderr,
        )
        return NO_GPU
    for path in filter(None, (args.csv, args.plot)):
        if not path.parent.is_dir():
            raise UserError(f"{path}: found no folder {path.parent} to write it to")
    if args.file:
        table.SECTION.read(args.file)
    result = runner.run(settings(args))
    facts = {**result.facts, "command": command}
    sheets = list(table.sheets(result.measurements, TITLES))
    notes = table.notes(result.measurements, TITLES)
    sheet.show(facts, sheets, notes)
    if args.csv:
        write_csv(result.measurements, args.csv)
    if args.plot and result.measurements:
        table.draw(result.measurements, TITLES, args.plot)
    if args.file and result.complete:
        table.SECTION.write(args.file, sheet.markdown(facts, sheets, notes))
    for failure in result.failures:
        print(f"{PROGRAM} gpu: our kernels failed: {failure}", file=sys.stderr)
    if not result.complete:
        print(f"{PROGRAM} gpu: interrupted, not everything was measured", file=sys.stderr)
        return 130
    return 1 if result.failures else 0


def main(argv: Sequence[str]) -> int:
    """Runs the command.

    Returns:
        The exit status: 1 if our results are wrong, our kernels fail or there is no GPU, 2 for a
        mistake in the arguments.
    """
    p = parser()
    args = p.parse_args(argv)
    command = shlex.join([*PROGRAM.split(), "gpu", *argv])
    try:
        refuse_ignored(args, p)
        return (plan if args.plan else measure)(args, command)
    except UserError as error:
        print(f"{PROGRAM} gpu: error: {error}", file=sys.stderr)
        return 2
    except check.Mismatch as error:
        print(f"{PROGRAM} gpu: wrong results: {error}", file=sys.stderr)
        return 1
