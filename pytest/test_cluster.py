# SPDX-License-Identifier: BSD-3-Clause
"""./repro run --inventory on hosts that are network namespaces, each with an ssh server: see cluster_lab.py."""
import shutil
import signal
import subprocess
import tarfile
import time

import pytest
from cluster_lab import HOSTS, Lab
from runner import manifest, rows
from runner.places import EXPERIMENTS
from runner.procs import ChildFailed

pytestmark = [pytest.mark.slow, pytest.mark.netns]


@pytest.fixture(scope="module")
def lab(tmp_path_factory, build_dir, namespaces):
    for tool in ("ansible-playbook", "dropbear", "ssh"):
        if not shutil.which(tool):
            pytest.skip(f"{tool} is not installed (experiments/packages.txt lists it)")
    for name in ("mtcp-server", "mtcp-load"):
        if not (build_dir / "bin" / name).is_file():
            pytest.skip(f"{name} was not built")
    try:
        found = Lab(tmp_path_factory.mktemp("lab"), build_dir.absolute())
    except ChildFailed as error:
        pytest.skip(f"no network of namespaces here: {error}")
    yield found
    found.close()


def wait(what, seconds=120.0):
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def interrupted(lab):
    """A run that is interrupted while loads are at work for its second row: its folder, and what was seen then and afterwards."""
    out = lab.folder / "out"
    before = {host: lab.state(host) for host in HOSTS}
    process = subprocess.Popen(lab.repro("run", "accept-rate", "--quick", "--baseline", "kernel", "--seconds", "4", "--inventory", str(lab.inventory),
                                         "--out", str(out)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    first = out / "rows.jsonl"
    try:
        wait(lambda: process.poll() is not None or (first.is_file() and first.read_text() and any("mtcp-load" in line for line in lab.processes())))
        busy, during = lab.processes(), {host: lab.state(host) for host in HOSTS}
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=120)[0]
    finally:
        process.kill()
        process.communicate()
    return {"out": out, "status": process.returncode, "said": said, "busy": busy, "left": lab.processes(), "before": before, "during": during,
            "after": {host: lab.state(host) for host in HOSTS}}


@pytest.fixture(scope="module")
def whole(lab, interrupted):
    """The same run, gone on with."""
    done = lab.start("run", "--resume", str(interrupted["out"]))
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return interrupted["out"]


def test_an_interrupt_leaves_no_process_and_no_setting(interrupted):
    assert interrupted["status"] == 130, interrupted["said"]
    assert sum("runner.agent" in line for line in interrupted["busy"]) >= len(HOSTS)
    assert interrupted["during"] != interrupted["before"]
    assert interrupted["left"] == [] and interrupted["after"] == interrupted["before"]
    assert manifest.read(interrupted["out"])["state"] == "interrupted" and (interrupted["out"] / "report.html").is_file()


def test_it_is_gone_on_with(interrupted, whole):
    about = manifest.read(whole)
    assert about["state"] == "complete" and len(about["pieces"]) == 2 and not about["failures"]
    assert about["skipped"] == {"accept-rate at 4 server cores": "its points are numbers of server cores: host node0 has 1"}
    found = rows.read(whole)
    assert {(row["stack"], row["variant"]) for row in found} == {*((stack, "connections") for stack in ("mtcp", "mtcp-paired", "kernel")),
                                                                ("mtcp", "server cores"), ("kernel", "server cores")} and len(found) == 5


def test_a_row_is_that_of_both_clients(whole):
    for row in rows.read(whole):
        assert row["hosts"] == "node0 < node1, node2" and row["device"] == ("af_packet" if row["stack"].startswith("mtcp") else "veth")
        assert row["concurrency"] == 8192 and row["command"].count("--concurrency 4096") == 2 and row["command"].count("mtcp-load") == 2
        assert row["transactions"] > 0 and row["failed"] == 0 and row["window_overlap"] >= 0.9
        assert row["transactions_per_server_cpu_s"] > 0 and row["cycles_per_transaction"] > 0 and row["cpu_method"]
        assert row["latency_p50_us"] <= row["latency_p99_us"] <= row["latency_max_us"] and "latency_histogram" not in row
        assert "hosts node0, node1, node2 are one machine" in row["notes"] and row["foreign_share"] is None


def test_each_host_and_its_clock_are_in_the_manifest(whole):
    about = manifest.read(whole)
    assert list(about["hosts"]) == list(HOSTS) and [host["role"] for host in about["hosts"].values()] == ["server", "client", "client"]
    for host in about["hosts"].values():
        assert host["machine"]["kernel"] and host["machine"]["interfaces"]["exp0"]["driver"] == "veth" and "gcc" in host["machine"]["packages"]
        assert abs(host["clock"]["offset_ms"]) <= host["clock"]["bound_ms"] + 1 < host["clock"]["limit_ms"]  # one clock for all of them here
    assert about["settings"]["kernel"]["set"]["node0 net.core.somaxconn"] == "65535" and about["settings"]["mtcp-peer"]["set"]["node2 exp0 tx"] == "off"
    assert "node1" in (whole / "report.html").read_text()


PREPARE = """
import sys
from pathlib import Path
from runner import deploy, errors, inventory
deploy.archive = lambda path: sys.argv[1]  # the tar is there
try:
    print(deploy.prepare(inventory.read(Path(sys.argv[2])), Path(sys.argv[3])))
except errors.Stop as error:
    print(error)
"""
PROJECT = """
cmake_minimum_required(VERSION 3.20)
project(standin NONE)
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
foreach(name mtcp-server mtcp-load)
  add_custom_target(${name} COMMAND %s bin/${name})
endforeach()
"""


@pytest.mark.parametrize("command, said", [("false", "host node1: Build: "), ("touch", "touch")])
def test_sources_are_copied_to_a_host_and_built_there(lab, tmp_path, command, said):
    """A stand-in for the sources: ours take minutes."""
    (tmp_path / "CMakeLists.txt").write_text(PROJECT % command)
    with tarfile.open(tmp_path / "sources.tar", "w") as tar:
        tar.add(tmp_path / "CMakeLists.txt", "CMakeLists.txt")
    lab.write(node1={"mtcp_sources": None, "mtcp_build": None})
    argv = [*lab.inside(), "env", f"PYTHONPATH={EXPERIMENTS}", "PYTHONDONTWRITEBYTECODE=1", "/usr/bin/python3", "-c", PREPARE,
            command, str(lab.inventory), str(tmp_path)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.startswith(said), done.stdout + done.stderr
    there = lab.folder / "node1" / command / "build"
    assert (there / ".built").exists() == (there / "bin" / "mtcp-load").exists() == (command == "touch")
    assert lab.processes() == []


def test_what_is_wrong_with_a_host_is_said_with_the_mend(lab):
    lab.write(node1={"mtcp_interface": "ctl0"})
    done = lab.start("run", "accept-rate", "--quick", "--inventory", str(lab.inventory), "--out", str(lab.folder / "none"))
    assert done.returncode == 3 and "host node1: interface ctl0 is the one that this host is reached by: name another" in done.stderr, done.stderr
    lab.stop_server("node2")
    lab.write()
    done = lab.start("run", "accept-rate", "--quick", "--inventory", str(lab.inventory), "--out", str(lab.folder / "none"))
    assert done.returncode == 3 and "host node2 cannot be reached: " in done.stderr and "see whether `" in done.stderr, done.stderr
    assert not (lab.folder / "none").exists() and lab.processes() == []
