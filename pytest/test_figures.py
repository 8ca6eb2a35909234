# SPDX-License-Identifier: BSD-3-Clause
"""Figures by hand from rows.csv, and flame graphs from recorded stacks."""
import json
import re
import subprocess
import xml.etree.ElementTree as tree

import pytest
from conftest import ROOT
from runner import byhand, classify, figure_data, figures, flame, latencies, parts, plan, rows, sampling, scenario, summary, svg
from runner.errors import UsageError
from test_repro_parts import breakdown, make_row

PLOTS = ROOT / "plots"
SHARED = {"style", "bars", "curve", "concurrency-curve", "latencies", "distribution"}  # parts of others


def written(folder, found):
    file = rows.RowFile(folder)
    for row in found:
        file.add(row)
        if scenario.load_all()[row["experiment"]].distributions and row.get("latency_p50_us"):
            keep(folder, row)
    return folder / "rows.csv"


def keep(folder, row):
    """Its latencies beside it: a thousand, and how late their load was."""
    slug = plan.slug(row["experiment"], row["variant"] or "", row["stack"], summary.point(row), row["repeat"])
    latencies.write(folder, slug, ([[int(1000 * row["latency_p50_us"]) + n, 10] for n in range(100)], [[0, 900], [2500, 100]]))


def example(name):
    """Rows for an experiment: two repeats of each of its stacks and points."""
    known = scenario.load_all()[name]
    found = []
    for part in known.parts:
        for stack in part.stacks:
            for point in known.points_of(part, stack, "full") or part.points["full"]:
                for repeat in (1, 2):
                    rate = (400_000.0 if stack.startswith("mtcp") else 20_000.0) + repeat
                    row = make_row(stack, 8192, repeat, rate, name, variant=part.name or None, mtu=part.mtu, axis=part.column,
                                   **{f"latency_{at}_us": 1e9 / rate for at in ("p50", "p90", "p99", "p999")})
                    row |= {column: rate / 1e6 for column in summary.METRICS if row.get(column) is None}
                    row |= {part.column: point, "cpu_method": "perf", "cpu_app": 0.1, "cpu_tcpip": 0.6, "cpu_packet_io": 0.2, "cpu_idle": 0.1,
                            "breakdown": [breakdown("perf", "caller", application=0.1, tcpip=0.6, packet_io=0.2, idle=0.1)]}
                    found.append(row)
    return found


def by_hand(*words, cwd):
    return subprocess.run(["gnuplot", "-c", *map(str, words)], cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)


ALL = {file: known.name for known in scenario.load_all().values() for _, file in figures.plots_of(known)} | {"ratios": "concurrency"}


def test_every_file_in_plots_is_of_an_experiment():
    assert {path.stem for path in PLOTS.glob("*.gp")} == set(ALL) | SHARED


@pytest.mark.parametrize("name", sorted(ALL))
def test_each_figure_is_drawn_by_hand_from_rows_csv(name, tmp_path):
    csv_file = written(tmp_path, example(ALL[name]))
    (tmp_path / "rows.jsonl").unlink()
    done = by_hand(PLOTS / f"{name}.gp", csv_file, "out.svg", ALL[name], cwd=tmp_path)
    assert done.returncode == 0 and not done.stderr, done.stderr
    assert "mtcp" in (tmp_path / "out.svg").read_text() or "kernel" in (tmp_path / "out.svg").read_text()


def test_by_hand_it_is_the_same_figure_as_in_the_report(tmp_path):
    found = example("cpu-breakdown")
    csv_file = written(tmp_path, found)
    figures.draw(found, scenario.load_all(), tmp_path / "figures", ("svg",))
    done = by_hand(PLOTS / "cpu-breakdown.gp", csv_file, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "cpu-breakdown.dat").read_text() == (tmp_path / "figures" / "data" / "cpu-breakdown.dat").read_text()
    done = by_hand(PLOTS / "cycles.gp", csv_file, "c.png", cwd=tmp_path)
    assert done.returncode == 0 and (tmp_path / "c.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("figure, file, said", [
    ("scaling.gp", "rows.csv", "these rows have nothing for it"), ("scaling.gp", "none.csv", "No such file"), ("cycles.gp", "bad.csv", "bad.csv:2: "),
    ("cycles.gp", "empty.csv", "no rows there"), ("cycles.gp", "", "ROWS.csv [OUT.svg|OUT.png]")])
def test_by_hand_what_is_wrong_is_said(figure, file, said, tmp_path):
    written(tmp_path, example("cpu-breakdown"))
    (tmp_path / "empty.csv").write_text("stack\n")
    (tmp_path / "bad.csv").write_text("stack,concurrency\nother,5\n")
    done = by_hand(PLOTS / figure, *([file] if file else []), cwd=tmp_path)
    assert done.returncode == 2 and said in done.stderr and len(done.stderr.strip().splitlines()) == 1, done.stderr


def test_rows_csv_reads_as_it_was_written(tmp_path):
    row = make_row(notes='a "b", c', generator_limited=True, ramp_incomplete=False, rate=2.5)
    assert byhand.read_csv(written(tmp_path, [row])) == [row]
    with pytest.raises(UsageError):
        byhand.read_csv(tmp_path / "rows.jsonl")


def test_intervals_are_in_the_data():
    found = [make_row(repeat=repeat, per_core=rate) for repeat, rate in ((1, 100.0), (2, 110.0), (3, 130.0))]
    data = figure_data.of(scenario.Plot("x", "t", "curve", summary.PER_CORE), summary.lines(found))
    assert data.blocks == {"mtcp": [[8192.0, 110.0, 100.0, 130.0]]} and data.text() == '"mtcp"\n8192 110 100 130\n'


def test_a_value_of_the_paper_is_a_level_in_its_experiment_only():
    plot = scenario.Plot("x", "t", "curve", "transactions_per_s")
    found = [make_row("kernel", point, per_core=20_000, experiment="gap") for point in (1024, 8192)]
    data = figure_data.of(plot, summary.lines(found))
    assert data.blocks["paper: Linux, at its peak"] == [[1024.0, 3e5, 3e5, 3e5], [8192.0, 3e5, 3e5, 3e5]]
    assert data.styles() == ("3 9", "1 1", "9 12")
    other = figure_data.of(plot, summary.lines([row | {"experiment": "concurrency"} for row in found]))
    assert list(other.blocks) == ["kernel"]


def test_what_is_only_remembered_says_so():
    found = [make_row("kernel", experiment="static-web", bytes_per_s=1e8)]
    data = figure_data.of(scenario.Plot("x", "t", "bars", "bytes_per_s"), summary.lines(found))
    assert [row[:2] for row in data.blocks[""]] == [
        ["kernel", pytest.approx(0.8)], ["paper: Linux (unverified)", 1.24], ["paper: Linux with SO_REUSEPORT (unverified)", 1.79],
        ["paper: MegaPipe (unverified)", 2.69], ["paper: mTCP (unverified)", 4.02]]


def test_ratios_are_to_each_kernel_line_better_above_one():
    found = [make_row(per_core=100.0, experiment="cpu-breakdown"), make_row("kernel", per_core=10.0, experiment="cpu-breakdown")]
    plot = next(plot for plot, file in figures.plots_of(scenario.load_all()["cpu-breakdown"]) if file == "ratios")
    data = figure_data.of(plot, summary.lines(found))
    assert plot.metric == "cycles_per_transaction" and data.blocks[""][0] == ["over kernel 8K", pytest.approx(10.0), pytest.approx(10.0), pytest.approx(10.0), 3.0]


# --- flame graphs

def recorded():
    found = list(classify.parse((ROOT / "pytest" / "perf_script.txt").read_text().splitlines()))
    return sampling.folded(found, [0])


def test_a_flame_graph_of_recorded_stacks():
    text = flame.draw([recorded()], "Flame graph: a < b")
    picture = tree.fromstring(text)
    titles = [found.text for found in picture.iter("{http://www.w3.org/2000/svg}title")]
    total = sum(int(line.rsplit(" ", 1)[1]) for line in recorded().splitlines())
    assert titles[0] == "Flame graph: a < b" and f"all: {total} samples, 100.00%" in titles
    assert any(re.fullmatch(r"do_idle \(kernel\): 1 samples, \d+\.\d\d%", title) for title in titles)
    assert not re.search(r"<script|href=", text)


def test_callers_are_below_and_widths_are_shares():
    text = flame.draw(["p;a 60\np;a;b_[k] 30\np;c 10\n", "p;c 100\nnonsense\n; x\n"], "t")
    at = {name: (float(x), float(y), float(width)) for name, x, y, width in re.findall(
        r'<title>(\w+)[^<]*samples[^<]*</title><rect x="([\d.]+)" y="(\d+)" width="([\d.]+)"', text)}
    usable = flame.WIDTH - 2 * flame.MARGIN
    assert at["p"][2] == pytest.approx(usable, abs=1) and at["a"][2] == pytest.approx(usable * 0.45, abs=1)
    assert at["b"][0] == at["a"][0] and at["b"][1] == at["a"][1] - flame.ROW == at["p"][1] - 2 * flame.ROW
    assert at["c"][0] == pytest.approx(at["a"][0] + usable * 0.45, abs=1)
    assert re.search(r"<title>b \(kernel\).*?fill=\"#(e69f00|edb335|f3c666|e8a926)\"", text)


def test_lost_ways_are_one_step_and_nothing_is_nothing():
    assert flame.parse(["p;" + "[unknown];" * 99 + "x 5"]).below["p"].below["[unknown]"].below["x"].count == 5
    assert flame.draw([""], "t") == ""


def test_repeats_go_together_and_are_drawn_again_when_newer(tmp_path):
    (tmp_path / "stacks").mkdir()
    for repeat in (1, 2):
        (tmp_path / "stacks" / f"cpu-breakdown-mtcp-8192-r{repeat}.folded").write_text("p;a 5\n")
    drawn = flame.draw_all(tmp_path)
    assert list(drawn) == ["cpu-breakdown-mtcp-8192"] and "all: 10 samples" in drawn["cpu-breakdown-mtcp-8192"].read_text()
    (tmp_path / "stacks" / "cpu-breakdown-mtcp-8192-r3.folded").write_text("p;a 5\n")
    assert "all: 15 samples" in flame.draw_all(tmp_path)["cpu-breakdown-mtcp-8192"].read_text()


def test_a_backslash_in_a_name_is_a_backslash():
    drawn = svg.finish("<svg><title>x</title><desc>y</desc></svg>", r"of a\1", r"b\g<0>")
    assert r"<title>of a\1</title>" in drawn and r"<desc>b\g&lt;0&gt;</desc>" in drawn
    assert r'aria-label="f\1 C:\q"' in svg.inline(drawn, "x", r"f\1 C:\q")


def test_cycles_of_a_transaction_stand_beside_percentages():
    shares = {"application": 0.1, "tcpip": 0.4, "packet_io": 0.2, "kernel_other": 0.1, "unclassified": 0.0, "idle": 0.2}
    entries = [{"method": "perf", "attribution": "leaf", "cpus": "server", "samples": 10, "shares": shares},
               {"method": "perf", "attribution": "leaf", "cpus": "all", "samples": 10, "shares": shares}]
    about = {"experiment": "cpu-breakdown", "tsc_hz": 2_500_000_000, "server_cores": "0-1", "transactions": 6_000_000}
    found = summary.lines([make_row(breakdown=entries, **about)])  # 2 cores, 3 s: 2,500 cycles in each transaction, idle ones too
    assert parts.table(found) == [["mtcp", "8K", "perf, leaf", "10.0% 250", "40.0% 1,000", "20.0% 500", "10.0% 250", "-", "-", "20.0%", "2,000"]]
    assert parts.table(summary.lines([make_row(breakdown=entries, **about | {"tsc_hz": None})]))[0][3] == "10.0%"
    assert parts.table(summary.lines([make_row(breakdown=entries)])) == []  # this experiment does not ask where the time goes


def test_a_part_has_its_own_cycles_whatever_another_method_calls_idle():
    """By leaf, looks at a quiet device are packet I/O: that is no reason for TCP/IP to have fewer cycles."""
    by = [breakdown("cycles", "calls", tcpip=0.4, idle=0.6), breakdown("perf", "leaf", tcpip=0.4, packet_io=0.5, idle=0.1)]
    row = make_row(experiment="cpu-breakdown", tsc_hz=2_500_000_000, transactions=3_000_000, breakdown=by)
    looped, sampled = parts.table(summary.lines([row]))
    assert (looped[4], looped[-1]) == ("40.0% 1,000", "1,000") and (sampled[4], sampled[5], sampled[-1]) == ("40.0% 1,000", "50.0% 1,250", "2,250")


def test_a_core_that_only_idled_has_no_cycles():
    entries = [{"method": "perf", "attribution": "leaf", "cpus": "server", "samples": 10, "shares": {"idle": 1.0}}]
    found = summary.lines([make_row(experiment="cpu-breakdown", tsc_hz=2_500_000_000, breakdown=entries)])
    assert parts.table(found)[0][-2:] == ["100.0%", "-"]


# --- curves that can be told apart

def test_curves_of_one_stack_differ_in_mark_and_dashes(tmp_path):
    for name in ("latency", "bulk", "latency-load"):
        known = scenario.load_all()[name]
        for figure in figures.of(example(name), known, tmp_path):
            if figure.data.named:
                styles = list(zip(*(words.split() for words in figure.data.styles())))
                assert len({(line, mark) for line, _, mark in styles}) == len(styles), figure.plot.name
                assert "marks, i" in (PLOTS / f"{figure.file}.gp").read_text() or "load plots" in (PLOTS / f"{figure.file}.gp").read_text()


def test_every_stack_has_a_colour_and_mark_of_its_own_that_a_dark_screen_knows():
    found = re.findall(r'^set linetype (\d+) linecolor rgb "#(\w+)".*?pointtype (\d+)', (PLOTS / "style.gp").read_text(), re.MULTILINE)
    assert {int(line) for line, _, _ in found} == {figure_data.linetype(stack) for stack in (*scenario.STACKS, "paper")}
    assert len({colour for _, colour, _ in found}) == len({mark for _, _, mark in found}) == len(found)
    assert {int(line): int(mark) for line, _, mark in found} == figure_data._MARKS
    assert all(colour in svg._DARK for _, colour, _ in found)


@pytest.mark.parametrize("name, axis", [("web-replay", "concurrency"), ("latency-load", "rate"), ("syn-flood-latency", "flood_rate"), ("latency", "concurrency")])
def test_the_99th_percentile_of_a_line_of_one_point_is_seen(name, axis, tmp_path):
    row = make_row("mtcp", 8192, experiment={"latency": "concurrency", "syn-flood-latency": "syn-flood"}.get(name, name), axis=axis,
                   latency_p50_us=100.0, latency_p99_us=900.0) | {axis: 24576}
    done = by_hand(PLOTS / f"{name}.gp", written(tmp_path, [row]), "out.svg", row["experiment"], cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out.svg").read_text().count("href='#gpPt6'") == 3  # filled circles: median, percentile, key
