# SPDX-License-Identifier: BSD-3-Clause
"""./repro bench-check: instructions per transaction and per packet against experiments/baseline.json.

Counted by callgrind inside mtcp-bench --count: one processor as good as another, no clock, no chance.
"""
from __future__ import annotations

import datetime
import json
import re
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from runner.errors import CannotRun, Stop
from runner.places import EXPERIMENTS, build_dir

BASELINE = EXPERIMENTS / "baseline.json"
BOUND = 0.03
BOUND_OTHER_COMPILER = 0.10  # another version of it
SCENARIOS = ("socket_transaction", "socket_messages", "socket_echo", "paired_transaction", "paired_messages", "device_burst", "transaction",
             "messages", "messages_v6", "bulk", "syn_flood", "idle_turn", "parse_64", "build_64", "tcp_receive", "tcp_send", "tcp_open_close",
             "tcp_ooo", "tcp_sack", "syn_queue", "time_wait", "neigh", "reassembly", "flow_change_64k", "wheel_fire", "buf")
_SHOWN = 5        # functions that grew
_KEPT = 0.002     # share of a scenario from which on a function stands in the baseline
_SECONDS = 300.0  # for one scenario, on a machine with much else to do
# The C library chooses memcpy and the like by processor; these words let it see the oldest one.
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C",
                "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-AVX512F,-AVX512VL,-AVX512BW,-ERMS,-FSRM,-AVX_Fast_Unaligned_Load"}


@dataclass(frozen=True)
class Build:
    compiler: str
    machine: str
    kind: str

    @classmethod
    def parse(cls, text: str) -> Build:
        words = [word.strip() for word in text.split(", ")]
        if len(words) != 3:
            raise Stop(f"mtcp-bench --version says {text!r}")
        return cls(*words)


@dataclass(frozen=True)
class Counted:
    """Of one operation."""
    parts: dict[str, float]
    functions: dict[str, float]  # by themselves, without what they call


def _bare(name: str) -> str:
    """The function as the source names it: the compiler's clones and recursion are part of it."""
    return re.sub(r"(\.(constprop|part|isra|cold|lto_priv)(\.\d+)?|'\d+)+$", "", name)


def read_profile(text: str) -> tuple[dict[str, int], dict[str, int]]:
    """Of callgrind's output without compression: instructions of each function with and without what it calls."""
    inclusive: dict[str, int] = {}
    own: dict[str, int] = {}
    name, is_call = "", False
    for line in text.splitlines():
        if line.startswith("fn="):
            name = _bare(line[3:])
        elif line.startswith("calls="):
            is_call = True
        elif re.match(r"[+*\d-]", line):
            cost = int(line.split()[1])
            inclusive[name] = inclusive.get(name, 0) + cost
            if not is_call:
                own[name] = own.get(name, 0) + cost
            is_call = False
    return inclusive, own


def read_parts(text: str) -> list[tuple[str, int, list[str]]]:
    """What mtcp-bench --count prints: a part, per how many, the functions it is made of."""
    return [(words[0], int(words[1]), words[2:]) for words in map(str.split, text.splitlines())]


def count(program: Path, scenario: str) -> Counted:
    with tempfile.TemporaryDirectory(prefix="mtcp-bench-") as folder:
        profile = Path(folder) / "profile"
        argv = ["valgrind", "-q", "--tool=callgrind", "--toggle-collect=bench_counted*", "--compress-strings=no",
                "--compress-pos=no", f"--callgrind-out-file={profile}", str(program.absolute()), "--count", scenario]
        done = subprocess.run(argv, cwd=folder, env=_ENVIRONMENT, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=_SECONDS)
        if done.returncode:
            raise Stop(f"{program} --count {scenario}: {done.stderr.strip() or f'status {done.returncode}'}")
        inclusive, own = read_profile(profile.read_text())
    parts, per = {}, 1
    for name, n, functions in read_parts(done.stdout):
        missing = [each for each in functions if each not in inclusive]
        if missing:
            raise Stop(f"{scenario}: the profile has no function {', '.join(missing)}")
        parts[name] = sum(inclusive[each] for each in functions) / n
        per = max(per, n)
    return Counted(parts, {name: n / per for name, n in own.items()})


@dataclass(frozen=True)
class Baseline:
    build: Build
    scenarios: dict[str, Counted]


def read_baseline(text: str, where: str) -> Baseline:
    """Stop names what is wrong with it."""
    try:
        data = json.loads(text)
        build = Build(data["compiler"], data["machine"], data["build"])
        scenarios = {}
        for name, each in data["scenarios"].items():
            numbers = {**each["instructions"], **each["functions"]}
            if not each["instructions"] or not all(isinstance(n, (int, float)) and n >= 0 for n in numbers.values()):
                raise ValueError(f"scenario {name}: not numbers of instructions")
            scenarios[name] = Counted(each["instructions"], each["functions"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        what = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise Stop(f"{where} is malformed: {what}") from error
    return Baseline(build, scenarios)


def write_baseline(build: Build, counted: dict[str, Counted], reason: str) -> str:
    def rounded(numbers: dict[str, float]) -> dict[str, float]:
        return {name: round(n, 2) for name, n in sorted(numbers.items(), key=lambda item: -item[1])}

    scenarios = {}
    for name, each in counted.items():
        least = _KEPT * sum(each.functions.values())
        scenarios[name] = {"instructions": {part: round(n, 2) for part, n in each.parts.items()},
                           "functions": rounded({f: n for f, n in each.functions.items() if n >= least})}
    data = {"reason": reason, "date": datetime.date.today().isoformat(), "compiler": build.compiler, "machine": build.machine,
            "build": build.kind, "scenarios": scenarios}
    return json.dumps(data, indent=1) + "\n"


def bound_for(was: Build, now: Build) -> float:
    """By how much a count may rise; CannotRun where the counts say nothing."""
    if now.kind != "Release":
        raise CannotRun(f"this is a build of kind {now.kind}: only a Release build's instructions are compared")
    if now.machine != was.machine:
        raise CannotRun(f"the baseline was counted on {was.machine}, this is {now.machine}: instructions do not compare")
    if now.compiler.split()[0] != was.compiler.split()[0]:
        raise CannotRun(f"the baseline was counted with {was.compiler}, this is {now.compiler}: instructions do not compare")
    return BOUND if now.compiler == was.compiler else BOUND_OTHER_COMPILER


def grown(was: dict[str, float], now: dict[str, float]) -> list[str]:
    """The functions that grew most, a line each. The baseline does not list the smallest: they were at most as its least."""
    least = min(was.values(), default=0.0)
    more = sorted(((n - was.get(name, least), name) for name, n in now.items()), reverse=True)
    return [f"  {name}: {f'{was[name]:.2f}' if name in was else f'at most {least:.2f}'} -> {now[name]:.2f}"
            for by, name in more[:_SHOWN] if by > 0.01 * now[name]]


@dataclass(frozen=True)
class Verdict:
    lines: list[str]
    worse: list[str]   # what costs more than it may
    lower: list[str]   # what costs less than the baseline says by more than the bound
    lacking: list[str]  # what one of the two does not know


def compare(was: dict[str, Counted], now: dict[str, Counted], bound: float) -> Verdict:
    found = Verdict([], [], [], [])
    for name in [*now, *(name for name in was if name not in now)]:
        if name not in was or name not in now:
            found.lacking.append(f"scenario {name} is {'not in the baseline' if name in now else 'in the baseline alone'}")
            continue
        before, after = was[name].parts, now[name].parts
        found.lacking.extend(f"{name}: part {part} is known to one side only" for part in sorted(before.keys() ^ after.keys()))
        too_much = False
        for part in (part for part in after if part in before):
            change = after[part] / before[part] - 1 if before[part] else float(after[part] > 0)
            label = f"{name} {part}"
            found.lines.append(f"{label:<32} {before[part]:>10.1f} {after[part]:>10.1f} {change:>+8.1%}")
            if change > bound:
                found.worse.append(f"{label}: {before[part]:.1f} -> {after[part]:.1f} instructions ({change:+.1%})")
                too_much = True
            elif change < -bound:
                found.lower.append(label)
        if too_much:
            found.worse.extend(grown(was[name].functions, now[name].functions))
    return found


def _program() -> Path:
    program = build_dir() / "bin" / "mtcp-bench"
    if not program.is_file():
        raise CannotRun(f"{program} is missing: build first")
    if not shutil.which("valgrind"):
        raise CannotRun("valgrind is not installed; run: sudo apt-get install -y valgrind")
    return program


def _count_all(program: Path) -> dict[str, Counted]:
    with ThreadPoolExecutor() as pool:
        return dict(zip(SCENARIOS, pool.map(lambda name: count(program, name), SCENARIOS)))


def judge(baseline: Path, build: Build, counted: dict[str, Counted]) -> tuple[list[str], bool]:
    """Lines to print, and whether all is well."""
    try:
        text = baseline.read_text()
    except OSError as error:
        raise Stop(f"{baseline}: {error.strerror}; ./repro bench-check --update --reason TEXT writes it") from error
    was = read_baseline(text, str(baseline))
    bound = bound_for(was.build, build)
    found = compare(was.scenarios, counted, bound)
    lines = [f"{'instructions':<32} {'baseline':>10} {'now':>10}", *found.lines]
    if build.compiler != was.build.compiler:
        lines.append(f"the baseline is of {was.build.compiler}, this is {build.compiler}: up to +{bound:.0%} passes instead of +{BOUND:.0%}")
    lines += [f"FAILED {baseline}: {each}" for each in found.lacking]
    if found.worse:
        lines += [f"FAILED: more than +{bound:.0%}", *(f"  {each}" for each in found.worse)]
    if found.lower and build.compiler == was.build.compiler:
        lines.append(f"the baseline can be lowered (--update --reason TEXT): {', '.join(found.lower)}")
    return lines, not found.worse and not found.lacking


def _build_of(program: Path) -> Build:
    return Build.parse(subprocess.run([str(program), "--version"], capture_output=True, text=True, check=True, timeout=20).stdout)


def check(baseline: Path = BASELINE) -> tuple[list[str], bool]:
    """Lines to print, and whether all is well."""
    program = _program()
    return judge(baseline, _build_of(program), _count_all(program))


def update(reason: str, baseline: Path = BASELINE) -> None:
    program = _program()
    build = _build_of(program)
    bound_for(build, build)
    baseline.write_text(write_baseline(build, _count_all(program), reason))


def main(renew: bool, reason: str | None) -> int:
    if renew:
        update(reason or "")
        print(f"{BASELINE}: written; commit it with the change that it is for")
        return 0
    lines, well = check()
    print("\n".join(lines), flush=True)
    return 0 if well else 1
