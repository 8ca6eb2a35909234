# SPDX-License-Identifier: BSD-3-Clause
"""Three network namespaces that stand for hosts, each with an ssh server of its own, and a fourth from which they are driven:
one bridge for ssh, one for the experiment. All of it lives as long as the processes that hold it.

Inside a user namespace no ssh server can log anybody in (it may not set groups): there a script that enters the host's
namespaces takes the place of ssh, for Ansible and for ./repro alike (ansible_ssh_executable).
"""
import json
import os
import subprocess
import time
from pathlib import Path

from runner import netns, procs
from runner.places import ROOT

HOSTS = ("node0", "node1", "node2")
INTERFACE = "exp0"
# Words of ssh until the host's name; then the rest is for the host's shell.
_SCRIPT = """#!/bin/sh
while :; do
    case $1 in
    -[olpiSFE]) shift 2 ;;
    -*) shift ;;
    *) break ;;
    esac
done
address=$1
shift
[ -r "{folder}/pid-$address" ] || {{ echo "ssh: connect to host $address port 22: Connection refused" >&2; exit 255; }}
exec nsenter -t "$(cat "{folder}/pid-$address")" -n -m -- env HOME=/root SSH_CONNECTION="192.168.77.1 1 $address 22" sh -c "$*"
"""
_SSH = "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"


class Lab:
    """.inventory: hosts.yml, one server and two clients. .inside: argv prefix of the place they are driven from."""

    def __init__(self, folder: Path, build: Path):
        self.folder, self.build = folder, build
        self._rootless = os.geteuid() != 0
        self._holders: dict[str, netns._Holder] = {}
        self._servers: dict[str, procs.Child] = {}
        self.inventory = folder / "hosts.yml"
        try:
            self._networks()
            self._keys()
            for host in HOSTS:
                self._serve(host)
        except BaseException:
            self.close()
            raise
        self.write()

    def inside(self, name: str = "control") -> list[str]:
        enter = ["nsenter", "-t", str(self._holders[name].pid), "-n", "-m", f"--wdns={self.folder}"]
        return [*enter, *(["-U", "--preserve-credentials"] if self._rootless else []), "--", "setpriv", "--pdeathsig", "KILL", "--"]

    def run(self, name: str, *argv: str) -> str:
        return procs.call([*self.inside(name), *argv])

    def control_address(self, host: str) -> str:
        return f"192.168.77.{10 + HOSTS.index(host)}"

    def _networks(self) -> None:
        self._holders["control"] = netns._Holder(["unshare", "-Urnm" if self._rootless else "-nm"])
        enter = ["nsenter", "-t", str(self._holders["control"].pid), "-U", "--preserve-credentials", "--"] if self._rootless else []
        for bridge in ("control", "wire"):
            self.run("control", "ip", "link", "add", bridge, "type", "bridge")
            self.run("control", "ip", "link", "set", bridge, "up")
        self.run("control", "ip", "address", "add", "192.168.77.1/24", "dev", "control")
        for host in HOSTS:
            self._holders[host] = netns._Holder([*enter, "unshare", "-nm"])
            for bridge, inner in (("control", "ctl0"), ("wire", INTERFACE)):
                outer = f"{bridge[0]}-{host}"
                self.run("control", "ip", "link", "add", outer, "type", "veth", "peer", "name", inner, "netns", str(self._holders[host].pid))
                self.run("control", "ip", "link", "set", outer, "master", bridge, "up")
                self.run(host, "ip", "link", "set", inner, "up")
            self.run(host, "ip", "link", "set", "lo", "up")
            self.run(host, "ip", "address", "add", f"{self.control_address(host)}/24", "dev", "ctl0")

    def _keys(self) -> None:
        self.key = self.folder / "key"
        procs.call(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.key)])
        home = self.folder / "home" / ".ssh"
        home.mkdir(parents=True, mode=0o700)
        home.parent.chmod(0o700)
        (home / "authorized_keys").write_text(Path(f"{self.key}.pub").read_text())
        (home / "authorized_keys").chmod(0o600)
        procs.call(["dropbearkey", "-t", "ed25519", "-f", str(self.folder / "host-key")])

    def _serve(self, host: str) -> None:
        """An ssh server that lets in whoever has the test's key: root's home is another one in there."""
        self.run(host, "mount", "--bind", str(self.folder / "home"), "/root")
        if self._rootless:
            (self.folder / f"pid-{self.control_address(host)}").write_text(str(self._holders[host].pid))
            return
        server = procs.Child([*self.inside(host), "dropbear", "-F", "-E", "-s", "-r", str(self.folder / "host-key"), "-P", str(self.folder / f"{host}.pid"),
                              "-p", f"{self.control_address(host)}:22"], f"dropbear of {host}")
        self._servers[host] = server
        deadline = time.monotonic() + 60
        while "LISTEN" not in self.run(host, "ss", "-tlnH"):
            assert time.monotonic() < deadline, server.last_words()
            time.sleep(0.02)

    def write(self, **changes: object) -> Path:
        """hosts.yml; changes: variables of hosts by name, None takes one away."""
        plain = {"ansible_user": "root", "ansible_ssh_private_key_file": str(self.key), "ansible_ssh_common_args": _SSH,
                 "ansible_python_interpreter": "/usr/bin/python3", "mtcp_packages": []}
        if self._rootless:
            script = self.folder / "ssh"
            script.write_text(_SCRIPT.format(folder=self.folder))
            script.chmod(0o755)
            plain |= {"ansible_ssh_executable": str(script), "ansible_ssh_transfer_method": "piped"}
        hosts = {host: {"ansible_host": self.control_address(host), "mtcp_dir": str(self.folder / host), "mtcp_interface": INTERFACE,
                        "mtcp_sources": str(ROOT), "mtcp_build": str(self.build),
                        "mtcp_address": f"10.9.0.{1 + 16 * place}/24"} for place, host in enumerate(HOSTS)}
        hosts["node0"] |= {"mtcp_device": f"af_packet:{INTERFACE}", "mtcp_cores": "0"}
        for host in HOSTS[1:]:
            hosts[host] |= {"mtcp_addresses": 8, "mtcp_cores": str(max(os.sched_getaffinity(0)))}
        for host, change in changes.items():
            hosts[host] = {key: value for key, value in (hosts[host] | change).items() if value is not None}
        self.inventory.write_text(json.dumps({"all": {"vars": plain}, "server": {"hosts": {"node0": hosts["node0"]}},
                                              "clients": {"hosts": {host: hosts[host] for host in HOSTS[1:]}}}))
        return self.inventory

    def stop_server(self, host: str) -> None:
        if self._rootless:
            (self.folder / f"pid-{self.control_address(host)}").unlink()
        else:
            self._servers.pop(host).stop()

    def repro(self, *words: str) -> list[str]:
        """./repro as it is started from where the hosts are driven."""
        return [*self.inside(), "env", "MTCP_PACKAGES=assume", "MTCP_GUARD=off", "MTCP_CHROMIUM=", f"MTCP_BUILD={self.build}", f"MTCP_BIN={self.build}/bin",
                str(ROOT / "repro"), *words]

    def start(self, *words: str) -> subprocess.CompletedProcess:
        return subprocess.run(self.repro(*words), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, check=False)

    def state(self, host: str) -> dict[str, str]:
        """What a run may change, as it is now."""
        told = {"addresses": self.run(host, "ip", "-4", "-br", "address", "show", "dev", INTERFACE),
                "link": self.run(host, "cat", f"/sys/class/net/{INTERFACE}/flags"), "offloads": self.run(host, "ethtool", "-k", INTERFACE)}
        for key in ("net.core.somaxconn", "net.ipv4.ip_local_port_range", "net.ipv4.tcp_tw_reuse"):
            told[key] = self.run(host, "sysctl", "-n", key)
        return told

    def processes(self) -> list[str]:
        """Command lines of all that runs in the hosts, but for what this file started."""
        own = {os.readlink(f"/proc/{holder.pid}/ns/net") for holder in self._holders.values()}
        known = {holder.pid for holder in self._holders.values()}
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            try:
                if os.readlink(path / "ns/net") in own and int(path.name) not in known:
                    found.append((path / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip())
            except OSError:
                continue
        return [line for line in found if line and not line.startswith("dropbear -F") and line != "cat"]

    def close(self) -> None:
        for server in self._servers.values():
            server.stop()
        for holder in reversed(self._holders.values()):
            holder.close()
