# SPDX-License-Identifier: BSD-3-Clause
"""Which runs are made, and in which order."""
from __future__ import annotations

import random
from dataclasses import dataclass, replace

from runner.scenario import OURS, Scenario, Timing


@dataclass(frozen=True)
class Run:
    """One measured run: one row."""

    scenario: Scenario
    stack: str
    concurrency: int
    repeat: int
    timing: Timing
    seed: int
    kind: str = "kernel"  # whose pace: mtcp or kernel

    @property
    def label(self) -> str:
        return f"{self.scenario.name} {self.stack} {self.concurrency} #{self.repeat}"

    @property
    def slug(self) -> str:
        return f"{self.scenario.name}-{self.stack}-{self.concurrency}-r{self.repeat}"

    @property
    def estimate(self) -> float:
        return self.scenario.estimate(self.kind, self.concurrency, self.timing)


@dataclass(frozen=True)
class Options:
    size: str = "normal"
    baselines: tuple[str, ...] | None = None
    repeats: int | None = None
    seconds: float | None = None
    seed: int = 1
    apart: bool = False  # our stack, too, is loaded by a kernel client: it takes as long as the kernel's


def _block(scenario: Scenario, repeat: int, options: Options) -> list[Run]:
    runs = []
    for stack in scenario.stacks:
        if stack not in OURS and options.baselines is not None and stack not in options.baselines:
            continue
        kind = "mtcp" if stack in OURS and not options.apart else "kernel"
        timing = scenario.timing(kind, options.size)
        if options.seconds:
            timing = replace(timing, seconds=options.seconds)
        for point in scenario.points_of(stack, options.size):
            runs.append(Run(scenario, stack, point, repeat, timing, options.seed + repeat - 1, kind))
    return runs


def make(scenarios: list[Scenario], options: Options) -> list[Run]:
    """A repeat of everything before the next one, each in its own seeded order: slow drift of the machine
    then falls on all stacks alike, and an early end leaves whole curves."""
    counts = {s.name: options.repeats or s.repeats[options.size] for s in scenarios}
    order = random.Random(options.seed)
    runs: list[Run] = []
    for repeat in range(1, max(counts.values(), default=0) + 1):
        for scenario in scenarios:
            if repeat <= counts[scenario.name]:
                block = _block(scenario, repeat, options)
                order.shuffle(block)
                runs += block
    return runs
