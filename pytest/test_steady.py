# SPDX-License-Identifier: BSD-3-Clause
"""The window of the load generator begins when the rate is steady, and what it reports meanwhile."""
import json
import subprocess

from apps import best_of


def pair(program, *words):
    done = subprocess.run([program("mtcp-pair"), "--concurrency", "200", "--json", "-", *words], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), [json.loads(line)["event"] for line in done.stderr.splitlines() if line.startswith("{")]


def test_the_row_says_whether_the_rate_was_steady(program):
    def lines():
        """Of progress before the window and within it."""
        row, events = pair(program, "--warmup", "0.3", "--seconds", "0.5", "--progress", "--interval", "0.05")
        assert row["steady"] in (True, False)
        begin, end = events.index("measure_begin"), events.index("measure_end")
        return begin, end - begin - 1

    def in_time(found):
        """Two spans of 0.2 s, or three warm-ups when they never agree."""
        return 6 <= found[0] <= 0.9 / 0.05 + 3 and found[1] >= 5

    found = best_of(lines, in_time)
    assert in_time(found), found


def test_nothing_is_said_where_nothing_was_waited_for(program):
    assert pair(program, "--connections", "500")[0]["steady"] is None
    row, events = pair(program, "--warmup", "0", "--seconds", "0.2")
    assert row["steady"] is None and events == ["measure_begin", "measure_end"]
