"""What the programs' options hold."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable

from tfrnn_ops.bench.cases import Shape


def some_of(*names: str) -> Callable[[str], list[str]]:
    """Returns an argument type: names with commas between them."""

    def parse(text: str) -> list[str]:
        found = text.split(",")
        for name in found:
            if name not in names:
                raise argparse.ArgumentTypeError(
                    f"found {name!r}, expected one or more of {','.join(names)}"
                )
        return list(dict.fromkeys(found))

    return parse


def shape(text: str) -> Shape:
    """The argument type of a shape."""
    try:
        return Shape.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def at_least(low: int) -> Callable[[str], int]:
    """Returns an argument type: a whole number."""

    def parse(text: str) -> int:
        if not text.isdecimal() or int(text) < low:
            raise argparse.ArgumentTypeError(f"found {text!r}, expected a whole number from {low}")
        return int(text)

    return parse


def positive(text: str) -> float:
    """The argument type of a duration."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a number above 0")
    return value
