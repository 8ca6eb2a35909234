# SPDX-License-Identifier: BSD-3-Clause
"""mtcp-server, mtcp-load and mtcp-pair: HTTP and echo over the kernel's loopback, both ends of ours over a ring."""
import json
import os
import random
import re
import resource
import shutil
import signal
import socket
import struct
import subprocess
import time

import pytest
from apps import SIZES, Peer, best_of, capless, make_site, need_stack, row_of, serving, wait_for
from runner import gather

KERNEL = ("kernel", "kernel-reuseport", "kernel-uring")
GET = b"GET /%s HTTP/1.1\r\nHost: a\r\n\r\n"
FIELDS = """experiment stack device seed repeat server_cores client_cores concurrency messages_per_connection
message_bytes seconds transactions transactions_per_s connections_per_s bytes_per_s failed retransmits drops
latency_p50_us latency_p90_us latency_p99_us latency_p999_us latency_max_us server_cpu_s client_cpu_s cpu_app
cpu_tcpip cpu_packet_io cpu_kernel_other cpu_idle cpu_unclassified cycles_per_transaction generator_lag""".split()


def target(server):
    return "%s:%d" % server.address


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = make_site(tmp_path_factory.mktemp("site"))
    (folder / "sub").mkdir()
    (folder / "sub" / "index.html").write_text("the index")
    (folder / "nothing").mkdir()
    (folder / "a b.txt").write_text("spaced")
    (folder / "inside").symlink_to("one.txt")
    outside = tmp_path_factory.mktemp("outside")
    (outside / "secret").write_text("secret")
    (folder / "escape").symlink_to(outside / "secret")
    (folder / "up").symlink_to("../" + outside.name + "/secret")
    (folder / "dir").symlink_to(outside)
    os.mkfifo(folder / "fifo")
    return folder


@pytest.fixture(scope="module")
def web(program, site):
    with serving(program("mtcp-server"), "--stack", "kernel", "--app", "http", "--root", site,
                 "--listen", "127.0.0.1:0") as server:
        yield server


@pytest.fixture(params=KERNEL)
def echo(program, request):
    need_stack(request.param)
    with serving(program("mtcp-server"), "--stack", request.param, "--listen", "127.0.0.1:0") as server:
        yield server


def ask(server, data):
    with Peer(server.address) as peer:
        peer.send(data)
        return peer.response()


# --- files

@pytest.mark.parametrize("name", SIZES)
def test_curl_gets_every_byte(web, site, tmp_path, name):
    out = tmp_path / "out"
    subprocess.run(["curl", "-sS", "-f", "-o", out, f"http://{target(web)}/{name}"], check=True, timeout=60)
    subprocess.run(["cmp", out, site / name], check=True)


def test_a_large_file_takes_little_memory(web, site):
    before = web.memory_kb("VmRSS")  # not its highest so far: it has just served the same file
    with Peer(web.address) as slow:
        slow.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.send(GET % b"big.bin")
        time.sleep(0.5)  # the server fills what buffers there are, and stops
        assert slow.exactly(100)[:15] == b"HTTP/1.1 200 OK"
        assert web.memory_kb("VmRSS") - before < 10000


def test_types_dates_and_heads(web):
    status, fields, body = ask(web, GET % b"page.html")
    assert status == 200 and len(body) == 1500
    assert fields["content-type"].startswith("text/html") and "GMT" in fields["date"]
    assert "connection" not in fields
    with Peer(web.address) as peer:
        peer.send(b"HEAD /page.html HTTP/1.1\r\nHost: a\r\n\r\n" + GET % b"one.txt")
        status, head, _ = peer.response(head_only=True)
        assert status == 200 and head["content-length"] == "1500"
        assert peer.response()[2] == b"\0"


def test_a_directory_is_its_index(web):
    assert ask(web, GET % b"sub")[2] == ask(web, GET % b"sub/")[2] == b"the index"
    assert ask(web, GET % b"sub/")[1]["content-type"].startswith("text/html")
    assert ask(web, GET % b"nothing/")[0] == 404
    assert ask(web, GET % b"one.txt/")[0] == 404


def test_names_are_decoded(web):
    assert ask(web, GET % b"a%20b.txt?x=%2e%2e/")[2] == b"spaced"
    assert ask(web, GET % b"%6Fne.txt")[2] == b"\0"
    assert ask(web, b"GET http://x/one.txt HTTP/1.1\r\nHost: x\r\n\r\n")[0] == 200


def test_a_changed_file_is_seen(web, site):
    changing = site / "changing.txt"
    changing.write_text("first")
    assert ask(web, GET % b"changing.txt")[2] == b"first"
    changing.write_text("second one")
    assert wait_for(lambda: ask(web, GET % b"changing.txt")[2] == b"second one")
    changing.unlink()
    assert wait_for(lambda: ask(web, GET % b"changing.txt")[0] == 404)


@pytest.mark.parametrize("asked, first, last", [(b"0-0", 0, 0), (b"5-9", 5, 9), (b"1048570-", 1048570, 1048575),
                                                (b"-3", 1048573, 1048575), (b"9-99999999", 9, 1048575),
                                                (b"-99999999", 0, 1048575)])
def test_ranges(web, site, asked, first, last):
    status, fields, body = ask(web, b"GET /mega.bin HTTP/1.1\r\nHost: a\r\nRange: bytes=%s\r\n\r\n" % asked)
    assert status == 206 and fields["content-range"] == f"bytes {first}-{last}/1048576"
    assert body == (site / "mega.bin").read_bytes()[first:last + 1]


@pytest.mark.parametrize("name, asked, status", [(b"mega.bin", b"1048576-", 416), (b"empty", b"0-0", 416),
                                                 (b"empty", b"-1", 416), (b"mega.bin", b"-0", 416),
                                                 (b"one.txt", b"3-2", 200), (b"one.txt", b"0-0,0-0", 200)])
def test_ranges_that_are_none(web, name, asked, status):
    assert ask(web, b"GET /%s HTTP/1.1\r\nHost: a\r\nRange: bytes=%s\r\n\r\n" % (name, asked))[0] == status


def test_not_modified(web):
    changed = ask(web, GET % b"one.txt")[1]["last-modified"].encode()
    since = b"GET /one.txt HTTP/1.1\r\nHost: a\r\nIf-Modified-Since: %s\r\n\r\n"
    with Peer(web.address) as peer:
        peer.send(since % changed + since % b"Sun, 06 Nov 1994 08:49:37 GMT" + since % b"nonsense")
        assert [peer.response()[0] for _ in range(3)] == [304, 200, 200]


# --- what must not be reached

@pytest.mark.parametrize("path", [
    b"../secret", b"..%2fsecret", b"%2e%2e/secret", b"%2e%2e%2fsecret", b"sub/../one.txt", b"sub/%2e%2e/%2e%2e/secret",
    b"/etc/passwd", b"//etc/passwd", b"escape", b"up", b"dir/secret", b"dir/", b"fifo", b"none", b"sub%2findex.html",
    b"..%5csecret", b"a" * 300, b"x/" * 1000])
def test_only_what_lies_below_the_root(web, path):
    status, _, body = ask(web, GET % path)
    assert status == 404 and b"secret" not in body


def test_links_inside_are_followed(web):
    assert ask(web, GET % b"inside")[0] == 200


def test_what_may_not_be_read_is_forbidden(program, tmp_path):
    (tmp_path / "locked").write_text("x")
    (tmp_path / "locked").chmod(0)
    # root reads what it likes, but not without these
    without = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    with serving(*without, program("mtcp-server"), "--stack", "kernel", "--app", "http", "--root", tmp_path,
                 "--listen", "127.0.0.1:0") as server:
        assert ask(server, GET % b"locked")[0] == 403


# --- the protocol

@pytest.mark.parametrize("request_bytes, status", [
    (b"GET / HTTP/1.1\r\n\r\n", 400), (b"GET /one.txt HTTP/2.0\r\nHost: a\r\n\r\n", 505), (b"GET x HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    (b"GET / HTTP/1.1\nHost: a\n\n", 400), (b"GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n", 400), (b"\x16\x03\x01\x02\x00\x01", 400),
    (b"GET /one.txt HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 501),
    (b"GET /one.txt HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", 400),
    (b"GET /" + b"x" * 5000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414), (b"GET /" + b"x" * 20000, 414),
    (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 20000, 431),
    (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 4000, 431),
])
def test_what_cannot_be_parsed_is_answered_and_closed(web, request_bytes, status):
    with Peer(web.address) as peer:
        peer.send(request_bytes)
        found, fields, _ = peer.response()
        assert found == status and fields["connection"] == "close" and peer.closed()


@pytest.mark.parametrize("method, status", [(b"POST", 405), (b"PUT", 405), (b"DELETE", 405), (b"OPTIONS", 405), (b"BREW", 501), (b"get", 501)])
def test_other_methods(web, method, status):
    with Peer(web.address) as peer:
        peer.send(method + b" /one.txt HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody" + GET % b"one.txt")
        found, fields, _ = peer.response()
        assert found == status and ("allow" in fields) == (status == 405)
        assert peer.response()[2] == b"\0", "the body was skipped and no more"


def test_keep_alive_and_close(web):
    with Peer(web.address) as peer:
        for _ in range(100):
            peer.send(GET % b"one.txt")
            assert peer.response()[0] == 200
        peer.send(b"GET /one.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert peer.response()[1]["connection"] == "close" and peer.closed()
    with Peer(web.address) as peer:
        peer.send(b"GET /one.txt HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        assert peer.response()[1]["connection"] == "keep-alive"
        peer.send(b"GET /one.txt HTTP/1.0\r\n\r\n")
        assert peer.response()[0] == 200 and peer.closed()


def test_many_requests_in_one_segment_are_answered_in_order(web):
    names = [b"one.txt", b"none", b"empty", b"page.html", b"sub/", b"mega.bin", b"..", b"page.html"] * 20
    sizes = {b"one.txt": 1, b"empty": 0, b"page.html": 1500, b"sub/": 9, b"mega.bin": 1 << 20}
    with Peer(web.address) as peer:
        peer.send(b"".join(GET % name for name in names))
        for name in names:
            status, _, body = peer.response()
            assert (status, len(body)) == ((200, sizes[name]) if name in sizes else (404, 14)), name


def test_a_request_may_be_split_at_every_byte(web):
    request_bytes = b"\r\n" + GET % b"one.txt"
    for split in range(1, len(request_bytes)):
        with Peer(web.address) as peer:
            peer.send(request_bytes[:split])
            time.sleep(0.001)
            peer.send(request_bytes[split:] + GET % b"empty")
            assert peer.response()[2] == b"\0" and peer.response()[0] == 200


def test_a_request_may_come_byte_by_byte(web):
    with Peer(web.address) as peer:
        for byte in b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nxyz" + GET % b"one.txt":
            peer.send(bytes([byte]))
        assert peer.response()[0] == 405 and peer.response()[2] == b"\0"


def test_bodies_that_are_too_long_end_the_connection(web):
    with Peer(web.address) as peer:
        peer.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\nx")
        assert peer.response()[1]["connection"] == "close" and peer.closed()


def test_an_expected_continue_is_answered_finally(web):
    with Peer(web.address) as peer:
        peer.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n")
        status, fields, _ = peer.response()
        assert status == 405 and fields["connection"] == "close"


def test_requests_are_answered_after_half_a_close(web):
    with Peer(web.address) as peer:
        peer.send(GET % b"one.txt" + GET % b"mega.bin")
        peer.socket.shutdown(socket.SHUT_WR)
        assert peer.response()[2] == b"\0" and len(peer.response()[2]) == 1 << 20 and peer.closed()


def test_a_client_that_only_sends_is_held_back(web):
    """Pipelined requests without reading: the server stops reading; it neither grows nor spins."""
    before, sent = web.memory_kb("VmRSS"), 0
    with Peer(web.address, timeout=1) as peer:
        with pytest.raises(TimeoutError):
            while sent < 200 << 20:
                sent += peer.socket.send((GET % b"page.html") * 1000)
        cpu = web.cpu_seconds()
        time.sleep(0.5)
        assert web.cpu_seconds() - cpu < 0.2
        assert web.memory_kb("VmRSS") - before < 20000


def test_garbage_never_ends_the_server(web):
    rng = random.Random(1)
    pieces = [b"GET ", b"/", b" HTTP/1.1", b"\r\n", b"\n", b"\r", b"Host: a", b":", b"Content-Length: 3", b"%2e", b"..", b"\0",
              b"\xff" * 9, b" ", b"Transfer-Encoding: chunked", b"Range: bytes=0-", b"Connection: close", b"one.txt", b"\r\n\r\n"]
    for _ in range(300):
        with Peer(web.address) as peer:
            peer.send(b"".join(rng.choices(pieces, k=rng.randrange(1, 40))))
            if rng.random() < 0.5:  # a reset in the middle
                peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert ask(web, GET % b"one.txt")[0] == 200


def test_wrk(web):
    done = subprocess.run(["wrk", "-t1", "-c50", "-d1s", f"http://{target(web)}/page.html"], capture_output=True, text=True, check=True)
    assert "Socket errors" not in done.stdout and "Non-2xx" not in done.stdout
    assert int(re.search(r"(\d+) requests in", done.stdout)[1]) > 1000


@pytest.mark.parametrize("options", [(), ("-k",)])
def test_ab(web, options):
    done = subprocess.run(["ab", "-q", "-n", "2000", "-c", "20", *options, f"http://{target(web)}/page.html"],
                          capture_output=True, text=True, check=True)
    assert re.search(r"Complete requests:\s+2000\b", done.stdout) and re.search(r"Failed requests:\s+0\b", done.stdout)
    assert "Non-2xx" not in done.stdout


def test_load_gets_files(web, program):
    row = row_of([program("mtcp-load"), "--stack", "kernel", "--target", target(web), "--app", "http", "--path", "/page.html",
                  "--concurrency", "50", "--messages", "10", "--connections", "500", "--json", "-"])
    assert row["transactions"] == 5000 and row["failed"] == 0
    row = row_of([program("mtcp-load"), "--stack", "kernel", "--target", target(web), "--app", "http", "--path", "/mega.bin",
                  "--connections", "5", "--json", "-"])
    assert row["transactions"] == 5 and row["bytes_per_s"] * row["seconds"] > 5 << 20


def test_load_counts_wrong_statuses(web, program):
    done = subprocess.run([program("mtcp-load"), "--stack", "kernel", "--target", target(web), "--app", "http", "--path", "/none",
                           "--connections", "5", "--json", "-"], capture_output=True, text=True)
    assert done.returncode == 1 and json.loads(done.stdout)["failures"] == {"http_status": 5}


# --- echo and load

def test_messages_come_back_however_they_are_cut(echo):
    rng = random.Random(1)
    messages = [rng.randbytes(64) for _ in range(50)]
    stream = b"".join(messages)
    with Peer(echo.address) as peer:
        peer.send(stream)
        assert peer.exactly(len(stream)) == stream
        at = 0
        while at < len(stream):
            size = rng.randrange(1, 100)
            peer.send(stream[at:at + size])
            at += size
        assert peer.exactly(len(stream)) == stream
        peer.send(b"x" * 63)
        assert peer.silent(0.1)
        peer.send(b"y")
        assert peer.exactly(64) == b"x" * 63 + b"y"
        peer.socket.shutdown(socket.SHUT_WR)
        assert peer.closed()


@pytest.mark.parametrize("message, response", [(1, 1), (1, 200), (4, 4), (4, 64), (8, 8), (64, 1), (64, 200), (100, 300000), (200000, 10), (65536, 65536)])
def test_sizes(program, message, response):
    sizes = ["--message-bytes", message, "--response-bytes", response]
    with serving(program("mtcp-server"), "--stack", "kernel", "--listen", "127.0.0.1:0", *sizes) as server:
        row = row_of([program("mtcp-load"), "--stack", "kernel", "--target", target(server), *sizes, "--concurrency", "20",
                      "--messages", "3", "--connections", "200", "--json", "-"])
        assert row["transactions"] == 600 and row["failed"] == 0
        assert abs(row["bytes_per_s"] * row["seconds"] - 600 * (message + response)) < 600


def test_closed_loop_row(echo, program):
    def in_time(row):
        return abs(row["seconds"] - 1) < 0.2 and 0 < row["generator_lag"] < 1.2

    row = best_of(lambda: row_of([program("mtcp-load"), "--stack", "kernel", "--target", target(echo), "--concurrency", "200",
                                  "--messages", "4", "--warmup", "0.5", "--seconds", "1", "--watch-server-cpus", "0", "--seed", "7",
                                  "--experiment", "x", "--repeat", "3", "--json", "-"]), in_time)
    assert in_time(row), row
    assert list(row)[:len(FIELDS)] == FIELDS
    assert (row["experiment"], row["seed"], row["repeat"], row["concurrency"], row["device"]) == ("x", 7, 3, 200, "loopback")
    assert row["failed"] == 0 and row["failures"] == {} and row["transactions"] > 1000 and not row["ramp_incomplete"]
    assert abs(row["connections_per_s"] * row["seconds"] * 4 - row["transactions"]) <= 200 * 4
    marks = [row[f"latency_{mark}_us"] for mark in ("p50", "p90", "p99", "p999", "max")]
    assert marks == sorted(marks) and marks[0] > 1
    # Little's law: connections = rate x mean; the largest is above the mean, the median at most twice the mean
    assert row["transactions_per_s"] * marks[0] / 1e6 < 500 and row["transactions_per_s"] * marks[4] / 1e6 > 150


def test_events_on_standard_error(echo, program):
    done = subprocess.run([program("mtcp-load"), "--stack", "kernel", "--target", target(echo), "--seconds", "2.5", "--warmup", "0.2",
                           "--progress", "--json", "-"], capture_output=True, text=True, check=True)
    events = [json.loads(line) for line in done.stderr.splitlines()]
    names = [event["event"] for event in events]
    inside = events[names.index("measure_begin") + 1:names.index("measure_end")]
    assert inside and all(event["event"] == "progress" for event in inside)
    assert all(event["concurrency"] <= 1 and event["transactions_per_s"] > 10 for event in inside)


def held(program, server):
    """When a load's window was let go, when it began and ended, its row."""
    load = subprocess.Popen([program("mtcp-load"), "--stack", "kernel", "--target", target(server), "--concurrency", "20", "--seconds", "0.5", "--warmup", "0.1",
                             "--hold", "--histogram", "--json", "-"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert json.loads(load.stderr.readline()) == {"event": "ready"}
    time.sleep(0.7)
    let_go = time.time()
    load.send_signal(signal.SIGUSR1)
    out, told = load.communicate(timeout=30)
    begin, end = (json.loads(line) for line in told.splitlines())
    assert (begin["event"], end["event"]) == ("measure_begin", "measure_end")
    assert let_go <= begin["at"]
    return let_go, begin["at"], end["at"], json.loads(out)


def test_a_window_that_is_held_begins_when_it_is_let_go(echo, program):
    """So that those of several loads begin together; and all latencies are in the row, so that they can be joined."""
    def in_time(told):
        let_go, begin, end, row = told
        return begin < let_go + 0.4 and 0.45 < end - begin < 1 and row["seconds"] < 0.7

    told = best_of(lambda: held(program, echo), in_time)
    assert in_time(told), told
    row = told[-1]
    assert sum(count for _, count in row["latency_histogram"]) == row["transactions"] > 100
    found = gather.quantiles([row["latency_histogram"]], row["latency_max_us"])
    assert found == pytest.approx({name: row[name] for name in found})


def test_a_load_that_is_held_can_be_interrupted(echo, program):
    load = subprocess.Popen([program("mtcp-load"), "--stack", "kernel", "--target", target(echo), "--warmup", "0.1", "--hold"], stderr=subprocess.PIPE, text=True)
    assert "ready" in load.stderr.readline()
    load.send_signal(signal.SIGINT)
    assert "interrupted before the window" in load.communicate(timeout=10)[1] and load.returncode == 130


@pytest.mark.parametrize("head", [b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n", b"POST / HTTP/1.0\r\n"])
def test_a_body_that_is_not_read_resets_nothing(web, head):
    with Peer(web.address) as peer:
        peer.send(head + b"Content-Length: 20000\r\n\r\n" + b"x" * 20000)
        status, _, body = peer.response()
        assert status == 405 and body and peer.closed()


def test_open_loop_keeps_its_rate(echo, program):
    def rate(messages):
        row = row_of([program("mtcp-load"), "--stack", "kernel", "--target", target(echo), "--rate", "1000", "--concurrency", "100",
                      "--messages", messages, "--warmup", "0.3", "--seconds", "2", "--json", "-"])
        assert row["failed"] == 0
        # where each arrival opens its own, none is opened before
        assert row["opened_per_s"] is None if messages == "1" else 0 < row["opened_per_s"] < 100_000
        return row["transactions_per_s"]

    for messages in ("1", "1000000"):
        found = best_of(lambda: rate(messages), lambda rate: 700 < rate < 1300)
        assert 700 < found < 1300


def test_open_loop_latency_counts_from_the_intended_start(program):
    """A server that stops for a second: who would have come meanwhile has waited, too."""
    with serving(program("mtcp-server"), "--stack", "kernel", "--listen", "127.0.0.1:0") as server:
        load = subprocess.Popen([program("mtcp-load"), "--stack", "kernel", "--target", target(server), "--rate", "500",
                                 "--concurrency", "10", "--warmup", "0.2", "--seconds", "4", "--json", "-"],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert any("measure_begin" in line for line in iter(load.stderr.readline, ""))
        time.sleep(0.5)
        server.process.send_signal(signal.SIGSTOP)
        time.sleep(1)
        server.process.send_signal(signal.SIGCONT)
        row = json.loads(load.communicate(timeout=30)[0])
    # a quarter of all arrivals fell into the pause, and waited half a second in the mean
    assert row["latency_p90_us"] > 300_000 and row["latency_p50_us"] < 200_000
    assert row["generator_lag"] > 300_000, "with 10 connections most of them could not even be started"


@pytest.mark.parametrize("rate, connections", [(5000, 500), (200000, 1)])
def test_the_generator_of_an_open_loop_is_judged_by_its_lag(program, rate, connections):
    """Where it waits for the next arrival without sleeping it is busy, and no limit; where connections are too few it is late."""
    cores = sorted(os.sched_getaffinity(0))[:2]
    if len(cores) < 2:
        pytest.skip("one core is of the server, one of the load")

    def measured():
        row = row_of([program("mtcp-load"), "--stack", "kernel", "--cores", cores[1], "--watch-server-cpus", cores[0], "--target", target(server),
                      "--rate", rate, "--concurrency", connections, "--warmup", "0.2", "--seconds", "1", "--json", "-"])
        assert row["generator_limited"] == (row["generator_lag"] > 1000 and row["server_busy"] < 0.95), row
        return row

    def as_wanted(row):
        """One that does not keep up is late by a good part of the window; on a machine that is busy with other things, by some ms."""
        return (row["generator_lag"] > 100_000) is (connections == 1)

    with serving(program("mtcp-server"), "--stack", "kernel", "--listen", "127.0.0.1:0", "--cores", cores[0]) as server:
        row = best_of(measured, as_wanted)
    assert as_wanted(row), row


def test_what_failed_before_the_window_is_counted_too(program):
    with socket.create_server(("127.0.0.1", 0)) as found:
        address = "127.0.0.1:%d" % found.getsockname()[1]
    load = subprocess.Popen([program("mtcp-load"), "--stack", "kernel", "--target", address, "--concurrency", "10", "--warmup", "1",
                             "--seconds", "0.5", "--progress", "--interval", "0.05", "--json", "-"],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    events = map(json.loads, iter(load.stderr.readline, ""))
    assert any(event["event"] == "progress" and event["failed"] > 0 for event in events)
    with serving(program("mtcp-server"), "--stack", "kernel", "--listen", address):
        row = json.loads(load.communicate(timeout=30)[0])
    assert row["failed"] == 0 < row["failed_total"] and row["retransmits_total"] >= row["retransmits"]


def test_the_server_writes_a_row(program, tmp_path):
    out = tmp_path / "server.json"
    with serving(program("mtcp-server"), "--stack", "kernel", "--listen", "127.0.0.1:0", "--json", out) as server:
        load = [program("mtcp-load"), "--stack", "kernel", "--target", target(server), "--connections", "100", "--json", "-"]
        for signum in (signal.SIGUSR1, signal.SIGUSR2, None):  # the window begins anew, and ends
            other = row_of(load)
            time.sleep(0.2)
            if signum:
                server.process.send_signal(signum)
                time.sleep(1)
    row = json.loads(out.read_text())
    assert list(row)[:len(FIELDS)] == FIELDS
    assert row["transactions"] == 100 and row["accepted"] == 100 and row["failed"] == row["failed_total"] == 0
    assert row["tsc_hz"] == pytest.approx(other["tsc_hz"], rel=0.01) if other["tsc_hz"] else row["tsc_hz"] is None


# --- descriptors

def low_limit(count):
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (count, count))


@pytest.mark.parametrize("stack", KERNEL)
def test_more_connections_than_one_table_holds(program, stack, tmp_path):
    """Each worker has a table of its own, on server and load, and the row says how many there were."""
    need_stack(stack)
    with serving(*capless(), program("mtcp-server"), "--stack", stack,
                 "--listen", "127.0.0.1:0", "--max-conns", "1000", "--json", tmp_path / "server.json", preexec_fn=low_limit(400)) as server:
        done = subprocess.run([*capless(), program("mtcp-load"), "--stack", "kernel",
                               "--target", target(server), "--concurrency", "1000", "--messages", "2", "--warmup", "1",
                               "--seconds", "1", "--json", "-"], capture_output=True, text=True, preexec_fn=low_limit(400))
        assert done.returncode == 0, done.stderr
        row = json.loads(done.stdout)
        assert row["failed"] == 0 and row["transactions"] > 1000 and not row["ramp_incomplete"]
    # 272 descriptors in each are left for connections, 15% more of which have room
    assert json.loads((tmp_path / "server.json").read_text())["server_threads"] == 5


@pytest.mark.parametrize("conns, n_taken", [(50, 0), (200, 260)])
def test_a_full_server_waits_without_spinning(program, conns, n_taken):
    """First its own bound; then EMFILE, which comes earlier, as 260 of its 400 descriptors are taken."""
    taken = [os.open("/dev/null", os.O_RDONLY) for _ in range(n_taken)]
    peers = []
    try:
        with serving(program("mtcp-server"), "--stack", "kernel", "--listen", "127.0.0.1:0", "--max-conns", conns,
                     preexec_fn=low_limit(400), pass_fds=taken) as server:
            peers = [Peer(server.address) for _ in range(250)]
            for peer in peers:
                peer.send(b"m" * 64)
            time.sleep(0.5)
            cpu = server.cpu_seconds()
            time.sleep(1)
            assert server.cpu_seconds() - cpu < 0.1
            served = [peer for peer in peers if not peer.silent(0)]
            assert (len(served) == 50) if n_taken == 0 else (100 < len(served) < 140)
            for peer in served:
                peer.socket.close()
            waiting = [peer for peer in peers if peer not in served]
            assert waiting[0].exactly(64) == b"m" * 64, "who waited is served as soon as others leave"
    finally:
        for peer in peers:
            peer.socket.close()
        for fd in taken:
            os.close(fd)


# --- wrong usage

@pytest.mark.parametrize("name, words, status, said", [
    ("mtcp-server", ["--sack", "kernel"], 2, "did you mean --stack?"),
    ("mtcp-server", ["--stack", "linux"], 2, "choose one of mtcp mtcp-paired kernel kernel-reuseport"),
    ("mtcp-server", ["--app", "ftp", "--stack", "kernel"], 2, "echo http"),
    ("mtcp-server", ["--stack", "kernel", "extra"], 2, "unexpected argument"),
    ("mtcp-server", ["--stack"], 2, "needs a value"),
    ("mtcp-server", ["--stack", "kernel", "--listen", "80"], 2, "ADDRESS:PORT"),
    ("mtcp-server", ["--stack", "kernel", "--listen", "127.0.0.1:65536"], 2, "ADDRESS:PORT"),
    ("mtcp-server", ["--stack", "kernel", "--cores", "999"], 2, "not available"),
    ("mtcp-server", ["--stack", "kernel", "--cores", "0-"], 2, "list of CPUs"),
    ("mtcp-server", ["--stack", "kernel", "--message-bytes", "0"], 2, "between 1 and"),
    ("mtcp-server", ["--stack", "kernel", "--message-bytes", "1.5"], 2, "whole number"),
    ("mtcp-server", ["--stack", "kernel", "--seconds", "nan"], 2, "number"),
    ("mtcp-server", ["--stack", "kernel", "--app", "http"], 2, "--root DIR"),
    ("mtcp-server", ["--stack", "kernel", "--app", "http", "--root", "/nonexistent"], 2, "No such file"),
    ("mtcp-server", ["--stack", "kernel", "--app", "http", "--root", "/etc/passwd"], 2, "Not a directory"),
    ("mtcp-server", ["--stack", "kernel", "--root", "/"], 2, "--app http"),
    ("mtcp-server", ["--stack", "kernel", "--capture", "x"], 2, "--capture is for mtcp"),
    ("mtcp-server", ["--stack", "mtcp"], 2, "--device"),
    ("mtcp-server", ["--stack", "mtcp", "--set", "busy_poll"], 2, "key=value"),
    ("mtcp-server", ["--stack", "mtcp", "--device", "ring:x:0", "--set", "num_cores=2"], 2, "--cores"),
    ("mtcp-server", ["--stack", "kernel", "--listen", "192.0.2.1:80"], 3, "an address that this machine has"),
    ("mtcp-load", [], 2, "--target is missing"),
    ("mtcp-load", ["--stack", "kernel", "--target", "127.0.0.1:0"], 2, "port 0"),
    ("mtcp-load", ["--stack", "kernel", "--target", "127.0.0.1:1", "--sources", "10.0.0.9-10.0.0.1"], 2, "--sources"),
    ("mtcp-load", ["--stack", "kernel", "--target", "127.0.0.1:1", "--concurrency", "0"], 2, "--concurrency"),
    ("mtcp-load", ["--stack", "kernel", "--target", "127.0.0.1:1", "--path", "x"], 2, "--path"),
    ("mtcp-load", ["--stack", "kernel", "--target", "127.0.0.1:1"], 1, "is the server running?"),
    ("mtcp-load", ["--stack", "kernel", "--target", "127.0.0.1:1", "--json", "/nonexistent/x", "--connections", "1"], 3, "/nonexistent/x"),
    ("mtcp-pair", ["--mode", "serial"], 2, "inline paired"),
    ("mtcp-pair", ["--one-thread", "--mode", "paired"], 2, "inline"),
    ("mtcp-pair", ["--set", "rcvbuff=1"], 2, "rcvbuf"),
    ("mtcp-pair", ["--set", "rcvbuf=1"], 2, "rcvbuf"),
])
def test_wrong_usage_is_one_line(program, name, words, status, said):
    done = subprocess.run([program(name), *words], capture_output=True, text=True, timeout=30)
    lines = [line for line in done.stderr.splitlines() if not line.startswith("{")]
    assert done.returncode == status and len(lines) == 1, done.stderr
    assert lines[0].startswith(f"{name}: ") and said in lines[0], lines[0]


@pytest.mark.parametrize("name", ["mtcp-server", "mtcp-load", "mtcp-pair"])
def test_help(program, name):
    done = subprocess.run([program(name), "--help"], capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr
    assert name in done.stdout and "Exit status" in done.stdout and "--json FILE" in done.stdout


@pytest.mark.parametrize("echo", ["kernel"], indirect=True)
def test_port_in_use(echo, program):
    done = subprocess.run([program("mtcp-server"), "--stack", "kernel", "--listen", target(echo)], capture_output=True, text=True)
    assert done.returncode == 3 and "in use" in done.stderr and done.stderr.count("\n") == 1


def test_too_few_descriptors(program):
    done = subprocess.run([program("mtcp-server"), "--stack", "kernel"], capture_output=True, text=True, preexec_fn=low_limit(100))
    assert done.returncode == 3 and "ulimit -n" in done.stderr and done.stderr.count("\n") == 1


def test_ready_fd(program):
    reader, writer = os.pipe()
    with serving(program("mtcp-server"), "--stack", "kernel", "--listen", "127.0.0.1:0", "--ready-fd", writer, pass_fds=[writer]):
        os.close(writer)
        with os.fdopen(reader) as file:
            assert file.read().startswith("ready mtcp-server kernel 127.0.0.1:")


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_load_prints_what_it_has(echo, program, signum):
    argv = [program("mtcp-load"), "--stack", "kernel", "--target", target(echo), "--warmup", "0.2", "--seconds", "60", "--json", "-"]
    load = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert any("measure_begin" in line for line in iter(load.stderr.readline, ""))
    time.sleep(0.5)
    load.send_signal(signum)
    row = json.loads(load.communicate(timeout=10)[0])
    assert load.returncode == 130 and 0.3 < row["seconds"] < 5 and row["transactions"] > 0
    assert any("interrupted" in note for note in row["notes"])


# --- our stack at both ends

PAIR = ("--warmup", "0.3", "--seconds", "1", "--json", "-")


@pytest.mark.parametrize("mode", ["inline", "paired"])
@pytest.mark.parametrize("concurrency, messages", [(1, 1), (200, 1), (200, 16)])
def test_pair_loses_nothing(program, mode, concurrency, messages):
    total = 3000 if concurrency > 1 else 300

    def shares():
        row = row_of([program("mtcp-pair"), "--mode", mode, "--concurrency", concurrency, "--messages", messages,
                      "--connections", total, "--json", "-"])
        assert list(row)[:len(FIELDS)] == FIELDS
        assert row["failed"] == 0 and row["transactions"] == total * messages, row["failures"]
        want_only_stalls_repeated(row, total)
        assert row["stack"] == {"inline": "mtcp", "paired": "mtcp-paired"}[mode]
        assert row["cycles_per_transaction"] > 100
        return [row[f"cpu_{part}"] for part in ("app", "tcpip", "packet_io", "kernel_other", "idle", "unclassified")]

    def whole(found):
        """The window is of milliseconds: a turn that lost the CPU before it is booked inside it."""
        return all(0 <= share <= 1.01 for share in found) and abs(sum(found) - 1) < 0.05

    found = best_of(shares, whole)
    assert whole(found), found


@pytest.mark.parametrize("accept", [[], ["--shared-accept"]])
def test_pairs_in_one_thread_share_nothing(program, accept):
    cores = sorted(os.sched_getaffinity(0))[:2]
    row = row_of([program("mtcp-pair"), "--one-thread", *accept, "--server-core", ",".join(map(str, cores)), "--concurrency", "100",
                  "--connections", "4000", "--json", "-"])
    assert row["failed"] == 0 and row["transactions"] == 4000 and row["mode"].endswith("one thread")
    assert row["server_cores"] == row["client_cores"] and row["cpu_app"] is None and row["cycles_per_transaction"] > 100
    want_only_stalls_repeated(row, 4000)  # a segment that came to another core than its connection's would find nobody there


@pytest.mark.parametrize("mode", ["inline", "paired"])
def test_a_server_takes_as_many_events_at_a_time_as_told(program, mode):
    """After each wait the stack sends what the events were answered by: a turn in which something happens for each message, or far fewer."""
    busy = {}
    for most in (1, 256):
        row = row_of([program("mtcp-pair"), "--mode", mode, "--events", most, "--concurrency", "1000", "--messages", 8, "--connections", "3000", "--json", "-"])
        assert row["failed"] == 0 and row["transactions"] == 24000
        busy[most] = row["server_counters"]["turns"] - row["server_counters"]["idle_turns"]
    assert busy[1] > 18000 and busy[1] > 3 * busy[256], busy


@pytest.mark.parametrize("stack", ["kernel", "kernel-uring"])
def test_a_kernel_server_takes_one_event_at_a_time(program, stack):
    need_stack(stack)
    with serving(program("mtcp-server"), "--stack", stack, "--events", "1", "--listen", "127.0.0.1:0") as server:
        row = row_of([program("mtcp-load"), "--stack", "kernel", "--target", "%s:%d" % server.address, "--concurrency", 50,
                      "--messages", 3, "--connections", 500, "--json", "-"])
    assert row["transactions"] == 1500 and row["failed"] == 0


def test_more_connections_than_under_way_are_open(program):
    row = row_of([program("mtcp-pair"), "--concurrency", "5000", "--under-way", "100", "--ramp-rate", "100000", *PAIR])
    assert row["failed"] == 0 and not row["ramp_incomplete"] and row["transactions"] > 100
    # all are open: what is opened and closed in the window goes on beside those that wait
    assert row["resident_per_connection"] > 0
    # and an answer waits for 100 others at most, not for 5000
    assert row["latency_p50_us"] * row["transactions_per_s"] / 1e6 < 200


@pytest.mark.parametrize("mode", ["inline", "paired"])
def test_pair_on_one_core(program, mode):
    row = row_of([program("mtcp-pair"), "--mode", mode, "--server-core", "0", "--client-core", "0", "--concurrency", "50", *PAIR])
    assert row["failed"] == 0 and row["transactions"] > 10 and row["generator_limited"] is None


def want_only_stalls_repeated(row, connections):
    """The wire of mtcp-pair loses nothing. What was sent again the peer had already, or it has closed since, or is gone; a timer
    sent it, and a message took as long as that timer waits at least: 200 ms (rto_min_ms), for a tail loss probe 10 ms. A machine
    that takes the CPU away makes that happen; without such a stall nothing is sent again, and nothing dropped."""
    sides = [row[f"{side}_counters"] for side in ("server", "client")]
    late = sum(side.get(name, 0) for side in sides for name in ("drop_state", "drop_no_listener"))
    again = sum(side.get("retransmits", 0) for side in sides)
    assert row["drops"] == late + sum(side.get("drop_seq", 0) for side in sides), row
    assert late <= again and row["drops"] <= 2 * again, row  # itself, and the answer to it
    for side, ours, theirs in (("server", *sides), ("client", *reversed(sides))):
        on_the_way = max(ours["tx_packets"] - theirs["rx_packets"], 0)  # of closing, when the counters were read
        assert on_the_way <= 4 * connections - 2 * (ours["closed"] + theirs["closed"]), (side, row)
        repeated = sum(theirs.get(name, 0) for name in ("drop_seq", "drop_state", "drop_no_listener"))
        assert ours.get("retransmits", 0) <= repeated + on_the_way, (side, row)
        if ours.get("retransmits"):
            assert ours.get("tail_loss_probes") or ours.get("rto_fired"), (side, row)
            assert row["latency_max_us"] >= (200000 if ours.get("rto_fired") else 10000), (side, row)


@pytest.mark.parametrize("message, response", [(1, 1), (100, 100000), (100000, 100), (8192, 8192)])
def test_pair_with_other_sizes(program, message, response):
    row = row_of([program("mtcp-pair"), "--message-bytes", message, "--response-bytes", response, "--concurrency", "20",
                  "--messages", "3", "--connections", "300", "--json", "-"])
    assert row["failed"] == 0 and row["transactions"] == 900
    want_only_stalls_repeated(row, 300)


def test_pair_capture_shows_no_fault(program, tmp_path):
    if not shutil.which("tshark"):
        pytest.skip("tshark is not installed")
    file = tmp_path / "wire.pcapng"

    def captured():
        row = row_of([program("mtcp-pair"), "--concurrency", "20", "--messages", "2", "--connections", "200", "--capture", file, "--json", "-"])
        want_only_stalls_repeated(row, 200)
        return row

    assert best_of(captured, lambda row: row["retransmits_total"] == 0)["retransmits_total"] == 0

    def frames(wanted):
        done = subprocess.run(["tshark", "-r", file, "-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE", "-Y", wanted],
                              capture_output=True, text=True, check=True)
        return done.stdout.splitlines()

    assert len(frames("tcp.flags.syn == 1 && tcp.flags.ack == 0")) == 200
    assert len(frames("tcp.len > 0")) == 800
    bad = ("tcp.analysis.retransmission || tcp.analysis.lost_segment || tcp.analysis.out_of_order || tcp.analysis.duplicate_ack || "
           "_ws.malformed || tcp.checksum.status == 0 || ip.checksum.status == 0 || _ws.expert.severity == error")
    assert frames(bad) == []


def test_pair_is_stopped_cleanly(program):
    pair = subprocess.Popen([program("mtcp-pair"), "--concurrency", "50", "--seconds", "60", "--json", "-"], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)
    assert any("measure_begin" in line for line in iter(pair.stderr.readline, ""))
    time.sleep(0.5)
    pair.send_signal(signal.SIGINT)
    row = json.loads(pair.communicate(timeout=10)[0])
    assert pair.returncode == 130 and row["failed"] == 0 and row["transactions"] > 0
