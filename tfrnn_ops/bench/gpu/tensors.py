"""What every peer on the GPU gets, in Keras's layout; and the way to PyTorch's and back."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from tfrnn_ops.bench.cases import GATES, TORCH_GATES
from tfrnn_ops.bench.gpu.cases import GpuCase

STATES = {"lstm": 2, "gru": 1, "simple_rnn": 1}
INPUT_SETS = 3  # in turns, so that no peer finds its inputs in the cache


@dataclass(frozen=True)
class Weights:
    """Of one direction: PyTorch tensors.

    Attributes:
        kernel: `[features, gates * units]`.
        recurrent_kernel: `[units, gates * units]`.
        bias: `[gates * units]`, `[2, gates * units]` for the GRU.
    """

    kernel: Any
    recurrent_kernel: Any
    bias: Any


@dataclass(frozen=True)
class GpuTensors:
    """What the peers share.

    Attributes:
        inputs: some sets of `[time, batch, features]`.
        initial: the states, each `[directions, batch, units]`.
        weights: of every direction.
        doutputs: `[time, batch, directions * units]`, zero at steps that do not count.
    """

    inputs: list[Any]
    initial: list[Any]
    weights: list[Weights]
    doutputs: Any

    def to(self, **options: Any) -> GpuTensors:
        """The same on another device or in another dtype; options as of `torch.Tensor.to`."""
        return GpuTensors(
            [x.to(**options) for x in self.inputs],
            [state.to(**options) for state in self.initial],
            [Weights(*(w.to(**options) for w in vars(d).values())) for d in self.weights],
            self.doutputs.to(**options),
        )

    def first(self, steps: int) -> GpuTensors:
        """The first steps, of the first set of inputs."""
        return dataclasses.replace(
            self, inputs=[self.inputs[0][:steps]], doutputs=self.doutputs[:steps]
        )


def make_tensors(case: GpuCase, device: str) -> GpuTensors:
    """Random tensors, the same ones every time on the same device."""
    import torch

    shape, width = case.shape, GATES[case.cell] * case.shape.units
    generator = torch.Generator(device).manual_seed(0)

    def normal(*sizes: int, scale: float = 1.0) -> Any:
        values = torch.randn(sizes, generator=generator, device=device) * scale
        return values.to(getattr(torch, case.storage))

    bias_rows = [2] if case.cell == "gru" else []
    weights = [
        Weights(
            normal(shape.features, width, scale=shape.features**-0.5),
            normal(shape.units, width, scale=shape.units**-0.5),
            normal(*bias_rows, width, scale=0.1),
        )
        for _ in range(case.directions)
    ]
    state = (case.directions, shape.batch, shape.units)
    doutputs = normal(shape.time, shape.batch, case.directions * shape.units)
    if shape.mask is not None:
        doutputs *= torch.from_numpy(shape.mask.T[..., None]).to(device)
    return GpuTensors(
        [normal(shape.time, shape.batch, shape.features) for _ in range(INPUT_SETS)],
        [normal(*state, scale=0.5) for _ in range(STATES[case.cell])],
        weights,
        doutputs,
    )


def swap_gates(cell: str, tensor: Any) -> Any:
    """Keras's order of the gates along the last axis to PyTorch's, or back."""
    import torch

    order = TORCH_GATES[cell]
    gates = tensor.chunk(len(order), dim=-1)
    return torch.cat([gates[i] for i in order], dim=-1)


def to_torch(cell: str, weights: Weights) -> list[Any]:
    """weight_ih, weight_hh, bias_ih and bias_hh of `torch.nn`.

    Where Keras has one bias, PyTorch has two all the same; the second is zero.
    """
    import torch

    bias = swap_gates(cell, weights.bias)
    biases = bias if bias.dim() == 2 else torch.stack([bias, torch.zeros_like(bias)])
    kernels = (swap_gates(cell, w) for w in (weights.kernel, weights.recurrent_kernel))
    return [*(kernel.t().contiguous() for kernel in kernels), *biases]


def from_torch(cell: str, gradients: list[Any]) -> Weights:
    """The inverse of `to_torch`, of gradients: PyTorch's two biases have the same one."""
    import torch

    kernel, recurrent, *biases = gradients
    bias = torch.stack(biases) if cell == "gru" else biases[0]
    values = (kernel.t(), recurrent.t(), bias)
    return Weights(*(swap_gates(cell, value) for value in values))
