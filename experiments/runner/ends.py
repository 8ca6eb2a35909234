# SPDX-License-Identifier: BSD-3-Clause
"""What both ends of a line had left: the time of their cores, and the load generator's own limit."""
from __future__ import annotations

from runner import stats
from runner.rows import Row
from runner.scenario import OURS, PACKETS
from runner.summary import Line, milliseconds
from runner.words import cores_of

HEAD = ("server CPU", "load CPU", "generator")


def open_loop(row: Row) -> bool:
    """Has the load a timing of its own, whatever the answers do?"""
    return bool(row.get("rate")) or row.get("app") == "replay"


def _share(row: Row, end: str) -> float | None:
    """CPU time of an end, of all that its cores had; of several hosts those of all."""
    spent, lists = row.get(f"{end}_cpu_s"), row.get(f"{end}_cores")
    cores = sum(len(cores_of(text)) for text in lists.split(";")) if lists else 0
    return spent / (row["seconds"] * cores) if spent is not None and cores else None


def cpu(line: Line, end: str) -> str:
    """end: server or client. Of a server of ours also what its loop calls idle: one that polls takes its core whole, busy or not."""
    shares = [share for row in line.rows if (share := _share(row, end)) is not None]
    if not shares:
        return "-"
    idle = line.estimate("cpu_idle") if end == "server" and line.key.stack in OURS else None
    return f"{stats.median(shares).value:.0%}" + (f" (idle {idle.value:.0%})" if idle else "")


def generator(line: Line) -> str:
    """Closed loop: how busy the load's cores were; open loop: how late its 99th percentile began."""
    found = line.estimate("generator_lag")
    if found is None:
        return "-"
    if not open_loop(line.rows[0]):
        return f"{found.value:.0%} busy"
    return f"{found.value:.3g} us late" if found.value < 999.5 else f"{milliseconds(found)} ms late"


def cells(line: Line) -> tuple[str, str, str]:
    """Under HEAD. Bare packets come from a source that waits for nothing: it is no load generator, and is not watched."""
    if line.key.stack == PACKETS:
        return cpu(line, "server"), "-", "-"
    return cpu(line, "server"), cpu(line, "client"), generator(line)
