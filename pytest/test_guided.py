# SPDX-License-Identifier: BSD-3-Clause
"""The build by profile: what is told to cmake, and when a profile is taken anew."""
from __future__ import annotations

import os
from pathlib import Path

import pytest
from runner import builds, procs
from runner.errors import CannotRun


compiler = [""]


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What would be run: profile settings, programs of a load."""
    found: list[str] = []
    compiler[0] = "cc 1"

    def call(argv: list[str], timeout: float = 0.0) -> str:
        name = Path(argv[0]).name
        if name == "cc":
            return compiler[0]
        if name == "cmake":
            place = Path(argv[argv.index("-B") + 1])
            place.mkdir(exist_ok=True)
            found.append(argv[-1])
        elif name == "mtcp-pair":
            found.append(" ".join(word for word in argv if word in ("paired", "bulk")) or "load")
            (Path(argv[0]).parents[1] / "x.gcda").touch()
        return ""

    monkeypatch.delenv("MTCP_BIN", raising=False)
    monkeypatch.setenv("MTCP_BUILD", str(tmp_path / "build"))
    monkeypatch.setattr(procs, "call", call)
    return found


def test_a_guided_build_counts_a_load_first(told: list[str]) -> None:
    builds.make(builds.GUIDED)
    assert told[0] == "-DMTCP_PROFILE=generate"
    assert told[-1] == "-DMTCP_PROFILE=use"
    assert {"load", "paired", "bulk"} <= set(told[1:-1])


def test_counts_are_kept_while_the_sources_are_as_they_were(told: list[str]) -> None:
    builds.make(builds.GUIDED)
    told.clear()
    builds.make(builds.GUIDED)
    assert told == ["-DMTCP_PROFILE=use"]


def test_counts_of_older_sources_are_thrown_away(told: list[str]) -> None:
    builds.make(builds.GUIDED)
    place = builds.folder(builds.GUIDED)
    (place / "old.gcda").touch()
    os.utime(place / ".trained", (1, 1))
    told.clear()
    builds.make(builds.GUIDED)
    assert told[0] == "-DMTCP_PROFILE=generate" and not (place / "old.gcda").exists()


def test_counts_of_another_compiler_are_thrown_away(told: list[str]) -> None:
    builds.make(builds.GUIDED)
    compiler[0] = "cc 2"
    told.clear()
    builds.make(builds.GUIDED)
    assert told[0] == "-DMTCP_PROFILE=generate"


def test_a_load_that_fails_leaves_no_counts_to_use(told: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    works = procs.call

    def fails(argv: list[str], timeout: float = 0.0) -> str:
        if argv[0].endswith("mtcp-pair"):
            raise procs.ChildFailed("mtcp-pair: 2 cores are busy", 3)
        return works(argv, timeout)

    monkeypatch.setattr(procs, "call", fails)
    with pytest.raises(CannotRun, match="guided failed: .*busy"):
        builds.make(builds.GUIDED)
    told.clear()
    monkeypatch.setattr(procs, "call", works)
    builds.make(builds.GUIDED)
    assert told[0] == "-DMTCP_PROFILE=generate"
