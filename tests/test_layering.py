"""Dependencies point one way: cells, core <- cpu, cuda <- ops, python <- the Python package."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
STANDARD = r"[a-z0-9_]+"  # <cstdint>: a header without a suffix
INTRINSICS = r"(immintrin|arm_neon)\.h"
TENSORFLOW = r"(absl|tensorflow|tsl|xla|unsupported/Eigen)/.+"
CUDA = r"(cuda\w*|cooperative_groups(/.+)?|mma|crt/.+)(\.h)?"
# What cuda/prim.cuh and cuda/runtime.cuh are without a GPU.
EMULATED = r"tests/emulator/(prim|runtime)\.h"
# What a file in each layer may include, by the whole name between the quotes or brackets.
MAY_INCLUDE = {
    "csrc/cells": (r"csrc/cells/.+", r"cmath|cstdint|limits|type_traits"),
    "csrc/core": (r"csrc/core/.+", r"csrc/cells/(activation|cell)\.h", STANDARD),
    "csrc/cpu": (r"csrc/(cells|core|cpu)/.+", STANDARD, INTRINSICS),
    "csrc/bench": (r"csrc/(bench|core|cpu)/.+", STANDARD, INTRINSICS),
    "csrc/ops": (r"csrc/(cells|core|cpu|ops)/.+", r"cuda/.+\.h", STANDARD, TENSORFLOW, CUDA),
    "csrc/python": (
        r"csrc/(bench|cells|core|cpu|python)/.+",
        r"cuda/.+\.h",
        STANDARD,
        r"pybind11/.+",
        CUDA,
    ),
    "cuda": (r"csrc/(cells|core)/.+", r"cuda/.+", STANDARD, CUDA, EMULATED, r"dlfcn\.h"),
    "tests/cpp": (r"csrc/(cells|core|cpu)/.+", r"cuda/.+\.h", STANDARD, r"gtest/.+", r"tests/.+"),
    "tests/emulator/ops": (r"csrc/ops/.+", r"cuda/.+\.h", STANDARD, r"tests/emulator/.+"),
    "tests/emulator": (
        r"csrc/(cells|core|cpu)/.+",
        r"csrc/python/cuda_layer\.h",
        r"cuda/.+",
        STANDARD,
        r"(gtest|sanitizer)/.+",
        r"sys/mman\.h",
        r"tests/(cpp/naive\.h|emulator/.+)",
        CUDA,
    ),
    "tests/gpu": (r"tests/emulator/(prim|exchange)_test\.cc", r"gtest/.+", STANDARD, CUDA),
}
SUFFIXES = {".h", ".cc", ".cu", ".cuh", ".inl"}


def violations(root: Path) -> Iterator[str]:
    """Yields every include that breaks the rule, and every source file outside the layers."""
    for top in ("csrc", "cuda", "tests/cpp", "tests/emulator", "tests/gpu"):
        for path in sorted(p for p in (root / top).rglob("*") if p.suffix in SUFFIXES):
            name = path.relative_to(root).as_posix()
            layer = next((layer for layer in MAY_INCLUDE if name.startswith(f"{layer}/")), None)
            if layer is None:
                yield f"{name} is in no layer"
                continue
            for header in re.findall(r'^\s*#\s*include\s*["<](.+?)[">]', path.read_text(), re.M):
                if not any(re.fullmatch(pattern, header) for pattern in MAY_INCLUDE[layer]):
                    yield f"{name} includes {header}"


def test_includes_stay_in_their_layer():
    assert list(violations(ROOT)) == []


@pytest.mark.parametrize("layer", ["csrc/cells", "csrc/core", "csrc/cpu", "csrc/ops", "cuda"])
def test_every_layer_is_looked_at(layer):
    assert any(p.suffix in SUFFIXES for p in (ROOT / layer).rglob("*"))


@pytest.mark.parametrize(
    ("path", "header"),
    [
        ("csrc/cells/lstm.h", "csrc/core/args.h"),
        ("csrc/cells/lstm.h", "vector"),
        ("csrc/core/args.h", "csrc/cpu/pool.h"),
        ("csrc/cpu/engine.h", "cuda/launch.h"),
        ("csrc/cpu/engine.h", "tensorflow/core/framework/op.h"),
        ("csrc/cpu/isa/engine_lstm.cc", "Eigen/Core"),
        ("csrc/cpu/engine.h", "csrc/bench/ceiling.h"),
        ("csrc/ops/lstm_op.cc", "csrc/python/module.h"),
        ("csrc/ops/lstm_op.cc", "cuda/driver.cuh"),
        ("csrc/python/module.cc", "csrc/ops/common.h"),
        ("csrc/python/module.cc", "tensorflow/core/framework/op.h"),
        ("cuda/launch.h", "csrc/cpu/pool.h"),
        ("cuda/launch.h", "absl/status/status.h"),
        ("tests/cpp/lstm_test.cc", "csrc/ops/common.h"),
    ],
)
@pytest.mark.parametrize("line", ['#include "{}"', "#  include <{}>"])
def test_a_forbidden_include_is_found(tmp_path, path, header, line):
    file = tmp_path / path
    file.parent.mkdir(parents=True)
    file.write_text(f"#pragma once\n#include <cmath>\n{line.format(header)}\n")
    assert list(violations(tmp_path)) == [f"{path} includes {header}"]


def test_a_file_outside_the_layers_is_found(tmp_path):
    (tmp_path / "csrc/util").mkdir(parents=True)
    (tmp_path / "csrc/util/log.h").write_text("#pragma once\n")
    assert list(violations(tmp_path)) == ["csrc/util/log.h is in no layer"]
