# SPDX-License-Identifier: BSD-3-Clause
"""mtcp-load compares what comes back with what it asked for: wrong, other connections' and repeated answers are failures."""
import json
import socket
import subprocess
import threading
from contextlib import contextmanager, suppress

import pytest
from apps import serving


def test_load_finds_wrong_answers(program):
    """A server with other sizes is out of step: that is counted, not taken for success."""
    with serving(program("mtcp-server"), "--stack", "kernel", "--listen", "127.0.0.1:0", "--response-bytes", "65") as server:
        done = subprocess.run([program("mtcp-load"), "--stack", "kernel", "--target", "%s:%d" % server.address, "--connections", "5",
                               "--json", "-"], capture_output=True, text=True)
    assert done.returncode == 1 and json.loads(done.stdout)["failures"] == {"wrong_response": 5}


@contextmanager
def answering(answer):
    """A server of one connection at a time, which gives what answer() makes of 64 bytes; its address."""
    def serve(listener):
        with suppress(OSError):
            while True:
                peer, _ = listener.accept()
                with peer, suppress(ConnectionError):
                    while message := peer.recv(64, socket.MSG_WAITALL):
                        peer.sendall(answer(message))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        try:
            yield "127.0.0.1:%d" % listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(10)


def wrong_answers(program, answer):
    with answering(answer) as address:
        done = subprocess.run([program("mtcp-load"), "--stack", "kernel", "--target", address, "--connections", "5", "--messages", "3",
                               "--concurrency", "1", "--json", "-"], capture_output=True, text=True, timeout=60)
    return done.returncode, json.loads(done.stdout)["failures"]


@pytest.mark.parametrize("at", [3, 7, 8, 63])
def test_load_compares_every_byte(program, at):
    def answer(message):
        return message[:at] + bytes([message[at] ^ 4]) + message[at + 1:]
    assert wrong_answers(program, answer) == (1, {"wrong_response": 5})


def test_load_knows_its_answers_from_others(program):
    """The first message's answer is no other's, of the same connection neither."""
    first = []

    def answer(message):
        first.append(message)
        return first[0]
    assert wrong_answers(program, lambda message: message) == (0, {})
    assert wrong_answers(program, answer)[1] == {"wrong_response": 5}  # status 0: the first one was right
