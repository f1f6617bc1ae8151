"""Command line of the benchmark: `python -m tfrnn_ops.bench --help`."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program.

    Returns:
        The exit status: 1 if results are wrong, 2 for a mistake in the arguments.
    """
    argv = sys.argv[1:] if argv is None else list(argv)
    from tfrnn_ops.bench import cpu

    return cpu.main(argv)


if __name__ == "__main__":
    sys.exit(main())
