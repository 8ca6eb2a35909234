# SPDX-License-Identifier: BSD-3-Clause
"""mtcp-pair with connections that stay open: little memory each, none lost, each used in turn."""
from apps import best_of, row_of


def test_idle_connections_are_small(program):
    def each():
        row = row_of([program("mtcp-pair"), "--concurrency", "40000", "--messages", "1000000", "--rate", "20000", "--warmup", "0.5",
                      "--seconds", "1", "--json", "-"])
        assert row["failed"] == 0 and row["failures"] == {}
        assert row["resident_bytes"] > 40000 * 300 and row["resident_per_connection"] > 100
        return row["ramp_incomplete"], row["resident_per_connection"]

    # TCB, flow entry, timer, descriptor, the application's record; buffers of those that were in use at a time, more after a stall
    incomplete, size = best_of(each, lambda found: not found[0] and found[1] < 1000, tries=6)
    assert not incomplete and size < 1000


def test_idle_connections_are_used_in_turn(program):
    row = row_of([program("mtcp-pair"), "--concurrency", "5000", "--messages", "3", "--rate", "1000", "--warmup", "0.2", "--seconds", "1",
                  "--json", "-"])
    # some 2000 messages, 10,000 where the machine is stopped for 8 s: nobody's third before everybody's second
    assert row["transactions"] > 500 and row["failed"] == 0
    assert row["connections_per_s"] == 0

