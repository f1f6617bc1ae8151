"""Writes a run into the document that records the latest one."""

from __future__ import annotations

from pathlib import Path

from tfrnn_ops.bench.document import Section
from tfrnn_ops.bench.results import Run
from tfrnn_ops.bench.table import markdown

BEGIN = "<!-- From here to the end mark: written by `python -m tfrnn_ops.bench report`. -->"
END = "<!-- end mark -->"
SECTION = Section(BEGIN, END)


def read(path: Path) -> tuple[str, str]:
    """Reads what stands before and after the tables.

    Raises:
        UserError: the file cannot be read, or has not one of each mark.
    """
    return SECTION.read(path)


def write(run: Run, path: Path) -> None:
    """Replaces the tables between the marks, and leaves the rest of the file.

    Raises:
        UserError: as for `read`.
        OSError: the file cannot be written.
    """
    SECTION.write(path, markdown(run))
