# SPDX-License-Identifier: BSD-3-Clause
"""The words of our programs' command lines, as a run wants them."""
from __future__ import annotations

import math
import os
import shlex
from typing import Any

from runner import pace
from runner.places import ROOT
from runner.plan import Run

# Options of the load that the server has to agree on.
SERVER_WANTS = ("app", "message_bytes", "response_bytes", "zero_copy", "file_set", "tls_version", "tls_resume", "events")
_SERVERS_OWN = ("events",)  # of these the server's alone: a load by itself has no such option


def cpu_list(cores: list[int]) -> str:
    return ",".join(map(str, cores))


def cores_of(text: str) -> list[int]:
    """Of a list of CPUs as 0,2-5."""
    found: list[int] = []
    for span in text.split(","):
        first, _, last = span.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


_OVERLAP, _OVERLAP_LEAST = 0.05, 256  # a client opens its next connection before the server has closed the last


def max_conns(run: Run) -> int:
    """Connections that a server is to be ready for. Not more than needed: where descriptors are limited it runs a thread for each table of them."""
    return run.concurrency + max(math.ceil(run.concurrency * _OVERLAP), _OVERLAP_LEAST)


def options(values: dict[str, Any]) -> list[str]:
    """Words of the command line; True: an option without a value."""
    named = ((f"--{key.replace('_', '-')}", value) for key, value in values.items())
    return [word for name, value in named for word in ([name] if value is True else [name, str(value)])]


def load(run: Run, **more: Any) -> list[str]:
    """Of the load generator; more: further options, or others than the run's."""
    other = ("pairs", "cores", "flood_rate", *(() if run.in_process else _SERVERS_OWN), *(("app",) if run.alone else ()))
    own = {key: value for key, value in run.load.items() if key not in other}
    return ["--progress"] + options(own | {"interval": pace.INTERVAL_S,
        "warmup": f"{run.timing.warmup:g}", "seconds": f"{run.timing.seconds:g}", "seed": run.seed,
        "experiment": run.scenario.name, "repeat": run.repeat} | ({"histogram": True} if run.scenario.distributions else {}) | more)


def settings(run: Run) -> list[str]:
    """Configuration keys of our stack."""
    keys = run.part.set | ({"mtu": run.part.mtu} if run.part.mtu else {})
    return sets("--set", keys)


def at_cores(n: int) -> str:
    """A point that is a number of server cores."""
    return f"at {n} server core{'s' * (n > 1)}"


def settings_key(name: str, run: Run) -> str:
    """What the manifest has settings of a profile under; they differ by part, where it changes them, and by the number of cores."""
    return " ".join(filter(None, (name, run.part.name if run.part.tuning else "", at_cores(run.cores) if run.cores else "")))


def sets(option: str, keys: dict[str, Any]) -> list[str]:
    return [word for key, value in keys.items() for word in (option, f"{key}={value}")]


def command(*commands: list[str]) -> str:
    """As it can be typed again in the folder of the sources: the row comes to standard output."""
    told = []
    for program_path, *rest in commands:
        rest = ["-" if before == "--json" else word for before, word in zip([program_path, *rest], rest)]
        told.append(shlex.join([os.path.relpath(program_path, ROOT), *rest]))
    return " ; ".join(told)
