# SPDX-License-Identifier: BSD-3-Clause
"""./repro as a person or a script meets it: words, statuses, results, Ctrl-C. Our programs are stand-ins here."""
import csv
import fcntl
import json
import os
import pty
import re
import select
import signal
import stat
import subprocess
import time
from pathlib import Path

import pytest
from conftest import ROOT
from runner import cpustat, layout, plan, resume, rows, scenario

FIGURES = {"concurrency", "concurrency-per-core", "concurrency-ratios", "latency", "cpu-breakdown", "cpu-breakdown-ratios", "cycles"}


def test_alone_it_tells_what_it_can_do(repro):
    done = repro()
    assert done.returncode == 0 and not done.stderr
    for word in ("run", "list", "report", "compare", "doctor", "test", "Exit status"):
        assert word in done.stdout


@pytest.mark.parametrize("words, said", [
    (("rnu",), "did you mean run?"),
    (("run", "concurency"), "did you mean concurrency?"),
    (("run", "--quik"), "did you mean --quick?"),
    (("run", "--device", "afpacket"), "did you mean af_packet?"),
    (("run", "--device", "net_af_packet0,iface=nosuch0"), "iface=srv0"),
    (("run", "--baseline", "kernel-reuse"), "did you mean kernel-reuseport?"),
    (("run", "--baseline", "tuned"), "did you mean kernel-tuned?"),
    (("run", "--repeats", "0"), "--repeats"),
    (("run", "--seconds", "-1"), "--seconds"),
    (("run", "--seconds", "nan"), "--seconds"),
    (("run", "--seconds", "0.009"), "--seconds: invalid number of seconds (0.01 to 86400) value"),
    (("run", "--seconds", "86401"), "0.01 to 86400"),
    (("run", "--seed", "x"), "--seed"),
    (("run", "--quick", "--full"), "not allowed with"),
    (("report",), "DIR"),
    (("report", "/nonexistent"), "no rows.jsonl"),
    (("compare", "/nonexistent", "/nonexistent"), "no rows.jsonl"),
    (("list", "surplus"), "unrecognized arguments: surplus (./repro list --help)"),
    (("compare", "A", "B", "C"), "unrecognized arguments: C (./repro compare --help)"),
    (("run", "-q"), "unrecognized arguments: -q (./repro run --help)"),
    (("--quick", "run"), "unrecognized arguments: --quick (./repro run --help)"),
    (("--quick",), "(./repro --help)"),
    (("compare", "A"), "(./repro compare --help)"),
    (("run", "all", "latency"), "all stands alone"),
    (("test", "--fsat"), "did you mean --fast?"),
])
def test_wrong_words_are_one_line_and_status_2(repro, words, said):
    done = repro(*words)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr and done.stderr.count("\n") == 1 and not done.stdout


def test_what_this_machine_cannot_do_is_status_3(repro, tmp_path):
    done = repro("run", "--device", "memif")
    assert done.returncode == 3 and done.stderr.count("\n") == 1
    empty = tmp_path / "empty"
    empty.mkdir()
    done = repro("run", MTCP_BIN=str(empty))
    assert done.returncode == 3 and "mtcp-pair is missing" in done.stderr
    assert not (tmp_path / "results").exists()


def test_list_names_experiments_claims_and_times(repro):
    done = repro("list")
    assert done.returncode == 0
    for word in ("concurrency", "cpu-breakdown", "Fig. 2", "quick", "normal", "full", "min"):
        assert word in done.stdout


def test_doctor_tells_the_worst_first_with_a_mend(repro):
    done = repro("doctor")
    assert done.returncode in (0, 3)
    levels = [line.split()[0] for line in done.stdout.splitlines() if not line.startswith(" ")]
    assert levels == sorted(levels, key=["stops", "spoils", "ok"].index) and len(levels) >= 8
    assert done.stdout.count("mend:") >= sum(level != "ok" for level in levels)


def test_packages_missing_without_root_prints_the_line_to_run(tmp_path, monkeypatch):
    """A stand-in dpkg-query that knows nothing, and no way to become root."""
    monkeypatch.setenv("MTCP_PACKAGES", "assume")  # as whoever starts the tests may have it
    tools = tmp_path / "tools"
    tools.mkdir()
    for name, body in (("dpkg-query", "exit 1"), ("id", "echo 1000"), ("sudo", "exit 1"), ("apt-get", f"touch {tmp_path}/asked")):
        (tools / name).write_text(f"#!/bin/sh\n{body}\n")
        (tools / name).chmod(0o755)
    known = {"PATH": f"{tools}:{os.environ['PATH']}", "MTCP_BUILD": str(tmp_path / "build"), "MTCP_PACKAGES": "check"}
    done = subprocess.run([str(ROOT / "repro"), "run"], env=os.environ | known, capture_output=True, text=True, timeout=60)
    assert done.returncode == 3 and done.stderr.count("\n") == 1
    assert "run: sudo apt-get update && sudo apt-get install -y --no-install-recommends gcc cmake" in done.stderr and not (tmp_path / "asked").exists()


def test_a_build_folder_that_cannot_be_written_is_named():
    known = {"MTCP_BUILD": "/proc/none", "MTCP_PACKAGES": "assume"}
    done = subprocess.run([str(ROOT / "repro"), "run"], env=os.environ | known, capture_output=True, text=True, timeout=60)
    assert done.returncode == 3 and "MTCP_BUILD" in done.stderr and done.stderr.count("\n") == 1


def test_second_start_asks_no_package_manager_and_builds_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("MTCP_PACKAGES", "assume")
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("dpkg-query", "cmake", "ninja", "apt-get"):
        (tools / name).write_text(f"#!/bin/sh\necho {name} >>{tmp_path}/asked\necho installed\n")
        (tools / name).chmod(0o755)
    known = {"PATH": f"{tools}:{os.environ['PATH']}", "MTCP_BUILD": str(tmp_path / "build"), "MTCP_PACKAGES": "check"}

    def start():
        (tmp_path / "asked").unlink(missing_ok=True)
        subprocess.run([str(ROOT / "repro"), "run", "--out", "/proc/none"], env=os.environ | known, capture_output=True, timeout=60)
        return set((tmp_path / "asked").read_text().split()) if (tmp_path / "asked").exists() else set()

    assert start() == {"dpkg-query", "cmake", "ninja"}
    assert start() == set()


def test_two_starts_do_not_build_into_each_other(tmp_path, monkeypatch):
    """One waits for the other's build, and then has nothing left to build."""
    monkeypatch.setenv("MTCP_PACKAGES", "assume")
    tools, build = tmp_path / "tools", tmp_path / "build"
    tools.mkdir()
    build.mkdir()
    for name in ("cmake", "ninja"):
        (tools / name).write_text(f"#!/bin/sh\necho {name} >>{tmp_path}/asked\n")
        (tools / name).chmod(0o755)
    known = {"PATH": f"{tools}:{os.environ['PATH']}", "MTCP_BUILD": str(build)}
    with open(build / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        started = subprocess.Popen([str(ROOT / "repro"), "run", "--out", "/proc/none"], env=os.environ | known, stderr=subprocess.PIPE, text=True)
        assert "waiting for the build" in started.stderr.readline()
        (build / ".built").touch()
    said = started.communicate(timeout=60)[1]
    assert started.returncode and "building into" not in said and not (tmp_path / "asked").exists()


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A whole quick run with stand-ins."""
    import shutil

    folder = tmp_path_factory.mktemp("run")
    for name in ("mtcp-pair", "mtcp-server", "mtcp-load"):
        shutil.copy(ROOT / "pytest" / "fake_programs.py", folder / name)
    known = {"MTCP_BIN": str(folder), "MTCP_PACKAGES": "assume", "MTCP_BUILD": str(folder / "build"), "FAKE_SECONDS": "0.02",
             "MTCP_CHROMIUM": ""}
    done = subprocess.run([str(ROOT / "repro"), "run", "--quick", "--repeats", "2", "--out", str(folder / "out")], cwd=folder,
                          env=os.environ | known, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
    return done, folder / "out"


def test_a_run_leaves_everything(finished):
    done, out = finished
    assert done.returncode in (0, 1), done.stderr  # stand-ins' processor time convinces no check
    found = rows.read(out)
    assert len(found) == 2 * 20 and not any(rows.faults(row) for row in found)
    with (out / "rows.csv").open() as file:
        table = list(csv.DictReader(file))
    assert len(table) == len(found) and table[0]["transactions_per_s"]
    for name in FIGURES:
        assert (out / "figures" / f"{name}.svg").read_text().rstrip().endswith("</svg>")
        assert (out / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert all(len(row["intervals"]) == 10 and row["rate_drift"] > 0 for row in found)
    assert "<svg" in (out / "report.html").read_text() and not (out / ".scratch").exists()


def test_every_row_has_the_command_that_gave_it(finished):
    for row in rows.read(finished[1]):
        started = row["command"].split(" ; ")
        assert len(started) == (1 if row["device"] == "ring" else 2) and all(" --json -" in text for text in started)
        assert f"--concurrency {row['concurrency']}" in started[-1] and f"--repeat {row['repeat']}" in started[-1]


def test_the_manifest_describes_the_machine(finished):
    about = json.loads((finished[1] / "manifest.json").read_text())
    assert about["state"] == "complete" and about["command"].startswith("./repro run --quick")
    for key in ("cpu", "cores", "kernel", "clocksource", "virtualisation", "governor"):
        assert about["machine"][key]
    assert about["packages"] and about["network"]["kind"]
    if (ROOT / ".git").exists():  # not in an archive of the sources
        assert about["source"]["commit"]
    if about["network"]["kind"] == "veth":
        assert about["settings"]["kernel-reuseport"]["set"]["server net.core.somaxconn"] == "65535"


def test_the_terminal_table_has_the_ratio_first_and_no_escapes(finished):
    done, _ = finished
    assert "\x1b" not in done.stdout + done.stderr
    head = next(line for line in done.stdout.splitlines() if "stack" in line and "per busy core-s" in line)
    assert head.split()[:2] == ["x", "kernel-tuned"]
    assert re.search(r"^\[40/40\] ", done.stdout, re.MULTILINE) and "report:" in done.stdout.splitlines()[-1]


def test_report_comes_again_from_rows_alone(finished, tmp_path, repro):
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "rows.jsonl").write_text((finished[1] / "rows.jsonl").read_text())
    done = repro("report", str(tmp_path / "copy"))
    assert done.returncode in (0, 1) and not done.stderr
    assert {path.stem for path in (tmp_path / "copy" / "figures").glob("*.png")} == FIGURES
    assert "claim-concurrency-8k" in (tmp_path / "copy" / "report.html").read_text()


def test_compare_shows_intervals(finished, repro):
    done = repro("compare", str(finished[1]), str(finished[1]))
    assert done.returncode == 0 and "no difference shown" in done.stdout and "[" in done.stdout


def test_results_are_not_written_over(finished, repro):
    done = repro("run", "--out", str(finished[1]))
    assert done.returncode == 2 and "not empty" in done.stderr


def test_a_stack_that_cannot_run_here_is_skipped_with_the_reason(repro, tmp_path):
    done = repro("run", "concurrency", "--quick", "--out", "out", FAKE_FAIL="mtcp-server=3", FAKE_SECONDS="0.01")
    assert "skipped: concurrency kernel: mtcp-server ended with status 3: mtcp-server: told to fail (from 8K on)" in done.stdout
    assert {row["stack"] for row in rows.read(tmp_path / "out")} == {"mtcp", "mtcp-paired"}
    assert set(json.loads((tmp_path / "out" / "manifest.json").read_text())["skipped"]) == {f"concurrency {stack}" for stack in scenario.BASELINES}
    assert "not testable here" in done.stdout


def test_a_program_that_fails_is_told_and_status_1(repro, tmp_path):
    done = repro("run", "concurrency", "--quick", "--baseline", "kernel", "--out", "out", FAKE_FAIL="mtcp-server=1", FAKE_SECONDS="0.01")
    assert done.returncode == 1 and "failed: concurrency kernel 8192 #1" in done.stdout


@pytest.mark.parametrize("status", [3, 1])
def test_nothing_could_run_is_status_3_and_all_failed_1(repro, tmp_path, status):
    done = repro("run", "concurrency", "--quick", "--baseline", "none", "--out", "out", FAKE_FAIL=f"mtcp-pair={status}")
    assert done.returncode == status and "no run was completed" in done.stderr and "told to fail" in done.stderr


def test_loopback_stands_in_for_namespaces(repro, tmp_path):
    done = repro("run", "concurrency", "--quick", "--out", "out", FAKE_SECONDS="0.01", MTCP_NET="lo")
    assert {row["device"] for row in rows.read(tmp_path / "out")} == {"ring", "lo"}, done.stderr


def test_capture_gives_each_run_a_file_of_its_own(repro, tmp_path):
    repro("run", "concurrency", "--quick", "--baseline", "none", "--out", "out", "--device", "pcap")
    names = sorted(path.name for path in (tmp_path / "out").glob("*.pcapng"))
    assert len(names) == 8 and names[0].startswith("wire-concurrency-mtcp-")
    repro("run", "concurrency", "--quick", "--baseline", "none", "--out", "out2", "--capture", "seen.pcapng")
    assert len(list(tmp_path.glob("seen-*.pcapng"))) == 8


@pytest.mark.parametrize("name", ["messages", "many", "ablation", "latency", "latency-load", "scaling", "scaling-apart", "kernel-knobs", "idle", "bulk", "same-wire", "same-wire-steered",
                                  "accept-rate", "message-size", "fairness", "loss", "gap", "syn-flood", "tls", "static-web", "web-replay", "memory", "descriptors"])
def test_each_experiment_runs_by_name(repro, tmp_path, name):
    done = repro("run", name, "--quick", "--out", "out", FAKE_SECONDS="0.01", timeout=300)
    assert done.returncode in (0, 1) and "failed:" not in done.stdout, done.stdout + done.stderr
    found = rows.read(tmp_path / "out")
    assert {row["experiment"] for row in found} == {name}
    runs = plan.make(scenario.choose([name], scenario.load_all()), plan.Options("quick"))
    here = layout.usual(cpustat.usable_cores())
    assert all(here.lacks(run)[1] for run in resume.missing(runs, found))
    wanted = scenario.load_all()[name]
    axes = {part.name or None: part.column for part in wanted.parts}
    assert all(row["axis"] == axes[row["variant"]] and row[row["axis"]] is not None for row in found)
    variants = {run.part.name for run in runs}
    drawn = [plot.name for plot in wanted.plots if not plot.variants or variants & set(plot.variants)]
    assert all((tmp_path / "out" / "figures" / f"{plot}.svg").is_file() for plot in drawn) and drawn
    html = (tmp_path / "out" / "report.html").read_text()
    assert f'id="{name}"' in html and all(f'id="figure-{plot}"' in html for plot in drawn)


def test_whether_the_load_was_the_limit_stays_open_where_a_kernel_spins(repro, tmp_path):
    repro("run", "latency", "--quick", "--baseline", "kernel-tuned", "--out", "out", FAKE_SECONDS="0.01")
    found = {row["variant"]: row["generator_limited"] for row in rows.read(tmp_path / "out") if row["stack"] == "kernel-tuned"}
    assert found == {"polls": None, "sleeps": False}


@pytest.mark.netns
def test_floods_are_sent_and_counted(repro, tmp_path):
    done = repro("run", "syn-flood", "--quick", "--baseline", "kernel-tuned", "--out", "out", FAKE_SECONDS="0.01")
    found = rows.read(tmp_path / "out")
    assert {row["flood_sent_per_s"] for row in found if row["stack"] == "mtcp"} == {2000.0}, done.stderr
    if any(row["device"] == "veth" for row in found):
        assert {row["flood_sent_per_s"] for row in found if row["stack"] == "kernel-tuned"} == {2000.0}
    command = next(row["command"] for row in found if row["stack"] == "mtcp" and row["flood_rate"] == 1000)
    assert "flood:rate=1000,to=10.0.0.1:8080,seed=1/ring:flood:1" in command and "gateway=10.0.0.2" in command
    assert "device=flood:away/ring:flood:0" in command


def test_more_pairs_than_cores_are_skipped(repro, tmp_path):
    done = repro("run", "scaling", "--quick", "--out", "out", FAKE_SECONDS="0.01")
    cores = len(os.sched_getaffinity(0))
    found = rows.read(tmp_path / "out")
    assert {row["pairs"] for row in found} == {n for n in (1, 2, 4, 8) if n <= cores}
    assert all(row["server_cores"] == row["client_cores"] and row["concurrency"] == 8192 * row["pairs"] for row in found)
    if cores < 8:
        assert f"skipped: scaling with 8 pairs: {cores} cores may be used" in done.stdout


# --- Ctrl-C

def alive(folder: Path) -> list[str]:
    """Stand-ins that still run."""
    found = []
    for path in folder.iterdir():
        try:
            if "zombie" not in Path("/proc", path.name.rsplit(".", 1)[1], "status").read_text():
                found.append(path.name)
        except OSError:
            continue
    return found


def holders(mark: str) -> list[str]:
    """Processes with this in their environment that live in another network namespace than ours."""
    own, found = os.readlink("/proc/self/ns/net"), []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (path / "environ").read_bytes() and os.readlink(path / "ns/net") != own:
                found.append(path.name)
        except OSError:
            continue
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_leaves_whole_rows_and_nothing_running(tmp_path, fakes, number):
    """On a terminal, where Ctrl-C reaches the whole foreground group; the display is the live one."""
    (tmp_path / "pids").mkdir()
    known = {"MTCP_BIN": str(fakes), "MTCP_PACKAGES": "assume", "MTCP_BUILD": str(tmp_path / "build"), "FAKE_SECONDS": "0.6",
             "FAKE_PIDS": str(tmp_path / "pids"), "TERM": "xterm", "COLUMNS": "120"}
    environment = {key: value for key, value in (os.environ | known).items() if key != "NO_COLOR"}
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(ROOT / "repro", ["./repro", "run", "concurrency", "--quick", "--out", str(tmp_path / "out")], environment)
    seen = bytearray()

    def drain(seconds: float) -> None:
        while select.select([terminal], [], [], seconds)[0]:
            try:
                data = os.read(terminal, 65536)
            except OSError:
                return
            if not data:
                return
            seen.extend(data)

    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not ((tmp_path / "out" / "rows.jsonl").exists()
                                               and (tmp_path / "out" / "rows.jsonl").read_text().count("\n") >= 3):
        drain(0.05)
    if number == signal.SIGINT:
        os.write(terminal, b"\x03")  # as the keyboard does
    else:
        os.kill(pid, number)
    drain(60.0)
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 128 + number, seen.decode(errors="replace")
    found = rows.read(tmp_path / "out")
    assert 3 <= len(found) < 14
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["state"] == "interrupted"
    assert "interrupted" in (tmp_path / "out" / "report.html").read_text()
    assert (tmp_path / "out" / "figures" / "concurrency.png").exists() and not (tmp_path / "out" / ".scratch").exists()
    assert not alive(tmp_path / "pids")
    deadline = time.monotonic() + 30
    while holders(f"FAKE_PIDS={tmp_path}/pids") and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not holders(f"FAKE_PIDS={tmp_path}/pids")
    assert b"\x1b[" in seen  # it was the live display


def test_killed_outright_it_still_leaves_no_process(tmp_path, fakes):
    (tmp_path / "pids").mkdir()
    known = {"MTCP_BIN": str(fakes), "MTCP_PACKAGES": "assume", "MTCP_BUILD": str(tmp_path / "build"), "FAKE_SECONDS": "30",
             "FAKE_PIDS": str(tmp_path / "pids")}
    child = subprocess.Popen([str(ROOT / "repro"), "run", "concurrency", "--quick", "--out", str(tmp_path / "out")],
                             env=os.environ | known, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 30
    while not alive(tmp_path / "pids") and time.monotonic() < deadline:
        time.sleep(0.05)
    assert alive(tmp_path / "pids")
    child.kill()
    child.wait()
    deadline = time.monotonic() + 30
    while alive(tmp_path / "pids") and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(tmp_path / "pids")


def test_no_colour_on_a_terminal_means_no_escapes(tmp_path, fakes):
    known = {"MTCP_BIN": str(fakes), "MTCP_PACKAGES": "assume", "MTCP_BUILD": str(tmp_path / "build"), "FAKE_SECONDS": "0.01",
             "NO_COLOR": "1", "TERM": "xterm"}
    leader, follower = pty.openpty()
    child = subprocess.Popen([str(ROOT / "repro"), "run", "concurrency", "--quick", "--baseline", "none", "--out", str(tmp_path / "out")],
                             env=os.environ | known, stdin=subprocess.DEVNULL, stdout=follower, stderr=follower)
    os.close(follower)
    seen = bytearray()
    while True:
        try:
            data = os.read(leader, 65536)
        except OSError:
            break
        seen.extend(data)
    child.wait(60)
    os.close(leader)
    assert b"report:" in seen and b"\x1b" not in seen


def test_repro_is_executable_and_plain_sh():
    assert (ROOT / "repro").stat().st_mode & stat.S_IXUSR
    assert (ROOT / "repro").read_text().startswith("#!/bin/sh\n")
    subprocess.run(["sh", "-n", str(ROOT / "repro")], check=True)


# --- going on

def killed_run(tmp_path, fakes, after: int) -> Path:
    """The folder of a run that was killed outright when it had so many rows."""
    out = tmp_path / "out"
    known = {"MTCP_BIN": str(fakes), "MTCP_PACKAGES": "assume", "MTCP_BUILD": str(tmp_path / "build"), "FAKE_SECONDS": "0.1"}
    child = subprocess.Popen([str(ROOT / "repro"), "run", "concurrency", "--quick", "--baseline", "kernel", "--out", str(out)],
                             env=os.environ | known, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not ((out / "rows.jsonl").exists() and (out / "rows.jsonl").read_text().count("\n") >= after):
        time.sleep(0.02)
    child.kill()
    child.wait()
    return out


def test_resume_makes_only_what_is_missing(tmp_path, fakes, repro):
    out = killed_run(tmp_path, fakes, 4)
    before = (out / "rows.jsonl").read_text()
    with (out / "rows.jsonl").open("a") as file:
        file.write('{"experiment": "concur')  # as a machine that went down may leave it
    (out / "rows.csv").write_text("")
    done = repro("run", "--resume", str(out), FAKE_SECONDS="0.01")
    assert done.returncode in (0, 1), done.stderr
    after = (out / "rows.jsonl").read_text()
    assert after.startswith(before) and 4 <= before.count("\n") < 10
    found = rows.read(out)
    keys = [(row["stack"], row["concurrency"], row["repeat"]) for row in found]
    assert len(keys) == len(set(keys)) == 10 and f"{10 - before.count(chr(10))} runs" in done.stdout
    with (out / "rows.csv").open() as file:
        assert [row["stack"] for row in csv.DictReader(file)] == [row["stack"] for row in found]
    about = json.loads((out / "manifest.json").read_text())
    assert about["state"] == "complete" and "--quick" in about["command"] and about["settings"]
    first, second = about["pieces"]
    assert [piece["state"] for piece in (first, second)] == ["running", "complete"]  # killed outright, it could not say more
    assert first["started"] == about["started"] <= first["until"] <= second["started"] <= second["until"]
    had = before.count("\n")
    assert first["rows"] in (had, had - 1) and second["rows"] == 10 - had  # killed between a row and the manifest, perhaps
    assert first["commit"] == about["source"]["commit"] and set(first["programs"]) == {path.name for path in fakes.iterdir()}
    with (fakes / "mtcp-pair").open("a") as file:
        file.write("# built again\n")
    again = repro("run", "--resume", str(out))
    assert "built otherwise than for the earlier rows: mtcp-pair" in again.stdout
    assert again.returncode in (0, 1) and "0 runs" in again.stdout and (out / "rows.jsonl").read_text() == after


def test_resume_wants_the_same_sources_and_machine(tmp_path, fakes, repro):
    out = killed_run(tmp_path, fakes, 1)
    good = json.loads((out / "manifest.json").read_text())
    for where, key, value, said in (("source", "commit", "0123abc", "commit 0123abc then"), ("machine", "kernel", "2.6.32", "kernel 2.6.32 then"),
                                    ("network", "kind", "carrier pigeon", "network carrier pigeon then"), ("source", "diff", "f00", "uncommitted changes f00 then")):
        (out / "manifest.json").write_text(json.dumps(good | {where: good.get(where, {}) | {key: value}}))
        done = repro("run", "--resume", str(out))
        assert done.returncode == 2 and said in done.stderr and done.stderr.count("\n") == 1, done.stderr
    (out / "manifest.json").write_text("{}")
    done = repro("run", "--resume", str(out))
    assert done.returncode == 2 and "no manifest.json there that says" in done.stderr


def test_resume_takes_no_other_choice(tmp_path, fakes, repro):
    out = killed_run(tmp_path, fakes, 1)
    for words, said in ((["--quick"], "--quick"), (["--seed", "7"], "--seed"), (["many"], "experiments"), (["--out", "x"], "--out")):
        done = repro("run", "--resume", str(out), *words)
        assert done.returncode == 2 and f"leave out {said}" in done.stderr, done.stderr
    assert repro("run", "--resume", str(tmp_path / "none")).returncode == 2


def test_words_are_checked_before_any_package_is_there(tmp_path):
    """./repro does so on a fresh machine: what it installs for Python is not there yet."""
    (tmp_path / "hosts.yml").write_text("all: {}\n")
    (tmp_path / "manifest.json").write_text(json.dumps({"choices": dict.fromkeys(resume._CHOICES)}))
    code = "import sys; sys.modules |= dict.fromkeys(('jinja2', 'jsonschema', 'numpy', 'rich', 'scipy')); " \
        "from runner import cli; sys.exit(cli.main(['check', *sys.argv[1:]]))"
    for words in (["run", "--resume", str(tmp_path)], ["run", "--inventory", str(tmp_path / "hosts.yml")], ["run", "--quick"], ["test"]):
        done = subprocess.run(["/usr/bin/python3", "-c", code, *words], env=os.environ | {"PYTHONPATH": str(ROOT / "experiments")},
                              capture_output=True, text=True, timeout=60)
        assert done.returncode == 0 and not done.stderr, (words, done.stderr)


def test_one_run_at_a_time_in_a_folder(tmp_path, fakes, repro):
    out = killed_run(tmp_path, fakes, 1)
    held = resume.lock(out)
    done = repro("run", "--resume", str(out))
    os.close(held)
    assert done.returncode == 2 and "another ./repro run is at work there" in done.stderr
