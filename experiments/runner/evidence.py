# SPDX-License-Identifier: BSD-3-Clause
"""The rows that a verdict rests on, and whether they can carry it."""
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import prod

from runner import guard, pace, stats
from runner.rows import Row
from runner.stats import Estimate
from runner.summary import METRICS, PER_CORE, key, kilo, point

FAILED_MOST = 0.001  # of a row's connections: with more it tells of another load than it should
_BEYOND = {"latency_p50_us": 0.5, "latency_p90_us": 0.1, "latency_p99_us": 0.01, "latency_p999_us": 0.001}  # share of the answers
# The load generator is in these where it was the limit. What the server spent on a transaction is not of them.
_OF_THE_GENERATOR = ("transactions_per_s", "connections_per_s", "bytes_per_s", "opened_per_s")
_OF_THE_RATE = (*_OF_THE_GENERATOR, PER_CORE, "cycles_per_transaction")


class Untestable(Exception):
    """Why nothing can be judged; found: what the rows say all the same."""

    def __init__(self, why: str, found: Estimate | None = None):
        super().__init__(why)
        self.found = found


@dataclass(frozen=True)
class Flaw:
    """What is wrong with rows. effect: 1: they may look better for the claim than they should, -1: worse, 0: either."""

    why: str
    effect: int


def name_of(row: Row) -> str:
    """A row's line, for a reader."""
    return " ".join(filter(None, (row["stack"], row.get("variant"), f"at {kilo(point(row))}")))


def _line_of(row: Row) -> str:
    """As the manifest names it where one of its runs failed."""
    return " ".join(filter(None, (row["experiment"], row.get("variant"), row["stack"], str(point(row)))))


def failed_share(row: Row) -> float:
    """Of the connections that there were: many transactions on each must not hide those that failed."""
    failed, there = row.get("failed") or 0, row.get("transactions") or 0
    if row.get("connections_per_s") is not None:
        there = min(there, max(row["connections_per_s"] * row["seconds"], row.get("concurrency") or 0))
    return failed / (there + failed) if failed else 0.0


def _flaws_of(row: Row, metric: str, up: int) -> Iterable[Flaw]:
    """up: 1: the more the row has of it, the better for the claim; -1: the less."""
    if failed_share(row) > FAILED_MOST:
        yield Flaw(f"{failed_share(row):.1%} of the connections failed", 1)
    if row.get("generator_limited") and metric in _OF_THE_GENERATOR:
        yield Flaw("the load generator was the limit", -up)
    if row.get("generator_limited") and metric.startswith("latency_"):
        yield Flaw("the load generator was late", up)
    stuck = row.get("stuck") or 0
    if stuck > _BEYOND.get(metric, 1.0) * ((row.get("transactions") or 0) + stuck):
        yield Flaw(f"{stuck:,} transactions took longer than the window: no percentile has them", -up)
    # What ended in such a window had begun before it, and what began in it had not ended.
    if metric in _OF_THE_RATE and row["seconds"] * 1e6 < (row.get("latency_p50_us") or 0.0):
        yield Flaw("measured for less than a transaction takes", 0)


def _drift_factor(row: Row) -> float:
    """How far a half of the window was from the whole, where the rate drifted: at most so many times."""
    drift = row.get("rate_drift") or 0.0
    if abs(drift) <= pace.DRIFT_LIMIT:
        return 1.0
    return (1 + max(1 + drift, 1 / max(1 + drift, 1e-9))) / 2


def values(rows: list[Row], metric: str) -> list[float]:
    """Of every row. Where less is better, nothing is not the best of all, but nothing measured."""
    found = [row.get(metric) for row in rows]
    missing = [row for row, value in zip(rows, found) if value is None or (value == 0 and METRICS[metric].lowest)]
    if missing or not rows:
        raise Untestable(f"{name_of(missing[0])}: {len(missing)} of {len(rows)} rows have no {metric}" if missing else f"no row has {metric}")
    return [float(value) for value in found if value is not None]


@dataclass
class Evidence:
    """Rows of one experiment, those that a measure has looked at, and what did not run."""

    rows: list[Row]
    failures: list[dict[str, str]] = field(default_factory=list)  # of the manifest: runs that gave no row
    over: list[Row] = field(default_factory=list)                 # the value is of these, over ...
    under: list[Row] = field(default_factory=list)                # ... these, where it is a ratio
    beside: list[tuple[list[Row], list[Row]]] = field(default_factory=list)  # pairs like that which could have made it less
    missing: list[str] = field(default_factory=list)              # points that the claim names and no row has
    notes: list[str] = field(default_factory=list)                # what a reader has to know beside the value

    def at(self, stack: str, at: int, variant: str | None = None) -> list[Row]:
        """Rows of a stack at a point; of one variant where the claim names it."""
        found = [row for row in self.rows if row["stack"] == stack and point(row) == at
                 and variant in (None, row.get("variant") or "")]
        if not found:
            raise Untestable(f"no row of {stack}{f', {variant},' if variant else ''} at {kilo(at)}")
        return found

    def ratio(self, over: list[Row], under: list[Row], metric: str) -> Estimate:
        """Of the medians of rows that are used from now on."""
        self.over += over
        self.under += under
        if not stats.median(values(under, metric)).value:
            raise Untestable(f"{name_of(under[0])} is 0")
        return stats.ratio(values(over, metric), values(under, metric))

    def flaws(self, metric: str, below: bool) -> list[Flaw]:
        """Of the rows used; of those beside, which could only have made things worse for the claim. below: it wants a low value."""
        beside = [Flaw(flaw.why, 1) for over, under in self.beside for flaw in self._flaws(over, under, metric, below)]
        missing = [Flaw(f"no rows at {', '.join(self.missing)}", 1)] * bool(self.missing)
        return list(dict.fromkeys([*self._flaws(self.over, self.under, metric, below), *beside, *missing]))

    def _flaws(self, over: list[Row], under: list[Row], metric: str, below: bool) -> list[Flaw]:
        """Each with the line it is of."""
        return [Flaw(f"{name_of(row)}: {flaw.why}", flaw.effect) for rows, up in ((over, -1 if below else 1), (under, 1 if below else -1))
                for row in rows for flaw in _flaws_of(row, metric, up)] + self._lost([*over, *under])

    def _lost(self, rows: list[Row]) -> list[Flaw]:
        """Lines of these rows of which not every run gave one."""
        found = []
        for row in {key(row): row for row in rows}.values():
            name = _line_of(row)
            lost = [item["why"] for item in self.failures if item["run"].startswith(f"{name} #")]
            if lost:
                found.append(Flaw(f"{name_of(row)}: {len(lost)} of {len(lost) + sum(key(other) == key(row) for other in rows)} runs failed: {lost[0]}", 1))
        return found

    def disturbed(self) -> list[str]:
        """How many of the rows used stayed so however often they were made again, for a reader; empty where none did."""
        used = [*self.over, *self.under]
        shaken = sum(bool(guard.disturbance(row)) for row in used)
        return [f"{shaken} of {len(used)} runs stayed disturbed"] * bool(shaken)

    def gone(self, experiment: str) -> list[tuple[str, str, int]]:
        """Lines of which every run failed, any of which may have been the best or the worst: variant, stack, point."""
        there = set(map(_line_of, self.rows))
        lost = dict.fromkeys(item["run"].rpartition(" #")[0] for item in self.failures)
        parts = [name.rsplit(" ", 2) for name in lost if name.startswith(f"{experiment} ") and name not in there]
        return [(head.removeprefix(experiment).strip(), stack, int(at)) for head, stack, at in parts]

    def drift(self, metric: str) -> tuple[float, str]:
        """How many times off the value may be for rates that drifted, and whose did; 1 where none did by much."""
        if metric not in _OF_THE_RATE and not metric.startswith("latency_"):
            return 1.0, ""
        by_line: dict[str, list[Row]] = {}
        for row in [*self.over, *self.under]:
            by_line.setdefault(name_of(row), []).append(row)
        factors = {name: stats.median([_drift_factor(row) for row in found]).value for name, found in by_line.items()}
        told = [f"{name} by {max((row.get('rate_drift') or 0.0 for row in found), key=abs):+.0%}"
                for name, found in by_line.items() if factors[name] > 1]
        return prod(factors.values()), ", ".join(told)

