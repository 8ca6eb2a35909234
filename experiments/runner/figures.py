# SPDX-License-Identifier: BSD-3-Clause
"""Figures: data files from rows, drawn by gnuplot with the file of the same name in plots/."""
from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

from runner import procs
from runner.places import PLOTS
from runner.rows import Row
from runner.scenario import STACKS, Plot, Scenario
from runner.summary import METRICS, Line, kilo, lines

_PARTS = ("application", "tcpip", "packet_io", "kernel_other", "kernel", "unclassified", "idle")
_METHODS = {("cycles", "phase"): "cycles", ("perf", "phase"): "perf, phase", ("perf", "leaf"): "perf, leaf",
            ("perf", "caller"): "perf, caller", ("proc-stat", "-"): "/proc/stat"}


def _blocks(all_lines: list[Line], columns: Callable[[Line], list[float] | None]) -> str:
    """A block for each curve: its name, then a line for each point."""
    blocks: dict[str, list[str]] = {}
    for line in sorted(all_lines, key=lambda line: (STACKS.index(line.key.stack), line.key.device, line.key.variant)):
        values = columns(line)
        if values:
            text = " ".join(f"{value:.6g}" for value in [line.key.point, *values])
            blocks.setdefault(_curve_name(all_lines, line), []).append(text)
    return "\n\n\n".join("\n".join([f'"{name}"', *body]) for name, body in blocks.items())


def _curve_name(all_lines: list[Line], line: Line) -> str:
    """The stack; what else tells this curve from others of the same stack."""
    same = [other.key for other in all_lines if other.key.stack == line.key.stack]
    words = [line.key.stack]
    if line.key.variant and len({key.variant for key in same}) > 1:
        words.append(line.key.variant)
    if len({key.device for key in same if key.variant == line.key.variant}) > 1:
        words.append(f"({line.key.device})")
    return " ".join(words)


def _curve(all_lines: list[Line], plot: Plot) -> str:
    """A value against the experiment's points, with its interval."""
    scale = METRICS[plot.metric].scale

    def columns(line: Line) -> list[float] | None:
        found = line.estimate(plot.metric)
        return [scale * value for value in (found.value, found.lower, found.upper)] if found and found.value else None

    return _blocks(all_lines, columns)


def _latency(all_lines: list[Line], _: Plot) -> str:
    def columns(line: Line) -> list[float] | None:
        found = [line.estimate(f"latency_{name}_us") for name in ("p50", "p99")]
        return [item.value for item in found if item] if all(item and item.value for item in found) else None

    return _blocks(all_lines, columns)


def _bars(all_lines: list[Line], plot: Plot) -> str:
    """A bar for each line: label, value, interval, the stack's linetype."""
    out = []
    points = {line.key.point for line in all_lines}
    for line in all_lines:
        found = line.estimate(plot.metric)
        if found and found.value:
            scale = METRICS[plot.metric].scale
            label = " ".join(filter(None, (line.key.stack, line.key.variant, kilo(line.key.point) if len(points) > 1 else "",
                                           f"({line.key.device})" if line.key.device not in ("ring", "veth", "veth-rootless") else "")))
            out.append(f'"{label}" {found.value * scale:.6g} {found.lower * scale:.6g} {found.upper * scale:.6g} '
                       f"{STACKS.index(line.key.stack) + 1}")
    return "\n".join(out)


def _percentiles(all_lines: list[Line], _: Plot) -> str:
    """A block for each line: its name, then p50, p90, p99, p99.9 and the largest, in microseconds."""
    blocks = []
    for line in all_lines:
        found = [line.estimate(f"latency_{name}_us") for name in ("p50", "p90", "p99", "p999")]
        if all(item and item.value for item in found):
            body = [f"{place} {item.value:.6g}" for place, item in enumerate(found) if item]
            blocks.append("\n".join([f'"{_curve_name(all_lines, line)}"', *body]))
    return "\n\n\n".join(blocks)


def _mean_shares(line: Line, method: tuple[str, str]) -> dict[str, float] | None:
    found = [entry["shares"] for row in line.rows for entry in row["breakdown"]
             if entry["cpus"] == "server" and (entry["method"], entry["attribution"]) == method]
    if not found:
        return None
    return {part: sum(shares.get(part, 0.0) for shares in found) / len(found) for part in _PARTS}


def _breakdown(all_lines: list[Line], _: Plot) -> str:
    """A line for each bar: label, then the parts in percent; an empty bar between two stacks."""
    out = ["label " + " ".join(_PARTS)]
    for line in all_lines:
        bars = []
        for method, label in _METHODS.items():
            shares = _mean_shares(line, method)
            if shares:
                values = " ".join(f"{100 * shares[part]:.3f}" for part in _PARTS)
                bars.append(f'"{line.key.stack} {kilo(line.key.point)}: {label}" {values}')
        if bars and len(out) > 1:
            out.append('"" ' + " ".join("0" for _ in _PARTS))
        out += bars
    return "\n".join(out) if len(out) > 1 else ""


def _cycles(all_lines: list[Line], _: Plot) -> str:
    out = []
    for line in all_lines:
        found = line.estimate("cycles_per_transaction")
        if found and found.value:
            out.append(f'"{line.key.stack} {kilo(line.key.point)}" {found.value:.6g} {found.lower:.6g} '
                       f"{found.upper:.6g} {STACKS.index(line.key.stack) + 1}")
    return "\n".join(out)


DATA: dict[str, Callable[[list[Line], Plot], str]] = {
    "curve": _curve, "latency": _latency, "bars": _bars, "percentiles": _percentiles, "breakdown": _breakdown, "cycles": _cycles,
}


def _chosen(plot: Plot, own: list[Line]) -> list[Line]:
    """Lines of the variants that a figure is about."""
    return [line for line in own if not plot.variants or line.key.variant in plot.variants]


def draw(rows: list[Row], scenarios: dict[str, Scenario], folder: Path, kinds: tuple[str, ...] = ("svg", "png"),
         only: str | None = None) -> list[str]:
    """Draws every figure that the rows have something for; names of those drawn. only: of one experiment."""
    if not shutil.which("gnuplot"):
        return []
    drawn = []
    (folder / "data").mkdir(parents=True, exist_ok=True)
    for scenario in scenarios.values():
        own = lines(row for row in rows if row["experiment"] == scenario.name)
        if not own or (only and scenario.name != only):
            continue
        for plot in scenario.plots:
            text = DATA[plot.data](_chosen(plot, own), plot)
            if text:
                data = folder / "data" / f"{plot.name}.dat"
                data.write_text(text + "\n")
                for kind in kinds:
                    _gnuplot(plot, data, folder / f"{plot.name}.{kind}", kind)
                drawn.append(plot.name)
    return drawn


def _styles(data: Path) -> tuple[str, str]:
    """For each curve the number of its stack's linetype, and of its dashes: curves of one stack differ in those."""
    names = re.findall(r'^"([^"]+)"$', data.read_text(), re.MULTILINE)
    stacks = [name.split()[0] for name in names]
    dashes = [stacks[:place].count(stack) + 1 for place, stack in enumerate(stacks)]
    return " ".join(str(STACKS.index(stack) + 1) for stack in stacks), " ".join(map(str, dashes))


def _gnuplot(plot: Plot, data: Path, out: Path, kind: str) -> None:
    """Drawn beside and moved in place: whoever looks at a figure sees a whole one."""
    half = out.with_name(f".{out.name}")
    lines_, dashes = _styles(data)
    label = plot.label or (METRICS[plot.metric].label if plot.metric else "")
    settings = (f"data={_quoted(data)}; out={_quoted(half)}; kind='{kind}'; plots={_quoted(PLOTS)}; "
                f"lines='{lines_}'; dashes='{dashes}'; value_label={_quoted(label)}")
    procs.call(["gnuplot", "-e", settings, str(PLOTS / f"{plot.name}.gp")], timeout=60.0)
    half.replace(out)


def _quoted(path: Path | str) -> str:
    return "'" + str(path).replace("'", "''") + "'"


def inline(svg: str, prefix: str) -> str:
    """An SVG as it can stand in a page beside others: no prologue, ids of its own."""
    body = svg[svg.index("<svg") :]
    body = re.sub(r"""\bid=(["'])""", rf"id=\1{prefix}-", body)
    body = re.sub(r"url\(\s*#", f"url(#{prefix}-", body)
    return re.sub(r"""(href=["'])#""", rf"\1#{prefix}-", body)
