# SPDX-License-Identifier: BSD-3-Clause
"""Do two runs say the same? Each claim's verdict, and each point's median within the other's interval."""
from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from runner import claims
from runner.rows import Row
from runner.stats import Estimate
from runner.summary import Key, Line, kilo, lines, metric_of, metric_text

SHARE = 0.9  # of the points
_FAR = 3  # standard deviations of that share: what chance alone does not do
# Of two medians of so many values of one distribution: how often either lies in the other's interval, and how often both do
# (docs/experiments.md; simulated, the same for normal values, skewed ones and those of two states).
CHANCE = {2: (0.53, 0.25), 3: (0.81, 0.40), 4: (0.89, 0.62), 5: (0.96, 0.73), 6: (0.94, 0.71), 7: (0.88, 0.55), 9: (0.96, 0.76)}


@dataclass(frozen=True)
class Agreement:
    verdicts: list[tuple[claims.Verdict, claims.Verdict]]  # of the claims that both runs judge
    inside: list[Key]                                      # points that agree: either median is in the other's interval ...
    outside: list[tuple[Key, str]]                         # ... and that do not, with both medians ...
    one_sided: list[tuple[Key, str]]                       # ... or with a value above 0 in one run only: it is told which
    single: int                                            # points with no interval in either run: nothing to agree with
    both: int                                              # of those inside: both medians are
    chance: tuple[float, float] | None                     # shares inside, and both, were A and B the same; None: not known for that many repeats

    @property
    def differ(self) -> list[tuple[claims.Verdict, claims.Verdict]]:
        return [pair for pair in self.verdicts if pair[0].outcome != pair[1].outcome]

    @property
    def share(self) -> float | None:
        """None: no point has an interval, so that there is nothing to agree by."""
        return len(self.inside) / self.points if self.inside or self.outside else None

    @property
    def points(self) -> int:
        """That count: those of one run only do not agree."""
        return len(self.inside) + len(self.outside) + len(self.one_sided)

    @property
    def by_chance(self) -> bool:
        """Are there too few repeats to ask for that share, and lies it no further below what the same thing twice gives than chance alone may put it?"""
        if self.share is None or self.chance is None or self.chance[0] >= SHARE:
            return False
        usual = self.chance[0]
        return self.share >= usual - _FAR * math.sqrt(usual * (1 - usual) / self.points)

    @property
    def holds(self) -> bool | None:
        """None: cannot say."""
        if self.share is None:
            return None
        if self.differ or self.share >= SHARE:
            return not self.differ
        return None if self.by_chance else False

    def words(self) -> list[str]:
        told = [f"verdicts: {len(self.verdicts) - len(self.differ)} of {len(self.verdicts)} alike"]
        told += [f"verdict differs: {first.claim['name']}: {first.word} ({first.ours}), then {second.word} ({second.ours})"
                 for first, second in self.differ]
        if self.share is not None:
            told.append(f"medians within the other run's interval: {len(self.inside)} of {self.points} points, "
                        f"{self.share:.0%} ({SHARE:.0%} are asked for); both of them: {self.both}, {self.both / self.points:.0%}")
            if self.chance:
                told.append(f"by chance alone, were A and B the same: {self.chance[0]:.0%}, and both {self.chance[1]:.0%}"
                            + ("" if self.chance[0] >= SHARE else f": too few repeats to ask for {SHARE:.0%}"))
        told += [f"median outside: {told_of(key)}: {values}" for key, values in self.outside]
        told += [f"a value in {name} only: {told_of(key)}" for key, name in self.one_sided]
        if self.single:
            told.append(f"{self.single} points have one repeat in each run, and no interval")
        why = "no intervals" if self.share is None else "too few repeats"
        told.append({True: "A and B agree", False: "A and B do not agree", None: f"cannot say whether A and B agree: {why}"}[self.holds])
        return told


def told_of(key: Key) -> str:
    return " ".join(filter(None, (key.experiment, key.stack, key.variant, f"({key.device})", f"at {kilo(key.point)}")))


def _holds(interval: Estimate, value: float) -> bool:
    return interval.low is not None and interval.high is not None and interval.low <= value <= interval.high


def within(first: Estimate, second: Estimate) -> tuple[bool, bool] | None:
    """Does one of the two medians lie in the interval of the other? Do both? None: neither has an interval."""
    if first.low is None and second.low is None:
        return None
    found = _holds(first, second.value), _holds(second, first.value)
    return any(found), all(found)


def _chance(repeats: Sequence[int]) -> tuple[float, float] | None:
    """Of points with so many repeats, all together."""
    known = [CHANCE[n] for n in repeats if n in CHANCE]
    if not known or len(known) < len(repeats):
        return None
    return sum(either for either, _ in known) / len(known), sum(both for _, both in known) / len(known)


def _value(line: Line | None) -> Estimate | None:
    """None where there is none above 0."""
    found = line.estimate(metric_of(line.key.experiment)) if line else None
    return found if found and found.value > 0 else None


def of(before: Sequence[Row], after: Sequence[Row], manifests: Sequence[dict[str, Any]] = ({}, {})) -> Agreement:
    """manifests: of each run, for what did not run."""
    judged = [{verdict.claim["name"]: verdict for verdict in claims.judge_all(list(rows), about.get("skipped", {}), about.get("failures", []))}
              for rows, about in zip((before, after), manifests)]
    ours, theirs = ({line.key: line for line in lines(found)} for found in (before, after))
    inside, outside, one_sided, single, both, repeats = [], [], [], 0, 0, []
    for key in dict.fromkeys((*ours, *theirs)):
        first, second = _value(ours.get(key)), _value(theirs.get(key))
        if first is None or second is None:
            one_sided += [(key, name) for end, name in ((first, "A"), (second, "B")) if end]
            continue
        agreed, metric = within(first, second), metric_of(key.experiment)
        if agreed is None:
            single += 1
            continue
        repeats.append(min(first.n, second.n))
        both += agreed[1]
        if agreed[0]:
            inside.append(key)
        else:
            outside.append((key, f"{metric_text(ours[key], metric)}, then {metric_text(theirs[key], metric)}"))
    return Agreement([(judged[0][name], judged[1][name]) for name in judged[0] if name in judged[1]], inside, outside, one_sided, single,
                     both, _chance(repeats))
