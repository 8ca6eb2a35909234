# SPDX-License-Identifier: BSD-3-Clause
"""Several server cores of the kernel's stacks: a connection is received, accepted and served on one of them."""
import ctypes
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from apps import serving, wait_for
from runner import cpustat, tuning, words
from runner.netns import CLIENT, CLIENT_ADDRESSES, PEER, SERVER, SERVER_ADDRESS, NetPair
from runner.places import EXPERIMENTS
from test_repro_kernel import told

SO_INCOMING_CPU = 49
PIDFD_OPEN, PIDFD_GETFD = 434, 438  # of all architectures
CORES = cpustat.usable_cores()[:2]
LIST = words.cpu_list(CORES)
several = pytest.mark.skipif(len(CORES) < 2, reason="one core has nothing to choose between")


def call(number, *words):
    found = ctypes.CDLL(None, use_errno=True).syscall(number, *words)
    if found < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return found


def waits_by(task):
    """The epoll instance that a thread waits by; None when it does something else."""
    number, *arguments = (task / "syscall").read_text().split()
    return int(arguments[0], 16) if number in ("232", "281") else None


def incoming_cpu(process, fd):
    """Of a socket of another process: the core that last received for it; None for a listener."""
    copy = call(PIDFD_GETFD, process, fd, 0)
    with socket.socket(fileno=copy) as found:
        listens = found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        return None if listens else found.getsockopt(socket.SOL_SOCKET, SO_INCOMING_CPU)


def served(process):
    """Descriptors of connections by core: of each thread that runs there alone."""
    found = {}
    for task in Path(f"/proc/{process.pid}/task").iterdir():
        epoll = waits_by(task)
        if epoll is None:
            continue
        core, = (int(line.split()[1]) for line in (task / "status").read_text().splitlines() if line.startswith("Cpus_allowed_list"))
        watched = [int(line.split()[1]) for line in (task / "fdinfo" / str(epoll)).read_text().splitlines() if line.startswith("tfd")]
        found.setdefault(core, []).append(watched)
    return found


def counts(process):
    """Connections by core, of each of its threads; a thread watches its listener, too."""
    return {core: [len(watched) - 1 for watched in threads] for core, threads in served(process).items()}


def opened(address, core, n):
    """Connections whose SYNs are received on that core: over the loopback it is the sender's."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        return [socket.create_connection(address, 5.0) for _ in range(n)]
    finally:
        os.sched_setaffinity(0, before)


def accepted(process, n):
    """counts() once there are n connections."""
    seen = [{}]
    assert wait_for(lambda: sum(map(sum, seen.append(counts(process)) or seen[-1].values())) == n), seen[-1]
    return seen[-1]


def newer(*version):
    return tuple(map(int, os.uname().release.split("-")[0].split(".")[:2])) >= version


@several
@pytest.mark.parametrize("setting", ["reuseport_cpu", "incoming_cpu"])
def test_a_connection_is_for_the_thread_of_the_core_that_received_it(program, setting):
    if setting == "incoming_cpu" and not newer(6, 2):
        pytest.skip("this kernel does not heed it among listeners of one port")
    wanted = {CORES[0]: [30], CORES[1]: [10]}
    for value in (1, 0):
        sets = [word for name in ("reuseport_cpu", "incoming_cpu") for word in ("--set", f"{name}={value if name == setting else 0}")]
        with serving(program("mtcp-server"), "--stack", "kernel-reuseport", "--cores", LIST, "--listen", "127.0.0.1:0", *sets) as server:
            assert told(server)["set"][setting] == value and not [text for text in told(server)["refused"] if "cpu=" in text]
            peers = [peer for core, (n,) in wanted.items() for peer in opened(server.address, core, n)]
            assert (accepted(server.process, 40) == wanted) == bool(value)
            for peer in peers:
                peer.close()


@several
def test_threads_that_share_a_core_share_what_it_receives(program):
    """More threads than cores, as a descriptor table holds few; what another core receives goes by the kernel's hash."""
    few = ["prlimit", "--nofile=400:400", *(["setpriv", "--bounding-set", "-sys_resource"] if os.geteuid() == 0 else [])]
    with serving(*few, program("mtcp-server"), "--stack", "kernel-reuseport", "--cores", LIST, "--max-conns", "700", "--listen", "127.0.0.1:0") as server:
        assert wait_for(lambda: {core: len(threads) for core, threads in served(server.process).items()} == {CORES[0]: 2, CORES[1]: 1})
        peers = opened(server.address, CORES[0], 60)
        found = accepted(server.process, 60)
        assert sum(found[CORES[0]]) == 60 and min(found[CORES[0]]) > 10, found
        peers += opened(server.address, CORES[1], 20)
        assert accepted(server.process, 80) == found | {CORES[1]: [20]}
        for peer in peers:
            peer.close()
    with serving(program("mtcp-server"), "--stack", "kernel-reuseport", "--cores", str(CORES[0]), "--set", "reuseport_cpu=1", "--listen", "127.0.0.1:0") as server:
        peers = opened(server.address, CORES[1], 10)
        assert accepted(server.process, 10) == {CORES[0]: [10]}
        for peer in peers:
            peer.close()


def test_which_stacks_choose_by_core(program):
    for stack, cores, wanted in (("kernel-reuseport", LIST, len(CORES) > 1), ("kernel-reuseport", str(CORES[0]), False), ("kernel-tuned", LIST, False), ("kernel", LIST, False)):
        with serving(program("mtcp-server"), "--stack", stack, "--cores", cores, "--listen", "127.0.0.1:0") as server:
            assert (told(server)["set"]["reuseport_cpu"], told(server)["set"]["incoming_cpu"]) == (wanted, 0), (stack, cores)
    for sets in (("reuseport_cpu=1",), ("reuseport_cpu=1", "incoming_cpu=1")):  # one listener for all: nothing to choose between
        with serving(program("mtcp-server"), "--stack", "kernel", "--listen", "127.0.0.1:0", *(word for text in sets for word in ("--set", text))) as server:
            assert not told(server)["set"]["reuseport_cpu"] and not told(server)["refused"]


def test_each_queue_has_its_cores():
    assert tuning.queue_masks([0, 1, 2, 3], 4) == ["1", "2", "4", "8"] and tuning.queue_masks([4, 5], 1) == ["30"]
    assert tuning.queue_masks([0, 1, 2, 3, 4], 2) == ["15", "a"] and tuning.queue_masks([8, 33], 3) == ["100", "2,0", "100"]


STEER = """import json, sys, pathlib
from runner import upkeep
kept = upkeep.Upkeep(pathlib.Path(sys.argv[1]))
setting = upkeep.Setting(kept)
setting.steer("srv0", [0, 1])
now = [pathlib.Path(f"/sys/class/net/srv0/queues/rx-{n}/rps_cpus").read_text() for n in range(3)]
print(json.dumps([setting.about, now, kept.restore()]))"""


@several
@pytest.mark.netns
def test_a_cards_queues_go_to_a_core_each(namespaces, tmp_path):
    """Of a host of an inventory."""
    with NetPair(namespaces, (3, 1)) as pair:
        done = subprocess.run(pair.inside(SERVER, [sys.executable, "-c", STEER, str(tmp_path / "undo")]), env=os.environ | {"PYTHONPATH": str(EXPERIMENTS)},
                              capture_output=True, text=True, timeout=30)
        about, now, left = json.loads(done.stdout)
    if about["refused"]:
        pytest.skip(about["refused"][0])
    assert [int(mask.replace(",", ""), 16) for mask in now] == [1, 2, 1] and not left
    assert [about["set"][f"srv0 rx-{n} rps_cpus"] for n in range(3)] == [mask.strip() for mask in now]


CONNECT = """import socket, sys
peers = []
for place in range(int(sys.argv[2])):
    peers.append(socket.create_connection((sys.argv[1], 9000), 5.0, ("10.0.0.%d" % (2 + place % 8), 0)))
    peers[-1].sendall(bytes(64))
for peer in peers:
    assert len(peer.recv(64, socket.MSG_WAITALL)) == 64
print("open", flush=True)
sys.stdin.read()"""


@several
@pytest.mark.netns
def test_over_veth_a_connection_stays_on_its_core(namespaces, program):
    """What is received is worked on by both cores, a connection by one of them, whose thread accepts and serves it."""
    with NetPair(namespaces, (2, 3)) as pair:
        record = tuning.apply(pair, "kernel-reuseport", CORES, CORES)
        if not record["steering"]:
            pytest.skip(record["refused"][0])
        assert (record["set"][f"{SERVER} srv0 receive queues"], record["set"][f"{CLIENT} cli0 receive queues"]) == ("2", "3")
        assert {int(record["set"][f"{SERVER} srv0 rx-{n} rps_cpus"].replace(",", ""), 16) for n in (0, 1)} == {sum(1 << core for core in CORES)}
        pair.give_addresses(SERVER, (SERVER_ADDRESS,), "srv0")
        pair.give_addresses(CLIENT, CLIENT_ADDRESSES, PEER)
        for value in (1, 0):
            argv = pair.inside(SERVER, [str(program("mtcp-server")), "--stack", "kernel-reuseport", "--cores", LIST, "--listen", f"{SERVER_ADDRESS}:9000",
                                        "--set", f"reuseport_cpu={value}"])
            load = pair.inside(CLIENT, [sys.executable, "-c", CONNECT, SERVER_ADDRESS, "64"])
            with serving(*argv) as server, subprocess.Popen(load, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as peers:
                assert peers.stdout.readline() == "open\n"
                assert wait_for(lambda: len(served(server.process)) == 2)
                handle = call(PIDFD_OPEN, server.process.pid, 0)
                cores = {core: [incoming_cpu(handle, fd) for fd in threads[0]] for core, threads in served(server.process).items()}
                os.close(handle)
                peers.stdin.close()
            print(value, cores)
            received = [(core, by) for core, all_of in cores.items() for by in all_of if by is not None]
            assert len(received) == 64 and min(sum(core == own for own, _ in received) for core in CORES) > 10
            assert all(core == by for core, by in received) == bool(value)
