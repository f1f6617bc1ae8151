"""Medians and spread of timings, and of ratios of paired ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# One standard deviation to either side, were the timings normally distributed; they are not.
LOW, HIGH = 16, 84


@dataclass(frozen=True)
class Summary:
    """The median of some values, and the percentiles `LOW` and `HIGH`."""

    median: float
    low: float
    high: float


def summarize(values: Sequence[float]) -> Summary:
    """Summarizes values, of which there must be at least one."""
    low, median, high = np.percentile(values, [LOW, 50, HIGH])
    return Summary(float(median), float(low), float(high))


def paired_ratio(numerators: Sequence[float], denominators: Sequence[float]) -> Summary:
    """Summarizes the ratios of values that belong together, round by round.

    Whatever slows a whole round down cancels, as it does not in a ratio of medians.

    Raises:
        ValueError: there are not as many of the one as of the other.
    """
    pairs = zip(numerators, denominators, strict=True)
    return summarize([numerator / denominator for numerator, denominator in pairs])
