# SPDX-License-Identifier: BSD-3-Clause
"""Scripts of packetdrill, which Debian does not package, played to our stack by the plug-in."""
from __future__ import annotations

import subprocess
from pathlib import Path

from runner.errors import UsageError
from runner.places import build_dir

SECONDS = 60  # of real time for one script: its own time is virtual


def check(program: Path | None, scripts: Path | None) -> None:
    if (program is None) != (scripts is None):
        raise UsageError("--packetdrill PATH and --scripts DIR belong together")
    if program is not None and not program.is_file():
        raise UsageError(f"{program}: no such program; build packetdrill and name its binary")
    if scripts is not None and not any(scripts.rglob("*.pkt")):
        raise UsageError(f"{scripts}: no *.pkt there; name a folder of packetdrill scripts")


def play(program: Path, script: Path) -> str | None:
    """None, or what was wrong."""
    argv = [str(program.resolve()), f"--so_filename={build_dir() / 'lib' / 'libmtcp_packetdrill.so'}", script.name]
    try:
        done = subprocess.run(argv, cwd=script.parent, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              errors="replace", timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return f"still running after {SECONDS} s"
    except OSError as error:
        return str(error)
    if done.returncode == 0:
        return None
    said = (done.stderr or done.stdout).strip().splitlines()
    return said[-1] if said else f"exit status {done.returncode}"


def play_all(program: Path, scripts: Path, log: Path) -> tuple[int, list[str]]:
    """How many passed, and what failed; all of it in the log, too."""
    passed, wrong = 0, []
    with log.open("a") as file:
        for script in sorted(scripts.rglob("*.pkt")):
            why = play(program, script)
            name = script.relative_to(scripts)
            print(f"{name}: {why or 'ok'}", file=file, flush=True)
            if why:
                wrong.append(f"{name}: {why}")
            else:
                passed += 1
    return passed, wrong
