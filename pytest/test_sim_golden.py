# SPDX-License-Identifier: BSD-3-Clause
"""Tables of what the stack does in the simulator, against core/tests/golden and against theory.

The two are checked apart: accepting a changed table can't hide a row that theory does not allow.
MTCP_NIGHTLY=1 runs the large tables (bounds only) and the soak of 1e8 connections.
"""
import difflib
import os
import subprocess
from pathlib import Path

import pytest

GOLDEN = Path(__file__).resolve().parents[1] / "core/tests/golden"
TABLES = ["loss", "short", "fair", "incast", "bloat"]
NIGHTLY = os.environ.get("MTCP_NIGHTLY") == "1"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def table(program):
    done = {}

    def run(name):
        if name not in done:
            done[name] = subprocess.run([program("mtcp-sim"), "--table", name], capture_output=True, text=True,
                                        timeout=600)
        return done[name]

    return run


@pytest.mark.parametrize("name", TABLES)
def test_table_is_as_reviewed(table, name):
    path = GOLDEN / f"{name}.txt"
    want, got = path.read_text().splitlines(), table(name).stdout.splitlines()
    diff = "\n".join(difflib.unified_diff(want, got, str(path), "now", lineterm="", n=1))
    assert not diff, f"{diff}\n\nto accept: build/bin/mtcp-sim --table {name} > core/tests/golden/{name}.txt"


@pytest.mark.parametrize("name", TABLES)
def test_table_is_within_theory(table, name):
    assert table(name).returncode == 0, table(name).stderr


@pytest.mark.skipif(not NIGHTLY, reason="large: ./repro test --nightly")
@pytest.mark.parametrize("name", TABLES)
def test_large_table_is_within_theory(program, name):
    got = subprocess.run([program("mtcp-sim"), "--table", name, "--full"], capture_output=True, text=True,
                         timeout=3600)
    assert got.returncode == 0, got.stdout + got.stderr


def test_soak(program):
    """With 1% loss every connection ends well, memory stays flat and every pool is empty in the end."""
    got = subprocess.run([program("mtcp-sim"), "--soak", "100000000" if NIGHTLY else "1000000"], capture_output=True,
                         text=True, timeout=7200 if NIGHTLY else 600)
    assert got.returncode == 0, got.stdout + got.stderr
    assert "all pools empty, memory flat" in got.stdout
