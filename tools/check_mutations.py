"""Plants every bug of tests/emulator/mutations.txt in the kernels; exits with 1 if one survives.

    python tools/check_mutations.py [--match TEXT] [--jobs N]

A mutation is compiled into the kernels of tests/emulator/subset_test.cc and, if it is in what they
are made of, exchange_test.cc, or what has no cell into products_test.cc, all in one program; it
survives if the tests pass. A mutation whose text does not stand in its file exactly once is an
error: the list has to follow the sources. Needs g++ and GoogleTest; uses ccache if it is there.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LIST = ROOT / "tests/emulator/mutations.txt"
KERNELS = "tests/emulator/subset_kernels.cc"
# What needs no cell, and the files that only it is made of.
PRODUCTS = "cuda/products.cu"
OF_PRODUCTS = tuple(f"cuda/{name}.cuh" for name in ("column_sums", "drop", "gather", "gemm"))
# What hands on bits, which tolerances of sums do not see, and what is part of it.
EXCHANGE = "tests/emulator/exchange_test.cc"
OF_EXCHANGE = (
    *(f"cuda/{name}.cuh" for name in ("divisor", "exchange", "reduction", "tagged")),
    "cuda/geometry.h",
    "tests/emulator/prim.h",
)
# Compiled once for each build, and those of the first three that mutations change again.
SOURCES = (
    KERNELS,
    PRODUCTS,
    EXCHANGE,
    "tests/emulator/subset_test.cc",
    "tests/emulator/products_test.cc",
    "tests/emulator/general_reference.cc",
)
EMULATOR = tuple(
    f"tests/emulator/{name}.cc"
    for name in ("fiber", "emulator", "memory_barrier", "warp_functions")
)
# By what has to find the bug: flags, more flags for the emulator itself, and what is run.
FLAGS = {
    "plain": (["-O0"], [], "*"),  # compiling takes longer than running
    "address": (["-O0", "-fsanitize=address"], ["-DEMULATOR_ASAN"], "*"),
    "thread": (
        ["-O1", "-fsanitize=thread"],
        ["-DEMULATOR_TSAN", "-fno-sanitize=all"],
        "*Lstm/cluster_of_2:*Lstm/cluster_of_3_two_slices:*Lstm/grid_of_2",
    ),
}
# A test that is stuck is a test that failed.
TIMEOUT = 300


@dataclass
class Mutation:
    """A planted bug: `old` in `file` becomes `new`, and `build` has to find it."""

    name: str
    build: str
    file: str
    old: str
    new: str


def parse(text: str) -> list[Mutation]:
    """Returns the mutations of the list's text."""
    mutations = []
    for entry in re.split(r"^(?=\[)", text, flags=re.M)[1:]:
        head, file, *lines = [line for line in entry.splitlines() if line.strip()]
        match = re.fullmatch(r"\[(.+): (\w+)\]", head)
        if match is None or match[2] not in FLAGS:
            sys.exit(f"{LIST.name}: {head!r} is no [name: build]")
        old, new = ("".join(line[1:] + "\n" for line in lines if line[0] == sign) for sign in "-+")
        mutations.append(Mutation(match[1], match[2], file, old, new))
    return mutations


def run(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end."""
    return subprocess.run(command, capture_output=True, text=True, errors="replace", **options)


def compile_object(source: str, build: str, work: Path, *more: str) -> str:
    """Compiles a source of the project; returns the object. Ends the program if it fails."""
    compiler = ["ccache", "g++"] if shutil.which("ccache") else ["g++"]
    target = str(work / f"{Path(source).stem}.o")
    flags = [*FLAGS[build][0], *more, f"-I{ROOT}", "-x", "c++"]  # a mutation stands before
    result = run([*compiler, "-std=c++17", "-g1", *flags, "-c", str(ROOT / source), "-o", target])
    if result.returncode:
        raise RuntimeError(f"{source} does not compile:\n{result.stderr[-2000:]}")
    return target


def compile_all(build: str, work: Path) -> dict[str, str]:
    """Compiles everything as it is; returns the objects of the sources."""
    work.mkdir()
    options = ["-O2", "-fno-tree-loop-distribute-patterns", *FLAGS[build][1]]
    objects = {source: compile_object(source, build, work, *options) for source in EMULATOR}
    return objects | {source: compile_object(source, build, work) for source in SOURCES}


def passes(build: str, work: Path, objects: Iterable[str]) -> bool:
    """Links and runs the test; False if it fails, crashes, or a sanitizer complains."""
    flags, _, tests = FLAGS[build]
    libraries = ["-lgtest", "-lgtest_main", "-lpthread"]
    linked = run(["g++", *flags, *objects, "-o", str(work / "test"), *libraries])
    if linked.returncode:
        raise RuntimeError(linked.stderr[-2000:])
    environment = {"TSAN_OPTIONS": "halt_on_error=1", "ASAN_OPTIONS": "detect_leaks=0"}
    command = [str(work / "test"), "--gtest_fail_fast", f"--gtest_filter={tests}"]
    try:
        return run(command, timeout=TIMEOUT, env=environment, cwd=work).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def affected(file: str) -> tuple[str, ...]:
    """The sources that a change of a file is compiled into."""
    if file in OF_PRODUCTS:
        return (PRODUCTS,)
    return (KERNELS, EXCHANGE) if file in OF_EXCHANGE else (KERNELS,)


def check(mutation: Mutation | None, build: str, objects: dict[str, str]) -> str:
    """Returns what is wrong with a mutation (None: the sources as they are), or ""."""
    with tempfile.TemporaryDirectory() as directory:
        work = Path(directory)
        if mutation is None:
            return "" if passes(build, work, objects.values()) else "the tests fail as they are"
        text = (ROOT / mutation.file).read_text()
        if text.count(mutation.old) != 1:
            return f"its text stands {text.count(mutation.old)} times in {mutation.file}"
        target = work / mutation.file
        target.parent.mkdir(parents=True)
        target.write_text(text.replace(mutation.old, mutation.new))
        changed = objects | {
            source: compile_object(source, build, work, f"-I{work}")
            for source in affected(mutation.file)
        }
        return "SURVIVES" if passes(build, work, changed.values()) else ""


def main() -> int:
    """Checks all mutations; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--match", default="", help="only mutations whose name holds this text")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    mutations = [m for m in parse(LIST.read_text()) if options.match in m.name]
    builds = sorted({m.build for m in mutations})
    work: list[tuple[Mutation | None, str]] = [(None, build) for build in builds]
    work += [(mutation, mutation.build) for mutation in mutations]
    problems = 0
    with tempfile.TemporaryDirectory() as directory, ThreadPoolExecutor(options.jobs) as pool:
        paths = [Path(directory) / build for build in builds]
        objects = dict(zip(builds, pool.map(compile_all, builds, paths), strict=True))
        results = pool.map(lambda item: check(item[0], item[1], objects[item[1]]), work)
        for (mutation, build), problem in zip(work, results, strict=True):
            name = mutation.name if mutation else "no mutation"
            print(f"{name} ({build}): {problem or ('found' if mutation else 'passes')}", flush=True)
            problems += bool(problem)
    print(f"{len(mutations)} mutations, {problems} problems")
    return min(problems, 1)


if __name__ == "__main__":
    sys.exit(main())
