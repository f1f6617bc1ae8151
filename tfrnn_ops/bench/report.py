"""Writes a run into the document that records the latest one."""

from __future__ import annotations

from pathlib import Path

from tfrnn_ops._programs import UserError
from tfrnn_ops.bench.results import Run
from tfrnn_ops.bench.table import markdown

BEGIN = "<!-- From here to the end mark: written by `python -m tfrnn_ops.bench report`. -->"
END = "<!-- end mark -->"


def read(path: Path) -> tuple[str, str]:
    """Reads what stands before and after the tables.

    Raises:
        UserError: the file cannot be read, or has not one of each mark.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"--file {path}: {error.strerror or error}") from error
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise UserError(f"--file {path}: expected, once and in this order, {BEGIN} and {END}")
    before, rest = text.split(BEGIN)
    return before, rest.split(END)[1]


def write(run: Run, path: Path) -> None:
    """Replaces the tables between the marks, and leaves the rest of the file.

    Raises:
        UserError: as for `read`.
        OSError: the file cannot be written.
    """
    before, after = read(path)
    path.write_text(f"{before}{BEGIN}\n\n{markdown(run)}\n{END}{after}", encoding="utf-8")
