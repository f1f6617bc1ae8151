"""The CUDA kernels as Python calls them, plans and all, on the emulator.

The kernels themselves are tested in tests/emulator; here it is the way to them.
"""

import importlib.util
import os
from pathlib import Path

import pytest

pytest.importorskip("torch")

import torch
from gpu_options import check as check_options
from gpu_options import mixed_cases, single_cases

from tfrnn_ops import _core
from tfrnn_ops.bench.cases import Shape
from tfrnn_ops.bench.gpu import check
from tfrnn_ops.bench.gpu.cases import GPU_CELLS, GpuCase
from tfrnn_ops.bench.gpu.peers import Ours
from tfrnn_ops.bench.gpu.tensors import make_tensors

ROOT = Path(__file__).resolve().parent.parent
SINGLE = dict(single_cases())
BUILT = sorted(ROOT.glob("build/*/tests/emulator/_emulated*.so"), key=os.path.getmtime)
pytestmark = pytest.mark.skipif(not BUILT, reason="the build has no tests/emulator/_emulated")


class Stream:
    cuda_stream = 0


@pytest.fixture(autouse=True)
def emulated(monkeypatch):
    spec = importlib.util.spec_from_file_location("_emulated", BUILT[-1])
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(_core, "CudaLayer", module.CudaLayer, raising=False)
    monkeypatch.setattr(torch.cuda, "current_stream", Stream)
    return module


@pytest.mark.parametrize("policy", ["stepwise", "block", "cluster", "grid"])
@pytest.mark.parametrize(
    ("shape", "dtype", "directions"),
    [
        ("3,5,7,20", "float32", 2),
        ("9,3..7,5,40", "bfloat16", 1),
        ("1,2,3,33", "tf32", 1),
        ("9,3..7,5,40", "float16", 2),
    ],
)
@pytest.mark.parametrize("cell", GPU_CELLS)
def test_results_and_gradients(monkeypatch, cell, shape, dtype, directions, policy):
    monkeypatch.setenv("TFRNN_GPU_PLAN", policy)
    case = GpuCase(cell, Shape.parse(shape), dtype, directions)
    tensors = make_tensors(case, "cpu")
    for mode in ("inference", "train"):
        peer = Ours(case, tensors, mode)
        peer.run(1)
        peer.run(0)
        errors = check.errors(peer.results(), check.reference(case, tensors, mode))
        check.require_right(case, mode, errors)
        assert peer.note.startswith(policy)


@pytest.mark.parametrize("name", SINGLE)
def test_one_option(emulated, name):
    layer = check_options(SINGLE[name], emulated.CudaLayer, "cpu")
    if any(word in name for word in ("layer_norm", "projection", "recurrent_dropout")):
        assert layer.forward_reason.startswith("stepwise")


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
def test_many_options(emulated, dtype):
    for case in mixed_cases(30, dtype):
        check_options(case, emulated.CudaLayer, "cpu")


def test_mistakes_are_explained(emulated):
    sizes = {"time": 1, "batch": 1, "features": 1, "units": 1}
    with pytest.raises(ValueError, match="cell must be one of lstm"):
        emulated.CudaLayer("rnn", "float32", **sizes)
    with pytest.raises(ValueError, match="TFRNN_GPU_PLAN='luck'"):
        emulated.CudaLayer("lstm", "float32", **sizes, override="luck")
    with pytest.raises(ValueError, match="operands: found weights"):
        emulated.CudaLayer("lstm", "float32", **sizes, operands={"weights"})
    with pytest.raises(ValueError, match="options: found luck"):
        emulated.CudaLayer("lstm", "float32", **sizes, options={"luck": 1})
    with pytest.raises(ValueError, match="activation: found luck"):
        emulated.CudaLayer("lstm", "float32", **sizes, options={"activation": "luck"})
    layer = emulated.CudaLayer("lstm", "float32", **sizes)
    with pytest.raises(ValueError, match="name: found weights"):
        layer.set("weights", 0, 0)
    with pytest.raises(ValueError, match="direction must be from 0 to 0, found 1"):
        layer.set("kernel", 1, 0)
    with pytest.raises(ValueError, match="direction 0 has no inputs"):
        layer.forward(0)
