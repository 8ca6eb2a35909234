# SPDX-License-Identifier: BSD-3-Clause
"""Processor time from /proc/stat, and what a machine says about its cores."""
from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_HZ = os.sysconf("SC_CLK_TCK")
_FIELDS = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")


@dataclass(frozen=True)
class CpuTime:
    """Seconds of some cores since the machine started, or between two readings."""

    user: float = 0.0
    nice: float = 0.0
    system: float = 0.0
    idle: float = 0.0
    iowait: float = 0.0
    irq: float = 0.0
    softirq: float = 0.0
    steal: float = 0.0

    def _values(self) -> list[float]:
        return [getattr(self, name) for name in _FIELDS]

    def __add__(self, other: CpuTime) -> CpuTime:
        return CpuTime(*(a + b for a, b in zip(self._values(), other._values())))

    def __sub__(self, other: CpuTime) -> CpuTime:
        return CpuTime(*(max(0.0, a - b) for a, b in zip(self._values(), other._values())))

    @property
    def total(self) -> float:
        return sum(self._values())

    @property
    def kernel(self) -> float:
        return self.system + self.irq + self.softirq

    @property
    def busy(self) -> float:
        """Stolen time left out."""
        return self.user + self.nice + self.kernel

    @property
    def steal_share(self) -> float:
        return self.steal / self.total if self.total else 0.0


def parse(text: str) -> dict[int, CpuTime]:
    cores = {}
    for line in text.splitlines():
        words = line.split()
        if words and words[0].startswith("cpu") and words[0] != "cpu":
            cores[int(words[0][3:])] = CpuTime(*(int(word) / _HZ for word in words[1 : 1 + len(_FIELDS)]))
    return cores


def read(cores: list[int]) -> CpuTime:
    now = parse(Path("/proc/stat").read_text())
    return sum((now[core] for core in cores if core in now), CpuTime())


def _of_process(pid: int | str) -> float:
    """Seconds of user and system time of a process, all its threads; 0 when it has gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _HZ


def _softirq_threads(cores: list[int]) -> list[str]:
    """The kernel's threads that do packet work when there is much of it."""
    wanted = {f"ksoftirqd/{core}" for core in cores}
    found = []
    for path in Path("/proc").glob("[0-9]*/comm"):
        try:
            if path.read_text().strip() in wanted:
                found.append(path.parent.name)
        except OSError:
            continue
    return found


def of_ours(pids: list[int], cores: list[int]) -> float:
    """Seconds that these programs, and the kernel's packet work beside them, have had so far."""
    return sum(_of_process(pid) for pid in [*pids, *_softirq_threads(cores)])


def usable_cores() -> list[int]:
    return sorted(os.sched_getaffinity(0))


def _group_quota(folder: Path) -> float | None:
    """Of one control group, of either version; None: no limit, or none that can be read."""
    try:
        if (folder / "cpu.max").is_file():
            limit, period = (folder / "cpu.max").read_text().split()
        else:
            limit, period = ((folder / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        return int(limit) / int(period) if int(limit) > 0 else None
    except (OSError, ValueError):  # "max": no limit
        return None


def quota(root: Path = Path("/")) -> float | None:
    """Cores' worth of time that our control groups allow, the least of them and of those above; None: no limit."""
    found = []
    try:
        groups = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return None
    for number, controllers, path in (line.split(":", 2) for line in groups):
        if number != "0" and "cpu" not in controllers.split(","):
            continue
        top = root / "sys/fs/cgroup" / ("" if number == "0" else controllers)
        own = top / path.strip("/")
        # in a namespace of its own a group sees itself at the top, whatever path it is told
        found += [_group_quota(folder) for folder in {own, *own.parents, top} if folder.is_relative_to(top)]
    return min((share for share in found if share is not None), default=None)


def clock_hz() -> float:
    """Cycles per second of a core just now, where no program has measured the time-stamp counter; 0 when not told."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("cpu MHz"):
            return float(line.split(":")[1]) * 1e6
    return 0.0
