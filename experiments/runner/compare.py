# SPDX-License-Identifier: BSD-3-Clause
"""Two runs side by side."""
from __future__ import annotations

from pathlib import Path
from typing import Any

from runner import rows, stats
from runner import table as terminal
from runner.errors import UsageError
from runner.summary import PER_CORE, RATE, Key, Line, kilo, lines, name_of, with_interval


def _same(a: Line, b: Line, metric: str) -> tuple[str, str]:
    """Second over first, and what its interval says."""
    over, under = b.values(metric), a.values(metric)
    if not over or not under or not stats.median(under).value:
        return "-", "not measured in both"
    found = stats.ratio(over, under)
    if found.low is None or found.high is None:
        return with_interval(found, ".3f"), "one repeat: no interval"
    if found.low <= 1.0 <= found.high:
        return with_interval(found, ".3f"), "no difference shown"
    return with_interval(found, ".3f"), "faster" if found.value > 1.0 else "slower"


def tables(first: Path, second: Path) -> list[Any]:
    """A table for each metric; UsageError when the two have nothing in common."""
    before = {line.key: line for line in lines(rows.read(first))}
    after = {line.key: line for line in lines(rows.read(second))}
    common: list[Key] = [key for key in before if key in after]
    if not common:
        raise UsageError(f"{first} and {second} have no experiment, stack, variant, device and point in common")
    found = []
    for metric, title in ((PER_CORE, "per busy server-core second"), (RATE, "per second")):
        table = terminal.make(f"transactions {title}: A = {first}, B = {second}", "B / A", "stack", "point", "A", "B", "", left=(1,))
        for key in common:
            ratio, word = _same(before[key], after[key], metric)
            table.add_row(ratio, f"{key.experiment} {name_of(before[key])}", kilo(key.point),
                          with_interval(before[key].estimate(metric)), with_interval(after[key].estimate(metric)), word)
        found.append(table)
    return found
