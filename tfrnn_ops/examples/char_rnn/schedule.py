"""How long training lasts, and the learning rate on the way."""

from __future__ import annotations

import math
from dataclasses import dataclass

WARMUP_STEPS = 20
FINAL_LEARNING_RATE = 0.02  # of the highest
# The highest, found by trying; without gates it must be lower.
LEARNING_RATES = {"lstm": 8e-3, "gru": 8e-3, "simple_rnn": 1e-3}


@dataclass(frozen=True)
class Limits:
    """When training ends: at whichever limit comes first. None is no limit.

    They count from the first start, so a resumed run ends where one uninterrupted run would.
    """

    minutes: float | None
    epochs: int | None
    max_steps: int | None

    def done(self, step: int, seconds: float, steps_per_epoch: int) -> float:
        """Returns the share of the training that is done, 0 to 1."""
        shares = [0.0]
        if self.minutes is not None:
            shares.append(seconds / (60 * self.minutes))
        if self.epochs is not None:
            shares.append(step / (self.epochs * steps_per_epoch))
        if self.max_steps is not None:
            shares.append(step / self.max_steps)
        return min(1.0, max(shares))


def learning_rate(highest: float, step: int, done: float) -> float:
    """Rises over the first steps, then falls along a cosine until training ends."""
    decay = FINAL_LEARNING_RATE + (1 - FINAL_LEARNING_RATE) * (1 + math.cos(math.pi * done)) / 2
    return highest * decay * min(1.0, (step + 1) / WARMUP_STEPS)
