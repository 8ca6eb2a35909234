# SPDX-License-Identifier: BSD-3-Clause
"""Is the machine ours alone? A loop of known work on each core before and after a run tells how much slower than
its best the core is: other programs, other virtual machines, a lower clock."""
from __future__ import annotations

import hashlib
import os
import threading
import time

from runner.rows import Row

LIMIT = 0.10          # slower than that: the run is disturbed
_CHUNK = bytes(1 << 20)
_LOOP_S = 0.03        # of work on each core
_SETTLE_S = 1.0       # that a machine gets to become quiet, as after a run that closed 100,000 sockets


DISTURBANCES = {"steal_share": "of the time was stolen", "foreign_share": "of the time went to other programs",
                "calibration": "slower than at its best was the machine around it"}


def shaken(row: Row) -> str:
    """The worst of what took time away from a run's cores; empty where it was little."""
    share, what = max((row.get(name) or 0.0, what) for name, what in DISTURBANCES.items())
    return f"{share:.0%} {what}" if share > LIMIT else ""


def disturbance(row: Row) -> str:
    """That, or that the cores were apart: such a run is made again."""
    return shaken(row) or (f"its two cores were apart, {row['core_hop_ns'] or 0:.0f} ns" if row.get("cores_apart") else "")


def _work(core: int, times: dict[int, list[float]]) -> None:
    """Seconds of each piece of work; their mean counts, as what was taken away shows in few of them."""
    try:
        os.sched_setaffinity(0, [core])  # of this thread
    except OSError:
        return
    end = time.perf_counter() + _LOOP_S
    before = time.perf_counter()
    while before < end:
        hashlib.sha256(_CHUNK)  # without the interpreter's lock
        now = time.perf_counter()
        times[core].append(now - before)
        before = now


class Guard:
    """What the cores did at their best, and how far below they are."""

    def __init__(self, cores: list[int]):
        self.on = os.environ.get("MTCP_GUARD") != "off"
        self._cores = cores
        self._best: dict[int, float] = {}
        if self.on and cores:
            self.settle()

    def slowdown(self) -> float:
        """By how much the slowest core is slower than it was at its best: 0.1 is 10%."""
        times: dict[int, list[float]] = {core: [] for core in self._cores}
        threads = [threading.Thread(target=_work, args=(core, times)) for core in self._cores]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return self.judge(times)

    def judge(self, times: dict[int, list[float]]) -> float:
        worst = 0.0
        for core, own in times.items():
            if own:
                self._best[core] = min(self._best.get(core, own[0]), *own)
                worst = max(worst, sum(own) / len(own) / self._best[core] - 1)
        return worst

    def settle(self) -> float:
        """Waits, for a while, until the machine is quiet; how quiet it is."""
        deadline = time.monotonic() + _SETTLE_S
        found = self.slowdown()
        while found > LIMIT and time.monotonic() < deadline:
            time.sleep(0.05)
            found = self.slowdown()
        return found
