# SPDX-License-Identifier: BSD-3-Clause
"""hosts.yml: which hosts measure, and what of them. An ordinary Ansible inventory with the groups `server` and `clients`;
experiments/cluster/hosts.example.yml explains every variable."""
from __future__ import annotations

import ipaddress
import json
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runner import words
from runner.errors import CannotRun, UsageError, nearest

SERVER, CLIENTS = "server", "clients"
LOADS = ("kernel", "mtcp")
_READ_S = 60.0
_CPUS = re.compile(r"^\d+(-\d+)?(,\d+(-\d+)?)*$")
_INTERFACE = re.compile(r"^[A-Za-z0-9_.-]{1,15}$")
# Of Ansible's own, what is used here; Ansible would render templates in them, ansible-inventory does not.
_SSH = re.compile(r"^ansible_(host|port|user|connection|private_key_file|ssh_.*|become.*|python_interpreter)$")
_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


@dataclass(frozen=True)
class Host:
    """One host. Field `x` is the variable mtcp_x; `ssh`: Ansible's own variables that say how it is reached."""

    name: str
    serves: bool
    address: str                     # of the first of its addresses in the experiment's network, ADDR/LEN
    addresses: int = 1               # how many from there on: a load on the kernel has 64 thousand ports for each
    interface: str = ""              # the kernel's, for its stacks and for a load on the kernel
    device: str = ""                 # our stack's
    cores: tuple[int, ...] = (0,)    # of the program
    load: str = "kernel"             # a client's stack
    hugepages: int = 0               # of 2 MiB, reserved while a run lasts; 0: as they are
    set: dict[str, Any] = field(default_factory=dict)  # configuration keys of our stack
    dir: str = "/var/lib/mtcp"       # where sources are copied to and built
    sources: str = ""                # where they are already
    build: str = ""                  # their build; SOURCES/build where not said
    clock_limit_ms: float = 50.0     # how far its clock may be from ours
    ssh: dict[str, Any] = field(default_factory=dict)

    @property
    def first(self) -> ipaddress.IPv4Address:
        return ipaddress.ip_interface(self.address).ip

    @property
    def network(self) -> ipaddress.IPv4Network:
        return ipaddress.ip_interface(self.address).network

    @property
    def all_addresses(self) -> list[str]:
        """ADDR/LEN of each."""
        return [f"{self.first + number}/{self.network.prefixlen}" for number in range(self.addresses)]

    @property
    def span(self) -> str:
        """As mtcp-load has it: A-B."""
        return str(self.first) if self.addresses == 1 else f"{self.first}-{self.first + self.addresses - 1}"

    @property
    def cpu_list(self) -> str:
        return ",".join(map(str, self.cores))


@dataclass(frozen=True)
class Inventory:
    path: Path
    server: Host
    clients: tuple[Host, ...]

    @property
    def hosts(self) -> tuple[Host, ...]:
        return (self.server, *self.clients)


def _cores(text: str) -> tuple[int, ...]:
    if not _CPUS.match(text):
        raise ValueError("a list of CPUs as 0,2-5")
    found = words.cores_of(text)
    if not found or len(set(found)) != len(found):
        raise ValueError("each CPU once, ranges upwards, as 0,2-5")
    return tuple(found)


def _address(text: str) -> str:
    try:
        found = ipaddress.IPv4Interface(text)
    except ValueError:
        found = None
    if found is None or "/" not in text or found.network.prefixlen > 30:
        raise ValueError("an IPv4 address with its network's length, as 10.0.0.1/24")
    return str(found)


def _number(low: float, high: float, kind: type) -> Any:
    def parse(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not low <= value <= high:
            raise ValueError(f"a {'whole ' if kind is int else ''}number from {low:g} to {high:g}")
        return value

    return parse


def _interface(text: str) -> str:
    if not _INTERFACE.match(text):
        raise ValueError("the name of an interface, as eth1")
    return text


def _device(text: str) -> str:
    kind = text.split(":")[0].split(",")[0]
    if not text or any(mark in text for mark in " \t\n") or kind.removeprefix("net_").rstrip("0123456789") in ("ring", "pcap", "tap", "memif"):
        raise ValueError("a device that reaches another host, as af_packet:eth1, af_xdp:eth1, pci:0000:01:00.0")
    return text


def _load(text: str) -> str:
    if text not in LOADS:
        raise ValueError(f"one of {', '.join(LOADS)}")
    return text


def _absolute(text: str) -> str:
    if not text.startswith("/"):
        raise ValueError("an absolute path")
    return text.rstrip("/") or "/"


_VARIABLES = {
    "address": _address, "addresses": _number(1, 1024, int), "interface": _interface, "device": _device, "cores": _cores, "load": _load,
    "hugepages": _number(0, 1 << 20, int), "dir": _absolute, "sources": _absolute, "build": _absolute,
    "clock_limit_ms": _number(0.001, 60_000, float),
}
_PREFIX = "mtcp_"
_KNOWN = [_PREFIX + name for name in (*_VARIABLES, "set", "packages")]


def _host(name: str, serves: bool, variables: dict[str, Any]) -> Host:
    """UsageError names the host, the variable and the mend."""
    found: dict[str, Any] = {}
    for variable, value in variables.items():
        ours = variable.startswith(_PREFIX) and variable != _PREFIX + "packages"
        if (ours or _SSH.match(variable)) and any(mark in str(value) for mark in ("{{", "{%")):
            raise UsageError(f"host {name}: {variable}: {value!r}: templates are not rendered here: give the value itself")
        if not variable.startswith(_PREFIX):
            continue
        key = variable.removeprefix(_PREFIX)
        if key == "set":
            if not isinstance(value, dict):
                raise UsageError(f"host {name}: mtcp_set: {value!r}: give keys and values, as {{gateway: 10.0.0.254}}")
            found[key] = {word: int(one) if isinstance(one, bool) else one for word, one in value.items()}
            continue
        if key == "packages":  # the playbook's
            continue
        if key not in _VARIABLES:
            raise UsageError(f"host {name}: unknown variable {variable}: {nearest(variable, _KNOWN)}")
        try:
            found[key] = _VARIABLES[key](str(value))
        except ValueError as error:
            raise UsageError(f"host {name}: {variable}: {value!r}: give {error}") from None
    if "address" not in found:
        raise UsageError(f"host {name}: mtcp_address is missing: give its address in the experiment's network, as 10.0.0.1/24")
    ssh = {key: value for key, value in variables.items() if key.startswith("ansible_")}
    return Host(name=name, serves=serves, ssh=ssh, **found)


def _check_host(host: Host) -> None:
    wrong = ""
    if host.serves and not host.device and not host.interface:
        wrong = "give mtcp_device (for our stack), mtcp_interface (for the kernel's), or both"
    elif host.serves and host.addresses != 1:
        wrong = "mtcp_addresses is for clients: a server listens on one"
    elif not host.serves and host.load == "kernel" and not host.interface:
        wrong = "mtcp_interface is missing: the load runs on the kernel's TCP (or give mtcp_load: mtcp and mtcp_device)"
    elif not host.serves and host.load == "mtcp" and not host.device:
        wrong = "mtcp_device is missing: mtcp_load is mtcp"
    elif host.first + host.addresses > host.network.broadcast_address:
        wrong = f"mtcp_addresses: {host.addresses} from {host.first} on leave the network {host.network}"
    elif host.build and not host.sources:
        wrong = "mtcp_build without mtcp_sources: where nothing is copied to, say where the sources are"
    if wrong:
        raise UsageError(f"host {host.name}: {wrong}")
    _check_connection(host)


def _check_connection(host: Host) -> None:
    """Programs are driven over one ssh session that stays open; a connection of another kind has none."""
    kind = host.ssh.get("ansible_connection", "ssh")
    if kind not in ("ssh", "smart"):
        raise UsageError(f"host {host.name}: ansible_connection: {kind!r}: only ssh is driven: leave it out, and give ansible_host")
    for name in ("ansible_password", "ansible_ssh_pass", "ansible_become_password", "ansible_become_pass"):
        if name in host.ssh:
            raise UsageError(f"host {host.name}: {name}: passwords are not used: give a key (ansible_ssh_private_key_file) and, for "
                             "ansible_become, sudo without a password")
    if become(host) and host.ssh.get("ansible_become_method", "sudo") != "sudo":
        raise UsageError(f"host {host.name}: ansible_become_method: {host.ssh['ansible_become_method']!r}: only sudo is used")


def become(host: Host) -> bool:
    """Is root got by sudo there?"""
    told = str(host.ssh.get("ansible_become", "false")).lower()
    if told not in _TRUE + _FALSE:
        raise UsageError(f"host {host.name}: ansible_become: {told!r}: give true or false")
    return told in _TRUE


def _check_together(hosts: list[Host]) -> None:
    taken: dict[ipaddress.IPv4Address, str] = {}
    for host in hosts:
        if host.network != hosts[0].network:
            raise UsageError(f"host {host.name}: mtcp_address {host.address} is not in the server's network {hosts[0].network}: "
                             "give all hosts addresses of one network")
        for address in (host.first + number for number in range(host.addresses)):
            if address in taken:
                raise UsageError(f"host {host.name}: address {address} is {taken[address]}'s, too: give each host its own")
            taken[address] = host.name
    ways = {host.load for host in hosts if not host.serves}
    if len(ways) > 1:
        raise UsageError("mtcp_load differs between clients: one row has one kind of load: give all the same")


def _members(listed: dict[str, Any], group: str) -> list[str]:
    """Hosts of a group and of the groups in it, each once."""
    own = listed.get(group, {})
    found = [*own.get("hosts", []), *(name for child in own.get("children", []) for name in _members(listed, child))]
    return list(dict.fromkeys(found))


def parse(path: Path, listed: dict[str, Any]) -> Inventory:
    """What ansible-inventory --list printed."""
    groups = {name: _members(listed, name) for name in (SERVER, CLIENTS)}
    if len(groups[SERVER]) != 1:
        raise UsageError(f"{path}: group server has {len(groups[SERVER]) or 'no'} hosts: give it one")
    if not groups[CLIENTS]:
        raise UsageError(f"{path}: group clients has no hosts: give it one or more")
    both = set(groups[SERVER]) & set(groups[CLIENTS])
    if both:
        raise UsageError(f"{path}: host {both.pop()} is in both groups: a machine loads itself without --inventory")
    variables = listed.get("_meta", {}).get("hostvars", {})
    hosts = [_host(name, group == SERVER, variables.get(name, {})) for group in (SERVER, CLIENTS) for name in groups[group]]
    for host in hosts:
        _check_host(host)
    _check_together(hosts)
    return Inventory(path, hosts[0], tuple(hosts[1:]))


def check_file(path: Path) -> None:
    if not path.is_file():
        raise UsageError(f"--inventory {path}: no such file: write one as experiments/cluster/hosts.example.yml")


def read(path: Path) -> Inventory:
    """The file, as Ansible understands it."""
    check_file(path)
    try:
        done = subprocess.run(["ansible-inventory", "-i", str(path), "--list"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=_READ_S, check=False)
    except FileNotFoundError:
        raise CannotRun("ansible-inventory is missing; run: sudo apt-get install -y --no-install-recommends ansible-core") from None
    except subprocess.TimeoutExpired:
        raise CannotRun(f"ansible-inventory did not end within {_READ_S:.0f} s") from None
    try:
        listed = json.loads(done.stdout)
    except json.JSONDecodeError:
        listed = None
    refused = [line for line in done.stderr.splitlines() if "Failed to parse" in line or line.startswith("ERROR")]
    if done.returncode or not isinstance(listed, dict) or refused:
        said = refused or done.stderr.strip().splitlines()
        raise UsageError(f"{path}: Ansible cannot read it: {said[0] if said else 'it said nothing'}")
    return parse(path, listed)
