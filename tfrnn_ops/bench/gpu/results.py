"""What a run on a GPU has measured, and what follows from it."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tfrnn_ops.bench.gpu.cases import GpuCase
from tfrnn_ops.bench.stats import Summary, paired_ratio, summarize

OURS = "ours"


@dataclass
class GpuMeasurement:
    """One case in one mode.

    Attributes:
        case: the case.
        mode: of `cases.GPU_MODES`.
        seconds: of one call, in every round, by peer and by "eager" or "graph".
        absent: why peers are not in `seconds`.
        errors: by peer, the largest of any tensor.
        notes: by peer, how it ran.
    """

    case: GpuCase
    mode: str
    seconds: dict[str, dict[str, list[float]]]
    absent: dict[str, str] = field(default_factory=dict)
    errors: dict[str, float] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)

    def best(self, peer: str) -> str:
        """The faster of eager and graph."""
        found = self.seconds[peer]
        return min(found, key=lambda how: summarize(found[how]).median)

    def time(self, peer: str) -> Summary:
        """Seconds of one call, the faster way."""
        return summarize(self.seconds[peer][self.best(peer)])

    def us_per_step(self, peer: str) -> Summary:
        """Microseconds of a time step, the work around the recurrence included."""
        scale = 1e6 / self.case.shape.time
        return Summary(*(scale * value for value in vars(self.time(peer)).values()))

    def speedup(self, peer: str) -> Summary:
        """How many times as long as we a peer takes, each the faster way."""
        theirs, ours = (self.seconds[name][self.best(name)] for name in (peer, OURS))
        rounds = min(len(theirs), len(ours))
        return paired_ratio(theirs[:rounds], ours[:rounds])


def joined(measurements: Iterable[GpuMeasurement]) -> list[GpuMeasurement]:
    """Repeats of a case made one, with the rounds of all."""
    found: dict[tuple[GpuCase, str], GpuMeasurement] = {}
    for m in measurements:
        whole = found.setdefault((m.case, m.mode), GpuMeasurement(m.case, m.mode, {}))
        for peer, ways in m.seconds.items():
            for how, rounds in ways.items():
                whole.seconds.setdefault(peer, {}).setdefault(how, []).extend(rounds)
        whole.absent |= m.absent
        whole.notes |= m.notes
        for peer, error in m.errors.items():
            whole.errors[peer] = max(error, whole.errors.get(peer, 0.0))
    return list(found.values())


def drift(measurements: Sequence[GpuMeasurement]) -> float:
    """The largest ratio between the medians of two repeats of the same, less one."""
    medians: dict[tuple[Any, ...], list[float]] = {}
    for m in measurements:
        for peer, ways in m.seconds.items():
            for how, rounds in ways.items():
                medians.setdefault((m.case, m.mode, peer, how), []).append(summarize(rounds).median)
    return max((max(found) / min(found) - 1 for found in medians.values()), default=0.0)


def rows(measurements: Iterable[GpuMeasurement]) -> Iterator[dict[str, Any]]:
    """Yields the lines of a CSV file: one for every peer and way of calling, or its absence."""
    for m in measurements:
        base = {
            "cell": m.case.cell,
            "shape": str(m.case.shape),
            "dtype": m.case.dtype,
            "directions": m.case.directions,
            "mode": m.mode,
        }
        for peer in itertools.chain(m.seconds, m.absent):
            about = {**base, "peer": peer, "largest_error": m.errors.get(peer)}
            if peer in m.absent:
                yield {**about, "note": m.absent[peer]}
            for how, rounds in m.seconds.get(peer, {}).items():
                time = summarize(rounds)
                yield {
                    **about,
                    "how": how,
                    "rounds": len(rounds),
                    "ms": 1e3 * time.median,
                    "ms_p16": 1e3 * time.low,
                    "ms_p84": 1e3 * time.high,
                    "us_per_step": 1e6 * time.median / m.case.shape.time,
                    "note": m.notes.get(peer),
                }


COLUMNS = [
    *("cell", "shape", "dtype", "directions", "mode", "peer", "how", "rounds"),
    *("ms", "ms_p16", "ms_p84", "us_per_step", "largest_error", "note"),
]


def write_csv(measurements: Iterable[GpuMeasurement], path: Path) -> None:
    """Writes `rows`."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows(measurements))
