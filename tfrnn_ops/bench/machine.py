"""On what a run was made, so that its numbers mean something later."""

from __future__ import annotations

import datetime
import importlib.metadata
import importlib.util
import os
import platform
import re
from pathlib import Path

from tfrnn_ops._build_info import COMPILER
from tfrnn_ops._core import isa
from tfrnn_ops.bench.ceilings import cache_sizes

PACKAGES = ("tfrnn_ops", "tensorflow", "keras", "torch", "numpy")


def cores() -> int:
    """How many CPUs this process may use."""
    return len(os.sched_getaffinity(0))


def load_average() -> float:
    """Processes that wanted to run in the last minute."""
    return os.getloadavg()[0]


def describe() -> dict[str, str]:
    """The machine and the versions, each under a heading."""
    caches = cache_sizes()
    sizes = ", ".join(f"L{level} {size >> 10} KiB" for level, (size, _) in sorted(caches.items()))
    versions = {name: _version(name) for name in PACKAGES}
    return {
        "date": datetime.datetime.now().astimezone().isoformat(" ", "minutes"),
        "CPU": f"{_cpu_model()}, {cores()} CPUs; {sizes}",
        "instruction set": isa() + (" (TFRNN_ISA)" if os.environ.get("TFRNN_ISA") else ""),
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "versions": ", ".join(f"{name} {version}" for name, version in versions.items()),
        "compiler": COMPILER,
    }


def _cpu_model() -> str:
    try:
        match = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.M)
    except OSError:
        match = None
    return match[1] if match else platform.machine()


def _version(package: str) -> str:
    if importlib.util.find_spec(package) is None:
        return "not installed"
    for distribution in importlib.metadata.packages_distributions().get(package, [package]):
        try:
            return importlib.metadata.version(distribution)
        except importlib.metadata.PackageNotFoundError:
            continue
    return "from its source tree"
