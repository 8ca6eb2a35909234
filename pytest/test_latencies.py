# SPDX-License-Identifier: BSD-3-Clause
"""Distributions of latencies: kept beside the rows, gathered over repeats, drawn."""
import csv
import json
import subprocess

import pytest
from conftest import ROOT
from runner import figure_data, latencies, manifest, plan, report, rows, scenario, summary
from runner.errors import UsageError
from test_figures import by_hand, keep, written
from test_repro_parts import make_row

PLOT = scenario.Plot("x", "t", figure_data.DISTRIBUTION)


def replayed(stack="mtcp", point=8192, repeat=1, **more):
    return make_row(stack, point, repeat, experiment="web-replay", app="replay", **{"variant": "sleeps", "latency_p50_us": 100.0, "latency_p99_us": 900.0} | more)


def line_of(folder, *histograms):
    """A line with a repeat for each pair of histograms, which are kept."""
    found = [replayed(repeat=repeat) for repeat in range(1, len(histograms) + 1)]
    for row, kept in zip(found, histograms):
        latencies.write(folder, plan.slug("web-replay", "sleeps", "mtcp", 8192, row["repeat"]), kept)
    return summary.lines(found)


# --- of the programs

@pytest.mark.parametrize("words, lateness", [(("--app", "replay", "--concurrency", "2000"), True), (("--concurrency", "64"), False)])
def test_a_program_tells_all_latencies_and_in_an_open_loop_all_lateness(program, tmp_path, words, lateness):
    done = subprocess.run([str(program("mtcp-pair")), *words, "--warmup", "0.2", "--seconds", "0.6", "--seed", "3", "--histogram", "--json", "-"],
                          capture_output=True, text=True, timeout=60, check=True)
    row = json.loads(done.stdout)
    found, late = latencies.take(row)
    assert sum(count for _, count in found) == row["transactions"] and bool(late) is lateness and "latency_histogram" not in row
    latencies.write(tmp_path, plan.slug("web-replay", "sleeps", "mtcp", 8192, 1), (found, late))
    kept = latencies.gather(tmp_path, summary.lines([replayed()])[0])
    for name, share in (("p50", 0.5), ("p90", 0.1), ("p99", 0.01)):
        assert kept.responses.exceeded_by(share) == pytest.approx(row[f"latency_{name}_us"], rel=1e-3)
    if lateness:
        assert kept.starts.exceeded_by(0.01) == pytest.approx(row["generator_lag"], rel=1e-3)


def test_without_being_asked_it_tells_percentiles_only(program):
    done = subprocess.run([str(program("mtcp-pair")), "--warmup", "0", "--seconds", "0.1", "--json", "-"], capture_output=True, text=True, timeout=60, check=True)
    assert not any("histogram" in name for name in json.loads(done.stdout))


# --- kept

def test_what_is_kept_is_read_again(tmp_path):
    kept = ([[1000, 3], [2000, 1]], [[0, 2], [1000, 2]])
    line, = line_of(tmp_path, kept)
    path, = (tmp_path / "latencies").iterdir()
    assert path.name == "web-replay-sleeps-mtcp-8192-r1.csv"
    assert list(csv.reader(path.open())) == [["ns", "responses", "starts"], ["0", "0", "2"], ["1000", "3", "2"], ["2000", "1", "0"]]
    found = latencies.gather(tmp_path, line)
    assert found.responses.n == 4 and found.starts.n == 4
    assert [found.responses.exceeded_by(share) for share in (1.0, 0.5, 0.25, 0.2, 0.0)] == [1.0, 1.0, 1.0, 2.0, 2.0]


def test_repeats_go_together_and_the_outermost_are_told(tmp_path):
    line, = line_of(tmp_path, ([[1000, 98], [5000, 2]], []), ([[1000, 50], [9000, 50]], []), ([[1000, 100]], []))
    data = figure_data.distribution([line], tmp_path)
    rows_of = {row[0]: row[1:5] for row in data.blocks["mtcp at 8K"]}
    assert rows_of[100.0] == [1.0, 1.0, 1.0, 0.0] and rows_of[16.0] == [9.0, 1.0, 9.0, 0.0] and rows_of[1.0] == [9.0, 1.0, 9.0, 0.0]
    assert min(rows_of) == pytest.approx(0.4)  # of 300 responses 0.33% is one: below that nothing is told


def test_runs_of_which_nothing_was_kept_are_left_out(tmp_path):
    line, = line_of(tmp_path, ([[1000, 10]], [[0, 10]]))
    line.rows.append(replayed(repeat=2))
    assert latencies.gather(tmp_path, line).responses.n == 10
    assert latencies.gather(tmp_path / "elsewhere", line) is None
    latencies.write(tmp_path, plan.slug("web-replay", "sleeps", "mtcp", 8192, 1), ([], [[0, 10]]))
    assert latencies.gather(tmp_path, line) is None
    assert figure_data.of(PLOT, [line], tmp_path).blocks == {} == figure_data.of(PLOT, [line]).blocks


@pytest.mark.parametrize("text", ["", "ns,responses\n1,2\n", "ns,responses,starts\n1,2\n", "ns,responses,starts\n5,1,1\n4,1,1\n", "ns,responses,starts\n1,-1,0\n", "ns,responses,starts\nx,1,1\n"])
def test_a_file_that_is_none_is_named(text, tmp_path):
    line, = line_of(tmp_path, ([[1000, 10]], []))
    path, = (tmp_path / "latencies").iterdir()
    path.write_text(text)
    with pytest.raises(UsageError, match="web-replay-sleeps-mtcp-8192-r1.csv: "):
        latencies.gather(tmp_path, line)


def test_a_run_keeps_them_beside_its_rows(repro, tmp_path):
    """Those of experiments that draw them; rows do not grow by it."""
    done = repro("run", "web-replay", "fairness", "--quick", "--device", "ring", "--baseline", "none", "--out", "out", FAKE_SECONDS="0.01")
    assert done.returncode in (0, 1), done.stdout + done.stderr
    found = rows.read(tmp_path / "out")
    kept = {path.name for path in (tmp_path / "out" / "latencies").iterdir()}
    assert {"web-replay-ring-mtcp-24576-r1.csv", "web-replay-ring-mtcp-276480-r1.csv"} <= kept and not any("fairness" in name for name in kept)
    assert not any("histogram" in name for row in found for name in row)
    assert all(("--histogram" in row["command"]) is (row["experiment"] == "web-replay") for row in found)
    assert 'id="figure-web-replay-times"' in (tmp_path / "out" / "report.html").read_text()


# --- drawn

def example(folder):
    found = [replayed("mtcp", point, repeat, variant=variant, device=device) for repeat in (1, 2) for variant, device, points in
             (("ring", "ring", (24576, 276480)), ("sleeps", "af_packet", (8192, 24576))) for point in points]
    found += [replayed("kernel-tuned", point, repeat, latency_p50_us=300.0) for point in (8192, 24576) for repeat in (1, 2)]
    for row in found:
        keep(folder, row)
    return found


def test_each_point_has_a_panel_and_each_curve_its_look_in_all(tmp_path):
    data = figure_data.of(PLOT, summary.lines(example(tmp_path)), tmp_path)
    assert list(data.blocks) == ["mtcp sleeps at 8K", "kernel-tuned at 8K", "mtcp sleeps at 24K", "mtcp ring at 24K", "kernel-tuned at 24K", "mtcp ring at 270K"]
    assert data.layout() == {"panels": [2, 3, 1], "panel_names": ["8K", "24K", "270K"], "curves": [1, 2, 4]}
    assert data.styles()[0] == "1 5 1 1 5 1" and data.styles()[1] == "1 1 1 2 1 2" and '"mtcp ring"\n100 ' in data.text()
    head, body = data.table()
    assert head == ["curve", "took longer", "us", "least of a repeat", "most", "load late, us"]
    assert body[0] == ["mtcp sleeps at 8K", "100%", "100", "100", "100", "0"] and ["kernel-tuned at 24K", "1%", "300.1", "300.1", "300.1", "2.5"] in body
    assert data.words().startswith("mtcp sleeps at 8K: 100 at 100%, 100.1 at 0.05%")


def test_by_hand_and_in_the_report_it_is_the_same(tmp_path):
    found = example(tmp_path)
    csv_file = written(tmp_path, found)
    manifest.write(tmp_path, {})
    report.rebuild(tmp_path)
    done = by_hand(ROOT / "plots" / "web-replay-times.gp", csv_file, "out.svg", cwd=tmp_path)
    assert done.returncode == 0 and not done.stderr
    assert (tmp_path / "out.dat").read_text() == (tmp_path / "figures" / "data" / "web-replay-times.dat").read_text()
    drawn, text = (tmp_path / "out.svg").read_text(), (tmp_path / "report.html").read_text()
    assert all(words in drawn for words in ("24K flows at a time", "270K flows at a time", "mtcp ring", "kernel-tuned", "load later than that"))
    assert drawn.count("href='#gpPt6'") == drawn.count("href='#gpPt12'") == 2 * 4 + 1  # a mark at 50, 10, 1 and 0.1% in two panels, and in the key
    assert 'id="figure-web-replay-times"' in text and "low and high" not in text[text.index('id="figure-web-replay-times"'):].partition("</caption>")[0]
    assert '<details class="runs"><summary>Data of this figure' in text  # not printed: pages of it
    assert '<th scope="row" class="text">kernel-tuned at 24K</th><td>1%</td><td>300.1</td>' in text


def test_a_load_that_was_never_late_is_drawn_too(tmp_path):
    csv_file = written(tmp_path, [replayed()])
    line_of(tmp_path, ([[1000, 10], [90_000, 1]], [[0, 11]]))
    done = by_hand(ROOT / "plots" / "web-replay-times.gp", csv_file, "out.svg", cwd=tmp_path)
    assert done.returncode == 0 and not done.stderr and "8K flows at a time" in (tmp_path / "out.svg").read_text()
