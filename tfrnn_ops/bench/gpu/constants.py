"""What `tfrnn_microbench` has measured: constants of the latency model."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

HEADER = ["name", "setting", "value"]


@dataclass(frozen=True)
class Measured:
    """The constants of one GPU.

    Attributes:
        device: its name.
        arch: 90 for compute capability 9.0.
        values: by the names of `_core.gpu_constants`.
        resident_clusters: how many clusters are resident at once, by their number of blocks.
    """

    device: str
    arch: int
    values: dict[str, float]
    resident_clusters: dict[int, int]

    @classmethod
    def read(cls, path: Path) -> Measured:
        """Reads what the program printed.

        Raises:
            OSError: the file cannot be read.
            ValueError: it is another file.
        """
        with open(path, newline="", encoding="utf-8") as file:
            header, *rows = list(csv.reader(file)) or [[]]
        if header != HEADER or not rows or rows[0][0] != "arch":
            raise ValueError(f"expected {','.join(HEADER)}, then a line that begins with arch")
        (_, device, arch), *rest = rows
        values, clusters = {}, {}
        for name, setting, value in rest:
            if not setting:
                values[name] = float(value)
            elif name == "resident_clusters":
                clusters[int(setting.removeprefix("blocks="))] = int(value)
        return cls(device, int(arch), values, clusters)
