"""The other peers of the GPU benchmark, and the benchmark itself."""

import csv

import pytest

pytest.importorskip("torch")

import torch

from tfrnn_ops import _core
from tfrnn_ops.bench.__main__ import main
from tfrnn_ops.bench.cases import Shape
from tfrnn_ops.bench.gpu import check
from tfrnn_ops.bench.gpu.cases import GPU_CELLS, GPU_DTYPES, GPU_MODES, GpuCase
from tfrnn_ops.bench.gpu.cudnn.library import CudnnError
from tfrnn_ops.bench.gpu.peers import GPU_PEERS, OTHERS
from tfrnn_ops.bench.gpu.tensors import make_tensors


@pytest.mark.parametrize("shape", ["16,12,64,128", "3,5,7,20", "5,3..9,7,20"])
@pytest.mark.parametrize("dtype", GPU_DTYPES)
@pytest.mark.parametrize("cell", GPU_CELLS)
@pytest.mark.parametrize("name", OTHERS)
def test_peers_compute_the_same(name, cell, dtype, shape):
    case = GpuCase(cell, Shape.parse(shape), dtype, 2)
    tensors = make_tensors(case, "cuda")
    for mode in GPU_MODES:
        try:
            peer = GPU_PEERS[name](case, tensors, mode)
            peer.run(0)
            torch.cuda.synchronize()
        except CudnnError as error:
            pytest.skip(str(error))
        _, error = check.worst(
            check.errors(peer.results(), check.reference(case, tensors, mode, "cpu"))
        )
        assert error <= 4 * check.TOLERANCE[dtype]


def test_the_device_is_described():
    device = _core.cuda_device()
    properties = torch.cuda.get_device_properties(0)
    assert device.name == properties.name
    assert device.arch == 10 * properties.major + properties.minor
    assert device.multiprocessors == properties.multi_processor_count
    assert (max(device.resident_clusters) > 0) == (device.arch >= 90)


def test_a_quick_run(capsys, tmp_path):
    path = tmp_path / "run.csv"
    options = ["--shape", "8,20,64,64", "--cell", "lstm", "--dtype", "bfloat16", "--csv", str(path)]
    assert main(["gpu", "--quick", *options]) == 0
    out = capsys.readouterr().out
    assert "lstm, bfloat16" in out
    assert "largest error of any tensor against float64" in out
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    timed = [row for row in rows if row["peer"] == "ours"]
    assert {(row["mode"], row["how"]) for row in timed} == {
        (mode, how) for mode in GPU_MODES for how in ("eager", "graph")
    }
    assert all(0 < float(row["us_per_step"]) < 1000 for row in timed)
