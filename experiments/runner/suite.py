# SPDX-License-Identifier: BSD-3-Clause
"""./repro test: builds, C tests, sanitizers, fuzzing and pytest, one closing line over all."""
from __future__ import annotations

import base64
import os
import re
import subprocess
import time
import xml.etree.ElementTree as xml
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from runner import benchcheck, coverage, faults, packetdrill
from runner.errors import CannotRun, Stop
from runner.places import ROOT, build_dir

_FUZZ_SECONDS, _FUZZ_SECONDS_NIGHTLY = 30, 900
_ORACLE_EVENTS_NIGHTLY = 10_000_000
_FUZZERS = ("fuzz_wire", "fuzz_stack")
_THREADED = ("test_base_spsc", "test_api_", "test_packetdrill")
_TAIL = 60
_SANITIZERS = {
    "ASAN_OPTIONS": "detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    "TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1",
}


@dataclass
class Tally:
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    wrong: list[str] = field(default_factory=list)    # names of what failed
    left_out: list[str] = field(default_factory=list)  # what was skipped, and why

    def add(self, other: Tally) -> None:
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.wrong += other.wrong
        self.left_out += other.left_out

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


class Broken(Exception):
    """A stage could not do its work; the text is its log's end."""


def junit(path: Path) -> Tally:
    """Counts the test cases of a JUnit file, as ctest and pytest write it."""
    tally = Tally()
    for case in xml.parse(path).getroot().iter("testcase"):
        name = "::".join(filter(None, (case.get("classname") if case.get("classname") != case.get("name") else "", case.get("name"))))
        skipped = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None or case.get("status") == "fail":
            tally.failed += 1
            tally.wrong.append(name)
        elif skipped is not None or case.get("status") in ("notrun", "disabled"):
            tally.skipped += 1
            tally.left_out.append(f"{name}: {(skipped.get('message') if skipped is not None else None) or 'not run'}")
        else:
            tally.passed += 1
    return tally


def _variant(name: str) -> Path:
    base = build_dir()
    return base.with_name(f"{base.name}-{name}")


def _run(log: Path, argv: list[str], extra: dict[str, str] | None = None) -> int:
    """Its exit status; what it says goes into the log."""
    with log.open("a") as file:
        print("+", " ".join(argv), file=file, flush=True)
        child = subprocess.Popen(argv, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT,
                                 env=os.environ | (extra or {}))
        try:
            return child.wait()
        except BaseException:
            child.terminate()
            child.wait()
            raise


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-_TAIL:])


def _counted(log: Path, result: Path, status: int) -> Tally:
    """A run that ended early leaves a file of what it had done: then its status alone says that it failed."""
    tally = junit(result) if result.exists() else None
    if tally is None or (status and not tally.failed):
        raise Broken(_tail(log))
    return tally


def _build(log: Path, folder: Path, settings: list[str], targets: list[str], compiler: str | None = None) -> None:
    extra = {"CC": compiler} if compiler and not (folder / "CMakeCache.txt").exists() else {}
    configure = ["cmake", "-S", str(ROOT), "-B", str(folder), "-G", "Ninja", *settings]
    if _run(log, configure, extra) or _run(log, ["ninja", "-C", str(folder), *targets]):
        raise Broken(_tail(log))


def _ctest(log: Path, folder: Path, only: str | None = None) -> Tally:
    result = folder / "ctest.xml"
    result.unlink(missing_ok=True)
    argv = ["ctest", "--test-dir", str(folder), "--output-junit", str(result), "--output-on-failure", "--no-tests=error",
            "-j", str(os.cpu_count() or 1)]
    status = _run(log, argv + (["-R", only] if only else []), _SANITIZERS)
    return _counted(log, result, status)


def _release(log: Path) -> Tally:
    _build(log, build_dir(), ["-DCMAKE_BUILD_TYPE=Release"], [])
    return Tally(passed=1)


def _c_tests(log: Path) -> Tally:
    return _ctest(log, build_dir())


def _asan(log: Path) -> Tally:
    folder = _variant("asan")
    _build(log, folder, ["-DMTCP_SANITIZE=address,undefined", "-DMTCP_DPDK=OFF"], [])
    return _ctest(log, folder)


def _threaded_tests() -> list[str]:
    found = (ROOT / "core" / "tests").glob("test_*.c")
    return sorted(path.stem for path in found if path.stem.startswith(_THREADED))


def _tsan(log: Path) -> Tally:
    names = _threaded_tests()
    if not names:
        return Tally(skipped=1, left_out=["tsan: there are no threaded tests"])
    folder = _variant("tsan")
    _build(log, folder, ["-DMTCP_SANITIZE=thread", "-DMTCP_DPDK=OFF"], names)
    return _ctest(log, folder, f"^({'|'.join(names)})$")


def _clang(log: Path) -> Tally:
    """For what it warns of: that does not depend on optimising, which takes most of the time. What clang makes runs as fuzz targets."""
    _build(log, _variant("clang"), ["-DCMAKE_BUILD_TYPE=Debug"], [], "clang")
    return Tally(passed=1)


def found_by_fuzzer(text: str) -> str:
    """What a fuzzer's log says of the fault and, as another machine's file is out of reach, the input that shows it."""
    told = [line for line in text.splitlines() if re.search(r"check failed|ERROR: |runtime error|SUMMARY: ", line)
            or (re.match(r"\s+#\d+ .* in \w+ ", line) and str(ROOT) in line)]
    for path in map(Path, re.findall(r"Test unit written to (\S+)", text)):
        if path.exists():
            told.append(f"base64 -d >{path.name} <<< {base64.b64encode(path.read_bytes()).decode()}")
    return "\n".join(told[:_TAIL])


def _fuzz(log: Path, seconds: int = _FUZZ_SECONDS) -> Tally:
    """Both targets at once, from the committed corpus and what earlier runs added, which is kept with the build."""
    folder = _variant("fuzz")
    _build(log, folder, ["-DMTCP_FUZZ=ON", "-DMTCP_DPDK=OFF", "-DMTCP_SANITIZE=address,undefined"], list(_FUZZERS), "clang")
    running = []
    for name in _FUZZERS:
        corpus = folder / f"corpus-{name}"
        corpus.mkdir(exist_ok=True)
        out = folder / f"{name}.log"
        argv = [str(folder / "tests" / name), f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=3000",
                "-len_control=0", "-max_len=2500",
                f"-artifact_prefix={folder}/{name}-", "-print_final_stats=1", str(corpus),
                str(ROOT / "core" / "tests" / "corpus" / name)]
        with out.open("w") as file:
            running.append((name, out, subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT,
                                                        env=os.environ | _SANITIZERS)))
    tally = Tally()
    try:
        for name, out, child in running:
            if child.wait(seconds + 120):
                tally.add(Tally(failed=1, wrong=[f"{name}: {found_by_fuzzer(out.read_text(errors='replace')) or _tail(out)}"]))
            else:
                tally.passed += 1
    finally:
        for *_, child in running:
            if child.poll() is None:
                child.kill()
                child.wait()
    return tally


def _fuzz_long(log: Path) -> Tally:
    return _fuzz(log, _FUZZ_SECONDS_NIGHTLY)


def _oracle_long(log: Path) -> Tally:
    """Another seed each night; a disagreement prints it."""
    argv = [str(build_dir() / "tests" / "test_tcp_oracle"), "--events", str(_ORACLE_EVENTS_NIGHTLY), "--seed", str(int(time.time()))]
    return Tally(failed=1, wrong=["the oracle disagrees"]) if _run(log, argv) else Tally(passed=1)


def _covered(log: Path) -> Tally:
    """The C tests of an instrumented build: the fuzzers' corpus and the oracle are among them."""
    folder = _variant("coverage")
    # unoptimised: each line is there to be counted; warnings that need the optimiser are wrong then
    _build(log, folder, ["-DMTCP_COVERAGE=ON", "-DMTCP_DPDK=OFF", "-DCMAKE_BUILD_TYPE=Debug", "-DCMAKE_C_FLAGS=-w"], [])
    for old in folder.rglob("*.gcda"):
        old.unlink()
    tally = _ctest(log, folder, "^(test_(wire|tcp|stack|sim)_|replay_)")
    text, enough = coverage.table(coverage.measure(folder, ROOT))
    print("\n".join(text))
    tally.add(Tally(passed=1) if enough else Tally(failed=1, wrong=["less is covered than required"]))
    return tally


def _pytest(fast: bool, nightly: bool, beside: bool) -> Callable[[Path], Tally]:
    """beside: the files that may run beside each other (pytest/conftest.py), each as a whole; else the others, with nothing beside them."""
    def stage(log: Path) -> Tally:
        result = log.with_suffix(".xml")
        result.unlink(missing_ok=True)
        which = ("beside" if beside else "not beside") + (" and not slow" if fast else "")
        together = ["-n", str(os.cpu_count() or 1), "--dist", "loadfile"] if beside else ["-p", "no:xdist"]
        argv = ["/usr/bin/python3", "-m", "pytest", "-c", str(ROOT / "pytest" / "pytest.ini"), f"--junitxml={result}", *together,
                "-m", which, str(ROOT / "pytest")]
        extra = {"MTCP_BUILD": str(build_dir()), "PYTHONDONTWRITEBYTECODE": "1"}
        status = _run(log, argv, extra | ({"MTCP_NIGHTLY": "1"} if nightly else {}))
        return _counted(log, result, status)

    return stage


def _bench_check(log: Path) -> Tally:
    try:
        lines, well = benchcheck.check()
    except CannotRun as error:
        return Tally(skipped=1, left_out=[f"bench-check: {error}"])
    except Stop as error:
        raise Broken(str(error)) from error
    log.write_text("\n".join(lines) + "\n")
    return Tally(passed=1) if well else Tally(failed=1, wrong=["it costs more than experiments/baseline.json allows"])


def _packetdrill(program: Path | None, scripts: Path | None) -> Callable[[Path], Tally]:
    def stage(log: Path) -> Tally:
        if program is None or scripts is None:
            return Tally(skipped=1, left_out=["packetdrill is not packaged for Debian: give --packetdrill PATH --scripts DIR"])
        passed, wrong = packetdrill.play_all(program, scripts, log)
        return Tally(passed=passed, failed=len(wrong), wrong=wrong)

    return stage


def stages(fast: bool, nightly: bool) -> list[tuple[str, Callable[[Path], Tally]]]:
    found: list[tuple[str, Callable[[Path], Tally]]] = [("build", _release), ("c-tests", _c_tests), ("bench-check", _bench_check)]
    if not fast:
        found += [("clang", _clang), ("asan", _asan), ("tsan", _tsan)]
    found += [("beside", _pytest(fast, nightly, True)), ("pytest", _pytest(fast, nightly, False))]
    if nightly:
        found.append(("oracle", _oracle_long))
    if not fast:
        found.append(("fuzz", _fuzz_long if nightly else _fuzz))
    return found


def _one(name: str, stage: Callable[[Path], Tally], logs: Path) -> Tally:
    log = logs / f"{name}.log"
    log.unlink(missing_ok=True)
    since = time.monotonic()
    try:
        tally = stage(log)
    except Broken as error:
        print(error)
        tally = Tally(failed=1, wrong=["did not get done"])
    except subprocess.TimeoutExpired as error:
        tally = Tally(failed=1, wrong=[str(error)])
    print(f"{name:<11} {time.monotonic() - since:6.1f} s  {tally}", flush=True)
    for text in tally.left_out:
        print(f"  skipped {text}")
    for text in tally.wrong:
        print(f"  FAILED {name}: {text}")
    if tally.failed and log.exists():
        print(f"  all of it: {log}\n{_tail(log)}", flush=True)
    return tally


def _faults(log: Path) -> Tally:
    passed, wrong = faults.try_all(ROOT, log)
    return Tally(passed=passed, failed=len(wrong), wrong=wrong)


def only(name: str) -> int:
    """One stage that is not among those of every run: coverage or faults."""
    logs = build_dir() / "test-logs"
    logs.mkdir(parents=True, exist_ok=True)
    return 1 if _one(name, {"coverage": _covered, "faults": _faults}[name], logs).failed else 0


def main(fast: bool, nightly: bool = False, program: Path | None = None, scripts: Path | None = None) -> int:
    logs = build_dir() / "test-logs"
    logs.mkdir(parents=True, exist_ok=True)
    total = Tally()
    built = True
    for name, stage in [*stages(fast, nightly), ("packetdrill", _packetdrill(program, scripts))]:
        if not built:
            total.skipped += 1
            print(f"{name:<11} skipped: the build failed")
            continue
        total.add(_one(name, stage, logs))
        built = not (name == "build" and total.failed)
    if fast:
        total.skipped += 4
        print("skipped by --fast: clang, asan, tsan, fuzz, and tests marked slow")
    print(total, flush=True)
    return 1 if total.failed else 0
