"""Turns the output of tfrnn_microbench into a table for cuda/constants.cc.

    cmake --build build/make --target tfrnn_microbench
    build/make/tfrnn_microbench > microbench.csv
    python tools/microbench_table.py microbench.csv

prints the architecture's entry of that file. `python -m tfrnn_ops.bench gpu --plan --constants
microbench.csv` plans with the measured values before anything is built anew.
"""

import argparse
import sys
from pathlib import Path

from tfrnn_ops._core import gpu_constants

from tfrnn_ops.bench.gpu.constants import Measured


def entry(measured: Measured, order: list[str]) -> str:
    """Returns the C++ of one table.

    Args:
        measured: what the program printed.
        order: names of the constants as cuda/constants.h has them.

    Raises:
        ValueError: a constant is missing.
    """
    missing = [name for name in order if name not in measured.values]
    if missing:
        raise ValueError(f"found no {', '.join(missing)}")
    lines = [f'{{"{name}", {measured.values[name]:.4g}, kMeasured}},' for name in order]
    body = "\n".join(f"           {line}" for line in lines)
    return f"      {{{measured.arch},  // {measured.device}\n       {{\n{body}\n       }}}},\n"


def main(argv: list[str] | None = None) -> int:
    """Runs the program."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("csv", type=Path, help="what tfrnn_microbench printed")
    arguments = parser.parse_args(argv)
    try:
        measured = Measured.read(arguments.csv)
        print(entry(measured, [c["name"] for c in gpu_constants(measured.arch)]), end="")
    except (OSError, ValueError) as error:
        print(f"{arguments.csv}: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
