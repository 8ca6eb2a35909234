# SPDX-License-Identifier: BSD-3-Clause
"""Every verdict follows from rows: a changed row changes it, for each claim, and for each kind as ./repro report tells it."""
import json
import re

import pytest
from runner import claims, manifest, measures, plan, report, rows, scenario
from runner.summary import METRICS
from test_repro_parts import breakdown, make_row

KNOWN = scenario.load_all()
ALL = {claim["name"]: claim for claim in claims.load()}


def of(claim, stack, at, **more):
    """A row that this claim looks at."""
    known = KNOWN.get(claim["experiment"])  # None: a claim about all of them
    column = next((part.column for part in known.parts if part.name == claim.get("variant", part.name)), known.parts[0].column) if known else "concurrency"
    return make_row(stack, 8192, experiment=known.name if known else "tls", device="ring" if stack in scenario.OURS else "veth", axis=column,
                    variant=claim.get("variant"), server_cores="0-7" if "cores" in claim else "0") | more | {column: at}


def by_stack_ratio(claim, value):
    metric = claim["metric"]
    return [of(claim, claim["under"][0], claim["at"], variant=claim.get("under_variant", claim.get("variant")), **{metric: 1000.0}),
            of(claim, claim["over"], claim["at"], **{metric: 1000.0 * value})]


def by_worst_ratio(claim, value):
    """Twice as good at every point but the last."""
    metric, lowest = claim["metric"], METRICS[claim["metric"]].lowest
    places = [(at, variant) for at in claim["at"] for variant in claim.get("variants", [None])]
    found = []
    for place in places:
        at, variant = place
        better = value if place == places[-1] else 2.0
        found += [of(claim, "kernel", at, variant=variant if KNOWN[claim["experiment"]].variants_are_loads else f"kernel {variant}", **{metric: 1000.0}),
                  of(claim, claim["over"], at, variant=variant, **{metric: 1000.0 / better if lowest else 1000.0 * better})]
    return found


def by_gain_ratio(claim, value):
    """A gain of 10 at the second point."""
    metric, kernel = claim["metric"], claim["under"][0]
    return [of(claim, kernel, claim["at"], **{metric: 1000.0}), of(claim, claim["over"], claim["at"], **{metric: 10_000.0}),
            of(claim, kernel, claim["base"], **{metric: 1000.0}), of(claim, claim["over"], claim["base"], **{metric: 10_000.0 * value})]


def by_point_ratio(claim, value):
    metric = claim["metric"]
    factor = 1 / value if METRICS[metric].lowest else value
    return [of(claim, claim["over"], claim["base"], flood_sent_per_s=claim["base"], **{metric: 1000.0}),
            of(claim, claim["over"], claim["at"], flood_sent_per_s=claim["at"], **{metric: 1000.0 * factor})]


def by_failures(claim, value):
    counted = claim["counts"][0]
    return [of(claim, "mtcp", at) for at in claim.get("at", [8192])[:-1]] + [of(claim, "mtcp", claim.get("at", [8192])[-1], **{counted: int(value)})]


def by_kernel_share(claim, value):
    return [of(claim, claim["over"], claim["at"], breakdown=[breakdown("perf", "caller", application=1 - value, tcpip=value, unclassified=0.0)])]


def by_method_gap(claim, value):
    return [of(claim, claim["over"], claim["at"], breakdown=[
        breakdown("cycles", "calls", tcpip=1.0, application=0.0),
        *(breakdown("perf", name, tcpip=1.0 - value, application=value) for name in claim["attributions"])])]


def by_unclassified(claim, value):
    return [of(claim, "mtcp", 8192, breakdown=[breakdown("perf", "caller", tcpip=1.0 - value, unclassified=value)])]


MAKE = {  # rows by which a claim measures that value; the last is the one to change
    "stack-ratio": by_stack_ratio, "worst-ratio": by_worst_ratio, "kernel-share": by_kernel_share, "method-gap": by_method_gap,
    "unclassified": by_unclassified,
    "point-ratio": by_point_ratio, "gain-ratio": by_gain_ratio, "failures": by_failures,
    "efficiency": lambda claim, value: [of(claim, claim["over"], 1, **{claim["metric"]: 1000.0}),
                                        of(claim, claim["over"], 4, **{claim["metric"]: 4000.0 * value})],
    "value": lambda claim, value: [of(claim, claim["over"], claim["at"], **{claim["metric"]: float(value)})],
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
    assert set(MAKE) == set(measures.MEASURES), "give MAKE rows for the new measure"


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


# --- rows that cannot carry a verdict

RATIO = ALL["concurrency-8k"]        # of spent time: the generator is not in it
RATE, LATE = ALL["goal-rate"], ALL["web-replay-same-wire"]


def changed(claim, value, stack, **change):
    """Rows that measure that value, the stack's changed."""
    return [row | change if row["stack"] == stack else row for row in MAKE[claim["measure"]](claim, value)]


def verdict(claim, found, failures=()):
    return claims.judge(claim, found, {}, failures)


@pytest.mark.parametrize("stack", ["mtcp", "kernel"])
def test_failed_transactions_carry_no_verdict_but_a_bad_one(stack):
    few, many = ({"transactions": 1_000_000, "failed": failed} for failed in (900, 1100))
    assert verdict(RATIO, changed(RATIO, good(RATIO), stack, **few)).outcome == claims.REPRODUCED
    found = verdict(RATIO, changed(RATIO, good(RATIO), stack, **many))
    assert found.outcome == claims.UNTESTED and f"{stack} at 8K: 0.1% of the connections failed" in found.ours and found.ours.startswith("5.50x")
    assert verdict(RATIO, changed(RATIO, bad(RATIO), stack, **many)).outcome == claims.NOT


def test_many_messages_do_not_hide_connections_that_failed():
    claim = ALL["messages-128"]
    for ended, failed, wanted in ((470, 100, claims.UNTESTED), (470, 8, claims.REPRODUCED), (50_000, 90, claims.REPRODUCED)):
        more = {"connections_per_s": ended, "seconds": 2.0, "concurrency": 8192, "transactions": 120_000, "failed": failed}
        assert verdict(claim, changed(claim, good(claim), "mtcp", **more)).outcome == wanted


@pytest.mark.parametrize("stack, value, stuck, wanted", [
    ("mtcp", good, 9, claims.REPRODUCED), ("mtcp", good, 20, claims.UNTESTED), ("mtcp", bad, 20, claims.NOT),
    ("kernel-tuned", good, 20, claims.REPRODUCED), ("kernel-tuned", bad, 20, claims.UNTESTED)])
def test_answers_that_never_came_are_in_no_percentile(stack, value, stuck, wanted):
    found = verdict(LATE, changed(LATE, value(LATE), stack, transactions=1000, stuck=stuck))
    assert found.outcome == wanted and (f"{stack} sleeps at 8K: 20 transactions took longer" in found.ours) is (wanted == claims.UNTESTED)


def test_runs_that_stayed_disturbed_are_told_beside_the_value():
    found = verdict(RATIO, changed(RATIO, good(RATIO), "kernel", cores_apart=True))
    assert found.outcome == claims.REPRODUCED and found.ours.endswith("1 of 2 runs stayed disturbed")
    assert "disturbed" not in verdict(RATIO, changed(RATIO, good(RATIO), "kernel", steal_share=0.05)).ours


def test_a_rival_that_failed_may_have_been_the_best():
    found = [*MAKE["stack-ratio"](RATIO, 6.0), of(RATIO, "kernel-tuned", 8192, transactions_per_server_cpu_s=900.0, failed=10**6)]
    assert verdict(RATIO, found[:-1]).outcome == claims.REPRODUCED
    assert verdict(RATIO, found).outcome == claims.UNTESTED


@pytest.mark.parametrize("claim, stack, value, wanted", [
    (RATIO, "kernel", good(RATIO), claims.REPRODUCED), (RATIO, "mtcp", good(RATIO), claims.REPRODUCED),
    (RATE, "mtcp", bad(RATE), claims.UNTESTED), (RATE, "mtcp", good(RATE), claims.REPRODUCED),  # it would have been more
    (LATE, "kernel-tuned", good(LATE), claims.UNTESTED), (LATE, "kernel-tuned", bad(LATE), claims.NOT),  # the kernel's client was late
    (LATE, "mtcp", good(LATE), claims.REPRODUCED), (LATE, "mtcp", bad(LATE), claims.UNTESTED)])
def test_the_generators_limit_counts_where_it_is_in_the_value(claim, stack, value, wanted):
    found = verdict(claim, changed(claim, value, stack, generator_limited=True))
    assert found.outcome == wanted and ("the load generator was" in found.ours) is (wanted == claims.UNTESTED)


@pytest.mark.parametrize("times, drift, wanted", [
    (1.1, 0.0, claims.REPRODUCED), (1.1, 0.09, claims.REPRODUCED), (1.1, 0.64, claims.UNTESTED), (1.1, -0.63, claims.UNTESTED),
    (6.0, -0.63, claims.REPRODUCED), (0.1, 0.64, claims.NOT)])
def test_a_verdict_does_not_hang_on_the_half_of_the_window(times, drift, wanted):
    found = verdict(RATIO, changed(RATIO, RATIO["reach"] * times, "mtcp", rate_drift=drift))
    assert found.outcome == wanted and (f"mtcp at 8K by {drift:+.0%}" in found.ours) is (abs(drift) > 0.1)


def test_a_window_shorter_than_a_transaction_tells_of_none():
    claim = ALL["tls-4k"]
    for latency, wanted in ((1.9e6, claims.REPRODUCED), (2.1e6, claims.UNTESTED)):
        assert verdict(claim, changed(claim, good(claim), "mtcp", seconds=2.0, latency_p50_us=latency)).outcome == wanted


WORST = ALL["never-below"]


def test_a_point_that_is_missing_could_have_been_the_worst():
    reached, missed = by_worst_ratio(WORST, 2.0), by_worst_ratio(WORST, 0.5)
    assert verdict(WORST, reached).outcome == claims.REPRODUCED and "at 8K, 48K" in verdict(WORST, reached).ours
    found = verdict(WORST, reached[2:])
    assert found.outcome == claims.UNTESTED and found.ours == "2.00x; no rows at 8K"
    assert verdict(WORST, missed[2:]).outcome == claims.NOT  # what is missing could not have mended it
    several = ALL["same-wire-1k-steered"]
    assert "no rows at 1K packet" in verdict(several, by_worst_ratio(several, 2.0)[2:]).ours


def test_a_point_beside_the_worst_may_reach_further_down():
    """Its median is higher, its repeats are further apart."""
    def at(point, *ratios):
        return [of(WORST, stack, point, repeat=n, **{WORST["metric"]: 1000.0 * value}) for n, ratio in enumerate(ratios, 1)
                for stack, value in (("kernel", 1.0), ("mtcp", ratio))]

    lowest = at(49152, 1.02, 1.05, 1.08)
    assert verdict(WORST, at(8192, 1.05, 1.10, 1.15) + lowest).outcome == claims.REPRODUCED
    found = verdict(WORST, at(8192, 0.80, 1.10, 1.30) + lowest)
    assert found.outcome == claims.PARTLY and found.ours.startswith("1.05x [0.80x, 1.08x]")


def test_a_point_beside_the_worst_has_to_be_sound():
    found = by_worst_ratio(WORST, 1.5)
    assert verdict(WORST, [found[0], found[1] | {"failed": 10**6}, *found[2:]]).outcome == claims.UNTESTED


def test_a_count_over_points_needs_them():
    claim = ALL["goal-many-lossless"]
    rows_ = by_failures(claim, 0)
    assert verdict(claim, rows_).outcome == claims.REPRODUCED and verdict(claim, rows_[:-1]).outcome == claims.UNTESTED
    assert verdict(claim, [rows_[0] | {"retransmits": 1000}]).outcome == claims.NOT


def test_a_run_that_failed_is_missed():
    found = MAKE["stack-ratio"](RATIO, 6.0)
    label = "concurrency mtcp 8192 #2"
    told = verdict(RATIO, found, [{"run": label, "why": "status 1"}])
    assert told.outcome == claims.UNTESTED and "mtcp at 8K: 1 of 2 runs failed: status 1" in told.ours
    for other in ("concurrency mtcp 16384 #2", "concurrency mtcp 81920 #2", "concurrency mtcp-paired 8192 #2", "messages mtcp 8192 #2"):
        assert verdict(RATIO, found, [{"run": other, "why": "x"}]).outcome == claims.REPRODUCED
    assert f"{label} failed: status 1" in verdict(RATIO, found[:1], [{"run": label, "why": "status 1"}]).ours
    rival = verdict(RATIO, found, [{"run": "concurrency kernel 8192 #2", "why": "status 1"}]).ours
    assert "kernel at 8K: 1 of 2 runs failed: status 1" in rival and "no rows" not in rival


def all_failed(line):
    return [{"run": f"{line} #{repeat}", "why": "status 1"} for repeat in (1, 2, 3)]


@pytest.mark.parametrize("claim", [RATIO, WORST])
def test_a_rival_all_of_whose_runs_failed_may_have_been_the_best(claim):
    reached, missed = (MAKE[claim["measure"]](claim, value) for value in (2 * claim["reach"], bad(claim)))
    lost = all_failed(f"{claim['experiment']} kernel-tuned 8192")
    found = verdict(claim, reached, lost)
    assert found.outcome == claims.UNTESTED and "no rows at 8K of kernel-tuned" in found.ours
    assert verdict(claim, missed, lost).outcome == claims.NOT  # a better rival would not have mended it
    for other in ("kernel-tuned 16384", "mtcp-paired 8192", "kernel-tuned 81920"):
        assert verdict(claim, reached, all_failed(f"{claim['experiment']} {other}")).outcome == claims.REPRODUCED, other
    assert verdict(claim, reached, all_failed("messages kernel-tuned 8192")).outcome == claims.REPRODUCED


@pytest.mark.parametrize("place", ["at", "base"])
def test_a_rival_that_is_gone_leaves_no_ratio_of_gains(place):
    claim = next(claim for claim in ALL.values() if claim["measure"] == "gain-ratio")
    lost = all_failed(f"{claim['experiment']} kernel-tuned {claim[place]}")
    for value in (good(claim), bad(claim)):
        assert verdict(claim, by_gain_ratio(claim, value), lost).outcome == claims.UNTESTED


def test_a_point_of_ours_all_of_whose_runs_failed_may_have_been_the_worst():
    """Also one that the claim does not name: it is about all that both have."""
    found, lost = by_worst_ratio(WORST, 2.0), all_failed("concurrency mtcp 16384")
    assert verdict(WORST, found, lost).outcome == claims.REPRODUCED  # no rival there, either
    both = verdict(WORST, [*found, of(WORST, "kernel", 16384)], lost)
    assert both.outcome == claims.UNTESTED and "no rows at 16K of mtcp" in both.ours


def test_what_failed_of_another_variant_is_no_rival():
    claim = ALL["gap"]
    for variant, wanted in (("TCP", claims.UNTESTED), ("packet I/O", claims.REPRODUCED)):
        assert verdict(claim, MAKE["stack-ratio"](claim, good(claim)), all_failed(f"gap {variant} kernel-tuned 8192")).outcome == wanted


def test_the_reason_is_what_concerns_the_claim():
    def told(name, found, *skipped, failed=()):
        return claims.judge(ALL[name], found, dict.fromkeys(skipped, "none here"), [{"run": run, "why": "status 1"} for run in failed]).ours

    fewer = [make_row(experiment="idle", concurrency=1000)]
    others = ("mtcp on af_xdp", "mtcp", "many mtcp", "idle mtcp on ring", "idle kernel-tuned", "idle one message on each kernel-tuned")  # the first two of old folders
    assert told("goal-10m-memory", fewer, *others, failed=("idle mtcp 1000000 #1",)) == "no row of mtcp, one message on each, at 5,000,000"
    own = "idle one message on each mtcp"
    assert told("goal-10m-memory", fewer, *others, f"{own} on ring") == f"{own} on ring was skipped: none here"
    assert told("goal-10m-memory", fewer, failed=(f"{own} 5000000 #1",)) == f"{own} 5000000 #1 failed: status 1"
    assert told("goal-idle-memory", fewer, "idle mtcp on ring") == "idle mtcp on ring was skipped: none here"
    packets = [of(ALL["gap"], "packet-io", 8192)]
    assert told("gap", packets, "gap TCP kernel", "gap packet I/O kernel", "gap packet I/O, veth packet-io on af_packet") == "gap TCP kernel was skipped: none here"
    assert told("never-below", [make_row()], "concurrency kernel", "messages kernel") == "concurrency kernel was skipped: none here"
    assert told("filter-cost", [], "filter-cost") == "filter-cost was skipped: none here"


@pytest.mark.parametrize("skipped, failures, name, why", [
    ({"scaling mtcp": "one machine"}, [], "scaling-linear", "scaling mtcp was skipped: one machine"),
    ({}, [{"run": "web-replay sleeps mtcp 24576 #1", "why": "status 1"}], "web-replay-24k", "web-replay sleeps mtcp 24576 #1 failed: status 1")])
def test_an_experiment_without_any_row_keeps_its_claims(skipped, failures, name, why, tmp_path):
    found = {verdict.claim["name"]: verdict for verdict in claims.judge_all([make_row()], skipped, failures)}
    assert found[name].outcome == claims.UNTESTED and why in found[name].ours
    (tmp_path / "rows.jsonl").write_text(json.dumps(make_row()) + "\n")
    report.write(tmp_path, rows.read(tmp_path), {"skipped": skipped, "failures": failures}, KNOWN)
    text = (tmp_path / "report.html").read_text()
    assert f"<b>{name}</b>" in text and '<a href="#concurrency">concurrency-8k</a>' in text  # no link to a section that is not there


def test_nothing_is_a_value_and_a_bad_one():
    metric = RATIO["metric"]
    assert verdict(RATIO, changed(RATIO, 6.0, "mtcp", **{metric: 0.0})).outcome == claims.NOT
    good_one = MAKE["stack-ratio"](RATIO, 6.0)
    zeros = [good_one[-1] | {metric: 0.0, "repeat": repeat} for repeat in (2, 3)]
    assert verdict(RATIO, good_one + zeros).outcome == claims.NOT
    assert verdict(RATIO, changed(RATIO, 6.0, "kernel", **{metric: 0.0})).outcome == claims.UNTESTED
    assert verdict(RATIO, changed(RATIO, 6.0, "mtcp", **{metric: None})).outcome == claims.UNTESTED
    least = ALL["goal-cycles"]
    assert verdict(least, changed(least, good(least), "mtcp", cycles_per_transaction=0.0)).outcome == claims.UNTESTED  # nothing measured


def test_a_claim_about_many_cores_needs_them():
    for name in ("accept-rate", "scaling-linear"):
        claim = ALL[name]
        found = MAKE[claim["measure"]](claim, good(claim))
        assert verdict(claim, found).outcome == claims.REPRODUCED
        few = [row | {"server_cores": "0,1", "pairs": min(row["pairs"] or 2, 2)} for row in found]
        assert verdict(claim, few).outcome == claims.UNTESTED and "of 2 cores" in verdict(claim, few).ours


def test_a_claim_about_one_core_is_not_reached_by_many():
    claim = ALL["goal-rate"]
    found = MAKE[claim["measure"]](claim, good(claim))
    assert verdict(claim, found).outcome == claims.REPRODUCED
    many = [row | {"server_cores": "0-7"} for row in found]
    assert verdict(claim, many).outcome == claims.UNTESTED and "of 8 cores: what is claimed is of 1" in verdict(claim, many).ours


def test_scaling_is_told_of_points_at_which_the_load_was_not_the_limit():
    claim = ALL["scaling-linear"]
    rows_of = [of(claim, "mtcp", n, **{claim["metric"]: 1000.0 * rate, "generator_limited": limited})
               for n, rate, limited in ((1, 1, False), (4, 4, False), (8, 5, True))]
    found = verdict(claim, rows_of)
    assert found.outcome == claims.REPRODUCED and "at 4 cores, as the load generator was the limit at 8" in found.ours
    assert verdict(claim, rows_of[::2]).outcome == claims.UNTESTED  # there is no other point of four cores or more


def test_a_connection_that_hung_fails_the_check():
    """A row of before there was such a column had none."""
    claim = ALL["no-failures"]
    sound = [make_row(experiment="concurrency", concurrency=at, stuck=stuck) for at, stuck in ((8192, None), (49152, 0))]
    assert outcome(claim, sound) == claims.REPRODUCED and outcome(claim, [*sound, make_row(experiment="concurrency", stuck=1)]) == claims.NOT


def test_failures_anywhere_on_the_ring_are_seen():
    claim = ALL["no-failures-anywhere"]
    for experiment in ("tls", "static-web", "web-replay", "fairness", "message-size"):
        assert outcome(claim, [make_row(experiment=experiment), make_row(experiment=experiment, failed=1)]) == claims.NOT
    assert outcome(claim, [make_row(), make_row(stuck=1)]) == claims.NOT
    assert outcome(claim, [make_row(), make_row(stuck=1, reorder=0.01), make_row(failed=1, loss=0.01), make_row(failed=1, device="af_packet"), make_row("kernel", failed=1)]) == claims.REPRODUCED


def test_the_report_tells_repeats_and_other_claims(tmp_path):
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in MAKE["stack-ratio"](RATIO, 6.0)))
    digest = manifest.begin([], 1)["claims"]
    for about, wanted in (({"claims": digest}, False), ({"claims": "0123456789ab"}, True), ({}, False)):
        report.write(tmp_path, rows.read(tmp_path), about, KNOWN)
        text = (tmp_path / "report.html").read_text()
        assert ("Judged by other claims" in text) is wanted and "One repeat of each run" in text
    assert '<td data-label="n">1</td>' in text


def test_a_quick_run_can_judge_every_claim_of_the_paper():
    """Each has at least one rival's row beside ours at each of its points."""
    runs = plan.make(list(KNOWN.values()), plan.Options("quick"))
    there = {(run.scenario.name, run.part.name, run.stack, run.point) for run in runs}
    for claim in ALL.values():
        if claim["kind"] != "claim" or claim["measure"] == "efficiency":
            continue
        for at in (claim[name] for name in ("at", "base") if name in claim):
            variant = claim.get("variant", "")
            assert (claim["experiment"], variant, claim["over"], at) in there, claim["name"]
            assert not claim.get("under") or any((claim["experiment"], claim.get("under_variant", variant), stack, at) in there for stack in claim["under"]), claim["name"]


def test_the_account_is_held_against_symbols_and_the_part_that_differs_is_named():
    """By calls it may be; one by turns has other lines, and is not asked."""
    shares = {"caller": {"application": 0.06, "tcpip": 0.82, "packet_io": 0.11}, "leaf": {"application": 0.05, "tcpip": 0.81, "packet_io": 0.11}}
    entries = [breakdown("perf", name, **found) for name, found in shares.items()]
    own = {"application": 0.22, "tcpip": 0.43, "packet_io": 0.33}
    row = of(ALL["methods-agree"], "mtcp", 8192, breakdown=[*entries, breakdown("cycles", "phase", **own)])
    assert verdict(ALL["methods-agree"], [row]).outcome == claims.UNTESTED
    row = of(ALL["methods-agree"], "mtcp", 8192, breakdown=[*entries, breakdown("cycles", "calls", **own)])
    found = verdict(ALL["methods-agree"], [row])
    assert found.estimate.value == pytest.approx(0.39)
    assert "account against caller, points: application +16.0, TCP/IP -39.0, packet I/O +22.0; account against leaf" in found.ours
