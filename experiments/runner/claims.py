# SPDX-License-Identifier: BSD-3-Clause
"""Judges the claims in experiments/claims.toml by the rows."""
from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from runner.evidence import Evidence, Untestable
from runner.measures import MEASURES, Claim
from runner.places import CLAIMS
from runner.rows import Row
from runner.scenario import BASELINES, STACKS
from runner.stats import Estimate
from runner.summary import METRICS
from runner.words import cores_of

EVERYWHERE = "all"  # a claim's experiment: every one that has rows
REPRODUCED, PARTLY, NOT, UNTESTED = "reproduced", "partly", "not reproduced", "not testable here"
_WORDS = {  # a goal or a check of ours is no claim that could be reproduced
    "claim": {REPRODUCED: REPRODUCED, PARTLY: PARTLY, NOT: NOT, UNTESTED: UNTESTED},
    "goal": {REPRODUCED: "reached", PARTLY: "partly", NOT: "missed", UNTESTED: UNTESTED},
    "check": {REPRODUCED: "passed", PARTLY: "partly", NOT: "failed", UNTESTED: UNTESTED},
}


_AT_CORES = re.compile(r" at (\d+) server cores?$")


@dataclass(frozen=True)
class Verdict:
    claim: Claim
    outcome: str                 # one of the four above
    estimate: Estimate | None    # also of some that cannot be judged: what the rows say all the same
    why: str = ""                # it is not testable; else what a reader has to know beside the value

    @property
    def word(self) -> str:
        return _WORDS[self.claim["kind"]][self.outcome]

    @property
    def n(self) -> str:
        """Repeats behind the value."""
        return str(self.estimate.n) if self.estimate else "-"

    @property
    def ours(self) -> str:
        return "; ".join(filter(None, (self._value, self.why)))

    @property
    def _value(self) -> str:
        if self.estimate is None:
            return ""
        form = _form(self.claim)
        text = form(self.estimate.value)
        if self.estimate.low is not None and self.estimate.high is not None:
            text += f" [{form(self.estimate.low)}, {form(self.estimate.high)}]"
        return text + _unit(self.claim)

    @property
    def tolerance(self) -> str:
        form = _form(self.claim)
        sign = "at most" if self.claim.get("below") else "at least"
        bounds = [form(self.claim["reach"])] + [f"partly {sign} {form(self.claim['partly'])}"] * (self.claim["partly"] != self.claim["reach"])
        return f"{sign} {', '.join(bounds)}{_unit(self.claim)}"


def _times(value: float) -> str:
    return f"{value:.{2 if value < 10 else 1 if value < 100 else 0}f}x"


def _percent(value: float) -> str:
    return f"{100 * value:.1f}%"


def _count(value: float) -> str:
    return f"{value:.0f}"


_FORMS: dict[str, Callable[[float], str]] = {
    "stack-ratio": _times, "point-ratio": _times, "worst-ratio": _times, "gain-ratio": _times, "kernel-share": _percent, "method-gap": _percent,
    "unclassified": _percent, "failures": _count, "efficiency": _percent,
}


def _form(claim: Claim) -> Callable[[float], str]:
    """How a measure's values are written."""
    if claim["measure"] != "value":
        return _FORMS[claim["measure"]]
    metric = METRICS[claim["metric"]]
    return lambda value: format(value * metric.scale, metric.form)


def _unit(claim: Claim) -> str:
    """What is written once behind them."""
    return f" {METRICS[claim['metric']].unit}" if claim["measure"] == "value" else ""


def load() -> list[Claim]:
    with CLAIMS.open("rb") as file:
        return tomllib.load(file)["claim"]


def _outcome(claim: Claim, found: Estimate) -> str:
    sign = -1.0 if claim.get("below") else 1.0
    sure = found.upper if claim.get("below") else found.lower
    if sign * sure >= sign * claim["reach"]:
        return REPRODUCED
    return PARTLY if sign * found.value >= sign * claim["partly"] else NOT


def _of_cores(claim: Claim, found: Evidence) -> list[str]:
    """A claim about many cores says nothing on few, and one about one core nothing on many."""
    cores = max((max(len(cores_of(row["server_cores"])), row.get("pairs") or 0) for row in found.over), default=0)
    told = f"of {cores} core{'s' * (cores > 1)}: what is claimed is of"
    if cores < claim.get("cores", 0):
        return [f"{told} many, {claim['cores']} at least"]
    return [f"{told} {claim['most_cores']}"] if cores > claim.get("most_cores", cores) else []


def _weigh(claim: Claim, found: Evidence, value: Estimate) -> Verdict:
    """The verdict on a value, if its rows can carry one. What is reached in spite of a flaw that can only have made it harder is
    reached, what is missed in spite of one that can only have helped is missed."""
    outcome = _outcome(claim, value)
    harmless = {REPRODUCED: -1, NOT: 1}.get(outcome)
    against = [flaw.why for flaw in found.flaws(claim["metric"], claim.get("below", False)) if flaw.effect != harmless] + _of_cores(claim, found)
    factor, drifted = found.drift(claim["metric"])
    if {_outcome(claim, value.times(by)) for by in (factor, 1 / factor)} != {outcome}:
        against.append(f"the verdict hangs on rates that drifted while measured: {drifted}")
    shaken = found.disturbed()
    if against:
        return Verdict(claim, UNTESTED, value, "; ".join([*against, *shaken]))
    return Verdict(claim, outcome, value, "; ".join([*dict.fromkeys(found.notes), *[f"rates drifted: {drifted}"] * bool(drifted), *shaken]))


def _is_about(claim: Claim, stack: str, variant: str) -> bool:
    """The stack's line of that variant; what the claim does not name may be any."""
    wanted = claim.get("variant", variant)
    rivals = claim.get("under", BASELINES if claim["measure"] == "worst-ratio" else ())
    return (stack == claim["over"] and variant in claim.get("variants", [wanted])) or (stack in rivals and variant == claim.get("under_variant", wanted))


def _concerns(claim: Claim, told: str) -> bool:
    """told: what was skipped, or a run that failed: an experiment; a variant, if it has one, and a stack of it; or points that are numbers of cores."""
    experiment, *words = told.split()
    place = next((place for place, word in enumerate(words) if word in STACKS), None)
    at = _AT_CORES.search(told)
    return (experiment == claim["experiment"] and (place is None or _is_about(claim, words[place], " ".join(words[:place])))
            and (not at or int(at[1]) == claim.get("at", int(at[1]))))


def judge(claim: Claim, rows: list[Row], skipped: dict[str, str], failures: Sequence[dict[str, str]] = ()) -> Verdict:
    """skipped: what could not run here, and why; failures: runs that gave no row, as the manifest has them."""
    found = Evidence([row for row in rows if claim["experiment"] in (EVERYWHERE, row["experiment"])], list(failures))
    try:
        return _weigh(claim, found, MEASURES[claim["measure"]](claim, found))
    except Untestable as error:
        reasons = [f"{what} was skipped: {why}" for what, why in skipped.items() if _concerns(claim, what)]
        reasons += [f"{item['run']} failed: {item['why']}" for item in failures if _concerns(claim, item["run"])]
        return Verdict(claim, UNTESTED, None, "; ".join(reasons) or str(error))


def judge_all(rows: list[Row], skipped: dict[str, str], failures: Sequence[dict[str, str]] = ()) -> list[Verdict]:
    """Verdicts on all claims about experiments that have rows, or should have: all of them skipped or failed."""
    told = (*skipped, *(item["run"] for item in failures))
    present = {EVERYWHERE} | {row["experiment"] for row in rows} | {what.split()[0] for what in told}
    return [judge(claim, rows, skipped, failures) for claim in load() if claim["experiment"] in present]


def failed(verdicts: list[Verdict]) -> list[Verdict]:
    """Those that make the command end with status 1: claims of the paper and checks, not goals."""
    return [v for v in verdicts if v.outcome == NOT and v.claim["kind"] != "goal"]
