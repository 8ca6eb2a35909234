# SPDX-License-Identifier: BSD-3-Clause
"""./repro run."""
from __future__ import annotations

import argparse
import contextlib
import shutil
from pathlib import Path
from typing import Any

from runner import claims, cluster, cpustat, device, display, inventory, layout, manifest, pdf, plan, resume, scenario, session, table
from runner.builds import program
from runner.errors import CannotRun, Stop, UsageError

_CAPTURE_SECONDS = 0.5  # a short look: a second of full load is some hundred megabytes


def _programs(runs: list[plan.Run]) -> None:
    """CannotRun when a program that will be needed is not there."""
    programs = [run for run in runs if run.stack != scenario.PACKETS and not run.alone]
    apart = any(not run.in_process for run in programs)
    pair = any(run.in_process for run in programs)
    packets = any(run.stack == scenario.PACKETS or (run.flood_rate and not run.in_process) for run in runs)
    alone = any(run.alone for run in runs)
    wanted = {"mtcp-pair": pair, "mtcp-server": apart, "mtcp-load": apart, "mtcp-packets": packets, "mtcp-descriptors": alone}
    for name in (name for name, is_wanted in wanted.items() if is_wanted):
        if not program("", name).is_file():
            raise CannotRun(f"{program('', name)} is missing: build it, or set MTCP_BIN to where it is")


def _capture(arguments: argparse.Namespace, chosen: device.Device, folder: Path) -> Path | None:
    if arguments.capture:
        path = Path(arguments.capture).absolute()
        if not path.parent.is_dir():
            raise UsageError(f"--capture {path}: no such folder: {path.parent}")
        return path
    return folder / "wire.pcapng" if chosen.capture else None


def _place(arguments: argparse.Namespace, words: list[str], before: dict[str, Any] | None) -> tuple[Path, dict[str, Any]]:
    """The folder, held for as long as we live, and the manifest to begin with."""
    about = manifest.begin(words, arguments.seed) | {"choices": resume.choices(arguments)}
    folder = arguments.resume.absolute() if before else session.make_folder(arguments.out)
    resume.lock(folder)
    if before:
        resume.check(folder, before, about)
        shutil.rmtree(folder / ".scratch", ignore_errors=True)  # of one that was killed outright
        resume.carry_over(before, about)
    return folder, about


def _hosts(arguments: argparse.Namespace) -> cluster.Cluster | None:
    """Other machines that measure; None: this one does."""
    if not arguments.inventory:
        return None
    arguments.inventory = str(Path(arguments.inventory).absolute())
    return cluster.Cluster(inventory.read(Path(arguments.inventory)))


def _open(hosts: cluster.Cluster, folder: Path, about: dict[str, Any], shown: display.Display) -> None:
    """Nothing is left of a folder in which nothing began."""
    try:
        hosts.open(folder / ".scratch", about, shown)
    except BaseException:
        if not any(folder.iterdir()):
            folder.rmdir()
        raise


def run(arguments: argparse.Namespace, words: list[str]) -> int:
    before = resume.earlier(arguments.resume) if arguments.resume else None
    if before:
        arguments = argparse.Namespace(**vars(arguments) | before["choices"])
    hosts = _hosts(arguments)
    chosen = cluster.wire(hosts.inventory) if hosts else device.parse(arguments.device)
    baselines = scenario.choose_baselines(arguments.baseline)
    captures = bool(arguments.capture) or chosen.capture
    seconds = arguments.seconds or (_CAPTURE_SECONDS if captures else None)
    scenarios = scenario.choose(arguments.names, scenario.load_all())
    runs = plan.make(scenarios, plan.Options(arguments.size, baselines, arguments.repeats, seconds,
                                             arguments.seed, chosen))
    cores = layout.NONE if hosts else layout.make(arguments.server_cores, arguments.client_cores, cpustat.usable_cores())
    if not hosts:
        _programs(runs)
    folder, about = _place(arguments, words, before)
    kept = resume.rows_of(folder) if before else []
    runs = resume.missing(runs, kept)
    shown = display.make()
    with contextlib.closing(hosts) if hosts else contextlib.nullcontext():
        if hosts:
            runs = cluster.choose(runs, hosts.inventory, about)
            _open(hosts, folder, about, shown)
            resume.check_hosts(folder, before or about, about)
        else:
            runs = cores.choose(runs, about)
        site = session.make_site(runs, folder, _capture(arguments, chosen, folder), about, cores, hosts)
        if before:
            resume.check_network(folder, before, about)
        runs = session.make_builds(runs, about)
        if before:
            resume.carry_failures(before, about, runs)
        work = session.Session(runs, site, folder, shown, about, kept)
        if before and (other := resume.other_programs(before, about)):
            shown.say(f"built otherwise than for the earlier rows: {', '.join(other)}")
        work.note_missing(scenarios)
        return _work(work, folder)


def _work(work: session.Session, folder: Path) -> int:
    """Makes the runs; the exit status."""
    about, state = work.about, "interrupted"
    try:
        work.work()
        state = "complete"
    finally:
        verdicts = work.finish(state)
        _close(work, folder, verdicts)
    if not work.rows and about["failures"]:
        raise Stop(f"no run was completed: {about['failures'][0]['why']}")
    if not work.rows:
        raise CannotRun(f"no run was completed: {next(iter(about['skipped'].values()), 'nothing to do')}")
    return 1 if about["failures"] or claims.failed(verdicts) else 0


def _close(work: session.Session, folder: Path, verdicts: list[claims.Verdict]) -> None:
    """Tables on the terminal, what did not run, and where things are."""
    if work.rows:
        console = table.console()
        for item in [*table.results(work.rows), table.verdicts(verdicts)]:
            console.print(item)
    for what, why in work.about["skipped"].items():
        print(f"skipped: {what}: {why}")
    for failure in work.about["failures"]:
        print(f"failed: {failure['run']}: {failure['why']}")
    if work.rows and work.about["state"] == "complete" and (refused := pdf.write(folder)):
        print(refused)
    where = "report.html" if work.rows else "manifest.json"
    print(f"{'report' if work.rows else 'no rows; see'}: {folder / where}", flush=True)
