"""How our kernels are called: the wiring, with the CPU engine in the place of the kernels."""

import ctypes

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from tfrnn_ops import _core
from tfrnn_ops.bench.cases import GATES, Shape
from tfrnn_ops.bench.gpu import check
from tfrnn_ops.bench.gpu.cases import GPU_CELLS, GPU_MODES, GpuCase
from tfrnn_ops.bench.gpu.peers import Ours
from tfrnn_ops.bench.gpu.tensors import make_tensors


class CpuLayer:
    """What `_core.CudaLayer` promises, on the CPU."""

    forward_reason, backward_reason = "on the CPU", "likewise"
    reserve_bytes = workspace_bytes = 16

    def __init__(self, cell, dtype, *, time, batch, features, units, directions, training, tf32):
        assert (dtype, tf32) == ("float32", False)
        width, rows = GATES[cell] * units, (time, batch)
        self.shapes = {
            "inputs": (*rows, features),
            "kernel": (features, width),
            "recurrent_kernel": (units, width),
            "bias": (2, width) if cell == "gru" else (width,),
            "outputs": (*rows, units),
        }
        self.state, self.states = (batch, units), 2 if cell == "lstm" else 1
        self.mask, self.cell, self.training = rows, cell, training
        self.pointers = [{} for _ in range(directions)]

    def set(self, name, direction, pointer):
        self.pointers[direction][name] = pointer

    def array(self, name, direction):
        if name == "mask":
            kind, shape = ctypes.c_bool, self.mask
        else:
            kind = ctypes.c_float
            base = name if name in self.shapes else name.removeprefix("d")
            shape = self.shapes.get(base, self.state)
        pointer = ctypes.cast(self.pointers[direction][name], ctypes.POINTER(kind))
        return np.ctypeslib.as_array(pointer, shape)

    def all_states(self, name, direction):
        return [self.array(f"{name}_{i}", direction) for i in range(self.states)]

    def forward(self, stream):
        assert stream == 7
        assert "workspace" in self.pointers[0]
        self.layers = []
        for d, pointers in enumerate(self.pointers):
            assert ("reserve_space" in pointers) == self.training
            weights = (self.array(name, d) for name in ("kernel", "recurrent_kernel", "bias"))
            layer = _core.Layer32(
                self.cell, *weights, time_major=True, go_backwards=d == 1, zero_output_for_mask=True
            )
            mask = self.array("mask", d) if "mask" in pointers else None
            outputs, final, _ = layer.forward(
                self.array("inputs", d), self.all_states("initial", d), mask, self.training
            )
            self.array("outputs", d)[:] = outputs
            for to, value in zip(self.all_states("final", d), final, strict=True):
                to[:] = value
            self.layers.append(layer)

    def backward(self, stream):
        assert stream == 7
        for d, layer in enumerate(self.layers):
            found = layer.backward(self.array("doutputs", d), self.all_states("dfinal", d))
            self.array("dinputs", d)[:] = found["x"]
            for name in ("kernel", "recurrent_kernel", "bias"):
                self.array(f"d{name}", d)[:] = found[name]
            for to, value in zip(self.all_states("dinitial", d), found["initial"], strict=True):
                to[:] = value


class Stream:
    cuda_stream = 7


@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("shape", ["3,4,2,5", "3,2..4,2,5"])
@pytest.mark.parametrize("cell", GPU_CELLS)
def test_our_peer_hands_everything_over(monkeypatch, cell, shape, directions):
    monkeypatch.setattr(_core, "CudaLayer", CpuLayer, raising=False)
    monkeypatch.setattr(torch.cuda, "current_stream", Stream)
    case = GpuCase(cell, Shape.parse(shape), "float32", directions)
    tensors = make_tensors(case, "cpu")
    for mode in GPU_MODES:
        peer = Ours(case, tensors, mode)
        for input_set in (1, 0):
            peer.run(input_set)
        want = check.reference(case, tensors, mode)
        check.require_right(case, mode, check.errors(peer.results(), want))
        assert peer.note == ("on the CPU | likewise" if mode == "train" else "on the CPU")


def test_without_kernels_we_are_absent(monkeypatch):
    monkeypatch.setattr(_core, "built_with_cuda", False)
    case = GpuCase("lstm", Shape(1, 1, 1, 1), "float32")
    assert Ours.missing(case, "train") == "was built without CUDA"
