# SPDX-License-Identifier: BSD-3-Clause
"""Instructions of a short connection, counted: they do not depend on the machine's mood."""
import re
import shutil
import subprocess

import pytest

# 64 bytes each way, one transaction per connection, both hosts: before the complete TCP (SACK recovery by RACK, ECN,
# pacing, SYN cookies, IPv6 ...) was built. gcc 12, x86-64, -O2.
BEFORE = 25114
ALLOWED = 1.05


def _instructions(build_dir, tmp_path, transactions, *options):
    argv = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={tmp_path}/out", str(build_dir / "tests" / "cost_transaction"),
            "--transactions", str(transactions), *options]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=300, check=True)
    return int(re.search(r"Collected : (\d+)", done.stderr).group(1))


def test_short_connection_costs_no_more(build_dir, tmp_path):
    if not shutil.which("valgrind"):
        pytest.skip("valgrind is not installed")
    per = (_instructions(build_dir, tmp_path, 6000) - _instructions(build_dir, tmp_path, 3000)) / 3000
    print(f"{per:.0f} instructions per transaction, {per / BEFORE - 1:+.1%}")
    assert per <= BEFORE * ALLOWED
    assert per > BEFORE / 10, "the counter did not count the work"


def test_event_rings_cost_less_than_two_percent(build_dir, tmp_path):
    if not shutil.which("valgrind"):
        pytest.skip("valgrind is not installed")

    def per(events):
        more, less = (_instructions(build_dir, tmp_path, n, "--trace-events", events) for n in (4000, 2000))
        return (more - less) / 2000

    on, off = per("8"), per("0")
    print(f"{on - off:.0f} instructions of {on:.0f}, {on / off - 1:.1%}")
    assert off < on < off * 1.02
