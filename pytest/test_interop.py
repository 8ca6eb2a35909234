# SPDX-License-Identifier: BSD-3-Clause
"""Our stack against Linux over a veth pair: mtcp-server on af_packet in one namespace, Linux programs in the other."""
import re
import shutil
import subprocess
import time

import pytest
from apps import SIZES, make_site, row_of, serving

PORT = 80
STACKS = ("mtcp", "mtcp-paired")
FAMILIES = ("IPv4", "IPv6")
OURS6, THEIRS6 = "fd00::1", "fd00::2"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    return make_site(tmp_path_factory.mktemp("site"))


class Wire:
    """A namespace pair, and how to run our server at one end and Linux programs at the other."""

    def __init__(self, pair, program, family):
        self.pair, self.program = pair, program
        # the server's end gets no address: the kernel there must not answer for us
        if family == "IPv4":
            self.address, self.prefix, self.far = pair.server_address, 24, pair.client_addresses[0]
            pair.address("client", *pair.client_addresses[:2])
        else:
            self.address, self.prefix, self.far = OURS6, 64, THEIRS6
            pair.run("client", "sysctl", "-qw", f"net.ipv6.conf.{pair.client_iface}.disable_ipv6=0")
            pair.run("client", "ip", "addr", "add", f"{THEIRS6}/64", "dev", pair.client_iface, "nodad")
        self.url = f"http://{self.port_of(self.address)}"
        pair.plain_frames()

    @staticmethod
    def port_of(address):
        return f"[{address}]:{PORT}" if ":" in address else f"{address}:{PORT}"

    def server(self, stack, *more):
        return serving(*self.pair.server, self.program("mtcp-server"), "--stack", stack, "--device",
                       f"af_packet:{self.pair.server_iface}", "--address", f"{self.address}/{self.prefix}",
                       "--listen", self.port_of(self.address), *more)

    def client(self, *argv, **options):
        given = {"capture_output": True, "text": True, "check": True, "timeout": 120} | options
        return subprocess.run([*self.pair.client, *(str(word) for word in argv)], **given)


@pytest.fixture(params=FAMILIES)
def wire(netns_pair, program, request):
    return Wire(netns_pair, program, request.param)


@pytest.fixture(params=STACKS)
def web(wire, site, request):
    with wire.server(request.param, "--app", "http", "--root", site):
        yield wire


def test_ping(wire):
    if not shutil.which("ping"):
        pytest.skip("ping is not installed")
    with wire.server("mtcp"):
        assert " 0% packet loss" in wire.client("ping", "-c", "3", "-i", "0.2", "-s", "1400", wire.address).stdout


def test_curl_gets_every_byte(web, site, tmp_path):
    for name in SIZES:
        out = tmp_path / name
        web.client("curl", "-sS", "-f", "-o", out, f"{web.url}/{name}")
        subprocess.run(["cmp", out, site / name], check=True)


def test_curl_keeps_the_connection(web):
    done = web.client("curl", "-sS", "-f", "-o", "/dev/null", "-w", "%{num_connects}\n", *[f"{web.url}/page.html"] * 5,
                      *["-o", "/dev/null"] * 4)
    assert done.stdout.split() == ["1", "0", "0", "0", "0"]


def test_wrk(web):
    done = web.client("wrk", "-t1", "-c50", "-d2s", f"{web.url}/page.html")
    assert "Socket errors" not in done.stdout and "Non-2xx" not in done.stdout
    assert int(re.search(r"(\d+) requests in", done.stdout)[1]) > 200


@pytest.mark.parametrize("options", [(), ("-k",)])
def test_ab(web, options):
    done = web.client("ab", "-q", "-n", "2000", "-c", "20", *options, f"{web.url}/page.html")
    assert re.search(r"Complete requests:\s+2000\b", done.stdout) and re.search(r"Failed requests:\s+0\b", done.stdout)
    assert "Non-2xx" not in done.stdout


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("messages", [1, 16])
def test_linux_loads_our_server(wire, stack, messages):
    with wire.server(stack):
        row = row_of([*wire.pair.client, wire.program("mtcp-load"), "--stack", "kernel", "--target",
                      wire.port_of(wire.address), "--concurrency", "200", "--messages", messages, "--warmup", "0.5",
                      "--seconds", "1", "--json", "-"])
    assert row["failed"] == 0 and row["transactions"] > 100 and not row["ramp_incomplete"]


@pytest.mark.parametrize("stack", STACKS)
def test_we_load_a_linux_server(wire, stack, tmp_path):
    """Our side opens the connections; the far end is Linux's TCP."""
    pair = wire.pair
    with serving(*pair.client, wire.program("mtcp-server"), "--stack", "kernel", "--listen", wire.port_of(wire.far)):
        row = row_of([*pair.server, wire.program("mtcp-load"), "--stack", stack, "--device", f"af_packet:{pair.server_iface}",
                      "--address", f"{wire.address}/{wire.prefix}", "--target", wire.port_of(wire.far), "--concurrency",
                      "100", "--messages", "4", "--warmup", "0.5", "--seconds", "1", "--json", "-"])
    assert row["failed"] == 0 and row["transactions"] > 100


def test_an_idle_server_sleeps(wire):
    with wire.server("mtcp") as server:
        time.sleep(0.5)
        cpu = server.cpu_seconds()
        time.sleep(2)
        assert server.cpu_seconds() - cpu < 1.0


def test_a_missing_interface_is_one_line(program, wire):
    done = subprocess.run([*wire.pair.server, str(program("mtcp-server")), "--stack", "mtcp", "--device", "af_packet:nosuch0",
                           "--address", "10.0.0.1/24"], capture_output=True, text=True, timeout=30)
    assert done.returncode == 3 and "nosuch0" in done.stderr and done.stderr.count("\n") == 1, done.stderr
