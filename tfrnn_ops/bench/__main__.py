"""Command line of the benchmark: `python -m tfrnn_ops.bench --help`."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program.

    Returns:
        The exit status: 1 if results are wrong or there is no GPU, 2 for a mistake in the
        arguments.
    """
    argv = sys.argv[1:] if argv is None else list(argv)
    if argv[:1] == ["gpu"]:  # which works without TensorFlow
        from tfrnn_ops.bench.gpu import command

        return command.main(argv[1:])
    from tfrnn_ops.bench import cpu

    return cpu.main(argv)


if __name__ == "__main__":
    sys.exit(main())
