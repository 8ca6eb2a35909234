# SPDX-License-Identifier: BSD-3-Clause
"""Settings of the kernel inside our own namespaces: made from experiments/tuning.toml, read back, recorded."""
from __future__ import annotations

import tomllib
from typing import Any

from runner.device import IFACE
from runner.errors import CannotRun
from runner.netns import CLIENT, PEER, SERVER, NetPair
from runner.places import EXPERIMENTS
from runner.procs import ChildFailed
from runner.scenario import BASELINES

_LATE_FRAMES = 1_000_000  # that may wait for their delay: no queue of ours may be what loses them
_TABLES = ("ethtool", "iface", "server", "load")  # by name: interface features, interface files in /sys, --set of mtcp-server, of mtcp-load


def profile(name: str, change: dict[str, Any] | None = None) -> dict[str, Any]:
    """The settings of one profile, with those it inherits, and a part's changes over them."""
    with (EXPERIMENTS / "tuning.toml").open("rb") as file:
        table = tomllib.load(file)
    own = table[name]
    base = profile(own["inherit"]) if "inherit" in own else {"sysctl": []}
    found = {"steering": own["steering"], "sysctl": base["sysctl"] + list(own.get("sysctl", []))}
    change = change or {}
    found["steering"] = change.get("steering", found["steering"])
    found["sysctl"] = found["sysctl"] + [{"key": key, "value": value} for key, value in change.get("sysctl", {}).items()]
    for kind in _TABLES:
        found[kind] = base.get(kind, {}) | own.get(kind, {}) | change.get(kind, {})
    return found


def spins(stack: str, change: dict[str, Any] | None = None) -> bool:
    """Is it a kernel's server that never sleeps? Nothing tells how busy that is."""
    return stack in BASELINES and bool(profile(stack, change)["server"].get("spin"))


def _proc(key: str) -> str:
    return "/proc/sys/" + key.replace(".", "/")


def _write(pair: NetPair, side: str, path: str, value: str) -> str:
    """What is there afterwards; ChildFailed when it was refused."""
    return pair.run(side, "sh", "-c", 'echo "$1" | tee -- "$2" >/dev/null && cat "$2"', "set", value, path).strip()


def _short(error: Exception) -> str:
    return str(error).rsplit(": ", 1)[-1]


class _Record:
    """What was set, as read back, and what was refused."""

    def __init__(self, pair: NetPair, name: str):
        self.pair = pair
        self.about: dict[str, Any] = {"profile": name, "net": pair.kind, "steering": False, "set": {}, "refused": []}

    def write(self, side: str, what: str, path: str, value: str) -> bool:
        """False when it was refused, or something else is there now."""
        try:
            now = _write(self.pair, side, path, value)
        except ChildFailed as error:
            self.about["refused"].append(f"{side} {what}={value}: {_short(error)}")
            return False
        self.about["set"][f"{side} {what}"] = now
        return True


def _mask(cores: list[int]) -> str:
    words = []
    bits = sum(1 << core for core in cores)
    while bits:
        words.append(f"{bits & 0xFFFFFFFF:x}")
        bits >>= 32
    return ",".join(reversed(words)) or "0"


def queue_masks(cores: list[int], n: int) -> list[str]:
    """For each of a card's n receive queues the cores that it goes to: its own, where there are as many; several, where they are fewer;
    or one that other queues have, too."""
    return [_mask(cores[place::n] or [cores[place % len(cores)]]) for place in range(n)]


def _note_queues(record: _Record, side: str, iface: str) -> int:
    """How many it receives by."""
    found = record.pair.run(side, "ls", f"/sys/class/net/{iface}/queues").split()
    n = sum(name.startswith("rx-") for name in found)
    record.about["set"][f"{side} {iface} receive queues"] = str(n)
    return n


def _steer(record: _Record, side: str, iface: str, cores: list[int], queues: int) -> bool:
    """What an end receives is worked on by the program's cores there, a connection's always by the same (RPS). Each queue has all of
    them: since Linux 5.17 veth does not tell RPS which queue a frame came to."""
    return all([record.write(side, f"{iface} rx-{queue} rps_cpus", f"/sys/class/net/{iface}/queues/rx-{queue}/rps_cpus", _mask(cores))
                for queue in range(queues)])


def offloads(pair: NetPair, side: str, iface: str) -> dict[str, str]:
    """Which of the offloads that matter here are on."""
    names = {"tx-checksumming": "tx", "tcp-segmentation-offload": "tso", "generic-segmentation-offload": "gso",
             "generic-receive-offload": "gro", "large-receive-offload": "lro", "scatter-gather": "sg"}
    try:
        text = pair.run(side, "ethtool", "-k", iface)
    except ChildFailed:
        return {}
    pairs = (line.strip().split(": ", 1) for line in text.splitlines() if ": " in line)
    return {names[key]: value.split()[0] for key, value in pairs if key in names}


def _interface(record: _Record, chosen: dict[str, Any], side: str, iface: str) -> None:
    for name, value in chosen["ethtool"].items():
        try:
            record.pair.run(side, "ethtool", "-K", iface, name, value)
        except ChildFailed as error:
            record.about["refused"].append(f"{side} {iface} {name} {value}: {_short(error)}")
            continue
        record.about["set"][f"{side} {iface} {name}"] = offloads(record.pair, side, iface).get(name, "not told")
    # How an interface hands over what it received is the stack's that is measured: the load's stays the same for all.
    for name, value in (chosen["iface"] if side == SERVER else {}).items():
        record.write(side, f"{iface} {name}", f"/sys/class/net/{iface}/{name}", value)


def lose(pair: NetPair, share: float) -> None:
    """This share of the frames that either end receives is dropped at random: a filter of four instructions of classic
    BPF, as netem is a module that not every kernel has. ChildFailed: a run without loss would be another experiment."""
    if pair.kind == "lo":
        raise ChildFailed("loss needs two network namespaces, which this machine does not allow", CannotRun.status)
    random_word, above, drop = 0xFFFFF000 + 56, int(share * 2**32), 2  # SKF_AD_RANDOM, TC_ACT_SHOT
    program = f"4,32 0 0 {random_word},53 0 1 {above},6 0 0 0,6 0 0 {drop}"
    try:
        for side, iface in ((SERVER, IFACE), (CLIENT, PEER)):
            pair.run(side, "tc", "qdisc", "add", "dev", iface, "clsact")
            pair.run(side, "tc", "filter", "add", "dev", iface, "ingress", "bpf", "da", "bytecode", program)
    except ChildFailed as error:
        raise ChildFailed(f"loss needs a kernel with clsact and BPF filters: {_short(error)}", CannotRun.status) from error


def delay(pair: NetPair, one_way_ms: float) -> None:
    """Every round trip takes both ways' delay longer (netem). The load's end waits for both: what the server's device sends it may send
    again from the same memory once it has left, and it asks for no queue (af_packet: qdisc_bypass). ChildFailed where that is not possible."""
    if pair.kind == "lo":
        raise ChildFailed("delay needs two network namespaces, which this machine does not allow", CannotRun.status)
    try:
        pair.run(CLIENT, "tc", "qdisc", "add", "dev", PEER, "root", "netem", "delay", f"{2 * one_way_ms:g}ms", "limit", str(_LATE_FRAMES))
    except ChildFailed as error:
        raise ChildFailed(f"delay needs a kernel with netem (CONFIG_NET_SCH_NETEM): {_short(error)}", CannotRun.status) from error


def apply(pair: NetPair, name: str, server: list[int], client: list[int], change: dict[str, Any] | None = None) -> dict[str, Any]:
    """Sets a profile; what was set, as read back, and what was refused. Nothing is set outside our namespaces."""
    chosen = profile(name, change)
    record = _Record(pair, name)
    if not pair.own:
        record.about["refused"].append("all settings: the machine's own loopback is left as it is")
        return record.about
    sides = (SERVER,) if pair.kind == "lo" else (SERVER, CLIENT)
    for side in sides:
        for entry in chosen["sysctl"]:
            record.write(side, entry["key"], _proc(entry["key"]), entry["value"])
    if pair.kind != "lo":
        ends = {CLIENT: (PEER, client), SERVER: (IFACE, server)}
        steered = []
        for side, (iface, cores) in ends.items():
            _interface(record, chosen, side, iface)
            n = _note_queues(record, side, iface)
            if chosen["steering"] in (True, side):  # true: both ends, else the one that it names
                steered.append(_steer(record, side, iface, cores, n))
        record.about["steering"] = bool(steered) and all(steered)
    return record.about


def plain_frames(pair: NetPair, side: str, iface: str) -> None:
    """What a stack at the other end of veth needs: whole checksums and frames no longer than the MTU."""
    pair.run(side, "ethtool", "-K", iface, "tx", "off", "tso", "off", "gso", "off")
