# SPDX-License-Identifier: BSD-3-Clause
"""Sampling by perf, and what stands in for it where perf is not allowed."""
from __future__ import annotations

import errno
import os
import shutil
import signal
import time
from collections import Counter
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from runner import builds, classify, procs
from runner.cpustat import CpuTime

FREQUENCY = 1999  # off the beat of the kernel's ticks
CLOCK = "cpu-clock"  # a timer of the kernel: it is there on every machine, also where the cores' counters are not
_READY_S = 5.0  # what perf may need to open its events
LABEL = "perf (software clock)"


@cache
def refusal() -> str:
    """Why perf cannot be used here; empty when it can."""
    if not shutil.which("perf"):
        return "perf is not installed"
    try:
        procs.call(["perf", "record", "-q", "-e", CLOCK, "-F", "99", "-a", "-g", "-o", os.devnull, "--", "true"])
    except procs.ChildFailed:
        level = Path("/proc/sys/kernel/perf_event_paranoid")
        return f"perf may not sample all processors (perf_event_paranoid={level.read_text().strip() if level.exists() else '?'})"
    return ""


@cache
def _priority() -> list[str]:
    """Before spinning threads, which perf could wait for longer than the measurement takes; where that is allowed."""
    realtime = ["-r", "1"]
    try:
        procs.call(["perf", "record", "-q", *realtime, "-e", CLOCK, "-a", "-o", os.devnull, "--", "true"])
    except procs.ChildFailed:
        return []
    return realtime


class Recording:
    """perf record on all processors from start() to stop(). It is brought up before, with its events off: while
    spinning threads fill the cores that takes longer than a short measurement."""

    def __init__(self, folder: Path, slug: str):
        self._data = folder / f"{slug}.perf"
        self._control = folder / f"{slug}.control"
        self._child: procs.Child | None = None

    def prepare(self) -> None:
        os.mkfifo(self._control)
        self._child = procs.Child(["perf", "record", "-q", *_priority(), "-e", CLOCK, "-F", str(FREQUENCY), "-a", "-g", "-D", "-1",
                                   f"--control=fifo:{self._control}", "-o", str(self._data)], "perf record")

    def start(self) -> None:
        deadline = time.monotonic() + _READY_S
        while self._child:
            try:
                control = os.open(self._control, os.O_WRONLY | os.O_NONBLOCK)
            except OSError as error:  # ENXIO: perf has not come that far
                if error.errno != errno.ENXIO or time.monotonic() > deadline:
                    raise procs.ChildFailed(f"perf record does not start: {self._child.last_words()}") from error
                time.sleep(0.02)
                continue
            os.write(control, b"enable\n")
            os.close(control)
            return

    def stop(self) -> None:
        if self._child:
            self._child.stop(signal.SIGINT, grace=10.0)
            self._child = None

    def discard(self) -> None:
        self.stop()
        for path in (self._data, self._data.with_suffix(".perf.old"), self._control):
            path.unlink(missing_ok=True)

    def samples(self) -> list[classify.Sample]:
        text = procs.call(["perf", "script", "-i", str(self._data), "--no-inline", "-F",
                           "comm,pid,cpu,misc,time,event,ip,sym,dso"], timeout=120.0)
        return list(classify.parse(text.splitlines()))


@cache
def our_layers() -> classify.Layers:
    """Which part each function of our programs is, from the libraries built beside them; empty where there are none."""
    libraries = sorted(str(path) for path in (builds.program("", "mtcp-pair").parent.parent / "lib").glob("*.a"))
    if not libraries or not shutil.which("nm"):
        return {}
    # With its plug-in for link-time optimisation nm would read the compiler's own table, which has no static functions.
    return classify.layers(procs.call(["nm", "-A", "--defined-only", "--plugin=/dev/null", *libraries]))


def breakdowns(samples: list[classify.Sample], ours: classify.Layers | None, server: list[int]) -> list[dict[str, Any]]:
    """Both attributions, for the server's cores and for all."""
    entries = []
    for attribution in ("leaf", "caller"):
        for cpus, cores in (("server", server), ("all", None)):
            counted = classify.profile(samples, ours, attribution, cores)
            entries.append({"method": "perf", "clock": CLOCK, "attribution": attribution, "cpus": cpus,
                            "samples": counted.samples, "foreign": round(counted.foreign_share, 5),
                            "shares": _rounded(counted.shares())})
    return entries


def _rounded(shares: dict[str, float]) -> dict[str, float]:
    return {part: round(share, 5) for part, share in shares.items()}


def from_proc_stat(spent: CpuTime) -> dict[str, Any]:
    """The coarse method: /proc/stat tells user, kernel and idle apart, but not the parts of the kernel."""
    total = (spent.total - spent.steal) or 1.0
    shares = {"application": (spent.user + spent.nice) / total, "kernel": spent.kernel / total,
              "idle": (spent.idle + spent.iowait) / total}
    return {"method": "proc-stat", "clock": "ticks", "attribution": "-", "cpus": "server", "samples": None,
            "shares": _rounded(shares)}


def from_row(row: dict[str, Any], keys: dict[str, Any]) -> dict[str, Any] | None:
    """Cycle accounting of our own loop, as the program put it into its row; None when it did not. keys: of the server's configuration."""
    names = {"application": "cpu_app", "tcpip": "cpu_tcpip", "packet_io": "cpu_packet_io",
             "kernel_other": "cpu_kernel_other", "idle": "cpu_idle", "unclassified": "cpu_unclassified"}
    values = {part: row.get(key) for part, key in names.items()}
    total = sum(value or 0.0 for value in values.values())
    if not total:
        return None
    return {"method": "cycles", "clock": "tsc", "attribution": "calls" if keys.get("account") == "calls" else "phase", "cpus": "server", "samples": None,
            "shares": _rounded({part: (value or 0.0) / total for part, value in values.items()})}


def folded(samples: Iterable[classify.Sample], cores: list[int]) -> str:
    """Samples of these cores as folded stacks: thread;outermost;...;innermost COUNT, functions of the kernel marked _[k]."""
    counts: Counter[str] = Counter()
    for sample in samples:
        if sample.cpu in cores and not sample.foreign:
            names = [frame.symbol.replace(";", ":") + ("_[k]" if frame.in_kernel else "") for frame in reversed(sample.frames)]
            counts[";".join([sample.comm.replace(";", ":"), *names])] += 1
    return "".join(f"{stack} {count}\n" for stack, count in sorted(counts.items()))


def write_functions(path: Path, samples: Iterable[classify.Sample], ours: classify.Layers | None,
                    server: list[int]) -> None:
    """The functions that the server's cores were found in, with the part each was booked on: for whoever doubts it."""
    counted = classify.profile(samples, ours, "caller", server)
    lines = ["samples\tfunction\tpart"]
    lines += [f"{count}\t{symbol}\t{part}" for (symbol, part), count in counted.functions.most_common(200)]
    path.write_text("\n".join(lines) + "\n")


