# SPDX-License-Identifier: BSD-3-Clause
"""--app tls: handshakes and messages inside TLS, over the kernel and over a ring; openssl's own client as a second opinion."""
import errno
import json
import random
import socket
import ssl
import subprocess

import pytest
from apps import Peer, need_stack, row_of, serving

URING_TOO = ("kernel", "kernel-uring")
SHORT = ["--concurrency", 10, "--connections", 60, "--json", "-"]


def tls_server(program, *words, stack="kernel"):
    return serving(program("mtcp-server"), "--stack", stack, "--listen", "127.0.0.1:0", "--app", "tls", *words)


def load(program, server, *words):
    return row_of([program("mtcp-load"), "--stack", "kernel", "--target", "%s:%d" % server.address, "--app", "tls", *SHORT, *words])


def context(version):
    found = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    found.check_hostname, found.verify_mode = False, ssl.CERT_NONE
    found.minimum_version = found.maximum_version = version
    return found


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("stack", URING_TOO)
def test_over_the_kernel(program, version, stack):
    need_stack(stack)
    with tls_server(program, "--tls-version", version, stack=stack) as server:
        row = load(program, server, "--tls-version", version, "--messages", 3)
    assert row["failed"] == 0 and row["transactions"] == 180


@pytest.mark.parametrize("words", [(), ("--tls-version", "1.2"), ("--mode", "paired"), ("--tls-resume",), ("--tls-resume", "--under-way", 1),
                                   ("--message-bytes", 16384, "--response-bytes", 16384), ("--message-bytes", 1, "--response-bytes", 5000)])
def test_over_a_ring(program, words):
    row = row_of([program("mtcp-pair"), "--app", "tls", "--messages", 3, *words, *SHORT])
    assert row["failed"] == 0 and row["transactions"] == 180


@pytest.mark.parametrize("key", ["ecdsa", "rsa"])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_another_client_gets_its_echo(program, key, version):
    rng = random.Random(1)
    ours = {ssl.TLSVersion.TLSv1_2: "1.2", ssl.TLSVersion.TLSv1_3: "1.3"}[version]
    with tls_server(program, "--tls-key", key, "--tls-version", ours, "--message-bytes", 200, "--response-bytes", 300) as server:
        with Peer(server.address) as peer, context(version).wrap_socket(peer.socket) as inside:
            assert inside.version() == f"TLSv{ours}"
            certificate = inside.getpeercert(binary_form=True)
            for _ in range(20):
                message = rng.randbytes(200)
                for at in range(0, 200, 70):
                    inside.send(message[at:at + 70])
                back = b""
                while len(back) < 300:
                    back += inside.recv(300 - len(back))
                assert back == (message[:64] * 5)[:300]
    text = subprocess.run(["openssl", "x509", "-inform", "der", "-noout", "-text"], input=certificate, capture_output=True, check=True).stdout
    assert (b"prime256v1" if key == "ecdsa" else b"2048 bit") in text


@pytest.mark.parametrize("resume, reused", [((), False), (("--tls-resume",), True)])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_sessions_are_taken_up_only_when_asked(program, resume, reused, version):
    ours = {ssl.TLSVersion.TLSv1_2: "1.2", ssl.TLSVersion.TLSv1_3: "1.3"}[version]
    with tls_server(program, "--tls-version", ours, *resume) as server:
        client, session = context(version), None
        for time in range(3):
            with Peer(server.address) as peer, client.wrap_socket(peer.socket, session=session) as inside:
                inside.send(b"m" * 64)
                assert inside.recv(64) == b"m" * 64
                assert inside.session_reused is (reused and time > 0)
                session = inside.session if reused else None


def test_ends_while_connections_are_being_opened(program):
    """A window closes when some have shaken hands, others not yet connected anew."""
    row = row_of([program("mtcp-pair"), "--app", "tls", "--concurrency", 4096, "--warmup", 1, "--seconds", 1, "--json", "-"])
    assert row["failed"] == 0 and row["transactions"] > 50


def test_our_load_takes_sessions_up(program):
    """Handshakes without a signature of RSA are far cheaper for the server."""
    spent = {(): [], ("--tls-resume",): []}
    with tls_server(program, "--tls-key", "rsa", "--tls-resume") as server:
        for words in 3 * [*spent]:
            before = server.cpu_seconds()
            load(program, server, "--connections", 400, *words)
            spent[words].append(server.cpu_seconds() - before)
    assert min(spent[("--tls-resume",)]) < 0.8 * min(spent[()]), spent


def test_what_breaks_the_protocol_ends_that_connection(program):
    rng = random.Random(1)
    with tls_server(program) as server:
        hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + rng.randbytes(507)
        for data in (b"GET / HTTP/1.1\r\n\r\n", hello, rng.randbytes(20000), b"\x16\x03\x01\xff\xff" + rng.randbytes(5000), b"\x80\x00"):
            with Peer(server.address) as peer:
                try:
                    peer.send(data)
                    peer.socket.shutdown(socket.SHUT_WR)
                    peer.closed()  # after its alert
                except OSError as error:  # a reset may come before any of these calls
                    assert error.errno in (errno.ECONNRESET, errno.EPIPE, errno.ENOTCONN)
        with Peer(server.address) as half:  # cut off in the middle of a handshake
            half.send(hello[:100])
        row = load(program, server)
        assert row["failed"] == 0 and row["transactions"] == 60


def test_a_server_of_another_version_or_none_is_told(program):
    argv = [program("mtcp-load"), "--stack", "kernel", "--app", "tls", "--connections", 5, "--json", "-"]
    with tls_server(program, "--tls-version", "1.2") as other, \
            serving(program("mtcp-server"), "--stack", "kernel", "--listen", "127.0.0.1:0", "--message-bytes", 1) as plain:
        for server in (other, plain):
            done = subprocess.run([str(word) for word in [*argv, "--target", "%s:%d" % server.address]], capture_output=True, text=True, timeout=60)
            row = json.loads(done.stdout)
            assert done.returncode == 1 and row["transactions"] == 0 and row["failed"] >= 5


@pytest.mark.parametrize("name, words, said", [
    ("mtcp-server", ["--stack", "kernel", "--tls-resume"], "--app tls"),
    ("mtcp-server", ["--stack", "kernel", "--app", "tls", "--response-bytes", "16385"], "at most 16384"),
    ("mtcp-server", ["--stack", "kernel", "--app", "tls", "--tls-version", "1.1"], "1.3 1.2"),
    ("mtcp-load", ["--stack", "kernel", "--target", "127.0.0.1:1", "--tls-version", "1.2"], "--app tls"),
    ("mtcp-pair", ["--app", "tls", "--message-bytes", "20000"], "at most 16384")])
def test_wrong_usage(program, name, words, said):
    done = subprocess.run([program(name), *words], capture_output=True, text=True, timeout=20)
    assert done.returncode == 2 and said in done.stderr and done.stderr.count("\n") == 1
