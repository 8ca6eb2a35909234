# SPDX-License-Identifier: BSD-3-Clause
"""What figures show: rows put together as blocks of named values, for gnuplot and for the table behind each figure."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from runner import latencies, model, paper
from runner.parts import LABELS, METHODS, PARTS, mean_shares
from runner.scenario import OURS, STACKS, Plot
from runner.stats import Estimate
from runner.summary import METRICS, Line, axis, kilo, lines_like, ratio_of

MODEL_CORES = 16  # as far as the scaling law is drawn
PAPER_LINE = 9  # linetype of the paper's numbers in plots/style.gp
_MARKS = {1: 7, 2: 5, 3: 9, 4: 11, 5: 13, 6: 4, 7: 6, PAPER_LINE: 12}  # a stack's own, by linetype, as in plots/style.gp
_OTHER_MARKS = (8, 4, 2, 12, 1, 10, 3, 6)  # of its further curves: hollow ones, and strokes
_PLAIN_DEVICES = ("ring", "veth", "veth-rootless", "none")
_PERCENTILES = ("p50", "p90", "p99", "p999")
_SHARES = (100.0, 98.0, 95.0, 90.0, 85.0, 80.0, 75.0, 70.0, 65.0, 60.0, 55.0, 50.0, 40.0, 31.5, 25.0, 20.0, 16.0, 12.5,
           *(float(f"{step}e{power}") for power in range(1, -7, -1) for step in (1, 0.8, 0.63, 0.5, 0.4, 0.315, 0.25, 0.2, 0.16, 0.125)))
_MARKED = (50.0, 10.0, 1.0, 0.1, 0.01, 0.001)
_FROM_TO = ("low", "high")  # ends of the 95% interval

Cell = float | str


@dataclass
class Data:
    """columns: of every block; what gnuplot alone needs stands behind them in a row. Blocks without a name are bars."""

    columns: tuple[str, ...]
    blocks: dict[str, list[list[Cell]]] = field(default_factory=dict)
    header: str = ""   # first line of the file, where gnuplot wants one
    places: tuple[str, ...] = ()  # what the first column's 0, 1, ... stand for, where they are names
    unit: str = ""  # of the first column's values
    panels: dict[str, int] = field(default_factory=dict)  # pictures side by side: the name of each, and how many of the blocks are its

    @property
    def named(self) -> bool:
        return any(self.blocks)

    def text(self) -> str:
        """As gnuplot reads it: blocks two blank lines apart, each under its name."""
        told = ["\n".join([f'"{shown}"'] * bool(shown) + [" ".join(map(_word, row)) for row in rows])
                for shown, rows in zip(self._shown(), self.blocks.values())]
        return "\n".join([self.header] * bool(self.header) + ["\n\n\n".join(told)]) + "\n"

    def styles(self) -> tuple[str, str, str]:
        """For each block the number of its stack's linetype, of its dashes and of its mark: curves of one stack differ in those."""
        curves = self._shown()
        stacks = [name.split()[0] for name in curves]
        before = [len({other for other, of in zip(curves[: curves.index(name)], stacks) if of == stack}) for name, stack in zip(curves, stacks)]
        marks = [_MARKS[linetype(stack)] if place == 0 else _OTHER_MARKS[(place - 1) % len(_OTHER_MARKS)] for stack, place in zip(stacks, before)]
        return " ".join(str(linetype(stack)) for stack in stacks), " ".join(str(place + 1) for place in before), " ".join(map(str, marks))

    def _shown(self) -> list[str]:
        """Names of blocks as their curves have them: without what stands above a panel, and so the same in each."""
        panels = [name for name, n in self.panels.items() for _ in range(n)]
        return [name.removesuffix(f" at {panel}") for name, panel in zip(self.blocks, panels)] if panels else list(self.blocks)

    def layout(self) -> dict[str, list[int] | list[str]]:
        """Of several panels: how many blocks each has, their names, and of each curve the number of its first block."""
        if not self.panels:
            return {}
        curves = self._shown()
        return {"panels": list(self.panels.values()), "panel_names": list(self.panels), "curves": [curves.index(name) + 1 for name in dict.fromkeys(curves)]}

    def table(self) -> tuple[list[str], list[list[str]]]:
        """Head and rows for a reader."""
        head = ["curve"] * self.named + list(self.columns)
        rows = [[name] * self.named + [self._at(row), *(_told(value) for value in row[1 : len(self.columns)])]
                for name, block in self.blocks.items() for row in block if row[0] != ""]
        return head, rows

    def _at(self, row: list[Cell]) -> str:
        return self.places[int(row[0])] if self.places else _told(row[0]) + self.unit

    def words(self) -> str:
        """What a reader hears who does not see the figure: each curve's ends, each bar's value."""
        if not self.named:
            return "; ".join(_bar_words(self.columns, row) for rows in self.blocks.values() for row in rows if row[0] != "")
        return "; ".join(self._curve_words(name, rows) for name, rows in self.blocks.items() if rows)

    def _curve_words(self, name: str, rows: list[list[Cell]]) -> str:
        """Its two ends."""
        ends = rows[:1] if len(rows) == 1 else [rows[0], rows[-1]]
        return f"{name}: " + ", ".join(f"{_told(row[1])} at {self._at(row)}" for row in ends)


def linetype(stack: str) -> int:
    return STACKS.index(stack) + 1 if stack in STACKS else PAPER_LINE


def _word(value: Cell) -> str:
    return f'"{value}"' if isinstance(value, str) else f"{value:.6g}"


def _told(value: Cell) -> str:
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _bar_words(columns: tuple[str, ...], row: list[Cell]) -> str:
    shown = [(name, value) for name, value in zip(columns[1:], row[1:]) if name not in _FROM_TO and value]
    if len(shown) == 1:
        return f"{row[0]}: {_told(shown[0][1])}"
    return f"{row[0]}: " + ", ".join(f"{name} {_told(value)}" for name, value in shown)


def _curve_name(all_lines: list[Line], line: Line) -> str:
    """The stack; what else tells this curve from others of the same stack."""
    same = [other.key for other in all_lines if other.key.stack == line.key.stack]
    words = [line.key.stack]
    if line.key.variant and len({key.variant for key in same}) > 1:
        words.append(line.key.variant)
    if len({key.device for key in same if key.variant == line.key.variant}) > 1:
        words.append(f"({line.key.device})")
    return " ".join(words)


def _by_curve(all_lines: list[Line]) -> list[Line]:
    return sorted(all_lines, key=lambda line: (STACKS.index(line.key.stack), line.key.device, line.key.variant))


def _three(found: Estimate, scale: float = 1.0) -> list[Cell]:
    return [scale * value for value in (found.value, found.lower, found.upper)]


def _models(all_lines: list[Line], metric: str) -> dict[str, list[list[Cell]]]:
    """For each curve of ours a block of the scaling law's values from the last point measured on, with their intervals."""
    curves: dict[str, dict[int, list[float]]] = {}
    for line in _by_curve(all_lines):
        if line.key.stack in OURS and line.values(metric) and not any(row["generator_limited"] for row in line.rows):  # else it is the load's law
            curves.setdefault(_curve_name(all_lines, line), {})[line.key.point] = line.values(metric)
    blocks: dict[str, list[list[Cell]]] = {}
    for name, points in curves.items():
        last = max(points)
        found = model.predict(points, [n for n in (last << shift for shift in range(8)) if n <= max(MODEL_CORES, last)])
        scale = METRICS[metric].scale
        blocks |= {f"{name} model (USL fit), not measured": [[float(item.n), *(scale * value for value in (item.value, item.low, item.high))]
                                                             for item in found]} if found else {}
    return blocks


def curve(all_lines: list[Line], plot: Plot) -> Data:
    """A value against the experiment's points, with its interval; the paper's values as levels."""
    metric = METRICS[plot.metric]
    data = Data(("point", metric.label, *_FROM_TO))
    for line in _by_curve(all_lines):
        found = line.estimate(plot.metric)
        if found and found.value:
            data.blocks.setdefault(_curve_name(all_lines, line), []).append([float(line.key.point), *_three(found, metric.scale)])
    if plot.model:
        data.blocks |= _models(all_lines, plot.metric)
    ends = sorted({row[0] for rows in data.blocks.values() for row in rows}, key=float)
    if ends:
        for known in paper.points(all_lines[0].key.experiment, "value", plot.metric):
            data.blocks[known.name] = [[x, (known.low + known.high) / 2, known.low, known.high] for x in dict.fromkeys((ends[0], ends[-1]))]
    return data


def latency(all_lines: list[Line], _: Plot) -> Data:
    """Median and 99th percentile, then the ends of their intervals."""
    data = Data(("point", "p50 us", "p99 us", "p50 low", "p50 high", "p99 low", "p99 high"))
    for line in _by_curve(all_lines):
        found = [item for name in ("p50", "p99") if (item := line.estimate(f"latency_{name}_us")) and item.value]
        if len(found) == 2:
            data.blocks.setdefault(_curve_name(all_lines, line), []).append(
                [float(line.key.point), *(item.value for item in found), *(end for item in found for end in (item.lower, item.upper))])
    return data


def _place(line: Line) -> str:
    """A bar's point: a small number would say little without what it counts."""
    return f"{line.key.point} core{'s' * (line.key.point > 1)}" if axis(line.rows[0]) == "cores" else kilo(line.key.point)


def _bar_label(line: Line, points: set[int]) -> str:
    device = f"({line.key.device})" if line.key.device not in _PLAIN_DEVICES else ""
    return " ".join(filter(None, (line.key.stack, line.key.variant, _place(line) if len(points) > 1 else "", device)))


def bars(all_lines: list[Line], plot: Plot) -> Data:
    """A bar for each line, then the paper's values; the linetype last."""
    metric = METRICS[plot.metric]
    rows: list[list[Cell]] = []
    points = {line.key.point for line in all_lines}
    for line in all_lines:
        found = line.estimate(plot.metric)
        if found and found.value:
            rows.append([_bar_label(line, points), *_three(found, metric.scale), float(linetype(line.key.stack))])
    if rows:
        rows += _paper_bars(all_lines, "value", plot.metric)
    return _as_bars(metric.label, rows)


def _as_bars(label: str, rows: list[list[Cell]]) -> Data:
    return Data(("bar", label, *_FROM_TO), {"": rows} if rows else {})


def _paper_bars(all_lines: list[Line], kind: str, metric: str) -> list[list[Cell]]:
    return [[known.name, (known.low + known.high) / 2, known.low, known.high, float(PAPER_LINE)]
            for known in paper.points(all_lines[0].key.experiment, kind, metric)]


def ratios(all_lines: list[Line], plot: Plot) -> Data:
    """How many times better than each kernel line ours is, then what the paper says of its own."""
    rows: list[list[Cell]] = []
    for line in all_lines:
        for rival in lines_like(all_lines, line) if line.key.stack == "mtcp" else []:
            found = ratio_of(line, rival, plot.metric)
            if found:
                label = " ".join(filter(None, ("over", rival.key.stack, line.key.variant, _place(line))))
                rows.append([label, *_three(found), float(linetype(rival.key.stack))])
    if rows:
        rows += _paper_bars(all_lines, "ratio", plot.metric)
    return _as_bars("times better", rows)


def percentiles(all_lines: list[Line], _: Plot) -> Data:
    """A block for each line: p50, p90, p99, p99.9, in microseconds, with their intervals."""
    data = Data(("percentile", "us", *_FROM_TO), places=_PERCENTILES)
    for line in all_lines:
        found = [line.estimate(f"latency_{name}_us") for name in _PERCENTILES]
        if all(item and item.value for item in found):
            data.blocks[_curve_name(all_lines, line)] = [[float(place), *_three(item)] for place, item in enumerate(found) if item]
    return data


def distribution(all_lines: list[Line], folder: Path) -> Data:
    """A panel for each point, a block for each line that has its latencies kept: the share of all responses, in percent, that took longer
    than so many us, then the least and the most that it is in a repeat, and how late the load began at that share; 1 last where a mark is."""
    data = Data(("took longer", "us", "least of a repeat", "most", "load late, us"), unit="%")
    for line in sorted(_by_curve(all_lines), key=lambda line: line.key.point):
        found = latencies.gather(folder, line)
        if found:
            panel = kilo(line.key.point)
            data.panels[panel] = data.panels.get(panel, 0) + 1
            data.blocks[f"{_curve_name(all_lines, line)} at {panel}"] = _exceeded(found)
    return data


def _exceeded(found: latencies.Gathered) -> list[list[Cell]]:
    rows: list[list[Cell]] = []
    for percent in (percent for percent in _SHARES if percent / 100 * found.responses.n >= 1):
        each = [repeat.exceeded_by(percent / 100) for repeat in found.repeats]
        late = found.starts.exceeded_by(percent / 100) if found.starts.n else 0.0
        rows.append([percent, found.responses.exceeded_by(percent / 100), min(each), max(each), late, float(percent in _MARKED)])
    return rows


def breakdown(all_lines: list[Line], _: Plot) -> Data:
    """A bar for each line and method: the parts in percent; an empty bar between two stacks."""
    rows: list[list[Cell]] = []
    for line in all_lines:
        own: list[list[Cell]] = []
        for method, label in METHODS.items():
            shares = mean_shares(line, method)
            if shares:
                own.append([f"{line.key.stack} {kilo(line.key.point)}: {label}", *(100 * shares[part] for part in PARTS)])
        rows += _gap(rows, own) + own
    for known in paper.points(all_lines[0].key.experiment, "kernel-share") if rows else []:
        text = f"{known.name}: {100 * known.low:.0f} to {100 * known.high:.0f}%"
        own = [[text, *(100 * {"application": 1 - known.high, "kernel": known.low}.get(part, 0.0) for part in PARTS)]]
        rows += _gap(rows, own) + own
    return Data(("bar", *LABELS), {"": rows} if rows else {}, "label " + " ".join(PARTS))


def _gap(before: list[list[Cell]], after: list[list[Cell]]) -> list[list[Cell]]:
    return [["", *(0.0 for _ in PARTS)]] if before and after else []


def cycles(all_lines: list[Line], _: Plot) -> Data:
    rows: list[list[Cell]] = []
    for line in all_lines:
        found = line.estimate("cycles_per_transaction")
        if found and found.value:
            rows.append([f"{line.key.stack} {kilo(line.key.point)}", *_three(found), float(linetype(line.key.stack))])
    return _as_bars("cycles per transaction", rows)


KINDS: dict[str, Callable[[list[Line], Plot], Data]] = {
    "curve": curve, "latency": latency, "bars": bars, "percentiles": percentiles, "breakdown": breakdown, "cycles": cycles,
    "ratios": ratios,
}
DISTRIBUTION = "distribution"  # the kind that wants more than rows


def of(plot: Plot, own: list[Line], folder: Path | None = None) -> Data:
    """What a figure shows of these lines: of the variants that it is about. folder: of the rows, for what is kept beside them."""
    chosen = [line for line in own if not plot.variants or line.key.variant in plot.variants]
    if plot.data == DISTRIBUTION:
        return distribution(chosen, folder) if folder else Data(())
    return KINDS[plot.data](chosen, plot) if chosen else Data(())
