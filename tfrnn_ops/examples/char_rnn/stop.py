"""A clean end on Ctrl-C."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType


class StopRequest:
    """Turns the first Ctrl-C (or SIGTERM) into a flag; the second acts as ever.

    So training stops between two steps, where a checkpoint is exact.
    """

    def __init__(self) -> None:
        self.made = False

    def __enter__(self) -> StopRequest:
        signals = (signal.SIGINT, signal.SIGTERM)
        self._before = {number: signal.signal(number, self._receive) for number in signals}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._restore()

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self.made = True
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
