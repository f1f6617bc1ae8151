"""Checkpoints: one file with weights, optimizer, carried state and progress.

A file is written under a temporary name and renamed when complete, so whatever interrupts
the program, `best.npz` and `last.npz` are always whole.
"""

from __future__ import annotations

import json
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tfrnn_ops._programs import UserError

FORMAT = "tfrnn_ops char_rnn 1"


@dataclass
class Checkpoint:
    """The contents of a checkpoint file.

    Attributes:
        architecture: the fields of `model.Architecture`.
        options: what else must be the same for training to go on exactly.
        progress: how far training has come, and its curves; plain JSON.
        arrays: per group ("weights", "optimizer", ...) its arrays in order.
    """

    architecture: dict[str, Any]
    options: dict[str, Any]
    progress: dict[str, Any]
    arrays: dict[str, list[np.ndarray]]


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Writes `checkpoint` to `path`, replacing what was there in one step."""
    facts = {
        "format": FORMAT,
        "architecture": checkpoint.architecture,
        "options": checkpoint.options,
        "progress": checkpoint.progress,
    }
    named: dict[str, Any] = {
        f"{group}/{index:04d}": array
        for group, arrays in checkpoint.arrays.items()
        for index, array in enumerate(arrays)
    }
    partial = path.with_name(f".{path.name}.partial")
    try:
        with open(partial, "wb") as file:
            np.savez(file, facts=np.array(json.dumps(facts)), **named)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except OSError as error:
        raise UserError(f"cannot write checkpoint {path}: {error.strerror or error}") from error
    finally:
        partial.unlink(missing_ok=True)


def load(path: Path) -> Checkpoint:
    """Reads a checkpoint.

    Raises:
        UserError: there is none at `path`, or the file is something else.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            facts = json.loads(str(file["facts"]))
            if facts["format"] != FORMAT:
                raise ValueError(f"format {facts['format']!r}")
            arrays: dict[str, list[np.ndarray]] = {}
            for name in sorted(set(file.files) - {"facts"}):
                arrays.setdefault(name.partition("/")[0], []).append(file[name])
        return Checkpoint(facts["architecture"], facts["options"], facts["progress"], arrays)
    except FileNotFoundError as error:
        raise UserError(
            f"no checkpoint at {path}; expected one written by the train command"
        ) from error
    except OSError as error:
        raise UserError(f"cannot read checkpoint {path}: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        # Of a file that is no archive at all NumPy says that it may be unpickled: bad advice.
        why = f" ({error})" if zipfile.is_zipfile(path) else ""
        raise UserError(
            f"{path} is not a checkpoint of this program{why}; "
            "expected a file written by the train command"
        ) from error


def check_same(path: Path, found: dict[str, Any], expected: dict[str, Any]) -> None:
    """Compares a checkpoint's settings with those of this run.

    Raises:
        UserError: some differ; the message names each with both values.
    """
    differences = [
        f"{name}: the checkpoint has {_short(found.get(name))}, this run {_short(value)}"
        for name, value in expected.items()
        if found.get(name) != value
    ]
    if differences:
        raise UserError(
            f"cannot go on from {path}: {'; '.join(differences)}. Repeat the command that "
            "wrote it with --resume added, or choose another --out"
        )


def assign(path: Path, variables: list[Any], arrays: list[np.ndarray]) -> None:
    """Gives `variables` the values `arrays`, in order.

    Raises:
        UserError: their number or a shape differs; no variable was changed then.
    """
    found = [array.shape for array in arrays]
    expected = [tuple(variable.shape) for variable in variables]
    if found != expected:
        raise UserError(f"{path} does not fit the model: found shapes {found}, expected {expected}")
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 24 else f"{text[:20]}... ({len(value)} characters)"
