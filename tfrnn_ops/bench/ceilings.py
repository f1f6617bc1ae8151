"""What the machine can do at most, measured in the same run as the rest."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

from tfrnn_ops._core import fma_gflops, read_gbytes

_CPU0 = Path("/sys/devices/system/cpu/cpu0/cache")
# Where the system does not tell.
_TYPICAL_CACHES = {1: (32 << 10, 1), 2: (1 << 20, 1), 3: (32 << 20, 8)}


@dataclasses.dataclass(frozen=True)
class Bandwidths:
    """GB/s at which all threads together read, by where from; and how much fits there.

    Attributes:
        gbytes: by "L2", "L3" and "DRAM".
        capacity: bytes a thread can have there, also of "L1".
    """

    gbytes: dict[str, float]
    capacity: dict[str, float]

    def seconds_at_least(self, bytes_read: float, resident_bytes: float, threads: int) -> float:
        """The time it takes to read weights over and over.

        Args:
            bytes_read: of all readings together.
            resident_bytes: the size of the weights; every thread has its share of them.
            threads: how many threads.
        """
        share = resident_bytes / threads
        if share <= self.capacity["L1"]:
            return 0.0
        level = next(level for level in self.gbytes if share <= self.capacity[level])
        return bytes_read / (self.gbytes[level] * 1e9)


def cache_sizes() -> dict[int, tuple[int, int]]:
    """By level, the bytes of a data cache and how many CPUs share it."""
    found = {}
    for folder in sorted(_CPU0.glob("index*")):
        try:
            kind, size, shared, level = (
                (folder / name).read_text().strip()
                for name in ("type", "size", "shared_cpu_list", "level")
            )
        except OSError:
            continue
        match = re.fullmatch(r"(\d+)([KMG]?)", size)
        if kind != "Instruction" and match:
            unit = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}[match[2]]
            found[int(level)] = int(match[1]) * unit, _count(shared)
    return {**_TYPICAL_CACHES, **found}


def _count(cpu_list: str) -> int:
    """Of CPUs in a list such as "0-3,8"."""
    ends = [[int(end) for end in part.split("-")] for part in cpu_list.split(",")]
    return sum(last - first + 1 for first, *_, last in ([e[0], e[-1]] for e in ends))


def measure_fma(seconds: float, threads: int) -> float:
    """GFLOP/s of float32 multiply-adds."""
    return fma_gflops(seconds, threads)


def measure_bandwidths(seconds: float, threads: int) -> Bandwidths:
    """Measures each memory with a buffer that fits it, and not the one before."""
    caches = cache_sizes()
    capacity = {
        f"L{level}": size / min(sharing, threads) for level, (size, sharing) in caches.items()
    }
    capacity["DRAM"] = float("inf")
    size = {
        "L2": capacity["L2"] / 2,
        "L3": max(capacity["L3"] / 2, 2 * capacity["L2"]),
        "DRAM": max(4 * caches[3][0] / threads, 2 * capacity["L3"]),
    }
    gbytes = {k: read_gbytes(int(size[k]), seconds, threads) for k in size}
    return Bandwidths(gbytes, {k: capacity[k] for k in ("L1", *size)})
