# SPDX-License-Identifier: BSD-3-Clause
"""manifest.json: the complete description of the machine, the programs and the settings that rows are from."""
from __future__ import annotations

import hashlib
import json
import os
import platform
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from runner import builds, rows
from runner.places import CLAIMS, EXPERIMENTS, ROOT


def text_of(path: str) -> str | None:
    """A file of /proc or /sys; None when it cannot be read."""
    try:
        return Path(path).read_text().strip()
    except OSError:
        return None


def output(*argv: str) -> str | None:
    """What a short command prints; None when it fails or is not there."""
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def cpu_field(name: str) -> str | None:
    for line in (text_of("/proc/cpuinfo") or "").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return None


def packages_listed(*kinds: str) -> list[str]:
    """Names in experiments/packages.txt: of these kinds, or all."""
    text = (EXPERIMENTS / "packages.txt").read_text()
    listed = (line.split() for line in text.splitlines() if line.strip() and not line.startswith("#"))
    return [name for name, kind, *_ in listed if not kinds or kind in kinds]


def installed() -> dict[str, str]:
    """Versions of those that are."""
    text = output("dpkg-query", "-W", "-f", "${Package} ${Version} ${db:Status-Status}\n", *packages_listed())
    if text is None:  # some are not installed: dpkg-query then fails, yet tells of the others
        text = "\n".join(filter(None, (output("dpkg-query", "-W", "-f", "${Package} ${Version} ${db:Status-Status}", name)
                                       for name in packages_listed())))
    words = (line.split() for line in text.splitlines())
    return {word[0]: word[1] for word in words if len(word) == 3 and word[2] == "installed"}


def _virtualisation() -> str:
    known = output("systemd-detect-virt")
    if known:
        return known
    flags = cpu_field("flags") or ""
    return "virtual machine" if "hypervisor" in flags.split() else "none seen"


_SOURCES = ("CMakeLists.txt", "repro", "core", "pmd_backends", "experiments", "plots", "traces")


def _untracked(git: list[str]) -> dict[str, str]:
    """Files among the sources that git does not know, by content: neither the commit nor the difference has them."""
    listed = output(*git, "-c", "core.quotePath=false", "ls-files", "--others", "--exclude-standard", "--", *_SOURCES) or ""
    return {name: digest((ROOT / name).read_bytes()) for name in listed.splitlines() if (ROOT / name).is_file()}


def source() -> dict[str, Any]:
    """What git says of the sources that this is from."""
    git = ["git", "-C", str(ROOT), "-c", "safe.directory=*"]
    if output(*git, "rev-parse", "--show-prefix"):  # inside some other checkout, whose commit says nothing of these
        return {"commit": None, "dirty": None, "diff": None, "untracked": {}}
    status = output(*git, "status", "--porcelain", "--untracked-files=no")
    changes = changes_since("HEAD") if status else None
    return {"commit": output(*git, "rev-parse", "HEAD"), "dirty": None if status is None else bool(status),
            "diff": digest(changes) if changes else None, "untracked": _untracked(git)}


def changes_since(commit: str) -> bytes | None:
    """What the sources differ in from a commit, as git apply takes it; None when git does not tell."""
    try:
        done = subprocess.run(["git", "-C", str(ROOT), "-c", "safe.directory=*", "diff", "--binary", "--full-index", "--no-color",
                               "--no-ext-diff", commit],
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def digest(changes: bytes) -> str:
    return hashlib.sha256(changes).hexdigest()[:12]


def machine() -> dict[str, Any]:
    governor = text_of("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
    memory = next((line.split()[1] for line in (text_of("/proc/meminfo") or "").splitlines()
                   if line.startswith("MemTotal")), "0")
    return {
        "cpu": cpu_field("model name"), "cpu_mhz": cpu_field("cpu MHz"), "cores": os.cpu_count(),
        "cores_usable": sorted(os.sched_getaffinity(0)), "memory_mib": int(memory) // 1024,
        "kernel": platform.release(), "governor": governor or "not told",
        "clocksource": text_of("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
        "virtualisation": _virtualisation(), "root": os.geteuid() == 0,
    }


def now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S%z")


def programs() -> dict[str, str]:
    """What was built, by content."""
    folder = builds.program("", "x").parent
    return {path.name: digest(path.read_bytes()) for path in sorted(folder.glob("mtcp-*")) if path.is_file()}


def piece(about: dict[str, Any]) -> dict[str, Any]:
    """One start of a run that may be made in several; `state`, `until` and `rows` are told as it goes on."""
    told = about["machine"]
    return {"started": about["started"], "commit": about["source"]["commit"], "diff": about["source"]["diff"], "cpu": told["cpu"],
            "kernel": told["kernel"], "load_average": about["load_average_before"], "programs": programs()}


def begin(argv: list[str], seed: int) -> dict[str, Any]:
    about = {
        "schema_version": rows.version(), "state": "running", "started": now(), "command": shlex.join(["./repro", *argv]),
        "seed": seed, "source": source(), "machine": machine(), "dpdk": output("pkg-config", "--modversion", "libdpdk"),
        "python": sys.version.split()[0], "packages": installed(), "load_average_before": os.getloadavg(),
        "settings": {}, "skipped": {}, "failures": [], "repeated": [], "claims": digest(CLAIMS.read_bytes()),
    }
    return about | {"pieces": [piece(about)]}


def write(folder: Path, manifest: dict[str, Any]) -> None:
    half = folder / ".manifest.json"
    half.write_text(json.dumps(manifest, indent=2) + "\n")
    half.replace(folder / "manifest.json")


def read(folder: Path) -> dict[str, Any]:
    """The manifest beside some rows; empty when it is not there or not readable."""
    try:
        found = json.loads((folder / "manifest.json").read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
