"""Results on a GPU as tables and as a picture."""

from __future__ import annotations

import collections
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tfrnn_ops._programs import require
from tfrnn_ops.bench.document import Section
from tfrnn_ops.bench.gpu.results import OURS, GpuMeasurement, drift, joined
from tfrnn_ops.bench.sheet import Sheet, number, spread

SECTION = Section(
    "<!-- From here to the end of the GPU's tables: written by "
    "`python -m tfrnn_ops.bench gpu --file BENCHMARKS.md`. -->",
    "<!-- end of the GPU's tables -->",
)
_NONE = "-"


def _groups(measurements: Sequence[GpuMeasurement]) -> dict[str, list[GpuMeasurement]]:
    groups: dict[str, list[GpuMeasurement]] = {}
    for m in joined(measurements):
        both = ", bidirectional" if m.case.directions == 2 else ""
        groups.setdefault(f"{m.case.cell}, {m.case.dtype}{both}", []).append(m)
    return groups


def sheets(measurements: Sequence[GpuMeasurement], titles: Mapping[str, str]) -> Iterator[Sheet]:
    """Yields one table for every cell, dtype and number of directions.

    Args:
        measurements: also several repeats of the same.
        titles: of the peers that may appear, in order.
    """
    seen = {name for m in measurements for name in (*m.seconds, *m.absent)}
    peers = [name for name in titles if name in seen]
    for title, group in _groups(measurements).items():
        header = ["batch,time,features,units", "mode"]
        header += [f"{titles[name]} us/step" for name in peers]
        yield Sheet(title, header, [_row(m, peers) for m in group])


def _row(m: GpuMeasurement, peers: Sequence[str]) -> list[str]:
    cells = [str(m.case.shape), m.mode]
    for name in peers:
        if name not in m.seconds:
            cells.append(_NONE)
            continue
        cell = spread(m.us_per_step(name)) if name == OURS else number(m.us_per_step(name).median)
        if OURS in m.seconds and name != OURS:
            cell = f"{m.speedup(name).median:.2f}x ({cell})"
        cells.append(f"{cell} {m.best(name)[0]}")
    return cells


def notes(measurements: Sequence[GpuMeasurement], titles: Mapping[str, str]) -> list[str]:
    """What a reader must know besides the numbers."""
    lines = [
        "e: calls enqueued one after another; g: a captured graph, replayed; whichever is faster."
    ]
    whole = joined(measurements)
    reasons = collections.Counter(
        (titles[name], reason) for m in whole for name, reason in m.absent.items()
    )
    for (title, reason), count in reasons.items():
        lines.append(f"{title}: {reason} ({count} of {len(whole)} rows)")
    worst: dict[str, dict[str, float]] = {}
    for m in whole:
        for name, error in m.errors.items():
            of_dtype = worst.setdefault(m.case.dtype, {})
            of_dtype[titles[name]] = max(of_dtype.get(titles[name], 0.0), error)
    for dtype, found in worst.items():
        listed = "; ".join(f"{title} {error:.1e}" for title, error in found.items())
        lines.append(f"{dtype}, largest error of any tensor against float64: {listed}")
    if len(measurements) > len(whole):
        lines.append(f"medians of repeats differ by up to {drift(measurements):.0%}")
    return lines


def draw(measurements: Sequence[GpuMeasurement], titles: Mapping[str, str], path: Path) -> None:
    """Writes a PNG file: microseconds of a step, a panel for every cell, dtype and mode.

    Raises:
        UserError: matplotlib is not installed.
        OSError: the file cannot be written.
    """
    panels: dict[str, list[GpuMeasurement]] = {}
    for title, group in _groups(measurements).items():
        for m in group:
            panels.setdefault(f"{title}, {m.mode}", []).append(m)
    peers = [name for name in titles if any(name in m.seconds for m in measurements)]
    columns = min(2, len(panels))
    lines = -(-len(panels) // columns)
    figure = require("matplotlib.figure", "bench").Figure(
        figsize=(2 + 6 * columns, 1 + 3.4 * lines), layout="constrained"
    )
    axes = figure.subplots(lines, columns, squeeze=False).flat
    for (title, group), ax in zip(panels.items(), axes, strict=False):
        _draw_panel(ax, title, group, {name: titles[name] for name in peers})
    for ax in list(axes)[len(panels) :]:
        ax.set_visible(False)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))
    figure.savefig(path, dpi=120)


def _draw_panel(
    ax: Any, title: str, group: Sequence[GpuMeasurement], titles: Mapping[str, str]
) -> None:
    for name, label in titles.items():
        at = [x for x, m in enumerate(group) if name in m.seconds]
        ax.plot(at, [group[x].us_per_step(name).median for x in at], "o", label=label)
    labels = [str(m.case.shape) for m in group]
    ax.set_xticks(range(len(group)), labels, rotation=30, ha="right", fontsize="small")
    ax.set(title=title, ylabel="microseconds a step", yscale="log")
    ax.grid(axis="y", alpha=0.3)
