# SPDX-License-Identifier: BSD-3-Clause
"""The window of the load generator begins when the rate is steady, and what it reports meanwhile."""
import json
import subprocess


def pair(program, *words):
    done = subprocess.run([program("mtcp-pair"), "--concurrency", "200", "--json", "-", *words], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), [json.loads(line)["event"] for line in done.stderr.splitlines() if line.startswith("{")]


def test_the_row_says_whether_the_rate_was_steady(program):
    row, events = pair(program, "--warmup", "0.3", "--seconds", "0.5", "--progress", "--interval", "0.05")
    before, after = events.index("measure_begin"), events.index("measure_end")
    assert row["steady"] in (True, False) and after - before >= 6
    # two spans of 0.2 s, or three warm-ups when they never agree
    assert 6 <= before <= 0.9 / 0.05 + 3


def test_nothing_is_said_where_nothing_was_waited_for(program):
    assert pair(program, "--connections", "500")[0]["steady"] is None
    row, events = pair(program, "--warmup", "0", "--seconds", "0.2")
    assert row["steady"] is None and events == ["measure_begin", "measure_end"]
