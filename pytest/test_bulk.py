# SPDX-License-Identifier: BSD-3-Clause
"""--app bulk: a few flows, as fast as they go, over the kernel and over a ring, with and without copies; every read's first byte
is checked by the receiver."""
import json
import subprocess

import pytest
from apps import row_of, serving

SHORT = ["--warmup", "0.2", "--seconds", "0.5", "--json", "-"]


def check(row, least):
    assert row["failed"] == 0 and row["failures"] == {} and row["app"] == "bulk"
    assert row["bytes_per_s"] > least
    assert row["stuck"] == 0 and not any("whole window" in note for note in row["notes"])
    assert row["transactions"] == pytest.approx(row["bytes_per_s"] * row["seconds"] / row["message_bytes"], abs=row["concurrency"] + 1)
    # Jain's index lies between 1/n, all to one, and 1
    assert 0.999 / row["concurrency"] <= row["fairness"] <= 1.0001 and (row["concurrency"] > 1 or row["fairness"] > 0.9999)


@pytest.mark.parametrize("direction", ["down", "up"])
@pytest.mark.parametrize("more", [[], ["--zero-copy"], ["--zero-copy", "--set", "mtu=9000"], ["--mode", "paired"],
                                  ["--concurrency", "3", "--message-bytes", "1000"]])
def test_over_a_ring(program, direction, more):
    row = row_of([program("mtcp-pair"), "--app", "bulk", "--direction", direction, *more, *SHORT])
    check(row, 1e6)


@pytest.mark.parametrize("direction", ["down", "up"])
def test_over_the_kernel(program, direction):
    with serving(program("mtcp-server"), "--stack", "kernel", "--app", "bulk", "--listen", "127.0.0.1:0") as server:
        row = row_of([program("mtcp-load"), "--stack", "kernel", "--app", "bulk", "--target", "%s:%d" % server.address,
                      "--direction", direction, "--concurrency", "2", *SHORT])
    check(row, 1e6)


@pytest.mark.parametrize("name, argv", [
    ("mtcp-pair", ["--zero-copy"]), ("mtcp-pair", ["--app", "bulk", "--zero-copy", "--mode", "paired"]),
    ("mtcp-load", ["--stack", "kernel", "--target", "127.0.0.1:1", "--app", "bulk", "--zero-copy"]),
    ("mtcp-server", ["--stack", "kernel", "--app", "bulk", "--zero-copy"]),
    ("mtcp-pair", ["--app", "bulk", "--rate", "10"])])
def test_what_cannot_be(program, name, argv):
    done = subprocess.run([program(name), *argv], capture_output=True, text=True, timeout=20)
    assert done.returncode == 2 and "--app bulk" in done.stderr


def test_pair_runs_bulk_on_one_core(program):
    row = row_of([program("mtcp-pair"), "--app", "bulk", "--server-core", "0", "--client-core", "0", *SHORT])
    assert json.dumps(row) and row["bytes_per_s"] > 1e5
