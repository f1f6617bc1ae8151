"""Rounds in which every peer has its turn."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping, Sequence

# Threads of an OpenMP library keep spinning for some milliseconds after its last call, and would
# slow down whoever comes next.
PAUSE_SECONDS = 0.005


def turns(names: Sequence[str], round_number: int) -> list[str]:
    """The order of one round: another one begins each time, then the same in reverse."""
    shift = round_number % len(names)
    order = [*names[shift:], *names[:shift]]
    return order[::-1] if round_number // len(names) % 2 else order


def seconds_per_call(
    call: Callable[[], object],
    at_least: float,
    clock: Callable[[], float] = time.perf_counter,
) -> float:
    """Times calls in a row, after an untimed one that brings caches and threads back.

    Args:
        call: what to time.
        at_least: seconds to go on for; one call is timed in any case.
        clock: tells the time.

    Returns:
        The mean.
    """
    call()
    calls, start = 0, clock()
    while True:
        call()
        calls += 1
        elapsed = clock() - start
        if elapsed >= at_least:
            return elapsed / calls


def run_rounds(
    slots: Mapping[str, Callable[[], float]],
    rounds: int,
    budget: float,
    fewest: int,
    on_round: Callable[[], object] = lambda: None,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """Runs every slot once a round.

    Args:
        slots: by name, what measures and returns a number.
        rounds: how many rounds.
        budget: seconds after which no further round begins, once there are `fewest`.
        fewest: see there.
        on_round: called after every round.
        clock: tells the time.

    Returns:
        For every name, one number a round.
    """
    measured: dict[str, list[float]] = {name: [] for name in slots}
    names, start = list(slots), clock()
    gc.collect()
    collecting = gc.isenabled()
    gc.disable()
    try:
        for number in range(rounds):
            if number >= fewest and clock() - start > budget:
                break
            for name in turns(names, number):
                time.sleep(PAUSE_SECONDS)
                measured[name].append(slots[name]())
            on_round()
    finally:
        if collecting:
            gc.enable()
    return measured
