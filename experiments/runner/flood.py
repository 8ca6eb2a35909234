# SPDX-License-Identifier: BSD-3-Clause
"""SYNs that arrive beside the load, and bare frames without one: what the device `flood:` sends."""
from __future__ import annotations

import re
from collections.abc import Iterable

from runner import netns
from runner.builds import program
from runner.procs import Child

ROUTE = "198.18.0.0/15"  # where the SYNs say that they are from
_SENT = re.compile(r"^flood: (\d+) SYNs in ([\d.]+) s$")
_START_S = 20.0


def device(rate: float, target: str, seed: int, inner: str) -> str:
    return f"flood:rate={rate:.0f},to={target},seed={seed}/{inner}"


def ring_settings(rate: float, target: str, seed: int) -> list[str]:
    """Of mtcp-pair: the load's end of the ring sends the SYNs, too. Answers to them leave by another way, as those to forged addresses
    do: on the clients' wire they would cost a client its SYN/ACK, and a second, whenever its core is late."""
    return ["--server-set", "device=flood:away/ring:flood:0", "--server-set", f"gateway={netns.CLIENT_ADDRESSES[0]}",
            "--client-set", f"device={device(rate, target, seed, 'ring:flood:1')}"]


def start(pair: netns.NetPair, rate: float, target: str, seed: int, cores: str) -> Child:
    """A sender in the client's namespace, over veth, that runs until it is stopped."""
    argv = [str(program("", "mtcp-packets")), "--source", device(rate, target, seed, f"af_packet:{netns.PEER}"), "--source-cores", cores]
    child = Child(pair.inside(netns.CLIENT, argv), "mtcp-packets")
    try:
        child.wait_line(lambda line: line.startswith("ready"), _START_S)
    except BaseException:
        child.stop()
        raise
    return child


def sent_per_s(lines: Iterable[str]) -> float | None:
    """From what the sender said at its end."""
    for line in lines:
        match = _SENT.match(line)
        if match and float(match[2]) > 0:
            return int(match[1]) / float(match[2])
    return None
