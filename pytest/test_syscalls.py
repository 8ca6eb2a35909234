# SPDX-License-Identifier: BSD-3-Clause
"""System calls of a transaction: none. A run with many more transactions makes no more of them than a short one of the same time."""
import re
import shutil
import subprocess

import pytest

# The main thread looks at the clock and at the workers all the time a run lasts: its calls grow with time, not with transactions.
WAITING = {"clock_nanosleep", "nanosleep", "restart_syscall"}


def counted(program, tmp_path, connections, concurrency):
    """Calls by name, all threads, of a run that ends after so many connections of one transaction each."""
    out = tmp_path / f"calls.{connections}"
    subprocess.run(["strace", "-f", "-c", "-o", out, program("mtcp-pair"), "--concurrency", str(concurrency), "--messages", "1",
                    "--connections", str(connections), "--seconds", "60", "--json", "/dev/null"],
                   capture_output=True, timeout=120, check=True)
    calls = {}
    for line in out.read_text().splitlines():
        match = re.match(r"\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$", line)
        if match and match[2] != "total":
            calls[match[2]] = int(match[1])
    return calls


def test_a_transaction_makes_no_system_call(program, tmp_path):
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")
    few, many = (counted(program, tmp_path, n, 64) for n in (1000, 31000))
    grown = {name: many[name] - few.get(name, 0) for name in many if name not in WAITING}
    print(sum(few.values()), sum(many.values()), {name: n for name, n in grown.items() if n})
    assert sum(few.values()) > 200, "strace counted nothing"
    # 30000 transactions more; what a connection touches first (a page, a lock) may cost a call once
    assert sum(n for n in grown.values() if n > 0) < 100
