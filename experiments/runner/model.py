# SPDX-License-Identifier: BSD-3-Clause
"""The universal scalability law, fitted to what was measured, for more cores than the machine has. A model, and called so:
rate(N) = rate1 N / (1 + contention (N - 1) + coherence N (N - 1))."""
from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

_DRAWS = 200
_SEED = 20140402


@dataclass(frozen=True)
class Usl:
    rate1: float       # of one core
    contention: float  # share of the work that waits for the others' (Amdahl)
    coherence: float   # work that grows with every pair of cores; 0 where fewer than three points tell nothing of it

    def at(self, n: float) -> float:
        return self.rate1 * n / (1 + self.contention * (n - 1) + self.coherence * n * (n - 1))


@dataclass(frozen=True)
class Prediction:
    n: int
    value: float
    low: float    # of a bootstrap over the rows
    high: float


def fit(points: Mapping[int, Sequence[float]]) -> Usl | None:
    """By least squares on the medians; None with fewer than two numbers of cores, and where none fits."""
    from scipy.optimize import curve_fit

    sizes = np.array(sorted(points), dtype=float)
    if len(sizes) < 2:
        return None
    rates = np.array([float(np.median(points[int(n)])) for n in sizes])
    scale = rates[0] / sizes[0]
    if scale <= 0:
        return None

    def law(n: np.ndarray, rate1: float, contention: float, coherence: float = 0.0) -> np.ndarray:
        return rate1 * n / (1 + contention * (n - 1) + coherence * n * (n - 1))

    free = 3 if len(sizes) >= 3 else 2
    bounds = ([0.0] * free, [10.0, 1.0, 1.0][:free])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as many points as parameters leave no covariance; intervals come from elsewhere
        try:
            found, _ = curve_fit(law, sizes, rates / scale, p0=[1.0, 0.02, 0.001][:free], bounds=bounds)
        except RuntimeError:  # no such law
            return None
    return Usl(float(found[0]) * scale, *(float(value) for value in [*found[1:], 0.0][:2]))


def predict(points: Mapping[int, Sequence[float]], beyond: Sequence[int]) -> list[Prediction]:
    """The law at these numbers of cores, with 95% intervals; empty where it cannot be fitted."""
    law = fit(points)
    if law is None:
        return []
    rng = np.random.default_rng(_SEED)
    draws = []
    for _ in range(_DRAWS):
        other = fit({n: rng.choice(np.asarray(values, dtype=float), size=len(values)) for n, values in points.items()})
        draws.append([other.at(n) if other else np.nan for n in beyond])
    low, high = np.nanpercentile(np.array(draws), [2.5, 97.5], axis=0)
    return [Prediction(n, law.at(n), float(a), float(b)) for n, a, b in zip(beyond, low, high)]
