"""Checks the symbols of a built tree; exits with 1 and a list if something is wrong.

    python tools/check_symbols.py [--package DIR] [--build DIR]

What is checked, and what goes wrong otherwise:
    libtfrnn_ops.so   Refers to no CUDA library: the GPU build of TensorFlow exports stubs of the
                      CUDA runtime, for another version of it, that would be bound instead.
    _core*.so         The same, and it does not refer to TensorFlow.
    libtfrnn_cuda.so  As _core.
    objects by isa    Code compiled for an instruction set lies in the namespace of that set. An
                      inline function outside is emitted once for each set, the linker keeps one
                      of the copies, and a baseline processor meets AVX-512 instructions. For the
                      same reason nothing in there runs while the library is loaded.
"""

import argparse
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CUDA_SYMBOL = re.compile(r"_*(cuda|cu[A-Z]|cublas|cudnn|nv[A-Z])")
CUDA_LIBRARY = re.compile(r"lib(cu|nv)")
TENSORFLOW_SYMBOL = re.compile(r"\b(tensorflow|tsl|absl|TF)(::|_)")
# nm's letters for functions that other objects see; a constant is the same in every copy.
SHARED_CODE = "TWi"


def nm(path: Path, *options: str) -> Iterator[tuple[str, str]]:
    """Yields the (type, demangled name) of the symbols in `path`."""
    command = ["nm", "--demangle", "--format=posix", *options, str(path)]
    for line in subprocess.check_output(command, text=True).splitlines():
        # "<name> <type> [<value> <size>]", and a demangled name holds spaces.
        if match := re.fullmatch(r"(.+?) (\w)(?: [0-9a-f]*)*\s*", line):
            yield match[2], match[1]


def needed_libraries(path: Path) -> list[str]:
    """Returns the libraries that `path` is linked to."""
    text = subprocess.check_output(["readelf", "--dynamic", "--wide", str(path)], text=True)
    return re.findall(r"\(NEEDED\).*\[(.*)\]", text)


def check_library(path: Path, allow_tensorflow: bool) -> Iterator[str]:
    """Yields what is wrong with a shared library that Python or TensorFlow loads."""
    for _, name in nm(path, "--dynamic"):
        if CUDA_SYMBOL.match(name):
            yield f"{path}: dynamic CUDA symbol {name}"
        elif not allow_tensorflow and TENSORFLOW_SYMBOL.search(name):
            yield f"{path}: TensorFlow symbol {name}"
    for library in needed_libraries(path):
        if CUDA_LIBRARY.match(library) or (not allow_tensorflow and "tensorflow" in library):
            yield f"{path}: linked to {library}"


def check_isa_object(path: Path, isa: str) -> Iterator[str]:
    """Yields what is wrong with an object file that is compiled for instruction set `isa`."""
    namespace = re.compile(rf"\btfrnn::(cpu|bench)::{isa}::")
    for kind, name in nm(path, "--defined-only"):
        if name.startswith("_GLOBAL__sub_I"):
            yield f"{path}: code that runs at load time, {name}"
        elif kind in SHARED_CODE and not namespace.search(name):
            yield f"{path}: {name} is not in a namespace of {isa}"


def check_package(package: Path) -> Iterator[str]:
    """Yields what is wrong with the libraries in an installed or in-place built package."""
    for pattern, allow_tensorflow in (
        ("libtfrnn_ops.so", True),
        ("_core*.so", False),
        ("libtfrnn_cuda.so", False),
    ):
        found = sorted(package.glob(pattern))
        if not found and pattern != "libtfrnn_cuda.so":  # which a build without CUDA has not
            yield f"{package}: expected {pattern}, found none"
        for path in found:
            yield from check_library(path, allow_tensorflow)


def check_build(build: Path) -> Iterator[str]:
    """Yields what is wrong with the objects of targets tfrnn_{cpu,bench}_<isa> below `build`."""
    target = re.compile(r".*/tfrnn_(?:cpu|bench)_(\w+)\.dir/.*")
    found = [match for path in sorted(build.rglob("*.o")) if (match := target.fullmatch(str(path)))]
    if not found:
        yield f"{build}: expected objects of targets tfrnn_cpu_<isa>, found none"
    for match in found:
        yield from check_isa_object(Path(match[0]), match[1])


def main(argv: Iterable[str] | None = None) -> int:
    """Runs the checks and returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--package", type=Path, default=ROOT / "tfrnn_ops", metavar="DIR")
    parser.add_argument("--build", type=Path, default=ROOT / "build", metavar="DIR")
    arguments = parser.parse_args(argv)
    problems = [*check_package(arguments.package), *check_build(arguments.build)]
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{len(problems)} problem(s) in {arguments.package} and {arguments.build}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
