# SPDX-License-Identifier: BSD-3-Clause
"""Plays the scripts of differential_scripts.txt to a TCP: Linux's through a tun device, or ours through the packetdrill plug-in.

A transcript is the script's steps, each followed by what the host answered to it, with sequence numbers relative to the
two initial ones: "> ..." a segment to the host, "< ..." one from it, "= ..." what a call gave. Left out is what two right
stacks may do differently: window sizes except zero, values of timestamps and window scale, PSH, and what was sent before.

As a program it prints transcripts as JSON:
  unshare -rn differential.py linux     what differential_linux.json is made of: see there for the kernel it was
  differential.py ours LIBRARY [slow]   LIBRARY: libmtcp_packetdrill.so; slow: without the fast path
"""
import ctypes
import errno
import fcntl
import json
import os
import socket
import struct
import subprocess
import sys
import time
from collections import deque
from pathlib import Path

HERE = Path(__file__).resolve().parent
LOCAL, PEER = "192.168.0.1", "192.0.2.1"
PEER_ISS = 0xFFFFFC00
TICK = 0.1  # seconds for a step: longer than a delayed ACK, shorter than a retransmission
FLAGS = {"F": 1, "S": 2, "R": 4, "P": 8, ".": 16, "U": 32}
OPTIONS = {"nodelay": (socket.IPPROTO_TCP, socket.TCP_NODELAY), "keepalive": (socket.SOL_SOCKET, socket.SO_KEEPALIVE),
           "keepidle": (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE), "keepintvl": (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL)}


def scripts():
    """{name: [step, ...]}; "established WORDS" stands for an accepted connection whose SYN had these options."""
    found, steps = {}, []
    for line in (HERE / "differential_scripts.txt").read_text().splitlines():
        text = line.split("#")[0].rstrip()
        if not text:
            continue
        if not text.startswith(" "):
            steps = found[text] = []
        elif text.split()[0] == "established":
            steps += ["listen", f"> S 0 mss=1460 {' '.join(text.split()[1:])}".rstrip(), "> . 1 1", "accept"]
        else:
            steps.append(" ".join(text.split()))
    return found


# ---- segments ----

def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data[:len(data) & ~1])) + (data[-1] << 8 if len(data) & 1 else 0)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Segments:
    """One connection's numbers and clocks; builds what the peer sends, and describes what the host sent."""

    def __init__(self, host_port, peer_port):
        self.host_port, self.peer_port = host_port, peer_port
        self.host_iss, self.echo, self.stamps, self.steps = 0, 0, False, 0
        self.seen = set()

    def build(self, text):
        flags, place, *words = text.split()
        seq, _, length = place.partition("+")
        ack = int(words.pop(0)) if words and words[0].lstrip("-").isdigit() else 0
        given = dict(word.partition("=")[::2] for word in words)
        bits = sum(FLAGS[letter] for letter in flags)
        if bits & FLAGS["S"]:
            self.stamps = "ts" in given
        options = self._options(given, bits)
        header = struct.pack("!HHIIBBHHH", self.peer_port, self.host_port, (PEER_ISS + int(seq)) & 0xFFFFFFFF,
                             (self.host_iss + ack) & 0xFFFFFFFF if bits & FLAGS["."] else 0, (20 + len(options)) << 2, bits,
                             int(given.get("win", 30000)), 0, int(given.get("urg", 0)))
        return self._packet(header + options + b"x" * int(length or 0))

    def _options(self, given, bits):
        out = b""
        if "mss" in given:
            out += struct.pack("!BBH", 2, 4, int(given["mss"]))
        if "sackok" in given:
            out += b"\4\2"
        if "ws" in given:
            out += struct.pack("!BBB", 3, 3, int(given["ws"]))
        if self.stamps and "nots" not in given and not bits & FLAGS["R"]:
            value = 100000 + 100 * self.steps + int(given.get("ts") or 0)
            out += struct.pack("!BBII", 8, 10, value, self.echo if bits & FLAGS["."] else 0)
        return out + b"\1" * (-len(out) % 4)

    def _packet(self, tcp):
        src, dst = socket.inet_aton(PEER), socket.inet_aton(LOCAL)
        total = checksum(src + dst + struct.pack("!BBH", 0, 6, len(tcp)) + tcp)
        tcp = tcp[:16] + struct.pack("!H", total) + tcp[18:]
        ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 1, 0, 64, 6, 0, src, dst)
        return ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:] + tcp

    def describe(self, packet):
        """"< FLAGS SEQ[+LENGTH] [ACK] [OPTIONS]", or None for what came before."""
        tcp = packet[(packet[0] & 15) * 4:]
        _, _, seq, ack, offset, bits, window = struct.unpack("!HHIIBBH", tcp[:16])
        length = len(tcp) - (offset >> 4) * 4
        if bits & FLAGS["S"]:
            self.host_iss = seq
        words = ["<", "".join(letter for letter, bit in FLAGS.items() if bits & bit & ~FLAGS["P"])]
        place = (seq - self.host_iss) & 0xFFFFFFFF
        place -= (place >> 31) << 32
        words.append(f"{place}+{length}" if length else f"{place}")
        if bits & FLAGS["."]:
            words.append(f"{(ack - PEER_ISS) & 0xFFFFFFFF}")
        if window == 0 and not bits & FLAGS["R"]:
            words.append("win=0")
        words += self._describe_options(tcp[20:(offset >> 4) * 4])
        key = (bits & 0x17, seq, length)
        if (length or bits & (FLAGS["S"] | FLAGS["F"])) and key in self.seen:
            return None
        self.seen.add(key)
        return " ".join(words)

    def _describe_options(self, data):
        words, at = [], 0
        while at < len(data) and data[at]:
            if data[at] == 1:
                at += 1
                continue
            kind, size = data[at], data[at + 1]
            body = data[at + 2:at + size]
            at += size
            if kind == 2:
                words.append(f"mss={struct.unpack('!H', body)[0]}")
            elif kind == 3:
                words.append("ws")
            elif kind == 4:
                words.append("sackok")
            elif kind == 5:
                edges = [(edge - PEER_ISS) & 0xFFFFFFFF for edge in struct.unpack(f"!{len(body) // 4}I", body)]
                words.append("sack=" + ",".join(f"{a}:{b}" for a, b in zip(edges[::2], edges[1::2])))
            elif kind == 8:
                self.echo = struct.unpack("!I", body[:4])[0]
                words.append("ts")
        return sorted(words)


def port_of(packet):
    """The peer's port of a TCP packet of ours; None of others."""
    if len(packet) < 40 or packet[0] >> 4 != 4 or packet[9] != 6:
        return None
    return struct.unpack("!H", packet[(packet[0] & 15) * 4 + 2:][:2])[0]


# ---- one script at one host ----

class Play:
    """net: socket() gives an object with socket.socket's methods, send(packet) a packet to the host."""

    def __init__(self, net, steps, index):
        self.net, self.steps, self.transcript = net, deque(steps), []
        self.segments = Segments(8000 + index, 40000 + index)
        self.listener = self.stream = None
        self.idle, self.answers = 0, []

    def tick(self):
        """The next step, and what the last one was answered. False: nothing is left."""
        for line in self.answers:
            if line not in self.transcript[self.mark:]:
                self.transcript.append(line)
        self.answers = []
        if self.idle:
            self.idle -= 1
            return True
        if not self.steps:
            self.close()
            return False
        step = self.steps.popleft()
        self.segments.steps += 1
        self.transcript.append(step)
        self.mark = len(self.transcript)
        if step[0] == ">":
            self.net.send(self.segments.build(step[1:]))
        else:
            self.call(*step.split())
        return True

    def heard(self, packet):
        line = self.segments.describe(packet)
        if line:
            self.answers.append(line)

    def call(self, verb, *words):
        if not self.stream and verb not in ("listen", "connect", "accept", "wait"):
            self.transcript.append("= nothing was accepted")
            return
        try:
            result = getattr(self, f"do_{verb}")(*words)
        except OSError as error:
            result = errno.errorcode.get(error.errno, error.errno)
        if result is not None:
            self.transcript.append(f"= {result}")
            self.mark = len(self.transcript)

    def do_wait(self, ms):
        self.idle = int(ms) // int(TICK * 1000)

    def do_listen(self):
        self.listener = self.net.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((LOCAL, self.segments.host_port))
        self.listener.listen(5)

    def do_connect(self):
        self.stream = self.net.socket()
        self.stream.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.stream.bind((LOCAL, self.segments.host_port))
        self.stream.connect((PEER, self.segments.peer_port))

    def do_accept(self):
        self.stream = self.listener.accept()[0]
        self.stream.setblocking(False)

    def do_recv(self):
        return len(self.stream.recv(65536))

    def do_send(self, n):
        return self.stream.send(b"y" * int(n))

    def do_shutdown(self):
        self.stream.shutdown(socket.SHUT_WR)

    def do_close(self):
        self.stream.close()
        self.stream = None

    def do_abort(self):
        self.stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.do_close()

    def do_option(self, name, value):
        self.stream.setsockopt(*OPTIONS[name], int(value))

    def do_error(self):
        number = self.stream.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        return errno.errorcode.get(number, number)

    def close(self):
        for each in (self.stream, self.listener):
            if each:
                each.close()


# ---- Linux: a tun device, all scripts at once, in real time ----

class Tun:
    def __init__(self):
        self.fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(self.fd, 0x400454CA, struct.pack("16sH14x", b"tun0", 0x1001))  # TUNSETIFF: IFF_TUN | IFF_NO_PI
        for words in ("addr add " + LOCAL + "/24 dev tun0", "link set tun0 up", "link set lo up", "route add default dev tun0"):
            subprocess.run(["ip", *words.split()], check=True)
        for name, value in (("tcp_timestamps", 1), ("tcp_sack", 1), ("tcp_window_scaling", 1), ("tcp_dsack", 1), ("tcp_ecn", 0),
                            ("tcp_early_retrans", 0), ("tcp_rfc1337", 0), ("tcp_invalid_ratelimit", 500)):
            Path(f"/proc/sys/net/ipv4/{name}").write_text(f"{value}\n")

    @staticmethod
    def socket():
        return socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)

    def send(self, packet):
        os.write(self.fd, packet)

    def packets(self):
        while True:
            try:
                yield os.read(self.fd, 65536)
            except BlockingIOError:
                return


def linux():
    """Every script's transcript. All go on in step, each between ports of its own."""
    net = Tun()
    plays = {name: Play(net, steps, index) for index, (name, steps) in enumerate(scripts().items())}
    by_port = {play.segments.peer_port: play for play in plays.values()}
    going = list(plays.values())
    while going:
        due = time.monotonic() + TICK
        going = [play for play in going if play.tick()]
        time.sleep(max(0.0, due - time.monotonic()))
        for packet in net.packets():
            if (play := by_port.get(port_of(packet))) is not None:
                play.heard(packet)
    return {name: play.transcript for name, play in plays.items()}


# ---- ours: the packetdrill plug-in, each script a host of its own, at virtual time ----

_TABLE = ("userdata free socket bind listen accept connect read readv recv recvfrom recvmsg write writev send sendto sendmsg fcntl "
          "ioctl close shutdown getsockopt setsockopt poll netdev_send netdev_receive usleep").split()


class _Interface(ctypes.Structure):
    _fields_ = [(name, ctypes.c_void_p) for name in _TABLE] + [("rest", ctypes.c_void_p * 8)]


class Plugin:
    """One host. usleep moves its clock."""

    def __init__(self, library, flags):
        self.table = _Interface()
        ctypes.CDLL(str(library)).packetdrill_interface_init(flags.encode(), ctypes.byref(self.table))

    def call(self, name, *given):
        """As libc's: an OSError for -1."""
        args = [ctypes.cast(arg, ctypes.c_void_p) if isinstance(arg, (bytes, ctypes.Array)) else arg for arg in given]
        kinds = [ctypes.c_void_p if arg is None else type(arg) for arg in args]
        returns = ctypes.c_ssize_t if name in ("recv", "send") else ctypes.c_int
        function = ctypes.CFUNCTYPE(returns, ctypes.c_void_p, *kinds, use_errno=True)(getattr(self.table, name))
        result = function(self.table.userdata, *args)
        if result < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        return result

    def socket(self):
        return _Socket(self, self.call("socket", ctypes.c_int(socket.AF_INET), ctypes.c_int(socket.SOCK_STREAM | socket.SOCK_NONBLOCK),
                                       ctypes.c_int(0)))

    def send(self, packet):
        self.call("netdev_send", packet, ctypes.c_size_t(len(packet)))

    def packets(self):
        room = ctypes.create_string_buffer(65536)
        count, when = (ctypes.c_size_t * 1)(), (ctypes.c_longlong * 1)()
        while True:
            count[0] = 65536
            self.call("netdev_receive", room, count, when)
            if not count[0]:
                return
            yield room.raw[:count[0]]

    def close(self):
        ctypes.CFUNCTYPE(None, ctypes.c_void_p)(self.table.free)(self.table.userdata)


class _Socket:
    def __init__(self, host, fd):
        self.host, self.fd = host, ctypes.c_int(fd)

    @staticmethod
    def _name(address):
        return struct.pack("=HH4s8x", socket.AF_INET, socket.htons(address[1]), socket.inet_aton(address[0]))

    def setblocking(self, on):
        if on:
            raise ValueError("nobody else could end the wait")

    def bind(self, address):
        self.host.call("bind", self.fd, self._name(address), ctypes.c_uint(16))

    def listen(self, backlog):
        self.host.call("listen", self.fd, ctypes.c_int(backlog))

    def connect(self, address):
        self.host.call("connect", self.fd, self._name(address), ctypes.c_uint(16))

    def accept(self):
        return _Socket(self.host, self.host.call("accept", self.fd, None, None)), None

    def recv(self, n):
        room = ctypes.create_string_buffer(n)
        return room.raw[:self.host.call("recv", self.fd, room, ctypes.c_size_t(n), ctypes.c_int(socket.MSG_DONTWAIT))]

    def send(self, data):
        return self.host.call("send", self.fd, data, ctypes.c_size_t(len(data)), ctypes.c_int(socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL))

    def setsockopt(self, level, name, value):
        value = value if isinstance(value, bytes) else struct.pack("i", value)
        self.host.call("setsockopt", self.fd, ctypes.c_int(level), ctypes.c_int(name), value, ctypes.c_uint(len(value)))

    def getsockopt(self, level, name):
        value, size = (ctypes.c_int * 1)(), (ctypes.c_uint * 1)(4)
        self.host.call("getsockopt", self.fd, ctypes.c_int(level), ctypes.c_int(name), value, size)
        return value[0]

    def shutdown(self, how):
        self.host.call("shutdown", self.fd, ctypes.c_int(how))

    def close(self):
        self.host.call("close", self.fd)


def ours(library, fast_path):
    found = {}
    for index, (name, steps) in enumerate(scripts().items()):
        host = Plugin(library, f"horizon_ms=1,time_wait_ms=60000,fast_path={int(fast_path)}")
        play = Play(host, steps, index)
        while play.tick():
            host.call("usleep", ctypes.c_uint(int(TICK * 1e6)))
            for packet in host.packets():
                if port_of(packet) == play.segments.peer_port:
                    play.heard(packet)
        host.close()
        found[name] = play.transcript
    return found


def main(what, *words):
    transcripts = linux() if what == "linux" else ours(words[0], "slow" not in words)
    json.dump({"kernel": os.uname().release, "transcripts": transcripts}, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main(*sys.argv[1:])
