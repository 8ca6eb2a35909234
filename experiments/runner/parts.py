# SPDX-License-Identifier: BSD-3-Clause
"""Where the time of a line's server went: shares of its cores by part, and what they are in cycles of a transaction."""
from __future__ import annotations

from collections.abc import Sequence

from runner import stats
from runner.scenario import load_all
from runner.summary import Line, kilo
from runner.words import cores_of

PARTS = ("application", "tcpip", "packet_io", "kernel_other", "kernel", "unclassified", "idle")
LABELS = ("application", "TCP/IP", "packet I/O", "other kernel", "kernel, undivided", "unclassified", "idle")
METHODS = {("cycles", "calls"): "cycles", ("cycles", "phase"): "cycles, phase", ("perf", "leaf"): "perf, leaf",
           ("perf", "caller"): "perf, caller", ("proc-stat", "-"): "/proc/stat"}
HEAD = ("stack", "connections", "method", *LABELS, "cycles per transaction")


def mean_shares(line: Line, method: tuple[str, str]) -> dict[str, float] | None:
    """Of the server's cores, over the line's rows."""
    found = [entry["shares"] for row in line.rows for entry in row["breakdown"]
             if entry["cpus"] == "server" and (entry["method"], entry["attribution"]) == method]
    if not found:
        return None
    return {part: sum(shares.get(part, 0.0) for shares in found) / len(found) for part in PARTS}


def _whole(line: Line) -> float | None:
    """What passes on the server's cores in one transaction, idle or not: cycles. None: not known."""
    found = [row["tsc_hz"] * len(cores_of(row["server_cores"])) * row["seconds"] / row["transactions"]
             for row in line.rows if row.get("tsc_hz") and row.get("server_cores") and row.get("transactions")]
    return stats.median(found).value if found else None


def cycles(line: Line, shares: dict[str, float]) -> dict[str, float]:
    """Of each part but idling, for one transaction, by the method that gave the shares: what one calls idle another may
    call work, so that the sums of two methods differ. Empty: not known."""
    whole = _whole(line)
    if whole is None or shares["idle"] >= 1.0:
        return {}
    return {part: whole * shares[part] for part in PARTS if part != "idle"}


def _cells(line: Line, shares: dict[str, float]) -> list[str]:
    spent = cycles(line, shares)
    cells = [f"{shares[part]:.1%}" + (f" {spent[part]:,.0f}" if spent.get(part) else "")
             if shares[part] else "-" for part in PARTS]
    return [*cells, f"{sum(spent.values()):,.0f}" if spent else "-"]


def table(lines: Sequence[Line]) -> list[list[str]]:
    """A row under HEAD for each line and method of the experiments that break time down: percent, then cycles per transaction."""
    known = load_all()
    chosen = [line for line in lines if line.key.experiment in known and known[line.key.experiment].breakdown]
    return [[line.key.stack, kilo(line.key.point), label, *_cells(line, shares)]
            for line in chosen for method, label in METHODS.items() if (shares := mean_shares(line, method))]
