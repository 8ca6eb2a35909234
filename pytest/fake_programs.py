#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Stands in for mtcp-pair, mtcp-server and mtcp-load in tests of the harness: same words, same events, made-up rows.

Which one it is follows from the name it is started by. FAKE_SECONDS: how long a measurement really takes;
FAKE_FAIL=NAME=STATUS: that program ends at once with that status; FAKE_LEFT=row=STATUS or none=STATUS: what a server leaves when it is
asked to end; FAKE_PIDS: a folder where each leaves its pid.
"""
import json
import os
import random
import signal
import sys
import time
from pathlib import Path

NAME = Path(sys.argv[0]).name
RATES = {"mtcp": 400_000, "mtcp-paired": 300_000, "kernel": 15_000, "kernel-reuseport": 11_000, "kernel-tuned": 18_000, "kernel-uring": 17_000, "packet-io": 30_000_000}


def options():
    """By name; of --set, which may be repeated, all values."""
    flags = ("--zero-copy", "--one-thread", "--shared-accept", "--progress", "--histogram", "--tls-resume", "--bare")
    words = [word for word in sys.argv[1:] if word not in flags]
    assert all(word.startswith("--") for word in words[::2]), words
    pairs = list(zip(words[::2], words[1::2]))
    return dict(pairs) | {"--set": [value for name, value in pairs if name == "--set"]}


def say(event):
    print(json.dumps({"event": event}), file=sys.stderr, flush=True)


def row(given, stack):
    rng = random.Random(f"{stack}{given['--concurrency']}{given['--repeat']}")
    rate = RATES[stack] * rng.uniform(0.95, 1.05)
    ours = stack.startswith("mtcp")
    shares = (0.12, 0.58, 0.25, 0.0, 0.05, 0.0) if ours else (None,) * 6
    names = ("cpu_app", "cpu_tcpip", "cpu_packet_io", "cpu_kernel_other", "cpu_idle", "cpu_unclassified")
    latency = {f"latency_{name}_us": 1e6 * int(given["--concurrency"]) / rate * scale
               for name, scale in (("p50", 1), ("p90", 1.5), ("p99", 2), ("p999", 3), ("max", 4))}
    if "--histogram" in sys.argv:
        told = [[int(1000 * latency[f"latency_{name}_us"]), count] for name, count in (("p50", 900), ("p99", 90), ("p999", 9), ("max", 1))]
        latency |= {"latency_histogram": told, "lateness_histogram": [[0, 990], [5000, 10]]}
    if "--rate" in given:
        rate = min(rate, float(given["--rate"]))
    return {
        "rate": float(given["--rate"]) if "--rate" in given else None, "experiment": given["--experiment"], "stack": stack, "device": "ring", "seed": int(given["--seed"]),
        "repeat": int(given["--repeat"]), "server_cores": "0", "client_cores": "1",
        "concurrency": int(given["--concurrency"]), "messages_per_connection": int(given["--messages"]),
        "message_bytes": int(given["--message-bytes"]), "seconds": float(given["--seconds"]),
        "transactions": int(rate * float(given["--seconds"])), "transactions_per_s": rate, "connections_per_s": rate,
        "bytes_per_s": rate * 128, "failed": 0, "retransmits": 0, "drops": 0,
        "failed_total": 0, "retransmits_total": 0, "tsc_hz": 2_500_000_000,
        "server_cpu_s": float(given["--seconds"]), "client_cpu_s": float(given["--seconds"]),
        "transactions_per_server_cpu_s": rate, "cycles_per_transaction": 2.5e9 / rate, "generator_lag": 1.0,
        "generator_limited": False, "ramp_incomplete": False, "failures": {}, "notes": [],
        "fairness": 0.99 if given.get("--app") == "bulk" else None,
    } | dict(zip(names, shares)) | latency


def measure(given, stack):
    say("measure_begin")
    for part in range(10):
        time.sleep(float(os.environ.get("FAKE_SECONDS", "0.05")) / 10)
        print(json.dumps({"event": "progress", "transactions_per_s": 1000 + part, "concurrency": 1, "failed": 0}), file=sys.stderr, flush=True)
    say("measure_end")
    Path(given["--json"]).write_text(json.dumps(row(given, stack)))


def main():
    if "FAKE_PIDS" in os.environ:
        Path(os.environ["FAKE_PIDS"], f"{NAME}.{os.getpid()}").touch()
    if os.environ.get("FAKE_FAIL", "").startswith(f"{NAME}="):
        print(f"{NAME}: told to fail", file=sys.stderr)
        return int(os.environ["FAKE_FAIL"].split("=")[1])
    given = options()
    if "--capture" in given:
        Path(given["--capture"]).touch()
    if NAME == "mtcp-packets" and "--device" in given:
        measure(given, "packet-io")
        print("flood: 1000 SYNs in 0.500 s", file=sys.stderr)
    elif NAME == "mtcp-packets":
        signal.signal(signal.SIGTERM, lambda *_: (print("flood: 3000 SYNs in 1.500 s", file=sys.stderr, flush=True), os._exit(0)))
        print("ready", file=sys.stderr, flush=True)
        while True:
            signal.pause()
    elif NAME == "mtcp-descriptors":
        measure(given, given["--stack"])
    elif NAME == "mtcp-pair":
        measure(given, {"inline": "mtcp", "paired": "mtcp-paired"}[given["--mode"]])
        if "flood:" in given.get("--client-set", ""):
            print("flood: 2000 SYNs in 1.000 s", file=sys.stderr)
    elif NAME == "mtcp-load":
        stack = Path(given["--json"]).with_name("server-stack").read_text()
        measure(given, stack)
    else:
        left = os.environ.get("FAKE_LEFT", "row=0")  # what a server leaves: its row or nothing, its status
        signal.signal(signal.SIGTERM, lambda *_: (left.startswith("row") and Path(given["--json"]).write_text("{}"), os._exit(int(left.split("=")[1]))))
        for number in (signal.SIGUSR1, signal.SIGUSR2):  # the window begins, ends
            signal.signal(number, lambda *_: None)
        Path(given["--json"]).with_name("server-stack").write_text(given["--stack"])
        if given["--stack"].startswith("kernel"):
            known = dict(text.split("=") for text in given["--set"])
            print(json.dumps({"event": "settings", "set": known, "refused": ["spin=1: fake"]}), file=sys.stderr, flush=True)
        print("ready", file=sys.stderr, flush=True)
        while True:
            signal.pause()
    return 0


sys.exit(main())
