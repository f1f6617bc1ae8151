"""What is measured on a GPU: which sizes, types and passes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tfrnn_ops.bench.cases import Shape

GPU_CELLS = ("lstm", "gru", "simple_rnn")
# tf32 is float32 whose products round their operands to TF32.
STORAGE = {"float16": "float16", "bfloat16": "bfloat16", "tf32": "float32", "float32": "float32"}
GPU_DTYPES = tuple(STORAGE)
# inference: outputs and final states, nothing kept. forward: the same, keeping what the gradient
# needs. train: that and the gradients of inputs, initial states and weights.
GPU_MODES = ("inference", "forward", "train")

BATCHES = (1, 8, 16, 32, 64, 128, 256)
UNITS = (64, 128, 256, 384, 512, 768, 1024, 1536, 2048)
TIME = 500
# Not multiples of what matrix instructions like, short sequences, and ragged ones.
ODD_SHAPES = ("50,500,512,512", "100,500,512,512", "32,500,200,200", "32,500,650,650")
SHORT_SHAPES = ("1,50,256,256", "32,50,512,512", "128,50,1024,1024")
RAGGED_SHAPES = ("32,150..500,256,256", "64,150..500,512,512")
QUICK_SHAPES = ("1,100,256,256", "32,100,512,512")


@dataclass(frozen=True)
class GpuCase:
    """One layer on one batch.

    Attributes:
        cell: of `GPU_CELLS`.
        shape: the sizes.
        dtype: of `GPU_DTYPES`.
        directions: 2 for a bidirectional layer.
    """

    cell: str
    shape: Shape
    dtype: str
    directions: int = 1

    def __str__(self) -> str:
        both = " bidirectional" if self.directions == 2 else ""
        return f"{self.cell} {self.shape} {self.dtype}{both}"

    @property
    def storage(self) -> str:
        """The dtype of the tensors."""
        return STORAGE[self.dtype]

    def shortened(self, steps: int) -> GpuCase:
        """The same with at most so many steps, for a comparison with slow arithmetic."""
        s = self.shape
        time = min(s.time, steps)
        shortest = None if s.shortest is None else min(s.shortest, time)
        return replace(self, shape=replace(s, time=time, shortest=shortest))


def all_shapes() -> list[Shape]:
    """The whole grid."""
    grid = [f"{batch},{TIME},{units},{units}" for units in UNITS for batch in BATCHES]
    return [Shape.parse(text) for text in (*grid, *ODD_SHAPES, *SHORT_SHAPES, *RAGGED_SHAPES)]


def cases(
    shapes: Sequence[Shape],
    cells: Sequence[str],
    dtypes: Sequence[str],
    directions: Sequence[int],
) -> list[GpuCase]:
    """Every combination; the shape changes fastest, so that a run cut short has seen them all."""
    return [
        GpuCase(cell, shape, dtype, count)
        for count in directions
        for dtype in dtypes
        for cell in cells
        for shape in shapes
    ]
