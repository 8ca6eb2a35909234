# SPDX-License-Identifier: BSD-3-Clause
"""Which cores the ends of a run have: the lists of the command line, points that are numbers of cores, what a machine lacks for them."""
import json
import os
import subprocess
from dataclasses import replace

import pytest
from runner import claims, cpustat, doctor, figure_data, layout, measure, plan, resume, rows, scenario, session, summary, tuning, words
from runner.device import parse
from runner.errors import UsageError
from test_apps import want_only_stalls_repeated
from test_repro_parts import make_row

APART = "scaling-apart"
TWO = [0, 1]


@pytest.fixture(autouse=True)
def threads(monkeypatch):
    """Of made-up machines: CPU -> those of its core; each alone unless a test says otherwise."""
    found = {}
    monkeypatch.setattr(layout, "siblings", lambda core: found.get(core, [core]))
    return found


def runs(size="full", name=APART, **more):
    return plan.make(scenario.choose([name], scenario.load_all()), plan.Options(size, **more))


def run_of(stack, cores, **more):
    return next(run for run in runs(**more) if (run.stack, run.point) == (stack, cores))


def test_usually_each_end_has_one_core_and_an_experiment_about_cores_half_the_machine():
    for usable, server, client, servers, loads in (([3], [3], [3], [3], [3]), (TWO, [0], [1], [0], [1]), ([0, 2, 4], [0], [2], [0], [2, 4]),
                                                   (list(range(16)), [0], [1], list(range(8)), list(range(8, 16))),
                                                   (list(range(40)), [0], [1], list(range(8)), list(range(8, 24)))):
        found = layout.usual(usable)
        assert (found.server, found.client, found.servers, found.loads) == (server, client, servers, loads), usable
        assert found.of(run_of("mtcp", 1)) == (servers[:1], loads) and found.of(runs("quick", "concurrency")[0]) == (server, client)
    assert found.of(run_of("kernel", 4)) == ([0, 1, 2, 3], loads) and found.of(runs("quick", "scaling")[0])[0] == found.of(runs("quick", "scaling")[0])[1]
    assert found.used([run_of("mtcp", 2), runs("quick", "concurrency")[0]]) == [0, 1, *range(8, 24)]


def test_the_lists_are_both_ends_of_every_run():
    found = layout.make("4-5,1", "7,6", list(range(8)))
    assert found.of(runs("quick", "concurrency")[0]) == ([4, 5, 1], [7, 6])  # in the order in which they were told
    assert found.of(run_of("mtcp", 2)) == ([4, 5], [7, 6])
    assert found.lacks(run_of("mtcp", 4)) == ("scaling-apart at 4 server cores", "--server-cores has 3")
    assert layout.make("0", "0", [0]).of(run_of("mtcp", 1)) == ([0], [0])  # of one core


def test_hardware_threads_of_one_core_are_not_two_cores(threads):
    threads |= {core: [core % 8, core % 8 + 8] for core in range(16)}
    found = layout.usual(list(range(16)))
    assert (found.server, found.client, found.servers, found.loads) == ([0], [1], [0, 1, 2, 3], [4, 5, 6, 7])
    assert found.lacks(run_of("mtcp", 8))[1] == "8 server cores need 16 usable cores: this machine has 8"
    assert layout.usual([0, 8]).client == [8]  # better than none
    with pytest.raises(UsageError, match="CPU 1 of --server-cores shares its core with a CPU of --client-cores"):
        layout.make("0,1", "9,10", list(range(16)))
    assert layout.make("0,8", "1,9", list(range(16))).server == [0, 8]


def test_pairs_are_on_the_cores_that_are_told():
    pair = next(run for run in runs("quick", "scaling") if run.pairs == 2)
    found = layout.make("4,6", "7", list(range(8)))
    assert found.of(pair) == ([4, 6], [4, 6])
    assert "3 cores may be used" in found.lacks(next(run for run in runs("full", "scaling") if run.pairs == 4))[1]


@pytest.mark.parametrize("server, client, said", [
    ("0-x", "1", "'0-x' is not a list of CPUs: write it as 0,2-5"), ("3-1", "0", "write it as 0,2-5"), ("", "1", "write it as 0,2-5"),
    ("0-99999999999", "1", "write it as 0,2-5"), ("0,9", "1", "--server-cores 0,9: CPU 9 may not be used here: use some of 0,1,2,3"),
    ("0", "1,1", "--client-cores 1,1: CPU 1 is twice in the list"), ("0-2", "2,3", "CPU 2 is in --server-cores and in --client-cores: give"),
    ("0", None, "belong together"), (None, "1", "belong together")])
def test_a_wrong_list_is_told_with_the_mend(server, client, said):
    with pytest.raises(UsageError, match=said):
        layout.make(server, client, [0, 1, 2, 3])


def test_what_the_machine_has_no_cores_for_is_told_by_point():
    about = {"skipped": {}}
    kept = layout.usual(TWO).choose(runs(), about)
    assert {(run.stack, run.point) for run in kept} == {(stack, 1) for stack in ("mtcp", "mtcp-paired", "kernel", "kernel-reuseport", "kernel-tuned")}
    assert about["skipped"] == {f"scaling-apart at {n} server cores": f"{n} server cores need {2 * n} usable cores: this machine has 2" for n in (2, 4, 8)}
    assert not any(layout.usual(list(range(16))).lacks(run)[1] for run in runs())
    assert layout.usual(list(range(15))).lacks(run_of("mtcp", 8))[1] == "8 server cores need 16 usable cores: this machine has 15"


def test_a_device_with_one_queue_serves_one_core():
    here = layout.usual(list(range(16)))
    for name in ("ring", "af_packet", "tap"):
        assert not here.lacks(run_of("mtcp", 4, device=parse(name)))[1]
    assert here.lacks(run_of("mtcp", 4, device=parse("af_xdp"))) == (
        "scaling-apart mtcp on 4 cores", "af_xdp has one queue here: several server cores need --device ring, af_packet or tap")
    assert not here.lacks(run_of("mtcp", 1, device=parse("af_xdp")))[1] and not here.lacks(run_of("kernel", 8, device=parse("af_xdp")))[1]
    many = list(range(64))
    packets = next(run for run in runs("quick", "gap") if run.stack == "packet-io")
    assert "by one core" in layout.make("0,1", "2", many).lacks(packets)[1] and not here.lacks(packets)[1]
    assert "16 queues at most" in layout.make("0-19", "20-29", many).lacks(runs("quick", "concurrency", baselines=())[0])[1]
    assert "16 queues at most" in layout.make("0-3", "4-60", many).lacks(run_of("mtcp", 4))[1]
    assert not layout.make("0-3", "4-60", many).lacks(run_of("kernel", 4))[1] and not layout.make("0-3", "4-60", many).lacks(run_of("mtcp", 4, device=parse("af_packet")))[1]


def test_each_server_core_has_its_connections_and_every_program_the_lists(tmp_path):
    site = measure.Site("veth", tmp_path, layout.usual(list(range(16))))
    ours, kernel = run_of("mtcp", 4, device=parse("af_packet")), run_of("kernel-tuned", 4)
    assert (ours.concurrency, ours.row_point, kernel.load["cores"]) == (4 * 8192, 4, 4)
    assert "--cores" not in words.load(ours) and words.load(ours)[words.load(ours).index("--concurrency") + 1] == "32768"
    for run in (ours, kernel):
        argv = measure._server_args(run, site, type("Pair", (), {"target": "10.0.0.1"}), tmp_path / "x")
        assert argv[argv.index("--cores") + 1] == "0,1,2,3" and argv[argv.index("--max-conns") + 1] == str(32768 + 1639)
    assert words.max_conns(run_of("mtcp", 1)) == 8192 + 410 and words.max_conns(next(run for run in runs(name="bulk") if run.concurrency == 1)) == 257
    assert [tuning._mask(cores) for cores in site.cores.of(kernel)] == ["f", "ff00"] and tuning._mask([0, 33]) == "2,1"


def test_rows_have_the_number_and_lines_are_told_apart_by_it():
    found = [make_row(experiment=APART, axis="cores", cores=n, concurrency=8192 * n, server_cores=words.cpu_list(list(range(n))),
                      client_cores="8,9", per_core=1000.0 + n) for n in (1, 8)]
    bars = figure_data.ratios(summary.lines([*found, found[1] | {"stack": "kernel", "device": "veth"}]), scenario.Plot("x", "x", metric=summary.PER_CORE))
    assert [row[0] for row in bars.blocks[""]][0] == "over kernel 8 cores" and [row[0] for row in bars.blocks[""]][1:] == [
        f"paper: {name}, 8 cores" for name in ("Linux", "Linux with SO_REUSEPORT", "MegaPipe")]
    curves = figure_data.of(scenario.load_all()[APART].plots[0], summary.lines([row | {"stack": stack} for row in found for stack in ("mtcp", "kernel")])).blocks
    assert [name for name in curves if "model" in name] == ["mtcp model (USL fit), not measured"] and {"mtcp", "kernel"} < {*curves}
    assert not any(rows.faults(row) for row in found) and [line.key.point for line in summary.lines(found)] == [1, 8]
    assert [run.point for run in resume.missing([run_of("mtcp", n) for n in (1, 2, 8)], found)] == [2]


def test_claims_about_eight_cores_say_what_was_missing():
    about = {"skipped": {}}
    layout.usual(TWO).choose(runs(), about)
    found = [make_row(stack, experiment=APART, axis="cores", cores=1) for stack in ("mtcp", "kernel")]
    told = {verdict.claim["name"]: verdict for verdict in claims.judge_all(found, about["skipped"]) if verdict.claim["experiment"] == APART}
    assert {verdict.outcome for verdict in told.values()} == {claims.UNTESTED} and len(told) == 3
    for name in ("scaling-apart-linux", "scaling-apart-reuseport"):
        assert told[name].ours == "scaling-apart at 8 server cores was skipped: 8 server cores need 16 usable cores: this machine has 2"
    assert sorted(part.split()[2] for part in told["scaling-apart-linear"].ours.split("; ")) == ["2", "4", "8"]


def test_accepting_is_judged_at_four_server_cores():
    """By the command as it is told, on a machine that has as many for the load; here what can be made is, and the rest is told."""
    name = "accept-rate"
    for usable, there, why in ((TWO, {1}, "4 server cores need 8 usable cores: this machine has 2"), (list(range(8)), {1, 2, 4}, None)):
        about, here = {"skipped": {}}, layout.usual(usable)
        kept = [run for run in here.choose(runs("normal", name), about) if run.part.name == "server cores"]
        assert {run.cores for run in kept} == {run.row_point for run in kept} == there and about["skipped"].get(f"{name} at 4 server cores") == why
        assert all(run.concurrency == 8192 * run.cores and here.of(run) == (here.servers[: run.cores], here.loads) for run in kept)
        found = [make_row(run.stack, run.concurrency, run.repeat, 1000.0 * (2 if run.ours else 1), name, axis=run.part.column, cores=run.cores,
                          variant=run.part.name, server_cores=words.cpu_list(here.of(run)[0])) for run in kept]
        told, = (verdict for verdict in claims.judge_all(found, about["skipped"]) if verdict.claim["name"] == name)
        assert (told.outcome, told.estimate and told.estimate.value) == ((claims.UNTESTED, None) if why else (claims.REPRODUCED, 2.0))
        assert not why or told.ours == f"{name} at 4 server cores was skipped: {why}"
    assert {run.cores for run in runs("quick", name) if run.part.axis == "cores"} == {1, 4}, "points by stack are of the file's axis"
    assert {run.row_point for run in runs("quick", name) if run.part.axis == "concurrency"} == {8192}


def test_points_of_one_axis_are_not_told_as_those_of_another():
    core = make_row("kernel", experiment="accept-rate", variant="server cores", axis="cores", cores=1024)
    both = summary.lines([make_row("mtcp", 1024, experiment="accept-rate", variant="connections"), core])
    assert {summary.axis_label(both[:1]), summary.axis_label(both)} == {"server cores", "server cores or connections"}
    ours = next(line for line in both if line.key.stack == "mtcp")
    assert summary.best_kernel(both, ours) is None and summary.best_kernel(summary.lines([*ours.rows, core | {"axis": "concurrency", "concurrency": 1024}]), ours)


def test_each_pair_of_first_cores_has_a_best_distance_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("MTCP_GUARD", "off")
    kept = [make_row(core_hop_ns=50.0), make_row(core_hop_ns=20.0, server_cores="2-3", client_cores="5"), make_row(core_hop_ns=None, server_cores="1", client_cores="1")]
    about = {"repeated": [], "skipped": {}, "failures": [], "settings": {}, "pieces": [{}]}
    shown = type("Silent", (), {"rate": staticmethod(lambda *_: None)})()
    work = session.Session([], measure.Site("none", tmp_path, layout.usual(TWO)), tmp_path, shown, about, kept)
    assert work._hop([0], [1]).apart(100.0) is False and work._hop([2], [5]).apart(100.0) is True


def test_lists_are_options_of_run(repro, tmp_path):
    cores = cpustat.usable_cores()
    for argv, said in ((["--server-cores", "0-x", "--client-cores", "1"], "not a list of CPUs"), (["--server-cores", str(cores[0])], "belong together"),
                       (["--inventory", "hosts.yml", "--server-cores", "0", "--client-cores", "1"], "has each host's cores")):
        (tmp_path / "hosts.yml").write_text("all: {}\n")
        done = repro("run", "concurrency", "--quick", *argv)
        assert done.returncode == 2 and said in done.stderr, (argv, done.stderr)
    first, last = str(cores[-1]), str(cores[0])
    done = repro("run", APART, "--quick", "--baseline", "kernel-tuned", "--server-cores", first, "--client-cores", last, "--out", "out", FAKE_SECONDS="0.01")
    found, about = rows.read(tmp_path / "out"), json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert {(row["server_cores"], row["client_cores"], row["cores"], row["axis"]) for row in found} == {(first, last, 1, "cores")}
    assert about["cores"]["server"] == first and about["choices"]["client_cores"] == last
    assert "skipped: scaling-apart at 8 server cores: --server-cores has 1" in done.stdout
    done = repro("run", "--resume", "out", "--server-cores", first, "--client-cores", last)
    assert done.returncode == 2 and "leave out --server-cores" in done.stderr
    assert repro("run", "--resume", "out", FAKE_SECONDS="0.01").returncode == 0 and len(rows.read(tmp_path / "out")) == len(found)


def test_two_server_cores_and_two_of_the_load(program):
    """On the two that there are, taken twice."""
    cores = ",".join(map(str, sorted(os.sched_getaffinity(0))[:2]))
    done = subprocess.run([program("mtcp-pair"), "--server-core", cores, "--client-core", cores, "--concurrency", "200", "--connections", "4000", "--json", "-"],
                          capture_output=True, text=True, timeout=60)
    row = json.loads(done.stdout)
    assert row["failed"] == 0 and row["transactions"] == 4000 and row["server_threads"] == len(cores.split(","))
    # busy time of all the server's cores, as rates by core are by it
    assert row["transactions_per_server_cpu_s"] == pytest.approx(row["transactions"] / row["server_cpu_s"], rel=1e-6)
    want_only_stalls_repeated(row, 4000)


@pytest.mark.netns
@pytest.mark.parametrize("stack, name", [("mtcp", "af_packet"), ("kernel-reuseport", "ring")])
def test_several_server_cores_over_veth(netns_pair, tmp_path, monkeypatch, program, stack, name):
    """A queue or a listener for each; here the load shares one of the two."""
    monkeypatch.setenv("MTCP_BIN", str(program("mtcp-pair").parent))
    usable = cpustat.usable_cores()[:2]
    here = layout.Layout(usable, usable[:1], usable[-1:], usable, usable[-1:])
    known = scenario.load_all()[APART]
    small = replace(known, parts=(replace(known.parts[0], load=known.parts[0].load | {"concurrency": 100}),))
    run = next(run for run in plan.make([small], plan.Options("full", seconds=0.5, device=parse(name))) if (run.stack, run.point) == (stack, len(usable)))
    site = measure.Site(netns_pair.pair.kind, tmp_path / ".scratch", here, "not asked for")
    row = measure.measure(run, site)
    assert (row["failed_total"], row["server_threads"], row["cores"], row["concurrency"]) == (0, len(usable), len(usable), 100 * len(usable))
    assert row["server_cores"] == words.cpu_list(usable) and row["transactions"] > 100 and row["transactions_per_server_cpu_s"] > 0
    (key, about), = site.settings.items()
    assert key == f"{'mtcp-peer' if run.ours else stack} {words.at_cores(len(usable))}"
    assert about["set"]["server srv0 receive queues"] == str(1 if run.ours else len(usable)) and about["set"]["client cli0 receive queues"] == "1"


@pytest.mark.parametrize("pairs, level, said", [
    (((0, 1), (2, 3)), doctor.TELLS, "2 usable cores: server on CPU 0, load generator on CPU 2"), (((0,), (1,), (2,)), doctor.TELLS, "3 usable cores: server on CPU 0, load generator on CPU 1"),
    (((4, 5),), doctor.SPOILS, "CPUs 4 and 5 are hardware threads of one core"), (((3,),), doctor.SPOILS, "one usable core")])
def test_doctor_names_the_cores_that_runs_have(threads, monkeypatch, pairs, level, said):
    threads |= {core: list(pair) for pair in pairs for core in pair}
    monkeypatch.setattr(cpustat, "usable_cores", lambda: sorted(threads))
    found, = doctor._cores()
    assert found.level == level and said in found.text and bool(found.mend) is (level == doctor.SPOILS)


# --- time instead of cores

@pytest.mark.parametrize("files, wanted", [
    ({"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/cpu.max": "max 100000", "sys/fs/cgroup/a/cpu.max": "150000 100000"}, 1.5),
    ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "200000 100000\n"}, 2.0),
    ({"proc/self/cgroup": "0::/../other\n", "sys/fs/cgroup/cpu.max": "50000 100000\n"}, 0.5),
    ({"proc/self/cgroup": "4:cpu,cpuacct:/docker/x\n1:name=systemd:/\n", "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "300000", "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000"}, 3.0),
    ({"proc/self/cgroup": "1:cpu:/\n", "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000"}, None),
    ({"proc/self/cgroup": "0::/\n"}, None), ({}, None)])
def test_a_quota_is_time_not_cores(tmp_path, monkeypatch, files, wanted):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert cpustat.quota(tmp_path) == wanted
    monkeypatch.setattr(cpustat, "quota", lambda: wanted)
    for usable, spoils in ((range(4), wanted is not None), (range(1), wanted == 0.5)):
        monkeypatch.setattr(cpustat, "usable_cores", lambda found=list(usable): found)
        assert [(item.level, "--cpuset-cpus" in item.mend) for item in doctor._quota()] == [(doctor.SPOILS, True)] * spoils
