"""Measures cases one after another, on the GPU."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tfrnn_ops._programs import require
from tfrnn_ops.bench import machine
from tfrnn_ops.bench.gpu import check
from tfrnn_ops.bench.gpu.cases import GpuCase
from tfrnn_ops.bench.gpu.clock import Turn, captured
from tfrnn_ops.bench.gpu.peers import GPU_PEERS, GpuPeer, Ours
from tfrnn_ops.bench.gpu.results import GpuMeasurement
from tfrnn_ops.bench.gpu.tensors import INPUT_SETS, GpuTensors, make_tensors
from tfrnn_ops.bench.timing import run_rounds

FAILED = "failed with"


@dataclass(frozen=True)
class Settings:
    """What to measure, and how thoroughly.

    Attributes:
        cases: the cases.
        modes: of `cases.GPU_MODES`.
        against: names of peers other than ours.
        rounds: how many, unless the time is up before.
        fewest_rounds: how many in any case.
        budget: seconds for the rounds of one case in one mode.
        repeats: how often the whole is measured, to see what a number is worth.
        refcheck: whether to compare the results with float64 first.
    """

    cases: Sequence[GpuCase]
    modes: Sequence[str]
    against: Sequence[str]
    rounds: int = 30
    fewest_rounds: int = 5
    budget: float = 0.5
    repeats: int = 2
    refcheck: bool = True


@dataclass
class GpuRun:
    """All that one command has measured.

    Attributes:
        facts: the machine and the command, each under a heading.
        measurements: in order; with repeats, several of each.
        complete: whether that is everything; not so after Ctrl-C.
    """

    facts: dict[str, str]
    measurements: list[GpuMeasurement] = field(default_factory=list)
    complete: bool = False

    @property
    def failures(self) -> list[str]:
        """The cases in which our kernels did not run."""
        absent = ((m, m.absent.get(Ours.name, "")) for m in self.measurements)
        return [f"{m.case} {m.mode}: {why}" for m, why in absent if why.startswith(FAILED)]


def describe() -> dict[str, str]:
    """The machine, its GPU, the versions of what runs there, and the clocks before the run."""
    import torch

    properties = torch.cuda.get_device_properties(0)
    return {
        **machine.describe(),
        "GPU": f"{properties.name}, compute capability {properties.major}.{properties.minor}, "
        f"{properties.multi_processor_count} multiprocessors",
        "PyTorch's": f"CUDA {torch.version.cuda}, cuDNN {torch.backends.cudnn.version()}",
        "clocks before": clocks(),
    }


def clocks() -> str:
    """What nvidia-smi says of clocks, temperature and power."""
    if shutil.which("nvidia-smi") is None:
        return "unknown: no nvidia-smi"
    fields = "clocks.sm,clocks.max.sm,clocks.mem,temperature.gpu,power.draw,driver_version"
    command = ["nvidia-smi", f"--query-gpu={fields}", "--format=csv,noheader", "--id=0"]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    return f"{answer.stdout.strip()} ({fields})" if answer.returncode == 0 else "unknown"


def run(settings: Settings) -> GpuRun:
    """Measures all cases, with a progress bar on stderr.

    Raises:
        check.Mismatch: our results are wrong.
        UserError: a package is missing.
    """
    tqdm = require("tqdm", "bench").tqdm
    result = GpuRun(describe())
    total = settings.repeats * len(settings.cases) * len(settings.modes)
    with tqdm(total=total, mininterval=0.2 if sys.stderr.isatty() else 10) as bar:
        try:
            for repeat in range(settings.repeats):
                for case in settings.cases:
                    bar.set_description(str(case))
                    for m in measure_case(settings, case, settings.refcheck and repeat == 0):
                        result.measurements.append(m)
                        bar.update()
            result.complete = True
        except KeyboardInterrupt:
            pass
    result.facts["clocks after"] = clocks()
    return result


def measure_case(settings: Settings, case: GpuCase, refcheck: bool) -> list[GpuMeasurement]:
    """Measures one case in every mode."""
    import torch

    tensors = make_tensors(case, "cuda")
    found = []
    for mode in settings.modes:
        errors = compare(settings, case, mode, tensors) if refcheck else {}
        found.append(measure(settings, case, mode, tensors))
        found[-1].errors = errors
        torch.cuda.empty_cache()
    return found


def compare(settings: Settings, case: GpuCase, mode: str, tensors: GpuTensors) -> dict[str, float]:
    """Runs the first steps with everybody; returns the largest error of each.

    Raises:
        check.Mismatch: ours is too large.
    """
    import torch

    short, first = case.shortened(check.STEPS), tensors.first(check.STEPS)
    want = check.reference(case, tensors, mode)
    worst = {}
    for name in (Ours.name, *settings.against):
        peer, _ = prepare(name, short, first, mode)
        if peer is None:
            continue
        peer.run(0)
        torch.cuda.synchronize()
        errors = check.errors(peer.results(), want)
        if name == Ours.name:
            check.require_right(short, mode, errors)
        worst[name] = check.worst(errors)[1]
    return worst


def prepare(name: str, case: GpuCase, tensors: GpuTensors, mode: str) -> tuple[GpuPeer | None, str]:
    """Makes a peer and runs it once; without one, says why there is none."""
    import torch

    reason = GPU_PEERS[name].missing(case, mode)
    if reason is not None:
        return None, reason
    try:
        peer = GPU_PEERS[name](case, tensors, mode)
        peer.run(0)
        torch.cuda.synchronize()
    except (RuntimeError, OSError, ValueError) as error:
        # What a library cannot do is a result too; that ours failed, the command reports.
        first_line = str(error).strip().partition("\n")[0]
        return None, f"{FAILED} {type(error).__name__}: {first_line}"
    return peer, ""


def measure(settings: Settings, case: GpuCase, mode: str, tensors: GpuTensors) -> GpuMeasurement:
    """Times everybody in turns, eager and as a graph."""
    result = GpuMeasurement(case, mode, {})
    slots: dict[str, Callable[[], float]] = {}
    for name in (Ours.name, *settings.against):
        peer, reason = prepare(name, case, tensors, mode)
        if peer is None:
            result.absent[name] = reason
            continue
        said = [peer.note] if peer.note else []
        slots[f"{name} eager"] = Turn.of(peer.run, INPUT_SETS)
        try:
            slots[f"{name} graph"] = Turn.of(captured(peer.run, INPUT_SETS), INPUT_SETS)
        except RuntimeError as error:
            said.append(f"no graph: {str(error).strip().partition(chr(10))[0]}")
        if said:
            result.notes[name] = "; ".join(said)
    if slots:
        measured = run_rounds(slots, settings.rounds, settings.budget, settings.fewest_rounds)
        for slot, seconds in measured.items():
            name, how = slot.split(" ")
            result.seconds.setdefault(name, {})[how] = seconds
    return result
