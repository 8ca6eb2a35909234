# SPDX-License-Identifier: BSD-3-Clause
"""--file-set: static files whose content is computed, over the kernel and over a ring; what is wrong is found."""
import json
import subprocess

import pytest
from apps import Peer, make_site, row_of, serving

LOAD = ["--app", "http", "--file-set", 1]
SHORT = ["--concurrency", 20, "--messages", 5, "--connections", 200, "--json", "-"]
MEAN = 14661 + 300  # of a file, and its heads


@pytest.fixture(scope="module")
def web(program):
    with serving(program("mtcp-server"), "--stack", "kernel", "--listen", "127.0.0.1:0", *LOAD) as server:
        yield server


def load(program, server, *words):
    return subprocess.run([str(word) for word in [program("mtcp-load"), "--stack", "kernel", "--target", "%s:%d" % server.address,
                                                  *LOAD, *SHORT, *words]], capture_output=True, text=True, timeout=60)


def check(row):
    assert row["failed"] == 0 and row["failures"] == {} and row["transactions"] == 1000
    assert 0.6 * MEAN < row["bytes_per_s"] * row["seconds"] / row["transactions"] < 1.6 * MEAN


def test_over_the_kernel(program, web):
    done = load(program, web)
    assert done.returncode == 0, done.stderr
    check(json.loads(done.stdout))


@pytest.mark.parametrize("mode", ["inline", "paired"])
def test_over_a_ring(program, mode):
    check(row_of([program("mtcp-pair"), "--mode", mode, *LOAD, *SHORT]))


def get(server, path, more=b""):
    with Peer(server.address) as peer:
        peer.send(b"GET %s HTTP/1.1\r\nHost: a\r\n%s\r\n" % (path, more))
        return peer.response()


def test_files_are_of_their_size_and_always_the_same(web):
    bodies = {}
    for path, size in ((b"/dir00000/class0_0", 102), (b"/dir00001/class0_0", 102), (b"/dir00208/class1_8", 9216),
                       (b"/dir00003/class2_4", 51200), (b"/dir00003/class3_8", 921600)):
        status, fields, body = get(web, path)
        assert status == 200 and len(body) == size and get(web, path)[2] == body
        bodies[path] = body
    assert len(set(bodies.values())) == len(bodies)
    whole = bodies[b"/dir00003/class3_8"]
    assert get(web, b"/dir00003/class3_8", b"Range: bytes=65530-65545\r\n")[2] == whole[65530:65546]
    assert whole[:1000] == whole[65536:66536] != whole[32768:33768]


@pytest.mark.parametrize("path", [b"/", b"/dir00209/class0_0", b"/dir00000/class4_0", b"/dir00000/class0_9", b"/etc/passwd",
                                  b"/dir00000", b"/dir00000/class0_0/", b"/dir00000/..%2fclass0_0", b"/x" * 1000])
def test_nothing_else_is_served(web, path):
    assert get(web, path)[0] == 404


def test_another_set_is_noticed(program, web):
    """Of twice the size: half of its directories are not there."""
    done = load(program, web, "--file-set", 2)
    row = json.loads(done.stdout)
    assert row["failures"].keys() == {"http_status"} and row["transactions"] > 0


def test_wrong_contents_are_noticed(program, tmp_path):
    """Real files under the same names, of the right length but with other bytes, or too short."""
    import math

    sizes = {}
    for directory in range(209):
        for size_class in range(4):
            for index in range(9):
                sizes[f"dir{directory:05}/class{size_class}_{index}"] = math.floor(102.4 * 10**size_class * (index + 1)) if directory < 2 else 1
        (tmp_path / f"dir{directory:05}").mkdir()
    make_site(tmp_path, sizes)
    with serving(program("mtcp-server"), "--stack", "kernel", "--app", "http", "--root", tmp_path, "--listen", "127.0.0.1:0") as server:
        done = load(program, server)
    row = json.loads(done.stdout)
    assert done.returncode == 1 and row["transactions"] == 0 and row["failures"] == {"wrong_response": 200}


@pytest.mark.parametrize("name, words, said", [
    ("mtcp-server", ["--stack", "kernel", "--app", "http", "--file-set", "49"], "between 1 and 48"),
    ("mtcp-server", ["--stack", "kernel", "--file-set", "1"], "--app http"),
    ("mtcp-server", ["--stack", "kernel", "--app", "http", "--file-set", "1", "--root", "/"], "--root DIR"),
    ("mtcp-load", ["--stack", "kernel", "--target", "127.0.0.1:1", "--file-set", "1"], "--app http"),
    ("mtcp-pair", ["--app", "http"], "--file-set GB"),
    ("mtcp-pair", ["--app", "bulk", "--file-set", "1"], "--app http")])
def test_wrong_usage(program, name, words, said):
    done = subprocess.run([program(name), *words], capture_output=True, text=True, timeout=20)
    assert done.returncode == 2 and said in done.stderr and done.stderr.count("\n") == 1
