"""Builds tfrnn_ops with CMake, into the package directory.

Environment variables:
    TFRNN_CUDA            auto (default: build the CUDA kernels if an nvcc 13 is found), 1 or 0.
    TFRNN_CUDA_ARCHS      CUDA architectures, such as "80 90a" (default: cmake/cuda.cmake).
    TFRNN_TF_REQUIREMENT  TensorFlow to build against where none is installed.
    TFRNN_CMAKE_ARGS      further arguments to CMake.
    TFRNN_BUILD_DIR       where CMake builds (default: a directory in build/).
"""

import importlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pybind11
from build_backend import TensorFlow, default_requirement, tensorflow_to_build_against
from packaging.version import Version
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).resolve().parent
OLDEST_NVCC = Version("13.0")


def program(name: str) -> str:
    """Returns the program of a build requirement, else the one on PATH.

    The requirement's module knows where the program is, also where its script is not on PATH.
    """
    try:
        module = importlib.import_module(name)
    except ImportError:
        return shutil.which(name) or sys.exit(f"{name} was not found: pip install {name}")
    return str(Path(getattr(module, "CMAKE_BIN_DIR", None) or module.BIN_DIR, name))


def find_nvcc(wanted: str) -> str | None:
    """Returns the nvcc to build with, None for a build without CUDA.

    Args:
        wanted: the value of TFRNN_CUDA.

    Raises:
        SystemExit: `wanted` is not a value of TFRNN_CUDA, or is 1 and there is no fit nvcc.
    """
    if wanted not in ("auto", "0", "1"):
        sys.exit(f"TFRNN_CUDA is {wanted!r}; expected 'auto', '0' or '1'.")
    if wanted == "0":
        return None
    home = os.environ.get("CUDA_HOME") or os.environ.get("CUDA_PATH")
    candidates = [
        os.environ.get("CUDACXX"),
        home and f"{home}/bin/nvcc",
        shutil.which("nvcc"),
        "/usr/local/cuda/bin/nvcc",
    ]
    nvcc = next((c for c in candidates if c and os.access(c, os.X_OK)), None)
    if nvcc is None:
        problem = "found no nvcc; set CUDACXX or CUDA_HOME"
    else:
        text = subprocess.check_output([nvcc, "--version"], text=True)
        release = re.search(r"release (\d+\.\d+)", text)
        if release and Version(release[1]) >= OLDEST_NVCC:
            return nvcc
        found = release[1] if release else "of unknown version"
        problem = f"{nvcc} is {found}; expected {OLDEST_NVCC} or newer"
    if wanted == "1":
        sys.exit(f"TFRNN_CUDA=1: {problem}.")
    print(f"Building without CUDA: {problem}.", file=sys.stderr)
    return None


def python_headers(tensorflow: TensorFlow) -> list[str]:
    """CMake's argument for Python.h; where the system has none, TensorFlow's wheel carries it."""
    bundled = tensorflow.path / "include/external/local_config_python/python_include"
    if Path(sysconfig.get_path("include"), "Python.h").exists() or not bundled.exists():
        return []
    return [f"-DPython_INCLUDE_DIR={bundled}"]


def configure(cmake: str, build: Path, tensorflow: TensorFlow) -> None:
    """Configures `build`, from scratch if anything that it was configured with has changed.

    It outlives the isolated environments of pip, whose CMake, Ninja and pybind11 do not.
    """
    arguments = [
        "-DCMAKE_BUILD_TYPE=Release",
        f"-DCMAKE_MAKE_PROGRAM={program('ninja')}",
        f"-DTFRNN_TF_DIR={tensorflow.path}",
        f"-DTFRNN_TF_DIST={tensorflow.distribution}",
        f"-DTFRNN_TF_VERSION={tensorflow.version}",
        f"-DPython_EXECUTABLE={sys.executable}",
        f"-Dpybind11_DIR={pybind11.get_cmake_dir()}",
        *python_headers(tensorflow),
    ]
    if nvcc := find_nvcc(os.environ.get("TFRNN_CUDA", "auto")):
        arguments += ["-DTFRNN_CUDA=ON", f"-DCMAKE_CUDA_COMPILER={nvcc}"]
        if archs := re.findall(r"[^\s,;]+", os.environ.get("TFRNN_CUDA_ARCHS", "")):
            arguments.append(f"-DCMAKE_CUDA_ARCHITECTURES={';'.join(archs)}")
    arguments += shlex.split(os.environ.get("TFRNN_CMAKE_ARGS", ""))

    stamp = build / "configured_with"
    settings = [os.environ.get(key) for key in ("CXX", "CXXFLAGS", "LDFLAGS", "CUDAFLAGS")]
    now = "\n".join(map(str, [cmake, pybind11.__version__, *settings, *arguments]))
    if not stamp.exists() or stamp.read_text() != now:
        arguments.append("--fresh")
    subprocess.check_call([cmake, "-G", "Ninja", "-S", ROOT, "-B", build, *arguments])
    stamp.write_text(now)


class CMakeBuild(build_ext):
    """Configures, builds and installs; the tree in build/ is kept for a quick second build."""

    def run(self) -> None:
        """Runs CMake three times."""
        tensorflow = tensorflow_to_build_against()
        default = ROOT / "build" / f"{sys.implementation.cache_tag}-tensorflow-{tensorflow.minor}"
        build = Path(os.environ.get("TFRNN_BUILD_DIR", default)).resolve()
        package = Path(self.get_ext_fullpath("tfrnn_ops._core")).resolve().parent
        jobs = os.environ.get("CMAKE_BUILD_PARALLEL_LEVEL", str(len(os.sched_getaffinity(0))))
        cmake = program("cmake")
        configure(cmake, build, tensorflow)
        subprocess.check_call([cmake, "--build", build, "--parallel", jobs])
        subprocess.check_call([cmake, "--install", build, "--prefix", package])

    def get_source_files(self) -> list[str]:
        """None: MANIFEST.in says what an sdist holds."""
        return []

    def get_outputs(self) -> list[str]:
        """What CMake has installed."""
        core = Path(self.get_ext_fullpath("tfrnn_ops._core"))
        return [
            str(core),
            *map(str, core.parent.glob("libtfrnn_*.so")),
            str(core.with_name("_build_info.py")),
        ]

    def copy_extensions_to_source(self) -> None:
        """Nothing left to do: an editable build installs into the source tree."""


def run_time_requirements() -> list[str]:
    """The TensorFlow that is built against; an sdist, which may see none, says which by default."""
    if {"egg_info", "sdist"} & set(sys.argv):
        return [default_requirement()]
    tensorflow = tensorflow_to_build_against()
    return [f"{tensorflow.distribution}=={tensorflow.minor}.*"]


if __name__ == "__main__":
    setup(
        ext_modules=[Extension("tfrnn_ops._core", sources=[])],
        cmdclass={"build_ext": CMakeBuild},
        install_requires=run_time_requirements(),
    )
