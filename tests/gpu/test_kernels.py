"""Every policy of the CUDA kernels, forward and backward, against PyTorch in float64."""

import pytest

pytest.importorskip("torch")

import torch

from tfrnn_ops.bench.cases import Shape
from tfrnn_ops.bench.gpu import check
from tfrnn_ops.bench.gpu.cases import GPU_CELLS, GPU_DTYPES, GpuCase
from tfrnn_ops.bench.gpu.clock import captured
from tfrnn_ops.bench.gpu.peers import Ours
from tfrnn_ops.bench.gpu.tensors import INPUT_SETS, make_tensors

POLICIES = ("stepwise", "block", "cluster", "grid")
SHAPES = ("1,1,1,1", "3,5,7,2", "17,9,31,33", "40,16,20,200", "9,3..12,5,48")


def prepared(monkeypatch, policy, case, mode="train"):
    """Our peer with a policy; skips where the policy cannot be had."""
    monkeypatch.setenv("TFRNN_GPU_PLAN", policy)
    tensors = make_tensors(case, "cuda")
    try:
        return Ours(case, tensors, mode), tensors
    except ValueError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", GPU_DTYPES)
@pytest.mark.parametrize("cell", GPU_CELLS)
@pytest.mark.parametrize("policy", POLICIES)
def test_results_and_gradients(monkeypatch, policy, cell, dtype, shape, directions):
    case = GpuCase(cell, Shape.parse(shape), dtype, directions)
    peer, tensors = prepared(monkeypatch, policy, case)
    peer.run(0)
    errors = check.errors(peer.results(), check.reference(case, tensors, "train", "cpu"))
    check.require_right(case, "train", errors)


@pytest.mark.parametrize("batch", [1, 16, 64])
@pytest.mark.parametrize("units", [512, 768, 1024])
def test_the_chosen_plan(monkeypatch, units, batch):
    case = GpuCase("lstm", Shape(batch, 16, 64, units), "bfloat16")
    peer, tensors = prepared(monkeypatch, "", case)
    peer.run(0)
    errors = check.errors(peer.results(), check.reference(case, tensors, "train", "cpu"))
    check.require_right(case, "train", errors)


@pytest.mark.parametrize("policy", POLICIES)
def test_the_same_bits_every_time(monkeypatch, policy):
    case = GpuCase("gru", Shape(24, 50, 32, 96), "float16", 2)
    peer, _ = prepared(monkeypatch, policy, case)
    runs = []
    for _ in range(5):
        peer.run(0)
        runs.append({name: value.clone() for name, value in peer.results().items()})
    for name, value in runs[0].items():
        assert all(torch.equal(value, other[name]) for other in runs[1:]), name


@pytest.mark.parametrize("mode", ["inference", "train"])
@pytest.mark.parametrize("policy", POLICIES)
def test_a_captured_graph_computes_the_same(monkeypatch, policy, mode):
    case = GpuCase("lstm", Shape(16, 20, 32, 64), "bfloat16")
    peer, _ = prepared(monkeypatch, policy, case, mode)
    peer.run(1)
    want = {name: value.clone() for name, value in peer.results().items()}
    replay = captured(peer.run, INPUT_SETS)
    for name, value in peer.results().items():
        value.fill_(float("nan"))
        assert value.isnan().all(), name
    replay(1)
    torch.cuda.synchronize()
    for name, value in peer.results().items():
        assert torch.equal(value, want[name]), name
