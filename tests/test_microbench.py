"""The microbenchmarks compile without spills and print the constants that the model has."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tfrnn_ops import _core

ROOT = Path(__file__).resolve().parent.parent
NVCC = os.environ.get("CUDACXX") or shutil.which(
    "nvcc", path=f"{os.environ['PATH']}:/usr/local/cuda/bin"
)


@pytest.mark.slow
@pytest.mark.skipif(NVCC is None, reason="no nvcc")
@pytest.mark.parametrize("arch", ["75", "90a"])
def test_no_kernel_spills(arch, tmp_path):
    target = f"arch=compute_{arch},code=sm_{arch}"
    command = [NVCC, "-std=c++17", "-O3", "-gencode", target, "-Xptxas", "-v", "-I", str(ROOT)]
    command += ["-c", str(ROOT / "cuda/microbench.cu"), "-o", str(tmp_path / "microbench.o")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    spills = re.findall(r"(\d+) bytes spill stores, (\d+) bytes spill loads", done.stderr)
    assert len(spills) > 15
    assert set(spills) == {("0", "0")}


def test_every_constant_is_measured():
    text = (ROOT / "cuda/microbench.cu").read_text()
    printed = set(re.findall(r'"([a-z0-9_]+)"', text))
    missing = [c["name"] for c in _core.gpu_constants(90) if c["name"] not in printed]
    assert missing == []
