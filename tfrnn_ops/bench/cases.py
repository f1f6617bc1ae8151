"""What is measured: shapes, cells, dtypes, the work each takes, and tensors to feed."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from tfrnn_ops.bench.options import OPTIONS

# Columns of the kernels, in units.
GATES = {"lstm": 4, "gru": 3, "gru_reset_before": 3, "simple_rnn": 1}
CELLS = tuple(GATES)
DTYPES = ("float32", "bfloat16", "float16")
BYTES = {"float64": 8, "float32": 4, "bfloat16": 2, "float16": 2}
# Keras's gates in PyTorch's and cuDNN's order: z, r, h are their r, z, n. The swap undoes itself.
TORCH_GATES = {"lstm": [0, 1, 2, 3], "gru": [1, 0, 2], "simple_rnn": [0]}
MODES = ("forward", "train")


@dataclass(frozen=True)
class Shape:
    """The sizes of a layer and its batch.

    Attributes:
        batch: number of sequences.
        time: steps of the longest.
        features: width of the inputs.
        units: width of the outputs.
        shortest: steps of the shortest, if they differ; the others lie evenly between.
    """

    batch: int
    time: int
    features: int
    units: int
    shortest: int | None = None

    @classmethod
    def parse(cls, text: str) -> Shape:
        """Reads "32,100,256,256", or "32,20..200,256,256" for sequences of 20 to 200 steps.

        Raises:
            ValueError: it is neither.
        """
        match = re.fullmatch(r"(\d+),(?:(\d+)\.\.)?(\d+),(\d+),(\d+)", text.replace(" ", ""))
        if match:
            batch, time, features, units = (int(match[i]) for i in (1, 3, 4, 5))
            shortest = int(match[2]) if match[2] else None
            fewest_steps = time if shortest is None else shortest
            if min(batch, fewest_steps, features, units) > 0 and fewest_steps <= time:
                return cls(batch, time, features, units, shortest)
        raise ValueError(
            f"found {text!r}, expected batch,time,features,units such as 32,100,256,256 or, with "
            "sequences of 20 to 200 steps, 32,20..200,256,256"
        )

    def __str__(self) -> str:
        time = str(self.time) if self.shortest is None else f"{self.shortest}..{self.time}"
        return f"{self.batch},{time},{self.features},{self.units}"

    @property
    def lengths(self) -> np.ndarray | None:
        """Steps of every sequence, in no order; None if all have `time`."""
        if self.shortest is None:
            return None
        lengths = np.linspace(self.shortest, self.time, self.batch).round().astype(np.int64)
        return np.random.default_rng(0).permutation(lengths)

    @property
    def mask(self) -> np.ndarray | None:
        """`[batch, time]`, True for the steps that count; None if all do."""
        lengths = self.lengths
        return None if lengths is None else np.arange(self.time) < lengths[:, None]

    @property
    def steps(self) -> int:
        """Steps that count, of all sequences together."""
        lengths = self.lengths
        return self.batch * self.time if lengths is None else int(lengths.sum())


SHAPES = tuple(
    Shape.parse(text)
    for text in (
        "32,100,128,128",
        "32,100,256,256",
        "64,100,512,512",
        "64,50,1024,1024",
        "1,100,256,256",
        "1,1,256,256",
        "8,100,256,256",
        "128,30,256,256",
        "32,20..200,256,256",
    )
)
QUICK_SHAPES = SHAPES[0], SHAPES[5]


@dataclass(frozen=True)
class Case:
    """One layer on one batch.

    Attributes:
        cell: of `CELLS`.
        shape: the sizes.
        dtype: of `DTYPES`, or float64.
        option: of `OPTIONS`; "" for none.
    """

    cell: str
    shape: Shape
    dtype: str
    option: str = ""

    def __str__(self) -> str:
        return f"{self.cell} {self.label} {self.dtype}"

    @property
    def label(self) -> str:
        """The shape, and the option if there is one."""
        return f"{self.shape} {self.option}".rstrip()

    @property
    def outputs(self) -> int:
        """The width of the outputs."""
        projects = self.option and OPTIONS[self.option].projects
        return max(1, self.shape.units // 2) if projects else self.shape.units

    def flops(self, mode: str) -> int:
        """Operations in the matrix products, the only ones counted.

        Training takes each forward product three times: itself, and those for the gradients of
        its two factors.
        """
        width = GATES[self.cell] * self.shape.units
        forward = 2 * self.shape.steps * width * (self.shape.features + self.outputs)
        if self.outputs < self.shape.units:
            forward += 2 * self.shape.steps * self.shape.units * self.outputs
        return forward * (3 if mode == "train" else 1)

    @property
    def recurrent_bytes(self) -> int:
        """Size of the recurrent kernel, all of which every step needs."""
        return GATES[self.cell] * self.shape.units * self.outputs * BYTES[self.dtype]

    def bytes_read(self, mode: str) -> int:
        """Bytes of weights that have to be read: the recurrent ones at every step, once each way.

        The forward pass cannot do without, nor can the backward pass: each step waits for the
        one before.
        """
        size = BYTES[self.dtype]
        kernel_bytes = GATES[self.cell] * self.shape.units * self.shape.features * size
        one_way = self.shape.time * self.recurrent_bytes + kernel_bytes
        return one_way * (2 if mode == "train" else 1)


@dataclass(frozen=True)
class Tensors:
    """What every peer gets, in Keras's layout and in the dtype of the case.

    Attributes:
        inputs: `[batch, time, features]`.
        kernel: `[features, gates * units]`.
        recurrent_kernel: `[outputs, gates * units]`, outputs being units but for a projection.
        bias: `[gates * units]`, `[2, gates * units]` for the GRU that resets after the product.
        doutputs: `[batch, time, outputs]`, the gradient of the outputs; 0 where masked.
    """

    inputs: np.ndarray
    kernel: np.ndarray
    recurrent_kernel: np.ndarray
    bias: np.ndarray
    doutputs: np.ndarray

    def cast(self, dtype: str) -> Tensors:
        """The same in another dtype."""
        if dtype == "bfloat16":
            import ml_dtypes  # TensorFlow's, hence not needed where there is none

            numpy_dtype = np.dtype(ml_dtypes.bfloat16)
        else:
            numpy_dtype = np.dtype(dtype)
        return Tensors(*(array.astype(numpy_dtype) for array in vars(self).values()))


def make_tensors(case: Case) -> Tensors:
    """Random tensors, the same ones every time."""
    shape, width = case.shape, GATES[case.cell] * case.shape.units
    rng = np.random.default_rng(0)

    def normal(*sizes: int, scale: float = 1.0) -> np.ndarray:
        return rng.standard_normal(sizes) * scale

    doutputs = normal(shape.batch, shape.time, case.outputs)
    mask = shape.mask
    if mask is not None:
        doutputs *= mask[..., None]
    return Tensors(
        inputs=normal(shape.batch, shape.time, shape.features),
        kernel=normal(shape.features, width, scale=shape.features**-0.5),
        recurrent_kernel=normal(case.outputs, width, scale=shape.units**-0.5),
        bias=normal(*([2] if case.cell == "gru" else []), width, scale=0.1),
        doutputs=doutputs,
    ).cast(case.dtype)
