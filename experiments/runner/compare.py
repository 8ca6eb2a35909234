# SPDX-License-Identifier: BSD-3-Clause
"""Two runs side by side: by how much they differ, and whether that could be chance."""
from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from runner import agree, manifest, rows, stats
from runner import table as terminal
from runner.errors import UsageError
from runner.evidence import FAILED_MOST, failed_share
from runner.scenario import OURS
from runner.stats import Estimate
from runner.summary import METRICS, Key, Line, kilo, lines, metric_of, metric_text, name_of, with_interval
from runner.words import cores_of

ALPHA = 0.05
_DRAWS = 9999
_SEED = 20140402  # the same rows are judged the same each time
_FASTER, _SLOWER, _SAME, _FEW = "better", "worse", "no difference shown", "too few repeats to tell"


@dataclass(frozen=True)
class Pair:
    """The same line in both runs."""

    key: Key
    metric: str
    before: Line
    after: Line

    @property
    def values(self) -> tuple[list[float], list[float]]:
        """B's and A's, so that their quotient is above 1 where B is better."""
        found = self.after.values(self.metric), self.before.values(self.metric)
        return (found[1], found[0]) if METRICS[self.metric].lowest else found


@dataclass(frozen=True)
class Finding:
    """How many times better B is, of one line or of all points of a stack."""

    pairs: tuple[Pair, ...]
    ratio: Estimate
    p: float          # that chance alone differs so much
    least: float      # the smallest p that so few repeats could give
    few: bool = False  # ... which is none that could still count beside the other comparisons
    corrected: float = 1.0

    @property
    def word(self) -> str:
        if self.few:
            return _FEW
        if self.corrected >= ALPHA:
            return _SAME
        return _FASTER if self.ratio.value > 1.0 else _SLOWER

    def regressed(self, threshold: float) -> bool:
        """Ours, surely worse, and by more than threshold (a share)."""
        return self.pairs[0].key.stack in OURS and self.word == _SLOWER and self.ratio.value < 1.0 - threshold


def holm(found: Sequence[float]) -> list[float]:
    """p of each of many comparisons, so that all together go wrong no more often than one (Holm, 1979)."""
    corrected, highest = [0.0] * len(found), 0.0
    for rank, place in enumerate(sorted(range(len(found)), key=lambda at: found[at])):
        highest = max(highest, min(1.0, (len(found) - rank) * found[place]))
        corrected[place] = highest
    return corrected


def _ways(over: Sequence[float], under: Sequence[float]) -> int:
    return math.comb(len(over) + len(under), len(over))


def of_line(pair: Pair) -> Finding:
    """Mann and Whitney's test of one line's repeats, two-sided."""
    from scipy.stats import mannwhitneyu

    over, under = pair.values
    p = float(mannwhitneyu(over, under, alternative="two-sided").pvalue)
    return Finding((pair,), stats.ratio(over, under), 1.0 if math.isnan(p) else p, 2.0 / _ways(over, under))


def of_stack(pairs: Sequence[Pair]) -> Finding:
    """All points of a stack at once: which run a repeat is from is shuffled within each point. Tells what is the same at
    every point though no point alone could show it."""
    rng = np.random.default_rng(_SEED)
    seen, shuffled, resampled, ways = 0.0, np.zeros(_DRAWS), np.zeros(_DRAWS), 1
    for pair in pairs:
        over, under = (np.log(np.asarray(values)) for values in pair.values)
        both, n = np.concatenate([over, under]), len(over)
        seen += float(np.median(over) - np.median(under))
        order = rng.permuted(np.tile(both, (_DRAWS, 1)), axis=1)
        shuffled += np.median(order[:, :n], axis=1) - np.median(order[:, n:], axis=1)
        resampled += np.median(rng.choice(over, (_DRAWS, n)), axis=1) - np.median(rng.choice(under, (_DRAWS, len(under))), axis=1)
        ways *= _ways(over, under)
    p = (1 + int(np.sum(np.abs(shuffled) >= abs(seen) - 1e-12))) / (1 + _DRAWS)
    low, high = np.exp(np.percentile(resampled, [2.5, 97.5]) / len(pairs))
    several = any(min(map(len, pair.values)) > 1 for pair in pairs)
    ratio = Estimate(math.exp(seen / len(pairs)), float(low) if several else None, float(high) if several else None, len(pairs))
    return Finding(tuple(pairs), ratio, p, max(2.0 / ways, 1 / (1 + _DRAWS)))


def hopeful(least: Sequence[float]) -> list[bool]:
    """Which comparisons could show anything at all once corrected for those that could (Tarone, 1990). By the number of repeats
    alone, so that leaving the others out of the correction favours nobody."""
    for count in range(1, len(least) + 1):
        found = [p * count <= ALPHA for p in least]
        if sum(found) <= count:
            return found
    return []


def _correct(found: list[Finding]) -> list[Finding]:
    able = hopeful([item.least for item in found])
    corrected = iter(holm([item.p for item, counts in zip(found, able) if counts]))
    return [replace(item, few=not counts, corrected=next(corrected) if counts else 1.0) for item, counts in zip(found, able)]


@dataclass(frozen=True)
class Comparison:
    stacks: list[Finding]
    points: list[Finding]
    only: tuple[int, int]   # lines that only A, only B has
    left_out: list[Key]     # in both, but one has no value above 0
    unlike: list[tuple[Key, str]]  # in both, but not of one thing: why
    lost: list[Key]         # of ours: A has a value, B has none
    broken: list[Line]      # of ours in B: connections fail, and did not in A

    def regressions(self, threshold: float) -> list[Finding]:
        return [found for found in (*self.stacks, *self.points) if found.regressed(threshold)]

    @property
    def other_machine(self) -> bool:
        """Do the kernel's lines differ, too?"""
        return any(found.pairs[0].key.stack not in OURS and found.word in (_FASTER, _SLOWER) for found in self.stacks)


def _how(row: rows.Row) -> dict[str, str]:
    """What two rows of one line may differ in, so that they are not one thing measured twice."""
    def cores(end: str) -> str:
        return str(len(cores_of((row.get(end) or "0").replace(";", ","))))

    account = next((entry["attribution"] for entry in row.get("breakdown") or [] if entry["method"] == "cycles"), None)
    return {"server cores": cores("server_cores"), "load cores": cores("client_cores"), "account by": account or "-"}


def _unlike(pair: Pair) -> str:
    before, after = (_how(line.rows[0]) for line in (pair.before, pair.after))
    return ", ".join(f"{name} {before[name]} and {after[name]}" for name in before if before[name] != after[name])


def _sound(values: Sequence[float]) -> bool:
    """Can quotients be made of them?"""
    return bool(values) and min(values) > 0


def _fails(line: Line) -> bool:
    return max(map(failed_share, line.rows)) > FAILED_MOST


def compare(first: list[rows.Row], second: list[rows.Row]) -> Comparison:
    """Each experiment by the column that it is about. UsageError when the two have nothing in common."""
    before, after = ({line.key: line for line in lines(found)} for found in (first, second))
    shared = [Pair(key, metric_of(key.experiment), before[key], after[key]) for key in before if key in after]
    unlike = [(pair.key, why) for pair in shared if (why := _unlike(pair))]
    known = {key for key, _ in unlike}
    both = [pair for pair in shared if pair.key not in known]
    pairs = [pair for pair in both if all(map(_sound, pair.values))]
    compared = {pair.key for pair in pairs}
    lost = [key for key, line in before.items() if key.stack in OURS and key not in compared | known and _sound(line.values(metric_of(key.experiment)))]
    if not shared and not {key.experiment for key in lost} & {key.experiment for key in after}:
        raise UsageError("the two have no experiment, stack, variant, device and point in common")
    groups: dict[tuple[str, ...], list[Pair]] = {}
    for pair in pairs:
        groups.setdefault((pair.key.experiment, pair.key.variant, pair.key.stack, pair.key.device), []).append(pair)
    return Comparison(_correct([of_stack(group) for group in groups.values()]), _correct([of_line(pair) for pair in pairs]),
                      (len(before.keys() - after.keys()), len(after.keys() - before.keys())),
                      [pair.key for pair in both if pair.key not in compared], unlike, lost,
                      [pair.after for pair in both if pair.key.stack in OURS and _fails(pair.after) and not _fails(pair.before)])


def tables(found: Comparison) -> list[Any]:
    """For the terminal."""
    stacks = terminal.make("B against A, all points of a stack", "B better", "stack", "points", "p", "corrected p", "", left=(1,))
    for item in found.stacks:
        pair = item.pairs[0]
        stacks.add_row(with_interval(item.ratio, ".3f"), f"{pair.key.experiment} {name_of(pair.before)}", str(len(item.pairs)),
                       f"{item.p:.4f}", f"{item.corrected:.4f}", item.word)
    points = terminal.make("B against A, point by point", "B better", "stack", "point", "A", "B", "corrected p", "", left=(1,))
    for item in found.points:
        pair = item.pairs[0]
        points.add_row(with_interval(item.ratio, ".3f"), f"{pair.key.experiment} {name_of(pair.before)}", kilo(pair.key.point),
                       metric_text(pair.before, pair.metric), f"{metric_text(pair.after, pair.metric)} {METRICS[pair.metric].unit}",
                       f"{item.corrected:.4f}", item.word)
    return [stacks, points]


def main(first: Path, second: Path, percent: float) -> int:
    """Tables, what is worse by more than so many percent, or gone: exit status 1 if anything is, UsageError where nothing could be compared; whether the two say the same."""
    before, after = rows.read(first), rows.read(second)
    found = compare(before, after)
    console = terminal.console()
    print(f"A: {first}\nB: {second}")
    for item in tables(found) if found.points else ():
        console.print(item)
    for count, name in zip(found.only, "AB"):
        if count:
            print(f"only in {name}: {count} lines")
    for key, why in found.unlike:
        print(f"not compared, as they are not of one thing: {agree.told_of(key)}: {why}")
    for key in found.left_out:
        print(f"not compared, a value is missing or 0: {agree.told_of(key)}")
    if found.other_machine:
        print("the kernel's lines differ, too: the machine was not the same, or not as busy")
    regressions = found.regressions(percent / 100)
    for item in regressions:
        key = item.pairs[0].key
        where = f"at {kilo(key.point)}" if item in found.points else "over all points"
        print(f"regression: {key.experiment} {name_of(item.pairs[0].before)} {where}: {with_interval(item.ratio, '.3f')} times, "
              f"corrected p {item.corrected:.4f}")
    for key in found.lost:
        print(f"lost: {agree.told_of(key)}: A has a value, B has none")
    for line in found.broken:
        print(f"failing: {agree.told_of(line.key)}: {max(map(failed_share, line.rows)):.1%} of the connections in B")
    worse = bool(regressions or found.lost or found.broken)
    if not worse and found.points:
        print(f"no regression beyond {percent:g}%")
    same = agree.of(before, after, [manifest.read(folder) for folder in (first, second)])
    print("\n".join(same.words()))
    if not worse and not found.points:  # a gate that looked at nothing has not passed
        raise UsageError("nothing could be compared: see above why")
    return int(worse)
