# SPDX-License-Identifier: BSD-3-Clause
"""An experiment as its file in experiments/scenarios/ describes it. Adding a file adds an experiment.

A file has points on an axis (connections unless `axis` says otherwise) and one or more parts ([[part]]): which stacks,
under which settings, on which device. What a part does not say is the file's. docs/experiments.md has all keys.
"""
from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from runner.errors import UsageError, nearest
from runner.places import EXPERIMENTS

OURS = ("mtcp", "mtcp-paired")
BASELINES = ("kernel", "kernel-reuseport", "kernel-tuned", "kernel-uring")
PACKETS = "packet-io"  # no TCP: frames received and given back
DESCRIPTORS = "descriptors"  # an app without a load: sockets closed and opened, no frame sent
STACKS = OURS + BASELINES + (PACKETS,)
SIZES = ("quick", "normal", "full")
# Option of the load that a point is of: the row's column, and what a reader calls it.
AXES = {
    "concurrency": ("concurrency", "connections"),
    "messages": ("messages_per_connection", "messages per connection"),
    "rate": ("rate", "arrivals per second"),
    "message_bytes": ("message_bytes", "bytes per message"),
    "response_bytes": ("response_bytes", "bytes per response"),
    "pairs": ("pairs", "self-loop pairs"),
    "cores": ("cores", "server cores"),
    "flood_rate": ("flood_rate", "SYNs per second beside the load"),
}
# Beside warm-up and measuring: start, ramp (connections opened per second), a steady rate, end, the loops of known work around a
# run, its share of figures and report, as seen on a 2-core machine where nothing was disturbed.
OVERHEAD_S = {"mtcp": 0.8, "kernel": 0.8}
RAMP_PER_S = {"mtcp": 300_000, "kernel": 5_000, "tls": 1_500}  # tls: a handshake each
SAMPLING_S = 1.2
_PART_KEYS = ("name", "stacks", "axis", "points", "load", "time", "set", "server_set", "client_set", "tuning", "device", "mtu", "sizes",
              "build", "loss", "reorder", "delay_ms", "repeats", *SIZES)

_FILE_KEYS = ("name", "title", "figure", "claim", "note", "needs", "default", "breakdown", "axis", "metric", "variants_are_loads", "variants_are_settings", "stacks", "points", "load",
              "time", "set", "repeats", "part", "plot", *SIZES)

_KERNEL_WIRES = ("af_packet", "af_xdp")  # devices that are an end of a veth pair


@dataclass(frozen=True)
class Timing:
    warmup: float
    seconds: float


@dataclass(frozen=True)
class Plot:
    name: str                        # of its file in plots/
    title: str
    data: str = "curve"              # a kind of data in runner/figures.py
    metric: str = ""                 # the column drawn, where the kind wants one
    label: str = ""                  # of the value axis; empty: the metric's
    variants: tuple[str, ...] = ()   # only these; empty: all
    model: str = ""                  # usl: the scaling law, fitted, for more cores than were measured


@dataclass(frozen=True)
class Part:
    """Some stacks under the same settings. name: the rows' `variant`; empty: the experiment's only one."""

    name: str
    stacks: tuple[str, ...]
    axis: str                                                 # what points are of
    points: dict[str, tuple[int, ...]]                        # by size
    load: dict[str, Any]                                      # options of the load generator
    time: dict[str, dict[str, Timing]]                        # by size and kind
    set: dict[str, Any] = field(default_factory=dict)         # configuration keys of our stacks
    server_set: dict[str, Any] = field(default_factory=dict)  # of one end only, where both are ours
    client_set: dict[str, Any] = field(default_factory=dict)
    tuning: dict[str, Any] = field(default_factory=dict)      # over the kernel stack's profile in tuning.toml
    device: str = ""                                          # of our stacks; empty: as --device says
    mtu: int | None = None
    loss: float = 0.0                                         # share of frames lost at each end
    reorder: float = 0.0                                      # share of frames overtaken by later ones at each end; ring only
    delay_ms: float = 0.0                                     # of each way of the wire between two network namespaces
    repeats: dict[str, int] = field(default_factory=dict)     # by size: fewer than the experiment's
    build: str = ""                                           # option of the build that the programs are made with

    @property
    def column(self) -> str:
        return AXES[self.axis][0]


@dataclass(frozen=True)
class Scenario:
    name: str
    title: str
    figure: str
    claim: str
    default: bool
    breakdown: bool
    axis: str
    metric: str                                               # the column that it is about
    parts: tuple[Part, ...]
    points_by_stack: dict[str, dict[str, tuple[int, ...]]]    # by size and stack: fewer than the part's, if they are on the file's axis
    repeats: dict[str, int]
    note: str                                                 # what it leaves out, and why
    plots: tuple[Plot, ...]
    needs: str = ""                                           # what is still missing for it to run: it is skipped
    variants_are_loads: bool = False                          # a line is compared with lines of its own variant only
    variants_are_settings: bool = False                       # ... with lines whose variant has no tuning of its own, on as many cores

    @property
    def distributions(self) -> bool:
        """Are all latencies of a run kept, not only its percentiles?"""
        return any(plot.data == "distribution" for plot in self.plots)

    @property
    def stacks(self) -> tuple[str, ...]:
        return tuple(stack for stack in STACKS if any(stack in part.stacks for part in self.parts))

    def points_of(self, part: Part, stack: str, size: str) -> tuple[int, ...]:
        fewer = self.points_by_stack[size].get(stack) if part.axis == self.axis else None
        return fewer or part.points[size]

    def estimate(self, kind: str, timing: Timing, opening: float) -> float:
        """Seconds that one run takes. kind: mtcp (both ends ours) or kernel; opening: all connections, once."""
        sampling = SAMPLING_S if self.breakdown else 0.0
        return OVERHEAD_S[kind] + opening + timing.warmup + timing.seconds + sampling


def _timing(tables: list[dict[str, Any]]) -> dict[str, Timing]:
    """By kind; later tables win."""
    return {kind: Timing(**value) for table in tables for kind, value in table.items()}


def _part(raw: dict[str, Any], own: dict[str, Any]) -> Part:
    """One [[part]] of the file; `raw` has what it does not say itself."""
    for key in own:
        if key not in _PART_KEYS:
            raise UsageError(f"experiment {raw['name']}: part key {key!r}: {nearest(key, _PART_KEYS)}")
    axis = own.get("axis", raw.get("axis", "concurrency"))
    if axis not in AXES:
        raise UsageError(f"experiment {raw['name']}: axis {axis!r}: {nearest(axis, AXES)}")
    for size, times in own.get("repeats", {}).items():
        if size not in SIZES or not 1 <= times <= raw["repeats"][size]:
            raise UsageError(f"experiment {raw['name']}: repeats of a part, {size} = {times}: for {', '.join(SIZES)}, from 1 to the experiment's")
    if own.get("delay_ms", 0) < 0:
        raise UsageError(f"experiment {raw['name']}: delay_ms = {own['delay_ms']}: a delay is not negative")
    stacks = own.get("stacks", raw.get("stacks", ()))
    if own.get("delay_ms") and not {*OURS}.isdisjoint(stacks) and own.get("device") not in _KERNEL_WIRES:
        raise UsageError(f"experiment {raw['name']}: delay_ms is of the kernel's wire: our stacks want device = {' or '.join(_KERNEL_WIRES)} there")
    sizes = own.get("sizes", SIZES)
    points, times = {}, {}
    for size in SIZES:
        here, there = own.get(size, {}), raw.get(size, {})
        chosen = here.get("points", own.get("points", raw.get("points", ()))) if size in sizes else ()
        points[size] = tuple(chosen)
        times[size] = _timing([raw.get("time", {}), there.get("time", {}), own.get("time", {}), here.get("time", {})])
    return Part(
        name=own.get("name", ""), stacks=tuple(stacks), axis=axis, points=points,
        load=raw["load"] | own.get("load", {}), time=times, set=raw.get("set", {}) | own.get("set", {}),
        server_set=own.get("server_set", {}), client_set=own.get("client_set", {}), tuning=own.get("tuning", {}),
        device=own.get("device", ""), mtu=own.get("mtu"), loss=own.get("loss", 0.0), reorder=own.get("reorder", 0.0), delay_ms=own.get("delay_ms", 0.0),
        repeats=own.get("repeats", {}), build=own.get("build", ""),
    )


def _parse(path: Path) -> Scenario:
    with path.open("rb") as file:
        raw = tomllib.load(file)
    for key in raw:
        if key not in _FILE_KEYS:
            raise UsageError(f"experiment {path.stem}: key {key!r}: {nearest(key, _FILE_KEYS)}")
    return Scenario(
        name=raw["name"], title=raw["title"], figure=raw["figure"], claim=raw["claim"],
        default=raw.get("default", False), breakdown=raw.get("breakdown", False), axis=raw.get("axis", "concurrency"),
        metric=raw.get("metric", "transactions_per_server_cpu_s"),
        parts=tuple(_part(raw, own) for own in raw.get("part", [{}])),
        points_by_stack={size: {stack: tuple(points) for stack, points in raw.get(size, {}).get("points", {}).items()}
                         for size in SIZES},
        repeats=raw["repeats"], note=raw.get("note", ""),
        plots=tuple(Plot(**plot | {"variants": tuple(plot.get("variants", ()))}) for plot in raw.get("plot", [])),
        needs=raw.get("needs", ""), variants_are_loads=raw.get("variants_are_loads", False),
        variants_are_settings=raw.get("variants_are_settings", False),
    )


@cache
def load_all(folder: Path = EXPERIMENTS / "scenarios") -> dict[str, Scenario]:
    """Experiments by name, those that run by default first. Read once, shared by all who ask: not to be changed."""
    found = [_parse(path) for path in folder.glob("*.toml")]
    found.sort(key=lambda s: (not s.default, s.breakdown, s.name))
    return {scenario.name: scenario for scenario in found}


def choose_baselines(text: str | None) -> tuple[str, ...] | None:
    """From the command line's list; None: all that an experiment has."""
    if text is None:
        return None
    names = tuple(name for name in text.split(",") if name and name != "none")
    for name in names:
        if name not in BASELINES:
            raise UsageError(f"unknown baseline {name!r}: {nearest(name, [*BASELINES, 'none'])}")
    return names


def choose(names: list[str], known: dict[str, Scenario]) -> list[Scenario]:
    if not names:
        return [scenario for scenario in known.values() if scenario.default]
    if names == ["all"]:
        return list(known.values())
    if "all" in names:
        raise UsageError("all stands alone: leave it out, or the other experiments")
    for name in names:
        if name not in known:
            raise UsageError(f"unknown experiment {name!r}: {nearest(name, [*known, 'all'])}")
    return [known[name] for name in dict.fromkeys(names)]
