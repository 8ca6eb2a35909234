# SPDX-License-Identifier: BSD-3-Clause
"""Rows of one kind put together: one line for each experiment, variant, stack, device and point."""
from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from runner import guard, stats
from runner.rows import Row
from runner.scenario import AXES, BASELINES, STACKS, load_all
from runner.stats import Estimate

PER_CORE = "transactions_per_server_cpu_s"
RATE = "transactions_per_s"
_RATES = (RATE, "connections_per_s", "bytes_per_s")
RATIOS = ("kernel-tuned", "kernel", "best kernel")  # what lines are held against: the tuned first, the paper's rival beside it


@dataclass(frozen=True)
class Metric:
    """How a column is told to a reader."""

    label: str             # what stands above it
    unit: str              # what stands behind a value
    form: str = ",.0f"
    scale: float = 1.0     # from the column's unit to the label's
    lowest: bool = False   # the less, the better


METRICS = {
    PER_CORE: Metric("per busy core-s", "per busy core-s"),
    RATE: Metric("per s", "per s"),
    "cycles_per_transaction": Metric("cycles per transaction", "cycles", lowest=True),
    "latency_p50_us": Metric("p50 us", "us", ",.1f", lowest=True),
    "latency_p90_us": Metric("p90 us", "us", ",.1f", lowest=True),
    "latency_p99_us": Metric("p99 us", "us", ",.1f", lowest=True),
    "latency_p999_us": Metric("p99.9 us", "us", ",.1f", lowest=True),
    "bytes_per_s": Metric("Gb/s", "Gb/s", ",.2f", 8e-9),
    "connections_per_s": Metric("connections per s", "per s"),
    "fairness": Metric("Jain's index", "", ",.4f"),
    "memory_per_connection": Metric("bytes per connection, both ends", "bytes", lowest=True),
    "resident_per_connection": Metric("bytes that an end of a connection adds", "bytes", lowest=True),
    "opened_per_s": Metric("opened per s", "per s"),
}


@dataclass(frozen=True)
class Key:
    experiment: str
    variant: str   # part of the experiment; empty where there is one only
    stack: str
    device: str
    point: int     # on the experiment's axis


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

    def far(self, name: str) -> list[Row]:
        """Rows whose value lies far from the others': kept, and named."""
        kept = [row for row in self.rows if row.get(name) is not None]
        return [row for row, out in zip(kept, stats.outliers(self.values(name))) if out]

    def _outliers(self) -> list[str]:
        name = metric_of(self.key.experiment)
        middle = stats.median(self.values(name)).value if self.values(name) else 0.0
        return [f"outlier kept: repeat {row['repeat']}, {row[name] / middle - 1:+.0%}" for row in self.far(name) if middle]

    @property
    def remarks(self) -> str:
        said = [text for row in self.rows if row.get("notes") for text in row["notes"].split("; ")]
        if any(row.get("generator_limited") for row in self.rows):
            said.append("the load generator was the limit")
        if any(row.get("ramp_incomplete") for row in self.rows):
            said.append("not all connections were open when the window began")
        if any(map(guard.shaken, self.rows)):
            said.append(f"disturbed by more than {guard.LIMIT:.0%}")
        if any(row.get("cores_apart") for row in self.rows):
            said.append("the two cores were apart")
        said += self._outliers()
        return "; ".join(dict.fromkeys(said))


def axis(row: Row) -> str:
    """The column whose values are the experiment's points."""
    return row.get("axis") or "concurrency"


def point(row: Row) -> int:
    return int(row.get(axis(row)) or 0)


def key(row: Row) -> Key:
    return Key(row["experiment"], row.get("variant") or "", row["stack"], row["device"], point(row))


def lines(rows: Iterable[Row]) -> list[Line]:
    """By experiment and point; variants in the order in which the experiment has them, as far as rows tell."""
    groups: dict[Key, list[Row]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    known = load_all()

    def order(found: Key) -> tuple[object, ...]:
        names = [part.name for part in known[found.experiment].parts] if found.experiment in known else []
        place = names.index(found.variant) if found.variant in names else len(names)
        return found.experiment, found.point, place, found.variant, STACKS.index(found.stack), found.device

    return [Line(found, groups[found]) for found in sorted(groups, key=order)]


_LOAD = ("mtu", "rate", "messages_per_connection", "message_bytes", "app", "loss", "reorder", "delay_ms")


def _same(a: Row, b: Row, columns: tuple[str, ...]) -> bool:
    """Are two rows under the same load?"""
    return (a["experiment"], axis(a), point(a)) == (b["experiment"], axis(b), point(b)) and all(a.get(name) == b.get(name) for name in columns)


def lines_like(all_lines: list[Line], like: Line) -> list[Line]:
    """The kernel's lines under the same load. Variants may differ, as they are what is compared, unless they are loads, or settings of the kernel:
    what one is worth is told against none, not against the best of many."""
    known, columns, tuned = load_all().get(like.key.experiment), _LOAD, set()
    if known and known.variants_are_loads:
        columns = (*_LOAD, "variant")
    if known and known.variants_are_settings:
        columns, tuned = (*_LOAD, "server_cores"), {part.name for part in known.parts if part.tuning}
    return [line for line in all_lines if line.key.stack in BASELINES and line.key.variant not in tuned
            and _same(line.rows[0], like.rows[0], columns)]


def best_kernel(all_lines: list[Line], like: Line, metric: str = PER_CORE, stack: str = "") -> Line | None:
    """The kernel's best line under the same load. stack: of this one's only."""
    rivals = [line for line in lines_like(all_lines, like) if line.values(metric) and stack in ("", line.key.stack)]
    choose = min if METRICS[metric].lowest else max
    return choose(rivals, key=lambda line: stats.median(line.values(metric)).value, default=None)


def ratio_of(line: Line, rival: Line, metric: str = PER_CORE) -> Estimate | None:
    """How many times better than a rival: above 1 is better also where less is."""
    over, under = (rival, line) if METRICS[metric].lowest else (line, rival)
    if not over.values(metric) or not under.values(metric) or not stats.median(under.values(metric)).value:
        return None
    return stats.ratio(over.values(metric), under.values(metric))


def ratio_to_best(all_lines: list[Line], line: Line, metric: str = PER_CORE, stack: str = "") -> Estimate | None:
    """How many times better than the kernel's best line. stack: than the best of this one's."""
    best = best_kernel(all_lines, line, metric, stack)
    if best is line:
        return Estimate(1.0, None, None, len(line.values(metric)))
    return ratio_of(line, best, metric) if best else None


def ratio_metric(line: Line, metric: str) -> str:
    """By what lines are held against each other: where that is a rate, by that of a busy server core, as rates alone would compare load generators."""
    return PER_CORE if metric in _RATES and line.values(PER_CORE) else metric


def ratio_cells(all_lines: list[Line], line: Line, metric: str, tell: Callable[[Estimate | None], str]) -> tuple[str, str, str]:
    """Under RATIOS: over the tuned kernel, over the kernel as it comes, over the best line, which is named."""
    metric = ratio_metric(line, metric)
    best = best_kernel(all_lines, line, metric)
    cells = [tell(ratio_to_best(all_lines, line, metric, stack)) for stack in ("kernel-tuned", "kernel", "")]
    return cells[0], cells[1], f"{cells[2]} {best.key.stack.removeprefix('kernel-')}" if best else cells[2]


def kilo(connections: int) -> str:
    """8K, 1M: of 1024; other numbers as they are."""
    for unit, size in (("M", 1 << 20), ("K", 1 << 10)):
        if connections and connections % size == 0:
            return f"{connections // size}{unit}"
    return f"{connections:,}"


def milliseconds(found: Estimate | None) -> str:
    """Of microseconds, to three digits."""
    if found is None:
        return "-"
    value = found.value / 1000
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def number(estimate: Estimate | None, form: str = ",.0f") -> str:
    return "-" if estimate is None else format(estimate.value, form)


def with_interval(estimate: Estimate | None, form: str = ",.0f", scale: float = 1.0) -> str:
    if estimate is None:
        return "-"
    text = format(estimate.value * scale, form)
    if estimate.low is None or estimate.high is None:
        return text
    return f"{text} [{format(estimate.low * scale, form)}, {format(estimate.high * scale, form)}]"


def name_of(line: Line) -> str:
    """Stack, variant and device."""
    variant = f", {line.key.variant}" if line.key.variant else ""
    return f"{line.key.stack}{variant} ({line.key.device})"


def axis_label(found: list[Line]) -> str:
    """What the points of these lines are."""
    labels = dict(AXES.values())
    return " or ".join(dict.fromkeys(labels[axis(line.rows[0])] for line in found))


def metric_text(line: Line, name: str) -> str:
    """A column of a line as METRICS has it."""
    return with_interval(line.estimate(name), METRICS[name].form, METRICS[name].scale)


def metric_of(experiment: str) -> str:
    """The column that an experiment is about."""
    known = load_all()
    return known[experiment].metric if experiment in known else PER_CORE
