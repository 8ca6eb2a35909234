# SPDX-License-Identifier: BSD-3-Clause
"""Judges the claims in experiments/claims.toml by the rows."""
from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from runner import stats, summary
from runner.places import EXPERIMENTS
from runner.rows import Row
from runner.scenario import OURS
from runner.stats import Estimate
from runner.summary import METRICS, kilo, point

REPRODUCED, PARTLY, NOT, UNTESTED = "reproduced", "partly", "not reproduced", "not testable here"
_WORDS = {  # a goal or a check of ours is no claim that could be reproduced
    "claim": {REPRODUCED: REPRODUCED, PARTLY: PARTLY, NOT: NOT, UNTESTED: UNTESTED},
    "goal": {REPRODUCED: "reached", PARTLY: "partly", NOT: "missed", UNTESTED: UNTESTED},
    "check": {REPRODUCED: "passed", PARTLY: "partly", NOT: "failed", UNTESTED: UNTESTED},
}
Claim = dict[str, Any]


class Untestable(Exception):
    """Why there is nothing to judge by."""


@dataclass(frozen=True)
class Verdict:
    claim: Claim
    outcome: str                 # one of the four above
    estimate: Estimate | None
    why: str = ""                # when not testable

    @property
    def word(self) -> str:
        return _WORDS[self.claim["kind"]][self.outcome]

    @property
    def ours(self) -> str:
        if self.estimate is None:
            return self.why
        form = _form(self.claim)
        text = form(self.estimate.value)
        if self.estimate.low is not None and self.estimate.high is not None:
            text += f" [{form(self.estimate.low)}, {form(self.estimate.high)}]"
        return text + _unit(self.claim)

    @property
    def tolerance(self) -> str:
        form = _form(self.claim)
        sign = "at most" if self.claim.get("below") else "at least"
        return f"{sign} {form(self.claim['reach'])}, partly {sign} {form(self.claim['partly'])}{_unit(self.claim)}"


def _times(value: float) -> str:
    return f"{value:.{2 if value < 10 else 1 if value < 100 else 0}f}x"


def _percent(value: float) -> str:
    return f"{100 * value:.1f}%"


def _count(value: float) -> str:
    return f"{value:.0f}"


_FORMS: dict[str, Callable[[float], str]] = {
    "stack-ratio": _times, "point-ratio": _times, "worst-ratio": _times, "kernel-share": _percent, "method-gap": _percent,
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
    with (EXPERIMENTS / "claims.toml").open("rb") as file:
        return tomllib.load(file)["claim"]


def _at(rows: list[Row], stack: str, at: int, variant: str | None = None) -> list[Row]:
    """Rows of a stack at a point; of one variant where the claim names it."""
    found = [row for row in rows if row["stack"] == stack and point(row) == at
             and variant in (None, row.get("variant") or "")]
    if not found:
        raise Untestable(f"no row of {stack}{f', {variant},' if variant else ''} at {kilo(at)}")
    return found


def _metric(rows: list[Row], name: str) -> list[float]:
    values = [row[name] for row in rows if row.get(name)]
    if not values:
        raise Untestable(f"{rows[0]['stack']} rows have no {name}")
    return values


def _stack_ratio(claim: Claim, rows: list[Row]) -> Estimate:
    """Of the same column, one stack (or variant) over the best of others."""
    over = _metric(_at(rows, claim["over"], claim["at"], claim.get("variant")), claim["metric"])
    rivals = []
    for stack in claim["under"]:
        try:
            rivals.append(_metric(_at(rows, stack, claim["at"], claim.get("under_variant", claim.get("variant"))), claim["metric"]))
        except Untestable:
            if len(claim["under"]) == 1:
                raise
    if not rivals:
        raise Untestable(f"no row of {' or '.join(claim['under'])} at {kilo(claim['at'])}")
    return stats.ratio(over, max(rivals, key=lambda values: stats.median(values).value))


_SENT = 0.9  # of the SYNs that were to be sent: fewer are another experiment


def _flooded(rows: list[Row]) -> None:
    """Rows beside which fewer SYNs were sent than were asked for tell nothing of so many."""
    asked = [row["flood_rate"] for row in rows if row.get("flood_rate")]
    if not asked:
        return
    sent = [row.get("flood_sent_per_s") or 0.0 for row in rows]
    if min(sent) < _SENT * max(asked):
        raise Untestable(f"{min(sent):,.0f} of {max(asked):,.0f} SYNs per second were sent")


def _point_ratio(claim: Claim, rows: list[Row]) -> Estimate:
    _flooded(_at(rows, claim["over"], claim["at"], claim.get("variant")))
    over = _metric(_at(rows, claim["over"], claim["at"], claim.get("variant")), claim["metric"])
    return stats.ratio(over, _metric(_at(rows, claim["over"], claim["base"], claim.get("variant")), claim["metric"]))


def _efficiency(claim: Claim, rows: list[Row]) -> Estimate:
    """Of each of the most self-loop pairs that were measured: its rate over that of one alone."""
    most = max((point(row) for row in rows if row["stack"] == claim["over"]), default=0)
    if most < 2:
        raise Untestable("no more than one self-loop pair was measured")
    many = [value / most for value in _metric(_at(rows, claim["over"], most), claim["metric"])]
    return stats.ratio(many, _metric(_at(rows, claim["over"], 1), claim["metric"]))


def _value(claim: Claim, rows: list[Row]) -> Estimate:
    return stats.median(_metric(_at(rows, claim["over"], claim["at"], claim.get("variant")), claim["metric"]))


def _worst_ratio(claim: Claim, rows: list[Row]) -> Estimate:
    """The smallest factor over the best kernel line, all points and variants."""
    all_lines = summary.lines(rows)
    found = [ratio for line in all_lines if line.key.stack == claim["over"]
             and (ratio := summary.ratio_to_best(all_lines, line, claim["metric"]))]
    if not found:
        raise Untestable(f"no kernel row under the same load as one of {claim['over']}")
    return min(found, key=lambda ratio: ratio.value)


def entry_of(row: Row, method: str, attribution: str | None = None) -> dict[str, float] | None:
    """Shares of the server's cores by one method."""
    for entry in row["breakdown"]:
        if entry["method"] == method and entry["cpus"] == "server" and attribution in (None, entry["attribution"]):
            return entry["shares"]
    return None


def kernel_share(row: Row) -> float | None:
    """Share of the server cores' busy time spent in the kernel."""
    shares = entry_of(row, "perf", "caller") or entry_of(row, "proc-stat")
    if not shares or shares.get("idle", 0.0) >= 1.0:
        return None
    inside = sum(shares.get(part, 0.0) for part in ("tcpip", "packet_io", "kernel_other", "kernel"))
    return inside / (1.0 - shares.get("idle", 0.0))


def _kernel_share(claim: Claim, rows: list[Row]) -> Estimate:
    values = [share for row in _at(rows, claim["over"], claim["at"]) if (share := kernel_share(row)) is not None]
    if not values:
        raise Untestable("no breakdown in the rows")
    return stats.median(values)


def _method_gap(claim: Claim, rows: list[Row]) -> Estimate:
    gaps = []
    for row in _at(rows, claim["over"], claim["at"]):
        cycles, sampled = entry_of(row, "cycles"), entry_of(row, "perf", "phase")
        if cycles and sampled:
            gaps.append(max(abs(cycles.get(part, 0.0) - sampled.get(part, 0.0)) for part in cycles))
    if not gaps:
        raise Untestable("rows have not both methods")
    return stats.median(gaps)


_NO_REMAINDER = ("cycles", "mtcp-paired")  # that account calls all of its remainder the kernel's, and would never fail


def _unclassified(_: Claim, rows: list[Row]) -> Estimate:
    sampled = [row for row in rows if entry_of(row, "perf")]
    if not sampled:
        raise Untestable("no samples: perf is not allowed here")
    methods = (("perf", "caller"), ("perf", "leaf"), ("cycles", "phase"))
    worst = [shares.get("unclassified", 0.0) for row in sampled for method in methods
             if (shares := entry_of(row, *method)) and (method[0], row["stack"]) != _NO_REMAINDER]
    if not worst:
        raise Untestable("no samples by caller or by leaf")
    return Estimate(max(worst), None, None, len(worst))


def _failures(_: Claim, rows: list[Row]) -> Estimate:
    ours = [row for row in rows if row["stack"] in OURS and row["device"] == "ring"]
    if not ours:
        raise Untestable("no row over the ring")
    return Estimate(float(sum(_since_start(row, "failed") + _since_start(row, "retransmits") for row in ours)), None, None, len(ours))


def _since_start(row: Row, name: str) -> int:
    """Ramp and warm-up included, where the row tells."""
    total = row.get(f"{name}_total")
    return (row.get(name) or 0) if total is None else total


_MEASURES: dict[str, Callable[[Claim, list[Row]], Estimate]] = {
    "stack-ratio": _stack_ratio, "point-ratio": _point_ratio, "value": _value, "efficiency": _efficiency, "worst-ratio": _worst_ratio,
    "kernel-share": _kernel_share,
    "method-gap": _method_gap, "unclassified": _unclassified, "failures": _failures,
}


def _outcome(claim: Claim, found: Estimate) -> str:
    sign = -1.0 if claim.get("below") else 1.0
    sure = found.upper if claim.get("below") else found.lower
    if sign * sure >= sign * claim["reach"]:
        return REPRODUCED
    return PARTLY if sign * found.value >= sign * claim["partly"] else NOT


def judge(claim: Claim, rows: list[Row], skipped: dict[str, str]) -> Verdict:
    """skipped: reason by stack, for stacks that could not run here."""
    own = [row for row in rows if row["experiment"] == claim["experiment"]]
    try:
        found = _MEASURES[claim["measure"]](claim, own)
    except Untestable as error:
        involved = [claim["experiment"], claim["over"], *claim.get("under", [])]
        reasons = [f"{arm} was skipped: {why}" for arm, why in skipped.items() if arm.split()[0] in involved]
        return Verdict(claim, UNTESTED, None, "; ".join(reasons) or str(error))
    return Verdict(claim, _outcome(claim, found), found)


def judge_all(rows: list[Row], skipped: dict[str, str]) -> list[Verdict]:
    """Verdicts on all claims about experiments that have rows, or were skipped as a whole."""
    present = {row["experiment"] for row in rows} | set(skipped)
    return [judge(claim, rows, skipped) for claim in load() if claim["experiment"] in present]


def failed(verdicts: list[Verdict]) -> list[Verdict]:
    """Those that make the command end with status 1: claims of the paper and checks, not goals."""
    return [v for v in verdicts if v.outcome == NOT and v.claim["kind"] != "goal"]
