"""Writes a run into the document that records the latest one: plain layers, or options."""

from __future__ import annotations

from pathlib import Path

from tfrnn_ops.bench.document import Section
from tfrnn_ops.bench.results import Run
from tfrnn_ops.bench.table import markdown

BEGIN = "<!-- From here to the end mark: written by `python -m tfrnn_ops.bench report`. -->"
END = "<!-- end mark -->"
_PLAIN = Section(BEGIN, END)
_OPTIONS = Section(
    "<!-- From here to the end of the options: `bench report --option ...`. -->",
    "<!-- end of the options -->",
)


def read(path: Path, *, options: bool = False) -> tuple[str, str]:
    """Reads what stands before and after the tables.

    Args:
        path: the document.
        options: whether the tables are those of options, measured one by one.

    Raises:
        UserError: the file cannot be read, or has not one of each mark.
    """
    return (_OPTIONS if options else _PLAIN).read(path)


def write(run: Run, path: Path) -> None:
    """Replaces the tables between the marks, and leaves the rest of the file.

    Raises:
        UserError: as for `read`.
        OSError: the file cannot be written.
    """
    options = any(m.case.option for m in run.measurements)
    (_OPTIONS if options else _PLAIN).write(path, markdown(run))
