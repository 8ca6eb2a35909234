# SPDX-License-Identifier: BSD-3-Clause
"""Starting and loading mtcp-server in tests."""
import json
import os
import select
import signal
import socket
import subprocess
import threading
import time
from contextlib import contextmanager

import pytest
from runner import doctor

SIZES = {"empty": 0, "one.txt": 1, "page.html": 1500, "mega.bin": 1 << 20, "big.bin": 100 << 20}


def need_stack(stack):
    """Skips where this machine does not allow what a server with that stack needs."""
    if stack == "kernel-uring" and (why := doctor.uring_refusal()):
        pytest.skip(f"io_uring: {why}")


def capless():
    """Words before a program that must not raise its own limits; who is not root cannot anyway, and may not say so."""
    return ["setpriv", "--bounding-set", "-all", "--inh-caps", "-all"] if os.geteuid() == 0 else []


def make_site(folder, sizes=SIZES):
    """Files whose every 8 bytes differ, so that a shifted, doubled or missing piece is seen."""
    for name, size in sizes.items():
        with open(folder / name, "wb") as file:
            for begin in range(0, size, 1 << 20):
                end = min(begin + (1 << 20), size)
                block = b"".join(i.to_bytes(8, "big") for i in range(begin // 8, (end + 7) // 8))
                file.write(block[: end - begin])
    return folder


class Server:
    """A running mtcp-server; address is where it says it listens."""

    def __init__(self, argv, timeout=30.0, **options):
        self.process = subprocess.Popen([str(word) for word in argv], stderr=subprocess.PIPE, text=True, **options)
        self.said = []
        self.address = None
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._ready = threading.Event()
        self._reader.start()
        if not self._ready.wait(timeout) or self.address is None:
            self.process.kill()
            raise AssertionError(f"mtcp-server was not ready: {''.join(self.said)}")

    def _read(self):
        for line in self.process.stderr:
            self.said.append(line)
            if line.startswith("ready "):
                host, port = line.split()[-1].rsplit(":", 1)
                self.address = (host, int(port))
                self._ready.set()
        self._ready.set()

    def cpu_seconds(self):
        fields = open(f"/proc/{self.process.pid}/stat").read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_kb(self, name="VmHWM"):
        for line in open(f"/proc/{self.process.pid}/status"):
            if line.startswith(name):
                return int(line.split()[1])
        raise AssertionError(f"no {name}")

    def stop(self):
        """Ends it as a user would; its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise


@contextmanager
def serving(*argv, **options):
    """A server for the length of a block; it must still run at the end, and end cleanly."""
    server = Server(argv, **options)
    try:
        yield server
        assert server.process.poll() is None, f"the server ended: {''.join(server.said)}"
    finally:
        status = server.stop()
    assert status == 130, f"status {status}: {''.join(server.said)}"


def row_of(argv, timeout=120):
    """The row that mtcp-load or mtcp-pair prints with --json -."""
    done = subprocess.run([str(word) for word in argv], capture_output=True, text=True, timeout=timeout)
    assert done.returncode == 0, f"status {done.returncode}: {done.stderr}"
    return json.loads(done.stdout)


class Peer:
    """A raw connection to a server."""

    def __init__(self, address, timeout=10.0):
        self.socket = socket.create_connection(address, timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def _more(self):
        data = self.socket.recv(1 << 16)
        self.buffer += data
        return bool(data)

    def exactly(self, count):
        while len(self.buffer) < count:
            assert self._more(), f"closed after {self.buffer!r}"
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def response(self, head_only=False):
        """Status, fields (lower case), body."""
        while b"\r\n\r\n" not in self.buffer:
            assert self._more(), f"closed after {self.buffer!r}"
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        lines = head.decode("latin-1").split("\r\n")
        assert lines[0].startswith("HTTP/1.1 "), lines[0]
        status = int(lines[0].split()[1])
        fields = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines[1:])}
        empty = head_only or status == 304
        return status, fields, b"" if empty else self.exactly(int(fields["content-length"]))

    def closed(self):
        """True once the server has closed in order (a reset could overtake its last words) and said no more."""
        while self._more():
            pass
        return not self.buffer

    def silent(self, seconds):
        """True if nothing comes for so long."""
        return not self.buffer and not select.select([self.socket], [], [], seconds)[0]


def best_of(measure, well, tries=3):
    """The first outcome that is well, else the last: for timing that a machine which takes the CPU away can spoil, and hardly does
    so each time. What has to be right each time is asserted inside measure."""
    for _ in range(tries):
        found = measure()
        if well(found):
            break
    return found


def wait_for(condition, seconds=10.0):
    """True as soon as the condition holds; False if it never did."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True
