# SPDX-License-Identifier: BSD-3-Clause
"""A session with the agent on a host: over one ssh, as Ansible's variables of the host say it is reached."""
from __future__ import annotations

import contextlib
import json
import shlex
import subprocess
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from runner import agent
from runner.errors import CannotRun
from runner.inventory import Host, become
from runner.procs import Child, ChildFailed

_CONNECT_S = 30.0
_CLOSE_S = 20.0    # for the agent to end its programs and put settings back
_SHORT_S = 30.0    # for an answer that takes no time of its own
_ROUND_TRIPS = 20


@dataclass(frozen=True)
class Clock:
    """A host's clock against ours."""

    offset_s: float   # theirs less ours
    bound_s: float    # half the round trip: the offset is off by no more


def ssh(host: Host) -> list[str]:
    """The words that open a session of its own on the host; the command comes behind them."""
    told = host.ssh
    own = [str(told.get("ansible_ssh_executable") or "ssh"), "-T", "-o", "BatchMode=yes", "-o", f"ConnectTimeout={_CONNECT_S:.0f}",
           "-o", "ServerAliveInterval=10", "-o", "ControlMaster=no", "-o", "ControlPath=none"]
    for name in ("ansible_ssh_common_args", "ansible_ssh_extra_args"):
        own += shlex.split(str(told.get(name) or ""))
    for option, names in (("-p", ("ansible_port", "ansible_ssh_port")), ("-l", ("ansible_user", "ansible_ssh_user")),
                          ("-i", ("ansible_ssh_private_key_file", "ansible_private_key_file"))):
        value = next((told[name] for name in names if name in told), None)
        own += [option, str(value)] if value is not None else []
    return [*own, "--", str(told.get("ansible_host") or told.get("ansible_ssh_host") or host.name)]


def _agent(host: Host, sources: str) -> str:
    """What is started there, for its shell."""
    root = "sudo -n " if become(host) else ""
    python = str(host.ssh.get("ansible_python_interpreter") or "")
    if "/" not in python:  # auto, auto_silent: Ansible's to find out
        python = "/usr/bin/python3"
    words = [python, "-m", "runner.agent", host.dir]
    inside = f'exec {root}env SSH_CONNECTION="$SSH_CONNECTION" PYTHONDONTWRITEBYTECODE=1 PYTHONPATH={shlex.quote(f"{sources}/experiments")} {shlex.join(words)}'
    return shlex.join(["sh", "-c", inside])


class Remote:
    def __init__(self, host: Host, sources: str):
        self.host = host
        self.on_rate: Callable[[float], None] | None = None
        self.clock = Clock(0.0, 0.0)
        self._number = 0
        self._sending = threading.Lock()
        self._child = Child([*ssh(host), _agent(host, sources)], f"ssh to {host.name}", listens=True)
        self._over = threading.Event()

    def begin(self) -> None:
        """Waits until the agent is there. CannotRun names the host and the mend."""
        try:
            self.answer(_CONNECT_S)
        except ChildFailed as error:
            raise CannotRun(str(error)) from error
        threading.Thread(target=self._heartbeat, daemon=True).start()

    def ask(self, do: str, **words: Any) -> None:
        self._number += 1
        try:
            self._send(json.dumps({"id": self._number, "do": do} | words) + "\n")
        except OSError as error:
            raise self._lost() from error

    def answer(self, timeout: float = _SHORT_S) -> Any:
        """To the last question. ChildFailed names the host; CannotRun: the session is over."""
        try:
            found = json.loads(self._child.wait_line(self._is_answer, timeout))
        except ChildFailed as error:
            if error.code is not None:
                raise self._lost() from error
            raise ChildFailed(f"host {self.host.name}: {error}") from error
        if "error" in found:
            raise ChildFailed(f"host {self.host.name}: {found['error']}", found["code"])
        return found["answer"]

    def _lost(self) -> CannotRun:
        return CannotRun(f"host {self.host.name}: the session ended: {self._child.last_words()}: see whether "
                         f"`{shlex.join(ssh(self.host))} true` works")

    def measure_clock(self) -> Clock:
        """By the quickest of several round trips, half of which is what the offset may be off by."""
        trips = []
        for _ in range(_ROUND_TRIPS):
            sent = time.time()
            self.ask("clock")
            theirs = self.answer()
            back = time.time()
            trips.append((back - sent, theirs - (sent + back) / 2))
        trip, offset = min(trips)
        self.clock = Clock(offset, trip / 2)
        return self.clock

    def close(self) -> None:
        """The agent ends its programs and puts the host's settings back."""
        self._over.set()
        with contextlib.suppress(OSError):
            assert self._child.process.stdin
            self._child.process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._child.process.wait(_CLOSE_S)
        self._child.stop()

    def _send(self, text: str) -> None:
        with self._sending:
            assert self._child.process.stdin
            self._child.process.stdin.write(text)
            self._child.process.stdin.flush()

    def _heartbeat(self) -> None:
        while not self._over.wait(agent.LEASE_S / 6):
            try:
                self._send("\n")
            except (OSError, ValueError):
                return

    def _is_answer(self, line: str) -> bool:
        if not line.startswith("{"):
            return False
        try:
            told = json.loads(line)
        except json.JSONDecodeError:
            return False
        if "rate" in told and self.on_rate:
            self.on_rate(told["rate"])
        return told.get("id") == self._number


def all_at_once(remotes: Iterable[Remote], do: str, timeout: float = _SHORT_S, each: Callable[[Remote], dict[str, Any]] | None = None,
                ) -> dict[str, Any]:
    """Asks all, then waits for each; answers by host. The first failure is raised once all have answered."""
    asked = list(remotes)
    for remote in asked:
        remote.ask(do, **(each(remote) if each else {}))
    answers: dict[str, Any] = {}
    failed: ChildFailed | None = None
    for remote in asked:
        try:
            answers[remote.host.name] = remote.answer(timeout)
        except ChildFailed as error:
            failed = failed or error
    if failed:
        raise failed
    return answers
