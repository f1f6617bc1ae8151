"""Checks what the CUDA kernels need of a multiprocessor; exits with 1 and a list if it is too much.

    python tools/check_resources.py [--build DIR]

Every .cu file of the build is compiled again, as compile_commands.json says but with ptxas telling
about its kernels; ccache makes the second time quick. No kernel may spill registers or have a
stack, none but a microbenchmark may have static shared memory (what they need is in cuda/geometry.h
and checked against the device at launch), and none may need more registers than its block can have.
"""

import argparse
import json
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REPORT = re.compile(
    r"Compiling entry function '(?P<kernel>\S+)' for '(?P<arch>\S+)'.*?"
    r"(?P<stack>\d+) bytes stack frame, (?P<stores>\d+) bytes spill stores, "
    r"(?P<loads>\d+) bytes spill loads.*?Used (?P<registers>\d+) registers(?P<rest>[^\n]*)",
    re.S,
)
# Registers of a thread, by the threads of the kernel's largest block: a multiprocessor has 65536.
BUDGETS = (
    (re.compile(r"10PersistentI"), 255),  # 256 threads
    (re.compile(r"Step(For|Back)ward.*WithOptions"), 80),  # 256 threads, three blocks
    (re.compile(r"Step(For|Back)ward"), 64),  # 256 threads, several blocks
    (re.compile(r"Row(For|Back)ward"), 255),  # 256 threads
    (re.compile(r""), 128),
)
# Loops that measure a GPU have what shared memory they measure; 48 KiB need no permission.
MEASURES, STATIC = "10microbench", 48 << 10


@dataclass
class Kernel:
    """What ptxas tells about a kernel."""

    name: str
    arch: str
    registers: int
    spills: int
    stack: int
    shared: int

    def problems(self) -> Iterator[str]:
        """Yields what is over its budget."""
        budget = next(budget for pattern, budget in BUDGETS if pattern.search(self.name))
        found = (
            ("registers", self.registers, budget),
            ("bytes of spills", self.spills, 0),
            ("bytes of stack", self.stack, 0),
            ("bytes of static shared memory", self.shared, STATIC if MEASURES in self.name else 0),
        )
        for what, value, limit in found:
            if value > limit:
                yield f"{self.name} for {self.arch}: {value} {what}; expected at most {limit}"


def parse(report: str) -> list[Kernel]:
    """Returns the kernels that ptxas reports on."""
    kernels = []
    for match in REPORT.finditer(report):
        shared = re.search(r"(\d+) bytes smem", match["rest"])
        spills = int(match["stores"]) + int(match["loads"])
        numbers = int(match["registers"]), spills, int(match["stack"])
        kernels.append(
            Kernel(match["kernel"], match["arch"], *numbers, int(shared[1]) if shared else 0)
        )
    return kernels


def compile_again(entry: dict[str, str]) -> str:
    """Compiles a source as the build does; returns what ptxas says."""
    command = shlex.split(entry["command"])
    first = next(i for i, word in enumerate(command) if re.search(r"nvcc$", word))
    launcher = ["ccache"] if shutil.which("ccache") else []
    with tempfile.TemporaryDirectory() as directory:
        command[command.index("-o") + 1] = str(Path(directory) / "out.o")
        result = subprocess.run(
            [*launcher, *command[first:], "-Xptxas", "-v"],
            capture_output=True,
            text=True,
            cwd=entry["directory"],
        )
    if result.returncode:
        sys.exit(f"{entry['file']} does not compile:\n{result.stderr}")
    return result.stdout + result.stderr


def main() -> int:
    """Checks a build tree; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, default=ROOT / "build/make")
    build = parser.parse_args().build
    entries = json.loads((build / "compile_commands.json").read_text())
    # The kernels that ship: those of tests have no budget.
    ours = (e for e in entries if Path(e["file"]).is_relative_to(ROOT / "cuda"))
    sources = [e for e in ours if e["file"].endswith(".cu") and "nvcc" in e["command"]]
    if not sources:
        print(f"NOT RUN: {build} was configured without CUDA")
        return 0
    kernels = [kernel for entry in sources for kernel in parse(compile_again(entry))]
    problems = [problem for kernel in kernels for problem in kernel.problems()]
    print("\n".join(problems) or f"{len(kernels)} kernels keep within their budgets")
    if not kernels:
        print("ptxas reported on no kernel; expected some")
    return 1 if problems or not kernels else 0


if __name__ == "__main__":
    sys.exit(main())
