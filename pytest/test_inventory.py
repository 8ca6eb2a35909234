# SPDX-License-Identifier: BSD-3-Clause
"""./repro run --inventory without hosts: what an inventory may say, what can be run on several machines, how rows are joined."""
import json
import os
import re
import shutil
import signal
import subprocess
import tarfile
import time
from pathlib import Path

import pytest
from conftest import ROOT
from runner import agent as agents
from runner import cluster, conclude, deploy, gather, inventory, manifest, plan, ports, remote, resume, rows, scenario, tuning, upkeep, words
from runner.cpustat import CpuTime
from runner.errors import CannotRun, UsageError
from runner.procs import ChildFailed
from runner.remote import Clock
from runner.upkeep import Setting, Upkeep

SERVER = {"mtcp_address": "10.0.0.1/24", "mtcp_device": "af_packet:eth1", "mtcp_interface": "eth1"}
CLIENT = {"mtcp_address": "10.0.0.16/24", "mtcp_interface": "eth1", "mtcp_addresses": 8}


def listed(a=None, b=None, **groups):
    """As ansible-inventory --list has it: one server a, one client b, unless told otherwise."""
    found = {"server": {"hosts": ["a"]}, "clients": {"hosts": ["b"]}} | groups
    return found | {"_meta": {"hostvars": {"a": SERVER | (a or {}), "b": CLIENT | (b or {}),
                                           "c": CLIENT | {"mtcp_address": "10.0.0.32/24"}}}}


def parse(*words, **groups):
    return inventory.parse(Path("hosts.yml"), listed(*words, **groups))


def test_hosts_have_what_the_inventory_says():
    found = parse({"mtcp_cores": "0,2-3", "ansible_host": "192.0.2.1"}, clients={"hosts": ["b"], "children": ["more"]}, more={"hosts": ["c", "b"]})
    assert found.server.cores == (0, 2, 3) and found.server.ssh == {"ansible_host": "192.0.2.1"} and found.server.serves
    assert [host.name for host in found.clients] == ["b", "c"] and [host.name for host in found.hosts] == ["a", "b", "c"]
    assert found.clients[0].span == "10.0.0.16-10.0.0.23" and found.server.span == "10.0.0.1"
    assert found.clients[0].all_addresses[::7] == ["10.0.0.16/24", "10.0.0.23/24"]


@pytest.mark.parametrize("server, client, said", [
    ({"mtcp_adress": "x"}, {}, "host a: unknown variable mtcp_adress: did you mean mtcp_address?"),
    ({"mtcp_address": "10.0.0.1"}, {}, "host a: mtcp_address: '10.0.0.1': give an IPv4 address with its network's length, as 10.0.0.1/24"),
    ({"mtcp_device": "", "mtcp_interface": "eth1"}, {}, "host a: mtcp_device: '': give a device that reaches another host"),
    ({"mtcp_device": "ring:w:0"}, {}, "host a: mtcp_device: 'ring:w:0': give a device that reaches another host"),
    ({"mtcp_addresses": 2}, {}, "host a: mtcp_addresses is for clients"),
    ({"mtcp_set": "gateway"}, {}, "host a: mtcp_set: 'gateway': give keys and values"),
    ({"mtcp_build": "/b"}, {}, "host a: mtcp_build without mtcp_sources"),
    ({"ansible_connection": "docker"}, {}, "host a: ansible_connection: 'docker': only ssh is driven"),
    ({"ansible_password": "x"}, {}, "host a: ansible_password: passwords are not used: give a key"),
    ({"ansible_become": "maybe"}, {}, "host a: ansible_become: 'maybe': give true or false"),
    ({"ansible_become": True, "ansible_become_method": "doas"}, {}, "host a: ansible_become_method: 'doas': only sudo is used"),
    ({}, {"mtcp_cores": "0-"}, "host b: mtcp_cores: '0-': give a list of CPUs as 0,2-5"),
    ({}, {"mtcp_cores": "0,0"}, "host b: mtcp_cores: '0,0': give each CPU once"),
    ({}, {"mtcp_addresses": 0}, "host b: mtcp_addresses: 0: give a whole number from 1 to 1024"),
    ({}, {"mtcp_addresses": 240}, "host b: mtcp_addresses: 240 from 10.0.0.16 on leave the network 10.0.0.0/24"),
    ({}, {"mtcp_load": "udp"}, "host b: mtcp_load: 'udp': give one of kernel, mtcp"),
    ({}, {"mtcp_load": "mtcp"}, "host b: mtcp_device is missing: mtcp_load is mtcp"),
    ({}, {"mtcp_interface": "no such one"}, "host b: mtcp_interface: 'no such one': give the name of an interface"),
    ({}, {"mtcp_dir": "mtcp"}, "host b: mtcp_dir: 'mtcp': give an absolute path"),
    ({}, {"mtcp_address": "10.0.1.2/24"}, "host b: mtcp_address 10.0.1.2/24 is not in the server's network 10.0.0.0/24"),
    ({"mtcp_address": "10.0.0.20/24"}, {}, "host b: address 10.0.0.20 is a's, too: give each host its own"),
    ({"mtcp_dir": "{{ base }}/mtcp"}, {}, "host a: mtcp_dir: '{{ base }}/mtcp': templates are not rendered here: give the value itself"),
    ({"mtcp_set": {"gateway": "{{ gw }}"}}, {}, "host a: mtcp_set: {'gateway': '{{ gw }}'}: templates are not rendered here"),
    ({}, {"ansible_host": "{{ inventory_hostname }}.lan"}, "host b: ansible_host: '{{ inventory_hostname }}.lan': templates are not rendered here"),
    ({}, {"mtcp_clock_limit_ms": "soon"}, "host b: mtcp_clock_limit_ms: 'soon': give a number from 0.001 to 60000"),
])
def test_what_is_wrong_is_named_with_host_and_mend(server, client, said):
    with pytest.raises(UsageError) as error:
        parse(server, client)
    assert str(error.value).startswith(said)


@pytest.mark.parametrize("groups, said", [
    ({"server": {"hosts": []}}, "hosts.yml: group server has no hosts: give it one"),
    ({"server": {"hosts": ["a", "c"]}}, "hosts.yml: group server has 2 hosts: give it one"),
    ({"clients": {}}, "hosts.yml: group clients has no hosts: give it one or more"),
    ({"clients": {"hosts": ["a"]}}, "hosts.yml: host a is in both groups"),
])
def test_groups_are_checked(groups, said):
    with pytest.raises(UsageError) as error:
        parse(**groups)
    assert str(error.value).startswith(said)


def test_all_clients_have_one_kind_of_load():
    two = listed(clients={"hosts": ["b", "c"]})
    two["_meta"]["hostvars"]["c"] |= {"mtcp_load": "mtcp", "mtcp_device": "af_packet:eth1"}
    with pytest.raises(UsageError, match="mtcp_load differs between clients"):
        inventory.parse(Path("hosts.yml"), two)


def test_a_variable_that_is_missing_is_named():
    bare = listed()
    del bare["_meta"]["hostvars"]["b"]["mtcp_interface"]
    with pytest.raises(UsageError, match="host b: mtcp_interface is missing: the load runs on the kernel's TCP"):
        inventory.parse(Path("hosts.yml"), bare)
    del bare["_meta"]["hostvars"]["a"]["mtcp_address"]
    with pytest.raises(UsageError, match="host a: mtcp_address is missing"):
        inventory.parse(Path("hosts.yml"), bare)


@pytest.mark.skipif(not shutil.which("ansible-inventory"), reason="ansible-core is not installed (experiments/packages.txt lists it)")
def test_the_example_is_an_inventory(tmp_path):
    found = inventory.read(ROOT / "experiments" / "cluster" / "hosts.example.yml")
    assert len(found.clients) == 2 and found.server.device == "pci:0000:41:00.0" and found.server.hugepages == 1024
    broken = tmp_path / "hosts.yml"
    broken.write_text("server: [\n")
    with pytest.raises(UsageError, match="hosts.yml: Ansible cannot read it"):
        inventory.read(broken)
    with pytest.raises(UsageError, match="none.yml: no such file: write one as experiments/cluster/hosts.example.yml"):
        inventory.read(tmp_path / "none.yml")


def test_ssh_is_told_what_ansible_is_told():
    host = parse({"ansible_host": "192.0.2.1", "ansible_port": 2222, "ansible_user": "root", "ansible_ssh_private_key_file": "/k e/y",
                  "ansible_ssh_common_args": "-o StrictHostKeyChecking=no"}).server
    found = remote.ssh(host)
    assert found[-8:] == ["-p", "2222", "-l", "root", "-i", "/k e/y", "--", "192.0.2.1"] and "StrictHostKeyChecking=no" in found


@pytest.mark.parametrize("told, python", [(None, "/usr/bin/python3"), ("auto_silent", "/usr/bin/python3"), ("/opt/python", "/opt/python")])
def test_the_agent_is_started_by_the_python_that_is_named(told, python):
    assert f" {python} -m runner.agent /var/lib/mtcp" in remote._agent(parse({"ansible_python_interpreter": told}).server, "/s")


def test_yaml_booleans_are_ours():
    found = parse({"mtcp_set": {"pacing": True, "tcp_sack": False, "gateway": "10.0.0.254", "mss": 1}}).server
    assert words.sets("--set", found.set)[1::2] == ["pacing=1", "tcp_sack=0", "gateway=10.0.0.254", "mss=1"]


def runs(name, size="quick"):
    return plan.make(scenario.choose([name], scenario.load_all()), plan.Options(size, device=cluster.wire(parse())))


def test_what_runs_on_several_hosts_and_what_is_told_as_skipped():
    found = parse()
    for name in ("concurrency", "messages", "message-size", "cpu-breakdown", "static-web"):
        about = {"skipped": {}}
        assert cluster.choose(runs(name), found, about) == runs(name) and not about["skipped"]
    for name in ("accept-rate", "scaling-apart"):  # of points that are numbers of server cores the one that the server's host has
        for listed_cores, there, others in (("0", 1, 4), ("0-3", 4, 1)):
            about = {"skipped": {}}
            assert {run.cores for run in cluster.choose(runs(name), parse({"mtcp_cores": listed_cores}), about)} - {0} == {there}
            assert about["skipped"][f"{name} {words.at_cores(others)}"] == f"its points are numbers of server cores: host a has {there}"
    about = {"skipped": {}}
    kept = cluster.choose(runs("latency-load"), found, about)
    assert {run.part.name.split(",")[0] for run in kept} == {"veth"} and {run.stack for run in kept} == {"mtcp", "kernel-tuned"}
    assert about["skipped"] == {f"latency-load ring {stack}": "it is about the wire ring" for stack in ("mtcp", "mtcp-paired")}
    about = {"skipped": {}}
    assert {run.part.device for run in cluster.choose(runs("same-wire"), found, about) if run.ours} == {"af_packet"} and about["skipped"]
    about = {"skipped": {}}
    assert {run.stack for run in cluster.choose(runs("gap"), found, about)} >= {"kernel"}, "a part's device is that of our stacks"
    for name, why in (("scaling", "self-loop pairs are of one machine"), ("scaling-apart", "its points are numbers of server cores"),
                      ("syn-flood", "the sender of a flood"), ("gap", "packet I/O")):
        about = {"skipped": {}}
        cluster.choose(runs(name), found, about)
        assert any(text.startswith(why) for text in about["skipped"].values()), about


def test_without_a_device_only_the_kernel_runs():
    bare = listed()
    del bare["_meta"]["hostvars"]["a"]["mtcp_device"]
    found, about = inventory.parse(Path("hosts.yml"), bare), {"skipped": {}}
    assert {run.stack for run in cluster.choose(runs("concurrency"), found, about)} == {"kernel", "kernel-reuseport", "kernel-tuned", "kernel-uring"}
    assert about["skipped"]["concurrency mtcp"] == "host a has no mtcp_device"


def test_loads_are_shared_out():
    assert gather.shares(10, 3) == [4, 3, 3] and gather.shares(9.0, 2, False) == [4.5, 4.5] and sum(gather.shares(8193, 7)) == 8193


def window(begin, end, **more):
    told = {"cpu": CpuTime(idle=1.0), "foreign_share": 0.0, "memory": 100, "rates": [1.0, 2.0]} | more
    return gather.Window(begin, end, **told)


def test_windows_have_to_overlap():
    assert gather.overlap([window(0, 1), window(0.02, 1.02), window(0.01, 1.01)]) == pytest.approx(0.98 / 1.02)
    with pytest.raises(gather.Apart, match="open together for 33% of the time only"):
        gather.overlap([window(0, 1), window(0.5, 1.5)])
    with pytest.raises(gather.Apart, match="for 0% of"):
        gather.overlap([window(0, 1), window(2, 3)])


def load(**more):
    return {"transactions": 100, "transactions_per_s": 50.0, "connections_per_s": 50.0, "bytes_per_s": 6400.0, "failed": 1, "retransmits": 2,
            "drops": 0, "failed_total": 1, "retransmits_total": 2, "client_cpu_s": 1.5, "concurrency": 8, "seconds": 2.0, "generator_lag": 0.5,
            "steady": True, "ramp_incomplete": False, "fairness": None, "failures": {"ETIMEDOUT": 1}, "notes": ["generator_lag: x"], "latency_max_us": 9.0,
            "latency_histogram": [[1000, 50], [2000, 50]], "lateness_histogram": [[0, 7]], "client_counters": {"a": 1}} | more


def joined(*loads, server=None, watched=None, cores=1):
    told = {"seconds": 2.0, "server_cpu_s": 2.0, "retransmits": 3, "retransmits_total": 4, "drops": 5, "cpu_idle": 0.25, "tsc_hz": 7} | (server or {})
    named = dict(zip("bcd", loads))
    return gather.join(told, named, watched or window(0, 2), {name: window(0, 2) for name in named}, cores)


def test_rows_are_summed_and_the_worst_stands():
    row = joined(load(), load(transactions=300, transactions_per_s=150.0, generator_lag=0.9, latency_max_us=2.9, steady=False, seconds=2.1,
                              latency_histogram=[[3000, 300]], notes=["slow"]))
    assert (row["transactions"], row["transactions_per_s"], row["failed"], row["concurrency"]) == (400, 200.0, 2, 16)
    assert (row["retransmits"], row["retransmits_total"], row["drops"]) == (7, 8, 5)
    assert row["failures"] == {"ETIMEDOUT": 2} and row["client_counters"] == {"a": 2} and row["tsc_hz"] == 7
    assert (row["latency_p50_us"], row["latency_p90_us"], row["latency_max_us"]) == (3.0, 3.0, 9.0)
    assert row["latency_histogram"] == [[1000, 50], [2000, 50], [3000, 300]] and row["lateness_histogram"] == [[0, 14]]
    assert row["generator_lag"] == 0.9 and row["steady"] is False and row["seconds"] == 2.1 and row["notes"] == ["c: slow"]
    assert row["intervals"] == [2.0, 4.0] and row["memory_bytes"] == 300 and row["window_overlap"] == 1


def test_latencies_of_unlike_loads_are_weighed_by_their_number():
    found = gather.quantiles([[[1000, 1]], [[5000, 98], [9000, 1]]], 9.1)
    assert found == {"latency_p50_us": 5.0, "latency_p90_us": 5.0, "latency_p99_us": 5.0, "latency_p999_us": 9.1}
    assert gather.quantiles([[]], 0.0)["latency_p50_us"] is None


def test_no_quantile_is_above_the_longest():
    assert set(gather.quantiles([[[1000, 1], [5000, 999]]], 4.9).values()) == {4.9}


@pytest.mark.parametrize("lags, idle, limited", [((0.5, 0.98), 0.25, True), ((0.5, 0.9), 0.25, False), ((0.98, 0.98), 0.01, False)])
def test_one_load_at_its_limit_is_the_limit_unless_the_server_is(lags, idle, limited):
    assert joined(*(load(generator_lag=lag) for lag in lags), server={"cpu_idle": idle})["generator_limited"] is limited


@pytest.mark.parametrize("load, idle, spins, wanted", [
    ({"rate": 1e4, "generator_lag": 5000}, 0.6, False, (0.4, True)), ({"rate": 1e4, "generator_lag": 5000}, 0.01, False, (0.99, False)),
    ({"rate": 1e4, "generator_lag": 900}, 0.6, False, (0.4, False)), ({"rate": None, "generator_lag": 0.98}, 0.6, False, (0.4, True)),
    ({"rate": 1e4, "generator_lag": 5000}, None, True, (None, True)), ({"rate": 1e4, "generator_lag": 900}, None, True, (None, False)),
    ({"rate": None, "generator_lag": 0.98}, None, True, (None, None)), ({"rate": 1e4, "generator_lag": 5000}, None, False, (1.0, False))])
def test_a_server_that_polls_is_no_excuse_for_a_late_load(load, idle, spins, wanted):
    """Seen from outside it is busy whatever it does; the last one is a kernel's that sleeps, and is."""
    row = {"generator_limited": False, "server_busy": 1.0, "cpu_idle": idle} | load
    conclude.judge_load(row, spins)
    assert (row["server_busy"], row["generator_limited"]) == wanted
    shared = row | {"generator_limited": None, "server_busy": 1.0}  # both ends on one core
    conclude.judge_load(shared, spins)
    assert (shared["server_busy"], shared["generator_limited"]) == (1.0, None)


def test_on_several_hosts_a_kernel_that_spins_is_none_either():
    found = parse()
    hosts = cluster.Cluster(found, told={host.name: {"interfaces": {}, "boot": host.name} for host in found.hosts})
    run = next(run for run in runs("latency-load") if (run.part.name, run.stack) == ("veth, polls", "kernel-tuned"))
    row = joined(load(rate=1e4, generator_lag=5000.0), server={"cpu_idle": None})
    assert (row["server_busy"], row["generator_limited"]) == (1.0, False)
    row = hosts._finish(row, run, list(found.clients), window(0, 2))
    assert (row["server_busy"], row["generator_limited"]) == (None, True)


def test_which_servers_spin_is_told_by_their_settings():
    found = {(run.part.name, run.stack): tuning.spins(run.stack, run.part.tuning) for run in runs("latency") + runs("concurrency")}
    assert [key for key, spins in found.items() if spins] == [("polls", "kernel-tuned")] and ("polls", "mtcp") in found


def test_a_kernel_server_is_busy_by_its_cores():
    row = joined(load(), server={"cpu_idle": None, "server_cpu_s": 3.0}, watched=window(0, 2, cpu=CpuTime(user=3.0, steal=1.0)), cores=2)
    assert row["server_busy"] == pytest.approx(3 / (2 * 2 - 1)) and row["steal_share"] == 0.25


def test_fairness_is_that_of_all_flows():
    flows = [[4.0, 4.0], [1.0, 2.0, 3.0]]
    each = [load(fairness=sum(own)**2 / (len(own) * sum(x * x for x in own)), bytes_per_s=sum(own), concurrency=len(own)) for own in flows]
    every = [x for own in flows for x in own]
    assert joined(*each)["fairness"] == pytest.approx(sum(every)**2 / (len(every) * sum(x * x for x in every)))


@pytest.mark.parametrize("offset, bound, fine", [(0.01, 0.001, True), (-0.06, 0.001, False), (0.04, 0.02, False)])
def test_a_clock_that_may_be_too_far_off_is_refused(offset, bound, fine):
    host = parse().server
    if fine:
        cluster.check_clock(host, Clock(offset, bound))
        return
    with pytest.raises(CannotRun, match="host a: its clock is .* more than mtcp_clock_limit_ms: 50: let chrony"):
        cluster.check_clock(host, Clock(offset, bound))


def test_windows_open_at_one_instant_whatever_the_hosts_clocks_say(monkeypatch):
    """Each is told the instant by its own clock; what it tells of its window comes back by ours."""
    found = inventory.parse(Path("hosts.yml"), listed(clients={"hosts": ["b", "c"]}))
    offset = {"a": 0.0, "b": 100.0, "c": -3.0}
    asked = {}

    class Host:
        def __init__(self, host):
            self.host, self.clock = host, Clock(offset[host.name], 0.001)

    def answer(remotes, do, timeout, each):
        assert do == "window"
        asked.update({remote.host.name: each(remote)["at"] for remote in remotes})
        return {name: {"begin": at + 0.01, "end": at + 1, "cpu": {"user": 1.0}, "foreign_share": 0.0, "memory": 1, "rates": []} for name, at in asked.items()}

    monkeypatch.setattr(cluster, "all_at_once", answer)
    windows = cluster.Cluster(found)._window(runs("accept-rate")[0], [Host(host) for host in found.hosts])
    at = asked["a"]
    assert asked == pytest.approx({"a": at, "b": at + 100, "c": at - 3}) and 0 < at - time.time() < 1
    assert gather.overlap(windows.values()) == pytest.approx(1) and windows["b"].begin == pytest.approx(at + 0.01)


def test_what_ansible_says_of_a_host_becomes_a_line_with_the_mend():
    lines = ["TASK [Reach it] ****", 'fatal: [a]: UNREACHABLE! => {"changed": false, "msg": "Failed to connect: No route to host", "unreachable": true}',
             "TASK [Build] *******", 'fatal: [b]: FAILED! => {"msg": "non-zero return code", "stderr": "", "stdout": "x.c:1: error"}', "ok: [c]"]
    said = deploy.failures(lines, {host.name: host for host in parse().hosts})
    assert said[0].startswith("host a cannot be reached: Failed to connect: No route to host: see whether `ssh ") and said[0].endswith(" a true` works")
    assert said[1:] == ["host b: Build: x.c:1: error"]


def test_the_sources_are_those_of_git_with_uncommitted_changes(tmp_path, monkeypatch):
    place, tar = tmp_path / "sources", tmp_path / "sources.tar"
    (place / "core").mkdir(parents=True)
    (place / "core" / "a.c").write_text("first\n")
    monkeypatch.setattr(deploy, "ROOT", place)
    for argv in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "first"]):
        deploy._git(*argv)

    def archived():
        tree = deploy.archive(tar)
        with tarfile.open(tar) as found:
            return tree, {name: found.extractfile(name).read().decode() for name in found.getnames() if found.getmember(name).isfile()}

    clean = archived()
    assert len(clean[0]) == 12 and clean[1] == {"core/a.c": "first\n"}
    (place / "core" / "a.c").write_text("second\n")
    (place / "hosts.yml").write_text("no source\n")
    changed = archived()
    assert changed[0] != clean[0] and changed[1] == {"core/a.c": "second\n"}
    (place / "core" / "b.c").write_text("new\n")
    with pytest.raises(CannotRun, match="git does not track core/b.c: hosts would not get it: git add it, or remove it"):
        archived()
    deploy._git("add", "core/b.c")
    assert archived()[1] == {"core/a.c": "second\n", "core/b.c": "new\n"}


def test_hosts_that_are_others_now_are_not_gone_on_with(tmp_path):
    machine = {"cpu": "x", "kernel": "6"}
    before = {"hosts": {"a": {"role": "server", "machine": machine, "clock": {"offset_ms": 1}}, "b": {"role": "client", "machine": machine, "clock": {}}}}
    resume.check_hosts(tmp_path, before, before)
    resume.check_hosts(tmp_path, before, {"hosts": before["hosts"] | {"a": before["hosts"]["a"] | {"clock": {"offset_ms": 2}}}})
    now = {"hosts": {"a": {"role": "server", "machine": machine | {"kernel": "7"}, "clock": {}}}}
    with pytest.raises(UsageError, match="host a: kernel 6 then, 7 now; host b is not among them now: start a new run"):
        resume.check_hosts(tmp_path, before, now)


@pytest.mark.parametrize("options, said", [
    (("--inventory", "none.yml"), "--inventory none.yml: no such file: write one as experiments/cluster/hosts.example.yml"),
    (("--inventory", "hosts.yml", "--device", "af_xdp"), "--inventory has each host's device (mtcp_device): leave out --device"),
    (("--inventory", "hosts.yml", "--capture", "x.pcapng"), "--capture is written on one machine only"),
])
def test_words_that_do_not_go_together_are_refused(repro, tmp_path, options, said):
    (tmp_path / "hosts.yml").write_text("")
    done = repro("run", *options)
    assert done.returncode == 2 and said in done.stderr


@pytest.mark.parametrize("option", [("--resume", "DIR"), ("--resume=DIR",)])
def test_going_on_with_a_run_on_hosts_builds_nothing_here(repro, tmp_path, option):
    for tool in ("cmake", "ninja"):
        path = tmp_path / "bin" / tool
        path.parent.mkdir(exist_ok=True)
        path.write_text("#!/bin/sh\necho built >&2\nexit 1\n")
        path.chmod(0o755)
    choices = {"names": ["accept-rate"], "size": "quick", "device": "ring", "baseline": None, "seed": 1, "repeats": None, "seconds": None, "capture": None}
    for name, hosts, said in (("hosts", "/none.yml", "--inventory /none.yml: no such file"), ("here", None, "the build failed")):
        (tmp_path / name).mkdir()
        manifest.write(tmp_path / name, {"choices": choices | {"inventory": hosts}})
        done = repro("run", *(word.replace("DIR", name) for word in option), MTCP_BIN="", PATH=f"{tmp_path}/bin:{os.environ['PATH']}")
        assert done.returncode == (2 if hosts else 3) and said in done.stderr, done.stderr


def test_settings_are_put_back_the_youngest_first(tmp_path):
    knob = tmp_path / "knob"
    knob.write_text("1\n")
    kept = Upkeep(tmp_path / "undo.json")
    setting = Setting(kept)
    setting.write("knob", str(knob), "2")
    mark = kept.mark()
    setting.write("knob", str(knob), "3")
    setting.write("none", str(tmp_path / "no" / "such"), "3")
    setting.write("refused", "/proc/version", "3")
    assert setting.about["set"] == {"knob": "3"} and [text.split(":")[0] for text in setting.about["refused"]] == ["none=3", "refused=3"]
    assert kept.restore(mark) == [] and knob.read_text() == "2\n"
    assert kept.restore() == [] and knob.read_text() == "1\n" and not (tmp_path / "undo.json").exists()


def test_what_one_that_was_killed_left_set_is_put_back_by_the_next(tmp_path):
    knob = tmp_path / "knob"
    knob.write_text("before\n")
    Setting(Upkeep(tmp_path / "undo.json")).write("knob", str(knob), "after")
    assert knob.read_text() == "after\n"
    Upkeep(tmp_path / "undo.json")
    assert knob.read_text() == "before\n" and not (tmp_path / "undo.json").exists()


def test_what_cannot_be_put_back_is_kept_and_told(tmp_path):
    knob, other, undo = tmp_path / "knob", tmp_path / "other", tmp_path / "undo.json"
    for path in (knob, other):
        path.write_text("1\n")
    kept = Upkeep(undo)
    setting = Setting(kept)
    for path in (knob, other):
        setting.write(path.name, str(path), "2")
    knob.unlink()
    knob.mkdir()
    assert len(kept.restore()) == 1 and other.read_text() == "1\n"
    assert [step["path"] for step in json.loads(undo.read_text())["steps"]] == [str(knob)]
    with pytest.raises(CannotRun, match="settings of an earlier run could not be put back: .*: put them back, then remove"):
        Upkeep(undo)
    knob.rmdir()
    Upkeep(undo)
    assert knob.read_text() == "1\n" and not undo.exists()


def test_settings_of_an_earlier_boot_are_gone_by_themselves(tmp_path):
    knob, undo = tmp_path / "knob", tmp_path / "undo.json"
    knob.write_text("now\n")
    undo.write_text(json.dumps({"boot": "another", "steps": [{"path": str(knob), "value": "then"}]}))
    Upkeep(undo)
    assert knob.read_text() == "now\n" and not undo.exists()


@pytest.mark.netns
def test_addresses_come_back_with_their_routes(namespaces):
    code = """
import re
from pathlib import Path
from runner import procs, upkeep
def ip(*words): return procs.call(["ip", *words])
def now(): return re.sub("[0-9]+sec", "some sec", ip("-4", "address", "show", "dev", "v0")), ip("-4", "route", "show")
for words in ("link add v0 type veth peer name v1", "link set v0 up", "link set v1 up", "address add 10.0.0.1/24 brd + label v0:x dev v0",
              "address add 10.0.0.2/24 dev v0", "address add 10.0.0.9/24 dev v0 valid_lft 5000 preferred_lft 5000", "route add 10.5.0.0/16 dev v0",
              "route add 10.6.0.0/16 via 10.5.0.1 metric 7"):
    ip(*words.split())
kept = upkeep.Upkeep(Path("/proc/self/none"))
kept._keep = lambda: None
before = now()
setting = upkeep.Setting(kept)
setting.addresses("v0", [])
assert now()[0] == now()[1] == "", now()
setting.addresses("v0", ["10.0.0.77/24"])
ip("address", "del", "10.0.0.77/24", "dev", "v0")  # as if it had been put back already
assert kept.restore() == [] and now() == before, (before, now())
"""
    enter = ["unshare", "-n"] if os.geteuid() == 0 else ["unshare", "-Urn"]
    done = subprocess.run([*enter, "/usr/bin/python3", "-c", code], env=os.environ | {"PYTHONPATH": str(ROOT / "experiments")},
                          capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


PROGRAM = """#!/bin/sh
echo $$ >"$0.pid"
echo '{"event":"settings","set":{"a":1},"refused":[]}' >&2
echo ready mtcp-server kernel 127.0.0.1:1 >&2
exec sleep 60
"""


class Agent:
    """A session with an agent on this machine; nothing is set by it."""

    def __init__(self, folder, lease=60.0):
        self.folder = folder
        code = f"from runner import agent; agent.LEASE_S = {lease}; raise SystemExit(agent.main({str(folder)!r}))"
        self.process = subprocess.Popen(["/usr/bin/python3", "-c", code], env=os.environ | {"PYTHONPATH": str(ROOT / "experiments"), "PYTHONDONTWRITEBYTECODE": "1"},
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.said = json.loads(self.process.stdout.readline())

    def ask(self, do, **words):
        self.process.stdin.write(json.dumps({"id": 1, "do": do} | words) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def start(self, text=PROGRAM):
        """A stand-in for a server; its process id, and what the agent answered."""
        path = self.folder / "mtcp-server"
        path.write_text(text)
        path.chmod(0o755)
        answer = self.ask("start", argv=[str(path)], serves=True, timeout=0)
        return int((self.folder / "mtcp-server.pid").read_text()), answer


def alive(pid):
    try:
        return (Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]) != "Z"
    except OSError:
        return False


def gone(pid, seconds=30.0):
    deadline = time.monotonic() + seconds
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not alive(pid)


@pytest.fixture
def agent(tmp_path):
    found = Agent(tmp_path)
    yield found
    found.process.kill()
    found.process.wait()


def test_an_agent_answers_and_ends_with_its_session(agent):
    assert agent.said == {"id": 0, "answer": None} and abs(agent.ask("clock")["answer"] - time.time()) < 5
    pid, answer = agent.start()
    assert answer["answer"] == {"event": "settings", "set": {"a": 1}, "refused": []} and alive(pid)
    agent.process.stdin.close()
    assert agent.process.wait(10) == 0 and gone(pid)
    assert not list(agent.folder.glob("scratch-*"))


def test_what_fails_is_an_answer_too(agent):
    _, answer = agent.start("#!/bin/sh\necho $$ >$0.pid\necho no such device >&2\nexit 3\n")
    assert answer == {"id": 1, "error": "mtcp-server ended with status 3: no such device", "code": 3}
    assert "answer" in agent.ask("clock")


@pytest.mark.parametrize("script, error", [("exit 1", "mtcp-server ended with status 1: ready"), ("trap 'exit 130' TERM; kill -TERM $$", "row.json: no result: "),
                                           ("trap 'echo {} >$4; exit 130' TERM; kill -TERM $$", None)])
def test_a_server_that_ended_beside_its_load_has_failed(agent, script, error):
    """It is not more than this machine can."""
    pid, _ = agent.start(f'#!/bin/sh\nset -- x y "$@"; echo $$ >"$0.pid"; echo ready mtcp-server >&2; {script}\n')
    assert gone(pid)
    answer = agent.ask("result")
    assert answer["error"].startswith(error) and answer["code"] is None if error else answer["answer"] == {}, answer


def test_programs_end_with_an_agent_that_is_killed(agent):
    pid, _ = agent.start()
    agent.process.send_signal(signal.SIGKILL)
    assert gone(pid)


def test_an_agent_that_is_terminated_ends_in_good_order(agent):
    """Also while it waits for its window."""
    pid, _ = agent.start()
    agent.process.stdin.write(json.dumps({"id": 2, "do": "window", "at": time.time() + 60, "seconds": 1, "cores": [0]}) + "\n")
    agent.process.stdin.flush()
    time.sleep(0.2)
    agent.process.send_signal(signal.SIGTERM)
    assert agent.process.wait(10) == 0 and gone(pid) and not list(agent.folder.glob("scratch-*"))


def test_one_run_at_a_time_on_a_host(agent):
    second = Agent(agent.folder)
    assert second.said == {"id": 0, "error": "another ./repro run is at work on this host", "code": 3} and second.process.wait(10) == 3


def test_an_agent_that_hears_nothing_ends(tmp_path):
    found = Agent(tmp_path, lease=3.0)
    pid, _ = found.start()
    assert found.process.wait(30) == 0 and gone(pid)


PROFILE = {"sysctl": [], "ethtool": {}, "iface": {}}


def test_hugepages_stay_until_the_session_ends(tmp_path, monkeypatch):
    pages = tmp_path / "nr_hugepages"
    pages.write_text("4\n")
    monkeypatch.setattr(agents, "_NR_HUGEPAGES", pages)
    found = agents.Agent(tmp_path / "dir")
    assert found.do_reserve(8) == 8
    for _ in range(2):
        found.do_prepare(PROFILE, "", [], [], None, [], False)
        assert pages.read_text() == "8\n" and found.do_end() == []
    assert pages.read_text() == "8\n" and found.do_reserve(3) == 8 and pages.read_text() == "8\n"
    assert found._upkeep.restore() == [] and pages.read_text() == "4\n"
    found._ends.close()


def test_a_folder_that_others_can_write_to_is_refused(tmp_path):
    agents.Agent(tmp_path / "own")._ends.close()
    (tmp_path / "link").symlink_to(tmp_path / "own")
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o775)
    for name in ("link", "open"):
        with pytest.raises(CannotRun, match="has to be a folder of root's own, writable by nobody else"):
            agents.Agent(tmp_path / name)


def test_the_kernel_has_no_address_beside_a_card_of_ours(monkeypatch, tmp_path):
    """Neither on its own port nor on the one that a device of ours is on: it would answer for both."""
    found = inventory.parse(Path("hosts.yml"), listed({"mtcp_device": "pci:0000:41:00.0"}, {"mtcp_device": "af_packet:eth2"}))
    asked = {}

    class Host:
        def __init__(self, host):
            self.host = host

    def answer(remotes, do, each):
        asked.update({remote.host.name: each(remote) for remote in remotes})
        return {name: {"set": {}, "refused": []} for name in asked}

    monkeypatch.setattr(cluster, "all_at_once", answer)
    ours, kernel = (next(run for run in runs("accept-rate") if run.ours is wanted) for wanted in (True, False))
    for run, silent in ((ours, ["eth1"]), (kernel, [])):
        cluster.Cluster(found)._prepare(run, [Host(host) for host in found.hosts], {})
        assert asked["a"]["silent"] == silent and asked["b"]["silent"] == ["eth2"] and asked["b"]["interface"] == "eth1"
    assert asked["a"]["interface"] == "eth1"
    cleared = []
    monkeypatch.setattr(upkeep.Setting, "addresses", lambda self, interface, wanted: cleared.append((interface, wanted)))
    there = agents.Agent(tmp_path / "dir")
    there.do_prepare(PROFILE, "", [], ["eth1"], None, [], False)
    there._ends.close()
    assert cleared == [("eth1", [])]


class Answers:
    """A host whose clock is off by another value each time it is asked."""

    def __init__(self, host, *offsets):
        self.host, self.clock, self._offsets = host, Clock(0, 0), iter(offsets)

    def measure_clock(self):
        self.clock = Clock(next(self._offsets), 0.001)
        return self.clock


def test_clocks_are_compared_before_each_run_and_the_worst_is_kept(monkeypatch):
    hosts = cluster.Cluster(parse())
    hosts.clocks = {name: {"offset_ms": None, "bound_ms": None} for name in "ab"}
    there = [Answers(hosts.inventory.server, 0.002, -0.03, 0.001), Answers(hosts.inventory.clients[0], 0.0, 0.0, 0.06)]
    asked = []
    monkeypatch.setattr(hosts, "_prepare", lambda *words: asked.append(words) or (_ for _ in ()).throw(ChildFailed("enough")))
    for _ in range(2):
        with pytest.raises(ChildFailed):
            hosts._measure(runs("accept-rate")[0], there, {})
    assert there[0].clock == Clock(-0.03, 0.001) and hosts.clocks["a"] == {"offset_ms": -30.0, "bound_ms": 1.0}
    with pytest.raises(CannotRun, match="host b: its clock is .* from ours"):
        hosts._measure(runs("accept-rate")[0], there, {})
    assert hosts.clocks == {"a": {"offset_ms": -30.0, "bound_ms": 1.0}, "b": {"offset_ms": 60.0, "bound_ms": 1.0}} and len(asked) == 2


def test_a_row_is_kept_when_settings_cannot_be_put_back(monkeypatch):
    hosts, run = cluster.Cluster(parse()), runs("accept-rate")[0]
    hosts.remotes = {host.name: Answers(host) for host in hosts.inventory.hosts}
    monkeypatch.setattr(hosts, "_together", lambda *_: rows.Row(notes=None, transactions=1))
    monkeypatch.setattr(cluster, "all_at_once", lambda *_: {"a": [], "b": ["knob: no such file"]})
    row = hosts.measure(run, {}, None)
    assert row["transactions"] == 1 and row["notes"] == "settings could not be put back: host b: knob: no such file"
    with pytest.raises(CannotRun, match="could not be put back: host b: knob"):
        hosts.measure(run, {}, None)


def test_other_sources_than_ours_are_refused():
    ours = {"commit": "1" * 40, "dirty": True, "diff": "abc", "untracked": {}}
    host = parse({"mtcp_sources": "/srv/mtcp"}).server
    for same in (ours, {"commit": None, "dirty": None, "diff": None}):
        cluster.check_source(host, same, ours)
    cluster.check_source(parse().server, ours | {"commit": "2" * 40}, ours)
    for other, said in ((ours | {"commit": "2" * 40}, "commit 222222222222 with changes abc"), (ours | {"diff": None}, "commit 111111111111")):
        with pytest.raises(CannotRun, match=f"host a: mtcp_sources /srv/mtcp are {said}, here they are commit 111111111111 with changes abc"):
            cluster.check_source(host, other, ours)
    assert set(manifest.source()) == set(ours)


@pytest.mark.parametrize("interface, connection, said", [
    ("eth0", "192.0.2.9 4711 10.1.0.1 22", "is the one that this host is reached by"),
    ("bond0", "192.0.2.9 4711 10.1.0.1 22", "is the one that this host is reached by"),
    ("eth2", "fe80::1%eth2 4711 fe80::2 22", "is the one that this host is reached by"),
    ("eth2", "192.0.2.9 4711 10.1.0.1 22", "has the default route"),
    ("eth9", "::ffff:192.0.2.9 4711 10.1.0.1 22", "is the one that this host is reached by"),
    ("eth3", "", "has the default route"),
    ("eth1", "192.0.2.9 4711 10.1.0.1 22", ""),
])
def test_no_part_of_the_way_that_a_host_is_reached_by_is_taken(monkeypatch, tmp_path, interface, connection, said):
    """By bond0.7, a VLAN on a bond of eth0 and eth9; IPv4's default route has two ways, eth2 the one of IPv6."""
    routes = {"route get 192.0.2.9": [{"dst": "192.0.2.9", "dev": "bond0.7"}], "-6 route show default": [{"dev": "eth2"}],
              "-4 route show default": [{"dst": "default", "nexthops": [{"dev": "eth3"}, {"dev": "eth4"}]}]}
    for path in ("bond0.7/lower_bond0", "bond0/lower_eth0", "bond0/lower_eth9", "eth0", "eth1", "eth2"):
        (tmp_path / path).mkdir(parents=True, exist_ok=True)
    monkeypatch.setattr(ports, "NET", tmp_path)
    monkeypatch.setattr(manifest, "output", lambda *words: json.dumps(routes.get(" ".join(words[2:]), [])))
    if not said:
        ports.refuse_control(interface, connection)
        return
    with pytest.raises(CannotRun, match=f"interface {interface} {said}"):
        ports.refuse_control(interface, connection)


def test_interfaces_of_devices(monkeypatch, tmp_path):
    (tmp_path / "0000:41:00.0" / "net" / "ens1f0").mkdir(parents=True)
    monkeypatch.setattr(ports, "_PCI", tmp_path)
    for device in ("pci:0000:41:00.0", "0000:41:00.0,mprq_en=1", "41:00.0"):
        assert ports.of_card(device) == {"ens1f0"} and ports.interface_of(device) == ""
    assert ports.of_card("pci:0000:42:00.0") == ports.of_card("af_packet:eth1") == set()
    for device in ("af_packet:eth1", "af_xdp:eth1,busy=1", "net_af_packet0,iface=eth1,qpairs=2", "net_af_packet0,qpairs=2,iface=eth1"):
        assert ports.interface_of(device) == "eth1"


@pytest.mark.skipif(not shutil.which("ansible-playbook"), reason="ansible-core is not installed (experiments/packages.txt lists it)")
def test_only_what_is_ours_is_cleaned_away(tmp_path):
    folder = tmp_path / "dir"
    for name in ("0123456789ab/build", "0123456789abc", "precious", "scratch-402"):
        (folder / name).mkdir(parents=True)
    for name in ("lock-402", "undo-402.json", "deadbeefdead", "lock-mine"):
        (folder / name).write_text("{}")
    hosts = tmp_path / "hosts.yml"
    hosts.write_text(json.dumps({"server": {"hosts": {"a": {"ansible_connection": "local", "ansible_python_interpreter": "/usr/bin/python3", "mtcp_dir": str(folder)}}}}))
    argv = ["ansible-playbook", "-i", str(hosts), str(ROOT / "experiments" / "cluster" / "clean.yml")]
    before = sorted(path.name for path in folder.iterdir())
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode and "undo-402.json names settings that an interrupted run left" in done.stdout
    assert sorted(path.name for path in folder.iterdir()) == before
    (folder / "undo-402.json").unlink()
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout
    assert sorted(path.name for path in folder.iterdir()) == ["0123456789abc", "deadbeefdead", "lock-mine", "precious"]


def test_hosts_get_the_packages_that_the_build_here_has(root):
    """prepare.yml's list is packages.txt's, without what only measures and draws here."""
    listed = [line.split() for line in (root / "experiments" / "packages.txt").read_text().splitlines() if line and line[0] != "#"]
    run = {words[0] for words in listed if words[1] == "run"}
    text = (root / "experiments" / "cluster" / "prepare.yml").read_text().split("mtcp_needs:", 1)[1].split("tasks:", 1)[0]
    needs = set(re.findall(r"^ +- (\S+)$", text, re.M))
    assert needs <= run and {name for name in run if name.endswith("-dev")} <= needs, needs ^ run
