# SPDX-License-Identifier: BSD-3-Clause
"""./repro test --faults: each known fault is put back into a copy of the tree, and the test named after it has to fail.

core/tests/faults/NN-what.patch: a line `test: PROGRAM FUNCTION`, a line `fault: what goes wrong`, an empty line, a unified diff.
"""
from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

_HEADER = re.compile(r"test: (\w+) (\w+)\nfault: (.+)\n\n")
_TIMEOUT = 20.0  # seconds at least, and so many times what it takes without a fault: a test that hangs has noticed
_PATIENCE = 5
# Unused functions and variables are what a patch may leave.
_SETTINGS = ["-DMTCP_DPDK=OFF", "-DCMAKE_BUILD_TYPE=Debug", "-DCMAKE_C_FLAGS_DEBUG=-O1", "-DCMAKE_C_FLAGS=-w"]


@dataclass(frozen=True)
class Fault:
    path: Path
    program: str
    test: str
    what: str
    files: tuple[str, ...]  # what the diff changes

    @property
    def number(self) -> int:
        return int(self.path.name[:2])


def load(root: Path) -> list[Fault]:
    """All patches in their order; ValueError names one whose head is not as it should be."""
    found = []
    for path in sorted((root / "core" / "tests" / "faults").glob("*.patch")):
        text = path.read_text()
        head = _HEADER.match(text)
        files = tuple(re.findall(r"^\+\+\+ b/(\S+)", text, re.M))
        if not head or not files or not re.match(r"\d\d-", path.name):
            raise ValueError(f"{path.name}: not `test: PROGRAM FUNCTION`, `fault: WHAT`, an empty line, a diff")
        found.append(Fault(path, *head.groups(), files))
    return found


@dataclass(frozen=True)
class Run:
    failed: frozenset[str]
    seconds: float


def _text(data: bytes | None) -> str:
    return (data or b"").decode(errors="replace")


def play(program: Path, timeout: float) -> Run:
    """The tests of a cmocka program that failed: also the one it crashed or hung in."""
    since = time.monotonic()
    try:
        done = subprocess.run([program], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout)
        text = _text(done.stdout)
    except subprocess.TimeoutExpired as error:
        text = _text(error.stdout)
    failed = set(re.findall(r"^\[  FAILED  \] (\w+)$", text, re.M))
    name, _, after = re.split(r"^\[ RUN      \] ", text, flags=re.M)[-1].partition("\n")
    if not re.search(rf"^\[.*\] {re.escape(name)}$", after, re.M):  # neither OK nor FAILED
        failed.add(name)
    return Run(frozenset(failed), time.monotonic() - since)


class _Tree:
    """A copy of what the C tests are built from, and its build."""

    def __init__(self, root: Path, folder: Path, log: Path):
        self.root, self.source, self.build, self.log = root, folder / "source", folder / "build", log
        self.source.mkdir()
        shutil.copytree(root / "core", self.source / "core")
        shutil.copy2(root / "CMakeLists.txt", self.source)

    def _done(self, *argv: str) -> bool:
        with self.log.open("a") as log:
            print("+", *argv, file=log, flush=True)
            return subprocess.run(argv, cwd=self.source, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT).returncode == 0

    def configure(self) -> bool:
        return self._done("cmake", "-S", str(self.source), "-B", str(self.build), "-G", "Ninja", *_SETTINGS)

    def make(self, *programs: str) -> bool:
        return self._done("ninja", "-C", str(self.build), *programs)

    def program(self, name: str) -> Path:
        return self.build / "tests" / name

    def put_back(self, fault: Fault) -> str:
        """Builds the program with the fault; says what was in the way, if anything."""
        if not self._done("patch", "-p1", "--batch", "--forward", "-i", str(fault.path)):
            return "does not apply any more: make the patch again"
        return "" if self.make(fault.program) else "does not build"

    def mend(self, fault: Fault) -> None:
        for name in fault.files:
            shutil.copyfile(self.root / name, self.source / name)  # with a new time, for ninja


def _say(fault: Fault, wrong: str) -> str:
    print(f"  {'FAILED ' if wrong else 'noticed'} {fault.path.stem:<42} {fault.program} {fault.test}", flush=True)
    return wrong and f"{fault.path.stem}: {wrong}"


def _judge(fault: Fault, program: Path, timeout: float) -> str:
    """What is wrong, if anything."""
    run = play(program, timeout)
    if fault.test in run.failed:
        return _say(fault, "")
    others = f"; these did: {', '.join(sorted(run.failed))}" if run.failed else ""
    return _say(fault, f"{fault.test} did not notice{others}")


def _baseline(tree: _Tree, faults: list[Fault], log: Path) -> tuple[dict[str, float], str]:
    """How long each program takes; what is wrong before any fault is there."""
    programs = sorted({fault.program for fault in faults})
    if not tree.configure() or not tree.make(*programs):
        return {}, f"the tree does not build: {log}"
    took = {}
    for name in programs:
        run = play(tree.program(name), 120)
        if run.failed:
            return {}, f"{name} fails without any fault: {', '.join(sorted(run.failed))}"
        took[name] = run.seconds
    return took, ""


def _try(tree: _Tree, faults: list[Fault], took: dict[str, float], folder: Path) -> list[str]:
    """What is wrong with each, if anything. One is built after the other; what is built runs meanwhile."""
    pool = ThreadPoolExecutor(max_workers=os.cpu_count() or 1)
    waiting = []
    try:
        for fault in faults:
            wrong = tree.put_back(fault)
            if wrong:
                waiting.append(pool.submit(_say, fault, wrong))
            else:
                program = shutil.copy2(tree.program(fault.program), folder / fault.path.stem)
                waiting.append(pool.submit(_judge, fault, program, max(_TIMEOUT, _PATIENCE * took[fault.program])))
            tree.mend(fault)
        return [each.result() for each in waiting]
    finally:
        pool.shutdown(cancel_futures=True)


def try_all(root: Path, log: Path) -> tuple[int, list[str]]:
    """How many faults were noticed by their tests, and what is wrong with the others; a line for each is printed."""
    faults = load(root)
    with tempfile.TemporaryDirectory(prefix="mtcp-faults-") as name:
        tree = _Tree(root, Path(name), log)
        took, wrong = _baseline(tree, faults, log)
        found = [wrong] if wrong else _try(tree, faults, took, Path(name))
    return found.count(""), [text for text in found if text]
