# SPDX-License-Identifier: BSD-3-Clause
"""The programs in experiments/examples, and the library as an application elsewhere finds it: what docs/porting.md says."""
import os
import re
import shlex
import subprocess

import pytest
from apps import wait_for

SERVER, PORT = "10.77.0.1", "7"


@pytest.fixture
def wire(netns_pair, program, root, tmp_path):
    """Starts an example at an end of a pair, with its own configuration but for the device."""
    ends = {"server": ("example-echo_server", netns_pair.server, netns_pair.server_iface), "client": ("example-fetch_client", netns_pair.client, netns_pair.client_iface)}

    def words(end, *more):
        name, inside, iface = ends[end]
        conf = tmp_path / f"{end}.conf"
        text = (root / "experiments" / "examples" / conf.name).read_text()
        conf.write_text(re.sub(r"^device = af_packet:.*$", f"device = af_packet:{iface}", text, flags=re.MULTILINE))
        return [*inside, str(program(name)), str(conf), *more]

    return words


def fetch(wire, address, connections):
    return subprocess.run(wire("client", address, PORT, str(connections)), capture_output=True, text=True, timeout=10)


@pytest.mark.netns
def test_the_examples_talk_to_each_other(wire):
    server = subprocess.Popen(wire("server", PORT), stderr=subprocess.PIPE, text=True)
    try:
        assert wait_for(lambda: fetch(wire, SERVER, 1).returncode == 0), "it does not listen"
        done = fetch(wire, SERVER, 1000)
        assert (done.returncode, done.stdout) == (0, "1000 of 1000 connections answered, 0 failed\n"), done.stderr
    finally:
        server.terminate()
        said = server.communicate(timeout=10)[1]
    assert server.returncode == 0 and not said


@pytest.mark.netns
def test_a_client_that_can_begin_no_connection_ends(wire):
    done = fetch(wire, "192.0.2.1", 200)
    assert (done.returncode, done.stdout) == (1, "0 of 200 connections answered, 200 failed\n")
    assert done.stderr.count("unreachable") == 200


def test_an_installed_library_is_found_by_pkg_config(build_dir, root, tmp_path):
    """In a folder that the build was not told of."""
    if not (build_dir / "mtcp.pc").is_file() or not re.search(r"^MTCP_SANITIZE:\w+=$", (build_dir / "CMakeCache.txt").read_text(), re.MULTILINE):
        pytest.skip("a build without DPDK, or for a sanitizer")
    if not os.access(build_dir, os.W_OK):
        pytest.skip("the build is another user's: cmake notes there what it installed")
    subprocess.run(["cmake", "--install", str(build_dir), "--prefix", str(tmp_path)], check=True, capture_output=True)
    found, = tmp_path.rglob("mtcp.pc")
    known = os.environ | {"PKG_CONFIG_PATH": str(found.parent)}
    source, app = root / "experiments" / "examples" / "fetch_client.c", tmp_path / "app"
    line = f"cc {shlex.quote(str(source))} $(pkg-config --cflags --libs mtcp) -o {shlex.quote(str(app))}"
    done = subprocess.run(["sh", "-c", line], env=known, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert subprocess.run([app], capture_output=True).returncode == 2
    assert line.replace(shlex.quote(str(source)), "app.c").replace(shlex.quote(str(app)), "app") in (root / "docs" / "porting.md").read_text()
