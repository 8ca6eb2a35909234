# SPDX-License-Identifier: BSD-3-Clause
"""Interfaces of a host of --inventory: which belong to a device of ours, and which it is reached by."""
from __future__ import annotations

import json
import re
from pathlib import Path

from runner import manifest
from runner.errors import CannotRun

NET = Path("/sys/class/net")
_PCI = Path("/sys/bus/pci/devices")
_KERNEL = re.compile(r"^(?:net_)?(?:af_packet|af_xdp)\d*(?::|,(?:.*,)?iface=)([^,]+)")
_CARD = re.compile(r"^(?:pci:)?(?:([0-9a-f]{4,}):)?([0-9a-f]{2}:[0-9a-f]{2}\.[0-7])(?:,|$)", re.IGNORECASE)


def interface_of(device: str) -> str:
    """The kernel's interface that a device of ours takes its frames from; empty where it is a card's."""
    found = _KERNEL.match(device)
    return found[1] if found else ""


def of_card(device: str) -> set[str]:
    """The kernel's interfaces of the card that a device of ours is; none where the kernel does not have it."""
    found = _CARD.match(device)
    return {path.name for path in (_PCI / f"{found[1] or '0000'}:{found[2]}".lower() / "net").glob("*")} if found else set()


def _route_devices(*words: str) -> set[str]:
    found = set()
    for route in json.loads(manifest.output("ip", "-j", *words) or "[]"):
        found |= {hop["dev"] for hop in (route, *route.get("nexthops", [])) if "dev" in hop}
    return found


def _with_lower(names: set[str]) -> set[str]:
    """With all that their frames cross: members of a bridge or bond, what a VLAN is on, whose member it is."""
    found, left = set(), set(names)
    while left:
        name = left.pop()
        found.add(name)
        below = {path.name.removeprefix("lower_") for path in (NET / name).glob("lower_*")}
        above = {(NET / name / "master").resolve().name} if (NET / name / "master").exists() else set()
        left |= (below | above) - found
    return found


def refuse_control(interface: str, connection: str) -> None:
    """Addresses of the experiment's interface are taken away, its device gets our stack: not of one that the host is reached by.
    connection: SSH_CONNECTION, client first."""
    client, _, zone = connection.split(" ")[0].removeprefix("::ffff:").partition("%")
    reached = {zone} if zone else _route_devices("route", "get", client) if client else set()
    if interface in _with_lower(reached):
        raise CannotRun(f"interface {interface} is the one that this host is reached by: name another, of the experiment's own network")
    if interface in _with_lower(_route_devices("-4", "route", "show", "default") | _route_devices("-6", "route", "show", "default")):
        raise CannotRun(f"interface {interface} has the default route: name another, of the experiment's own network")
