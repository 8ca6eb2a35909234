# SPDX-License-Identifier: BSD-3-Clause
"""Cores of one stack write no cache line that another touches: writeset.py, and that it would notice."""
import os
import shutil

import pytest
import writeset

SAID = """base 0x1000000
region stack_core_0 0x100000 4096
region wire_rings_0 0x200000 4096
region wire_frames_0 0x300000 4096
segments 0 120
"""
SYMBOLS = """0000000000004000 0000000000000008 b first
0000000000004008 0000000000000008 B second
0000000000004000 0000000000000100 T code
"""


def trace(*turns):
    """(core or None, access ...) per turn, as lackey tells it."""
    lines = []
    for core, *accesses in turns:
        lines.append(f" S {writeset.MARKERS + 64 * (0 if core is None else core + 1):09x},8")
        lines += [f" {access}" for access in accesses]
    return [line.encode() + b"\n" for line in lines]


def judged(*turns):
    sets, _ = writeset.read_trace(trace(*turns))
    return writeset.judge(sets, writeset.Places(SAID, SYMBOLS))


@pytest.mark.parametrize("first, second, shared", [
    ("S 500000,8", "S 500000,8", True),
    ("S 500000,8", "S 500038,8", True),    # another word of the line
    ("S 500000,8", "S 500040,8", False),
    ("S 50003c,8", "L 500040,4", True),    # across the end of a line
    ("L 500000,8", "L 500000,8", False),   # what all only read
    ("L 500000,8", "S 500000,8", True),
    ("M 500000,4", "L 500020,1", True),
    ("L 500000,8", "M 500000,8", True),
])
def test_a_line_that_one_writes_and_another_touches_is_shared(first, second, shared):
    for turns in ((0, first), (1, second)), ((1, second), (0, first)), ((0, first), (None,), (1, second), (0, first)):
        bad, wire = judged(*turns)
        assert bool(bad) is shared and not wire


def test_what_is_nobodys_turn_does_not_count():
    assert judged((None, "S 500000,8"), (0, "L 500000,8"), (None, "S 500000,8"), (1, "L 500000,8"))[0] == []
    sets, _ = writeset.read_trace([b" S 500000,8\n", *trace((0, "L 500000,8"))])
    assert not sets.writes


def test_the_same_access_in_each_ones_turn_counts_for_each():
    """An access is looked at once: once for each core."""
    assert judged((0, "S 500000,8"), (1, "S 500000,8"), (0, "S 500000,8"))[0] == ["0x500000: written by core 0, 1"]


def test_the_wire_may_be_shared_by_its_two_ends_only():
    assert judged((0, "S 200000,8"), (2, "L 200000,8")) == ([], 1)
    assert judged((0, "S 200000,8"), (1, "L 200000,8")) == (["wire_rings_0+0x0: written by core 0; read by 1"], 0)
    assert judged((2, "S 200000,8"), (3, "S 200000,8"))[1] == 0
    assert judged((0, "S 300000,8"), (1, "S 300000,8")) == ([], 1), "frames travel"


def test_places_are_named():
    assert judged((0, "S 100048,8"), (1, "L 100040,8"))[0] == ["stack_core_0+0x40: written by core 0; read by 1"]
    assert judged((0, "S 1004008,8"), (1, "S 1004000,8"))[0] == ["first+0x0, second+0x0: written by core 0, 1"]


def test_other_lines_are_kept_for_the_error():
    assert writeset.read_trace([b"==1== Process terminating\n", *trace((0, "L 500000,8"))])[1] == [b"==1== Process terminating\n"]


def traced(build_dir, name):
    path = build_dir / "tests" / name
    if not path.is_file():
        pytest.skip(f"{name} was not built")
    if not shutil.which("valgrind"):
        pytest.skip("valgrind is not installed")
    return path


@pytest.fixture(scope="module")
def program(build_dir):
    return traced(build_dir, "writeset")


def test_no_line_is_written_by_two_cores(program):
    sets, places, segments = writeset.run(program, 20)
    bad, wire = writeset.judge(sets, places)
    assert set(segments) == {0, 1, 2, 3} and min(segments.values()) > 50, "each core had something to do"
    assert all(len(sets.writes[core]) > 100 for core in segments), "the trace shows it"
    assert wire > 50, "both ends of the wire are seen"
    assert bad == []


def test_a_shared_counter_is_noticed(program):
    sets, places, _ = writeset.run(program, 4, "fault")
    bad, _ = writeset.judge(sets, places)
    assert len(bad) == 1 and "shared_by_fault" in bad[0] and "written by core 0, 1, 2, 3" in bad[0]


@pytest.mark.slow
@pytest.mark.skipif(os.environ.get("MTCP_NIGHTLY") != "1", reason="DPDK is slow to start under the tracer: ./repro test --nightly")
def test_pairs_on_the_ring_of_dpdk_share_nothing(build_dir):
    sets, places, segments = writeset.run(traced(build_dir, "writeset_ring"), 10)
    assert set(segments) == {0, 1} and min(segments.values()) > 50
    assert all(len(sets.writes[core]) > 100 for core in segments)
    assert writeset.judge(sets, places) == ([], 0), "the wire included"


def test_a_program_that_fails_says_why(program):
    with pytest.raises(RuntimeError, match="usage: writeset"):
        writeset.run(program, "none")
