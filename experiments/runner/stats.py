# SPDX-License-Identifier: BSD-3-Clause
"""Medians, and bootstrap 95% intervals of medians and of their ratios. Of fewer than five values such an interval is in effect their range,
and is called so where it is told."""
from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

_DRAWS = 4000
_SEED = 20140402  # intervals of the same rows are the same each time
_FEW = 5          # below that many values BCa has nothing to correct by: plain percentiles
_OUTLIER = 3.5    # robust standard deviations (Iglewicz and Hoaglin)
_MAD = 1.4826     # median absolute deviation to standard deviation, normal values
_LEAST = 0.02     # of the median: three equal values and one beside them are no outlier


@dataclass(frozen=True)
class Estimate:
    """A median with its interval; without one (None) when there was a single value."""

    value: float
    low: float | None
    high: float | None
    n: int

    def times(self, factor: float) -> Estimate:
        """Of values that many times these."""
        return Estimate(self.value * factor, self.low and self.low * factor, self.high and self.high * factor, self.n)

    @property
    def lower(self) -> float:
        return self.value if self.low is None else self.low

    @property
    def upper(self) -> float:
        return self.value if self.high is None else self.high


@cache
def _interval(samples: tuple[tuple[float, ...], ...], statistic: Callable[..., Any]) -> tuple[float, float]:
    """BCa, or percentiles where there are too few values or they leave BCa undefined (all the same). Kept: while a run goes on its
    report is made again and again, of lines that mostly are as they were."""
    from scipy.stats import bootstrap

    data = tuple(np.asarray(sample, dtype=float) for sample in samples)
    methods = ["BCa", "percentile"] if min(map(len, data)) >= _FEW else ["percentile"]
    for method in methods:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the degenerate case, which is looked at here
            found = bootstrap(data, statistic, n_resamples=_DRAWS, method=method, vectorized=True,
                              random_state=np.random.default_rng(_SEED)).confidence_interval
        if math.isfinite(found.low) and math.isfinite(found.high):
            break
    return float(found.low), float(found.high)


def median(values: Sequence[float]) -> Estimate:
    """Of at least one value."""
    middle = float(np.median(np.asarray(values, dtype=float)))
    if len(values) < 2:
        return Estimate(middle, None, None, len(values))
    return Estimate(middle, *_interval((tuple(values),), np.median), len(values))


def _median_ratio(over: Any, under: Any, axis: int = -1) -> Any:
    return np.median(over, axis=axis) / np.median(under, axis=axis)


def ratio(over: Sequence[float], under: Sequence[float]) -> Estimate:
    """Median over median, both resampled."""
    middle = float(np.median(over)) / float(np.median(under))
    if len(over) < 2 or len(under) < 2:
        return Estimate(middle, None, None, min(len(over), len(under)))
    return Estimate(middle, *_interval((tuple(over), tuple(under)), _median_ratio), min(len(over), len(under)))


def outliers(values: Sequence[float]) -> list[bool]:
    """Which values lie far from the others. For remarks only: none is ever left out."""
    data = np.asarray(values, dtype=float)
    if len(data) < 4:
        return [False] * len(data)
    middle = np.median(data)
    spread = max(_MAD * float(np.median(np.abs(data - middle))), _LEAST * abs(float(middle)))
    return [bool(abs(value - middle) > _OUTLIER * spread) for value in data]
