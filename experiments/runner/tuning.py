# SPDX-License-Identifier: BSD-3-Clause
"""Settings of the kernel inside our own namespaces: made from experiments/tuning.toml, read back, recorded."""
from __future__ import annotations

import tomllib
from typing import Any

from runner.device import IFACE
from runner.netns import CLIENT, PEER, SERVER, NetPair
from runner.places import EXPERIMENTS
from runner.procs import ChildFailed



def profile(name: str) -> dict[str, Any]:
    """The settings of one profile, with those it inherits."""
    with (EXPERIMENTS / "tuning.toml").open("rb") as file:
        table = tomllib.load(file)
    own = table[name]
    sysctl = list(own["sysctl"])
    if "inherit" in own:
        sysctl = profile(own["inherit"])["sysctl"] + sysctl
    return {"steering": own["steering"], "sysctl": sysctl}


def _proc(key: str) -> str:
    return "/proc/sys/" + key.replace(".", "/")


def _write(pair: NetPair, side: str, path: str, value: str) -> str:
    """What is there afterwards; ChildFailed when it was refused."""
    return pair.run(side, "sh", "-c", 'echo "$1" | tee -- "$2" >/dev/null && cat "$2"', "set", value, path).strip()


def _set_all(pair: NetPair, side: str, wanted: list[dict[str, str]], record: dict[str, Any]) -> None:
    for entry in wanted:
        try:
            record["set"][f"{side} {entry['key']}"] = _write(pair, side, _proc(entry["key"]), entry["value"])
        except ChildFailed as error:
            record["refused"].append(f"{side} {entry['key']}={entry['value']}: {_short(error)}")


def _short(error: Exception) -> str:
    return str(error).rsplit(": ", 1)[-1]


def _mask(cores: list[int]) -> str:
    words = []
    bits = sum(1 << core for core in cores)
    while bits:
        words.append(f"{bits & 0xFFFFFFFF:x}")
        bits >>= 32
    return ",".join(reversed(words)) or "0"


def _steer(pair: NetPair, ends: dict[str, tuple[str, list[int]]], record: dict[str, Any]) -> None:
    """Receive work of an end goes to the cores of the program there (RPS)."""
    record["steering"] = True
    for side, (iface, cores) in ends.items():
        path = f"/sys/class/net/{iface}/queues/rx-0/rps_cpus"
        try:
            record["set"][f"{side} {iface} rps_cpus"] = _write(pair, side, path, _mask(cores))
        except ChildFailed as error:
            record["steering"] = False
            record["refused"].append(f"{side} {iface} rps_cpus={_mask(cores)}: {_short(error)}")


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


def apply(pair: NetPair, name: str, server: list[int], client: list[int]) -> dict[str, Any]:
    """Sets a profile; what was set, as read back, and what was refused. Nothing is set outside our namespaces."""
    chosen = profile(name)
    record: dict[str, Any] = {"profile": name, "net": pair.kind, "steering": False, "set": {}, "refused": []}
    if not pair.own:
        record["refused"].append("all settings: the machine's own loopback is left as it is")
        return record
    sides = (SERVER,) if pair.kind == "lo" else (SERVER, CLIENT)
    for side in sides:
        _set_all(pair, side, chosen["sysctl"], record)
    if chosen["steering"] and pair.kind != "lo":
        ends = {CLIENT: (PEER, client)}
        if name != "mtcp-peer":
            ends[SERVER] = (IFACE, server)
        _steer(pair, ends, record)
    return record


def plain_frames(pair: NetPair, side: str, iface: str) -> None:
    """What a stack at the other end of veth needs: whole checksums and frames no longer than the MTU."""
    pair.run(side, "ethtool", "-K", iface, "tx", "off", "tso", "off", "gso", "off")
