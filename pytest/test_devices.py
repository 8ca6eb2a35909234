# SPDX-License-Identifier: BSD-3-Clause
"""Devices that need a world around them: files, kernel interfaces, other users.

Everything with an interface happens in a network namespace that ends with the process in it:
this file runs itself there (`inside`), with both ends of a veth pair in the one namespace.
"""
import json
import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

ETHERTYPE = 0x88B5  # for local experiments: the kernel leaves it alone
FRAMES = 300


# ---- in the namespace -------------------------------------------------------------------------

def sh(*command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def start_tool(tool, *args):
    env = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}  # the libraries below af_xdp do leak
    guard = ["setpriv", "--pdeathsig", "KILL", "--"]  # a frame that is lost ends this script at once, and would leave the tool
    process = subprocess.Popen([*guard, tool, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)
    if process.stdout.readline() != "ready\n":
        process.wait()
        print(json.dumps({"error": process.stderr.read().strip().splitlines()[-1]}))
        sys.exit(0)
    return process


def exchange(iface, peer_mac):
    """Sends frames of all lengths to the peer and returns how many came back right."""
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETHERTYPE))
    s.bind((iface, ETHERTYPE))
    s.settimeout(5)
    mac = s.getsockname()[4]
    numbers = random.Random(1)
    right = 0
    for i in range(FRAMES):
        payload = struct.pack("!HH", ETHERTYPE, i) + numbers.randbytes(numbers.randrange(46, 1499))
        s.send(peer_mac + mac + payload)
        back, address = s.recvfrom(2000)
        right += back == mac + peer_mac + payload and address[2] != socket.PACKET_OUTGOING
    s.settimeout(0.1)
    try:
        s.recv(2000)
        return -1  # one came twice
    except TimeoutError:
        return right


def hardware_address(iface):
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as s:
        s.bind((iface, 0))
        return s.getsockname()[4]


def inside(tool, device, *options):
    Path("/proc/sys/net/ipv6/conf/default/disable_ipv6").write_text("1")
    tap = device.startswith("tap:")
    if not tap:
        sh("ip", "link", "add", "v0", "type", "veth", "peer", "name", "v1")
        for end in ("v0", "v1"):
            sh("ip", "link", "set", end, "mtu", os.environ.get("IFACE_MTU", "1500"), "up")
    process = start_tool(tool, *options, "reflect", device)
    mine = "t0" if tap else "v1"
    right = exchange(mine, bytes(6) if tap else hardware_address("v0"))
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=10)
    counts = json.loads(out.strip().splitlines()[-1])
    left = sorted(name for _, name in socket.if_nameindex())
    print(json.dumps({"right": right, "status": process.returncode, "left": left, **counts}))


# ---- outside ----------------------------------------------------------------------------------

if __name__ != "__main__":
    import pytest
    from apps import wait_for

    @pytest.fixture(scope="module")
    def tool(build_dir):
        path = build_dir / "tests" / "nic_tool"
        if not path.is_file():
            pytest.skip("nic_tool was not built")
        return str(path)

    def unshare():
        return ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--net"]

    def in_namespace(tool, device, *options, **env):
        if subprocess.run([*unshare(), "true"], capture_output=True).returncode:
            pytest.skip("no network namespaces here")
        run = subprocess.run(
            [*unshare(), sys.executable, __file__, tool, device, *options],
            capture_output=True, text=True, timeout=60, env=os.environ | env,
        )
        assert run.returncode == 0, run.stderr
        return json.loads(run.stdout)

    @pytest.mark.parametrize(
        "device, options",
        [("af_packet:v0", []), ("af_packet:v0", ["--queues", "2"]), ("pcap:iface=v0", []), ("af_xdp:v0", []),
         ("tap:t0", [])],
    )
    def test_frames_over_a_kernel_interface(tool, device, options):
        result = in_namespace(tool, device, *options)
        if "error" in result and device.startswith(("af_xdp", "tap")):
            pytest.skip(result["error"])  # no /dev/net/tun, no right to load XDP programs
        assert result.get("right") == FRAMES, result
        assert result["status"] == 0
        assert result["sent"] == result["received"] >= FRAMES
        assert result["tx_errors"] == result["rx_missed"] == 0
        assert "t0" not in result["left"]

    def test_an_interface_of_the_largest_mtu(tool):
        """65535, as of lo: lengths of our buffers have 16 bits."""
        result = in_namespace(tool, "pcap:iface=v0", IFACE_MTU="65535")
        assert result.get("right") == FRAMES, result

    def test_a_port_that_cannot_start_says_so(tool):
        """Of two queues the second finds no descriptor left; the driver still has buffers for the first."""
        if subprocess.run([*unshare(), "test", "-w", "/dev/net/tun"], capture_output=True).returncode:
            pytest.skip("no /dev/net/tun in a network namespace here")
        failed = []
        for limit in range(10, 40):
            words = ["prlimit", f"--nofile={limit}", tool, "--queues", "2", "info", "tap:t0"]
            run = subprocess.run([*unshare(), *words], capture_output=True, text=True, timeout=60)
            assert run.returncode >= 0, (limit, run)
            if run.returncode == 1:
                failed.append(run.stderr)
        assert any("tap:t0: the driver refuses: " in text for text in failed), failed

    def runs(pid):
        try:
            return "zombie" not in Path("/proc", pid, "status").read_text()
        except OSError:
            return False

    @pytest.mark.slow
    def test_a_lost_frame_leaves_no_tool_behind(tmp_path):
        """A tool that is ready and reflects nothing."""
        quiet = tmp_path / "quiet"
        quiet.write_text(f"#!/bin/sh\necho $$ >{tmp_path}/pid\necho ready\nexec sleep 60\n")
        quiet.chmod(0o755)
        with pytest.raises(AssertionError, match="TimeoutError"):
            in_namespace(str(quiet), "af_packet:v0")
        pid = (tmp_path / "pid").read_text().strip()
        assert wait_for(lambda: not runs(pid), 2.0)

    def frames(n=1000):
        numbers = random.Random(7)
        return [numbers.randbytes(numbers.randrange(60, 1515)) for _ in range(n)]

    def write_pcap(path, packets):
        with path.open("wb") as f:
            f.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
            for i, p in enumerate(packets):
                f.write(struct.pack("<IIII", i, 0, len(p), len(p)) + p)

    def read_pcap(path):
        data = path.read_bytes()
        at, packets = 24, []
        while at < len(data):
            length, original = struct.unpack_from("<II", data, at + 8)
            assert length == original
            packets.append(data[at + 16:at + 16 + length])
            at += 16 + length
        return packets

    def run_tool(tool, *args, **kwargs):
        return subprocess.run([tool, *args], capture_output=True, text=True, timeout=60, **kwargs)

    def replay(tool, tmp_path, *options):
        packets = frames()
        write_pcap(tmp_path / "in.pcap", packets)
        run = run_tool(tool, *options, "--count", str(len(packets)), "copy",
                       f"pcap:rx={tmp_path}/in.pcap,tx={tmp_path}/out.pcap")
        assert run.returncode == 0, run.stderr
        assert run.stderr == ""
        return packets

    def test_capture_in_capture_out(tool, tmp_path):
        packets = replay(tool, tmp_path)
        assert read_pcap(tmp_path / "out.pcap") == packets

    @pytest.mark.skipif(not shutil.which("tshark"), reason="tshark is not installed")
    def test_pcapng_is_read_by_tshark(tool, tmp_path):
        before = time.time()
        packets = replay(tool, tmp_path, "--capture", str(tmp_path / "c.pcapng"))
        fields = ["frame.time_epoch", "frame.packet_flags_direction", "frame.len", "frame.cap_len"]
        out = subprocess.run(
            ["tshark", "-r", str(tmp_path / "c.pcapng"), "-T", "fields", *(x for f in fields for x in ("-e", f))],
            capture_output=True, text=True, check=True,
        ).stdout
        rows = [line.split("\t") for line in out.splitlines()]
        assert len(rows) == 2 * len(packets)
        times = [float(row[0]) for row in rows]
        assert before - 1 < times[0] and times == sorted(times) and times[-1] < time.time() + 1
        assert all(len(row[0].split(".")[1]) == 9 for row in rows)
        assert all(row[2] == row[3] for row in rows)
        received = [int(row[2]) for row in rows if int(row[1], 0) == 1]
        sent = [int(row[2]) for row in rows if int(row[1], 0) == 2]
        assert received == sent == [len(p) for p in packets]
        subprocess.run(["tshark", "-r", str(tmp_path / "c.pcapng"), "-F", "pcap", "-w", str(tmp_path / "c.pcap")],
                       check=True, capture_output=True)
        assert sorted(read_pcap(tmp_path / "c.pcap")) == sorted(2 * packets)

    def test_capture_that_fills_the_disk_stops_alone(tool, tmp_path):
        """The traffic goes on; the loss is reported once, and its extent at the end."""
        packets = frames()
        write_pcap(tmp_path / "in.pcap", packets)
        limit = ["prlimit", "--fsize=600000"]
        run = subprocess.run(
            [*limit, "env", "--ignore-signal=XFSZ", tool, "--count", str(len(packets)), "--capture",
             str(tmp_path / "c.pcapng"), "copy", f"pcap:rx={tmp_path}/in.pcap,tx=/dev/null"],
            capture_output=True, text=True, timeout=60,
        )
        assert run.returncode == 0, run.stderr
        assert json.loads(run.stdout.splitlines()[-1])["sent"] == len(packets)
        lines = run.stderr.splitlines()
        assert len(lines) == 2 and "stops here: File too large" in lines[0] and "lacks" in lines[1]

    def for_a_user(tool):
        """Words that start it for somebody who is not root; skips where he may not."""
        user = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"] if os.geteuid() == 0 else []
        if subprocess.run([*user, tool], capture_output=True).returncode == 126:
            pytest.skip("the build folder is closed to other users")
        return [*user, tool]

    @pytest.mark.parametrize("options", [(), ("--eal", "--file-prefix x")])
    def test_ring_needs_no_privilege(tool, tmp_path, options):
        words = [*for_a_user(tool), *options]
        temporary = tmp_path / "tmp"
        temporary.mkdir()
        temporary.chmod(0o777)
        env = {**os.environ, "TMPDIR": str(temporary)}
        run = subprocess.run([*words, "info", "ring:x:0"], capture_output=True, text=True, env=env)
        assert run.returncode == 0, run.stderr
        assert run.stderr == ""
        assert json.loads(run.stdout)["rss_known"] is True
        assert list(temporary.iterdir()) == []

    @pytest.mark.parametrize("device", ["af_packet:lo", "pcap:iface=lo"])
    def test_no_permission(tool, device):
        run = subprocess.run([*for_a_user(tool), "info", device], capture_output=True, text=True)
        assert run.returncode == 1
        assert len(run.stderr.splitlines()) == 1
        assert "Operation not permitted; run as root or" in run.stderr

    @pytest.mark.parametrize(
        "arguments, reason",
        [(["--eal", "--nonsense", "info", "ring:x:0"], "nonsense"),
         (["info", "memif:role=banana"], "banana"),
         (["info", "net_nosuch0"], "no driver of that name"),
         (["info", "pci:zz"], "zz")],
    )
    def test_bad_arguments_are_one_line(tool, arguments, reason):
        run = run_tool(tool, *arguments)
        assert run.returncode == 1
        assert reason in run.stderr
        assert len(run.stderr.splitlines()) == 1, run.stderr
        assert run.stdout == ""


if __name__ == "__main__":
    inside(*sys.argv[1:])
