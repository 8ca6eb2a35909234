# SPDX-License-Identifier: BSD-3-Clause
"""Every verdict follows from rows: a changed row changes it, for each claim, and for each kind as ./repro report tells it."""
import json
import re

import pytest
from runner import claims, report, rows, scenario
from runner.summary import METRICS
from test_repro_parts import breakdown, make_row

KNOWN = scenario.load_all()
ALL = {claim["name"]: claim for claim in claims.load()}


def of(claim, stack, at, **more):
    """A row that this claim looks at."""
    column = KNOWN[claim["experiment"]].column
    return make_row(stack, 8192, experiment=claim["experiment"], device="ring" if stack in scenario.OURS else "veth",
                    axis=column, variant=claim.get("variant")) | more | {column: at}


def by_stack_ratio(claim, value):
    metric = claim["metric"]
    return [of(claim, claim["under"][0], claim["at"], variant=claim.get("under_variant", claim.get("variant")), **{metric: 1000.0}),
            of(claim, claim["over"], claim["at"], **{metric: 1000.0 * value})]


def by_worst_ratio(claim, value):
    metric = claim["metric"]
    factor = 1 / value if METRICS[metric].lowest else value
    return [of(claim, "kernel", 1024, **{metric: 1000.0}), of(claim, claim["over"], 1024, **{metric: 1000.0 * factor})]


def by_kernel_share(claim, value):
    return [of(claim, claim["over"], claim["at"], breakdown=[breakdown("perf", "caller", application=1 - value, tcpip=value, unclassified=0.0)])]


def by_method_gap(claim, value):
    return [of(claim, claim["over"], claim["at"], breakdown=[
        breakdown("cycles", "phase", tcpip=1.0), breakdown("perf", "phase", tcpip=1.0 - value, application=value)])]


def by_unclassified(claim, value):
    return [of(claim, "mtcp", 8192, breakdown=[breakdown("perf", "caller", tcpip=1.0 - value, unclassified=value)])]


MAKE = {  # rows by which a claim measures that value; the last is the one to change
    "stack-ratio": by_stack_ratio, "worst-ratio": by_worst_ratio, "kernel-share": by_kernel_share, "method-gap": by_method_gap,
    "unclassified": by_unclassified,
    "point-ratio": lambda claim, value: [of(claim, claim["over"], claim["base"], flood_sent_per_s=claim["base"], **{claim["metric"]: 1000.0}),
                                         of(claim, claim["over"], claim["at"], flood_sent_per_s=claim["at"], **{claim["metric"]: 1000.0 * value})],
    "efficiency": lambda claim, value: [of(claim, claim["over"], 1, **{claim["metric"]: 1000.0}),
                                        of(claim, claim["over"], 4, **{claim["metric"]: 4000.0 * value})],
    "value": lambda claim, value: [of(claim, claim["over"], claim["at"], **{claim["metric"]: float(value)})],
    "failures": lambda claim, value: [of(claim, "mtcp", 8192, failed=int(value))],
}


def good(claim):
    if claim.get("below"):
        return claim["reach"] * 0.9
    share = claim["measure"] == "kernel-share" or claim["metric"] == "fairness"
    return min(claim["reach"] * 1.1, 1.0) if share else claim["reach"] * 1.1


def bad(claim):
    return claim["partly"] * 1.5 + (claim["measure"] == "failures") if claim.get("below") else claim["partly"] * 0.5


def outcome(claim, found):
    return next(verdict.outcome for verdict in claims.judge_all(found, {}) if verdict.claim["name"] == claim["name"])


def test_every_kind_of_claim_is_tested_here():
    assert set(MAKE) == set(claims._MEASURES), "give MAKE rows for the new measure"


@pytest.mark.parametrize("name", ALL)
def test_a_changed_row_changes_the_verdict(name):
    claim = ALL[name]
    make = MAKE[claim["measure"]]
    before, after = make(claim, good(claim)), make(claim, bad(claim))
    assert not any(rows.faults(row) for row in before + after)
    assert outcome(claim, before) == claims.REPRODUCED
    assert outcome(claim, [*before[:-1], after[-1]]) == claims.NOT  # the last row alone has changed
    assert before[:-1] == after[:-1]


def told(folder, name):
    """The word in the report."""
    text = (folder / "report.html").read_text()
    return re.search(rf'id="claim-{name}"><td class="text verdict [a-z-]+">([^<]+)<', text)[1]


@pytest.mark.parametrize("measure", MAKE)
def test_the_report_says_so(measure, tmp_path):
    claim = next(claim for claim in ALL.values() if claim["measure"] == measure)
    words = []
    for value in (good(claim), bad(claim)):
        (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in MAKE[measure](claim, value)))
        report.write(tmp_path, rows.read(tmp_path), {}, KNOWN)
        words.append(told(tmp_path, claim["name"]))
    assert words[0] in ("reproduced", "reached", "passed") and words[1] in ("not reproduced", "missed", "failed")


def test_the_command_judges_by_rows_alone_and_its_status_follows(repro, tmp_path):
    claim = ALL["cycles-ratio"]
    for value, word, status in ((good(claim), "reproduced", 0), (bad(claim), "not reproduced", 1)):
        (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in by_stack_ratio(claim, value)))
        done = repro("report", str(tmp_path))
        assert done.returncode == status and not done.stderr and told(tmp_path, "cycles-ratio") == word
