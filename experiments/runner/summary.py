# SPDX-License-Identifier: BSD-3-Clause
"""Rows of one kind put together: one line for each experiment, stack, device and concurrency."""
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from runner import stats
from runner.rows import Row
from runner.scenario import BASELINES, STACKS
from runner.stats import Estimate

PER_CORE = "transactions_per_server_cpu_s"
RATE = "transactions_per_s"


@dataclass(frozen=True)
class Key:
    experiment: str
    stack: str
    device: str
    concurrency: int


@dataclass
class Line:
    key: Key
    rows: list[Row]

    def values(self, name: str) -> list[float]:
        return [row[name] for row in self.rows if row.get(name) is not None]

    def estimate(self, name: str) -> Estimate | None:
        values = self.values(name)
        return stats.median(values) if values else None

    def total(self, name: str) -> int:
        return int(sum(self.values(name)))

    @property
    def remarks(self) -> str:
        said = [text for row in self.rows if row.get("notes") for text in row["notes"].split("; ")]
        if any(row.get("generator_limited") for row in self.rows):
            said.append("the load generator was the limit")
        if any(row.get("ramp_incomplete") for row in self.rows):
            said.append("not all connections were open when the window began")
        if any((row.get("steal_share") or 0) > 0.1 for row in self.rows):
            said.append("processor taken away for more than 10% of the time")
        return "; ".join(dict.fromkeys(said))


def _order(key: Key) -> tuple[str, int, int, str]:
    return key.experiment, key.concurrency, STACKS.index(key.stack), key.device


def lines(rows: Iterable[Row]) -> list[Line]:
    groups: dict[Key, list[Row]] = {}
    for row in rows:
        key = Key(row["experiment"], row["stack"], row["device"], row["concurrency"])
        groups.setdefault(key, []).append(row)
    return [Line(key, groups[key]) for key in sorted(groups, key=_order)]


def best_kernel(all_lines: list[Line], like: Line, metric: str = PER_CORE) -> Line | None:
    """The kernel's best line of the same experiment and concurrency."""
    rivals = [line for line in all_lines if line.key.stack in BASELINES and line.values(metric)
              and (line.key.experiment, line.key.concurrency) == (like.key.experiment, like.key.concurrency)]
    return max(rivals, key=lambda line: stats.median(line.values(metric)).value, default=None)


def ratio_to_best(all_lines: list[Line], line: Line, metric: str = PER_CORE) -> Estimate | None:
    best = best_kernel(all_lines, line, metric)
    if best is None or not line.values(metric) or not stats.median(best.values(metric)).value:
        return None
    if best is line:
        return Estimate(1.0, None, None, len(line.values(metric)))
    return stats.ratio(line.values(metric), best.values(metric))


def kilo(connections: int) -> str:
    return f"{connections // 1024}K" if connections % 1024 == 0 else f"{connections:,}"


def milliseconds(found: Estimate | None) -> str:
    """Of microseconds, to three digits."""
    if found is None:
        return "-"
    value = found.value / 1000
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def number(estimate: Estimate | None, form: str = ",.0f") -> str:
    return "-" if estimate is None else format(estimate.value, form)


def with_interval(estimate: Estimate | None, form: str = ",.0f") -> str:
    if estimate is None:
        return "-"
    text = format(estimate.value, form)
    if estimate.low is None or estimate.high is None:
        return text
    return f"{text} [{format(estimate.low, form)}, {format(estimate.high, form)}]"
