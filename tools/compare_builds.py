"""Times two builds of tfrnn_ops._core against each other: their CPU engines on the same arrays.

    python tools/compare_builds.py OLD/_core*.so NEW/_core*.so

Each runs in a process of its own, on one thread, in turns; printed are the medians, the median and
the quartiles of the ratio of pairs (above 1, NEW is slower), and the bytes kept for the gradient.
"""

import importlib.util
import json
import statistics
import subprocess
import sys
import time
from typing import Any

import numpy as np

GATES, STATES = {"lstm": 4, "gru": 3}, {"lstm": 2, "gru": 1}
# Batch and time, with 256 features and units, and calls in a turn.
SHAPES = ((32, 100, 1), (1, 100, 5), (1, 1, 200))
UNITS = 256
SECONDS = 3


def serve(path: str) -> None:
    """Answers every request on standard input with seconds and bytes."""
    spec = importlib.util.spec_from_file_location("_core", path)
    if spec is None or spec.loader is None:
        sys.exit(f"{path} is no module")
    core = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(core)
    for line in sys.stdin:
        cell, batch, steps, mode, calls = json.loads(line)
        rng = np.random.default_rng(0)

        def normal(*shape: int, rng: Any = rng) -> Any:
            return (rng.standard_normal(shape) * 0.06).astype("float32")

        width = GATES[cell] * UNITS
        bias = normal(*([2] if cell == "gru" else []), width)
        layer = core.Layer32(cell, normal(UNITS, width), normal(UNITS, width), bias, threads=1)
        x, doutputs = normal(batch, steps, UNITS), normal(batch, steps, UNITS)
        states = [normal(batch, UNITS) for _ in range(STATES[cell])]
        times = []
        for _ in range(calls + 1):  # the first is not counted
            start = time.perf_counter()
            kept = layer.forward(x, states, None, mode == "train")[2]
            if mode == "train":
                layer.backward(doutputs, states)
            times.append(time.perf_counter() - start)
        print(json.dumps([statistics.median(times[1:]), int(kept)]), flush=True)


def ask(process: Any, request: list[Any]) -> list[float]:
    """One turn of a build."""
    process.stdin.write(json.dumps(request) + "\n")
    process.stdin.flush()
    found: list[float] = json.loads(process.stdout.readline())
    return found


def main() -> None:
    """Prints a line for every cell, shape and mode."""
    if sys.argv[1:2] == ["--serve"]:
        serve(sys.argv[2])
        return
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    builds = [
        subprocess.Popen(
            [sys.executable, __file__, "--serve", path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for path in sys.argv[1:]
    ]
    for cell in GATES:
        for batch, steps, calls in SHAPES:
            for mode in ("forward", "train"):
                request = [cell, batch, steps, mode, calls]
                turns: list[list[list[float]]] = []
                end = time.time() + SECONDS
                while time.time() < end or len(turns) < 10:
                    order = builds[:: 1 if len(turns) % 2 else -1]
                    found = {id(b): ask(b, request) for b in order}
                    turns.append([found[id(b)] for b in builds])
                ratios = [new[0] / old[0] for old, new in turns]
                low, middle, high = statistics.quantiles(ratios, n=4)
                old, new = (statistics.median(t[i][0] for t in turns) * 1e6 for i in (0, 1))
                print(
                    f"{cell} ({batch},{steps},{UNITS},{UNITS}) {mode}: {old:.1f} and {new:.1f} us, "
                    f"ratio {middle:.3f} [{low:.3f}, {high:.3f}], "
                    f"{turns[0][0][1]:.0f} and {turns[0][1][1]:.0f} bytes kept",
                    flush=True,
                )


if __name__ == "__main__":
    main()
