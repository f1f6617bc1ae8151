"""Every option of the layers on the GPU, against PyTorch in float64."""

import pytest

pytest.importorskip("torch")

from gpu_options import check, mixed_cases, single_cases

from tfrnn_ops import _core

SINGLE = dict(single_cases())


@pytest.mark.parametrize("name", SINGLE)
def test_one_option(name):
    check(SINGLE[name], _core.CudaLayer, "cuda")


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
def test_many_options(dtype):
    for case in mixed_cases(60, dtype):
        check(case, _core.CudaLayer, "cuda")
