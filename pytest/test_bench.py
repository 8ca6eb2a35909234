# SPDX-License-Identifier: BSD-3-Clause
"""mtcp-bench as a script meets it; bench-check: what it counts, what it compares, what it says."""
import json
import os
import re
import shutil
import subprocess

import pytest
from runner import benchcheck
from runner.benchcheck import Build, Counted
from runner.errors import CannotRun, Stop

GCC = Build("gcc 12.2.0", "x86_64", "Release")
LATER = Build("gcc 14.2.0", "x86_64", "Release")
WAS = {"transaction": Counted({"server": 1000.0, "client": 2000.0}, {"tcp_input": 300.0, "csum_add": 100.0, "tcp_output": 600.0}),
       "bulk": Counted({"receiver": 50.0}, {"csum_add": 20.0})}


def changed(scenario="transaction", part="server", factor=1.0, **functions):
    now = dict(WAS)
    old = WAS[scenario]
    now[scenario] = Counted(old.parts | {part: old.parts[part] * factor}, old.functions | functions)
    return now


@pytest.fixture
def baseline(tmp_path):
    path = tmp_path / "baseline.json"
    path.write_text(benchcheck.write_baseline(GCC, WAS, "for a test"))
    return path


def judged(baseline, now, build=GCC):
    lines, well = benchcheck.judge(baseline, build, now)
    return "\n".join(lines), well


# ---- the comparison ----

@pytest.mark.parametrize("factor, well", [(0.5, True), (1.0, True), (1.029, True), (1.031, False), (2.0, False)])
def test_three_percent_more_is_too_much(baseline, factor, well):
    assert judged(baseline, changed(factor=factor))[1] is well


def test_what_grew_is_named_with_its_functions(baseline):
    text, well = judged(baseline, changed(factor=1.25, csum_add=260.0, tcp_output=590.0, fresh=190.0, small=90.0))
    assert not well
    worse = text[text.index("FAILED"):].splitlines()
    assert worse[1].split() == "transaction server: 1000.0 -> 1250.0 instructions (+25.0%)".split()
    assert [line.split()[0] for line in worse[2:]] == ["csum_add:", "fresh:"], "most first, none that shrank"
    assert "100.00 -> 260.00" in worse[2] and "at most 100.00 -> 190.00" in worse[3]


def test_each_part_counts_by_itself(baseline):
    """A dear client does not hide behind a cheap server."""
    now = changed(factor=0.5)
    now["transaction"].parts["client"] *= 1.05
    text, well = judged(baseline, now)
    assert not well and "transaction client: " in text and "transaction server: " not in text


def test_a_cheaper_one_says_that_the_baseline_can_be_lowered(baseline):
    text, well = judged(baseline, changed(factor=0.96))
    assert well and "can be lowered" in text and "transaction server" in text.splitlines()[-1]
    assert "can be lowered" not in judged(baseline, changed(factor=0.98))[0]


def test_a_scenario_or_part_that_one_side_lacks_is_named(baseline):
    more = {**WAS, "syn_flood": WAS["bulk"]}
    text, well = judged(baseline, more)
    assert not well and "scenario syn_flood is not in the baseline" in text and str(baseline) in text
    text, well = judged(baseline, {"bulk": WAS["bulk"]})
    assert not well and "scenario transaction is in the baseline alone" in text
    text, well = judged(baseline, {**WAS, "bulk": Counted({"sender": 1.0}, {})})
    assert not well and "part receiver" in text and "part sender" in text


def test_a_count_from_nothing_is_more(tmp_path):
    path = tmp_path / "baseline.json"
    path.write_text(benchcheck.write_baseline(GCC, {"bulk": Counted({"receiver": 0.0}, {})}, "x"))
    assert not judged(path, {"bulk": Counted({"receiver": 1.0}, {})})[1]


# ---- another compiler, another machine ----

def test_another_version_of_the_compiler_gets_a_wider_bound_that_is_stated(baseline):
    text, well = judged(baseline, changed(factor=1.09), LATER)
    assert well and "the baseline is of gcc 12.2.0, this is gcc 14.2.0: up to +10% passes instead of +3%" in text
    assert not judged(baseline, changed(factor=1.11), LATER)[1]
    assert "14.2.0" not in judged(baseline, WAS)[0]


@pytest.mark.parametrize("build, said", [(Build("gcc 12.2.0", "aarch64", "Release"), "aarch64"),
                                         (Build("clang 14.0.6", "x86_64", "Release"), "clang"),
                                         (Build("gcc 12.2.0", "x86_64", "Debug"), "Debug"),
                                         (Build("gcc 12.2.0", "x86_64", "Release+address"), "Release+address")])
def test_what_does_not_compare_is_refused(baseline, build, said):
    with pytest.raises(CannotRun, match=said.replace("+", r"\+")) as stopped:
        benchcheck.judge(baseline, build, WAS)
    assert stopped.value.status == 3


# ---- the file ----

def damage(text, **fields):
    return json.dumps(json.loads(text) | fields)


@pytest.mark.parametrize("spoil, said", [
    (lambda text: text[:100], "malformed"),
    (lambda text: "[]", "malformed"),
    (lambda text: "{}", "compiler"),
    (lambda text: damage(text, scenarios=3), "malformed"),
    (lambda text: damage(text, scenarios={"bulk": {"functions": {}}}), "instructions"),
    (lambda text: damage(text, scenarios={"bulk": {"functions": {}, "instructions": {}}}), "scenario bulk"),
    (lambda text: damage(text, scenarios={"bulk": {"functions": {}, "instructions": {"a": "many"}}}), "scenario bulk"),
    (lambda text: damage(text, scenarios={"bulk": {"functions": {}, "instructions": {"a": -1}}}), "scenario bulk"),
])
def test_a_damaged_baseline_is_named(baseline, spoil, said):
    baseline.write_text(spoil(baseline.read_text()))
    with pytest.raises(Stop, match=said) as stopped:
        benchcheck.judge(baseline, GCC, WAS)
    assert str(baseline) in str(stopped.value) and stopped.value.status == 1


def test_no_baseline_says_how_to_write_one(tmp_path):
    with pytest.raises(Stop, match="--update"):
        benchcheck.judge(tmp_path / "none.json", GCC, WAS)


def test_the_committed_baseline_tells_where_it_is_from():
    data = json.loads(benchcheck.BASELINE.read_text())
    assert data["reason"].strip() and data["date"] and data["build"] == "Release"
    assert set(benchcheck.read_baseline(benchcheck.BASELINE.read_text(), "it").scenarios) == set(benchcheck.SCENARIOS)


# ---- the count ----

PROFILE = """# callgrind format
events: Instructions
fl=(unknown)
fn=server_in
10 5
cfn=tcp_input.part.0
calls=2 20
10 40

fn=tcp_input.part.0
20 30
cfn=csum_add
calls=1 30
22 10

fn=csum_add
30 10
totals: 45
"""


def test_the_profile_is_read_with_and_without_what_a_function_calls():
    inclusive, own = benchcheck.read_profile(PROFILE)
    assert inclusive == {"server_in": 45, "tcp_input": 40, "csum_add": 10}
    assert own == {"server_in": 5, "tcp_input": 30, "csum_add": 10}


@pytest.fixture(scope="module")
def bench(build_dir):
    path = build_dir / "bin" / "mtcp-bench"
    if not path.is_file():
        pytest.skip("mtcp-bench was not built")
    return path


@pytest.fixture
def counter():
    if not shutil.which("valgrind"):
        pytest.skip("valgrind is not installed")


@pytest.mark.parametrize("scenario", ["syn_flood", "paired_transaction"])
def test_the_same_program_gives_the_same_count(bench, counter, tmp_path, scenario):
    """Elsewhere, too: neither its place nor the environment is in the count. Nor are a clock or other threads."""
    elsewhere = tmp_path / ("long" * 40) / "mtcp-bench"
    elsewhere.parent.mkdir()
    shutil.copy(bench, elsewhere)
    first = benchcheck.count(bench, scenario)
    os.environ["MTCP_TEST_PADDING"] = "x" * 5000
    try:
        second = benchcheck.count(elsewhere, scenario)
    finally:
        del os.environ["MTCP_TEST_PADDING"]
    assert first.parts == pytest.approx(second.parts, rel=1e-4)


@pytest.mark.parametrize("scenario, inside", [("transaction", set()), ("paired_messages", {"stack_halves"})])
def test_the_parts_are_nearly_all_of_a_run(bench, counter, scenario, inside):
    """Else a side's work would have got out of its count. What remains is the loop between them."""
    counted = benchcheck.count(bench, scenario)
    assert set(counted.parts) == {"server", "client"} | inside
    everything, sides = sum(counted.functions.values()), counted.parts["server"] + counted.parts["client"]
    assert 0.97 * everything < sides <= everything
    assert all(counted.parts[part] < sides for part in inside)


def test_an_unknown_scenario_is_an_error(bench, counter):
    with pytest.raises(Stop, match="nothing is called nosuch"):
        benchcheck.count(bench, "nosuch")


# ---- mtcp-bench ----

def run(bench, *words):
    return subprocess.run([str(bench), *words], capture_output=True, text=True, timeout=120)


def test_it_lists_what_bench_check_counts(bench):
    done = run(bench, "--list")
    assert done.returncode == 0
    assert set(benchcheck.SCENARIOS) <= {line.split()[0] for line in done.stdout.splitlines()}


@pytest.mark.parametrize("words, said", [(("--only",), "--only"), (("--only", "nosuch"), "nosuch"), (("--repeats", "0"), "--repeats"),
                                         (("--repeats", "x"), "--repeats"), (("--jsno", "x"), "--jsno"), (("--count", "nosuch"), "nosuch")])
def test_wrong_words_are_one_line_and_status_2(bench, words, said):
    done = run(bench, *words)
    assert done.returncode == 2 and said in done.stderr and done.stderr.count("\n") == 1 and not done.stdout


def test_results_are_also_json(bench, tmp_path):
    done = run(bench, "--only", "idle_turn", "--repeats", "3", "--json", str(tmp_path / "out.json"))
    assert done.returncode == 0 and "idle_turn" in done.stdout
    found = json.loads((tmp_path / "out.json").read_text())
    row, = found["results"]
    assert row["name"] == "idle_turn" and 0 < row["ns_min"] <= row["ns_median"] <= row["ns_p90"]
    assert found["build"] == run(bench, "--version").stdout.strip()
    assert json.loads(run(bench, "--only", "idle_turn", "--repeats", "1", "--json", "-").stdout)["results"]


def test_a_file_that_cannot_be_written_is_status_1(bench):
    done = run(bench, "--only", "idle_turn", "--repeats", "1", "--json", "/nonexistent/out.json")
    assert done.returncode == 1 and "/nonexistent/out.json" in done.stderr


def test_it_counts_instructions_too(bench, counter):
    done = run(bench, "--only", "idle_turn", "--repeats", "1", "--instructions", "--json", "-")
    row, = json.loads(done.stdout)["results"]
    assert 10 < row["instructions"] < 10000


@pytest.mark.parametrize("words, said", [(("--update",), "--reason"), (("--reason", "faster"), "--update"), (("--update", "--reason", " "), "--reason"),
                                         (("--udpate",), "did you mean --update?"), (("surplus",), "surplus")])
def test_wrong_words_of_bench_check(repro, words, said):
    done = repro("bench-check", *words)
    assert done.returncode == 2 and said in done.stderr and done.stderr.count("\n") == 1 and not done.stdout


def test_prefetching_is_in_the_program(bench):
    """What only prefetches has no effect that gcc knows of: out of line it is left out, call and all."""
    if not shutil.which("objdump"):
        pytest.skip("objdump is not installed")
    shown = subprocess.run(["objdump", "-d", "--no-show-raw-insn", bench], capture_output=True, text=True, check=True).stdout
    found: dict[str, int] = {}
    for function in shown.split("\n\n"):
        name = re.match(r"[0-9a-f]+ <([a-z_0-9]+)", function)
        if name:
            found[name[1]] = len(re.findall(r"\tprefetch|\tprfm", function))
    # frame, bucket, two kinds of record, four lines of a connection; of those: event, both queues, what was sent
    assert found["take_chunk"] >= 12
    assert found["serve_some"] >= 2 * 5  # the first of a list, and who comes next: its lines and its event
