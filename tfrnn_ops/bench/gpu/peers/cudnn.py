"""Each of cuDNN's algorithms, whether or not PyTorch would choose it."""

from __future__ import annotations

import functools
from typing import Any, ClassVar

from tfrnn_ops.bench.gpu.cases import GpuCase
from tfrnn_ops.bench.gpu.cudnn.library import Algorithm, Library, load
from tfrnn_ops.bench.gpu.cudnn.rnn import Rnn
from tfrnn_ops.bench.gpu.peers.base import GpuPeer, gradients, numbered
from tfrnn_ops.bench.gpu.tensors import GpuTensors, from_torch, to_torch


@functools.cache
def library() -> Library:
    """Loads cuDNN once."""
    return load()


@functools.cache
def handle() -> Any:
    """Creates cuDNN's handle once, for the whole run."""
    import ctypes

    created = ctypes.c_void_p()
    library().cudnnCreate(ctypes.byref(created))
    return created


class Cudnn(GpuPeer):
    """A layer with the algorithm of the subclass."""

    algorithm: ClassVar[Algorithm]

    @classmethod
    def missing(cls, case: GpuCase, mode: str) -> str | None:
        """The library must be there; what an algorithm cannot do, cuDNN says itself."""
        try:
            library()
        except OSError as error:
            return f"cannot be loaded: {error}"
        return None

    def __init__(self, case: GpuCase, tensors: GpuTensors, mode: str):
        import torch

        self._case, self._tensors, self._train = case, tensors, mode == "train"
        sample, states = tensors.inputs[0], tensors.initial
        self._rnn = Rnn(library(), handle(), case, self.algorithm, mode != "inference")
        self._dtype = sample.dtype
        for views, weights in zip(
            self._rnn.parameters(self._rnn.weights, self._dtype), tensors.weights, strict=True
        ):
            flat = torch.cat([value.reshape(-1) for value in to_torch(case.cell, weights)])
            for view, part in zip(views, flat.split([v.numel() for v in views]), strict=True):
                view.copy_(part)
        # What cuDNN leaves unwritten shows as NaN, but for padding, which it does not write.
        fill = float("nan") if case.shape.lengths is None else 0.0
        self._outputs = torch.full_like(tensors.doutputs, fill)
        self._final = [torch.full_like(state, float("nan")) for state in states]
        self._dinputs = torch.full_like(sample, fill) if self._train else None
        self._dinitial = [torch.full_like(state, float("nan")) for state in states]

    def __del__(self):
        if hasattr(self, "_rnn"):
            self._rnn.close()

    def run(self, input_set: int) -> None:
        """Enqueues the forward pass and, in training, both backward passes."""
        x, initial = self._tensors.inputs[input_set], self._tensors.initial
        self._rnn.forward(x, self._outputs, initial, self._final)
        if self._train:
            self._rnn.backward(
                *(x, self._outputs, self._tensors.doutputs, initial), self._dinputs, self._dinitial
            )

    def results(self) -> dict[str, Any]:
        """See the base class."""
        import torch

        found = {"outputs": self._outputs, **numbered("final", self._final)}
        if self._train:
            found |= {"dinputs": self._dinputs, **numbered("dinitial", self._dinitial)}
            directions = []
            for views, weights in zip(
                self._rnn.parameters(self._rnn.dweights, self._dtype),
                self._tensors.weights,
                strict=True,
            ):
                like = to_torch(self._case.cell, weights)
                flat = torch.cat(views).split([value.numel() for value in like])
                parts = [part.view_as(value) for part, value in zip(flat, like, strict=True)]
                directions.append(from_torch(self._case.cell, parts))
            found |= gradients(directions)
        return found


class CudnnStandard(Cudnn):
    """What Keras's layers get in TensorFlow."""

    name, title = "cudnn_standard", "cuDNN standard"
    algorithm = Algorithm.STANDARD


class CudnnStatic(Cudnn):
    """Persistent kernels, compiled beforehand."""

    name, title = "cudnn_static", "cuDNN static"
    algorithm = Algorithm.PERSIST_STATIC


class CudnnDynamic(Cudnn):
    """Persistent kernels, compiled for the batch size."""

    name, title = "cudnn_dynamic", "cuDNN dynamic"
    algorithm = Algorithm.PERSIST_DYNAMIC


class CudnnSmallH(Cudnn):
    """Persistent kernels with the weights in registers, for few units."""

    name, title = "cudnn_small_h", "cuDNN small H"
    algorithm = Algorithm.PERSIST_STATIC_SMALL_H
