# SPDX-License-Identifier: BSD-3-Clause
"""What the kernel's stacks set, and say that they set."""
import json
import os
import shutil
import subprocess

import pytest
from apps import Peer, row_of, serving
from conftest import ROOT
from runner import doctor, tuning
from runner.netns import CLIENT, SERVER


def told(server):
    """The server's word on its settings."""
    line, = (line for line in server.said if line.startswith("{"))
    return json.loads(line)


def started(program, stack, *words, cores=()):
    sets = [word for setting in words for word in ("--set", setting)]
    cores = ["--cores", ",".join(map(str, cores))] if cores else []
    return serving(program("mtcp-server"), "--stack", stack, "--listen", "127.0.0.1:0", *cores, *sets)


def test_a_server_says_what_is_in_force(program):
    with started(program, "kernel-tuned", "busy_poll_us=40", "defer_accept_s=1", "cubic=1", "reuseport=0") as server:
        found = told(server)
    assert found["event"] == "settings" and not [text for text in found["refused"] if text.startswith(("defer", "cubic"))]
    assert (found["set"]["reuseport"], found["set"]["pin"], found["set"]["cubic"]) == (0, 1, 1)
    assert found["set"]["defer_accept_s"] >= 1 and ("busy_poll_us" in found["set"] or found["refused"])


def test_plain_kernel_sets_nothing(program):
    with started(program, "kernel") as server:
        found = told(server)["set"]
    assert not any(found[name] for name in ("reuseport", "pin", "edge", "spin", "quickack", "defer_accept_s", "busy_poll_us"))


@pytest.mark.parametrize("setting, said", [
    ("deferaccept=1", "known are reuseport reuseport_cpu"), ("pin=2", "at most 1"), ("pin=x", "wants key=number"), ("pin=1 2", "wants key=number"),
])
def test_wrong_settings_are_named(program, setting, said):
    done = subprocess.run([program("mtcp-server"), "--stack", "kernel", "--set", setting], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and said in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize("settings", [(), ("edge=1",), ("spin=1",), ("quickack=1", "defer_accept_s=1", "cubic=1"),
                                      ("busy_poll_us=20", "epoll_poll_us=20", "prefer_busy_poll=1", "busy_poll_budget=16")])
def test_each_setting_serves(program, settings):
    with started(program, "kernel-tuned", *settings) as server:
        row = row_of([program("mtcp-load"), "--stack", "kernel", "--target", "%s:%d" % server.address, "--concurrency", 50,
                      "--messages", 3, "--warmup", 0.1, "--seconds", 0.3, "--json", "-"])
    assert row["transactions"] > 100 and row["failed"] == 0


def test_a_first_message_may_come_with_the_syn(program, tmp_path):
    """In a namespace of its own, where the kernel may be told to take it."""
    script = tmp_path / "run.sh"
    script.write_text(f"""ip link set lo up; sysctl -qw net.ipv4.tcp_fastopen=3
{program("mtcp-server")} --stack kernel-tuned --set fastopen=128 --listen 127.0.0.1:9000 2>{tmp_path}/said &
until grep -q ^ready {tmp_path}/said; do kill -0 $! || exit 1; sleep 0.05; done
{program("mtcp-load")} --stack kernel --set fastopen=1 --target 127.0.0.1:9000 --concurrency 5 --connections 200 --json -
grep ^TcpExt: /proc/net/netstat
kill $!
wait
""")
    done = subprocess.run(["unshare", "-rn", "sh", script], capture_output=True, text=True, timeout=60)
    if "unshare" in done.stderr:
        pytest.skip(done.stderr.splitlines()[0])
    row, names, values = done.stdout.splitlines()
    assert json.loads(row)["transactions"] == 200 and json.loads(row)["failed"] == 0
    assert int(dict(zip(names.split(), values.split()))["TCPFastOpenPassive"]) > 150


@pytest.mark.netns
def test_a_first_write_that_only_opens_is_written_again(program, tmp_path):
    """Where the cookie has gone meanwhile the SYN takes no data, and the write says EINPROGRESS: no failure."""
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")
    script = tmp_path / "run.sh"
    script.write_text(f"""ip link set lo up; sysctl -qw net.ipv4.tcp_fastopen=3
{program("mtcp-server")} --stack kernel-tuned --set fastopen=128 --listen 127.0.0.1:9000 2>{tmp_path}/said &
server=$!
until grep -q ^ready {tmp_path}/said; do kill -0 $server || exit 1; sleep 0.05; done
while :; do ip tcp_metrics flush || exit; done &
forgets=$!
strace -f -o {tmp_path}/calls -e trace=sendto -e inject=sendto:delay_enter=500 \
    {program("mtcp-load")} --stack kernel --set fastopen=1 --target 127.0.0.1:9000 --concurrency 5 --connections 2000 --json -
kill $forgets $server
wait
""")
    done = subprocess.run(["unshare", "-n", "sh", script], capture_output=True, text=True, timeout=60)
    row = json.loads(done.stdout)
    assert (tmp_path / "calls").read_text().count("EINPROGRESS") > 3
    assert row["transactions"] == 2000 and row["failed"] == 0


def test_a_part_changes_the_profile():
    found = tuning.profile("kernel-tuned", {"steering": True, "server": {"spin": 1}, "ethtool": {"gro": "on"},
                                            "sysctl": {"net.ipv4.tcp_sack": "0"}})
    assert found["steering"] and found["server"]["spin"] == 1 and found["ethtool"]["gro"] == "on"
    assert found["sysctl"][-1] == {"key": "net.ipv4.tcp_sack", "value": "0"}
    assert tuning.profile("kernel-tuned")["sysctl"] == found["sysctl"][:-1]


@pytest.mark.netns
def test_interfaces_are_set_and_read_back(netns_pair):
    change = {"ethtool": {"gro": "on"}, "iface": {"gro_flush_timeout": "12000", "nosuch": "1"},
              "sysctl": {"net.ipv4.tcp_no_metrics_save": "1", "net.ipv4.tcp_congestion_control": "nosuch"}}
    record = tuning.apply(netns_pair.pair, "kernel-tuned", [0], [0], change)
    assert record["set"]["server srv0 gro"] == "on" and record["set"]["client cli0 gro"] == "on"
    assert record["set"]["server srv0 gro_flush_timeout"] == "12000"
    assert not any("cli0" in text for text in (*record["set"], *record["refused"]) if "gro_flush_timeout" in text or "nosuch=" in text)
    assert record["set"]["client net.ipv4.tcp_no_metrics_save"] == "1"
    refused = " ".join(record["refused"])
    assert "nosuch=1" in refused and "tcp_congestion_control=nosuch" in refused
    assert {text.split()[0] for text in record["refused"]} <= {SERVER, CLIENT}


def test_the_manifest_has_the_servers_word(repro, tmp_path):
    repro("run", "kernel-knobs", "--quick", "--baseline", "kernel-tuned", "--out", "out", FAKE_SECONDS="0.01")
    about = json.loads((tmp_path / "out" / "manifest.json").read_text())
    found = about["settings"]["kernel-tuned spin"]
    assert found["set"]["server spin"] == "1" and "server spin=1: fake" in found["refused"]


def test_every_setting_of_the_experiment_is_a_setting(program):
    """A part of kernel-knobs that names a wrong one would only fail when it runs."""
    from runner import scenario

    settings = {(stack, f"{key}={value}") for part in scenario.load_all()["kernel-knobs"].parts for stack in part.stacks
                for key, value in part.tuning.get("server", {}).items()}
    for stack in {stack for stack, _ in settings}:
        if stack == "kernel-uring" and doctor.uring_refusal():
            continue
        with started(program, stack, *(setting for of, setting in settings if of == stack)) as server:
            assert told(server)["set"]
    text = (ROOT / "docs" / "baselines.md").read_text()
    for _, setting in settings:
        assert setting.split("=")[0] in text, setting


def test_every_part_of_the_experiment_changes_something(program):
    """A setting that is in force anyhow would be measured, and its noise be told as its worth."""
    from runner import scenario

    cores = sorted(os.sched_getaffinity(0))
    for part in scenario.load_all()["kernel-knobs"].parts:
        here = cores[:2] if part.load.get("cores", 1) > 1 else cores[:1]
        for stack in part.stacks if "server" in part.tuning else ():
            if (stack == "kernel-uring" and doctor.uring_refusal()) or len(here) < min(2, part.load.get("cores", 1)):
                continue
            with started(program, stack, cores=here) as server:
                without = told(server)
            with started(program, stack, *(f"{key}={value}" for key, value in part.tuning["server"].items()), cores=here) as server:
                found = told(server)
            assert (found["set"], found["refused"]) != (without["set"], without["refused"]), part.name
            assert "pin" not in part.tuning["server"] or len(here) > 1  # to one core all are pinned anyhow


def test_pipelined_requests_are_all_answered(program):
    with started(program, "kernel-tuned") as server, Peer(server.address) as peer:
        messages = [bytes([65 + number]) * 64 for number in range(20)]
        peer.send(b"".join(messages))
        assert [peer.exactly(64) for _ in messages] == messages
