# SPDX-License-Identifier: BSD-3-Clause
"""Which cores of this machine a run's server has, and which its load."""
from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runner.errors import UsageError
from runner.plan import Run
from runner.scenario import PACKETS
from runner.words import at_cores, cores_of, cpu_list

MOST_SERVERS = 8    # that an experiment about cores has unless it is told otherwise: as many as the paper's server
MOST_QUEUES = 16    # of a device of ours: an end has one for each core (NIC_MAX_QUEUES)
MOST_PORTS = 32     # of DPDK in a process: each queue of the ring's two ends is one
_SPREADS = ("ring", "af_packet", "tap")  # devices that have as many queues as the server has cores
_SPAN = re.compile(r"([0-9]+)(?:-([0-9]+))?")
_HIGHEST = 4096     # no kernel knows more CPUs: a span is not written out further


def parse(text: str) -> list[int]:
    """A list of CPUs as 0,2-5, in its own order."""
    spans = [_SPAN.fullmatch(span) for span in text.split(",")]
    if not all(match and int(match[1]) <= int(match[2] or match[1]) < _HIGHEST for match in spans):
        raise UsageError(f"{text!r} is not a list of CPUs: write it as 0,2-5")
    return cores_of(text)


@dataclass(frozen=True)
class Layout:
    """An end's cores: `server` and `client` of most runs; of those whose points are numbers of server cores the first so many of
    `servers`, and all of `loads`."""

    usable: list[int]
    server: list[int]
    client: list[int]
    servers: list[int]
    loads: list[int]
    chosen: bool = False  # by the command line

    @property
    def paired(self) -> list[int]:
        """Of self-loop pairs, which have both ends on a core."""
        return [*dict.fromkeys(self.servers + self.loads)] if self.chosen else self.usable

    def of(self, run: Run) -> tuple[list[int], list[int]]:
        """The server's and the load's: on different cores, or, in self-loop pairs, both on each of so many."""
        if run.pairs:
            return self.paired[: run.pairs], self.paired[: run.pairs]
        if run.cores:
            return self.servers[: run.cores], self.loads
        return self.server, self.client

    def lacks(self, run: Run) -> tuple[str, str]:
        """What of the experiment cannot be made on these cores, and why; empty when this run can."""
        if run.pairs > len(self.paired):
            return f"{run.scenario.name} with {run.pairs} pairs", f"{len(self.paired)} cores may be used"
        if run.cores > len(self.servers):
            return f"{run.scenario.name} {at_cores(run.cores)}", self._too_few(run.cores)
        server, client = self.of(run)
        return f"{run.line} on {len(server)} cores", _queues(run, len(server), len(client))

    def _too_few(self, cores: int) -> str:
        if self.chosen:
            return f"--server-cores has {len(self.servers)}"
        return f"{cores} server cores need {2 * cores} usable cores: this machine has {len(self.usable)}"

    def choose(self, runs: list[Run], about: dict[str, Any]) -> list[Run]:
        """Those that can be made; the others are told as skipped."""
        kept = []
        for run in runs:
            what, why = self.lacks(run)
            if why:
                about["skipped"].setdefault(what, why)
            else:
                kept.append(run)
        return kept

    def used(self, runs: list[Run]) -> list[int]:
        return sorted({core for run in runs for end in self.of(run) for core in end})

    def about(self) -> dict[str, str]:
        """For the manifest."""
        return {"server": cpu_list(self.server), "client": cpu_list(self.client), "servers": cpu_list(self.servers), "loads": cpu_list(self.loads)}


NONE = Layout([], [], [], [], [])  # it is not this machine that measures


def _queues(run: Run, server: int, client: int) -> str:
    """Why the device has not a queue for each core of these; empty when it has."""
    if run.stack == PACKETS and server > 1:
        return "frames without TCP are taken from one queue, by one core"
    ends = [server] * run.over_device + [client] * run.in_process
    if max(ends, default=1) > MOST_QUEUES:
        return f"a device of ours has {MOST_QUEUES} queues at most, one for each core of an end"
    if sum(ends) > MOST_PORTS:
        return f"the ring has {MOST_PORTS} queues, both ends together: {server} and {client} cores are too many"
    if run.over_device and server > 1 and run.device.name not in _SPREADS:
        return f"{run.device.name} has one queue here: several server cores need --device {', '.join(_SPREADS[:-1])} or {_SPREADS[-1]}"
    return ""


def siblings(core: int) -> list[int]:
    """The hardware threads of this one's core; itself alone where that is not told."""
    try:
        text = Path(f"/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list").read_text()
        return cores_of(text.strip())
    except (OSError, ValueError):
        return [core]


def usual(usable: list[int]) -> Layout:
    """One core each, the same one where there is only one; of hardware threads that share a core the first. Where points are numbers of
    server cores these have the first half of the machine, and the load the rest: its part costs as much as the server's, or more."""
    alone = [core for core in usable if not any(other in usable and other < core for other in siblings(core))]
    n = max(1, min(MOST_SERVERS, len(alone) // 2))
    return Layout(alone, alone[:1], alone[1:2] or usable[1:2] or alone[:1], alone[:n], alone[n : n + MOST_QUEUES] or usable[1:2] or alone[:n])


def _checked(option: str, text: str, usable: list[int]) -> list[int]:
    cores = parse(text)
    for core in cores:
        if core not in usable:
            raise UsageError(f"{option} {text}: CPU {core} may not be used here: use some of {cpu_list(usable)}")
        if cores.count(core) > 1:
            raise UsageError(f"{option} {text}: CPU {core} is twice in the list")
    return cores


def make(server: str | None, client: str | None, usable: list[int]) -> Layout:
    """As the command line says; UsageError says what is wrong with it."""
    if server is None and client is None:
        return usual(usable)
    if server is None or client is None:
        raise UsageError("--server-cores LIST and --client-cores LIST belong together (./repro run --help)")
    servers, loads = _checked("--server-cores", server, usable), _checked("--client-cores", client, usable)
    shared = [core for core in servers if any(other in loads for other in siblings(core) if other != core)]
    if shared:
        raise UsageError(f"CPU {cpu_list(shared)} of --server-cores shares its core with a CPU of --client-cores: give one end both hardware threads")
    both = [core for core in servers if core in loads]
    if both and len(usable) > 1:
        raise UsageError(f"CPU {cpu_list(both)} is in --server-cores and in --client-cores: give server and load cores of their own")
    return Layout(usable, servers, loads, servers, loads, True)
