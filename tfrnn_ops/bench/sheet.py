"""Tables of text: on the terminal and in Markdown. Numbers as people want to read them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tfrnn_ops._programs import require
from tfrnn_ops.bench.stats import Summary

WIDTH_OF_FILES = 180  # of a table that does not go to a terminal


@dataclass(frozen=True)
class Sheet:
    """One table, its cells as text.

    Attributes:
        title: above it.
        header: of the columns.
        rows: below.
        names: how many columns, the first ones, are names rather than numbers.
    """

    title: str
    header: list[str]
    rows: list[list[str]]
    names: int = 2


def number(value: float) -> str:
    """Three digits, more if they stand before the point."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def spread(summary: Summary, factor: float = 1.0) -> str:
    """Median and percentiles."""
    median, low, high = (number(factor * v) for v in vars(summary).values())
    return f"{median} [{low}, {high}]"


def show(facts: Mapping[str, str], sheets: Iterable[Sheet], notes: Sequence[str]) -> None:
    """Prints everything to stdout."""
    box, table = require("rich.box", "bench"), require("rich.table", "bench")
    console = require("rich.console", "bench").Console(
        file=sys.stdout, width=None if sys.stdout.isatty() else WIDTH_OF_FILES, highlight=False
    )
    for heading, text in facts.items():
        console.print(f"{heading}: {text}", markup=False, soft_wrap=True)
    for sheet in sheets:
        grid = table.Table(title=sheet.title, title_justify="left", box=box.SIMPLE_HEAD)
        for i, name in enumerate(sheet.header):
            justify = "left" if i < sheet.names else "right"
            grid.add_column(name, justify=justify, no_wrap=i < sheet.names)
        for cells in sheet.rows:
            grid.add_row(*(cell.replace("[", r"\[") for cell in cells))
        console.print(grid)
    for line in notes:
        console.print(f"* {line}", markup=False, soft_wrap=True)


def markdown(facts: Mapping[str, str], sheets: Iterable[Sheet], notes: Sequence[str]) -> str:
    """The same as Markdown."""
    lines = [f"- {heading}: {text}" for heading, text in facts.items()]
    for sheet in sheets:
        lines += ["", f"### {sheet.title}", ""]
        numbers = len(sheet.header) - sheet.names
        lines += [
            _markdown_row(sheet.header),
            "|" + " --- |" * sheet.names + " ---: |" * numbers,
        ]
        lines += map(_markdown_row, sheet.rows)
    if notes:
        lines += ["", *(f"- {line}" for line in notes)]
    return "\n".join(lines) + "\n"


def _markdown_row(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"
