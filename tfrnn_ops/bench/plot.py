"""Results as a picture: bars, and the ceiling above them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tfrnn_ops._programs import require
from tfrnn_ops.bench.peers import PEERS
from tfrnn_ops.bench.results import Measurement, Run
from tfrnn_ops.bench.stats import summarize


def draw(run: Run, path: Path) -> None:
    """Writes a PNG file: GFLOP/s of every peer, in a panel for every cell, dtype and mode.

    Raises:
        UserError: matplotlib is not installed.
        OSError: the file cannot be written.
    """
    panels: dict[tuple[str, ...], list[Measurement]] = {}
    for m in run.measurements:
        panels.setdefault((m.case.cell, m.case.dtype, m.mode), []).append(m)
    seen = {name for m in run.measurements for name in m.seconds}
    peers = [name for name in PEERS if name in seen]
    columns = min(2, len(panels))
    lines = -(-len(panels) // columns)
    figure = require("matplotlib.figure", "bench").Figure(
        figsize=(2 + 6 * columns, 1 + 3.4 * lines), layout="constrained"
    )
    axes = figure.subplots(lines, columns, squeeze=False).flat
    for panel, ax in zip(panels.items(), axes, strict=False):
        _draw_panel(ax, ", ".join(panel[0]), panel[1], peers)
    for ax in list(axes)[len(panels) :]:
        ax.set_visible(False)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))
    figure.savefig(path, dpi=120)


def _draw_panel(ax: Any, title: str, group: list[Measurement], peers: list[str]) -> None:
    width = 0.8 / len(peers)
    for i, name in enumerate(peers):
        left = (i - len(peers) / 2 + 0.5) * width
        heights = [m.gflops(name) if name in m.seconds else 0.0 for m in group]
        ax.bar([x + left for x in range(len(group))], heights, width, label=PEERS[name].title)
    ends = [x - 0.45 for x in range(len(group))], [x + 0.45 for x in range(len(group))]
    ceilings = [summarize(m.fma_gflops).median for m in group]
    ax.hlines(ceilings, *ends, colors="black", label="FMA ceiling, float32")
    roofs = [m.roof_gflops for m in group]
    ax.hlines(roofs, *ends, colors="black", linestyles="dotted", label="roof: also reads weights")
    labels = [m.case.label for m in group]
    ax.set_xticks(range(len(group)), labels, rotation=30, ha="right", fontsize="small")
    ax.set(title=title, ylabel="GFLOP/s")
    ax.grid(axis="y", alpha=0.3)
