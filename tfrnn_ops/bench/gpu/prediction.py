"""What the latency model predicts: a plan for every size, on a GPU that need not be there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tfrnn_ops._core import gpu_constants, gpu_plan
from tfrnn_ops.bench.document import Section
from tfrnn_ops.bench.gpu.cases import STORAGE
from tfrnn_ops.bench.sheet import Sheet

SECTION = Section(
    "<!-- From here to the end of the predictions: written by "
    "`python -m tfrnn_ops.bench gpu --plan --file BENCHMARKS.md`. -->",
    "<!-- end of the predictions -->",
)
# Of the policies, as gpu_plan() names them.
LETTERS = {"block": "B", "cluster": "C", "grid": "G", "stepwise": "S"}


@dataclass(frozen=True)
class Layer:
    """A cell, the type of its tensors and products, and 1 or 2 directions."""

    cell: str
    dtype: str
    directions: int

    def __str__(self) -> str:
        both = ", bidirectional" if self.directions == 2 else ""
        return f"{self.cell}, {self.dtype}{both}"


@dataclass(frozen=True)
class Question:
    """What to plan for.

    Attributes:
        device: a `_core.GpuDevice`.
        cells: names of cells.
        dtypes: of `cases.GPU_DTYPES`.
        batches: sizes, the columns.
        units: widths, the rows.
        directions: of 1 and 2.
        constants: instead of some of the model's.
        override: as in TFRNN_GPU_PLAN.
    """

    device: Any
    cells: Sequence[str]
    dtypes: Sequence[str]
    batches: Sequence[int]
    units: Sequence[int]
    directions: Sequence[int] = (1,)
    constants: Mapping[str, float] = field(default_factory=dict)
    override: str = ""

    def layers(self) -> Iterator[Layer]:
        """Yields what has a table of its own."""
        for directions in self.directions:
            for cell in self.cells:
                for dtype in self.dtypes:
                    yield Layer(cell, dtype, directions)

    def plans(self, layer: Layer, batch: int, units: int) -> list[Any]:
        """Asks `_core.gpu_plan` for the way forward and the way back."""
        return [self._plan(layer, batch, units, backward) for backward in (False, True)]

    def _plan(self, layer: Layer, batch: int, units: int, backward: bool) -> Any:
        return gpu_plan(
            layer.cell,
            STORAGE[layer.dtype],
            batch,
            units,
            directions=layer.directions,
            backward=backward,
            tf32=layer.dtype == "tf32",
            device=self.device,
            constants=dict(self.constants),
            override=self.override,
        )


def short(plan: Mapping[str, Any]) -> str:
    """A plan in a cell of a table: "0.81 C16x2", stepwise without slices."""
    letter = LETTERS[plan["policy"]]
    slices = "" if letter == "S" else f"{plan['unit_slices']}x{plan['batch_slices']}"
    return f"{plan['us']:.2f} {letter}{slices}"


def sheets(question: Question) -> Iterator[Sheet]:
    """Yields one table for every layer."""
    header = ["units", *(f"batch {batch}" for batch in question.batches)]
    for layer in question.layers():
        rows = [
            [
                str(units),
                *(
                    " / ".join(map(short, question.plans(layer, batch, units)))
                    for batch in question.batches
                ),
            ]
            for units in question.units
        ]
        yield Sheet(str(layer), header, rows, names=1)


def facts(question: Question) -> dict[str, str]:
    """The GPU, and where the constants come from."""
    device = question.device
    clusters = max((n for n, found in enumerate(device.resident_clusters) if found), default=1)
    return {
        "GPU": f"{device.name}, compute capability {device.arch / 10:.1f}, "
        f"{device.multiprocessors} multiprocessors, {device.shared_per_block >> 10} KiB of shared "
        f"memory a block, clusters of up to {clusters} blocks",
        "cells": "microseconds of a step forward / backward, of the recurrence alone; then how: B "
        "one block, C cluster, G grid, each with slices of the units x slices of the batch; S a "
        "product and a pointwise kernel every step",
        **_origins(question),
    }


def _origins(question: Question) -> dict[str, str]:
    by_source: dict[str, list[str]] = {}
    for constant in gpu_constants(question.device.arch):
        given = constant["name"] in question.constants
        value = question.constants[constant["name"]] if given else constant["value"]
        source = "given" if given else constant["source"]
        by_source.setdefault(source, []).append(f"{constant['name']} {value:g}")
    return {f"constants, {source}": ", ".join(found) for source, found in by_source.items()}


def notes(question: Question) -> list[str]:
    """What a reader must know besides the numbers."""
    if all(c["name"] in question.constants for c in gpu_constants(question.device.arch)):
        return ["Nothing here was timed; the constants were measured on the GPU."]
    return [
        "Nothing here was timed. The model may be wrong by half, and more where constants are "
        "assumed."
    ]


def reasons(question: Question) -> Iterator[str]:
    """Yields one line for every plan: why it was chosen."""
    for layer in question.layers():
        for units in question.units:
            for batch in question.batches:
                forward, backward = question.plans(layer, batch, units)
                where = f"{layer}, batch {batch}, {units} units"
                yield f"{where}, forward: {forward['reason']}"
                yield f"{where}, backward: {backward['reason']}"
