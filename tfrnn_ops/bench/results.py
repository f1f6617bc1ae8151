"""What a run has measured, and what follows from it."""

from __future__ import annotations

import csv
import dataclasses
import json
from pathlib import Path
from typing import Any

from tfrnn_ops._programs import UserError
from tfrnn_ops.bench.cases import Case, Shape
from tfrnn_ops.bench.ceilings import Bandwidths
from tfrnn_ops.bench.peers import Ours
from tfrnn_ops.bench.stats import Summary, paired_ratio, summarize


@dataclasses.dataclass
class Measurement:
    """One case in one mode.

    Attributes:
        case: the case.
        mode: "forward" or "train".
        seconds: of one call, in every round, by peer; ours comes first.
        fma_gflops: the ceiling of all threads, in every round.
        fma_gflops_one_thread: that of one thread, once.
        bandwidths: the ceilings of reading, once.
        threads: how many threads.
        absent: why other peers are not in `seconds`.
        errors: of the peers' results, where they have been checked.
    """

    case: Case
    mode: str
    seconds: dict[str, list[float]]
    fma_gflops: list[float]
    fma_gflops_one_thread: float
    bandwidths: Bandwidths
    threads: int
    absent: dict[str, str]
    errors: dict[str, float]

    @property
    def flops(self) -> int:
        """Operations that count."""
        return self.case.flops(self.mode)

    def time(self, peer: str) -> Summary:
        """Seconds of one call."""
        return summarize(self.seconds[peer])

    def gflops(self, peer: str) -> float:
        """Operations in a second."""
        return self.flops / self.time(peer).median / 1e9

    def fraction_of_fma(self, peer: str) -> float:
        """Of the multiply-adds that the machine could have made in this time."""
        floors = [self.flops / (gflops * 1e9) for gflops in self.fma_gflops]
        return paired_ratio(floors, self.seconds[peer]).median

    def fraction_of_roof(self, peer: str) -> float:
        """Of this time, what multiply-adds or reading the weights need, whichever is more."""
        return paired_ratio(self._floors, self.seconds[peer]).median

    @property
    def roof_gflops(self) -> float:
        """What nobody can exceed in this case: the FMA ceiling or less."""
        return self.flops / summarize(self._floors).median / 1e9

    @property
    def _floors(self) -> list[float]:
        reading = self.bandwidths.seconds_at_least(
            self.case.bytes_read(self.mode), self.case.recurrent_bytes, self.threads
        )
        return [max(self.flops / (gflops * 1e9), reading) for gflops in self.fma_gflops]

    def speedup(self, peer: str) -> Summary:
        """How many times as long as we a peer takes."""
        return paired_ratio(self.seconds[peer], self.seconds[Ours.name])

    def to_json(self) -> dict[str, Any]:
        """As a tree of plain values, with what follows from the timings."""
        tree = dataclasses.asdict(self)
        tree["case"]["shape"] = str(self.case.shape)
        tree["bandwidths"]["capacity"].pop("DRAM")  # infinite, which JSON cannot say
        return {**tree, "peers": [row(self, peer) for peer in self.seconds]}

    @classmethod
    def from_json(cls, tree: dict[str, Any]) -> Measurement:
        """The inverse of `to_json`."""
        values = {field.name: tree[field.name] for field in dataclasses.fields(cls)}
        case, bandwidths = tree["case"], tree["bandwidths"]
        values["case"] = Case(**{**case, "shape": Shape.parse(case["shape"])})
        capacity = {**bandwidths["capacity"], "DRAM": float("inf")}
        values["bandwidths"] = Bandwidths(bandwidths["gbytes"], capacity)
        return cls(**values)


def row(measurement: Measurement, peer: str) -> dict[str, Any]:
    """What is to say about one peer, as columns of a CSV file."""
    m, time, speedup = measurement, measurement.time(peer), measurement.speedup(peer)
    return {
        "cell": m.case.cell,
        "shape": str(m.case.shape),
        "dtype": m.case.dtype,
        "option": m.case.option,
        "mode": m.mode,
        "peer": peer,
        "threads": m.threads,
        "rounds": len(m.seconds[peer]),
        "ms": 1e3 * time.median,
        "ms_p16": 1e3 * time.low,
        "ms_p84": 1e3 * time.high,
        "gflops": m.gflops(peer),
        "fraction_of_fma": m.fraction_of_fma(peer),
        "fraction_of_roof": m.fraction_of_roof(peer),
        "times_ours": speedup.median,
        "times_ours_p16": speedup.low,
        "times_ours_p84": speedup.high,
        "fma_gflops": summarize(m.fma_gflops).median,
        "fma_gflops_one_thread": m.fma_gflops_one_thread,
        **{f"{level}_gbytes": value for level, value in m.bandwidths.gbytes.items()},
        "largest_error": m.errors.get(peer),
    }


@dataclasses.dataclass
class Run:
    """All measurements of one command.

    Attributes:
        command: the command line.
        machine: what `machine.describe` has said.
        load_before: load average when it began.
        load_after: and when it ended.
        measurements: in order.
    """

    command: str
    machine: dict[str, str]
    load_before: float
    load_after: float
    measurements: list[Measurement]

    def write_json(self, path: Path) -> None:
        """Writes everything, also the timing of every round."""
        tree = {
            **{field.name: getattr(self, field.name) for field in dataclasses.fields(self)},
            "measurements": [m.to_json() for m in self.measurements],
        }
        path.write_text(json.dumps(tree, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def read_json(cls, path: Path) -> Run:
        """Reads what `write_json` wrote.

        Raises:
            UserError: the file cannot be read, or is another one.
        """
        try:
            tree = json.loads(path.read_text(encoding="utf-8"))
            measurements = [Measurement.from_json(m) for m in tree["measurements"]]
            return cls(**{**tree, "measurements": measurements})
        except OSError as error:
            raise UserError(f"{path}: {error.strerror or error}") from error
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(f"{path}: not a file that --json wrote") from error

    def write_csv(self, path: Path) -> None:
        """Writes one line for every peer in every measurement."""
        rows = [row(m, peer) for m in self.measurements for peer in m.seconds]
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, rows[0] if rows else [])
            writer.writeheader()
            writer.writerows(rows)
