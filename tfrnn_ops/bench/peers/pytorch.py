"""PyTorch's layers."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np

from tfrnn_ops.bench.cases import TORCH_GATES, Case, Tensors
from tfrnn_ops.bench.peers.base import GRADIENTS, Peer

_CLASSES = {"lstm": "LSTM", "gru": "GRU", "simple_rnn": "RNN"}


class PyTorch(Peer):
    """The layer, time-major; ragged batches packed before and unpacked after, each time."""

    name = "torch"
    title = "PyTorch"

    @classmethod
    def missing(cls, case: Case) -> str | None:
        """It may not be installed, and its GRU resets after the product only."""
        if importlib.util.find_spec("torch") is None:
            return "is not installed: pip install torch"
        if case.option:
            return f"is not run with {case.option}"
        if case.cell not in _CLASSES:
            return "has no GRU that resets before the product"
        return None

    def __init__(self, case: Case, tensors: Tensors, mode: str):
        import torch

        def tensor(array: np.ndarray) -> Any:
            wide = torch.from_numpy(np.ascontiguousarray(array, np.float32))  # no loss
            return wide.to(getattr(torch, case.dtype))

        self._cell, self._train, self._torch = case.cell, mode == "train", torch
        shape = case.shape
        self._time, lengths = shape.time, shape.lengths
        self._lengths = None if lengths is None else torch.from_numpy(lengths)
        self._layer = getattr(torch.nn, _CLASSES[case.cell])(shape.features, shape.units)
        self._layer.to(getattr(torch, case.dtype)).train(self._train)
        # Where Keras has one bias, PyTorch has two all the same.
        bias = tensors.bias
        biases = bias if bias.ndim == 2 else np.stack([bias, np.zeros_like(bias)])
        weights = [tensors.kernel.T, tensors.recurrent_kernel.T, *biases]
        with torch.no_grad():
            for parameter, weight in zip(self._layer.parameters(), weights, strict=True):
                parameter.copy_(tensor(self._swap_gates(weight)))
        self._inputs = tensor(tensors.inputs.swapaxes(0, 1)).requires_grad_(self._train)
        self._doutputs = tensor(tensors.doutputs.swapaxes(0, 1))

    def _swap_gates(self, array: np.ndarray) -> np.ndarray:
        """Of an array whose first axis is the gates'."""
        order = TORCH_GATES[self._cell]
        gates = np.split(array, len(order))
        return np.concatenate([gates[i] for i in order])

    def run(self) -> Any:
        """Calls the layer and, in training, differentiates."""
        if not self._train:
            with self._torch.inference_mode():
                return [self._outputs()]
        outputs = self._outputs()
        sources = [self._inputs, *self._layer.parameters()]
        return [outputs, *self._torch.autograd.grad(outputs, sources, self._doutputs)]

    def _outputs(self) -> Any:
        if self._lengths is None:
            return self._layer(self._inputs)[0]
        rnn = self._torch.nn.utils.rnn
        packed = rnn.pack_padded_sequence(self._inputs, self._lengths, enforce_sorted=False)
        return rnn.pad_packed_sequence(self._layer(packed)[0], total_length=self._time)[0]

    def arrays(self, result: Any) -> dict[str, np.ndarray]:
        """The results batch-major, the weights transposed, one bias where Keras has one."""
        outputs, *gradients = (value.detach().float().numpy() for value in result)
        arrays = {"outputs": outputs.swapaxes(0, 1)}
        if gradients:
            dinputs, *dweights = gradients
            dkernel, drecurrent, *dbiases = map(self._swap_gates, dweights)
            dbias = np.stack(dbiases) if self._cell == "gru" else dbiases[0]
            values = dinputs.swapaxes(0, 1), dkernel.T, drecurrent.T, dbias
            arrays |= dict(zip(GRADIENTS, values, strict=True))
        return arrays
