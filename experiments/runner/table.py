# SPDX-License-Identifier: BSD-3-Clause
"""Tables for the terminal."""
from __future__ import annotations

import os
import sys
from typing import Any, TextIO

from runner import ends, parts
from runner.claims import Verdict
from runner.rows import Row
from runner.summary import METRICS, RATE, RATIOS, Line, axis_label, kilo, lines, metric_of, metric_text, milliseconds, name_of, number, ratio_cells


def is_plain(stream: TextIO | None = None) -> bool:
    """No terminal, or colours not wanted: no escape codes then."""
    stream = stream or sys.stdout
    return not stream.isatty() or "NO_COLOR" in os.environ or os.environ.get("TERM") in (None, "", "dumb")


def console(stream: TextIO | None = None) -> Any:
    from rich.console import Console

    if is_plain(stream):
        width = None if (stream or sys.stdout).isatty() else 140
        return Console(file=stream, color_system=None, force_terminal=False, width=width, highlight=False)
    return Console(file=stream, highlight=False)


def make(title: str, *columns: str, left: tuple[int, ...]) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=box.SIMPLE)
    for index, name in enumerate(columns):
        table.add_column(name, justify="left" if index in left or index == len(columns) - 1 else "right",
                         overflow="fold")
    return table


def results(rows: list[Row]) -> list[Any]:
    """Tables for each experiment: ratios to the kernel's lines first, then what the two ends had left."""
    found = []
    all_lines = lines(rows)
    for experiment in dict.fromkeys(line.key.experiment for line in all_lines):
        metric = metric_of(experiment)
        own = [line for line in all_lines if line.key.experiment == experiment]
        title = METRICS[metric].label
        table = make(f"{experiment}: {title}; x: how many times better than that line of the kernel's, rates by busy server core", *(f"x {rival}" for rival in RATIOS),
                     "stack", axis_label(own), title, "per s", "p50 ms", "p99 ms", "failed", left=(2, 3))
        for line in own:
            table.add_row(*ratio_cells(all_lines, line, metric, lambda ratio: number(ratio, ".2f")), name_of(line), kilo(line.key.point),
                          metric_text(line, metric), number(line.estimate(RATE)), milliseconds(line.estimate("latency_p50_us")),
                          milliseconds(line.estimate("latency_p99_us")), str(line.total("failed")))
        found += [table, _ends(experiment, own), *_parts(experiment, own)]
    return found


def _ends(experiment: str, own: list[Line]) -> Any:
    """Is a line the server's, or the load generator's? With the remarks, many of which are about that."""
    table = make(f"{experiment}: time of both ends' cores, and the load generator", "stack", axis_label(own), *ends.HEAD, "remarks", left=(0,))
    for line in own:
        table.add_row(name_of(line), kilo(line.key.point), *ends.cells(line), line.remarks)
    return table


def _parts(experiment: str, own: list[Line]) -> list[Any]:
    told = parts.table(own)
    if not told:
        return []
    table = make(f"{experiment}: share of the server's cores, and cycles of a transaction", *parts.HEAD, left=(0, 2))
    for row in told:
        table.add_row(*row)
    return [table]


def verdicts(found: list[Verdict]) -> Any:
    table = make("claims", "verdict", "claim", "paper", "ours", "n", "tolerance", left=(0, 1, 2, 3))
    for verdict in found:
        table.add_row(verdict.word, f"{verdict.claim['name']}: {verdict.claim['text']}", verdict.claim["paper"],
                      verdict.ours, verdict.n, verdict.tolerance)
    return table
