"""Loads the compiled ops, or explains why it cannot."""

from __future__ import annotations

import importlib
import pathlib
from typing import Any

import tensorflow as tf

_LIBRARY = pathlib.Path(__file__).with_name("libtfrnn_ops.so")
_BUILD = (
    "pip install --no-build-isolation --force-reinstall --no-deps tfrnn_ops\n"
    "or, in its source tree:\n"
    "    pip install --no-build-isolation ."
)


def check_tensorflow(built_with: str, running: str) -> None:
    """Compares TensorFlow's minor versions; compiled ops fit only the one they were built with.

    Args:
        built_with: the version that the library was compiled against, such as "2.21.0".
        running: the version that is installed.

    Raises:
        ImportError: the minor versions differ.
    """
    if built_with.split(".")[:2] != running.split(".")[:2]:
        raise ImportError(
            f"tfrnn_ops was built for TensorFlow {built_with}, but TensorFlow {running} is "
            f"installed. Build it again for this one:\n    {_BUILD}"
        )


def load(library: pathlib.Path = _LIBRARY) -> Any:
    """Loads the op library and registers its ops with TensorFlow.

    Args:
        library: the shared object to load.

    Returns:
        The module of generated op functions, such as `tfrnn_lstm`.

    Raises:
        ImportError: the library was not built, was built for another TensorFlow, or does not load.
    """
    try:
        build_info = importlib.import_module("tfrnn_ops._build_info")
    except ModuleNotFoundError:
        build_info = None
    if build_info is None or not library.exists():
        raise ImportError(f"tfrnn_ops is not built: found no {library}. Build it:\n    {_BUILD}")
    check_tensorflow(build_info.TF_VERSION, tf.__version__)
    try:
        return tf.load_op_library(str(library))
    except (tf.errors.OpError, OSError, RuntimeError) as error:
        raise ImportError(
            f"tfrnn_ops cannot load {library}: {error}\nIt was built for TensorFlow "
            f"{build_info.TF_VERSION}; {tf.__version__} is installed. Build it again:\n    {_BUILD}"
        ) from error


ops = load()
