# SPDX-License-Identifier: BSD-3-Clause
"""One measured run: starts the programs, watches the window that the load generator announces, returns the row."""
from __future__ import annotations

import contextlib
import json
import shutil
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runner import conclude, cpustat, flood, latencies, layout, memory, netns, pace, rows, sampling, tuning, words
from runner.builds import program
from runner.cluster import Cluster
from runner.plan import Run
from runner.procs import Child, ChildFailed
from runner.scenario import PACKETS

PORT = 9000
PAIR_PORT = 8080   # of the server in mtcp-pair
_ALL = 1e9         # frames per second: as many as go
_START_S = 20.0    # until a server listens
_RAMP_S = 60.0     # until all connections were opened, beyond the warm-up
_FOREIGN = 0.02    # of the server's cores taken by other programs: worth a remark
_END_S = 30.0      # from the end of the window to the end of the program
_STOP_S = 5.0      # that a server has to end


@dataclass
class Site:
    """What all runs of a session share."""

    net_kind: str                    # kind of namespace pair, see netns
    scratch: Path
    cores: layout.Layout
    perf_refusal: str = ""
    capture: Path | None = None
    many: bool = True                # a capture file for each run, named after it
    settings: dict[str, Any] = field(default_factory=dict)  # what tuning recorded, by profile
    show_rate: Callable[[float], None] | None = None        # gets the rate of a run while it runs
    hosts: Cluster | None = None     # other machines, where both ends are

    def capture_args(self, run: Run) -> list[str]:
        if not self.capture:
            return []
        path = self.capture.with_name(f"{self.capture.stem}-{run.slug}{self.capture.suffix}") if self.many else self.capture
        return ["--capture", str(path)]


def _faulty_ring(run: Run) -> list[str]:
    """Both ends of the ring with faults on what they receive."""
    faults = {"loss": run.part.loss, "reorder": run.part.reorder}
    keys = ",".join(f"{key}={value:g}" for key, value in faults.items() if value)
    if not keys:
        return []
    ends = (("--server-set", 0), ("--client-set", 1))
    return [word for option, end in ends for word in (option, f"device=fault:{keys},seed={run.seed * 2 + end}/ring:lossy:{end}")]


def _event(line: str, name: str) -> bool:
    if not line.startswith("{"):
        return False
    try:
        return json.loads(line).get("event") == name
    except (json.JSONDecodeError, AttributeError):
        return False


class _Window:
    """The measured seconds, seen from outside the programs."""

    def __init__(self, run: Run, site: Site):
        self._run, self._site = run, site
        self._server, client = site.cores.of(run)
        self._cores = sorted({*self._server, *client})
        self.sampled = run.scenario.breakdown and not site.perf_refusal
        self._recording = sampling.Recording(site.scratch, run.slug) if self.sampled else None
        self.server = self.all = cpustat.CpuTime()
        self.memory = 0  # bytes, of both ends
        self.foreign_share = 0.0  # of the cores' time, taken by programs that are not ours
        self.pace = pace.Pace(site.show_rate)
        self._kernel = memory.kernel()

    def watch(self, load: Child, server: Child | None = None, sender: Child | None = None) -> None:
        """Waits for the window and its end; a server of its own is told, so that its row covers the same seconds.
        sender: of frames beside the load; its time is the run's, too."""
        if self._recording:
            self._recording.prepare()
        load.wait_line(lambda line: self.pace.event(line) == "measure_begin", _START_S + _RAMP_S + self._run.timing.warmup)
        if server:
            server.process.send_signal(signal.SIGUSR1)
        children = [child.process.pid for child in (load, server, sender) if child]
        before, both, own = cpustat.read(self._server), cpustat.read(self._cores), cpustat.of_ours(children, self._cores)
        self.pace.begin()
        if self._recording:
            self._recording.start()
        load.wait_line(lambda line: self.pace.event(line) == "measure_end", self._run.timing.seconds + _END_S)
        self.server, self.all = cpustat.read(self._server) - before, cpustat.read(self._cores) - both
        own = cpustat.of_ours(children, self._cores) - own
        others = self.all.user + self.all.nice + self.all.system - own
        self.foreign_share = max(0.0, others / self.all.total) if self.all.total else 0.0
        programs = sum(memory.process(child.process.pid) for child in (load, server) if child)
        self.memory = max(0, memory.kernel() - self._kernel) + programs
        if server:
            server.process.send_signal(signal.SIGUSR2)
        if self._recording:
            self._recording.stop()

    def breakdown(self, row: rows.Row) -> list[dict[str, Any]]:
        """All methods that this machine allows."""
        ours = self._run.ours
        found = [entry for entry in [sampling.from_row(row, self._run.part.set | self._run.part.server_set)] if entry]
        if not ours:
            found.append(sampling.from_proc_stat(self.server))
        if self._recording:
            samples = self._recording.samples()
            layers = sampling.our_layers() if ours else None
            found += sampling.breakdowns(samples, layers, self._server)
            folder = self._site.scratch.parent / "functions"
            folder.mkdir(exist_ok=True)
            sampling.write_functions(folder / f"{self._run.slug}.tsv", samples, layers, self._server)
            stacks = self._site.scratch.parent / "stacks"
            stacks.mkdir(exist_ok=True)
            (stacks / f"{self._run.slug}.folded").write_text(sampling.folded(samples, self._server))
        return found

    def discard(self) -> None:
        if self._recording:
            self._recording.discard()


def _pair(run: Run, site: Site, window: _Window) -> rows.Row:
    """Server and load in one process, over a ring."""
    result = site.scratch / "pair.json"
    mode = "paired" if run.stack == "mtcp-paired" else "inline"
    server, client = site.cores.of(run)
    argv = [str(program(run.part.build, "mtcp-pair")), "--mode", mode, "--server-core", words.cpu_list(server),
            "--client-core", words.cpu_list(client), *words.settings(run), *words.sets("--server-set", run.part.server_set),
            *words.sets("--client-set", run.part.client_set), *_faulty_ring(run), *words.load(run, json=result)]
    if run.flood_rate:
        argv += flood.ring_settings(run.flood_rate, f"{netns.SERVER_ADDRESS}:{PAIR_PORT}", run.seed)
    argv += site.capture_args(run)
    # No network is needed, and none is given: the guard ends the program should we be killed.
    child = Child(["setpriv", "--pdeathsig", "KILL", "--", *argv], "mtcp-pair")
    try:
        window.watch(child)
        child.wait_end(_END_S)
    finally:
        child.stop()
    return rows.read_program(result) | {"command": words.command(argv), "flood_sent_per_s": flood.sent_per_s(child.tail)}


def _packets(run: Run, site: Site, window: _Window) -> rows.Row:
    """No TCP: frames are received and given back. Over the ring their source is a thread of the same program."""
    result = site.scratch / "packets.json"
    target = f"{netns.SERVER_ADDRESS}:{PORT}"
    server, client = map(words.cpu_list, site.cores.of(run))
    argv = [str(program("", "mtcp-packets")), "--cores", server, *words.load(run, json=result)]
    with contextlib.ExitStack() as ends:
        sender = None
        if run.in_process:
            argv += ["--device", "ring:packets:0", "--source-cores", client,
                     "--source", flood.device(_ALL, target, run.seed, "ring:packets:1")]
            child = Child(["setpriv", "--pdeathsig", "KILL", "--", *argv], "mtcp-packets")
        else:
            pair = ends.enter_context(_own_pair(run, site))
            sender = flood.start(pair, _ALL, target, run.seed, client)
            ends.callback(sender.stop)
            argv += ["--device", run.device.devargs]
            child = Child(pair.inside(netns.SERVER, argv), "mtcp-packets")
        ends.callback(child.stop)
        window.watch(child, sender=sender)
        child.wait_end(_END_S)
    return rows.read_program(result) | {"command": words.command(argv), "steady": None}  # it waits for no rate


def _alone(run: Run, site: Site, window: _Window) -> rows.Row:
    """One program, which sends nothing: of the kernel's all threads share a table of descriptors."""
    result = site.scratch / "alone.json"
    argv = [str(program(run.part.build, "mtcp-descriptors")), "--stack", run.stack, "--cores", words.cpu_list(site.cores.of(run)[0])]
    if run.ours:
        argv += ["--device", "ring:alone:0", "--address", f"{netns.SERVER_ADDRESS}/{netns.PREFIX_LEN}", *words.settings(run)]
    child = Child(["setpriv", "--pdeathsig", "KILL", "--", *argv, *words.load(run, json=result)], "mtcp-descriptors")
    try:
        window.watch(child)
        child.wait_end(_END_S)
    finally:
        child.stop()
    return rows.read_program(result) | {"command": words.command(argv + words.load(run, json=result)), "steady": None}


def _own_pair(run: Run, site: Site) -> netns.NetPair:
    if site.net_kind == "lo":
        raise ChildFailed(f"device {run.device.name} needs network namespaces, which this machine does not allow", 3)
    return netns.NetPair(site.net_kind)


def _queues(run: Run, site: Site) -> tuple[int, int]:
    """That the ends of veth receive by: one for each core. Beside our stack one, as a frame that af_packet sends goes to a queue by
    the core that it comes from."""
    server, client = site.cores.of(run)
    return (1, 1) if run.ours else (len(server), len(client))


def _server_args(run: Run, site: Site, pair: netns.NetPair, json_path: Path) -> list[str]:
    argv = [str(program(run.part.build, "mtcp-server")), "--stack", run.stack, "--listen", f"{pair.target}:{PORT}",
            *words.options({key: run.load[key] for key in words.SERVER_WANTS if key in run.load}),
            "--cores", words.cpu_list(site.cores.of(run)[0]), "--max-conns", str(words.max_conns(run)), "--json", str(json_path)]
    if run.ours:
        return argv + ["--device", run.device.devargs, "--address", f"{netns.SERVER_ADDRESS}/{netns.PREFIX_LEN}",
                       *words.settings(run), *site.capture_args(run)]
    return argv + words.sets("--set", tuning.profile(run.stack, run.part.tuning)["server"])


def _prepare_net(run: Run, site: Site, pair: netns.NetPair) -> dict[str, Any]:
    """Settings, addresses, offloads; what is in force, which is also kept for the manifest."""
    tap = run.ours and run.device.tap
    name = "mtcp-peer" if run.ours else run.stack
    record = tuning.apply(pair, name, *site.cores.of(run), run.part.tuning)
    if not tap:
        pair.set_mtu(run.part.mtu)
        pair.give_addresses(netns.CLIENT, netns.CLIENT_ADDRESSES, netns.PEER)
    if run.ours and not tap:
        tuning.plain_frames(pair, netns.CLIENT, netns.PEER)
    if run.part.loss:
        tuning.lose(pair, run.part.loss)
    if run.part.delay_ms:
        tuning.delay(pair, run.part.delay_ms)
    if not run.ours:
        pair.give_addresses(netns.SERVER, (netns.SERVER_ADDRESS,), netns.IFACE)
    if pair.kind != "lo":
        record["offloads"] = tuning.offloads(pair, netns.CLIENT, netns.PEER)
    site.settings[words.settings_key(name, run)] = record
    return record


def _note_settings(line: str, record: dict[str, Any]) -> None:
    """What a kernel server says that it could set, and could not."""
    told = json.loads(line)
    record["set"] |= {f"server {key}": str(value) for key, value in told["set"].items()}
    record["refused"] += [f"server {text}" for text in told["refused"]]


def _apart(run: Run, site: Site, window: _Window) -> rows.Row:
    """Server and load as two processes, joined by veth, by a tap device or by the loopback."""
    tap = run.ours and run.device.tap
    if (run.ours or run.flood_rate) and site.net_kind == "lo":
        raise ChildFailed(f"device {run.device.name} needs network namespaces, which this machine does not allow", 3)
    result, server_result = site.scratch / "load.json", site.scratch / "server.json"
    server_cores, load_cores = map(words.cpu_list, site.cores.of(run))
    with netns.NetPair(site.net_kind, _queues(run, site)) as pair:
        record = _prepare_net(run, site, pair)
        server_argv = _server_args(run, site, pair, server_result)
        server = Child(pair.inside(netns.SERVER, server_argv), "mtcp-server")
        load = sender = None
        try:
            line = server.wait_line(lambda line: line.startswith("ready") or _event(line, "settings"), _START_S)
            if not line.startswith("ready"):
                _note_settings(line, record)
                server.wait_line(lambda line: line.startswith("ready"), _START_S)
            if tap:
                pair.run(netns.SERVER, "ip", "link", "set", netns.PEER, "up")
                pair.give_addresses(netns.SERVER, netns.CLIENT_ADDRESSES, netns.PEER)
            if run.flood_rate:  # before the load: it learns from the load's ARP where the server is
                if not run.ours:
                    pair.run(netns.SERVER, "ip", "route", "add", flood.ROUTE, "via", netns.CLIENT_ADDRESSES[0])
                sender = flood.start(pair, run.flood_rate, f"{pair.target}:{PORT}", run.seed, load_cores)
            argv = [str(program("", "mtcp-load")), "--stack", "kernel", "--target", f"{pair.target}:{PORT}",
                    "--sources", pair.sources, "--cores", load_cores,
                    "--watch-server-cpus", server_cores, *words.load(run, json=result),
                    *words.sets("--set", tuning.profile("mtcp-peer" if run.ours else run.stack, run.part.tuning)["load"])]
            load = Child(pair.inside(netns.SERVER if tap else netns.CLIENT, argv), "mtcp-load")
            window.watch(load, server, sender)
            load.wait_end(_END_S)
        finally:
            for child in filter(None, (load, sender)):
                child.stop()
            server.stop(grace=_STOP_S)
        server.stop_well(_STOP_S)
    row = rows.read_program(result) | {"command": words.command(server_argv, argv)}
    row["flood_sent_per_s"] = flood.sent_per_s(sender.tail) if sender else None
    _join(row, rows.read_program(server_result), site.net_kind != "lo")
    conclude.judge_load(row, tuning.spins(run.stack, run.part.tuning))
    return row


def _join(row: rows.Row, server: rows.Row, apart: bool) -> None:
    """What only the server knows: its threads and mode, its loop's cycles, what it took, sent again or dropped. In one namespace the
    kernel's counters are those of both ends."""
    for key in ("server_threads", "mode", "accepted", "listener_pauses", "server_counters",
                "cpu_app", "cpu_tcpip", "cpu_packet_io", "cpu_kernel_other", "cpu_idle", "cpu_unclassified"):
        if row.get(key) is None:
            row[key] = server.get(key)
    for key in ("retransmits", "retransmits_total", "drops"):
        if apart and server.get(key) is not None:
            row[key] = (row.get(key) or 0) + server[key]


def _finish(row: rows.Row, run: Run, site: Site, window: _Window) -> rows.Row:
    """The program's row, with what only the harness knows."""
    server, client = site.cores.of(run)
    row |= {"experiment": run.scenario.name, "stack": run.stack, "repeat": run.repeat, "seed": run.seed,
            "axis": run.part.column, "variant": run.part.name or None, "mtu": run.part.mtu,
            "loss": run.part.loss or None, "reorder": run.part.reorder or None,
            "delay_ms": run.part.delay_ms or None,
            run.part.column: run.point, "concurrency": run.concurrency,
            "server_cores": words.cpu_list(server), "client_cores": words.cpu_list(client),
            "device": "none" if run.alone else run.device.name if run.over_device else site.net_kind,
            "steal_share": round(window.all.steal_share, 5),
            "foreign_share": round(window.foreign_share, 5) if not window.sampled else None,
            "intervals": window.pace.rates, "rate_drift": window.pace.drift(),
            "memory_bytes": window.memory, "memory_per_connection": window.memory / run.concurrency}
    for column, option in (("messages_per_connection", "messages"), ("message_bytes", "message_bytes"),
                           ("response_bytes", "response_bytes")):
        row.setdefault(column, run.load.get(option))
    conclude.per_core(row, cpustat.clock_hz())
    row["breakdown"] = window.breakdown(row)
    conclude.choose_breakdown(row)
    row["notes"] = "; ".join([*_notes(row.get("notes"), row["breakdown"], run, site), *conclude.unsteady(row)]) or None
    return rows.complete(row)


def _notes(said: list[str] | str | None, breakdown: list[dict[str, Any]], run: Run, site: Site) -> list[str]:
    """What the program remarked, but for what a column's description says already, and what we have to add."""
    told = [said] if isinstance(said, str) else said or []
    notes = [text for text in told if not text.startswith("generator_lag:")]
    if site.capture and run.ours:
        notes.append("captured: the capture took part of the time")
    foreign = max((entry.get("foreign", 0.0) for entry in breakdown if entry["cpus"] == "server"), default=0.0)
    if foreign > _FOREIGN:
        notes.append(f"other programs took {foreign:.0%} of the server's cores")
    return notes


def _here(run: Run, site: Site) -> rows.Row:
    """Both ends on this machine."""
    window = _Window(run, site)
    try:
        make = _packets if run.stack == PACKETS else _alone if run.alone else _pair if run.in_process else _apart
        return _finish(make(run, site, window), run, site, window)
    finally:
        window.discard()


def measure(run: Run, site: Site) -> rows.Row:
    """Makes one run. ChildFailed says why there is no row; nothing is left running."""
    site.scratch.mkdir(parents=True, exist_ok=True)
    try:
        row = site.hosts.measure(run, site.settings, site.show_rate) if site.hosts else _here(run, site)
    finally:
        shutil.rmtree(site.scratch, ignore_errors=True)
    distributions = latencies.take(row)
    wrong = rows.faults(row)
    if wrong:
        raise ChildFailed(f"the row is not as experiments/schema.json wants it: {wrong[0]}")
    if run.scenario.distributions:
        latencies.write(site.scratch.parent, run.slug, distributions)
    return row
