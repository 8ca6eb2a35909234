# SPDX-License-Identifier: BSD-3-Clause
"""Traces: made up, made of captures, replayed over the kernel and over a ring; and what no trace or capture should be."""
import json
import random
import signal
import socket
import struct
import subprocess
import time

import pytest
from apps import Peer, best_of, row_of, serving

HEAD = "mtcp-trace 1\n"


def trace_of(program, *words, check=True):
    done = subprocess.run([str(word) for word in [program("mtcp-trace"), *words]], capture_output=True, text=True, timeout=60)
    if check:
        assert done.returncode == 0, done.stderr
    return done


def flows(text):
    return [line for line in text.splitlines()[1:] if not line.startswith("#")]


@pytest.fixture(scope="module")
def server(program):
    with serving(program("mtcp-server"), "--stack", "kernel", "--app", "replay", "--listen", "127.0.0.1:0") as found:
        yield found


def replay(program, server, *words):
    return row_of([program("mtcp-load"), "--stack", "kernel", "--app", "replay", "--target", "%s:%d" % server.address, *words, "--json", "-"])


# --- replay

def test_a_file_is_replayed_on_its_timing(program, server, tmp_path):
    file = tmp_path / "t"
    file.write_text(HEAD + "0 0:310:4096 250000:280:900 900000:0:0\n5000 0:12:1\n10000 1000:200000:300000\n1200000 0:12:70000\n")

    def replayed():
        row = replay(program, server, "--trace", file)
        assert (row["transactions"], row["failed"], row["concurrency"]) == (5, 0, 2)
        assert row["bytes_per_s"] * row["seconds"] == pytest.approx(310 + 4096 + 280 + 900 + 12 + 1 + 200000 + 300000 + 12 + 70000, abs=1)
        assert row["seconds"] > 1.2
        return row

    def in_time(row):
        """Think times are no part of the latencies."""
        return row["seconds"] < 2.0 and row["latency_max_us"] < 200_000

    row = best_of(replayed, in_time)
    assert in_time(row), row


def test_a_stopped_server_is_seen_from_the_intended_time(program, tmp_path):
    file = tmp_path / "t"
    file.write_text(HEAD + "".join(f"{n * 10000} 0:20:100\n" for n in range(100)))
    with serving(program("mtcp-server"), "--stack", "kernel", "--app", "replay", "--listen", "127.0.0.1:0") as own:
        load = subprocess.Popen([program("mtcp-load"), "--stack", "kernel", "--app", "replay", "--target", "%s:%d" % own.address,
                                 "--trace", file, "--json", "-"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert any("measure_begin" in line for line in iter(load.stderr.readline, ""))
        time.sleep(0.2)
        own.process.send_signal(signal.SIGSTOP)
        time.sleep(0.6)
        own.process.send_signal(signal.SIGCONT)
        row = json.loads(load.communicate(timeout=30)[0])
    assert row["transactions"] == 100 and row["latency_max_us"] > 400_000 and row["latency_p90_us"] > 100_000


def test_made_up_flows_over_the_kernel(program, server):
    row = replay(program, server, "--concurrency", 1000, "--warmup", 0.5, "--seconds", 1.5, "--under-way", 10)
    assert not any("under way" in note for note in row["notes"])  # a trace holds nobody back
    assert row["failed"] == 0 and not row["ramp_incomplete"]
    assert 150 < row["transactions_per_s"] < 350 and 80 < row["connections_per_s"] < 180  # 125 flows, 250 turns


@pytest.mark.parametrize("mode", ["inline", "paired"])
def test_over_a_ring(program, root, tmp_path, mode):
    """A trace that is kept, thirty times as fast."""
    fast = []
    for line in flows((root / "traces" / "web-small.txt").read_text()):
        at, *turns = line.split()
        parts = [turn.split(":") for turn in turns]
        fast.append(" ".join([str(int(at) // 30), *(":".join([str(int(think) // 30), *sizes]) for think, *sizes in parts)]))
    (tmp_path / "t").write_text(HEAD + "\n".join(fast) + "\n")
    row = row_of([program("mtcp-pair"), "--mode", mode, "--app", "replay", "--trace", tmp_path / "t", "--json", "-"])
    expected = json.loads(trace_of(program, "--trace", tmp_path / "t", "--show").stdout)
    assert row["failed"] == 0 and row["transactions"] == expected["turns"]
    assert row["bytes_per_s"] * row["seconds"] > expected["bytes"]


def test_what_a_server_of_replays_survives(program, server):
    def ask(request, response, phase=0, more=b""):
        return struct.pack("!III", request, response, phase) + more

    rng = random.Random(1)
    for data in (ask(11, 5), ask(12, 0), ask(1 << 21, 5), ask(12, (1 << 30) + 1), ask(12, 5, more=b"x"), ask(20, 5, more=b"y" * 9), rng.randbytes(5000)):
        with Peer(server.address) as peer:
            peer.send(data)
            try:
                assert len(peer.buffer) == 0 and peer.closed()
            except ConnectionResetError:
                pass
    with Peer(server.address) as peer:
        for byte in ask(15, 70000, 0xFFFFFFFF, b"abc"):
            peer.send(bytes([byte]))
        whole = peer.exactly(70000)
        assert whole[:1] == whole[65536:65537] and whole[:4464] == whole[65536:]
        peer.send(ask(12, 3, 1))
        assert peer.exactly(3) == whole[2:5]  # 0xffffffff is place 65535: the next is 0


def test_wrong_answers_are_found(program, tmp_path):
    file = tmp_path / "t"
    file.write_text(HEAD + "0 0:64:64\n" * 5)
    with serving(program("mtcp-server"), "--stack", "kernel", "--listen", "127.0.0.1:0") as echo:
        done = subprocess.run([program("mtcp-load"), "--stack", "kernel", "--app", "replay", "--target", "%s:%d" % echo.address,
                               "--trace", file, "--json", "-"], capture_output=True, text=True, timeout=30)
    assert done.returncode == 1 and json.loads(done.stdout)["failures"] == {"wrong_response": 5}


# --- captures

SYN, ACK, PSH, FIN, RST = 2, 16, 8, 1, 4


def frame(source, target, seq, flags, data=b"", vlan=False, six=False):
    tcp = struct.pack("!HHIIBBHHH", source[1], target[1], seq & 0xFFFFFFFF, 0, 5 << 4, flags, 1000, 0, 0) + data
    if six:
        ip = struct.pack("!IHBB", 6 << 28, len(tcp), 6, 64) + socket.inet_pton(socket.AF_INET6, source[0]) + socket.inet_pton(socket.AF_INET6, target[0])
    else:
        ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0, socket.inet_aton(source[0]), socket.inet_aton(target[0]))
    return b"\0" * 12 + (b"\x81\0\0\x05" if vlan else b"") + (b"\x86\xdd" if six else b"\x08\0") + ip + tcp


def capture(path, packets, snap=65535, link=1):
    """packets: (microseconds, frame)."""
    body = b"".join(struct.pack("<IIII", 1000 + at // 10**6, at % 10**6, min(len(data), snap), len(data)) + data[:snap] for at, data in packets)
    path.write_bytes(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, link) + body)
    return path


A, B = ("10.0.0.2", 40000), ("10.0.0.1", 80)
TALK = [(0, frame(A, B, 99, SYN)), (10, frame(B, A, 4294967290, SYN | ACK)), (20, frame(A, B, 100, ACK)),
        (1000, frame(A, B, 100, ACK, b"q" * 300)), (1500, frame(A, B, 400, ACK, b"q" * 100)),
        (2000, frame(B, A, 4294967291, ACK, b"a" * 1000)), (2100, frame(B, A, 4294967291, ACK, b"a" * 1000)),  # sent again
        (2200, frame(B, A, 995, ACK, b"a" * 500)),  # beyond the wrap
        (52200, frame(A, B, 500, ACK, b"q" * 50)), (52300, frame(B, A, 1495, ACK, b"a" * 7)),
        (152300, frame(A, B, 550, ACK | FIN)), (152400, frame(B, A, 1502, ACK | FIN))]
TOLD = "1000:400:1500 50000:50:7 100100:0:0"


def converted(program, path):
    return flows(trace_of(program, "--pcap", path).stdout)


@pytest.mark.parametrize("snap", [65535, 60])
def test_a_conversation(program, tmp_path, snap):
    assert converted(program, capture(tmp_path / "c", TALK, snap)) == [f"0 {TOLD}"]


def test_an_overtaken_segment_counts_once(program, tmp_path):
    swapped = [*TALK[:5], (2000, frame(B, A, 995, ACK, b"a" * 500)), (2200, frame(B, A, 4294967291, ACK, b"a" * 1000)), *TALK[8:]]
    again = [*swapped[:7], (2250, frame(B, A, 4294967291, ACK, b"a" * 1000)), *swapped[7:]]
    for packets in (swapped, again):
        assert converted(program, capture(tmp_path / "c", packets)) == [f"0 {TOLD}"]


@pytest.mark.parametrize("form", [{"vlan": True}, {"six": True}])
def test_other_links_and_addresses(program, tmp_path, form):
    c, s = (("fd00::2", 5), ("fd00::1", 6)) if "six" in form else (A, B)
    packets = [(5, frame(c, s, 1, SYN, **form)), (9, frame(c, s, 2, ACK, b"q" * 20, **form)), (20, frame(s, c, 7, ACK, b"a" * 30, **form))]
    assert converted(program, capture(tmp_path / "c", packets)) == ["0 4:20:30"]


def test_flows_are_told_apart_and_sorted(program, tmp_path):
    other, third = ("10.0.0.3", 40000), ("10.0.0.4", 1)
    packets = [*TALK[:4], (1100, frame(other, B, 1, ACK, b"q" * 20)), (1200, frame(B, other, 1, ACK, b"a" * 9)),  # no SYN was captured
               (1300, frame(third, B, 1, SYN)), *TALK[4:],  # never says anything
               (200000, frame(A, B, 5000, SYN)), (200100, frame(A, B, 5001, ACK, b"q" * 13)), (200200, frame(B, A, 1, ACK, b"a" * 2))]  # the port anew
    assert converted(program, capture(tmp_path / "c", packets)) == [f"0 {TOLD}", "1100 0:20:9", "200000 100:13:2"]


def test_what_is_no_turn_is_made_one(program, tmp_path):
    packets = [(0, frame(A, B, 1, SYN)), (5, frame(B, A, 1, SYN | ACK)), (9, frame(B, A, 2, ACK, b"220 hello\r\n")), (20, frame(A, B, 2, ACK, b"HELO"))]
    assert converted(program, capture(tmp_path / "c", packets)) == ["0 9:12:11 11:12:1 11:0:0"] or \
        converted(program, capture(tmp_path / "c", packets))[0].startswith("0 9:12:11 11:12:1")


def test_a_flow_of_many_turns_is_cut_to_what_a_trace_can_hold(program, tmp_path):
    packets = []
    for n in range(3000):
        packets += [(n * 3000000, frame(A, B, 1 + 20 * n, ACK, b"q" * 20)), (n * 3000000 + 9, frame(B, A, 1 + 30 * n, ACK, b"a" * 30))]
    out = tmp_path / "t"
    trace_of(program, "--pcap", capture(tmp_path / "c", packets), "--out", out)
    told = json.loads(trace_of(program, "--trace", out, "--show").stdout)
    assert (told["turns"], told["bytes"]) == (2000, 60000)


@pytest.mark.parametrize("name, n_flows", [("replay-mtcp.pcapng", 6), ("http-linux.pcap", 3)])
def test_captures_that_are_kept(program, root, name, n_flows):
    told = trace_of(program, "--pcap", root / "traces" / name)
    assert len(flows(told.stdout)) == n_flows and json.loads(told.stderr)["truncated"] == 0


def test_replay_captured_and_converted_is_the_trace_again(program, tmp_path):
    file, wire = tmp_path / "t", tmp_path / "wire.pcapng"
    file.write_text(HEAD + "0 0:310:4096 50000:280:900\n100000 0:12:1\n200000 0:20000:30000 30000:12:70000\n")
    row_of([program("mtcp-pair"), "--app", "replay", "--trace", file, "--capture", wire, "--json", "-"])
    sizes = [[turn.split(":")[1:] for turn in line.split()[1:] if not turn.endswith(":0:0")] for line in converted(program, wire)]
    assert sizes == [[["310", "4096"], ["280", "900"]], [["12", "1"]], [["20000", "30000"], ["12", "70000"]]]


def test_flows_made_to_look_alike_cost_no_more(program, tmp_path):
    """Ends whose ports and addresses have the same sums: each SYN would be compared with all before it."""
    packets = [(n, frame((f"10.0.0.{2 + n // 50000}", 1 + n % 50000), (f"10.0.0.{250 - n // 50000}", 60000 - n % 50000), 1, SYN)) for n in range(100000)]
    began = time.monotonic()
    done = trace_of(program, "--pcap", capture(tmp_path / "c", packets), check=False)
    assert done.returncode == 1 and "no TCP connection with data" in done.stderr
    assert time.monotonic() - began < 5


def test_a_link_that_is_not_known_is_refused(program, tmp_path):
    done = trace_of(program, "--pcap", capture(tmp_path / "c", TALK, link=105), check=False)
    assert done.returncode == 1 and "link type 105 is not read" in done.stderr and done.stderr.count("\n") == 1


def test_hostile_captures_give_a_trace_or_a_line(program, root, tmp_path):
    """Known captures with bytes changed, cut, doubled; each ends in time, with 0 or 1, and what it writes is a trace."""
    rng = random.Random(1)
    originals = [(root / "traces" / name).read_bytes() for name in ("replay-mtcp.pcapng", "http-linux.pcap")]
    originals.append(capture(tmp_path / "c", TALK).read_bytes())
    for number in range(150):
        data = bytearray(rng.choice(originals))
        for _ in range(rng.randrange(1, 40)):
            place = rng.randrange(len(data))
            data[place] = rng.choice([0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)])
        if number % 3 == 0:
            data = data[: rng.randrange(len(data))]
        path = tmp_path / "hostile"
        path.write_bytes(bytes(data))
        done = trace_of(program, "--pcap", path, "--out", tmp_path / "out", check=False)
        assert done.returncode in (0, 1) and done.stderr.count("\n") == 1, (number, done.stderr)
        if done.returncode == 0:
            trace_of(program, "--trace", tmp_path / "out", "--show")


# --- mtcp-trace

def test_made_up_traces(program):
    words = ("--concurrency", 5000, "--seconds", 20)
    one = trace_of(program, *words, "--seed", 3).stdout
    assert one == trace_of(program, *words, "--seed", 3).stdout != trace_of(program, *words, "--seed", 4).stdout
    told = json.loads(trace_of(program, *words, "--show").stdout)
    assert told["below_4k"] > 0.5 and told["below_32k"] > 0.9 and 4700 < told["peak"] < 5300


@pytest.mark.parametrize("name, words, status, said", [
    ("mtcp-trace", [], 2, "give one of"), ("mtcp-trace", ["--concurrency", "5", "--trace", "x"], 2, "give one of"),
    ("mtcp-trace", ["--pcap", "/nonexistent"], 1, "No such file"), ("mtcp-trace", ["--pcap", "/etc/passwd"], 1, "unknown file format"),
    ("mtcp-trace", ["--trace", "/etc/passwd"], 1, "line 1: the first line"),
    ("mtcp-trace", ["--concurrency", "5", "--out", "/nonexistent/x"], 3, "/nonexistent/x"),
    ("mtcp-load", ["--stack", "kernel", "--target", "127.0.0.1:1", "--trace", "x"], 2, "--app replay"),
    ("mtcp-load", ["--stack", "kernel", "--target", "127.0.0.1:1", "--app", "replay", "--concurrency", "276480", "--seconds", "60"], 2, "raise --ramp-rate"),
    ("mtcp-load", ["--stack", "kernel", "--target", "127.0.0.1:1", "--app", "replay", "--rate", "5"], 2, "its own timing"),
    ("mtcp-load", ["--stack", "kernel", "--target", "127.0.0.1:1", "--app", "replay", "--trace", "/etc/passwd"], 2, "line 1")])
def test_wrong_usage(program, name, words, status, said):
    done = subprocess.run([program(name), *words], capture_output=True, text=True, timeout=20)
    assert done.returncode == status and said in done.stderr and done.stderr.count("\n") == 1, done.stderr
