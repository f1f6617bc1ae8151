"""Text to numbers: the corpus, its vocabulary, and the streams that batches are cut from."""

from __future__ import annotations

import os
import sysconfig
import tokenize
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tfrnn_ops._programs import UserError

UNKNOWN = "\ufffd"
LIBRARY_CHARACTERS = 3_000_000
VALIDATION_CHARACTERS = 131_072
# Installed packages are not the library; tests and tables are not typical Python.
NOT_LIBRARY = {"site-packages", "dist-packages", "test", "tests", "encodings", "pydoc_data"}


def read_text(path: str | None) -> str:
    """Returns the text of a UTF-8 file, or of Python's standard library if `path` is None.

    Raises:
        UserError: the file is missing, unreadable, empty, or not UTF-8 text.
    """
    if path is None:
        return standard_library_text()
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(
            f"--text {path}: found byte 0x{error.object[error.start]:02x} at offset "
            f"{error.start}, which is not UTF-8; expected a UTF-8 text file"
        ) from error
    except OSError as error:
        raise UserError(
            f"--text {path}: {error.strerror or error}; expected a readable UTF-8 text file"
        ) from error
    if "\0" in text:
        raise UserError(f"--text {path}: found NUL characters; expected text, not a binary file")
    if not text:
        raise UserError(f"--text {path}: found an empty file; expected text")
    return text


def standard_library_text(limit: int = LIBRARY_CHARACTERS) -> str:
    """Returns the first `limit` characters of this Python's own modules, in path order."""
    root = sysconfig.get_path("stdlib")
    parts, size = [], 0
    for folder, subfolders, files in os.walk(root):
        subfolders[:] = sorted(set(subfolders) - NOT_LIBRARY)
        for name in sorted(files):
            if name.endswith(".py") and size < limit:
                with tokenize.open(os.path.join(folder, name)) as source:
                    parts.append(source.read())
                size += len(parts[-1])
    if not parts:
        raise UserError(
            f"no Python source found under {root}, the standard library's folder; "
            "give a text with --text FILE"
        )
    return "".join(parts)[:limit]


@dataclass(frozen=True)
class Vocabulary:
    """The characters a model knows, in code point order; a character's number is its index.

    If the text had more kinds than fit, `symbols` ends with `UNKNOWN`, which stands for all
    the others.
    """

    symbols: str

    @classmethod
    def of(cls, text: str, size: int) -> Vocabulary:
        """Keeps every character of `text`, or the most frequent ones if more than `size`."""
        points, counts = np.unique(_code_points(text), return_counts=True)
        known = points != ord(UNKNOWN)
        if known.all() and len(points) <= size:
            return cls("".join(map(chr, points)))
        points, counts = points[known], counts[known]
        frequent = np.argsort(-counts, kind="stable")[: size - 1]
        return cls("".join(map(chr, np.sort(points[frequent]))) + UNKNOWN)

    @property
    def unknown(self) -> int | None:
        """The number of `UNKNOWN`, None if every character is known."""
        return len(self.symbols) - 1 if self.symbols.endswith(UNKNOWN) else None

    def encode(self, text: str) -> np.ndarray:
        """Returns the numbers of the characters, int32 `[len(text)]`.

        Raises:
            ValueError: a character is not in the vocabulary and it has no `UNKNOWN`.
        """
        points = _code_points(text)
        known = np.sort(_code_points(self.symbols))
        order = np.argsort(_code_points(self.symbols))
        found = np.minimum(np.searchsorted(known, points), len(known) - 1)
        ids = order[found].astype(np.int32)
        missing = known[found] != points
        if missing.any():
            if self.unknown is None:
                strange = sorted({chr(point) for point in points[missing]})
                raise ValueError(f"characters outside the vocabulary: {strange}")
            ids[missing] = self.unknown
        return ids

    def decode(self, ids: np.ndarray) -> str:
        """Returns the text that the numbers `ids` stand for."""
        return "".join(self.symbols[i] for i in ids)


def _code_points(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


class Streams:
    """A text cut into `batch` contiguous streams, read side by side in chunks of `steps`.

    Row b of chunk n + 1 goes on where row b of chunk n stopped, so the state a recurrent
    layer ends one chunk with is the right one to start the next. Targets are the inputs
    moved on by one character. What does not fill a whole chunk at the end is left out.
    """

    def __init__(self, ids: np.ndarray, batch: int, steps: int) -> None:
        length = max(0, len(ids) - 1) // batch
        self._inputs = ids[: batch * length].reshape(batch, length)
        self._targets = ids[1 : batch * length + 1].reshape(batch, length)
        self.batch = batch
        self.steps = steps
        self.chunks = length // steps

    @property
    def characters(self) -> int:
        """How many characters all chunks together predict."""
        return self.chunks * self.batch * self.steps

    def chunk(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns inputs and targets of one chunk, both int32 `[batch, steps]`."""
        window = slice(number * self.steps, (number + 1) * self.steps)
        return self._inputs[:, window], self._targets[:, window]


def split(
    ids: np.ndarray,
    batch: int,
    steps: int,
    validation_characters: int = VALIDATION_CHARACTERS,
) -> tuple[Streams, Streams]:
    """Holds out the last tenth of the text; returns streams for training and validation.

    At most the first `validation_characters` of the held-out tenth are used.

    Raises:
        UserError: the text or `validation_characters` is too short to fill one chunk.
    """
    if validation_characters < batch * steps:
        raise UserError(
            f"--validation-characters: found {validation_characters:,}, expected at least "
            f"{batch * steps:,}, one chunk of --batch {batch} --steps {steps}"
        )
    border = len(ids) - len(ids) // 10
    held_out = ids[border : border + validation_characters + 1]
    training, validation = (Streams(part, batch, steps) for part in (ids[:border], held_out))
    if min(training.chunks, validation.chunks) == 0:
        raise UserError(
            f"text too short: found {len(ids):,} characters, expected at least "
            f"{10 * (batch * steps + 1):,} for --batch {batch} --steps {steps}; "
            "give a longer text or lower these"
        )
    return training, validation
