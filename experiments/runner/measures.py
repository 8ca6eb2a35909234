# SPDX-License-Identifier: BSD-3-Clause
"""What claims measure: from the rows of an experiment one value, and which rows it is of."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from runner import evidence, stats, summary
from runner.evidence import Evidence, Untestable
from runner.parts import LABELS, PARTS
from runner.rows import Row
from runner.scenario import BASELINES, OURS
from runner.stats import Estimate
from runner.summary import METRICS, kilo, point

Claim = dict[str, Any]
_PART_NAMES = dict(zip(PARTS, LABELS))


def _told(variant: str, stack: str, at: int) -> str:
    return " ".join(filter(None, (kilo(at), variant, "of", stack)))


def _gain(claim: Claim, found: Evidence, at: int) -> Estimate:
    """One stack (or variant) over the best of others; those without a row are named, and those of which every run failed may have been the best."""
    metric, variant, rivals = claim["metric"], claim.get("under_variant", claim.get("variant")), {}
    for stack in claim["under"]:
        try:
            rivals[stack] = found.at(stack, at, variant)
        except Untestable:
            if len(claim["under"]) == 1:
                raise
    if not rivals:
        raise Untestable(f"no row of {' or '.join(claim['under'])} at {kilo(at)}")
    over = found.at(claim["over"], at, claim.get("variant"))
    best = max(rivals, key=lambda stack: stats.median(evidence.values(rivals[stack], metric)).value)
    found.beside += [(over, rows) for stack, rows in rivals.items() if stack != best]
    if len(claim["under"]) > 1:
        missing = [stack for stack in claim["under"] if stack not in rivals]
        found.notes.append(f"over {best}" + f", no row of {', '.join(missing)} at {kilo(at)}" * bool(missing))
    found.missing += [_told(*line) for line in found.gone(claim["experiment"])
                      if line[1] in claim["under"] and line[2] == at and variant in (None, line[0])]
    return found.ratio(over, rivals[best], metric)


def _stack_ratio(claim: Claim, found: Evidence) -> Estimate:
    return _gain(claim, found, claim["at"])


def _gain_ratio(claim: Claim, found: Evidence) -> Estimate:
    """The same at two points, the first over the second."""
    first, second = _gain(claim, found, claim["base"]), _gain(claim, found, claim["at"])
    if found.missing:  # a better rival would have made the first gain less, or the second, and so the ratio more
        raise Untestable(f"no rows at {', '.join(found.missing)}")
    if not second.lower:
        raise Untestable(f"{claim['over']} at {kilo(claim['at'])} is 0")
    single = first.low is None or second.low is None
    return Estimate(first.value / second.value, None if single else first.lower / second.upper,
                    None if single else first.upper / second.lower, min(first.n, second.n))


_SENT = 0.9  # of the SYNs that were to be sent: fewer are another experiment


def _flooded(rows: list[Row]) -> None:
    """Rows beside which fewer SYNs were sent than were asked for tell nothing of so many."""
    asked = [row["flood_rate"] for row in rows if row.get("flood_rate")]
    if not asked:
        return
    sent = [row.get("flood_sent_per_s") or 0.0 for row in rows]
    if min(sent) < _SENT * max(asked):
        raise Untestable(f"{min(sent):,.0f} of {max(asked):,.0f} SYNs per second were sent")


def _point_ratio(claim: Claim, found: Evidence) -> Estimate:
    """How many times better at one point than at another."""
    at, base = (found.at(claim["over"], claim[name], claim.get("variant")) for name in ("at", "base"))
    _flooded(at)
    return _better(found, at, base, claim["metric"])


def _better(found: Evidence, rows: list[Row], rivals: list[Row], metric: str) -> Estimate:
    """Above 1 is better also where less is."""
    return found.ratio(rivals, rows, metric) if METRICS[metric].lowest else found.ratio(rows, rivals, metric)


def _efficiency(claim: Claim, found: Evidence) -> Estimate:
    """Of each of the most cores (or self-loop pairs) that were measured: its rate over that of one alone. Where the load generator was
    the limit it is the load's rate that would be told: then of fewer, if the claim is about so many."""
    tried = sorted({point(row) for row in found.rows if row["stack"] == claim["over"]}, reverse=True)
    if not tried or tried[0] < 2:
        raise Untestable("no more than one core was measured")
    free = [n for n in tried if n >= claim["cores"] and not any(row["generator_limited"] for row in found.at(claim["over"], n))]
    most = next(iter(free), tried[0])
    if most < tried[0]:
        found.notes.append(f"at {most} cores, as the load generator was the limit at {tried[0]}")
    whole = found.ratio(found.at(claim["over"], most), found.at(claim["over"], 1), claim["metric"])
    return whole.times(1 / most)


def _value(claim: Claim, found: Evidence) -> Estimate:
    found.over = found.at(claim["over"], claim["at"], claim.get("variant"))
    return stats.median(evidence.values(found.over, claim["metric"]))


def _gone(claim: Claim, found: Evidence, all_lines: list[summary.Line]) -> list[str]:
    """Lines of which every run failed where the other side has one: a point of ours, or a rival, that may have made the worst."""
    ours = {line.key.point for line in all_lines if line.key.stack == claim["over"]}
    theirs = {line.key.point for line in all_lines if line.key.stack in BASELINES}
    return [_told(variant, stack, at) for variant, stack, at in found.gone(claim["experiment"])
            if (stack in BASELINES and at in ours) or (stack == claim["over"] and at in theirs)]


def _worst_ratio(claim: Claim, found: Evidence) -> Estimate:
    """The smallest factor over the best kernel line, of all points that both have. Those that the claim names have to be among them."""
    metric, all_lines = claim["metric"], summary.lines(found.rows)
    pairs = [(line, rival) for line in all_lines if line.key.stack == claim["over"]
             and (rival := summary.best_kernel(all_lines, line, metric)) and stats.median(rival.values(metric)).value]
    there = {(line.key.point, variant) for line, _ in pairs for variant in (None, line.key.variant)}
    found.missing = [" ".join(filter(None, (kilo(at), variant))) for at in claim["at"]
                     for variant in claim.get("variants", (None,)) if (at, variant) not in there]
    found.missing += _gone(claim, found, all_lines)
    if not pairs:
        raise Untestable(f"no kernel row under the same load as one of {claim['over']}")
    tried = [Evidence(found.rows, found.failures) for _ in pairs]
    ratios = [_better(own, line.rows, rival.rows, metric) for own, (line, rival) in zip(tried, pairs)]
    worst = ratios.index(min(ratios, key=lambda ratio: ratio.value))
    found.over, found.under = tried[worst].over, tried[worst].under
    found.beside = [(own.over, own.under) for own in tried]
    told = ", ".join(dict.fromkeys(kilo(line.key.point) for line, _ in pairs))
    found.notes.append(f"{evidence.name_of(pairs[worst][0].rows[0])}, the worst of {len(pairs)}, at {told}")
    lowest = min(ratio.lower for ratio in ratios)  # another point's interval may reach further down
    return ratios[worst] if lowest >= ratios[worst].lower else replace(ratios[worst], low=lowest)


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


def _kernel_share(claim: Claim, found: Evidence) -> Estimate:
    found.over = found.at(claim["over"], claim["at"])
    values = [share for row in found.over if (share := kernel_share(row)) is not None]
    if not values:
        raise Untestable("no breakdown in the rows")
    return stats.median(values)


def _method_gap(claim: Claim, found: Evidence) -> Estimate:
    """The largest difference between the loop's own account and samples, of any part, by any of the claim's attributions."""
    found.over = found.at(claim["over"], claim["at"])
    gaps: list[dict[tuple[str, str], float]] = []
    for row in found.over:
        cycles = entry_of(row, "cycles", "calls")
        sampled = {name: shares for name in claim["attributions"] if (shares := entry_of(row, "perf", name))}
        if cycles and sampled:
            gaps.append({(name, part): cycles.get(part, 0.0) - shares.get(part, 0.0) for name, shares in sampled.items() for part in cycles})
    if not gaps:
        raise Untestable("rows have not both methods")
    widest = max(gaps, key=lambda gap: max(map(abs, gap.values())))
    for name in claim["attributions"]:
        told = ", ".join(f"{_PART_NAMES.get(part, part)} {100 * by:+.1f}" for (of, part), by in widest.items() if of == name and abs(by) >= claim["reach"])
        found.notes.append(f"account against {name}, points: {told}" if told else f"by {name} within the tolerance")
    return stats.median([max(map(abs, gap.values())) for gap in gaps])


def _unclassified(_: Claim, found: Evidence) -> Estimate:
    sampled = [row for row in found.rows if entry_of(row, "perf")]
    if not sampled:
        raise Untestable("no samples: perf is not allowed here")
    worst = [shares.get("unclassified", 0.0) for row in sampled for name in ("caller", "leaf") if (shares := entry_of(row, "perf", name))]
    if not worst:
        raise Untestable("no samples by caller or by leaf")
    return Estimate(max(worst), None, None, len(worst))


def _failures(claim: Claim, found: Evidence) -> Estimate:
    """What failed, hung or was sent again, as the claim has it, in all rows over a ring that nothing was taken from on purpose."""
    found.over = [row for row in found.rows if row["stack"] in OURS and row["device"] == "ring" and not _faulty(row)
                  and claim.get("variant") in (None, row.get("variant") or "")]
    if not found.over:
        raise Untestable("no row over the ring")
    found.missing = [kilo(at) for at in claim.get("at", ()) if at not in map(point, found.over)]
    counts = [sum(_since_start(row, name) for name in claim["counts"]) for row in found.over]
    most = max(range(len(counts)), key=counts.__getitem__)
    if counts[most]:
        found.notes.append(f"most in {found.over[most]['experiment']} {evidence.name_of(found.over[most])}: {counts[most]}")
    return Estimate(float(sum(counts)), None, None, len(counts))


def _faulty(row: Row) -> bool:
    """Were frames lost or overtaken on purpose, or driven out by a flood?"""
    return bool(row.get("loss") or row.get("reorder") or row.get("flood_rate"))


def _since_start(row: Row, name: str) -> int:
    """Ramp and warm-up included, where the row tells."""
    total = row.get(f"{name}_total")
    return (row.get(name) or 0) if total is None else total


MEASURES: dict[str, Callable[[Claim, Evidence], Estimate]] = {
    "stack-ratio": _stack_ratio, "point-ratio": _point_ratio, "value": _value, "efficiency": _efficiency, "worst-ratio": _worst_ratio,
    "gain-ratio": _gain_ratio, "kernel-share": _kernel_share,
    "method-gap": _method_gap, "unclassified": _unclassified, "failures": _failures,
}
