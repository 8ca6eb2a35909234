# SPDX-License-Identifier: BSD-3-Clause
"""Which runs are made, and in which order."""
from __future__ import annotations

import random
import re
from dataclasses import dataclass, replace
from typing import Any

from runner import device
from runner.device import Device
from runner.scenario import BASELINES, DESCRIPTORS, OURS, PACKETS, RAMP_PER_S, Part, Scenario, Timing


def slug(experiment: str, variant: str, stack: str, point: int, repeat: int) -> str:
    """A run's name as that of a file."""
    return re.sub(r"[^A-Za-z0-9.#-]+", "-", f"{' '.join(filter(None, (experiment, variant, stack)))} {point}-r{repeat}")


@dataclass(frozen=True)
class Run:
    """One measured run: one row."""

    scenario: Scenario
    part: Part
    stack: str
    point: int
    repeat: int
    timing: Timing
    seed: int
    device: Device
    kind: str = "kernel"  # whose pace: mtcp or kernel

    @property
    def ours(self) -> bool:
        return self.stack in OURS

    @property
    def alone(self) -> bool:
        """Is there no load, and no frame: one program, which counts what it does (mtcp-descriptors)?"""
        return self.load.get("app") == DESCRIPTORS

    @property
    def in_process(self) -> bool:
        """Are server and load one program?"""
        return self.over_device and self.device.in_process

    @property
    def over_device(self) -> bool:
        """Are the frames of the server's end taken from a DPDK device?"""
        return self.ours or self.stack == PACKETS

    @property
    def flood_rate(self) -> float:
        """SYNs per second that arrive beside the load."""
        return float(self.load.get("flood_rate", 0))

    @property
    def arm(self) -> str:
        """What is skipped together when it cannot run here."""
        place = f" on {self.part.device}" if self.over_device and self.part.device else ""
        lossy = " with loss" if self.part.loss else ""
        late = " with delay" if self.part.delay_ms else ""
        return f"{self.stack}{place}{lossy}{late}{f' built with {self.part.build}' if self.part.build else ''}"

    @property
    def line(self) -> str:
        """Points of the same load, of which one may be more than a machine can, and lower ones not: as it is told where it is skipped."""
        return " ".join(filter(None, (self.scenario.name, self.part.name, self.arm)))

    @property
    def row_point(self) -> int:
        """As the row has it: where points are numbers of pairs or server cores, that number; connections are those of all."""
        return int(self.load[self.part.axis])

    @property
    def pairs(self) -> int:
        """Self-loop pairs: so many cores have a server and a load each. 0: each side has cores of its own."""
        return int(self.load.get("pairs", 0))

    @property
    def cores(self) -> int:
        """Server cores, where points are numbers of them; 0: as everywhere else."""
        return int(self.load.get("cores", 0))

    @property
    def load(self) -> dict[str, Any]:
        """Options of the load generator."""
        found = self.part.load | {self.part.axis: self.point}
        return found | {"concurrency": found["concurrency"] * (found.get("pairs") or found.get("cores") or 1)}

    @property
    def concurrency(self) -> int:
        return int(self.load["concurrency"])

    @property
    def label(self) -> str:
        variant = f" {self.part.name}" if self.part.name else ""
        return f"{self.scenario.name}{variant} {self.stack} {self.point} #{self.repeat}"

    @property
    def slug(self) -> str:
        return slug(self.scenario.name, self.part.name, self.stack, self.point, self.repeat)

    @property
    def estimate(self) -> float:
        arrivals = self.alone or self.load.get("app") == "replay" or (self.load.get("rate") and self.load["messages"] == 1)  # nothing to open first
        opening = "tls" if self.load.get("app") == "tls" else self.kind
        return self.scenario.estimate(self.kind, self.timing, 0.0 if arrivals else self.concurrency / RAMP_PER_S[opening])


@dataclass(frozen=True)
class Options:
    size: str = "normal"
    baselines: tuple[str, ...] | None = None
    repeats: int | None = None
    seconds: float | None = None
    seed: int = 1
    device: Device = device.parse("ring")  # of parts that name none


def _runs_of(scenario: Scenario, part: Part, repeat: int, options: Options) -> list[Run]:
    if not options.repeats and repeat > part.repeats.get(options.size, repeat):
        return []
    runs = []
    wire = device.parse(part.device) if part.device else options.device
    for stack in part.stacks:
        if stack in BASELINES and options.baselines is not None and stack not in options.baselines:
            continue
        kind = "mtcp" if stack not in BASELINES and wire.in_process else "kernel"
        times = part.time[options.size]
        timing = times.get(kind) or next(iter(times.values()))  # of experiments that are of one kind only
        if options.seconds:
            timing = replace(timing, seconds=options.seconds)
        for point in scenario.points_of(part, stack, options.size) if part.points[options.size] else ():
            runs.append(Run(scenario, part, stack, point, repeat, timing, options.seed + repeat - 1, wire, kind))
    return runs


def make(scenarios: list[Scenario], options: Options) -> list[Run]:
    """A repeat of everything before the next one, each in its own seeded order: slow drift of the machine
    then falls on all stacks alike, and an early end leaves whole curves."""
    scenarios = [s for s in scenarios if not s.needs]
    counts = {s.name: options.repeats or s.repeats[options.size] for s in scenarios}
    order = random.Random(options.seed)
    runs: list[Run] = []
    for repeat in range(1, max(counts.values(), default=0) + 1):
        for scenario in scenarios:
            if repeat <= counts[scenario.name]:
                block = [run for part in scenario.parts for run in _runs_of(scenario, part, repeat, options)]
                order.shuffle(block)
                runs += block
    return runs
