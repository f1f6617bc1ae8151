"""Command line of the character model: `python -m tfrnn_ops.examples.char_rnn --help`."""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Callable

from tfrnn_ops._programs import UserError
from tfrnn_ops.examples.char_rnn import compare, generate, train
from tfrnn_ops.examples.char_rnn.corpus import LIBRARY_CHARACTERS, VALIDATION_CHARACTERS
from tfrnn_ops.examples.char_rnn.model import CELLS, LIBRARIES
from tfrnn_ops.examples.char_rnn.schedule import LEARNING_RATES

PROGRAM = "python -m tfrnn_ops.examples.char_rnn"
DEFAULT_MINUTES = 2.0
DEFAULT_FOLDER = "runs/char_rnn"


def number(
    convert: type[int] | type[float], low: float = 0, high: float = math.inf, above: bool = False
) -> Callable[[str], float]:
    """Returns an argument type: a finite number from `low` (or above it) to `high`."""
    wanted = f"{'a whole' if convert is int else 'a'} number {'above' if above else 'from'} {low:g}"
    if high < math.inf:
        wanted += f" to {high:g}"

    def parse(text: str) -> float:
        try:
            value = convert(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value) or not low <= value <= high or (above and value == low):
            raise argparse.ArgumentTypeError(f"found {text!r}, expected {wanted}")
        return value

    return parse


COUNT = number(int, low=1)
POSITIVE = number(float, above=True)
SEED = number(int, high=2**31 - 1)


class HelpFormatter(argparse.ArgumentDefaultsHelpFormatter):
    """Adds defaults to the help, but not that a flag is off or an option has none."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        if action.default is None or action.default is False:
            return action.help
        return super()._get_help_string(action)


def parser() -> argparse.ArgumentParser:
    """Returns the parser of all three commands."""
    top = argparse.ArgumentParser(prog=PROGRAM, description="Character-level language model.")
    commands = top.add_subparsers(dest="command", required=True)
    shared = _training_arguments()

    p = commands.add_parser(
        "train", parents=[shared], formatter_class=HelpFormatter, help="learn a text"
    )
    p.set_defaults(run=train.run)
    p.add_argument("--out", default=DEFAULT_FOLDER, metavar="DIR", help="checkpoints and curves")
    p.add_argument(
        "--minutes",
        type=POSITIVE,
        help=f"stop after; {DEFAULT_MINUTES:g} if no other limit is given",
    )
    p.add_argument("--epochs", type=COUNT, help="stop after so many readings of the text")
    p.add_argument("--max-steps", type=COUNT, help="stop after so many steps")
    p.add_argument("--validate-every", type=COUNT, default=500, metavar="STEPS", help="and save")
    p.add_argument(
        "--validation-characters",
        type=COUNT,
        default=VALIDATION_CHARACTERS,
        metavar="N",
        help="at most so many of the held-out last tenth are read",
    )
    start = p.add_mutually_exclusive_group()
    start.add_argument("--resume", action="store_true", help="go on from DIR/last.npz")
    start.add_argument("--overwrite", action="store_true", help="replace the checkpoints in DIR")
    _library_argument(p)

    p = commands.add_parser("generate", formatter_class=HelpFormatter, help="write text")
    p.set_defaults(run=generate.run)
    p.add_argument(
        "--checkpoint", default=DEFAULT_FOLDER, metavar="PATH", help="folder (its best) or file"
    )
    p.add_argument("--prime", default="", metavar="TEXT", help="the beginning to go on from")
    p.add_argument("--length", type=COUNT, default=1000, help="characters to write")
    p.add_argument(
        "--temperature", type=number(float), default=0.8, help="0: always the likeliest character"
    )
    p.add_argument("--seed", type=SEED, default=0, help="same seed, same text")
    _library_argument(p)

    p = commands.add_parser(
        "compare", parents=[shared], formatter_class=HelpFormatter, help="time against Keras layers"
    )
    p.set_defaults(run=compare.run)
    p.add_argument("--max-steps", type=COUNT, default=50, help="timed steps of each library")
    p.add_argument("--warmup", type=COUNT, default=3, help="steps before them")
    p.add_argument("--csv", metavar="FILE", help="write loss and time of every step")
    p.add_argument("--plot", metavar="FILE", help="write a PNG of both loss curves")
    return top


def _library_argument(p: argparse.ArgumentParser) -> None:
    p.add_argument(
        "--library", choices=LIBRARIES, default="tfrnn_ops", help="whose recurrent layers"
    )


def _training_arguments() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(add_help=False)
    text = p.add_argument_group("text")
    text.add_argument(
        "--text",
        metavar="FILE",
        help=f"UTF-8 text; else {LIBRARY_CHARACTERS:,} characters of Python's standard library",
    )
    text.add_argument(
        "--vocabulary",
        type=number(int, low=2),
        default=128,
        metavar="SIZE",
        help="most kinds of characters; the rarest beyond become one",
    )
    model = p.add_argument_group("model")
    model.add_argument("--cell", choices=CELLS, default="gru", help="kind of recurrent layer")
    model.add_argument("--layers", type=COUNT, default=2, help="one on the other")
    model.add_argument("--units", type=COUNT, default=256, help="of each layer")
    model.add_argument(
        "--embedding", type=number(int), default=64, metavar="SIZE", help="0: one-hot vectors"
    )
    model.add_argument(
        "--dropout", type=number(float, high=0.95), default=0.0, help="after each recurrent layer"
    )
    training = p.add_argument_group("training")
    training.add_argument("--batch", type=COUNT, default=32, help="streams read side by side")
    training.add_argument(
        "--steps", type=COUNT, default=64, help="characters to backpropagate through"
    )
    rates = ", ".join(f"{rate:g} for {cell}" for cell, rate in LEARNING_RATES.items())
    training.add_argument(
        "--learning-rate", type=POSITIVE, metavar="RATE", help=f"the highest; if not given {rates}"
    )
    training.add_argument("--clip", type=POSITIVE, default=1.0, help="global gradient norm")
    training.add_argument("--seed", type=SEED, default=0, help="of weights and dropout")
    return p


def main(argv: list[str] | None = None) -> int:
    """Runs one command; returns the exit status, 2 for a mistake in the arguments."""
    args = parser().parse_args(argv)
    if args.command == "train" and not (args.minutes or args.epochs or args.max_steps):
        args.minutes = DEFAULT_MINUTES
    if args.command in ("train", "compare") and args.learning_rate is None:
        args.learning_rate = LEARNING_RATES[args.cell]
    try:
        return args.run(args)
    except UserError as error:
        print(f"{PROGRAM} {args.command}: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


if __name__ == "__main__":
    sys.exit(main())
