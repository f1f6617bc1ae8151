"""What the programs in this package share: errors that are their user's, optional dependencies."""

import importlib
from types import ModuleType


class UserError(Exception):
    """A mistake in the arguments or files given; shown as one line, exit status 2."""


def require(module: str, group: str) -> ModuleType:
    """Imports an optional dependency.

    Args:
        module: its name, maybe with dots.
        group: the group of optional dependencies that installs it.

    Raises:
        UserError: it is not installed; the message says how to install it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise UserError(
            f"{package} is not installed; this program needs it: pip install 'tfrnn_ops[{group}]'"
        ) from error
