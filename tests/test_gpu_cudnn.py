"""How cuDNN is called; the descriptors are checked by cuDNN itself, which needs no GPU for that."""

import ctypes

import pytest

from tfrnn_ops.bench.cases import Shape
from tfrnn_ops.bench.gpu.cases import GPU_CELLS, GPU_DTYPES, GpuCase
from tfrnn_ops.bench.gpu.cudnn import library as cudnn
from tfrnn_ops.bench.gpu.cudnn.rnn import Descriptors, data_settings, ints, settings
from tfrnn_ops.bench.gpu.peers.cudnn import Cudnn

TINY, RAGGED = Shape(3, 4, 2, 5), Shape(3, 4, 2, 5, shortest=2)


def test_settings_of_cudnn():
    case = GpuCase("gru", Shape(4, 7, 5, 6, shortest=3), "bfloat16", 2)
    found = settings(case, cudnn.Algorithm.PERSIST_STATIC)
    # algorithm, cell, bias, direction, input; types and math; sizes, layers; dropout, flags
    assert found == [1, 3, 2, 1, 0, 9, 0, 1, 5, 6, 6, 1, None, 1]
    kind, layout, time, batch, width, lengths, fill = data_settings(case, 12)
    assert (kind, layout, time, batch, width, fill) == (9, 0, 7, 4, 12, None)
    assert sorted(lengths) == [3, 4, 6, 7]
    assert list(data_settings(GpuCase("lstm", TINY, "tf32"), 2)[5]) == [4, 4, 4]
    tf32, exact = (settings(GpuCase("lstm", TINY, d), 0)[5:8] for d in ("tf32", "float32"))
    assert tf32 == [0, 0, cudnn.MathType.DEFAULT]
    assert exact == [0, 0, cudnn.MathType.FMA]


def test_every_setting_has_its_argument():
    case = GpuCase("lstm", TINY, "float16")
    rnn = settings(case, cudnn.Algorithm.STANDARD)
    assert len(rnn) + 1 == len(cudnn.ARGUMENTS["cudnnSetRNNDescriptor_v8"])
    data = data_settings(case, 2)
    assert len(data) + 1 == len(cudnn.ARGUMENTS["cudnnSetRNNDataDescriptor"])


def find_cudnn():
    try:
        return cudnn.load()
    except OSError:
        return None


CUDNN = find_cudnn()
needs_cudnn = pytest.mark.skipif(CUDNN is None, reason="cuDNN is not installed")


@needs_cudnn
@pytest.mark.parametrize("algorithm", cudnn.Algorithm)
@pytest.mark.parametrize("shape", [TINY, RAGGED])
def test_cudnn_understands_the_descriptors(shape, algorithm):
    for cell in GPU_CELLS:
        for dtype in GPU_DTYPES:
            for directions in (1, 2):
                case = GpuCase(cell, shape, dtype, directions)
                descriptors = Descriptors(CUDNN, case, algorithm)
                found = [ctypes.c_int() for _ in range(12)]
                dropout, flags = ctypes.c_void_p(), ctypes.c_uint32()
                values = [*found, dropout, flags]
                CUDNN.cudnnGetRNNDescriptor_v8(descriptors.rnn, *map(ctypes.byref, values))
                assert [v.value for v in values] == settings(case, algorithm)
                data, lengths = [ctypes.c_int() for _ in range(5)], ints([0] * shape.batch)
                fill = ctypes.c_double()
                CUDNN.cudnnGetRNNDataDescriptor(
                    *(descriptors.y, *map(ctypes.byref, data), shape.batch, lengths),
                    ctypes.addressof(fill),
                )
                *want, want_lengths, _ = data_settings(case, directions * shape.units)
                assert [v.value for v in data] == want
                assert list(lengths) == list(want_lengths)
                descriptors.close()


@needs_cudnn
def test_what_cudnn_refuses_is_told():
    with pytest.raises(
        cudnn.CudnnError, match="cudnnGetRNNWeightSpaceSize: CUDNN_STATUS_BAD_PARAM"
    ):
        CUDNN.cudnnGetRNNWeightSpaceSize(None, None, None)
    with pytest.raises(cudnn.CudnnError, match="cudnnSetRNNDescriptor_v8"):
        Descriptors(CUDNN, GpuCase("lstm", Shape(1, 1, 1, 0), "float32"), 0)


def test_a_missing_cudnn_is_an_absent_peer(monkeypatch):
    monkeypatch.setattr(
        "tfrnn_ops.bench.gpu.peers.cudnn.library", lambda: cudnn.Library("/nowhere/libcudnn.so.9")
    )
    assert "cannot be loaded: /nowhere" in Cudnn.missing(GpuCase("lstm", TINY, "float16"), "train")
