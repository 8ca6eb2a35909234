# SPDX-License-Identifier: BSD-3-Clause
"""Settings of a host that is not ours alone: each is recorded with what was there before, and put back. What was to be
put back is also in a file, so that the next start does it where the last one was killed outright, or could not."""
from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from runner import manifest, procs, tuning
from runner.errors import CannotRun
from runner.procs import ChildFailed


class _Here:
    """This machine, as tuning's helpers want a side of a pair."""

    def run(self, _side: str, *argv: str) -> str:
        return procs.call(list(argv))


def offloads(interface: str) -> dict[str, str]:
    return tuning.offloads(_Here(), "", interface)  # type: ignore[arg-type]


class Upkeep:
    def __init__(self, path: Path):
        """CannotRun names what is still not as it was before."""
        self._path = path
        self._undo: list[dict[str, Any]] = []
        self._boot = manifest.text_of("/proc/sys/kernel/random/boot_id")
        if not path.is_file():
            return
        kept = json.loads(path.read_text())
        if kept["boot"] == self._boot:  # no setting outlives the kernel
            self._undo = kept["steps"]
        if left := self.restore():
            raise CannotRun(f"settings of an earlier run could not be put back: {'; '.join(left)}: put them back, then remove {path}")
        self._keep()

    def mark(self) -> int:
        """For restore(): what is set from here on."""
        return len(self._undo)

    def write(self, path: str, value: str) -> str:
        """What is there afterwards; ChildFailed when it was refused."""
        file = Path(path)
        try:
            with self._noted({"path": path, "value": file.read_text().strip()}):
                file.write_text(value + "\n")
            return file.read_text().strip()
        except OSError as error:
            raise ChildFailed(f"{path}: {error.strerror}") from error

    def call(self, do: list[str], undo: list[str]) -> None:
        with self._noted({"argv": undo}):
            procs.call(do)

    def also(self, undo: list[str]) -> None:
        """Something that the undoing of later steps does not bring back by itself."""
        self._undo.append({"argv": undo})
        self._keep()

    def restore(self, mark: int = 0) -> list[str]:
        """The youngest first; what could not be put back, which stays to be tried again."""
        failed = []
        for place in reversed(range(mark, len(self._undo))):
            step = self._undo[place]
            try:
                if "argv" in step:
                    procs.call(step["argv"])
                else:
                    Path(step["path"]).write_text(step["value"] + "\n")
            except (ChildFailed, OSError) as error:
                failed.append(str(error))
                continue
            del self._undo[place]
            self._keep()
        return failed

    @contextlib.contextmanager
    def _noted(self, step: dict[str, Any]) -> Iterator[None]:
        """Before it is done; what was refused needs no undoing."""
        self._undo.append(step)
        self._keep()
        try:
            yield
        except (ChildFailed, OSError):
            self._undo.pop()
            self._keep()
            raise

    def _keep(self) -> None:
        if not self._undo:
            self._path.unlink(missing_ok=True)
            return
        half = self._path.with_suffix(".half")
        half.write_text(json.dumps({"boot": self._boot, "steps": self._undo}))
        half.replace(self._path)


class Setting:
    """What was set for a run, as read back, and what was refused."""

    def __init__(self, upkeep: Upkeep):
        self.upkeep = upkeep
        self.about: dict[str, Any] = {"set": {}, "refused": []}

    def write(self, what: str, path: str, value: str) -> None:
        try:
            self.about["set"][what] = self.upkeep.write(path, value)
        except ChildFailed as error:
            self.about["refused"].append(f"{what}={value}: {str(error).rsplit(': ', 1)[-1]}")

    def feature(self, interface: str, name: str, value: str) -> None:
        """Of ethtool -K."""
        before = offloads(interface).get(name)
        if before is None:
            self.about["refused"].append(f"{interface} {name} {value}: ethtool does not tell of it")
            return
        if before == value:
            return
        try:
            self.upkeep.call(["ethtool", "-K", interface, name, value], ["ethtool", "-K", interface, name, before])
            self.about["set"][f"{interface} {name}"] = value
        except ChildFailed as error:
            self.about["refused"].append(f"{interface} {name} {value}: {str(error).rsplit(': ', 1)[-1]}")

    def steer(self, interface: str, cores: list[int]) -> None:
        """Receive work of all its queues goes to these cores (RPS), of the n-th to the n-th: where its interrupt is there, too, they stay."""
        queues = sorted(Path(f"/sys/class/net/{interface}/queues").glob("rx-*"), key=lambda path: int(path.name[3:]))
        for queue, mask in zip(queues, tuning.queue_masks(cores, len(queues))):
            self.write(f"{interface} {queue.name} rps_cpus", str(queue / "rps_cpus"), mask)

    def link(self, interface: str, mtu: int | None) -> None:
        """Up, and of this MTU. ChildFailed: without that there is no run."""
        if not int(Path(f"/sys/class/net/{interface}/flags").read_text(), 16) & 1:  # IFF_UP
            self.upkeep.call(["ip", "link", "set", interface, "up"], ["ip", "link", "set", interface, "down"])
        if mtu:
            self.about["set"][f"{interface} mtu"] = self.upkeep.write(f"/sys/class/net/{interface}/mtu", str(mtu))

    def addresses(self, interface: str, wanted: list[str]) -> None:
        """These and no others: beside a stack of ours, whose address the kernel must not answer for, none. What was known of
        neighbours is forgotten: the other end may have another card now."""
        before = _entries(interface)
        if any(address not in wanted for address in before):
            for route in _routes(interface):  # they go with the addresses
                self.upkeep.also(["ip", "-4", "route", "replace", *route])
        for address, words in reversed(before.items()):  # with the first of a network the others would go, too
            if address not in wanted:
                self.upkeep.call(["ip", "address", "del", address, "dev", interface], ["ip", "address", "replace", *words, "dev", interface])
        for address in wanted:
            if address not in before:
                self.upkeep.call(["ip", "address", "add", address, "dev", interface],
                                 ["ip", "-4", "address", "flush", "dev", interface, "to", f"{address.split('/')[0]}/32"])  # done twice: no error
        procs.call(["ip", "neigh", "flush", "dev", interface])


def _entries(interface: str) -> dict[str, list[str]]:
    """Its IPv4 addresses, ADDR/LEN, each with the words that `ip address` makes it by."""
    told = json.loads(procs.call(["ip", "-j", "-4", "address", "show", "dev", interface]) or "[]")
    found: dict[str, list[str]] = {}
    for entry in (entry for device in told for entry in device.get("addr_info", [])):
        address = f"{entry['local']}/{entry['prefixlen']}"
        more = [(word, entry[key]) for word, key in (("broadcast", "broadcast"), ("scope", "scope"), ("label", "label"), ("metric", "metric")) if key in entry]
        if entry.get("dynamic"):  # a lease's: without these it would last for ever
            more += [("valid_lft", entry["valid_life_time"]), ("preferred_lft", entry["preferred_life_time"])]
        found[address] = [address, *(str(word) for pair in more for word in pair)]
    return found


def addresses_of(interface: str) -> list[str]:
    """Its IPv4 addresses, ADDR/LEN."""
    return list(_entries(interface))


def _routes(interface: str) -> list[list[str]]:
    """Its IPv4 routes of the main table, in words of `ip route`, but for those the kernel makes of its addresses and those with
    several ways; first such that go by another of them: undone last."""
    lines = procs.call(["ip", "-4", "-o", "route", "show", "dev", interface]).splitlines()
    found = [[word for word in line.split() if word not in ("linkdown", "dead")] + ["dev", interface]
             for line in lines if " proto kernel " not in f"{line} " and "nexthop" not in line]
    return sorted(found, key=lambda words: "via" not in words)
