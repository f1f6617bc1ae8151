"""Measures cases one after another."""

from __future__ import annotations

import functools
import importlib.util
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from tfrnn_ops._programs import UserError, require
from tfrnn_ops.bench import ceilings, machine, refcheck
from tfrnn_ops.bench.cases import Case, Tensors, make_tensors
from tfrnn_ops.bench.peers import PEERS, Ours, Peer, PyTorch, WithoutOption, reference
from tfrnn_ops.bench.results import Measurement, Run
from tfrnn_ops.bench.timing import run_rounds, seconds_per_call

WARM_UP_CALLS = 2  # the first traces and compiles
_FMA = "FMA ceiling"


@dataclass(frozen=True)
class Plan:
    """What to measure, and how thoroughly.

    Attributes:
        cases: the cases.
        modes: of "forward" and "train".
        against: names of peers other than ours.
        threads: for everybody.
        rounds: how many, unless the time is up before.
        fewest_rounds: how many in any case.
        budget: seconds for the rounds of one case in one mode.
        slot: seconds that a peer's turn lasts at least.
        refcheck: whether to check the results first.
    """

    cases: Sequence[Case]
    modes: Sequence[str]
    against: Sequence[str]
    threads: int
    rounds: int = 15
    fewest_rounds: int = 5
    budget: float = 20.0
    slot: float = 0.02
    refcheck: bool = False


def set_threads(plan: Plan) -> None:
    """Sets how many threads each library uses, and keeps TensorFlow on the CPU.

    Raises:
        UserError: TensorFlow has begun to run with another number.
    """
    threads, config = plan.threads, tf.config.threading
    wanted = {threads, 0} if threads == machine.cores() else {threads}  # 0: all there are
    try:
        if config.get_intra_op_parallelism_threads() not in wanted:
            config.set_intra_op_parallelism_threads(threads)
        if config.get_inter_op_parallelism_threads() not in wanted:
            config.set_inter_op_parallelism_threads(threads)
        if tf.config.list_physical_devices("GPU"):
            tf.config.set_visible_devices([], "GPU")
    except RuntimeError as error:
        raise UserError(
            f"--threads {threads}: TensorFlow runs already, and cannot change that any more"
        ) from error
    if PyTorch.name in plan.against and importlib.util.find_spec("torch") is not None:
        import torch

        torch.set_num_threads(threads)


def run(plan: Plan, command: str) -> tuple[Run, bool]:
    """Measures all cases, with a progress bar on stderr.

    Args:
        plan: the cases, and how to measure them.
        command: the command line, for the record.

    Returns:
        What was measured, and whether that is everything; not so after Ctrl-C.

    Raises:
        refcheck.Mismatch: a peer's results are wrong.
        UserError: the number of threads cannot be set, or a package is missing.
    """
    tqdm = require("tqdm", "bench").tqdm
    set_threads(plan)
    result = Run(command, machine.describe(), machine.load_average(), 0.0, [])
    total = len(plan.cases) * len(plan.modes) * plan.rounds
    complete = False
    with tqdm(total=total, unit="round", mininterval=0.2 if sys.stderr.isatty() else 10) as bar:
        try:
            for number, case in enumerate(plan.cases):
                tensors = make_tensors(case)
                for turn, mode in enumerate(plan.modes):
                    bar.set_description(f"{case} {mode}")
                    result.measurements.append(measure(plan, case, tensors, mode, bar.update))
                    done = (number * len(plan.modes) + turn + 1) * plan.rounds
                    bar.update(done - bar.n)  # rounds there was no time for
            complete = True
        except KeyboardInterrupt:
            pass
    result.load_after = machine.load_average()
    return result, complete


def measure(plan: Plan, case: Case, tensors: Tensors, mode: str, on_round: Any) -> Measurement:
    """Measures one case in one mode; `on_round` is called after every round."""
    peers, absent, errors = _prepare(plan, case, tensors, mode)
    bandwidths = ceilings.measure_bandwidths(plan.slot, plan.threads)
    one_thread = ceilings.measure_fma(plan.slot, 1)
    slots: dict[str, Any] = {
        name: functools.partial(seconds_per_call, peer.run, plan.slot)
        for name, peer in peers.items()
    }
    slots[_FMA] = functools.partial(ceilings.measure_fma, plan.slot, plan.threads)
    measured = run_rounds(slots, plan.rounds, plan.budget, plan.fewest_rounds, on_round)
    return Measurement(
        case,
        mode,
        fma_gflops=measured.pop(_FMA),
        seconds=measured,
        fma_gflops_one_thread=one_thread,
        bandwidths=bandwidths,
        threads=plan.threads,
        absent=absent,
        errors=errors,
    )


def _prepare(
    plan: Plan, case: Case, tensors: Tensors, mode: str
) -> tuple[dict[str, Peer], dict[str, str], dict[str, float]]:
    """Makes, warms up and checks the peers; tells why others are absent, and all errors."""
    checks = plan.refcheck and refcheck.can_check(case, mode)
    want = reference(case, tensors, mode) if checks else None
    peers: dict[str, Peer] = {}
    absent: dict[str, str] = {}
    errors: dict[str, float] = {}
    for name in (Ours.name, *plan.against):
        reason = PEERS[name].missing(case)
        if reason is not None:
            absent[name] = reason
            continue
        try:
            peer = PEERS[name](case, tensors, mode)
            for _ in range(WARM_UP_CALLS):
                result = peer.run()
        except Exception as error:
            if name == Ours.name:
                raise
            # What another library cannot do is a result too.
            first_line = str(error).strip().partition("\n")[0]
            absent[name] = f"failed with {type(error).__name__}: {first_line}"
            continue
        if want is not None and name != WithoutOption.name:
            errors[name] = refcheck.check(case, mode, name, peer.arrays(result), want)
        peers[name] = peer
    return peers, absent, errors
