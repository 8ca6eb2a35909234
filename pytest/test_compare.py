# SPDX-License-Identifier: BSD-3-Clause
"""./repro compare: what differs, what is chance, what is a regression."""
import json

import numpy as np
import pytest
from runner import agree, claims, compare, rows, scenario
from runner.errors import UsageError
from test_repro_parts import make_row

POINTS = (8192, 16384, 24576, 32768, 40960, 49152)


def run(change=lambda stack, point: 1.0, repeats=5, stacks=("mtcp", "kernel"), points=POINTS, noise=0.02, **more):
    """Rows of a run; noise: how far repeats are apart."""
    return [make_row(stack, point, repeat, (400_000.0 if stack == "mtcp" else 20_000.0) * (1 + noise * (repeat - repeats / 2)) *
                     change(stack, point), **more) for stack in stacks for point in points for repeat in range(1, repeats + 1)]


def word(found, stack):
    return next(item.word for item in found.stacks if item.pairs[0].key.stack == stack)


def test_the_same_is_no_difference():
    found = compare.compare(run(), run())
    assert word(found, "mtcp") == word(found, "kernel") == "no difference shown" and not found.regressions(0.05)
    assert all(item.ratio.value == 1.0 and item.ratio.low < 1 < item.ratio.high for item in found.stacks)


def test_a_loss_at_every_point_is_a_regression_though_no_point_could_show_it():
    found = compare.compare(run(repeats=3), run(lambda stack, _: 0.9 if stack == "mtcp" else 1.0, repeats=3))
    assert word(found, "mtcp") == "worse" and all(item.word == "too few repeats to tell" for item in found.points)
    assert [item.pairs[0].key.stack for item in found.regressions(0.05)] == ["mtcp"] and not found.regressions(0.15)
    assert found.stacks[0].ratio.value == pytest.approx(0.9) and not found.other_machine


@pytest.mark.parametrize("more, why", [
    ({"server_cores": "0-3", "client_cores": "4-7"}, "server cores 1 and 4, load cores 1 and 4"),
    ({"breakdown": [{"method": "cycles", "attribution": "calls"}]}, "account by - and calls")])
def test_what_is_not_measured_alike_is_not_compared(more, why):
    before = run(stacks=("mtcp",)) + run(stacks=("kernel",))
    found = compare.compare(before, run(lambda *_: 0.5, stacks=("mtcp",), **more) + run(stacks=("kernel",)))
    assert {told for _, told in found.unlike} == {why} and len(found.unlike) == len(POINTS)
    assert not found.regressions(0.05) and not found.lost and {item.pairs[0].key.stack for item in found.points} == {"kernel"}


def written(tmp_path, **runs):
    for name, found in runs.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in found))
    return [tmp_path / name for name in runs]


def test_where_all_lines_are_unlike_the_reason_is_told(tmp_path, capsys):
    """And what is lost, too."""
    a, b, less = written(tmp_path, a=run(server_cores="0-3", client_cores="4-7"), b=run(), less=run(stacks=("kernel",)))
    with pytest.raises(UsageError, match="nothing could be compared"):  # no gate passes so
        compare.main(a, b, 5.0)
    told = capsys.readouterr().out
    assert told.count("not of one thing") == 2 * len(POINTS) and "server cores 4 and 1" in told
    assert "no regression" not in told
    assert compare.main(a, less, 5.0) == 1
    told = capsys.readouterr().out
    assert told.count("lost: concurrency mtcp") == len(POINTS) == told.count("not of one thing")


def test_where_only_ours_is_gone_it_is_lost(tmp_path, capsys):
    a, b = written(tmp_path, a=run(stacks=("mtcp",)), b=run(stacks=("kernel",)))
    assert compare.main(a, b, 5.0) == 1 and "lost: concurrency mtcp" in capsys.readouterr().out


def test_connections_that_fail_in_the_second_run_only_are_a_regression(tmp_path, capsys):
    folders = [tmp_path / name for name in "ab"]
    for folder, failed in zip(folders, (0, 200_000)):
        folder.mkdir()
        file = rows.RowFile(folder)
        for row in run(lambda *_: 1.0, stacks=("mtcp", "kernel")):
            file.add(row | {"failed": failed if (row["stack"], row["concurrency"]) == ("mtcp", 8192) else 0})
    assert compare.main(*folders, 5.0) == 1
    told = capsys.readouterr().out
    assert "failing: concurrency mtcp" in told and told.count("failing:") == 1 and "no regression" not in told
    assert compare.main(folders[1], folders[1], 5.0) == 0


def test_a_loss_at_one_point_shows_there():
    first, second = (run(change, repeats=9, stacks=("mtcp",), points=POINTS[:3]) for change in
                     (lambda *_: 1.0, lambda _, point: 0.7 if point == 8192 else 1.0))
    found = compare.compare(first, second)
    assert [item.word for item in found.points] == ["worse", "no difference shown", "no difference shown"]
    assert [item.pairs[0].key.point for item in found.regressions(0.05) if item in found.points] == [8192]


def test_a_line_that_could_not_count_beside_the_others_says_so():
    """Two in 252 (five repeats) times twelve lines is above 0.05; two in 924 (six) is not."""
    for repeats, wanted in ((5, "too few repeats to tell"), (6, "worse")):
        found = compare.compare(run(repeats=repeats), run(lambda *_: 0.5, repeats=repeats))
        assert len(found.points) == 12 and {item.word for item in found.points} == {wanted}


def test_hopeless_lines_do_not_weigh_on_the_others():
    few = {"repeats": 2, "points": POINTS[1:]}
    found = compare.compare(run(points=POINTS[:1]) + run(**few), run(lambda *_: 0.5, points=POINTS[:1]) + run(lambda *_: 0.5, **few))
    assert [item.word for item in found.points if item.pairs[0].key.point == POINTS[0]] == ["worse"] * 2
    assert {item.word for item in found.points if item.pairs[0].key.point != POINTS[0]} == {"too few repeats to tell"}


@pytest.mark.parametrize("least, wanted", [([0.04], [True]), ([0.06], [False]), ([0.008] * 12, [False] * 12), ([0.002] * 12, [True] * 12),
                                           ([0.02, 0.02, 0.3], [True, True, False]), ([], [])])
def test_hopeful(least, wanted):
    assert compare.hopeful(least) == wanted


def test_what_is_gone_of_ours_is_told_and_ends_with_status_1(tmp_path, capsys):
    whole, less = run(), [row for row in run() if (row["stack"], row["concurrency"]) != ("mtcp", 8192)]
    zero = [row | {"transactions_per_server_cpu_s": 0.0} if (row["stack"], row["concurrency"]) == ("kernel", 8192) else row for row in run()]
    for name, found in (("whole", whole), ("less", less), ("zero", zero)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in found))
    assert compare.main(tmp_path / "whole", tmp_path / "less", 5.0) == 1
    assert "lost: concurrency mtcp (ring) at 8K: A has a value, B has none" in capsys.readouterr().out
    assert compare.main(tmp_path / "less", tmp_path / "whole", 5.0) == 0
    capsys.readouterr()
    assert compare.main(tmp_path / "whole", tmp_path / "zero", 5.0) == 0  # the kernel's
    assert "not compared, a value is missing or 0: concurrency kernel (veth) at 8K" in capsys.readouterr().out


def test_one_changed_row_changes_the_outcome():
    first = run(repeats=1, stacks=("mtcp",))
    worse = [row | {"transactions_per_server_cpu_s": row["transactions_per_server_cpu_s"] * 0.9} for row in first]
    assert compare.compare(first, worse).regressions(0.05)
    worse[2] = first[2] | {"transactions_per_server_cpu_s": 5 * first[2]["transactions_per_server_cpu_s"]}
    assert not compare.compare(first, worse).regressions(0.05)


def test_noise_alone_is_rarely_a_regression():
    rng, alarms = np.random.default_rng(7), 0
    for _ in range(40):
        both = [[row | {"transactions_per_server_cpu_s": row["transactions_per_server_cpu_s"] * rng.lognormal(0, 0.3)}
                 for row in run(repeats=3, noise=0.0, points=POINTS[:3])] for _ in range(2)]
        alarms += bool(compare.compare(*both).regressions(0.0))
    assert alarms <= 5  # 5% of 40 is 2


def test_the_kernels_loss_is_the_machines():
    found = compare.compare(run(), run(lambda *_: 0.8))
    assert word(found, "kernel") == "worse" and found.other_machine
    assert {item.pairs[0].key.stack for item in found.regressions(0.05)} == {"mtcp"}


def test_less_is_better_where_the_experiment_says_so():
    assert scenario.load_all()["latency"].metric == "latency_p50_us"
    first, second = (run(repeats=6, stacks=("mtcp",), points=(1,), experiment="latency", latency_p50_us=None) for _ in "AB")
    for at, row in enumerate(first):
        row["latency_p50_us"], second[at]["latency_p50_us"] = 10.0 + at / 10, 20.0 + at / 10
    assert word(compare.compare(first, second), "mtcp") == "worse" and word(compare.compare(second, first), "mtcp") == "better"


def test_one_repeat_of_one_point_tells_nothing():
    found = compare.compare(run(repeats=1, points=(8192,)), run(lambda *_: 0.1, repeats=1, points=(8192,)))
    assert word(found, "mtcp") == "too few repeats to tell" and not found.regressions(0.05)


def test_what_is_in_one_only_is_counted_and_nothing_in_common_is_an_error():
    found = compare.compare(run(points=POINTS[:3]), run(points=POINTS[1:]))
    assert found.only == (2, 6) and len(found.points) == 4
    with pytest.raises(UsageError):
        compare.compare(run(), run(experiment="messages"))


@pytest.mark.parametrize("values, wanted", [
    ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]), ([0.5], [0.5]), ([0.9, 0.8], [1.0, 1.0]), ([], [])])
def test_holm(values, wanted):
    assert compare.holm(values) == pytest.approx(wanted)


def test_the_commands_status_follows(repro, tmp_path):
    for name, change in (("a", 1.0), ("b", 0.9)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "rows.jsonl").write_text(
            "".join(json.dumps(row) + "\n" for row in run(lambda stack, _, change=change: change if stack == "mtcp" else 1.0)))
    done = repro("compare", "a", "b")
    assert done.returncode == 1 and "regression: concurrency mtcp (ring) over all points: 0.900 [" in done.stdout and not done.stderr
    assert repro("compare", "a", "b", "--threshold", "15").returncode == 0
    assert repro("compare", "b", "a").returncode == 0
    done = repro("compare", "a", "b", "--threshold", "100")
    assert done.returncode == 2 and "share in percent" in done.stderr


# --- do two runs say the same?

def agreement(first, second):
    return agree.of(first, second)


def test_the_same_rows_agree_and_it_is_said(tmp_path, capsys):
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in run()))
    assert compare.main(tmp_path / "a", tmp_path / "b", 5.0) == 0
    told = capsys.readouterr().out
    judged = len(claims.judge_all(run(), {}))
    assert f"verdicts: {judged} of {judged} alike" in told and "12 of 12 points, 100% (90% are asked for)" in told
    assert told.endswith("A and B agree\n") and "outside" not in told


def test_a_verdict_that_differs_is_named_and_they_do_not_agree():
    found = agreement(run(), run(lambda stack, _: 0.2 if stack == "mtcp" else 1.0))
    assert "concurrency-8k" in [first.claim["name"] for first, _ in found.differ] and not found.holds
    assert any(line.startswith("verdict differs: concurrency-8k: reproduced (20.0x") and ", then partly (" in line for line in found.words())
    assert found.words()[-1] == "A and B do not agree"


@pytest.mark.parametrize("far, holds", [(1, True), (2, False)])
def test_nine_tenths_of_the_points_have_to_agree(far, holds):
    """One of twelve is below a tenth, two are above it; no verdict looks at these points."""
    moved = POINTS[1:1 + far]
    found = agreement(run(), run(lambda stack, point: 1.2 if stack == "kernel" and point in moved else 1.0))
    assert not found.differ and found.holds is holds and len(found.inside) == 12 - far
    assert [key.point for key, _ in found.outside] == list(moved)
    assert found.outside[0][1].count("[") == 2  # both medians with their intervals


MANY = (*range(8192, 8192 + 17), 49152)


@pytest.mark.parametrize("points, moved, holds, said", [
    (POINTS, POINTS[1:2], True, "A and B agree"), (POINTS, POINTS[1:4], None, "cannot say whether A and B agree: too few repeats"),
    (MANY, MANY[1:-1], False, "A and B do not agree")])
def test_with_too_few_repeats_it_cannot_say_unless_chance_would_not_do_it(points, moved, holds, said):
    """Three repeats: the same thing twice gives 81% in the mean. Of twelve points 75% are nothing unusual, of 36 a little more than half is."""
    found = agreement(run(repeats=3, points=points), run(lambda stack, point: 1.2 if stack == "kernel" and point in moved else 1.0, repeats=3, points=points))
    assert not found.differ and found.share == pytest.approx(1 - len(moved) / len(points) / 2)
    assert found.holds is holds and found.words()[-1] == said


def test_a_claim_that_only_one_run_judges_is_no_difference():
    found = agree.of(run(), run() + run(experiment="messages"))
    assert found.verdicts and all(first.claim["experiment"] in ("concurrency", claims.EVERYWHERE) for first, _ in found.verdicts)


def test_one_repeat_has_no_interval_to_agree_with():
    found = agreement(run(repeats=1), run(lambda *_: 3.0, repeats=1))
    assert found.share is None and found.single == 12 and "12 points have one repeat in each run, and no interval" in found.words()
    assert agreement(run(repeats=1), run()).share == 1.0  # one side's is enough


@pytest.mark.parametrize("change", [lambda *_: 1.0, lambda stack, _: 0.2 if stack == "mtcp" else 1.0])
def test_without_intervals_it_cannot_say_whatever_the_verdicts(change):
    found = agreement(run(repeats=1), run(change, repeats=1))
    assert found.words()[-1] == "cannot say whether A and B agree: no intervals" and found.holds is None
    assert found.words()[0].startswith(f"verdicts: {len(found.verdicts) - len(found.differ)} of {len(found.verdicts)} alike")


@pytest.mark.parametrize("gone, holds, zero", [(1, True, True), (2, False, False)])
def test_points_that_only_one_run_has_do_not_agree(gone, holds, zero):
    """Be they missing or 0, in A or in B."""
    lost = POINTS[1:1 + gone]
    less = [row | {"transactions_per_server_cpu_s": 0.0} if row["stack"] == "kernel" and row["concurrency"] in lost else row for row in run()]
    less = [row for row in less if zero or row["transactions_per_server_cpu_s"]]
    for first, second, name in ((run(), less, "A"), (less, run(), "B")):
        found = agreement(first, second)
        assert not found.differ and not found.outside and found.holds is holds and found.share == pytest.approx((12 - gone) / 12)
        assert [key.point for key, _ in found.one_sided] == list(lost) and len(found.inside) == 12 - gone
        assert f"a value in {name} only: concurrency kernel (veth) at 16K" in found.words()


@pytest.mark.parametrize("n", [3, 5])
@pytest.mark.parametrize("draw", [lambda rng, n: rng.lognormal(0, 0.1, n), lambda rng, n: np.where(rng.random(n) < 0.36, 0.6, 1.0) + 0.02 * rng.random(n)])
def test_what_chance_alone_leaves_is_as_told(n, draw):
    """Of five repeats on it is more than is asked for, while both medians within are never."""
    rng = np.random.default_rng(3)
    found = [agree.within(*(compare.stats.median(list(draw(rng, n))) for _ in "AB")) for _ in range(200)]
    shares = np.mean(found, axis=0)
    assert shares == pytest.approx(agree.CHANCE[n], abs=0.06)
    assert bool(shares[0] > agree.SHARE) == (n == 5) and shares[1] < agree.SHARE


def test_the_strict_share_and_what_chance_leaves_stand_beside_the_one_that_counts():
    """The kernel's points are moved so that the median of one run only is in the other's interval."""
    wide = run(lambda stack, _: 1.0)
    narrow = [row | {"transactions_per_server_cpu_s": row["transactions_per_server_cpu_s"] * 1.2 if row["repeat"] == 3 else
                     row["transactions_per_server_cpu_s"]} if row["stack"] == "kernel" else row for row in wide]
    found = agreement(wide, narrow)
    assert len(found.inside) == found.points == 12 and found.both <= 12
    assert f"both of them: {found.both}, {found.both / 12:.0%}" in found.words()[1]
    few = agreement(run(repeats=3), run(repeats=3))
    assert few.words()[2] == "by chance alone, were A and B the same: 81%, and both 40%: too few repeats to ask for 90%"
    assert agreement(run(repeats=5), run(repeats=9)).words()[2] == "by chance alone, were A and B the same: 96%, and both 73%"
