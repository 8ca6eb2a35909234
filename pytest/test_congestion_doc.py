# SPDX-License-Identifier: BSD-3-Clause
"""The example in docs/congestion-control.md is the one that core/tests/test_sim_cc_switch.c compiles and runs."""
import re
from pathlib import Path

REPO = Path(__file__).resolve().parent.parent


def test_example_is_what_is_tested():
    blocks = re.findall(r"```c\n(.*?)```", (REPO / "docs/congestion-control.md").read_text(), re.S)
    assert blocks == [(REPO / "core/tests/cc_scalable.h").read_text()]


def test_every_algorithm_is_in_the_table():
    names = re.findall(r"^\t\.name = \"(\w+)\"", "\n".join(p.read_text() for p in sorted((REPO / "core/tcp").glob("cc_*.c"))), re.M)
    text = (REPO / "docs/congestion-control.md").read_text()
    assert len(names) >= 4
    for name in names:
        assert f"| `{name}` |" in text
