# SPDX-License-Identifier: BSD-3-Clause
"""mtcp-sim as a program: its arguments, its files, and that the same seed gives the same bytes."""
import hashlib
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parent.parent
SCENARIOS = sorted((REPO / "core/sim/scenarios").glob("*.txt"))


@pytest.fixture
def sim(program):
    def run(*args):
        return subprocess.run([program("mtcp-sim"), *map(str, args)], capture_output=True, text=True, timeout=120)

    return run


def digest(directory):
    return {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in sorted(directory.iterdir())}


def scenario(name):
    return REPO / f"core/sim/scenarios/{name}.txt"


@pytest.mark.parametrize("args", [[], ["a", "b"], ["--seed", "x", "a"], ["--seed", "-1", "a"], ["--what"], ["/nowhere"],
                                  [scenario("bulk"), "--set", "tcp.c=reno"], [scenario("bulk"), "--set", "rate"],
                                  [scenario("bulk"), "--out", "/proc/none"], ["--table", "x"], ["--soak", "0"],
                                  ["--soak", "5", "--table", "loss"], [scenario("bulk"), "--soak", "5"], [scenario("bulk"), "--full"],
                                  [scenario("bulk"), "--set", "warmup=100s"]])
def test_wrong_usage(sim, args):
    got = sim(*args)
    assert got.returncode == 2
    assert got.stderr.count("\n") == 1 and not got.stdout


def test_help_names_every_option(sim):
    got = sim("--help")
    assert got.returncode == 0 and not got.stderr
    for option in ["--seed", "--out", "--set", "--table", "--full", "--soak", "--keys"]:
        assert option in got.stdout


def test_keys_are_documented(sim):
    text = (REPO / "docs/simulation.md").read_text()
    got = sim("--keys")
    sections = got.stdout.strip().split("\n\n### ")
    assert got.returncode == 0 and got.stdout.startswith("### ") and len(sections) == 5
    for section in sections:
        assert section.removeprefix("### ").strip() in text


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda p: p.stem)
def test_scenarios_run(sim, path):
    got = sim(path, "--set", "duration=3s", "--set", "warmup=0") if path.stem != "bufferbloat" else sim(path)
    assert got.returncode == 0, got.stderr
    assert re.search(r"^\w+ +[1-9]\d* +\d+ +0 ", got.stdout, re.M), got.stdout
    assert re.search(r"^[\d.]+ s in [\d.]+ s of processor time: \d+ times faster than real time$", got.stderr, re.M)


def test_same_seed_same_bytes(sim, tmp_path):
    runs = []
    for i, seed in enumerate([7, 7, 8]):
        got = sim(scenario("lossy"), "--seed", seed, "--set", "duration=5s", "--out", tmp_path / str(i))
        assert got.returncode == 0
        runs.append((got.stdout, digest(tmp_path / str(i))))
    assert set(runs[0][1]) == {"flows.csv", "sim.pcapng"}
    assert runs[0] == runs[1]
    assert all(runs[0][1][f] != runs[2][1][f] for f in runs[0][1])


def test_rows_are_as_their_head_says(sim, tmp_path):
    sim(scenario("lossy"), "--set", "duration=5s", "--out", tmp_path)
    head, *rows = (tmp_path / "flows.csv").read_text().splitlines()
    assert head == "time,flow,connection,cwnd,ssthresh,rtt_ms,in_flight,goodput_bps,retransmits"
    assert len(rows) > 100
    for row in rows:
        assert re.fullmatch(r"\d+\.\d{6},(short|long),\d+,\d+,\d*,\d+\.\d{3},\d+,\d+,\d+", row)
    times = [float(row.split(",")[0]) for row in rows]
    assert times == sorted(times) and times[-1] == 5


def test_interrupt_leaves_complete_rows(program, tmp_path):
    run = subprocess.Popen([program("mtcp-sim"), scenario("lossy"), "--set", "duration=100000s", "--set", "snap=64",
                            "--out", tmp_path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not (tmp_path / "flows.csv").exists() or (tmp_path / "flows.csv").stat().st_size == 0:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=60)
    assert run.returncode == 0 and "fairness" in out
    rows = (tmp_path / "flows.csv").read_text()
    assert rows.endswith("\n") and {row.count(",") for row in rows.splitlines()} == {8}
