# SPDX-License-Identifier: BSD-3-Clause
"""The stack kernel-uring: the same server behind io_uring. What all kernel stacks do is in test_apps.py; here what could go
wrong with shared buffers, with sends that are under way, and where io_uring is not allowed."""
import json
import os
import random
import resource
import signal
import socket
import struct
import subprocess
import time

import pytest
from apps import Peer, Server, make_site, row_of, serving, wait_for

GET = b"GET /%s HTTP/1.1\r\nHost: a\r\n\r\n"
URING = ("--stack", "kernel-uring", "--listen", "127.0.0.1:0")


@pytest.fixture(scope="module", autouse=True)
def allowed():
    from runner import doctor

    if doctor.uring_refusal():
        pytest.skip(f"io_uring: {doctor.uring_refusal()}")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    return make_site(tmp_path_factory.mktemp("site"), {"one.txt": 1, "page.html": 1500, "mega.bin": 1 << 20, "big.bin": 20 << 20})


@pytest.fixture(scope="module")
def web(program, site):
    with serving(program("mtcp-server"), *URING, "--app", "http", "--root", site) as server:
        yield server


def calm(server):
    """Does it sleep?"""
    before = server.cpu_seconds()
    time.sleep(0.5)
    return server.cpu_seconds() - before < 0.1


def target(server):
    return "%s:%d" % server.address


@pytest.mark.parametrize("name", ["one.txt", "page.html", "mega.bin", "big.bin"])
def test_every_byte(web, site, tmp_path, name):
    out = tmp_path / "out"
    subprocess.run(["curl", "-sS", "-f", "-o", out, f"http://{target(web)}/{name}"], check=True, timeout=60)
    subprocess.run(["cmp", out, site / name], check=True)


def test_half_closed_and_closed_with_sends_under_way(web):
    with Peer(web.address) as peer:
        peer.send(GET % b"one.txt" + GET % b"mega.bin" + GET % b"mega.bin")
        peer.socket.shutdown(socket.SHUT_WR)
        assert peer.response()[2] == b"\0" and len(peer.response()[2]) == len(peer.response()[2]) == 1 << 20 and peer.closed()
    with Peer(web.address) as peer:  # the server closes: all it had to say comes before its end
        peer.send(b"GET /mega.bin HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert len(peer.response()[2]) == 1 << 20 and peer.closed()


def test_who_only_sends_is_held_back_and_takes_nobodys_buffers(web):
    """More such connections than there are buffers for: others are served, and the server neither grows nor spins."""
    before = web.memory_kb()
    peers = [Peer(web.address) for _ in range(300)]
    try:
        for peer in peers:
            peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)  # soon full
            peer.socket.setblocking(False)
            try:
                for _ in range(20):
                    peer.socket.send(GET % b"mega.bin" * 2000)
            except BlockingIOError:
                pass
        assert wait_for(lambda: calm(web), 20), "once all buffers on the way are full there is nothing to do"
        with Peer(web.address) as other:
            other.send(GET % b"page.html")
            assert len(other.response()[2]) == 1500
    finally:
        for peer in peers:
            peer.socket.close()
    # of each 64 KB to be sent, and up to 128 KB that came at once and were set aside; the buffers of all
    assert web.memory_kb() - before < 300 * 220 + 20_000
    with Peer(web.address) as other:
        other.send(GET % b"page.html")
        assert len(other.response()[2]) == 1500


def test_resets_at_any_time(web):
    rng = random.Random(1)
    for _ in range(200):
        with Peer(web.address) as peer:
            peer.send((GET % rng.choice([b"one.txt", b"mega.bin"]) * rng.randrange(1, 9))[: rng.randrange(1, 300)])
            peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with Peer(web.address) as peer:
        peer.send(GET % b"one.txt")
        assert peer.response()[2] == b"\0"


def test_a_full_server_waits_without_spinning(program):
    with serving(program("mtcp-server"), *URING, "--max-conns", "50") as server:
        peers = [Peer(server.address) for _ in range(200)]
        try:
            for peer in peers:
                peer.send(b"m" * 64)
            assert wait_for(lambda: sum(not peer.silent(0) for peer in peers) >= 50) and wait_for(lambda: calm(server))
            served = [peer for peer in peers if not peer.silent(0)]
            assert len(served) == 50
            for peer in served:
                peer.socket.close()
            waiting = [peer for peer in peers if peer not in served]
            assert wait_for(lambda: sum(not peer.silent(0) for peer in waiting) == 50)
        finally:
            for peer in peers:
                peer.socket.close()


@pytest.mark.parametrize("settings", [(), ("sqpoll=1",), ("spin=1",), ("reuseport=0", "quickack=1", "busy_poll_us=20")])
@pytest.mark.parametrize("sizes", [(), ("--message-bytes", 200000, "--response-bytes", 300000)])
def test_load(program, settings, sizes):
    sets = [word for setting in settings for word in ("--set", setting)]
    with serving(program("mtcp-server"), *URING, *sets, *sizes) as server:
        row = row_of([program("mtcp-load"), "--stack", "kernel", "--target", target(server), *sizes, "--concurrency", 30,
                      "--messages", 3, "--connections", 150, "--json", "-"])
    assert row["transactions"] == 450 and row["failed"] == 0


@pytest.mark.parametrize("direction", ["up", "down"])
def test_bulk(program, direction):
    with serving(program("mtcp-server"), *URING, "--app", "bulk") as server:
        row = row_of([program("mtcp-load"), "--stack", "kernel", "--app", "bulk", "--target", target(server), "--direction", direction,
                      "--concurrency", 2, "--warmup", 0.2, "--seconds", 0.5, "--json", "-"])
    assert row["failed"] == 0 and row["bytes_per_s"] > 1e6


def test_more_connections_than_one_table_holds(program):
    from apps import capless

    def low():
        resource.setrlimit(resource.RLIMIT_NOFILE, (400, 400))

    with serving(*capless(), program("mtcp-server"), *URING, "--max-conns", "1000", preexec_fn=low) as server:
        done = subprocess.run([*capless(), program("mtcp-load"), "--stack", "kernel", "--target", target(server), "--concurrency", "700",
                               "--messages", "2", "--warmup", "1", "--seconds", "1", "--json", "-"], capture_output=True, text=True, preexec_fn=low)
    row = json.loads(done.stdout)
    assert done.returncode == 0 and row["failed"] == 0 and row["transactions"] > 700


def faults_of(program, limit):
    """Pages that a server touched which had one connection and may have so many descriptors."""
    server = Server(["prlimit", f"--nofile={limit}:{limit}", program("mtcp-server"), *URING, "--max-conns", "100"])
    with Peer(server.address) as peer:
        peer.send(b"m" * 64)
        assert len(peer.exactly(64)) == 64
    server.process.send_signal(signal.SIGTERM)
    _, status, used = os.wait4(server.process.pid, 0)
    server.process.returncode = os.waitstatus_to_exitcode(status)
    assert server.process.returncode == 130
    return used.ru_minflt


def test_what_may_be_opened_costs_nothing_until_it_is(program):
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if most < 10_000:
        pytest.skip(f"descriptor limit {most}: too few to tell")
    assert faults_of(program, most) - faults_of(program, 1000) < 100


@pytest.mark.parametrize("name, words, said", [
    ("mtcp-server", ["--stack", "kernel-uring", "--set", "edge=1"], "of epoll"),
    ("mtcp-server", ["--stack", "kernel-tuned", "--set", "sqpoll=1"], "kernel-uring"),
    ("mtcp-load", ["--stack", "kernel-uring", "--target", "127.0.0.1:1"], "a server's")])
def test_wrong_usage(program, name, words, said):
    done = subprocess.run([program(name), *words], capture_output=True, text=True, timeout=20)
    assert done.returncode == 2 and said in done.stderr and done.stderr.count("\n") == 1


def test_without_io_uring_it_is_said_and_skipped(program, tmp_path):
    """A seccomp filter as a container's: io_uring_setup gives EPERM."""
    wrapper = tmp_path / "without.py"
    wrapper.write_text(NO_URING)
    argv = ["/usr/bin/python3", wrapper, program("mtcp-server"), *URING]
    done = subprocess.run([str(word) for word in argv], capture_output=True, text=True, timeout=20)
    assert done.returncode == 3 and "io_uring is not available" in done.stderr and "seccomp" in done.stderr


# PR_SET_NO_NEW_PRIVS, then PR_SET_SECCOMP with a filter: load the call's number; 425: EPERM; else allow.
NO_URING = """
import ctypes, os, struct, sys
code = [(0x20, 0, 0, 0), (0x15, 0, 1, 425), (0x06, 0, 0, 0x00050001), (0x06, 0, 0, 0x7fff0000)]
program = b"".join(struct.pack("HBBI", *line) for line in code)
memory = ctypes.create_string_buffer(program)
record = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(code), ctypes.addressof(memory)))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, record, 0, 0) == 0
os.execv(sys.argv[1], sys.argv[1:])
"""


def test_doctor_sees_it(tmp_path, root):
    wrapper = tmp_path / "without.py"
    wrapper.write_text(NO_URING)
    code = f"import sys; sys.path.insert(0, {str(root / 'experiments')!r}); from runner import doctor; print(doctor.uring_refusal())"
    done = subprocess.run(["/usr/bin/python3", wrapper, "/usr/bin/python3", "-c", code], capture_output=True, text=True, timeout=20)
    assert "not permitted" in done.stdout, done.stderr
