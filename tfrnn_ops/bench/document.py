"""Sections of a document that a program writes, between two marks that stay."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tfrnn_ops._programs import UserError


@dataclass(frozen=True)
class Section:
    """What stands between two marks.

    Attributes:
        begin: the line before.
        end: the line after.
    """

    begin: str
    end: str

    def read(self, path: Path) -> tuple[str, str]:
        """Reads what stands before and after the section.

        Raises:
            UserError: the file cannot be read, or has not one of each mark.
        """
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise UserError(f"--file {path}: {error.strerror or error}") from error
        begin, end = self.begin, self.end
        if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
            raise UserError(f"--file {path}: expected, once and in this order, {begin} and {end}")
        before, rest = text.split(begin)
        return before, rest.split(end)[1]

    def write(self, path: Path, text: str) -> None:
        """Replaces the section and leaves the rest of the file.

        Raises:
            UserError: as for `read`.
            OSError: the file cannot be written.
        """
        before, after = self.read(path)
        path.write_text(f"{before}{self.begin}\n\n{text}\n{self.end}{after}", encoding="utf-8")
