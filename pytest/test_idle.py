# SPDX-License-Identifier: BSD-3-Clause
"""A server that nobody talks to leaves the processor alone, on every device and in both modes, and yet answers at once."""
import re
import shutil
import statistics
import subprocess
import time
from pathlib import Path

import pytest
from apps import best_of, serving

SECONDS = 3
MOST = 0.01  # of a core


def running_s(process):
    """Exact, where utime and stime are samples of it."""
    tasks = Path(f"/proc/{process.pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


@pytest.mark.parametrize("stack", ["mtcp", "mtcp-paired"])
@pytest.mark.parametrize("device", ["ring:idle:0", "af_packet:{}", "af_xdp:{}", "tap:idle0"])
def test_an_idle_server_sleeps(netns_pair, program, stack, device):
    pair = netns_pair
    pair.run("server", "sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1")
    argv = [*pair.server, program("mtcp-server"), "--stack", stack, "--device", device.format(pair.server_iface), "--address",
            f"{pair.server_address}/24", "--listen", f"{pair.server_address}:80"]
    try:
        started = serving(*argv)
        server = started.__enter__()
    except AssertionError as error:
        if device.startswith(("af_packet", "ring")):
            raise
        pytest.skip(str(error))

    def used():
        cpu = running_s(server.process)
        time.sleep(SECONDS)
        return running_s(server.process) - cpu

    try:
        time.sleep(1)
        cpu = best_of(used, lambda cpu: cpu < MOST * SECONDS)
    finally:
        started.__exit__(None, None, None)
    print(f"{100 * cpu / SECONDS:.2f}% of a core")
    assert cpu < MOST * SECONDS


@pytest.mark.skipif(not shutil.which("ping"), reason="ping is not installed")
def test_a_frame_wakes_a_sleeping_server(netns_pair, program):
    """By the packet socket: after such a silence a sleep of bounded length would be 10 ms."""
    pair = netns_pair
    pair.address("client", pair.client_addresses[0])
    pair.plain_frames()
    with serving(*pair.server, program("mtcp-server"), "--stack", "mtcp", "--device", f"af_packet:{pair.server_iface}",
                 "--address", f"{pair.server_address}/24", "--listen", f"{pair.server_address}:80"):
        def median():
            out = subprocess.run([*pair.client, "ping", "-c", "10", "-i", "0.3", pair.server_address], capture_output=True,
                                 text=True, check=True, timeout=30).stdout
            took = [float(ms) for ms in re.findall(r"time=([\d.]+) ms", out)]
            print("ms:", *took)
            return statistics.median(took)

        assert best_of(median, lambda ms: ms < 0.5) < 0.5
