"""Checks that other compilers accept the CPU engine; exits with 1 if one does not.

    python tools/check_compilers.py [--build DIR]

Every engine source is parsed, not compiled, with the options that the configured tree in DIR has
for it: for all instruction sets by Clang, and for baseline by a cross compiler for ARM, whose
vectors are NEON's. A compiler that is not installed is left out, with a remark. Warnings are
errors.
"""

import argparse
import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENGINE = ROOT / "csrc" / "cpu"
# A compiler, and which of the objects it has to accept.
COMPILERS = {"clang++": "", "aarch64-linux-gnu-g++": "baseline"}


def commands(build: Path, compiler: str, isa: str) -> list[list[str]]:
    """The commands with which `compiler` parses the engine, for instruction sets like `isa`."""
    found = []
    for entry in json.loads((build / "compile_commands.json").read_text()):
        if ENGINE not in Path(entry["file"]).parents or isa not in entry["command"]:
            continue
        words = shlex.split(entry["command"])
        options = [w for w in words if w.startswith(("-std", "-D", "-I", "-m", "-f"))]
        found.append([compiler, *options, "-Wall", "-Wextra", "-Werror", "-fsyntax-only"])
        found[-1].append(entry["file"])
    return found


def main() -> None:
    """Runs every compiler that is there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, default=ROOT / "build" / "make")
    build = parser.parse_args().build
    failures = 0
    for compiler, isa in COMPILERS.items():
        if shutil.which(compiler) is None:
            print(f"NOT RUN: {compiler} was not found")
            continue
        found = commands(build, compiler, isa)
        failures += sum(
            subprocess.run(command, cwd=build, check=False).returncode != 0 for command in found
        )
        print(f"{compiler}: {len(found)} sources")
    sys.exit(failures > 0)


if __name__ == "__main__":
    main()
