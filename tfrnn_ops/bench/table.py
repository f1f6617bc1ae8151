"""Results as tables: on the terminal and in Markdown."""

from __future__ import annotations

import collections
from collections.abc import Iterator

from tfrnn_ops.bench import sheet
from tfrnn_ops.bench.peers import OTHERS, PEERS, Ours
from tfrnn_ops.bench.results import Measurement, Run
from tfrnn_ops.bench.sheet import Sheet, number, spread
from tfrnn_ops.bench.stats import summarize

_NONE = "-"
QUIET_LOAD = 0.5


def sheets(run: Run) -> Iterator[Sheet]:
    """Yields one table for every cell and dtype."""
    groups: dict[str, list[Measurement]] = {}
    for m in run.measurements:
        groups.setdefault(f"{m.case.cell}, {m.case.dtype}", []).append(m)
    seen = {name for m in run.measurements for name in (*m.seconds, *m.absent)}
    others = [name for name in OTHERS if name in seen]
    header = [
        "batch,time,features,units",
        "mode",
        f"{Ours.title} ms",
        "GFLOP/s",
        "of FMA",
        "of roof",
    ]
    header += [PEERS[name].title for name in others]
    for title, group in groups.items():
        yield Sheet(title, header, [_row(m, others) for m in group])


def _row(m: Measurement, others: list[str]) -> list[str]:
    cells = [
        m.case.label,
        m.mode,
        spread(m.time(Ours.name), 1e3),
        number(m.gflops(Ours.name)),
        f"{m.fraction_of_fma(Ours.name):.0%}",
        f"{m.fraction_of_roof(Ours.name):.0%}",
    ]
    for name in others:
        if name in m.seconds:
            ms = number(1e3 * m.time(name).median)
            cells.append(f"{m.speedup(name).median:.2f}x ({ms} ms)")
        else:
            cells.append(_NONE)
    return cells


def facts(run: Run) -> dict[str, str]:
    """The machine and its ceilings, each under a heading."""
    lines = {**run.machine, "command": run.command}
    if run.measurements:
        threads = run.measurements[0].threads
        fma = summarize([g for m in run.measurements for g in m.fma_gflops])
        one = summarize([m.fma_gflops_one_thread for m in run.measurements])
        together = f", {spread(fma)} of {threads} together" if threads > 1 else ""
        lines["FMA ceiling"] = f"{spread(one)} GFLOP/s of 1 thread{together}, in float32"
        gbytes = {
            level: summarize([m.bandwidths.gbytes[level] for m in run.measurements])
            for level in run.measurements[0].bandwidths.gbytes
        }
        lines["read ceilings"] = "; ".join(
            f"{level} {spread(summary)} GB/s" for level, summary in gbytes.items()
        )
        lines["threads"] = f"{threads} for every library"
        lines["rounds"] = " to ".join(
            dict.fromkeys(str(f(len(m.fma_gflops) for m in run.measurements)) for f in (min, max))
        )
    lines["load average"] = f"{run.load_before:.2f} before, {run.load_after:.2f} after"
    return lines


def notes(run: Run) -> list[str]:
    """What a reader must know besides the numbers."""
    lines = []
    reasons = collections.Counter(
        (PEERS[name].title, reason) for m in run.measurements for name, reason in m.absent.items()
    )
    for (title, reason), count in reasons.items():
        lines.append(f"{title} {reason} ({count} of {len(run.measurements)} rows)")
    worst: dict[str, dict[str, float]] = {}
    for m in run.measurements:
        for name, error in m.errors.items():
            of_dtype = worst.setdefault(m.case.dtype, {})
            of_dtype[PEERS[name].title] = max(of_dtype.get(PEERS[name].title, 0.0), error)
    for dtype, errors in worst.items():
        listed = "; ".join(f"{title} {error:.1e}" for title, error in errors.items())
        lines.append(f"{dtype} results were checked; largest errors: {listed}")
    if run.load_before > QUIET_LOAD:
        lines.append(
            f"the load average was {run.load_before:.2f} when the run began: others used the "
            "machine. Ratios within a round suffer less from that than times do."
        )
    return lines


def show(run: Run) -> None:
    """Prints everything to stdout."""
    sheet.show(facts(run), sheets(run), notes(run))


def markdown(run: Run) -> str:
    """The same as Markdown."""
    return sheet.markdown(facts(run), sheets(run), notes(run))
