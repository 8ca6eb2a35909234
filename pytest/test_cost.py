# SPDX-License-Identifier: BSD-3-Clause
"""Instructions, counted: they do not depend on the machine's mood. The other costs: ./repro bench-check."""
import re
import shutil
import subprocess

import pytest

# The event rings, of both hosts: 2% of the 26264 instructions that a transaction took when they were made.
RINGS = 525


def _instructions(build_dir, tmp_path, transactions, *options):
    argv = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={tmp_path}/out", str(build_dir / "tests" / "cost_transaction"),
            "--transactions", str(transactions), *options]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=300, check=True)
    return int(re.search(r"Collected : (\d+)", done.stderr).group(1))


def test_event_rings_cost_little(build_dir, tmp_path):
    if not shutil.which("valgrind"):
        pytest.skip("valgrind is not installed")

    def per(events):
        more, less = (_instructions(build_dir, tmp_path, n, "--trace-events", events) for n in (4000, 2000))
        return (more - less) / 2000

    on, off = per("8"), per("0")
    print(f"{on - off:.0f} instructions of {on:.0f}, {on / off - 1:.1%}")
    assert off < on < off + RINGS
