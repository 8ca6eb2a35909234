# SPDX-License-Identifier: BSD-3-Clause
"""./repro test --coverage: what of core/tcp and core/wire the C tests reach, the oracle and the fuzzers' corpus among them."""
from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

LAYERS = ("tcp", "wire")
LINES, BRANCHES = 95.0, 85.0  # percent required of both layers together


@dataclass
class Counts:
    """Of one file: how often each line ran, and each branch out of it was taken."""
    lines: dict[int, int] = field(default_factory=dict)
    branches: dict[tuple[int, int], int] = field(default_factory=dict)

    def add(self, line: dict) -> None:
        at = line["line_number"]
        self.lines[at] = self.lines.get(at, 0) + line["count"]
        for index, branch in enumerate(line["branches"]):
            self.branches[at, index] = self.branches.get((at, index), 0) + branch["count"]

    def missing(self) -> str:
        """Lines that never ran, as ranges."""
        runs: list[list[int]] = []
        known = sorted(self.lines)
        for before, at in zip([None, *known], known):
            if self.lines[at]:
                continue
            if runs and runs[-1][1] == before:
                runs[-1][1] = at
            else:
                runs.append([at, at])
        return " ".join(f"{a}" if a == b else f"{a}-{b}" for a, b in runs)


def percent(counts: dict) -> float:
    return 100.0 * sum(1 for n in counts.values() if n) / len(counts) if counts else 100.0


def _gcov(data: Path) -> list[dict]:
    done = subprocess.run(["gcov", "--json-format", "--stdout", "--branch-probabilities", str(data)], cwd=data.parent, check=True,
                          capture_output=True, text=True)
    return [found for text in done.stdout.splitlines() if text.strip() for found in json.loads(text)["files"]]


def measure(build: Path, root: Path) -> dict[str, Counts]:
    """By file, from what an instrumented build's programs have left. Inline functions of headers count where they were compiled."""
    found: dict[str, Counts] = {}
    for layer in LAYERS:
        for data in sorted((build / "CMakeFiles" / f"mtcp_{layer}.dir").rglob("*.gcda")):
            for each in _gcov(data):
                path = (data.parent / each["file"]).resolve()
                if not any(path.is_relative_to(root / "core" / name) for name in LAYERS):
                    continue
                counts = found.setdefault(str(path.relative_to(root)), Counts())
                for line in each["lines"]:
                    counts.add(line)
    return found


def table(found: dict[str, Counts]) -> tuple[list[str], bool]:
    """Lines to print, and whether it is enough."""
    text = [f"{'file':<28} {'lines':>7} {'branches':>9}  never run"]
    total = Counts()
    for name, counts in sorted(found.items()):
        text.append(f"{name:<28} {percent(counts.lines):6.1f}% {percent(counts.branches):8.1f}%  {counts.missing()}".rstrip())
        total.lines |= {(name, at): n for at, n in counts.lines.items()}
        total.branches |= {(name, at): n for at, n in counts.branches.items()}
    lines, branches = percent(total.lines), percent(total.branches)
    enough = bool(found) and lines >= LINES and branches >= BRANCHES
    text.append(f"{'all':<28} {lines:6.1f}% {branches:8.1f}%  required: {LINES:g}% of lines, {BRANCHES:g}% of branches")
    return text, enough
