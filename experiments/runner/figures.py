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
from runner.scenario import STACKS, Scenario
from runner.summary import PER_CORE, RATE, Line, kilo, lines

_PARTS = ("application", "tcpip", "packet_io", "kernel_other", "kernel", "unclassified", "idle")
_METHODS = {("cycles", "phase"): "cycles", ("perf", "phase"): "perf, phase", ("perf", "leaf"): "perf, leaf",
            ("perf", "caller"): "perf, caller", ("proc-stat", "-"): "/proc/stat"}


def _by_stack(all_lines: list[Line], columns: Callable[[Line], list[float] | None]) -> str:
    """A block for each stack: its name, then a line for each concurrency."""
    blocks = []
    for stack in STACKS:
        body = []
        for line in all_lines:
            values = columns(line) if line.key.stack == stack else None
            if values:
                body.append(" ".join(f"{value:.6g}" for value in [line.key.concurrency, *values]))
        if body:
            blocks.append("\n".join([f'"{stack}"', *body]))
    return "\n\n\n".join(blocks)


def _curve(metric: str) -> Callable[[list[Line]], str]:
    def columns(line: Line) -> list[float] | None:
        found = line.estimate(metric)
        return [found.value, found.lower, found.upper] if found and found.value else None

    return lambda all_lines: _by_stack(all_lines, columns)


def _latency(all_lines: list[Line]) -> str:
    def columns(line: Line) -> list[float] | None:
        found = [line.estimate(f"latency_{name}_us") for name in ("p50", "p99")]
        return [item.value for item in found if item] if all(item and item.value for item in found) else None

    return _by_stack(all_lines, columns)


def _mean_shares(line: Line, method: tuple[str, str]) -> dict[str, float] | None:
    found = [entry["shares"] for row in line.rows for entry in row["breakdown"]
             if entry["cpus"] == "server" and (entry["method"], entry["attribution"]) == method]
    if not found:
        return None
    return {part: sum(shares.get(part, 0.0) for shares in found) / len(found) for part in _PARTS}


def _breakdown(all_lines: list[Line]) -> str:
    """A line for each bar: label, then the parts in percent; an empty bar between two stacks."""
    out = ["label " + " ".join(_PARTS)]
    for line in all_lines:
        bars = []
        for method, label in _METHODS.items():
            shares = _mean_shares(line, method)
            if shares:
                values = " ".join(f"{100 * shares[part]:.3f}" for part in _PARTS)
                bars.append(f'"{line.key.stack} {kilo(line.key.concurrency)}: {label}" {values}')
        if bars and len(out) > 1:
            out.append('"" ' + " ".join("0" for _ in _PARTS))
        out += bars
    return "\n".join(out) if len(out) > 1 else ""


def _cycles(all_lines: list[Line]) -> str:
    out = []
    for line in all_lines:
        found = line.estimate("cycles_per_transaction")
        if found and found.value:
            out.append(f'"{line.key.stack} {kilo(line.key.concurrency)}" {found.value:.6g} {found.lower:.6g} '
                       f"{found.upper:.6g} {STACKS.index(line.key.stack) + 1}")
    return "\n".join(out)


DATA: dict[str, Callable[[list[Line]], str]] = {
    "concurrency": _curve(RATE), "concurrency-per-core": _curve(PER_CORE), "latency": _latency,
    "cpu-breakdown": _breakdown, "cycles": _cycles,
}


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
            text = DATA[plot.name](own)
            if text:
                data = folder / "data" / f"{plot.name}.dat"
                data.write_text(text + "\n")
                for kind in kinds:
                    _gnuplot(plot.name, data, folder / f"{plot.name}.{kind}", kind)
                drawn.append(plot.name)
    return drawn


def _gnuplot(name: str, data: Path, out: Path, kind: str) -> None:
    """Drawn beside and moved in place: whoever looks at a figure sees a whole one."""
    half = out.with_name(f".{out.name}")
    stacks = " ".join(re.findall(r'^"([^"]+)"$', data.read_text(), re.MULTILINE))
    settings = (f"data={_quoted(data)}; out={_quoted(half)}; kind='{kind}'; plots={_quoted(PLOTS)}; "
                f"stacks='{stacks}'")
    procs.call(["gnuplot", "-e", settings, str(PLOTS / f"{name}.gp")], timeout=60.0)
    half.replace(out)


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


def inline(svg: str, prefix: str) -> str:
    """An SVG as it can stand in a page beside others: no prologue, ids of its own."""
    body = svg[svg.index("<svg") :]
    body = re.sub(r"""\bid=(["'])""", rf"id=\1{prefix}-", body)
    body = re.sub(r"url\(\s*#", f"url(#{prefix}-", body)
    return re.sub(r"""(href=["'])#""", rf"\1#{prefix}-", body)
