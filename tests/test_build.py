"""The build: which TensorFlow and which nvcc it takes, and what the result may refer to."""

import importlib.metadata
import runpy
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DEFAULT = "tensorflow-cpu==2.21.*"


@pytest.fixture
def backend(monkeypatch):
    pytest.importorskip("setuptools")
    monkeypatch.syspath_prepend(ROOT / "tools")
    return importlib.import_module("build_backend")


@pytest.fixture
def check_symbols(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "tools")
    return importlib.import_module("check_symbols")


@pytest.fixture
def find_nvcc(backend, monkeypatch, tmp_path):
    """setup.py's function, on a machine whose only nvcc is what the test writes to the path."""
    pytest.importorskip("pybind11")
    for variable in ("CUDACXX", "CUDA_HOME", "CUDA_PATH"):
        monkeypatch.delenv(variable, raising=False)
    function = runpy.run_path(str(ROOT / "setup.py"))["find_nvcc"]
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return function


def install_tensorflow(site, *distributions, headers=True):
    package = site / "tensorflow"
    header = package / "include/tensorflow/core/framework/op_kernel.h"
    package.mkdir(parents=True, exist_ok=True)
    (package / "__init__.py").write_text("raise AssertionError('it was imported')")
    if headers:
        header.parent.mkdir(parents=True)
        header.write_text("")
    for name, version in distributions:
        info = site / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    return package


def write_nvcc(directory, release):
    nvcc = directory / "nvcc"
    nvcc.write_text(f"#!/bin/sh\necho 'Cuda compilation tools, release {release}, V{release}.88'\n")
    nvcc.chmod(0o755)
    return str(nvcc)


def compile_cpp(tmp_path, source, name, *flags):
    compiler = shutil.which("c++") or pytest.skip("needs a C++ compiler")
    (tmp_path / "source.cc").write_text(source)
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    subprocess.check_call([compiler, "-fPIC", *flags, str(tmp_path / "source.cc"), "-o", str(path)])
    return path


# ---- which TensorFlow


def test_finds_tensorflow_without_importing_it(backend, tmp_path):
    package = install_tensorflow(tmp_path / "site", ("tensorflow-cpu", "2.20.0"))
    found = backend.find_tensorflow([str(tmp_path), str(tmp_path / "site")])
    assert found == (package, "tensorflow-cpu", "2.20.0")
    assert found.minor == "2.20"


def test_passes_over_a_tensorflow_without_headers(backend, tmp_path):
    install_tensorflow(tmp_path / "a", ("tensorflow", "2.19.0"), headers=False)
    install_tensorflow(tmp_path / "b", ("tensorflow", "2.20.0"))
    found = backend.find_tensorflow([str(tmp_path / "a"), str(tmp_path / "b")])
    assert found.version == "2.20.0"


def test_two_distributions_of_one_version_are_one(backend, tmp_path):
    install_tensorflow(tmp_path, ("tensorflow-cpu", "2.21.0"), ("tensorflow", "2.21.0"))
    assert backend.find_tensorflow([str(tmp_path)]).distribution == "tensorflow"


def test_two_versions_over_one_another_are_refused(backend, tmp_path):
    install_tensorflow(tmp_path, ("tensorflow-cpu", "2.20.0"), ("tensorflow", "2.21.0"))
    with pytest.raises(SystemExit, match=r"tensorflow 2\.21\.0, tensorflow-cpu 2\.20\.0"):
        backend.find_tensorflow([str(tmp_path)])


@pytest.mark.parametrize("version", ["2.18.0", "2.18.1", "2.21.0", "2.21.3"])
def test_supported_versions(backend, monkeypatch, tmp_path, version):
    install_tensorflow(tmp_path, ("tensorflow", version))
    monkeypatch.setattr(backend, "search_path", lambda: [str(tmp_path)])
    assert backend.tensorflow_to_build_against().version == version


@pytest.mark.parametrize("version", ["2.9.3", "2.17.1", "2.22.0", "3.0.0"])
def test_other_versions_are_refused(backend, monkeypatch, tmp_path, version):
    install_tensorflow(tmp_path, ("tensorflow", version))
    monkeypatch.setattr(backend, "search_path", lambda: [str(tmp_path)])
    with pytest.raises(SystemExit, match=rf"2\.18 to 2\.21; found tensorflow {version} in "):
        backend.tensorflow_to_build_against()


def test_no_tensorflow_is_refused(backend, monkeypatch, tmp_path):
    monkeypatch.setattr(backend, "search_path", lambda: [str(tmp_path)])
    with pytest.raises(SystemExit, match="found none"):
        backend.tensorflow_to_build_against()


@pytest.mark.parametrize(
    "hook", ["get_requires_for_build_wheel", "get_requires_for_build_editable"]
)
def test_tensorflow_is_a_build_requirement_only_where_there_is_none(
    backend, monkeypatch, tmp_path, hook
):
    hook = getattr(backend, hook)
    monkeypatch.delenv("TFRNN_TF_REQUIREMENT", raising=False)
    monkeypatch.setattr(backend, "search_path", lambda: [str(tmp_path)])
    monkeypatch.setattr(backend.build_meta, "get_requires_for_build_wheel", lambda _: ["wheel"])
    assert hook() == ["wheel", DEFAULT]
    monkeypatch.setenv("TFRNN_TF_REQUIREMENT", "tensorflow==2.19.*")
    assert hook() == ["wheel", "tensorflow==2.19.*"]
    install_tensorflow(tmp_path, ("tensorflow", "2.20.0"))
    assert hook() == ["wheel"]


def test_looks_into_the_environment_behind_build_isolation(backend, monkeypatch, tmp_path):
    monkeypatch.setattr(backend.sys, "path", [str(tmp_path)])
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    site_packages = str(Path(pytest.__file__).parent.parent)
    path = backend.search_path()
    assert path[0] == str(tmp_path)
    assert site_packages in path


def test_makefile_can_read_the_build_requirements():
    (line,) = (x for x in (ROOT / "pyproject.toml").read_text().splitlines() if "requires =" in x)
    assert line.startswith("requires = [")
    assert line.endswith("]")


# ---- which nvcc


def test_nvcc_13_is_taken(find_nvcc, tmp_path):
    nvcc = write_nvcc(tmp_path, "13.0")
    assert find_nvcc("auto") == nvcc
    assert find_nvcc("1") == nvcc
    assert find_nvcc("0") is None


def test_an_older_nvcc_is_not(find_nvcc, tmp_path, capsys):
    write_nvcc(tmp_path, "12.9")
    assert find_nvcc("auto") is None
    assert "12.9; expected 13.0 or newer" in capsys.readouterr().err
    with pytest.raises(SystemExit, match=r"TFRNN_CUDA=1: .* 12\.9; expected 13\.0"):
        find_nvcc("1")


def test_unknown_value_of_tfrnn_cuda(find_nvcc):
    with pytest.raises(SystemExit, match=r"TFRNN_CUDA is 'yes'; expected 'auto', '0' or '1'\."):
        find_nvcc("yes")


# ---- what the result refers to


def test_build_info_and_requirement_name_the_tensorflow_built_against():
    from tfrnn_ops import _build_info

    assert importlib.metadata.version(_build_info.TF_DIST) == _build_info.TF_VERSION
    minor = ".".join(_build_info.TF_VERSION.split(".")[:2])
    assert f"{_build_info.TF_DIST}=={minor}.*" in importlib.metadata.requires("tfrnn_ops")


def test_symbols_of_the_installed_package(check_symbols):
    import tfrnn_ops

    assert list(check_symbols.check_package(Path(tfrnn_ops.__file__).parent)) == []


def test_missing_libraries_are_a_problem(check_symbols, tmp_path):
    assert len(list(check_symbols.check_package(tmp_path))) == 2
    assert len(list(check_symbols.check_build(tmp_path))) == 1


@pytest.mark.parametrize("symbol", ["cudaMalloc", "__cudaRegisterFatBinary", "cublasCreate_v2"])
def test_a_cuda_symbol_is_found(check_symbols, tmp_path, symbol):
    source = f'extern "C" int {symbol}(); int f() {{ return {symbol}(); }}'
    library = compile_cpp(tmp_path, source, "libtfrnn_ops.so", "-shared")
    assert list(check_symbols.check_library(library, allow_tensorflow=True)) == [
        f"{library}: dynamic CUDA symbol {symbol}"
    ]


def test_tensorflow_is_found_where_it_must_not_be(check_symbols, tmp_path):
    source = "namespace tensorflow { int F(int); } int f() { return tensorflow::F(1); }"
    library = compile_cpp(tmp_path, source, "_core.so", "-shared")
    assert list(check_symbols.check_library(library, allow_tensorflow=True)) == []
    assert list(check_symbols.check_library(library, allow_tensorflow=False)) == [
        f"{library}: TensorFlow symbol tensorflow::F(int)"
    ]


ENGINE = """
{before}
namespace tfrnn::cpu::avx2 {{
template <typename T> T Twice(T x) {{ return x + x; }}
float Run(float x) {{ return Twice(x){use}; }}
}}
"""


@pytest.mark.parametrize(
    ("before", "use", "problem"),
    [
        ("", "", None),
        ("constexpr int kOne = 1;", " + kOne", None),
        ("inline float One() { return 1; }", " + One()", "One() is not in a namespace of avx2"),
        (
            "namespace tfrnn::cpu::avx512 { inline float One() { return 1; } }",
            " + avx512::One()",
            "tfrnn::cpu::avx512::One() is not in a namespace of avx2",
        ),
        (
            "float Start(); static float start = Start();",
            " + start",
            "code that runs at load time, _GLOBAL__sub_I",
        ),
    ],
)
def test_what_the_linker_could_mix_up_is_found(check_symbols, tmp_path, before, use, problem):
    source = ENGINE.format(before=before, use=use)
    compile_cpp(tmp_path, source, "tfrnn_cpu_avx2.dir/a/engine.o", "-std=c++17", "-O0", "-c")
    problems = list(check_symbols.check_build(tmp_path))
    assert len(problems) == (0 if problem is None else 1)
    assert problem is None or problem in problems[0]
