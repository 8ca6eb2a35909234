# SPDX-License-Identifier: BSD-3-Clause
"""Builds of our programs with something left out, for experiments that ask what it is worth."""
from __future__ import annotations

import os
from pathlib import Path

from runner import procs
from runner.errors import CannotRun
from runner.places import ROOT, build_dir

# By the name that a part gives as `build`: what cmake is told.
BUILDS = {
    "no-prefetch": ["-DCMAKE_C_FLAGS=-D'__builtin_prefetch(p,...)=((void)(p))'"],
    "malloc": ["-DCMAKE_C_FLAGS=-DMTCP_MALLOC"],  # core/base/apart.h
}
_BUILD_S = 900.0


def folder(name: str) -> Path:
    return build_dir().with_name(f"{build_dir().name}-{name}")


def program(build: str, name: str) -> Path:
    """A program that we drive; MTCP_BIN overrides where from, whichever the build."""
    override = os.environ.get("MTCP_BIN")
    return Path(override).absolute() / name if override else (folder(build) if build else build_dir()) / "bin" / name


def make(name: str) -> None:
    """Builds it; nothing is done where nothing has changed. CannotRun says why it could not."""
    if os.environ.get("MTCP_BIN"):
        return
    try:
        procs.call(["cmake", "-S", str(ROOT), "-B", str(folder(name)), "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release", *BUILDS[name]],
                   timeout=_BUILD_S)
        procs.call(["ninja", "-C", str(folder(name)), "mtcp-pair", "mtcp-server", "mtcp-load"], timeout=_BUILD_S)
    except procs.ChildFailed as error:
        raise CannotRun(f"the build {name} failed: {error}") from error
