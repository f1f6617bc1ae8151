"""Initial weights that TensorFlow cannot make in the dtype of the layer."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import keras


@contextlib.contextmanager
def bfloat16_initializers(cell: keras.Layer) -> Iterator[None]:
    """Makes orthogonal kernels in float32 while a cell with bfloat16 weights is built.

    They need a QR decomposition, which TensorFlow has no bfloat16 kernel for.
    """
    names = [
        name
        for name in ("kernel_initializer", "recurrent_initializer")
        if cell.variable_dtype == "bfloat16"
        and isinstance(getattr(cell, name), keras.initializers.Orthogonal)
    ]
    originals = {name: getattr(cell, name) for name in names}
    for name, original in originals.items():
        setattr(cell, name, _InFloat32(original))
    try:
        yield
    finally:
        for name, original in originals.items():
            setattr(cell, name, original)


class _InFloat32(keras.initializers.Initializer):
    """An initializer that computes in float32 and casts."""

    def __init__(self, initializer: keras.initializers.Initializer):
        self._initializer = initializer

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        return keras.ops.cast(self._initializer(shape, dtype="float32"), dtype)
