# SPDX-License-Identifier: BSD-3-Clause
"""A session of runs on a machine that is not ours alone: disturbances, what is too much for it, signals, failures."""
import json
import os
import signal
import subprocess
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from apps import wait_for
from runner import claims, cli, conclude, cpustat, display, doctor, guard, hop, layout, main_job, measure, pace, plan, procs, resume, rows, scenario, session, summary
from runner.errors import CannotRun
from runner.procs import ChildFailed
from test_repro_parts import make_row

ONE = layout.usual([0])


def test_the_loop_tells_what_was_taken_away(monkeypatch):
    monkeypatch.setenv("MTCP_GUARD", "off")
    watch = guard.Guard([0, 1])
    assert watch.judge({0: [1.0] * 10, 1: [2.0] * 10}) == 0.0  # each core is held against its own best
    assert watch.judge({0: [1.0] * 9 + [4.0], 1: [2.0] * 10}) == pytest.approx(0.3)
    assert watch.judge({0: [], 1: [2.2] * 10}) == pytest.approx(0.1)


def test_the_loop_runs_on_the_cores_it_is_told(monkeypatch):
    monkeypatch.setenv("MTCP_GUARD", "on")
    before, where, real = os.sched_getaffinity(0), set(), guard.hashlib.sha256

    def work(data):
        where.add(frozenset(os.sched_getaffinity(0)))  # of this thread
        real(data)

    monkeypatch.setattr(guard, "hashlib", SimpleNamespace(sha256=work))
    assert guard.Guard(sorted(before)).settle() >= 0.0 and os.sched_getaffinity(0) == before
    assert where == {frozenset([core]) for core in before}


class Silent:
    """A display that shows nothing."""

    def __getattr__(self, _):
        return lambda *_: None


def guarding(looks=(), **more):
    """A guard whose looks before and after a run are these; else all is quiet."""
    found = iter(looks)
    return lambda _: SimpleNamespace(**{"on": True, "settle": lambda: next(found, 0.0), "slowdown": lambda: 0.0} | more)


def attempts(tmp_path, monkeypatch, *rows_made, watch=guarding()):
    """A session's one run, measured as these rows say, one after the other."""
    monkeypatch.setattr(guard, "Guard", watch)
    run, = plan.make(scenario.choose(["many"], scenario.load_all()), plan.Options("quick"))[:1]
    about = {"repeated": [], "skipped": {}, "failures": [], "settings": {}, "pieces": [{}]}
    site = measure.Site("none", tmp_path, ONE)
    made = iter(rows_made)
    monkeypatch.setattr(session, "measure", lambda *_: dict(next(made)))
    return session.Session([run], site, tmp_path, Silent(), about)._attempt(run), about


def test_a_disturbed_run_is_made_again_and_counted(tmp_path, monkeypatch):
    row, about = attempts(tmp_path, monkeypatch, make_row(steal_share=0.2), make_row(steal_share=0.0, foreign_share=0.3), make_row(steal_share=0.01))
    assert row["attempt"] == 3 and row["steal_share"] == 0.01
    assert [item["why"] for item in about["repeated"]] == ["20% of the time was stolen", "30% of the time went to other programs"]
    assert about["repeated"][0]["transactions_per_s"]  # what was not kept is told


def test_where_the_guard_is_off_no_run_is_made_again(tmp_path, monkeypatch):
    row, about = attempts(tmp_path, monkeypatch, make_row(steal_share=0.2), make_row(), watch=guarding(on=False))
    assert (row["attempt"], row["steal_share"]) == (1, 0.2) and not about["repeated"]


def test_the_first_look_after_a_run_is_kept_beside_the_settled_one(tmp_path, monkeypatch):
    row, _ = attempts(tmp_path, monkeypatch, make_row(), watch=guarding((0.01, 0.02), slowdown=lambda: 0.5))
    assert (row["calibration"], row["calibration_at_once"]) == (0.02, 0.5) and not rows.faults(row)


def test_cores_that_are_apart_are_waited_for_and_a_run_between_them_made_again(tmp_path, monkeypatch):
    """Before, after, before, after: the second time they are near."""
    looks = iter((25.0, 170.0, 26.0, 30.0))
    monkeypatch.setattr(hop.Hop, "look", lambda watch: watch.note(next(looks)))
    row, about = attempts(tmp_path, monkeypatch, make_row(), make_row())
    assert (row["attempt"], row["core_hop_ns"], row["cores_apart"]) == (2, 30.0, False) and not rows.faults(row)
    assert [(item["why"], item["core_hop_ns"]) for item in about["repeated"]] == [("its two cores were apart, 170 ns", 170.0)]
    monkeypatch.setattr(hop, "_SETTLE_S", 0.0)
    looks = iter((25.0, *[170.0] * 5))
    row, about = attempts(tmp_path, monkeypatch, *[make_row()] * 3)
    assert row["attempt"] == 3 and "the two cores were apart" in summary.lines([row])[0].remarks


def test_the_distance_of_two_cores_is_measured_against_its_best(tmp_path, monkeypatch):
    told = tmp_path / "mtcp-hop"
    told.write_text(f"#!/bin/sh\nhead -1 {tmp_path}/ns\nsed -i 1d {tmp_path}/ns\n")
    told.chmod(0o755)
    monkeypatch.setenv("MTCP_BIN", str(tmp_path))
    monkeypatch.setenv("MTCP_GUARD", "on")
    (tmp_path / "ns").write_text("30.0\n170.0\n40.0\nnonsense\n")
    watch = hop.Hop([0], [1])
    assert watch.look() == 30.0 and watch.settle() == 40.0 and watch.look() is None
    assert (watch.apart(91.0), watch.apart(89.0), watch.apart(None)) == (True, False, None)
    assert hop.Hop([0], [0]).look() is None  # one core
    monkeypatch.setenv("MTCP_BIN", str(tmp_path / "none"))
    assert hop.Hop([0], [1]).look() is None


@pytest.mark.parametrize("script, why", [("exit 0", ""), ("echo warned >&2; echo failed: no such events >&2; exit 1", "failed: no such events"),
                                         ("exit 1", "it fails")])
def test_doctor_says_whether_accesses_to_memory_are_counted(tmp_path, monkeypatch, script, why):
    (tmp_path / "perf").write_text(f'#!/bin/sh\n[ "$1 $2" = "c2c record" ] || exit 7\n{script}\n')
    (tmp_path / "perf").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert doctor.memory_events_refusal() == why
    found, = doctor._memory_events()
    assert found.level == doctor.TELLS and (why or "may look") in found.text


def test_doctor_wants_the_packages_of_a_run_and_no_others(tmp_path, monkeypatch):
    """What ./repro run installs is enough; a dpkg-query that knows these only."""
    (tmp_path / "dpkg-query").write_text(f'#!/bin/sh\nshift 3\nfor name; do ! grep -qxF "$name" {tmp_path}/known || echo "$name installed"; done\n')
    (tmp_path / "dpkg-query").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    wanted = doctor.packages_listed("run")
    assert set(wanted) < set(doctor.packages_listed("run", "cluster")) < set(doctor.packages_listed())
    for known, level in ((wanted, doctor.TELLS), (wanted[1:], doctor.STOPS)):
        (tmp_path / "known").write_text("".join(f"{name}\n" for name in known))
        found, = doctor._packages()
        assert found.level == level, found.text
    assert found.text == f"missing packages: {wanted[0]}" and found.mend.endswith(f" {wanted[0]}")


@pytest.mark.parametrize("gib, level", [(0.9, doctor.STOPS), (1.5, doctor.SPOILS), (2.1, doctor.TELLS)])
def test_doctor_wants_the_memory_that_runs_took(monkeypatch, gib, level):
    monkeypatch.setattr(doctor, "text_of", lambda _: f"MemTotal: 1 kB\nMemAvailable: {gib * 2**20:.0f} kB")
    found, = doctor._memory()
    assert found.level == level


def test_a_line_goes_from_core_to_core(program):
    def told(*cores):
        return subprocess.run([program("mtcp-hop"), *map(str, cores)], capture_output=True, text=True, timeout=20)

    cores = sorted(os.sched_getaffinity(0))
    for wrong in ((), (cores[0],), (cores[0], cores[0]), (cores[0], "x")):
        assert told(*wrong).returncode == 2 and told(*wrong).stderr.startswith("mtcp-hop: ")
    if len(cores) > 1:
        assert 1.0 < float(told(*cores[:2]).stdout) < 1e6


def made(tmp_path, monkeypatch, runs, measured, kept=()):
    """A session that makes these runs, measured so; the keys it needs of a manifest."""
    monkeypatch.setenv("MTCP_GUARD", "off")
    monkeypatch.setattr(session, "measure", lambda run, _: measured(run))
    about = {"repeated": [], "skipped": {}, "failures": [], "settings": {}, "pieces": [{}]}
    return session.Session(runs, measure.Site("none", tmp_path, ONE), tmp_path, Silent(), about, list(kept))


def row_of(run):
    return make_row(run.stack, run.concurrency, run.repeat, experiment=run.scenario.name, axis=run.part.column, variant=run.part.name or None)


def test_what_is_too_much_for_this_machine_takes_nothing_else_away(tmp_path, monkeypatch):
    """Status 3 at a million connections says nothing of fewer, of other experiments, or where it was possible before."""
    tried = []

    def measured(run):
        tried.append(run.point)
        if run.point == 1_000_000:
            raise ChildFailed("no memory", CannotRun.status)
        return row_of(run)

    known = scenario.load_all()
    runs = sorted(plan.make([known["many"], known["accept-rate"]], plan.Options("normal", baselines=(), repeats=2)), key=lambda run: (run.repeat, -run.point))
    work = made(tmp_path, monkeypatch, runs, measured)
    work.work()
    assert tried.count(1_000_000) == 1 and len(work.rows) == len(runs) - 2 and not work.about["failures"]
    assert work.about["skipped"] == {"many mtcp": "no memory (from 1,000,000 on)"}


def test_what_was_possible_at_an_earlier_start_has_failed_if_it_is_not_now(tmp_path, monkeypatch):
    """Its figures are left out of no verdict."""
    def refused(run):
        raise ChildFailed("no memory", CannotRun.status)

    runs = [run for run in plan.make(scenario.choose(["many"], scenario.load_all()), plan.Options("normal", baselines=(), repeats=2)) if run.point == 1_000_000]
    assert [run.repeat for run in runs] == [1, 2]
    work = made(tmp_path, monkeypatch, runs[1:], refused, kept=[row_of(runs[0])])
    work.work()
    assert [item["run"] for item in work.about["failures"]] == [runs[1].label] and not work.about["skipped"]


def test_what_failed_at_an_earlier_start_is_told_until_it_is_tried_again(tmp_path, monkeypatch):
    """Interrupted at the third: its failure and those behind it stay."""
    def measured(run):
        if run is runs[0]:
            return row_of(run)
        if run is runs[1]:
            raise ChildFailed("now")
        raise KeyboardInterrupt

    runs = plan.make(scenario.choose(["many"], scenario.load_all()), plan.Options("normal", baselines=(), repeats=2))[:4]
    work = made(tmp_path, monkeypatch, runs, measured)
    resume.carry_failures({"failures": [{"run": name, "why": "then"} for name in (*(run.label for run in runs), "there is a row #1")]}, work.about, runs)
    with pytest.raises(KeyboardInterrupt):
        work.work()
    assert sorted((item["run"], item["why"]) for item in work.about["failures"]) == \
        sorted([(runs[1].label, "now"), (runs[2].label, "then"), (runs[3].label, "then")])


def test_what_perf_was_refused_stays_told_where_no_sampled_run_is_left(tmp_path, monkeypatch):
    known = scenario.load_all()
    sampled, plain = ([run for run in plan.make([known[name]], plan.Options("quick", baselines=())) if run.in_process] for name in ("cpu-breakdown", "many"))
    monkeypatch.setattr(session.sampling, "refusal", lambda: "no perf here")
    before, about = {"pieces": []}, {"pieces": []}
    session.make_site(sampled, tmp_path, None, before, ONE)
    resume.carry_over(before, about)
    session.make_site(plain, tmp_path, None, about, ONE)
    assert about["perf"] == before["perf"] == "no perf here"
    monkeypatch.setattr(session.sampling, "refusal", lambda: "")
    session.make_site(sampled, tmp_path, None, about, ONE)
    assert about["perf"] == session.sampling.LABEL


def test_what_is_not_tried_is_not_still_to_come(tmp_path, monkeypatch):
    def measured(run):
        if run.repeat == 1:
            raise ChildFailed("no memory", CannotRun.status)
        return row_of(run)

    seen = display._Progress()
    runs = plan.make(scenario.choose(["many"], scenario.load_all()), plan.Options("quick", baselines=(), repeats=2))
    work = made(tmp_path, monkeypatch, runs, measured)
    shown = {"begin": seen.begin, "running": lambda _: seen.start(), "done": lambda run, _: seen.finish(run), "passed": seen.skip}
    work.display = SimpleNamespace(**dict.fromkeys(("rate", "say", "end"), lambda *_: None), **shown)
    work.work()
    assert not work.rows and seen.number == seen.total == len(runs) and seen.left == pytest.approx(0.0, abs=1e-6)


def test_what_is_skipped_is_told_of_each_experiment_and_part(tmp_path, monkeypatch):
    def measured(run):
        if run.point >= 1_000_000:
            raise ChildFailed(f"no memory for {run.scenario.name}", CannotRun.status)
        return row_of(run)

    runs = plan.make(scenario.choose(["many", "idle"], scenario.load_all()), plan.Options("full", baselines=(), repeats=1))
    work = made(tmp_path, monkeypatch, runs, measured)
    work.work()
    assert work.about["skipped"] == {"many mtcp": "no memory for many (from 1,000,000 on)", "idle mtcp on ring": "no memory for idle (from 1,000,000 on)",
                                     "idle one message on each mtcp on ring": "no memory for idle (from 5,000,000 on)"}
    work._tell("complete")
    assert (tmp_path / "skipped.csv").read_text().count("\n") == 4


def test_what_cannot_be_built_is_told_of_each_experiment_and_not_run(tmp_path, monkeypatch, fakes):
    def fail(name):
        if name == "malloc":
            raise CannotRun("no compiler")

    begun = []
    monkeypatch.setenv("MTCP_BIN", str(fakes))
    monkeypatch.setattr(session.builds, "make", fail)
    monkeypatch.setattr(main_job, "_work", lambda work, _: begun.append(work) or 0)
    words = ["run", "ablation", "memory", "--full", "--out", str(tmp_path / "out")]
    assert main_job.run(cli.parse(words), words) == 0
    work, = begun
    lost = [run for run in plan.make(scenario.choose(words[1:3], scenario.load_all()), plan.Options("full")) if run.part.build == "malloc"]
    assert {run.part.build for run in work.plan} == {"", "no-prefetch", "guided"}
    assert work.about["skipped"] == {run.line: "no compiler" for run in lost} and {run.scenario.name for run in lost} == {"ablation", "memory"}


def test_what_was_possible_before_is_a_failure(tmp_path, monkeypatch):
    def measured(run):
        if run.repeat == 2:
            raise ChildFailed("no memory", CannotRun.status)
        return row_of(run)

    runs = plan.make(scenario.choose(["many"], scenario.load_all()), plan.Options("normal", repeats=2))
    work = made(tmp_path, monkeypatch, runs, measured)
    work.work()
    assert len(work.about["failures"]) == 4 and not work.about["skipped"]


def test_a_signal_leaves_a_row_whole_in_both_files(tmp_path, monkeypatch):
    class Asked(BaseException):
        pass

    def handler(*_):
        raise Asked

    threading.Thread(target=threading.Event().wait, daemon=True).start()  # as the live display has one: it may be the one that gets the signal
    real = rows._append
    monkeypatch.setattr(rows, "_append", lambda path, text: (os.kill(os.getpid(), signal.SIGTERM), real(path, text)))
    before = signal.signal(signal.SIGTERM, handler)
    try:
        run = plan.make(scenario.choose(["many"], scenario.load_all()), plan.Options("quick"))[0]
        work = made(tmp_path, monkeypatch, [run], row_of)
        with pytest.raises(Asked):
            work.work()
    finally:
        signal.signal(signal.SIGTERM, before)
    assert len(work.rows) == 1 and len(rows.read(tmp_path)) == 1 and (tmp_path / "rows.csv").read_text().count("\n") == 2


def test_checks_that_failed_stand_in_the_manifest(tmp_path, monkeypatch):
    monkeypatch.setenv("MTCP_GUARD", "off")
    monkeypatch.setattr(session.figures, "draw", lambda *_: None)
    monkeypatch.setattr(session.report, "write", lambda _folder, found, _about, _known: claims.judge_all(found, {}))
    about = {"repeated": [], "skipped": {}, "failures": [], "settings": {}, "pieces": [{}]}
    work = session.Session([], measure.Site("none", tmp_path, ONE), tmp_path, Silent(), about, [make_row(retransmits=1)])
    work.finish("complete")
    assert json.loads((tmp_path / "manifest.json").read_text())["failed_checks"] == ["no-failures"]


def test_a_machine_that_stays_disturbed_ends_after_three(tmp_path, monkeypatch):
    row, about = attempts(tmp_path, monkeypatch, *[make_row(steal_share=0.2)] * 3)
    assert row["attempt"] == 3 and len(about["repeated"]) == 2
    assert "disturbed" in summary.lines([row])[0].remarks


def test_rates_of_the_window_are_kept_and_shown():
    shown = []
    found = pace.Pace(shown.append)
    for rate in (1, 2):
        assert found.event(json.dumps({"event": "progress", "transactions_per_s": rate})) == "progress"
    assert found.event('{"event":"measure_begin"}') == "measure_begin"
    found.begin()
    for rate in (100, 100, 50, 120, 120):
        found.event(json.dumps({"event": "progress", "transactions_per_s": rate}))
    assert shown[:2] == [1, 2] and found.rates == [100, 100, 50, 120, 120] and found.drift() == pytest.approx(0.2)
    for line in ("{", "[]", '{"event":"progress"}', '{"event":"progress","transactions_per_s":null}', "ready", '{"event":["x"]}'):
        found.event(line)
    assert len(found.rates) == 5 and pace.Pace().drift() is None


@pytest.mark.parametrize("left, why", [("row=1", "mtcp-server ended with status 1: "), ("row=3", "mtcp-server ended with status 3: "),
                                       ("none=130", "server.json: no result: "), ("row=130", "")])
def test_a_server_that_ended_beside_its_load_gives_no_row(fakes, tmp_path, monkeypatch, left, why):
    """Status 3 either: it is not more than this machine can."""
    for name, value in {"MTCP_BIN": str(fakes), "FAKE_LEFT": left, "FAKE_SECONDS": "0.01"}.items():
        monkeypatch.setenv(name, value)
    run = next(run for run in plan.make(scenario.choose(["concurrency"], scenario.load_all()), plan.Options("quick")) if run.stack == "kernel")
    site = measure.Site("lo", tmp_path / "scratch", ONE)
    if not why:
        assert measure.measure(run, site)["stack"] == "kernel"
        return
    with pytest.raises(ChildFailed) as told:
        measure.measure(run, site)
    assert str(told.value).startswith(why) and told.value.code is None


def test_a_sender_beside_the_load_is_no_other_program(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(cpustat, "of_ours", lambda pids, _: seen.append(pids) or 0.0)
    child = {name: SimpleNamespace(process=SimpleNamespace(pid=pid, send_signal=lambda _: None), wait_line=lambda *_: None)
             for pid, name in enumerate(("load", "server", "sender"), 1 << 30)}
    run = plan.make(scenario.choose(["syn-flood"], scenario.load_all()), plan.Options("quick"))[0]
    measure._Window(run, measure.Site("none", tmp_path, ONE)).watch(child["load"], child["server"], child["sender"])
    assert seen == [[found.process.pid for found in child.values()]] * 2


def test_a_rate_that_was_none_is_remarked():
    assert conclude.unsteady({"steady": True, "rate_drift": 0.05}) == []
    assert conclude.unsteady({"steady": False, "rate_drift": -0.2}) == \
        ["the rate had not settled when the window began", "the window's second half was -20% on its first"]


def test_a_program_that_does_not_end_is_told_and_ended():
    child = procs.Child(["sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 0.05; done"], "deaf")
    child.wait_line(lambda line: line == "deaf", 5.0)
    with pytest.raises(ChildFailed, match="deaf did not end within 0 s"):
        child.wait_end(0.05)
    assert child.stop(grace=0.05) == -9 and child.stop() == -9
    short = procs.Child(["sh", "-c", "exit 3"], "short")
    with pytest.raises(ChildFailed, match="short ended with status 3") as told:
        short.wait_end(5.0)
    assert told.value.code == 3


def gone(path):
    """Has the process whose number is in the file ended?"""
    try:
        return "zombie" in (Path("/proc") / path.read_text().strip() / "status").read_text()
    except OSError:
        return True


@pytest.mark.parametrize("asked", [False, True])
def test_a_helper_that_is_given_up_ends_what_it_started(tmp_path, asked):
    """As ninja does its compilers, where it is asked. It took too long, or (asked) we are to end ourselves."""
    begin = time.monotonic()

    class Asked(BaseException):
        pass

    def handler(*_):
        raise Asked

    before = signal.signal(signal.SIGALRM, handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.5 if asked else 0.0)
        with pytest.raises(Asked if asked else ChildFailed):
            procs.call(["sh", "-c", f"trap 'kill $!; exit 1' TERM; sleep 60 & echo $! >{tmp_path}/pid; wait"], timeout=20.0 if asked else 0.5)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert (tmp_path / "pid").read_text() and wait_for(lambda: gone(tmp_path / "pid"), 1.0)
    assert time.monotonic() - begin < 10.0


def test_a_helper_that_is_deaf_is_made_to_end(tmp_path, monkeypatch):
    monkeypatch.setattr(procs, "_GRACE_S", 0.1)
    begin = time.monotonic()
    with pytest.raises(ChildFailed, match="no end within 0 s"):
        procs.call(["sh", "-c", f"trap '' TERM; echo $$ >{tmp_path}/pid; for i in $(seq 100); do sleep 0.05; done"], timeout=0.3)
    assert (tmp_path / "pid").read_text() and gone(tmp_path / "pid") and time.monotonic() - begin < 3.0
