# SPDX-License-Identifier: BSD-3-Clause
"""Two network namespaces joined by veth, without names: they live as long as the processes that hold them,
so nothing is left even when we are killed outright."""
from __future__ import annotations

import os
import subprocess

from runner.device import IFACE
from runner.errors import CannotRun
from runner.procs import ChildFailed, call

SERVER, CLIENT = "server", "client"
PEER = "cli0"
SERVER_ADDRESS = "10.0.0.1"
CLIENT_ADDRESSES = tuple(f"10.0.0.{last}" for last in range(2, 18))
PREFIX_LEN = 24
KINDS = ("veth", "veth-rootless", "lo")
_HOLD = "mount -t sysfs sysfs /sys 2>/dev/null; echo held; exec cat"


class _Holder:
    """A process that sits in a namespace until its input closes."""

    def __init__(self, argv: list[str]):
        self.process = subprocess.Popen([*argv, "sh", "-c", _HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True, start_new_session=True)
        assert self.process.stdout and self.process.stderr
        if self.process.stdout.readline().strip() != "held":
            reason = self.process.stderr.read().strip().splitlines()
            self.close()
            raise ChildFailed(reason[-1] if reason else "unshare failed")

    @property
    def pid(self) -> int:
        return self.process.pid

    def close(self) -> None:
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe:
                pipe.close()
        try:
            self.process.wait(2.0)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class NetPair:
    """The two ends. kind `veth`: as root; `veth-rootless`: inside a user namespace; `lo`: one namespace of ours
    and its loopback, or, where not even that is allowed, the machine's own loopback with nothing set. queues: how
    many the server's and the client's end receive by; the other sends by as many."""

    def __init__(self, kind: str, queues: tuple[int, int] = (1, 1)):
        self.kind = kind
        self._queues = queues
        self._holders: dict[str, _Holder] = {}
        try:
            {"veth": self._veth, "veth-rootless": self._veth, "lo": self._loopback}[kind]()
        except BaseException:  # an interrupt, too
            self.close()
            raise

    def __enter__(self) -> NetPair:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def rootless(self) -> bool:
        return os.geteuid() != 0 or self.kind == "veth-rootless"

    @property
    def own(self) -> bool:
        """Is the network ours to set?"""
        return bool(self._holders)

    @property
    def target(self) -> str:
        return "127.0.0.1" if self.kind == "lo" else SERVER_ADDRESS

    @property
    def sources(self) -> str:
        return "127.0.0.2-127.0.0.17" if self.kind == "lo" else f"{CLIENT_ADDRESSES[0]}-{CLIENT_ADDRESSES[-1]}"

    def inside(self, side: str, argv: list[str]) -> list[str]:
        """The command as it must be started to run on that side; it becomes the started process itself."""
        guard = ["setpriv", "--pdeathsig", "KILL", "--"]
        if not self.own:
            return [*guard, *argv]
        holder = self._holders.get(side) or self._holders[SERVER]
        enter = ["nsenter", "-t", str(holder.pid), "-n", "-m", f"--wdns={os.getcwd()}"]
        if self.rootless:
            enter += ["-U", "--preserve-credentials"]
        return [*enter, "--", *guard, *argv]

    def run(self, side: str, *argv: str) -> str:
        return call(self.inside(side, list(argv)))

    def _first(self) -> _Holder:
        flags = ["-Urnm"] if self.rootless else ["-nm"]
        return _Holder(["unshare", *flags])

    def _veth(self) -> None:
        self._holders[SERVER] = first = self._first()
        user = ["nsenter", "-t", str(first.pid), "-U", "--preserve-credentials", "--"] if self.rootless else []
        self._holders[CLIENT] = second = _Holder([*user, "unshare", "-nm"])
        server, client = map(str, self._queues)
        self.run(SERVER, "ip", "link", "add", "name", IFACE, "numrxqueues", server, "numtxqueues", client, "type", "veth",
                 "peer", "name", PEER, "numrxqueues", client, "numtxqueues", server, "netns", str(second.pid))
        for side, iface in ((SERVER, IFACE), (CLIENT, PEER)):
            self.run(side, "ip", "link", "set", "lo", "up")
            self.run(side, "sh", "-c", f"echo 1 >/proc/sys/net/ipv6/conf/{iface}/disable_ipv6 2>/dev/null || true")
            self.run(side, "ip", "link", "set", iface, "up")

    def _loopback(self) -> None:
        try:
            self._holders[SERVER] = self._first()
            self.run(SERVER, "ip", "link", "set", "lo", "up")
        except (ChildFailed, OSError):
            self.close()  # the machine's own loopback serves, as it is

    def give_addresses(self, side: str, addresses: tuple[str, ...], iface: str) -> None:
        if self.kind == "lo":
            return
        lines = "\n".join(f"address add {address}/{PREFIX_LEN} dev {iface}" for address in addresses)
        call(["sh", "-c", 'printf "%s\\n" "$0" | "$@"', lines, *self.inside(side, ["ip", "-batch", "-"])])

    def set_mtu(self, mtu: int | None) -> None:
        if mtu and self.kind != "lo":
            for side, iface in ((SERVER, IFACE), (CLIENT, PEER)):
                self.run(side, "ip", "link", "set", iface, "mtu", str(mtu))

    def close(self) -> None:
        for holder in reversed(self._holders.values()):
            holder.close()
        self._holders.clear()


def kinds_to_try() -> tuple[str, ...]:
    forced = os.environ.get("MTCP_NET")
    if forced:
        if forced not in KINDS:
            raise CannotRun(f"MTCP_NET={forced}: known: {', '.join(KINDS)}")
        return (forced,)
    return KINDS if os.geteuid() == 0 else KINDS[1:]


def best_kind() -> tuple[str, list[str]]:
    """The best kind of pair that this machine allows, and why better ones were refused."""
    refused = []
    for kind in kinds_to_try():
        try:
            NetPair(kind).close()
            return kind, refused
        except (ChildFailed, OSError) as error:
            refused.append(f"{kind}: {error}")
    raise CannotRun("no network namespace and no loopback: " + "; ".join(refused))
