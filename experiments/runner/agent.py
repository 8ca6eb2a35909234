# SPDX-License-Identifier: BSD-3-Clause
"""On a host of --inventory: does what ./repro asks for over one ssh session, a JSON object per line both ways. When the
session ends, however it does, its programs are ended and its settings put back.

Started as: python3 -m runner.agent FOLDER, in FOLDER what is kept between sessions: of each network namespace its own.
"""
from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import os
import queue
import shutil
import signal
import stat
import sys
import threading
import time
from pathlib import Path
from typing import Any

from runner import cpustat, guard, manifest, memory, pace, ports, procs, rows, upkeep
from runner.errors import CannotRun, Stop
from runner.procs import Child, ChildFailed

LEASE_S = 60.0    # without a word, not even an empty line: whoever asked has gone
_START_S = 20.0
_END_S = 30.0
_STOP_S = 5.0
_NR_HUGEPAGES = Path("/proc/sys/vm/nr_hugepages")


class Ended(Exception):
    """The session is over."""


def _driver(interface: str) -> str:
    told = manifest.output("ethtool", "-i", interface) or ""
    return next((line.split(": ", 1)[1] for line in told.splitlines() if line.startswith("driver: ")), "kernel")


def _check_own(folder: Path) -> None:
    """What a file in there says is done as root: nobody else may have written it."""
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise CannotRun(f"mtcp_dir {folder} has to be a folder of root's own, writable by nobody else: name another, or remove it")


class Agent:
    def __init__(self, folder: Path):
        self._stop = threading.Event()
        self._heard = time.monotonic()
        self._asked: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._signals: queue.SimpleQueue[int] = queue.SimpleQueue()  # a signal's handler may do no more than put() into such a one
        self._ends = contextlib.ExitStack()
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        _check_own(folder)
        name = str(os.stat("/proc/self/ns/net").st_ino)  # settings are those of a network namespace
        self._lock(folder, name)
        self._upkeep = upkeep.Upkeep(folder / f"undo-{name}.json")
        self._scratch = folder / f"scratch-{name}"
        shutil.rmtree(self._scratch, ignore_errors=True)  # of one that was killed outright
        self._scratch.mkdir()
        self._ends.callback(shutil.rmtree, self._scratch, ignore_errors=True)
        self._program: Child | None = None
        self._serves = False
        self._result = Path()
        self._kernel = 0
        self._run_mark = 0
        self._guard: guard.Guard | None = None

    def _lock(self, folder: Path, name: str) -> None:
        file = self._ends.enter_context((folder / f"lock-{name}").open("w"))
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise CannotRun("another ./repro run is at work on this host") from None

    # ---- the session ----

    def _listen(self) -> None:
        for line in sys.stdin:
            self._heard = time.monotonic()
            if line.strip():
                self._asked.put(line)
        self._over()

    def _watch(self) -> None:
        while not self._stop.is_set():
            with contextlib.suppress(queue.Empty):
                self._signals.get(timeout=1.0)
                self._over()
            if time.monotonic() - self._heard > LEASE_S:
                self._over()

    def _over(self) -> None:
        self._stop.set()
        self._asked.put(None)
        if self._program and self._program.process.poll() is None:
            self._program.process.terminate()  # whoever waits for it goes on at once

    def serve(self) -> None:
        for work in (self._listen, self._watch):
            threading.Thread(target=work, daemon=True).start()
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda number, _: self._signals.put(number))
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            while (line := self._asked.get()) is not None:
                self._answer(json.loads(line))
        except Ended:
            pass
        finally:
            procs.stop_all()
            self._upkeep.restore()  # what cannot be stays in its file: the next session says so
            self._ends.close()

    def _answer(self, asked: dict[str, Any]) -> None:
        number = asked.pop("id")
        try:
            answer = {"answer": getattr(self, f"do_{asked.pop('do')}")(**asked)}
        except Stop as error:
            answer = {"error": str(error), "code": error.code if isinstance(error, ChildFailed) else error.status}
        _say({"id": number} | answer)

    def _sleep_until(self, at: float) -> None:
        if self._stop.wait(max(0.0, at - time.time())):
            raise Ended

    # ---- what may be asked ----

    def do_clock(self) -> float:
        return time.time()

    def do_hello(self, interface: str, device: str) -> dict[str, Any]:
        """What this host is; refused where it cannot take part."""
        if os.geteuid() != 0:
            raise CannotRun("not root there: give ansible_user: root, or ansible_become: true with sudo without a password")
        named = {name for name in (interface, ports.interface_of(device)) if name}
        for name in sorted(named):
            if not (ports.NET / name).exists():
                raise CannotRun(f"no interface {name} there: it has {', '.join(sorted(path.name for path in ports.NET.iterdir()))}")
        for name in sorted(named | ports.of_card(device)):
            ports.refuse_control(name, os.environ.get("SSH_CONNECTION", ""))
        return manifest.machine() | {"boot": manifest.text_of("/proc/sys/kernel/random/boot_id"), "dpdk": manifest.output("pkg-config", "--modversion", "libdpdk"), "packages": manifest.installed(),
                                     "source": manifest.source(),
                                     "interfaces": {name: {"driver": _driver(name), "addresses": upkeep.addresses_of(name)} for name in named}}

    def do_reserve(self, hugepages: int) -> int:
        """For as long as the session lasts."""
        found = int(_NR_HUGEPAGES.read_text())
        if found < hugepages:
            found = int(self._upkeep.write(str(_NR_HUGEPAGES), str(hugepages)))
            self._run_mark = self._upkeep.mark()
        if found < hugepages:
            raise CannotRun(f"only {found} of {hugepages} hugepages could be reserved: reserve them when the machine starts")
        return found

    def do_calm(self, cores: list[int], settle: bool) -> float:
        """How much slower than at its best the slowest core is."""
        if self._guard is None:
            self._guard = guard.Guard(cores)
        return self._guard.settle() if settle else self._guard.slowdown()

    def do_prepare(self, profile: dict[str, Any], interface: str, addresses: list[str], silent: list[str], mtu: int | None,
                   steered: list[int], plain: bool) -> dict[str, Any]:
        """Settings of one run. interface: empty where no kernel's takes part; addresses: none beside a stack of ours; silent:
        interfaces that get none either, as the kernel answers for any of its addresses on all of them; steered: cores that
        receive work goes to, or none; plain: whole checksums, and frames no longer than the MTU."""
        if left := self._upkeep.restore(self._run_mark):
            raise CannotRun(f"settings of the run before could not be put back: {'; '.join(left)}")
        setting = upkeep.Setting(self._upkeep)
        for entry in profile["sysctl"]:
            setting.write(entry["key"], "/proc/sys/" + entry["key"].replace(".", "/"), entry["value"])
        for name in silent:
            setting.addresses(name, [])
        if not interface:
            return setting.about
        setting.link(interface, mtu)
        setting.addresses(interface, addresses)
        for name, value in profile["ethtool"].items():
            setting.feature(interface, name, value)
        for name, value in profile["iface"].items():
            setting.write(f"{interface} {name}", f"/sys/class/net/{interface}/{name}", value)
        if steered:
            setting.steer(interface, steered)
        if plain and _driver(interface) in ("veth", "virtio_net", "tun"):  # the others' checksums are completed by a card
            for name in ("tx", "tso", "gso"):
                setting.feature(interface, name, "off")
        return setting.about | {"offloads": upkeep.offloads(interface)}

    def do_start(self, argv: list[str], serves: bool, timeout: float) -> dict[str, Any]:
        """Starts a program. A server is waited for until it listens, a load until its window may begin. What it told of settings."""
        self._serves = serves
        self._result = self._scratch / "row.json"
        self._result.unlink(missing_ok=True)
        self._kernel = memory.kernel()
        self._pace = pace.Pace(lambda rate: _say({"rate": rate}))
        told: dict[str, Any] = {}
        guarded = ["setpriv", "--pdeathsig", "KILL", "--", *argv, "--json", str(self._result)]
        self._program = Child(guarded, Path(argv[0]).name)
        if self._stop.is_set():  # before there was a program to be ended: nobody else ends it
            raise Ended

        def ready(line: str) -> bool:
            name = self._pace.event(line)
            if name == "settings":
                told.update(json.loads(line))
            return name == "ready" or line.startswith("ready ")

        self._program.wait_line(ready, _START_S + timeout)
        return told

    def do_window(self, at: float, seconds: float, cores: list[int]) -> dict[str, Any]:
        """The measured seconds, from an instant of this host's clock on."""
        assert self._program
        self._sleep_until(at)
        self._program.process.send_signal(signal.SIGUSR1)
        begin = time.time() if self._serves else self._event("measure_begin", _START_S)
        before, own = cpustat.read(cores), self._own(cores)
        self._pace.begin()
        if self._serves:
            self._sleep_until(at + seconds)
            self._program.process.send_signal(signal.SIGUSR2)
        end = time.time() if self._serves else self._event("measure_end", seconds + _END_S)
        cpu, own = cpustat.read(cores) - before, self._own(cores) - own
        foreign = max(0.0, cpu.user + cpu.nice + cpu.system - own)
        return {"begin": begin, "end": end, "cpu": dataclasses.asdict(cpu), "foreign_share": foreign / cpu.total if cpu.total else 0.0,
                "memory": max(0, memory.kernel() - self._kernel) + memory.process(self._program.process.pid), "rates": self._pace.rates}

    def _event(self, name: str, timeout: float) -> float:
        """When the load told it, by this host's clock."""
        assert self._program
        return float(json.loads(self._program.wait_line(lambda line: self._pace.event(line) == name, timeout))["at"])

    def _own(self, cores: list[int]) -> float:
        assert self._program
        return cpustat.of_ours([self._program.process.pid], cores)

    def do_result(self) -> dict[str, Any]:
        """The row of the program, which ends."""
        assert self._program
        if self._serves:
            self._program.stop_well(_STOP_S)
        else:
            self._program.wait_end(_END_S)
        return rows.read_program(self._result)

    def do_end(self) -> list[str]:
        """Ends what still runs of this run, and puts its settings back; what could not be."""
        if self._program:
            self._program.stop(grace=_STOP_S)
            self._program = None
        return self._upkeep.restore(self._run_mark)


def _say(told: dict[str, Any]) -> None:
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()


def main(folder: str) -> int:
    try:
        agent = Agent(Path(folder))
    except (Stop, OSError) as error:
        _say({"id": 0, "error": str(error), "code": CannotRun.status})
        return CannotRun.status
    _say({"id": 0, "answer": None})
    agent.serve()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
