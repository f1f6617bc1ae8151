"""What the program says when its user, not its code, made the mistake."""

import importlib
from types import ModuleType


class UserError(Exception):
    """A mistake in the arguments or files given; shown as one line, exit status 2."""


def require(module: str) -> ModuleType:
    """Imports an optional dependency of the benchmark.

    Raises:
        UserError: it is not installed; the message says how to install it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise UserError(
            f"{package} is not installed; the benchmark needs it: pip install 'tfrnn_ops[bench]'"
        ) from error
