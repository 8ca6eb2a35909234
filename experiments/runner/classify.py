# SPDX-License-Identifier: BSD-3-Clause
"""Books samples of `perf script` on the parts of the work, by the rules in symbols.toml."""
from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fnmatch import translate
from functools import cache
from pathlib import Path

PARTS = ("application", "tcpip", "packet_io", "kernel_other", "idle", "unclassified")
_RULES = Path(__file__).with_name("symbols.toml")
_HEAD = re.compile(r"^(?P<comm>\S.*?)\s+\d+(?:/\d+)?\s+\[(?P<cpu>\d+)\]\s+(?P<user>U\s)?")
_FRAME = re.compile(r"^\s+[0-9a-f]+\s+(?P<symbol>.+?)\s+\((?P<file>[^()]*(?:\([^()]*\))?)\)\s*$")
_CLONE = re.compile(r"(?:\.(?:isra|constprop|part|cold|lto_priv|llvm|\d+)\b|@).*$")  # what compilers and the linker make of a name
_PADDING = re.compile(r"^__(?:pfx|cfi)_")  # before a function's entry, named after it
_OURS = ("mtcp-", "eal-", "rte_", "dpdk-")  # names of our programs' threads
_ON_BEHALF = ("net_rx_action", "net_tx_action", "handle_softirqs", "__do_softirq", "process_backlog")

Layers = dict[str, str]  # function of our programs -> part


@dataclass(frozen=True)
class Frame:
    symbol: str
    file: str

    @property
    def in_kernel(self) -> bool:
        return self.file.startswith("[") and self.file not in ("[vdso]", "[unknown]")


@dataclass
class Sample:
    comm: str
    cpu: int
    frames: list[Frame] = field(default_factory=list)  # the interrupted function first; none where perf found nonsense among them
    in_user: bool = False  # interrupted outside the kernel

    @property
    def foreign(self) -> bool:
        """Another program's own time: not a thread of ours, not the kernel's own, no packet processing on the way."""
        if self.comm.startswith(_OURS) or self.comm == "swapper":
            return False
        if not self.frames:
            return self.in_user
        if self.frames[-1].in_kernel and self.frames[-1].symbol.startswith("ret_from_fork"):
            return False
        return not any(frame.symbol in _ON_BEHALF for frame in self.frames)


def plain(symbol: str) -> str:
    """The function's name in the sources."""
    return _PADDING.sub("", _CLONE.sub("", symbol))


def parse(lines: Iterable[str]) -> Iterator[Sample]:
    """Samples from the text of `perf script -F comm,pid,cpu,misc,event,ip,sym,dso`. Lines it does not know are passed over."""
    sample: Sample | None = None
    for line in lines:
        head = _HEAD.match(line)
        if head:
            if sample:
                yield sample
            sample = Sample(head["comm"].strip(), int(head["cpu"]), in_user=head["user"] is not None)
            continue
        frame = _FRAME.match(line)
        if frame and sample:
            sample.frames.append(Frame(plain(frame["symbol"].split("+0x")[0]), frame["file"]))
    if sample:
        yield sample


@dataclass(frozen=True)
class Rule:
    part: str
    match: re.Pattern[str]
    file: re.Pattern[str] | None = None


def _any_of(patterns: list[str]) -> re.Pattern[str]:
    """Of shell patterns: one that matches what any of them does."""
    return re.compile("|".join(map(translate, patterns)))


@cache
def rules() -> dict[str, list[Rule]]:
    """By table, in the file's order."""
    with _RULES.open("rb") as file:
        tables = tomllib.load(file)
    return {name: [Rule(rule["part"], _any_of(rule["match"]), _any_of(rule["file"]) if "file" in rule else None)
                   for rule in found] for name, found in tables.items()}


def _first_match(table: str, name: str, file: str = "") -> str | None:
    for rule in rules()[table]:
        if rule.match.match(name) and (rule.file is None or rule.file.match(file)):
            return rule.part
    return None


@cache
def _by_name(frame: Frame) -> str | None:
    return _first_match("kernel" if frame.in_kernel else "user", frame.symbol, frame.file)


@cache
def _within(symbol: str) -> str | None:
    return _first_match("within", symbol)


def layers(nm_output: str) -> Layers:
    """From `nm -A --defined-only LIBRARY...`: which part each function of ours is. Names that several parts use for
    functions of their own are left out."""
    found: dict[str, set[str]] = {}
    for line in nm_output.splitlines():
        words = line.split()
        if len(words) >= 3 and words[-2] in "tTwW":
            part = _first_match("library", Path(words[0].split(":")[0]).name)
            if part:
                found.setdefault(plain(words[-1]), set()).add(part)
    return {symbol: parts.pop() for symbol, parts in found.items() if len(parts) == 1}


def book(frame: Frame, ours: Layers | None) -> str:
    """The part of a frame; skip and helper where that is for its caller to say, unknown where no rule has it."""
    if frame.in_kernel:
        return _by_name(frame) or "unknown"
    if ours is None:
        return "application"
    return ours.get(frame.symbol) or _by_name(frame) or "unknown"


def classify(sample: Sample, ours: Layers | None, attribution: str) -> str:
    """The part of the interrupted function (leaf), or of the nearest one on its way that does a part's own work (caller).
    ours: functions of our stack; None when user space is only an application."""
    leaf = attribution == "leaf"
    if ours is not None and (part := next(filter(None, (_within(frame.symbol) for frame in sample.frames)), None)):
        return part
    fallback = "unclassified"
    entered = bool(sample.frames) and sample.frames[0].in_kernel
    for frame in sample.frames:
        if entered and not frame.in_kernel:  # time in the kernel is never its caller's outside
            return "kernel_other"
        part = book(frame, ours)
        if part in PARTS:
            return part
        if part == "helper" and frame.in_kernel:
            fallback = "kernel_other"
        if leaf and (fallback != "unclassified" or part == "unknown"):
            return fallback
    return fallback


@dataclass
class Profile:
    """Samples counted by part, and by interrupted function for a closer look."""

    counts: Counter[str] = field(default_factory=Counter)
    functions: Counter[tuple[str, str]] = field(default_factory=Counter)
    foreign: int = 0  # samples of other programs, counted nowhere else

    @property
    def samples(self) -> int:
        return sum(self.counts.values())

    @property
    def foreign_share(self) -> float:
        return self.foreign / ((self.samples + self.foreign) or 1)

    def shares(self) -> dict[str, float]:
        total = self.samples or 1
        return {part: self.counts[part] / total for part in PARTS}


def profile(samples: Iterable[Sample], ours: Layers | None, attribution: str, cores: list[int] | None = None) -> Profile:
    """Counts samples of these cores (None: of all)."""
    result = Profile()
    for sample in samples:
        if cores is not None and sample.cpu not in cores:
            continue
        if sample.foreign:
            result.foreign += 1
            continue
        part = classify(sample, ours, attribution)
        result.counts[part] += 1
        result.functions[(sample.frames[0].symbol if sample.frames else "-", part)] += 1
    return result
