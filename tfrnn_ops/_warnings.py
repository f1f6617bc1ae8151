"""Warnings that point at the line of the user who is to read them."""

from __future__ import annotations

import os
import sys
import warnings

import keras
import tensorflow as tf

# Code that AutoGraph has written stands in files of its own, which are gone.
_PASSED = (
    *(os.path.dirname(path) + os.sep for path in (__file__, keras.__file__, tf.__file__)),
    "__autograph_generated_file",
)


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warns, at the innermost line that is not in this package, Keras or TensorFlow."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and _is_passed(frame.f_code.co_filename):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


def _is_passed(filename: str) -> bool:
    return filename.startswith(_PASSED) or os.path.basename(filename).startswith(_PASSED)
