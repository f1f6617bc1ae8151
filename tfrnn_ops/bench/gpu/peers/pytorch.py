"""PyTorch's layers, which choose among cuDNN's algorithms."""

from __future__ import annotations

from typing import Any, ClassVar

from tfrnn_ops.bench.gpu.cases import GpuCase
from tfrnn_ops.bench.gpu.peers.base import GpuPeer, gradients, numbered
from tfrnn_ops.bench.gpu.tensors import GpuTensors, from_torch, to_torch

_CLASSES = {"lstm": "LSTM", "gru": "GRU", "simple_rnn": "RNN"}


class PyTorch(GpuPeer):
    """The layer in `torch.nn`, where the tensors are; ragged batches packed and unpacked each time.

    On the CPU and in float64 it is the reference for all others.
    """

    name: ClassVar[str] = "torch"
    title: ClassVar[str] = "PyTorch"

    def __init__(self, case: GpuCase, tensors: GpuTensors, mode: str):
        import torch

        self._torch, self._case, self._mode = torch, case, mode
        shape, sample = case.shape, tensors.inputs[0]
        self._layer = getattr(torch.nn, _CLASSES[case.cell])(
            shape.features,
            shape.units,
            bidirectional=case.directions == 2,
            device=sample.device,
            dtype=sample.dtype,
        )
        self._layer.train(mode != "inference")
        values = [value for d in tensors.weights for value in to_torch(case.cell, d)]
        with torch.no_grad():
            for parameter, value in zip(self._layer.parameters(), values, strict=True):
                parameter.copy_(value)
        self._layer.flatten_parameters()
        differentiate = mode == "train"
        self._inputs = [x.clone().requires_grad_(differentiate) for x in tensors.inputs]
        self._initial = [s.clone().requires_grad_(differentiate) for s in tensors.initial]
        self._doutputs = tensors.doutputs
        lengths = shape.lengths
        self._lengths = None if lengths is None else torch.from_numpy(lengths)
        self._last: list[Any] = []

    def run(self, input_set: int) -> None:
        """Calls the layer and, in training, differentiates."""
        cudnn = self._torch.backends.cudnn
        with cudnn.flags(enabled=True, allow_tf32=self._case.dtype == "tf32"):
            if self._mode == "inference":
                with self._torch.inference_mode():
                    self._last = self._forward(input_set)
                return
            self._last = self._forward(input_set)
            if self._mode == "train":
                sources = [self._inputs[input_set], *self._initial, *self._layer.parameters()]
                self._last += self._torch.autograd.grad(self._last[0], sources, self._doutputs)

    def _forward(self, input_set: int) -> list[Any]:
        inputs = self._inputs[input_set]
        initial = tuple(self._initial) if len(self._initial) > 1 else self._initial[0]
        rnn = self._torch.nn.utils.rnn
        if self._lengths is not None:
            inputs = rnn.pack_padded_sequence(inputs, self._lengths, enforce_sorted=False)
        outputs, final = self._layer(inputs, initial)
        if self._lengths is not None:
            outputs, _ = rnn.pad_packed_sequence(outputs, total_length=self._case.shape.time)
        return [outputs, *(final if isinstance(final, tuple) else [final])]

    def results(self) -> dict[str, Any]:
        """See the base class."""
        states = len(self._initial)
        outputs, *rest = (value.detach() for value in self._last)
        final, rest = rest[:states], rest[states:]
        found = {"outputs": outputs, **numbered("final", final)}
        if rest:
            dinputs, dinitial, dweights = rest[0], rest[1 : 1 + states], rest[1 + states :]
            each = len(dweights) // self._case.directions
            directions = [dweights[i : i + each] for i in range(0, len(dweights), each)]
            found |= {"dinputs": dinputs, **numbered("dinitial", dinitial)}
            found |= gradients([from_torch(self._case.cell, d) for d in directions])
        return found
