# SPDX-License-Identifier: BSD-3-Clause
"""Medians, and bootstrap 95% intervals of medians and of their ratios."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_DRAWS = 4000
_SEED = 20140402  # intervals of the same rows are the same each time


@dataclass(frozen=True)
class Estimate:
    """A median with its interval; without one (None) when there was a single value."""

    value: float
    low: float | None
    high: float | None
    n: int

    @property
    def lower(self) -> float:
        return self.value if self.low is None else self.low

    @property
    def upper(self) -> float:
        return self.value if self.high is None else self.high


def _medians(values: Sequence[float], rng: np.random.Generator) -> np.ndarray:
    data = np.asarray(values, dtype=float)
    return np.median(rng.choice(data, size=(_DRAWS, len(data))), axis=1)


def _interval(draws: np.ndarray) -> tuple[float, float]:
    low, high = np.percentile(draws, [2.5, 97.5])
    return float(low), float(high)


def median(values: Sequence[float]) -> Estimate:
    """Of at least one value."""
    middle = float(np.median(np.asarray(values, dtype=float)))
    if len(values) < 2:
        return Estimate(middle, None, None, len(values))
    return Estimate(middle, *_interval(_medians(values, np.random.default_rng(_SEED))), len(values))


def ratio(over: Sequence[float], under: Sequence[float]) -> Estimate:
    """Median over median, both resampled."""
    middle = float(np.median(over)) / float(np.median(under))
    if len(over) < 2 or len(under) < 2:
        return Estimate(middle, None, None, min(len(over), len(under)))
    rng = np.random.default_rng(_SEED)
    draws = _medians(over, rng) / _medians(under, rng)
    return Estimate(middle, *_interval(draws), min(len(over), len(under)))
