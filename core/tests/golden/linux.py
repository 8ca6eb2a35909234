#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Measures the kernel's TCP on the links of core/tests/golden/linux.txt and writes that table.

    sudo core/tests/golden/linux.py BUILD_DIR [SECONDS] >core/tests/golden/linux.txt

The link is the simulator's, in real time, between two tap devices in namespaces of their own (build/tests/link_tap):
netem is not on every machine, and the same link model stands on both sides of the comparison. Frames from sender to
receiver are lost at random; the queue holds one bandwidth-delay product, at least 32 full frames.
"""
import argparse
import platform
import socket
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

RATE = 10_000_000
RTT_MS = (10, 50, 100)
LOSS = (0, 0.001, 0.005, 0.01, 0.03, 0.1)
CC = ("reno", "cubic")
SEEDS = (1, 2, 3)
WARMUP = 3.0
AT_ONCE = 4
PORT = 5001


def queue(rtt_ms):
    return max(RATE // 8 * rtt_ms // 1000, 32 * 1514)


class Namespace:
    """Lives as long as its holder."""

    def __init__(self):
        self.holder = subprocess.Popen(["unshare", "-n", "sh", "-c", "echo held; exec cat"], stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, text=True)
        if self.holder.stdout.readline().strip() != "held":
            sys.exit("linux.py: no network namespace here: run it as root")
        self.path = f"/proc/{self.holder.pid}/ns/net"
        for name in ("tcp_no_metrics_save", "tcp_moderate_rcvbuf"):
            self.run("sysctl", "-qw", f"net.ipv4.{name}=1")

    def enter(self, *argv):
        return ["nsenter", f"--net={self.path}", "--", *argv]

    def run(self, *argv):
        subprocess.run(self.enter(*argv), check=True, stdout=subprocess.DEVNULL)

    def close(self):
        self.holder.stdin.close()
        self.holder.wait()


def send(address, cc, seconds):
    with socket.create_connection((address, PORT), timeout=20) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, cc.encode())
        s.settimeout(1.0)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                s.send(bytes(16384))
            except TimeoutError:
                pass
            except ConnectionError:  # the receiver has seen enough
                return


def receive(seconds):
    """Prints bits per second after the warm-up."""
    with socket.create_server(("", PORT)) as listener:
        print("ready", flush=True)
        listener.settimeout(30)
        s, _ = listener.accept()
    s.settimeout(0.2)
    begun, got, counted = time.monotonic(), 0, None
    while (now := time.monotonic()) < begun + seconds:
        if counted is None and now >= begun + WARMUP:
            counted, got = now, 0
        try:
            got += len(s.recv(1 << 16))
        except TimeoutError:
            pass
    print(got * 8 / (time.monotonic() - counted))


def measure(build, rtt_ms, loss, cc, seed, seconds):
    sides = Namespace(), Namespace()
    link = None
    try:
        argv = [f"{build}/tests/link_tap", "--tap", f"tap0@{sides[0].path}", "--tap", f"tap1@{sides[1].path}", "--rate", RATE, "--delay-ms",
                rtt_ms / 2, "--queue", queue(rtt_ms), "--loss", loss, "--seed", seed, "--seconds", seconds + WARMUP + 20]
        link = subprocess.Popen([str(word) for word in argv], stdout=subprocess.PIPE, text=True)
        for side, name, address in zip(sides, ("tap0", "tap1"), ("10.0.0.1/24", "10.0.0.2/24")):
            mac = link.stdout.readline().split()[1]
            side.run("sh", "-c", f"echo 1 >/proc/sys/net/ipv6/conf/{name}/disable_ipv6; ip link set dev {name} address {mac}; "
                                 f"ip address add {address} dev {name}; ip link set dev {name} up")
        me = ["/usr/bin/python3", __file__]
        receiver = subprocess.Popen(sides[1].enter(*me, "--receive", str(seconds + WARMUP)), stdout=subprocess.PIPE, text=True)
        receiver.stdout.readline()
        subprocess.run(sides[0].enter(*me, "--send", "10.0.0.2", cc, str(seconds + WARMUP + 1)), check=False)
        return float(receiver.communicate(timeout=60)[0])
    finally:
        if link:
            link.kill()
            link.wait()
        for side in sides:
            side.close()


def table(build, seconds):
    cells = [(rtt, loss, cc) for rtt in RTT_MS for loss in LOSS for cc in CC]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        runs = {(cell, seed): pool.submit(measure, build, *cell, seed, seconds) for cell in cells for seed in SEEDS}
    print(f"# Goodput of Linux {platform.release()}: one flow, {RATE // 1_000_000} Mb/s, queue of one BDP (at least 32 frames), random")
    print(f"# loss of frames from sender to receiver. Median, least and most of {len(SEEDS)} runs of {seconds:g} s, kb/s.")
    print("# Made by core/tests/golden/linux.py.")
    print("# rtt_ms   loss  cc      median   least    most")
    for cell in cells:
        got = sorted(runs[cell, seed].result() / 1000 for seed in SEEDS)
        print(f"{cell[0]:8} {cell[1]:6g}  {cell[2]:<6} {statistics.median(got):7.0f} {got[0]:7.0f} {got[-1]:7.0f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--receive", type=float, metavar="SECONDS", help=argparse.SUPPRESS)
    parser.add_argument("--send", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("build", nargs="?", metavar="BUILD_DIR")
    parser.add_argument("seconds", nargs="?", type=float, default=20)
    words = parser.parse_args()
    if words.receive:
        receive(words.receive)
    elif words.send:
        send(words.send[0], words.send[1], float(words.send[2]))
    elif words.build:
        table(words.build, words.seconds)
    else:
        parser.error("name the build folder")


main()
