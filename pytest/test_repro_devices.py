# SPDX-License-Identifier: BSD-3-Clause
"""./repro run on each --device that it takes, with our programs: an experiment of one size, made smaller."""
import json
import os
import subprocess

import pytest
from apps import best_of
from conftest import ROOT
from runner import device, rows

# accept-rate has 8192 connections, which takes half a minute over some devices
START = """
from dataclasses import replace
from runner import scenario

known = scenario.load_all()
found = known["accept-rate"]
small = replace(found, points_by_stack={"quick": {}}, parts=tuple(replace(part, points={"quick": (100,)}) for part in found.parts if part.axis == found.axis))
scenario.load_all = lambda: known | {"accept-rate": small}

from runner import cli

raise SystemExit(cli.main())
"""


def refusal(name: str, namespaces: str, opened: subprocess.CompletedProcess) -> str:
    """Why this machine cannot have such a device; empty where it can."""
    if name == "tap" and opened.returncode:
        return f"no tun device in a namespace here: {opened.stderr.strip()}"
    return "XDP programs are loaded by root only" if name == "af_xdp" and namespaces == "veth-rootless" else ""


@pytest.mark.netns
@pytest.mark.parametrize("name", device.NAMES)
def test_a_run_on_each_device(request, build_dir, program, tmp_path, name):
    if not device.parse(name).in_process:
        kind = request.getfixturevalue("namespaces")
        why = refusal(name, kind, subprocess.run(["unshare", "-rn", "sh", "-c", ": < /dev/net/tun"], capture_output=True, text=True))
        if why:
            pytest.skip(why)
    known = {"PYTHONPATH": str(ROOT / "experiments"), "MTCP_BUILD": str(build_dir.absolute()), "MTCP_BIN": str(program("mtcp-pair").parent.absolute()),
             "MTCP_CHROMIUM": "", "PYTHONDONTWRITEBYTECODE": "1"}
    tries = (tmp_path / f"out-{n}" for n in range(3))

    def run():
        """Folder and manifest. A window so short may have rows that do not add up where the machine takes the CPU away."""
        out = next(tries)
        done = subprocess.run(["/usr/bin/python3", "-c", START, "run", "accept-rate", "--quick", "--baseline", "none", "--seconds", "0.5", "--device", name,
                               "--out", str(out)], env=os.environ | known, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
        assert done.returncode in (0, 1) and "Traceback" not in done.stderr, done.stdout + done.stderr  # 1: a claim that so small a run does not reach
        return out, json.loads((out / "manifest.json").read_text())

    out, about = best_of(run, lambda found: not found[1]["failures"])
    found = rows.read(out)
    assert about["state"] == "complete" and not about["failures"] and not about["skipped"], about
    assert {row["stack"] for row in found} == {"mtcp", "mtcp-paired"} and {row["device"] for row in found} == {device.parse(name).name}
    assert all(row["failed_total"] == 0 and row["concurrency"] == 100 and row["transactions"] > 0 for row in found), found
    assert len([path for path in out.glob("*.pcapng") if path.stat().st_size > 10_000]) == (2 if name == "pcap" else 0)
