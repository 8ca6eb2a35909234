# SPDX-License-Identifier: BSD-3-Clause
"""Do two runs say the same? Each claim's verdict, and each point's median within the other's interval."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from runner import claims
from runner.rows import Row
from runner.stats import Estimate
from runner.summary import Key, Line, kilo, metric_of, metric_text

SHARE = 0.9  # of the points


@dataclass(frozen=True)
class Agreement:
    verdicts: list[tuple[claims.Verdict, claims.Verdict]]  # of the claims that both runs judge
    inside: list[Key]                                      # points that agree ...
    outside: list[tuple[Key, str]]                         # ... and that do not, with both medians
    single: int                                            # points with no interval in either run: nothing to agree with

    @property
    def differ(self) -> list[tuple[claims.Verdict, claims.Verdict]]:
        return [pair for pair in self.verdicts if pair[0].outcome != pair[1].outcome]

    @property
    def share(self) -> float | None:
        points = len(self.inside) + len(self.outside)
        return len(self.inside) / points if points else None

    @property
    def holds(self) -> bool:
        return not self.differ and (self.share is None or self.share >= SHARE)

    def words(self) -> list[str]:
        told = [f"verdicts: {len(self.verdicts) - len(self.differ)} of {len(self.verdicts)} alike"]
        told += [f"verdict differs: {first.claim['name']}: {first.word} ({first.ours}), then {second.word} ({second.ours})"
                 for first, second in self.differ]
        if self.share is not None:
            told.append(f"medians within the other run's interval: {len(self.inside)} of {len(self.inside) + len(self.outside)} points, "
                        f"{self.share:.0%} ({SHARE:.0%} are asked for)")
        told += [f"median outside: {told_of(key)}: {values}" for key, values in self.outside]
        if self.single:
            told.append(f"{self.single} points have one repeat in each run, and no interval")
        if self.verdicts or self.share is not None:
            told.append(f"A and B {'agree' if self.holds else 'do not agree'}")
        return told


def told_of(key: Key) -> str:
    return " ".join(filter(None, (key.experiment, key.stack, key.variant, f"({key.device})", f"at {kilo(key.point)}")))


def _holds(interval: Estimate, value: float) -> bool:
    return interval.low is not None and interval.high is not None and interval.low <= value <= interval.high


def within(first: Estimate, second: Estimate) -> bool | None:
    """Does one of the two medians lie in the interval of the other? Of five repeats of the same thing it does in 95% of
    cases, while both do in no more than 83%. None: neither has an interval."""
    if first.low is None and second.low is None:
        return None
    return _holds(first, second.value) or _holds(second, first.value)


def of(before: Sequence[Row], after: Sequence[Row], pairs: Sequence[tuple[Line, Line]],
       skipped: tuple[dict[str, str], dict[str, str]] = ({}, {})) -> Agreement:
    """pairs: lines that both have. skipped: reason by stack or experiment, of each run."""
    judged = [{verdict.claim["name"]: verdict for verdict in claims.judge_all(list(rows), left)} for rows, left in zip((before, after), skipped)]
    inside, outside, single = [], [], 0
    for first, second in pairs:
        metric = metric_of(first.key.experiment)
        ends = first.estimate(metric), second.estimate(metric)
        if ends[0] is None or ends[1] is None:
            continue
        agreed = within(*ends)
        if agreed is None:
            single += 1
        elif agreed:
            inside.append(first.key)
        else:
            outside.append((first.key, f"{metric_text(first, metric)}, then {metric_text(second, metric)}"))
    return Agreement([(judged[0][name], judged[1][name]) for name in judged[0] if name in judged[1]], inside, outside, single)
