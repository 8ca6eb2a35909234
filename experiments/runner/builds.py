# SPDX-License-Identifier: BSD-3-Clause
"""Other builds of our programs, for experiments that ask what something is worth."""
from __future__ import annotations

import os
from pathlib import Path

from runner import cpustat, layout, procs, words
from runner.errors import CannotRun
from runner.places import ROOT, build_dir

# By the name that a part gives as `build`: what cmake is told.
BUILDS = {
    "no-prefetch": ["-DCMAKE_C_FLAGS=-D'__builtin_prefetch(p,...)=((void)(p))'"],
    "malloc": ["-DCMAKE_C_FLAGS=-DMTCP_MALLOC"],  # core/base/apart.h
}
GUIDED = "guided"  # by the profile of a load: -DMTCP_PROFILE in CMakeLists.txt
# What the load is that a guided build is made for: both modes, short connections, messages, one connection, bulk.
_TRAINING = (
    ["--concurrency", "8192"],
    ["--concurrency", "8192", "--mode", "paired"],
    ["--concurrency", "1024", "--messages", "128"],
    ["--concurrency", "1", "--messages", "1000"],
    ["--app", "bulk", "--concurrency", "16"],
)
_PROGRAMS = ("mtcp-pair", "mtcp-server", "mtcp-load")
_BUILD_S = 900.0
_TRAINING_S = 120.0


def folder(name: str) -> Path:
    return build_dir().with_name(f"{build_dir().name}-{name}")


def program(build: str, name: str) -> Path:
    """A program that we drive; MTCP_BIN overrides where from, whichever the build."""
    override = os.environ.get("MTCP_BIN")
    return Path(override).absolute() / name if override else (folder(build) if build else build_dir()) / "bin" / name


def _build(place: Path, options: list[str], programs: tuple[str, ...] = _PROGRAMS) -> None:
    procs.call(["cmake", "-S", str(ROOT), "-B", str(place), "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release", *options], timeout=_BUILD_S)
    procs.call(["ninja", "-C", str(place), *programs], timeout=_BUILD_S)


def _newest_source() -> float:
    sources = (path for folder in ("core", "pmd_backends", "experiments") for path in (ROOT / folder).rglob("*.[ch]"))
    return max(path.stat().st_mtime for path in (ROOT / "CMakeLists.txt", *sources))


def _guided(place: Path) -> None:
    """Builds once to count what a load does, and again by that; the counts of older sources or of another compiler are thrown away."""
    stamp, compiler = place / ".trained", procs.call(["cc", "--version"])
    if not stamp.exists() or stamp.stat().st_mtime < _newest_source() or stamp.read_text() != compiler:
        stamp.unlink(missing_ok=True)
        for old in place.rglob("*.gcda"):
            old.unlink()
        _build(place, ["-DMTCP_PROFILE=generate"], ("mtcp-pair",))
        here = layout.usual(cpustat.usable_cores())
        server, load = words.cpu_list(here.server), words.cpu_list(here.client)
        for training in _TRAINING:
            procs.call([str(place / "bin" / "mtcp-pair"), "--server-core", server, "--client-core", load, "--warmup", "0", "--seconds", "1",
                        *training], timeout=_TRAINING_S)
        stamp.write_text(compiler)
    _build(place, ["-DMTCP_PROFILE=use"])


def make(name: str) -> None:
    """Builds it; nothing is done where nothing has changed. CannotRun says why it could not."""
    if os.environ.get("MTCP_BIN"):
        return
    try:
        if name == GUIDED:
            _guided(folder(name))
        else:
            _build(folder(name), BUILDS[name])
    except procs.ChildFailed as error:
        raise CannotRun(f"the build {name} failed: {error}") from error
