# SPDX-License-Identifier: BSD-3-Clause
"""./repro run --inventory: server and loads on other hosts, driven over a session with each; a row is that of all of them."""
from __future__ import annotations

import math
import re
import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from runner import conclude, deploy, gather, guard, pace, rows, sampling, tuning, words
from runner.cpustat import CpuTime
from runner.device import Device
from runner.display import Display
from runner.errors import CannotRun
from runner.inventory import Host, Inventory
from runner.places import ROOT
from runner.plan import Run
from runner.ports import interface_of
from runner.procs import ChildFailed
from runner.remote import Clock, Remote, all_at_once
from runner.scenario import PACKETS

PORT = 9000
_RAMP_S = 60.0        # until all connections were opened, beyond the warm-up
_LEAD_S = 0.05        # from the word to open the windows until they open, beyond four of the longest round trips
_ATTEMPTS = 3         # at windows that are open together
_END_S = 60.0         # from the window's end until a program's row is there
_SUMMED = {"concurrency": True, "rate": False}  # options of the load that clients share; True: in whole numbers


def wire(inventory: Inventory) -> Device:
    """What rows say of our stack's device."""
    text = inventory.server.device
    name = re.split("[:,]", text)[0].removeprefix("net_").rstrip("0123456789")
    return Device(name or "none", text or "none")


def _same_wire(device: str, inventory: Inventory) -> bool:
    """Is what a part wants for its wire what the hosts have? Where they have a card, it stands for the wire to a Linux client, af_packet."""
    name = wire(inventory).name
    return device == name or (device == "af_packet" and name not in ("af_packet", "af_xdp"))


def refusal(run: Run, inventory: Inventory) -> str:
    """Why a run cannot be made on several hosts; empty when it can."""
    server = inventory.server
    reasons = (
        (run.stack == PACKETS, "packet I/O without TCP is measured on one machine"),
        (run.alone, "no frame is sent: it is about one machine"),
        (run.pairs, "self-loop pairs are of one machine"),
        (run.cores not in (0, len(server.cores)), f"its points are numbers of server cores: host {server.name} has {len(server.cores)}"),
        (run.flood_rate, "the sender of a flood is driven on one machine only"),
        (run.part.loss or run.part.reorder, "frames are lost and reordered on purpose between namespaces of one machine only"),
        (run.part.delay_ms, "frames are delayed on purpose between namespaces of one machine only"),
        (run.ours and run.part.device and not _same_wire(run.part.device, inventory), f"it is about the wire {run.part.device}"),
        (run.part.build, "hosts have the usual build only"),
        (run.load.get("zero_copy") and inventory.clients[0].load == "kernel", "zero-copy wants mtcp_load: mtcp"),
        (run.ours and not server.device, f"host {server.name} has no mtcp_device"),
        (not run.ours and not server.interface, f"host {server.name} has no mtcp_interface"),
    )
    return next((why for wrong, why in reasons if wrong), "")


def choose(runs: list[Run], inventory: Inventory, about: dict[str, Any]) -> list[Run]:
    """Those that can be made; the others are told as skipped."""
    kept = []
    for run in runs:
        why = refusal(run, inventory)
        if why:
            variant = f" {run.part.name}" if run.part.name else ""
            what = words.at_cores(run.cores) if run.cores else f"{variant} {run.stack}".strip()
            about["skipped"].setdefault(f"{run.scenario.name} {what}", why)
        else:
            kept.append(run)
    return kept


def check_clock(host: Host, clock: Clock) -> None:
    """CannotRun when it is further off than the inventory allows, or may be."""
    worst = 1000 * (abs(clock.offset_s) + clock.bound_s)
    if worst > host.clock_limit_ms:
        raise CannotRun(f"host {host.name}: its clock is {1000 * clock.offset_s:+.3f} ms from ours (within {1000 * clock.bound_s:.3f} ms), "
                        f"more than mtcp_clock_limit_ms: {host.clock_limit_ms:g}: let chrony or ntpd set both, or raise the limit")


def check_source(host: Host, theirs: dict[str, Any], ours: dict[str, Any]) -> None:
    """CannotRun when a host's own sources (mtcp_sources) are others than the ones here. Where git tells nothing of one, the
    manifest has it so."""
    def told(source: dict[str, Any]) -> str:
        return f"commit {source['commit'][:12]}{' with changes ' + source['diff'] if source['diff'] else ''}"

    if host.sources and theirs["commit"] and ours["commit"] and told(theirs) != told(ours):
        raise CannotRun(f"host {host.name}: mtcp_sources {host.sources} are {told(theirs)}, here they are {told(ours)}: make them the same and build them, "
                        "or leave out mtcp_sources")


def _note_clock(known: dict[str, Any], clock: Clock) -> None:
    """The worst of all runs stays."""
    if known["offset_ms"] is None or abs(clock.offset_s) + clock.bound_s > (abs(known["offset_ms"]) + known["bound_ms"]) / 1000:
        known |= {"offset_ms": round(1000 * clock.offset_s, 4), "bound_ms": round(1000 * clock.bound_s, 4)}


def _about(host: Host, told: dict[str, Any]) -> dict[str, Any]:
    return {"role": "server" if host.serves else "client", "machine": told,
            "clock": {"offset_ms": None, "bound_ms": None, "limit_ms": host.clock_limit_ms},
            "address": host.address, "addresses": host.addresses, "cores": list(host.cores), "interface": host.interface or None,
            "device": host.device or None, "load": None if host.serves else host.load, "set": host.set}


class Calm(guard.Guard):
    """Is any host disturbed? Each asks its own cores."""

    def __init__(self, remotes: dict[str, Remote]):
        super().__init__([])
        self._remotes = remotes

    def _ask(self, settle: bool) -> float:
        found = all_at_once(self._remotes.values(), "calm", each=lambda remote: {"cores": list(remote.host.cores), "settle": settle})
        return max(found.values())

    def slowdown(self) -> float:
        return self._ask(False)

    def settle(self) -> float:
        return self._ask(True)


@dataclass
class Cluster:
    inventory: Inventory
    tree: str = ""
    remotes: dict[str, Remote] = field(default_factory=dict)
    told: dict[str, dict[str, Any]] = field(default_factory=dict)  # what each host said of itself
    repeated: list[dict[str, Any]] = field(default_factory=list)   # of the manifest
    clocks: dict[str, dict[str, Any]] = field(default_factory=dict)  # of the manifest: the worst offset of each host
    _left: list[str] = field(default_factory=list)                 # settings that could not be put back

    def open(self, scratch: Path, about: dict[str, Any], shown: Display) -> None:
        """Hosts prepared, sessions with all of them, their clocks checked, all of it in the manifest. CannotRun names a host."""
        hosts = self.inventory.hosts
        shown.say(f"preparing {', '.join(host.name for host in hosts)}")
        scratch.mkdir(parents=True, exist_ok=True)
        try:
            self.tree = deploy.prepare(self.inventory, scratch)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        for host in hosts:
            self.remotes[host.name] = Remote(host, deploy.sources_of(host, self.tree))
        for found in self.remotes.values():
            found.begin()
        try:
            self.told = all_at_once(self.remotes.values(), "hello",
                                    each=lambda found: {"interface": found.host.interface, "device": found.host.device})
            self._reserve()
        except ChildFailed as error:
            raise CannotRun(str(error)) from error
        about["hosts"], self.repeated = {}, about["repeated"]
        for name, found in self.remotes.items():
            check_source(found.host, self.told[name]["source"], about["source"])
            about["hosts"][name] = _about(found.host, self.told[name])
            self.clocks[name] = about["hosts"][name]["clock"]
        self._compare_clocks(self.remotes.values())

    def _compare_clocks(self, remotes: Iterable[Remote]) -> None:
        """They drift, and are set: before each run again."""
        for found in remotes:
            clock = found.measure_clock()
            _note_clock(self.clocks[found.host.name], clock)
            check_clock(found.host, clock)

    def _reserve(self) -> None:
        wanted = [found for found in self.remotes.values() if found.host.hugepages]
        all_at_once(wanted, "reserve", each=lambda found: {"hugepages": found.host.hugepages})

    def calm(self) -> Calm:
        return Calm(self.remotes)

    def close(self) -> None:
        """Agents end what runs and put settings back."""
        for found in self.remotes.values():
            found.close()
        self.remotes.clear()

    # ---- one run ----

    def measure(self, run: Run, settings: dict[str, Any], show_rate: Any) -> rows.Row:
        """Makes one run; its row, without what the session adds. settings: gets what is in force.
        CannotRun when settings of the run before, whose row is kept, could not be put back."""
        if self._left:
            raise CannotRun(f"settings could not be put back: {'; '.join(self._left)}")
        clients = [self.remotes[host.name] for host in self.inventory.clients][: run.concurrency]
        taking_part = [self.remotes[self.inventory.server.name], *clients]
        _show_sum(clients, show_rate)
        try:
            row = self._together(run, taking_part, settings)
        except ChildFailed:  # not an interrupt: agents that still wait hear of the end by close()
            all_at_once(taking_part, "end")
            raise
        self._left = [f"host {name}: {text}" for name, said in all_at_once(taking_part, "end").items() for text in said]
        if self._left:
            row["notes"] = "; ".join(filter(None, [row["notes"], f"settings could not be put back: {'; '.join(self._left)}"]))
        return row

    def _together(self, run: Run, taking_part: list[Remote], settings: dict[str, Any]) -> rows.Row:
        """Tries again where the windows of the hosts were not open at the same time."""
        for _ in range(_ATTEMPTS):
            try:
                return self._measure(run, taking_part, settings)
            except gather.Apart as error:
                all_at_once(taking_part, "end")
                self.repeated.append({"run": run.label, "why": str(error)})
        raise ChildFailed(self.repeated[-1]["why"])

    def _measure(self, run: Run, taking_part: list[Remote], settings: dict[str, Any]) -> rows.Row:
        server, *clients = taking_part
        self._compare_clocks(taking_part)
        record = self._prepare(run, taking_part, settings)
        server_argv = self._server_argv(run)
        server.ask("start", argv=server_argv, serves=True, timeout=0)
        _note_settings(record, server.host.name, server.answer(_END_S))
        shares = [dict(zip(_SUMMED, found)) for found in zip(*(self._shares(run, name, len(clients)) for name in _SUMMED))]
        argv = {found.host.name: self._load_argv(run, found.host, place, shares[place]) for place, found in enumerate(clients)}
        limit = run.timing.warmup * 4 + _RAMP_S
        all_at_once(clients, "start", limit + _END_S, lambda found: {"argv": argv[found.host.name], "serves": False, "timeout": limit})
        windows = self._window(run, taking_part)
        server_window = windows.pop(server.host.name)
        loads = all_at_once(clients, "result", _END_S)
        server.ask("result")
        row = gather.join(server.answer(_END_S), loads, server_window, windows, len(server.host.cores))
        row["command"] = " ; ".join(map(_command, [server.host.name, *argv], [server_argv, *argv.values()]))
        return self._finish(row, run, [found.host for found in clients], server_window)

    @staticmethod
    def _shares(run: Run, name: str, n: int) -> list[Any]:
        return gather.shares(run.load[name], n, _SUMMED[name]) if name in run.load else [None] * n

    def _prepare(self, run: Run, taking_part: list[Remote], settings: dict[str, Any]) -> dict[str, Any]:
        """Sets what the run wants on each host; what is in force, which is also kept for the manifest."""
        name = "mtcp-peer" if run.ours else run.stack
        profile = tuning.profile(name, run.part.tuning)

        def of(found: Remote) -> dict[str, Any]:
            host = found.host
            kernel = not run.ours if host.serves else host.load == "kernel"
            other = self.inventory.clients[0].load == "mtcp" if host.serves else run.ours
            interface = host.interface if kernel else interface_of(host.device)
            steered = profile["steering"] in (True, "server" if host.serves else "client")
            return {"profile": {"sysctl": profile["sysctl"], "ethtool": profile["ethtool"], "iface": profile["iface"]},
                    "interface": interface, "addresses": host.all_addresses if kernel else [],
                    "silent": sorted({host.interface, interface_of(host.device)} - {"", interface}),
                    "mtu": run.part.mtu, "steered": list(host.cores) if steered else [], "plain": kernel and other}

        key = words.settings_key(name, run)
        told = all_at_once(taking_part, "prepare", each=of)
        settings[key] = {"profile": name, "net": "hosts", "steering": bool(profile["steering"]),
                         "set": {f"{host} {what}": value for host, own in told.items() for what, value in own["set"].items()},
                         "refused": [f"{host} {text}" for host, own in told.items() for text in own["refused"]],
                         "offloads": {host: own["offloads"] for host, own in told.items() if "offloads" in own}}
        return settings[key]

    def _server_argv(self, run: Run) -> list[str]:
        host = self.inventory.server
        argv = [deploy.program(host, self.tree, "mtcp-server"), "--stack", run.stack, "--listen", f"{host.first}:{PORT}",
                *words.options({key: run.load[key] for key in words.SERVER_WANTS if key in run.load}),
                "--cores", host.cpu_list, "--max-conns", str(words.max_conns(run))]
        if run.ours:
            return argv + ["--device", host.device, "--address", host.address, *words.settings(run), *words.sets("--set", run.part.server_set | host.set)]
        return argv + words.sets("--set", tuning.profile(run.stack, run.part.tuning)["server"])

    def _load_argv(self, run: Run, host: Host, place: int, share: dict[str, Any]) -> list[str]:
        """share: what of the load is this client's."""
        own = {key: value for key, value in share.items() if value is not None}
        argv = [deploy.program(host, self.tree, "mtcp-load"), "--stack", host.load, "--target", f"{self.inventory.server.first}:{PORT}",
                "--cores", host.cpu_list, "--hold", *words.load(run, seed=run.seed + 1000 * place, histogram=True, **own)]
        if host.load == "mtcp":
            return argv + ["--device", host.device, "--address", _span(host), *words.settings(run), *words.sets("--set", run.part.client_set | host.set)]
        profile = tuning.profile("mtcp-peer" if run.ours else run.stack, run.part.tuning)
        return argv + ["--sources", host.span, *words.sets("--set", profile["load"])]

    def _window(self, run: Run, taking_part: list[Remote]) -> dict[str, gather.Window]:
        """All windows open at one instant, which each host is told by its own clock; times come back as ours."""
        at = time.time() + _LEAD_S + 8 * max(found.clock.bound_s for found in taking_part)
        told = all_at_once(taking_part, "window", run.timing.seconds + _END_S,
                           lambda found: {"at": at + found.clock.offset_s, "seconds": run.timing.seconds, "cores": list(found.host.cores)})
        offset = {found.host.name: found.clock.offset_s for found in taking_part}
        return {name: gather.Window(found["begin"] - offset[name], found["end"] - offset[name], CpuTime(**found["cpu"]),
                                    found["foreign_share"], found["memory"], found["rates"]) for name, found in told.items()}

    def _finish(self, row: rows.Row, run: Run, clients: list[Host], watched: gather.Window) -> rows.Row:
        server = self.inventory.server
        interface = self.told[server.name]["interfaces"].get(server.interface, {})
        rates = pace.Pace()
        rates.rates = row["intervals"]
        row |= {"experiment": run.scenario.name, "stack": run.stack, "repeat": run.repeat, "seed": run.seed, "axis": run.part.column,
                "variant": run.part.name or None, "mtu": run.part.mtu, run.part.column: run.point, "concurrency": run.concurrency,
                "server_cores": server.cpu_list, "client_cores": ";".join(host.cpu_list for host in clients),
                "device": wire(self.inventory).name if run.ours else interface.get("driver", "kernel"),
                "hosts": f"{server.name} < {', '.join(host.name for host in clients)}", "rate_drift": rates.drift(),
                "memory_per_connection": row["memory_bytes"] / run.concurrency}
        conclude.judge_load(row, tuning.spins(run.stack, run.part.tuning))
        conclude.per_core(row, float(self.told[server.name].get("cpu_mhz") or 0) * 1e6)
        row["breakdown"] = [found for found in [sampling.from_row(row, run.part.set | run.part.server_set | server.set)] if found]
        if not run.ours:
            row["breakdown"].append(sampling.from_proc_stat(watched.cpu))
        conclude.choose_breakdown(row)
        notes = [*row["notes"], *conclude.unsteady(row)]
        if len(clients) < len(self.inventory.clients):
            notes.append("fewer connections than clients")
        if same := one_machine({name: self.told[name] for name in (server.name, *(host.name for host in clients))}):
            row["foreign_share"] = None  # each other's
            notes.append(f"hosts {', '.join(same)} are one machine")
        row["notes"] = "; ".join(notes) or None
        return rows.complete(row)


def _show_sum(clients: list[Remote], show_rate: Any) -> None:
    """The display gets the rate of all clients together, as each tells its own."""
    latest: dict[str, float] = {}

    def note(name: str, rate: float) -> None:
        latest[name] = rate
        if show_rate and len(latest) == len(clients):
            show_rate(math.fsum(latest.values()))

    for found in clients:
        found.on_rate = partial(note, found.host.name)


def _command(host: str, argv: list[str]) -> str:
    """As it can be typed again on that host, in the folder of the sources: the row comes to standard output."""
    return f"{host}: {words.command([str(ROOT / 'build' / 'bin' / Path(argv[0]).name), *argv[1:], '--json', '-'])}"


def _span(host: Host) -> str:
    """As our stack has several addresses: A-B/LEN."""
    return f"{host.span}/{host.network.prefixlen}"


def _note_settings(record: dict[str, Any], host: str, told: dict[str, Any]) -> None:
    """What a kernel server says that it could set, and could not."""
    if told:
        record["set"] |= {f"{host} server {key}": str(value) for key, value in told["set"].items()}
        record["refused"] += [f"{host} server {text}" for text in told["refused"]]


def one_machine(told: dict[str, dict[str, Any]]) -> list[str]:
    """Hosts that are the same machine as another one: namespaces, containers."""
    boots = [found["boot"] for found in told.values()]
    return [name for name, found in told.items() if boots.count(found["boot"]) > 1]
