# SPDX-License-Identifier: BSD-3-Clause
"""The --device option: which wire our stack is on."""
from __future__ import annotations

import re
from dataclasses import dataclass

from runner.errors import CannotRun, UsageError, nearest

NAMES = ("ring", "pcap", "af_packet", "af_xdp", "tap")
LATER = {
    "memif": "memif joins two processes of ours; the harness drives one stack per run so far: use ring, or start "
    "mtcp-server and mtcp-load by hand",
    "pci": "a network card needs a load generator on another machine: start mtcp-server and mtcp-load by hand",
}
IFACE = "srv0"  # the stack's end of the veth pair, inside the server's namespace
_DEVARGS = re.compile(r"^(net_[a-z0-9_]+?)(\d*)((?:,[^,=\s]+=[^,\s]*)*)$")


@dataclass(frozen=True)
class Device:
    name: str           # as it stands in a row
    devargs: str        # for --device of mtcp-server, whose own names bring ring sizes and sleeping on the socket with
                        # them, which DPDK's do not; empty: both stacks in one process, on a ring
    capture: bool = False
    tap: bool = False   # the kernel's end is a device that the driver makes, in the server's own namespace

    @property
    def in_process(self) -> bool:
        return not self.devargs


def parse(text: str) -> Device:
    if text in ("ring", "net_ring"):
        return Device("ring", "")
    if text == "pcap":
        return Device("ring", "", capture=True)
    if text == "af_packet":
        return Device("af_packet", f"af_packet:{IFACE}")
    if text == "af_xdp":
        return Device("af_xdp", f"af_xdp:{IFACE}")
    if text == "tap":
        return Device("tap", "net_tap0,iface=cli0", tap=True)
    kind = text.split(":")[0].removeprefix("net_").split(",")[0].rstrip("0123456789")
    if kind in LATER:
        raise CannotRun(f"device {text!r}: not driven by ./repro run yet: {LATER[kind]}")
    return _devargs(text)


def _devargs(text: str) -> Device:
    match = _DEVARGS.match(text)
    if not match:
        raise UsageError(f"unknown device {text!r}: {nearest(text, [*NAMES, *LATER])}")
    driver, number, options = match.groups()
    if driver == "net_ring":
        return Device("ring", "")
    if driver == "net_tap":
        return Device("tap", f"net_tap{number or 0},iface=cli0", tap=True)
    keys = dict(option.split("=", 1) for option in options.split(",")[1:])
    if "iface" not in keys:
        raise UsageError(f"device {text!r} names no interface: add ,iface={IFACE} (the server's end of the veth pair)")
    if keys["iface"] != IFACE:
        raise UsageError(f"device {text!r}: inside the experiment's namespace the interface is iface={IFACE}")
    return Device(driver.removeprefix("net_"), f"{driver}{number or 0}{options}")
