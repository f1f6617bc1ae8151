"""Our kernels, through `_core.CudaLayer`: raw device pointers and a stream, no TensorFlow.

All that is known of that interface is known here.
"""

from __future__ import annotations

from typing import Any, ClassVar

from tfrnn_ops import _core
from tfrnn_ops.bench.gpu.cases import GpuCase
from tfrnn_ops.bench.gpu.peers.base import GpuPeer, gradients, numbered
from tfrnn_ops.bench.gpu.tensors import GpuTensors, Weights


class Ours(GpuPeer):
    """The kernels that the ops call, with the plan they would choose.

    The big products around the recurrence are cuBLAS's, of the copy that PyTorch has loaded: the
    same as the peers'.
    """

    name: ClassVar[str] = "ours"
    title: ClassVar[str] = "tfrnn_ops"

    @classmethod
    def missing(cls, case: GpuCase, mode: str) -> str | None:
        """The kernels must have been built."""
        return None if _core.built_with_cuda else "was built without CUDA"

    def __init__(self, case: GpuCase, tensors: GpuTensors, mode: str):
        import torch

        shape = case.shape
        self._torch, self._case, self._tensors, self._mode = torch, case, tensors, mode
        self._layer = layer = _core.CudaLayer(
            case.cell,
            case.storage,
            time=shape.time,
            batch=shape.batch,
            features=shape.features,
            units=shape.units,
            directions=case.directions,
            training=mode != "inference",
            tf32=case.dtype == "tf32",
        )

        device, dtype = tensors.inputs[0].device, tensors.inputs[0].dtype

        def bytes_of(count: int) -> Any:
            return torch.empty(count, dtype=torch.uint8, device=device)

        def unwritten(*sizes: int) -> Any:
            return torch.full(sizes, float("nan"), dtype=dtype, device=device)

        self._workspace = bytes_of(layer.workspace_bytes)
        mask = shape.mask
        self._mask = None if mask is None else torch.from_numpy(mask.T.copy()).to(device)
        rows, state = (shape.time, shape.batch), (case.directions, shape.batch, shape.units)
        # The second direction has its own outputs, last step first.
        self._outputs = [unwritten(*rows, shape.units) for _ in range(case.directions)]
        self._final = [unwritten(*state) for _ in tensors.initial]
        self._reserve = [bytes_of(layer.reserve_bytes) for _ in range(case.directions)]
        self._dinputs = [unwritten(*rows, shape.features) for _ in range(case.directions)]
        self._dinitial = [unwritten(*state) for _ in tensors.initial]
        self._dfinal = [torch.zeros_like(state) for state in tensors.initial]
        self._doutputs = self._split(tensors.doutputs)
        self._dweights = [
            Weights(*(torch.full_like(w, float("nan")) for w in vars(d).values()))
            for d in tensors.weights
        ]
        self._joined = self._outputs[0]
        layer.set("workspace", 0, self._workspace.data_ptr())
        for d in range(case.directions):
            self._bind(d)

    def _bind(self, d: int) -> None:
        pointers = {
            **vars(self._tensors.weights[d]),
            "outputs": self._outputs[d],
            **{f"initial_{i}": s[d] for i, s in enumerate(self._tensors.initial)},
            **{f"final_{i}": s[d] for i, s in enumerate(self._final)},
        }
        if self._mask is not None:
            pointers["mask"] = self._mask
        if self._mode != "inference":
            pointers["reserve_space"] = self._reserve[d]
        if self._mode == "train":
            pointers |= {
                "doutputs": self._doutputs[d],
                "dinputs": self._dinputs[d],
                **{f"dfinal_{i}": s[d] for i, s in enumerate(self._dfinal)},
                **{f"dinitial_{i}": s[d] for i, s in enumerate(self._dinitial)},
                **{f"d{name}": w for name, w in vars(self._dweights[d]).items()},
            }
        for name, tensor in pointers.items():
            self._layer.set(name, d, tensor.data_ptr())

    def _split(self, doutputs: Any) -> list[Any]:
        """The gradient of each direction's outputs, in the order of its steps."""
        parts = doutputs.split(self._case.shape.units, dim=-1)
        return [(part.flip(0) if d else part).contiguous() for d, part in enumerate(parts)]

    @property
    def note(self) -> str | None:
        """The plans and why they were chosen."""
        reasons = [self._layer.forward_reason]
        if self._mode == "train":
            reasons.append(self._layer.backward_reason)
        return " | ".join(reasons)

    def run(self, input_set: int) -> None:
        """Enqueues the passes, and what joins the two directions."""
        stream = self._torch.cuda.current_stream().cuda_stream
        both = self._case.directions == 2
        for d in range(self._case.directions):
            self._layer.set("inputs", d, self._tensors.inputs[input_set].data_ptr())
        self._layer.forward(stream)
        if both:
            first, second = self._outputs
            self._joined = self._torch.cat([first, second.flip(0)], dim=-1)
        if self._mode != "train":
            return
        if both:
            for mine, part in zip(self._doutputs, self._split(self._tensors.doutputs), strict=True):
                mine.copy_(part)
        self._layer.backward(stream)
        if both:
            self._dinputs[0].add_(self._dinputs[1])

    def results(self) -> dict[str, Any]:
        """See the base class."""
        found = {"outputs": self._joined, **numbered("final", self._final)}
        if self._mode == "train":
            found |= {"dinputs": self._dinputs[0], **numbered("dinitial", self._dinitial)}
            found |= gradients(self._dweights)
        return found
