# SPDX-License-Identifier: BSD-3-Clause
"""./repro compare: what differs, what is chance, what is a regression."""
import json

import pytest
from runner import compare, scenario
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


def test_a_loss_at_one_point_shows_there():
    first, second = (run(change, repeats=9, stacks=("mtcp",), points=POINTS[:3]) for change in
                     (lambda *_: 1.0, lambda _, point: 0.7 if point == 8192 else 1.0))
    found = compare.compare(first, second)
    assert [item.word for item in found.points] == ["worse", "no difference shown", "no difference shown"]
    assert [item.pairs[0].key.point for item in found.regressions(0.05) if item in found.points] == [8192]


def test_one_changed_row_changes_the_outcome():
    first = run(repeats=1, stacks=("mtcp",))
    worse = [row | {"transactions_per_server_cpu_s": row["transactions_per_server_cpu_s"] * 0.9} for row in first]
    assert compare.compare(first, worse).regressions(0.05)
    worse[2] = first[2] | {"transactions_per_server_cpu_s": 5 * first[2]["transactions_per_server_cpu_s"]}
    assert not compare.compare(first, worse).regressions(0.05)


def test_noise_alone_is_rarely_a_regression():
    import numpy as np

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
