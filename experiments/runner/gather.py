# SPDX-License-Identifier: BSD-3-Clause
"""One row of what a server and the loads on several hosts measured: sums where things add up, the worst where they do not."""
from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from runner import latencies
from runner.cpustat import CpuTime
from runner.errors import Stop
from runner.rows import Row

OVERLAP_LEAST = 0.90       # of the time in which any window was open, all have to be
# As experiments/apps/row.c judges where it sees both ends.
_GENERATOR_BUSY, _GENERATOR_LATE_US, _SERVER_BUSY = 0.97, 1000.0, 0.95
_SUMS = ("transactions", "transactions_per_s", "connections_per_s", "bytes_per_s", "failed", "retransmits", "drops", "failed_total",
         "retransmits_total", "client_cpu_s", "concurrency", "rate", "stuck", "opened_per_s", "resident_bytes", "steal_s")
_SERVERS = ("server_cpu_s", "cpu_app", "cpu_tcpip", "cpu_packet_io", "cpu_kernel_other", "cpu_idle", "cpu_unclassified", "tsc_hz",
            "cycles_per_transaction", "server_threads", "server_counters", "mode", "accepted", "listener_pauses",
            "server_user_s", "server_system_s", "server_irq_s")
_WORST = ("generator_lag", "client_busy", "latency_max_us", "seconds", "resident_per_connection")
_QUANTILES = {"latency_p50_us": 0.5, "latency_p90_us": 0.9, "latency_p99_us": 0.99, "latency_p999_us": 0.999}


class Apart(Stop):
    """The windows were not open at the same time."""


@dataclass(frozen=True)
class Window:
    """What an agent saw of a window, times by our clock."""

    begin: float
    end: float
    cpu: CpuTime
    foreign_share: float
    memory: int
    rates: list[float]


def shares(total: float, n: int, whole: bool = True) -> list[float]:
    """A load's total for each of n clients: alike, whole numbers where wanted, the first ones one more."""
    if not whole:
        return [total / n] * n
    return [int(total) // n + (place < int(total) % n) for place in range(n)]


def overlap(windows: Iterable[Window]) -> float:
    """Of the time in which any was open, how much all were; Apart below OVERLAP_LEAST: their sum would be of no instant."""
    found = list(windows)
    together = min(window.end for window in found) - max(window.begin for window in found)
    ever = max(window.end for window in found) - min(window.begin for window in found)
    share = max(0.0, together / ever) if ever > 0 else 0.0
    if share < OVERLAP_LEAST:
        raise Apart(f"the hosts' windows were open together for {share:.0%} of the time only: rates of different seconds do not add up")
    return share


def _add(values: Iterable[Any]) -> Any:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _together(counts: Iterable[dict[str, int] | None]) -> dict[str, int] | None:
    """None: nobody told."""
    known = [found for found in counts if found is not None]
    total: Counter[str] = Counter()
    for found in known:
        total.update(found)
    return dict(total) if known else None


def quantiles(histograms: Iterable[list[list[int]]], most: float) -> dict[str, float | None]:
    """Of all latencies together, as mtcp-load finds them of its own: pairs of a latency in ns and how many had
    about it, none outside what a load recorded. most: the longest, in us, which no quantile is above and which the last one is."""
    counts: Counter[int] = Counter()
    for pairs in histograms:
        for value, count in pairs:
            counts[value] += count
    total = sum(counts.values())
    if not total:
        return dict.fromkeys(_QUANTILES)
    found: dict[str, float | None] = {}
    for name, share in _QUANTILES.items():
        rank, seen, value = max(1, math.ceil(share * total)), 0, 0
        for value in sorted(counts):
            seen += counts[value]
            if seen >= rank:
                break
        found[name] = most if rank >= total else min(value / 1e3, most)
    return found


def _fairness(loads: list[Row]) -> float | None:
    """Jain's index of all flows, from each load's own, its bytes and its number of flows."""
    known = [(row["fairness"], row["bytes_per_s"], row["concurrency"]) for row in loads if row.get("fairness")]
    squares = sum(total**2 / (index * flows) for index, total, flows in known)
    flows = sum(flows for _, _, flows in known)
    return sum(total for _, total, _ in known) ** 2 / (flows * squares) if squares else None


def _busy(server: Row, window: Window, cores: int) -> float | None:
    """Of the server's cores; a polling loop keeps its core busy with nothing: its own account tells."""
    if server.get("cpu_idle") is not None:
        return 1 - server["cpu_idle"]
    available = server["seconds"] * cores - window.cpu.steal
    return server["server_cpu_s"] / available if available > 0 else None


def open_loop(load: Row) -> bool:
    """Has it a timing of its own, which it can be behind?"""
    return bool(load.get("rate")) or load.get("app") == "replay"


def limited(loads: list[Row], server_busy: float | None) -> bool | None:
    """Was a load the bottleneck? One is enough: the others' share did not grow for it."""
    if server_busy is None or any(row.get("generator_lag") is None for row in loads):
        return None
    if server_busy >= _SERVER_BUSY:
        return False
    return any(row["generator_lag"] > _GENERATOR_LATE_US if open_loop(row) else row["generator_lag"] >= _GENERATOR_BUSY for row in loads)


def _notes(loads: dict[str, Row]) -> list[str]:
    """Remarks of all loads once, of some with their hosts."""
    said: dict[str, list[str]] = {}
    for host, row in loads.items():
        for text in row.get("notes") or []:
            if not text.startswith("generator_lag:"):
                said.setdefault(text, []).append(host)
    return [text if len(hosts) == len(loads) else f"{', '.join(hosts)}: {text}" for text, hosts in said.items()]


def join(server: Row, loads: dict[str, Row], watched: Window, windows: dict[str, Window], cores: int) -> Row:
    """server: its program's row; loads: the generators', by host; watched, windows: what their hosts' agents saw; cores: the server's."""
    each = list(loads.values())
    latency, lateness = (latencies.together(found) for found in zip(*map(latencies.take, each)))
    row: Row = dict(each[0])
    row |= {name: _add(found.get(name) for found in each) for name in _SUMS}
    row |= {name: server.get(name) for name in _SERVERS}
    row |= {name: _add([row[name], server.get(name)]) for name in ("retransmits", "retransmits_total", "drops", "steal_s")}
    row |= {name: max((found[name] for found in each if found.get(name) is not None), default=None) for name in _WORST}
    row |= quantiles([latency], row["latency_max_us"]) | {"latency_histogram": latency, "lateness_histogram": lateness}
    row["server_busy"] = _busy(server, watched, cores)
    row["generator_limited"] = limited(each, row["server_busy"])
    row["ramp_incomplete"] = any(found.get("ramp_incomplete") for found in each)
    row["steady"] = None if any(found.get("steady") is None for found in each) else all(found["steady"] for found in each)
    row["fairness"] = _fairness(each)
    row["failures"] = _together(found.get("failures") for found in each)
    row["client_counters"] = _together(found.get("client_counters") for found in each)
    row["notes"] = _notes(loads)
    row["window_overlap"] = round(overlap([watched, *windows.values()]), 4)
    everyone = [watched, *windows.values()]
    row["steal_share"] = round(max(found.cpu.steal_share for found in everyone), 5)
    row["foreign_share"] = round(max(found.foreign_share for found in everyone), 5)
    row["memory_bytes"] = sum(found.memory for found in everyone)
    row["intervals"] = [sum(rates) for rates in zip(*(found.rates for found in windows.values()))]
    return row
