# SPDX-License-Identifier: BSD-3-Clause
"""./repro run --resume DIR: what an interrupted run still lacks, made on the same machine from the same sources."""
from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Any

from runner import manifest, rows
from runner.errors import UsageError
from runner.plan import Run

# Of the manifest's machine: what must be the same. Clock and load may differ.
_MACHINE = {"cpu": "processor", "cores_usable": "cores", "memory_mib": "memory in MiB", "kernel": "kernel", "governor": "governor",
            "virtualisation": "virtualisation"}
_CHOICES = ("names", "size", "device", "inventory", "baseline", "seed", "repeats", "seconds", "capture", "server_cores", "client_cores")


def choices(arguments: Any) -> dict[str, Any]:
    """What the command line chose: kept in the manifest, so that a later start makes the same plan."""
    return {name: getattr(arguments, name) for name in _CHOICES}


def lock(folder: Path) -> int:
    """Held as long as we live; UsageError when another run is at work in this folder."""
    fd = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(fd)
        raise UsageError(f"{folder}: another ./repro run is at work there") from error
    return fd


def earlier(folder: Path) -> dict[str, Any]:
    """The manifest that was left there. UsageError when there is none to go on from."""
    found = manifest.read(folder)
    if isinstance(found.get("choices"), dict):
        found["choices"] = dict.fromkeys(("inventory", "server_cores", "client_cores")) | found["choices"]  # of before there were any
    if not isinstance(found.get("choices"), dict) or set(found["choices"]) != set(_CHOICES):
        raise UsageError(f"{folder}: no manifest.json there that says what was to be run: name a folder that ./repro run wrote")
    return found


def differences(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Why rows of then and of now would not belong together; empty when they do."""
    said = []
    for key, name in (("commit", "commit"), ("diff", "uncommitted changes"), ("untracked", "untracked files")):
        old, new = before.get("source", {}).get(key), now["source"].get(key)
        if (old or None) != (new or None):
            said.append(f"{name} {old or 'none'} then, {new or 'none'} now")
    for key, name in _MACHINE.items():
        old, new = before.get("machine", {}).get(key), now["machine"].get(key)
        if old != new:
            said.append(f"{name} {old} then, {new} now")
    if before.get("dpdk") != now.get("dpdk"):
        said.append(f"DPDK {before.get('dpdk')} then, {now.get('dpdk')} now")
    return said


def check(folder: Path, before: dict[str, Any], now: dict[str, Any]) -> None:
    """UsageError says why this run cannot be gone on with."""
    said = differences(before, now)
    if said:
        raise UsageError(f"{folder}: cannot be gone on with here: {'; '.join(said)}: start a new run")


def rows_of(folder: Path) -> list[rows.Row]:
    """Whole rows that are there; a last line that was cut off is dropped from the file."""
    path = folder / "rows.jsonl"
    text = path.read_text() if path.is_file() else ""
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        path.write_text(whole)
    return rows.read(folder) if whole else []


def missing(plan: list[Run], found: list[rows.Row]) -> list[Run]:
    """Runs of the plan that have no row."""
    from runner import summary  # its packages may not be there when words are checked

    there = {(key.experiment, key.variant, key.stack, key.point, row["repeat"]) for row in found for key in [summary.key(row)]}
    return [run for run in plan if (run.scenario.name, run.part.name, run.stack, run.row_point, run.repeat) not in there]


def check_network(folder: Path, before: dict[str, Any], about: dict[str, Any]) -> None:
    """The same for the kind of network, which is known later. "none": nothing then, or nothing now, is over one."""
    old, new = before.get("network", {}).get("kind"), about["network"]["kind"]
    if old not in (None, "none", new) and new != "none":
        raise UsageError(f"{folder}: cannot be gone on with here: network {old} then, {new} now: start a new run")
    if new == "none":
        about["network"] = before.get("network", about["network"])


def check_hosts(folder: Path, before: dict[str, Any], about: dict[str, Any]) -> None:
    """The same for other machines that measure; clocks may differ."""
    said = []
    for name, now in about["hosts"].items():
        then = before.get("hosts", {}).get(name)
        if then is None:
            said.append(f"host {name} was not among them")
            continue
        said += [f"host {name}: {key} {then.get(key)} then, {now[key]} now" for key in now if key not in ("machine", "clock") and then.get(key) != now[key]]
        said += [f"host {name}: {told} {then['machine'].get(key)} then, {now['machine'].get(key)} now"
                 for key, told in _MACHINE.items() if then["machine"].get(key) != now["machine"].get(key)]
    said += [f"host {name} is not among them now" for name in before.get("hosts", {}) if name not in about["hosts"]]
    if said:
        raise UsageError(f"{folder}: cannot be gone on with here: {'; '.join(said)}: start a new run")


def other_programs(before: dict[str, Any], about: dict[str, Any]) -> list[str]:
    """Names of programs that were built anew since, from the same sources, and came out otherwise: told, as a compiler may do that."""
    then, now = ((found.get("pieces") or [{}])[-1].get("programs", {}) for found in (before, about))
    return [name for name in now if name in then and now[name] != then[name]]


def carry_over(before: dict[str, Any], about: dict[str, Any]) -> None:
    """What the first start told stays told; what failed or was skipped then is tried again."""
    about["pieces"] = [*before.get("pieces", []), *about["pieces"]]
    about |= {key: before[key] for key in ("started", "command", "repeated", "settings", "perf") if key in before}


def carry_failures(before: dict[str, Any], about: dict[str, Any], runs: list[Run]) -> None:
    """What failed stays told until it is tried again. runs: those to be made."""
    labels = {run.label for run in runs}
    about["failures"] = [found for found in before.get("failures", []) if found["run"] in labels]
