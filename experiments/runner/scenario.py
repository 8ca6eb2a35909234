# SPDX-License-Identifier: BSD-3-Clause
"""An experiment as its file in experiments/scenarios/ describes it. Adding a file adds an experiment."""
from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runner.errors import UsageError, nearest
from runner.places import EXPERIMENTS

OURS = ("mtcp", "mtcp-paired")
BASELINES = ("kernel", "kernel-reuseport")
STACKS = OURS + BASELINES
SIZES = ("quick", "normal", "full")
# Beside warm-up and measuring: start, ramp (connections opened per second) and end, as seen on a 2-core machine.
OVERHEAD_S = {"mtcp": 1.2, "kernel": 2.0}
RAMP_PER_S = {"mtcp": 300_000, "kernel": 9_000}


@dataclass(frozen=True)
class Timing:
    warmup: float
    seconds: float


@dataclass(frozen=True)
class Plot:
    name: str
    title: str


@dataclass(frozen=True)
class Scenario:
    name: str
    title: str
    figure: str
    claim: str
    default: bool
    breakdown: bool
    stacks: tuple[str, ...]
    points: tuple[int, ...]
    load: dict[str, int]
    time: dict[str, Timing]
    repeats: dict[str, int]
    quick: dict[str, Any]
    plots: tuple[Plot, ...]

    def points_of(self, stack: str, size: str) -> tuple[int, ...]:
        chosen = self.quick.get("points", {}).get(stack) if size == "quick" else None
        return tuple(chosen) if chosen else self.points

    def timing(self, kind: str, size: str) -> Timing:
        """kind: mtcp (both ends ours) or kernel."""
        if size == "quick" and kind in self.quick.get("time", {}):
            return Timing(**self.quick["time"][kind])
        return self.time[kind]

    def estimate(self, kind: str, point: int, timing: Timing) -> float:
        """Seconds that one run takes."""
        sampling = 2.0 if self.breakdown else 0.0
        return OVERHEAD_S[kind] + point / RAMP_PER_S[kind] + timing.warmup + timing.seconds + sampling


def _parse(path: Path) -> Scenario:
    with path.open("rb") as file:
        raw = tomllib.load(file)
    return Scenario(
        name=raw["name"], title=raw["title"], figure=raw["figure"], claim=raw["claim"],
        default=raw.get("default", False), breakdown=raw.get("breakdown", False),
        stacks=tuple(raw["stacks"]), points=tuple(raw["points"]), load=raw["load"],
        time={kind: Timing(**value) for kind, value in raw["time"].items()},
        repeats=raw["repeats"], quick=raw.get("quick", {}),
        plots=tuple(Plot(**plot) for plot in raw.get("plot", [])),
    )


def load_all(folder: Path = EXPERIMENTS / "scenarios") -> dict[str, Scenario]:
    """Experiments by name, those that run by default first."""
    found = [_parse(path) for path in folder.glob("*.toml")]
    found.sort(key=lambda s: (not s.default, s.breakdown, s.name))
    return {scenario.name: scenario for scenario in found}


def choose(names: list[str], known: dict[str, Scenario]) -> list[Scenario]:
    if not names:
        return [scenario for scenario in known.values() if scenario.default]
    if names == ["all"]:
        return list(known.values())
    for name in names:
        if name not in known:
            raise UsageError(f"unknown experiment {name!r}: {nearest(name, [*known, 'all'])}")
    return [known[name] for name in dict.fromkeys(names)]
