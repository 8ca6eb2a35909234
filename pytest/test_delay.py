# SPDX-License-Identifier: BSD-3-Clause
"""Wires with delay: who waits, what a kernel without netem says, which runs there are."""
from types import SimpleNamespace

import pytest
from runner import layout, measure, plan, scenario, summary, tuning
from runner.errors import CannotRun, UsageError
from runner.procs import ChildFailed
from test_repro_parts import PARTS, make_row, small


def late(size, **more):
    return [run for run in plan.make([scenario.load_all()["bulk"]], plan.Options(size, **more)) if run.part.delay_ms]


def refusing(kind="veth", error=None):
    """A pair of namespaces that notes what is run in it."""
    def run(*words):
        said.append(words)
        if error:
            raise ChildFailed(error)

    said = []
    return SimpleNamespace(kind=kind, run=run, said=said)


def test_the_loads_end_waits_for_both_ways():
    pair = refusing()
    tuning.delay(pair, 2.5)
    assert pair.said == [("client", "tc", "qdisc", "add", "dev", "cli0", "root", "netem", "delay", "5ms", "limit", "1000000")]


@pytest.mark.parametrize("pair, said", [(refusing(error="tc: Error: Specified qdisc kind is unknown."), "a kernel with netem (CONFIG_NET_SCH_NETEM): Specified qdisc"),
                                        (refusing("lo"), "two network namespaces")])
def test_where_it_is_not_possible_the_run_is_skipped(pair, said):
    with pytest.raises(ChildFailed) as error:
        tuning.delay(pair, 1.0)
    assert error.value.code == CannotRun.status and said in str(error.value)


def test_delays_are_measured_by_size_both_stacks_on_one_wire():
    assert not late("quick") and {run.part.delay_ms for run in late("normal")} == {10}
    full = late("full")
    assert {(run.part.delay_ms, run.stack, run.point, run.repeat) for run in full} == {
        (ms, stack, n, repeat) for ms in (1, 10, 100) for stack in ("mtcp", "kernel-tuned") for n in (1, 16) for repeat in (1, 2, 3)}
    assert {run.repeat for run in late("full", repeats=4)} == {1, 2, 3, 4}
    assert {run.arm for run in full} == {"mtcp on af_packet with delay", "kernel-tuned with delay"}  # the same without delay is another arm
    for run in full:
        assert not run.in_process and run.timing.seconds >= 20 * 2 * run.part.delay_ms / 1000


def test_rows_with_another_delay_are_no_rivals():
    lines = summary.lines([make_row(delay_ms=10.0), make_row("kernel"), make_row("kernel-tuned", delay_ms=10.0, per_core=1000.0)])
    assert summary.best_kernel(lines, lines[0]).key.stack == "kernel-tuned"


def test_the_ring_has_none(tmp_path):
    with pytest.raises(UsageError, match="delay_ms is of the kernel's wire: our stacks want device = af_packet or af_xdp"):
        small(tmp_path, PARTS + '[[part]]\nname = "late"\nstacks = ["mtcp"]\ndelay_ms = 1\n')


@pytest.mark.netns
def test_a_round_trip_takes_longer_or_it_is_said_why(netns_pair, tmp_path):
    netns_pair.address("server", "10.0.0.1")
    netns_pair.address("client", "10.0.0.2")
    try:
        tuning.delay(netns_pair.pair, 20.0)
    except ChildFailed as error:
        assert error.code == CannotRun.status and "netem" in str(error)
        run = next(run for run in late("normal") if run.stack == "kernel-tuned")
        with pytest.raises(ChildFailed, match="netem"):
            measure.measure(run, measure.Site("veth", tmp_path / ".scratch", layout.usual([0, 1])))
        return
    told = netns_pair.run("client", "ping", "-q", "-c", "2", "10.0.0.1")
    assert float(told.rsplit("= ", 1)[1].split("/")[0]) >= 40.0
