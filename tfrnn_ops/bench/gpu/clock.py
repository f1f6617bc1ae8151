"""Timing on the device: calls enqueued in a row, or replayed as a captured graph."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

# Calls of one turn: enough for their launches to overlap, few enough for many turns.
MOST_CALLS = 20
TURN_SECONDS = 0.004
WARM_UP_CALLS = 3


def calls_for(seconds: float, turn: float = TURN_SECONDS) -> int:
    """How many calls of so many seconds each make a turn."""
    return max(1, min(MOST_CALLS, math.ceil(turn / max(seconds, 1e-9))))


def seconds_per_call(enqueue: Callable[[int], object], calls: int, input_sets: int) -> float:
    """Seconds of one call, on the device's clock, of `calls` in a row.

    Args:
        enqueue: takes the number of an input set.
        calls: how many.
        input_sets: they take turns.
    """
    import torch

    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    begin.record()
    for call in range(calls):
        enqueue(call % input_sets)
    end.record()
    end.synchronize()
    return begin.elapsed_time(end) / 1e3 / calls


@dataclass(frozen=True)
class Turn:
    """What is timed in a round.

    Attributes:
        enqueue: takes the number of an input set.
        calls: how many calls.
        input_sets: how many sets there are.
    """

    enqueue: Callable[[int], object]
    calls: int
    input_sets: int

    @classmethod
    def of(cls, enqueue: Callable[[int], object], input_sets: int) -> Turn:
        """Warms up, and finds out how many calls a turn needs."""
        for call in range(WARM_UP_CALLS):
            enqueue(call % input_sets)
        seconds = seconds_per_call(enqueue, WARM_UP_CALLS, input_sets)
        return cls(enqueue, calls_for(seconds), input_sets)

    def __call__(self) -> float:
        """Seconds of a call."""
        return seconds_per_call(self.enqueue, self.calls, self.input_sets)


def captured(run: Callable[[int], object], input_sets: int) -> Callable[[int], object]:
    """Captures a call for each input set; returns what replays it.

    Raises:
        RuntimeError: something in the call cannot be captured.
    """
    import torch

    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for call in range(WARM_UP_CALLS):
            run(call % input_sets)
    torch.cuda.current_stream().wait_stream(aside)
    graphs: list[Any] = []
    for input_set in range(input_sets):
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=graphs[0].pool() if graphs else None):
            run(input_set)
        graphs.append(graph)
    return lambda input_set: graphs[input_set].replay()
