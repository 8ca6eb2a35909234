# SPDX-License-Identifier: BSD-3-Clause
"""Children: started in process groups of their own, so that Ctrl-C reaches only us; always ended by their own id."""
from __future__ import annotations

import contextlib
import os
import queue
import select
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

from runner.errors import Stop

_TAIL = 20
_INTERRUPTED = 130  # status of a program of ours that was asked to end
_GRACE_S = 5.0  # that a helper command has to end what it started
_living: list["Child"] = []


class ChildFailed(Stop):
    """A program ended or stalled before its work was done. `code`: its exit status, None when it stalled."""

    def __init__(self, text: str, code: int | None = None):
        super().__init__(text)
        self.code = code


def _ended(process: subprocess.Popen[str], timeout: float) -> int | None:
    """Its exit status; None when it goes on after so many seconds. Its end wakes us, where Popen.wait() looks every 50 ms."""
    if process.poll() is None:
        fd = os.pidfd_open(process.pid)
        try:
            watch = select.poll()
            watch.register(fd, select.POLLIN)
            watch.poll(1000 * timeout)
        finally:
            os.close(fd)
    return process.poll()


def _end(process: subprocess.Popen[str], number: int, grace: float) -> None:
    """Asks a leader of a group to end; after so many seconds the group is made to."""
    if process.poll() is None:
        process.send_signal(number)
        if _ended(process, grace) is None:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                process.kill()


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """What is done in here is done whole: signals that ask us to end come behind it."""
    held: list[int] = []  # not a mask: of another thread's signal our handler runs in the main one, too
    before = {number: signal.signal(number, lambda got, _: held.append(got)) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if held:
            signal.raise_signal(held[0])


class Child:
    """A running program whose standard error is read line by line; standard output joins it."""

    def __init__(self, argv: list[str], name: str | None = None, listens: bool = False):
        """listens: it has an open standard input, and outlives stop_all(): whoever started it ends it."""
        self.name = name or Path(argv[0]).name
        # Were we killed outright, the kernel would end the child; after nsenter, which drops that wish.
        try:
            self.process = subprocess.Popen(
                argv, stdin=subprocess.PIPE if listens else subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                start_new_session=True, text=True, errors="replace")
        except OSError as error:
            raise ChildFailed(f"cannot start {argv[0]}: {error.strerror}") from error
        self.tail: deque[str] = deque(maxlen=_TAIL)
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if not listens:
            _living.append(self)

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.tail.append(line.rstrip("\n"))
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def last_words(self) -> str:
        said = [line for line in self.tail if line.strip() and not line.lstrip().startswith("{")]
        return said[-1] if said else "it said nothing"

    def wait_line(self, wanted: Callable[[str], bool], timeout: float) -> str:
        """The next line that is wanted; ChildFailed when the program ends or the time is over before."""
        deadline = time.monotonic() + timeout
        while True:
            try:
                line = self._lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise ChildFailed(f"{self.name} stalled for {timeout:.0f} s: {self.last_words()}") from None
            if line is None:
                code = self.process.wait()
                self._lines.put(None)
                raise ChildFailed(f"{self.name} ended with status {code}: {self.last_words()}", code)
            if wanted(line):
                return line

    def wait_end(self, timeout: float) -> None:
        """Waits for a good end."""
        code = _ended(self.process, timeout)
        if code is None:
            raise ChildFailed(f"{self.name} did not end within {timeout:.0f} s: {self.last_words()}")
        self._reader.join(1.0)
        self._forget()
        if code:
            raise ChildFailed(f"{self.name} ended with status {code}: {self.last_words()}", code)

    def stop(self, number: int = signal.SIGTERM, grace: float = 3.0) -> int:
        """Asks it to end, then makes it. The exit status."""
        _end(self.process, number, grace)
        self.process.wait()
        self._reader.join(1.0)
        self._forget()
        return self.process.returncode

    def stop_well(self, grace: float) -> None:
        """Asks a server to end; ChildFailed when it had ended before, or does not end in good order. Without a code: whatever it is, the
        server could, until then."""
        code = self.stop(grace=grace)
        if code not in (0, _INTERRUPTED):
            raise ChildFailed(f"{self.name} ended with status {code}: {self.last_words()}")

    def _forget(self) -> None:
        if self in _living:
            _living.remove(self)


def stop_all() -> None:
    """Ends what still runs, the youngest first."""
    for child in list(reversed(_living)):
        child.stop(grace=2.0)


def call(argv: list[str], timeout: float = 20.0) -> str:
    """Runs a short helper command; its output, or ChildFailed with its last line."""
    try:
        child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    except OSError as error:
        raise ChildFailed(f"cannot start {argv[0]}: {error.strerror}") from error
    with child:
        try:
            output, errors = child.communicate(timeout=timeout)
        except BaseException as error:  # also when we are asked to end: a build ends its compilers only where it is asked itself
            _end(child, signal.SIGTERM, _GRACE_S)
            if isinstance(error, subprocess.TimeoutExpired):
                raise ChildFailed(f"{' '.join(argv)}: no end within {timeout:.0f} s") from None
            raise
    if child.returncode:
        said = (errors or output).strip().splitlines()
        raise ChildFailed(f"{' '.join(argv)}: {said[-1] if said else 'failed'}", child.returncode)
    return output
