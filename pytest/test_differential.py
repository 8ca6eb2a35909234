# SPDX-License-Identifier: BSD-3-Clause
"""The same segments to Linux and to us: both answer alike, but for what docs/conformance.md lists, and why."""
import difflib
import json
import subprocess
import sys

import differential
import pytest

PLAYER = differential.HERE / "differential.py"
RECORDED = differential.HERE / "differential_linux.json"


def play(*argv):
    done = subprocess.run([*argv], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["transcripts"]


@pytest.fixture(scope="module")
def recorded():
    return json.loads(RECORDED.read_text())["transcripts"]


@pytest.fixture(scope="module")
def library(build_dir):
    path = build_dir / "lib" / "libmtcp_packetdrill.so"
    if not path.is_file():
        pytest.skip(f"{path.name} was not built")
    return path


@pytest.fixture(scope="module")
def ours(library):
    return play(sys.executable, PLAYER, "ours", library)


def difference(ours, linux):
    """(what only we do, what only Linux does), as the table writes it."""
    lines = list(difflib.ndiff(ours, linux))
    sides = ([line[2:] for line in lines if line[0] == mark] for mark in "-+")
    return tuple("; ".join(f"`{line}`" for line in side) or "nothing" for side in sides)


def table(root):
    """The rows of "Differences to Linux": {script: (ours, Linux)}."""
    section = (root / "docs" / "conformance.md").read_text().split("## Differences to Linux")[1].split("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line.startswith("| `")]
    assert all(len(row) == 6 and row[3] and row[5] for row in rows), "a row has a script, both answers, who is right, and why"
    return {row[0].strip("`"): (row[1], row[2]) for row in rows}


def test_scripts_are_recorded(recorded):
    steps = {name: [line for line in transcript if line[0] not in "<="] for name, transcript in recorded.items()}
    assert steps == differential.scripts(), "record again: see differential.py"


def test_we_differ_from_linux_as_listed(root, ours, recorded):
    found = {name: difference(ours[name], recorded[name]) for name in ours if ours[name] != recorded[name]}
    listed = table(root)
    wrong = [f"{name} differs and is not listed:\n| `{name}` | {found[name][0]} | {found[name][1]} |" for name in found.keys() - listed]
    wrong += [f"{name} is listed and does not differ" for name in listed.keys() - found]
    wrong += [f"{name} differs otherwise than listed:\n| `{name}` | {found[name][0]} | {found[name][1]} |"
              for name in found.keys() & listed if found[name] != listed[name]]
    assert not wrong, "\n".join(sorted(wrong))


def test_the_fast_path_answers_the_same(library, ours):
    assert play(sys.executable, PLAYER, "ours", library, "slow") == ours


@pytest.mark.netns
def test_linux_answers_as_recorded(recorded):
    kernel = json.loads(RECORDED.read_text())["kernel"]
    probe = subprocess.run(["unshare", "-rn", "sh", "-c", ": < /dev/net/tun"], capture_output=True, text=True)
    if probe.returncode:
        pytest.skip(f"only what Linux {kernel} once answered: no tun device in a namespace here: {probe.stderr.strip()}")
    wrong = {name: () for name in recorded}
    for _ in range(5):  # in real time: on a busy machine an answer can miss its step
        live = play("unshare", "-rn", sys.executable, PLAYER, "linux")
        wrong = {name: difference(recorded[name], live[name]) for name in wrong if recorded[name] != live[name]}
        if not wrong:
            break
    assert not wrong, f"recorded with Linux {kernel}: (then, now)\n" + "\n".join(map(str, wrong.items()))


def test_a_difference_is_noticed():
    ours, linux = ["> S 0", "< S. 0 1"], ["> S 0", "< R. 0 1"]
    assert difference(ours, linux) == ("`< S. 0 1`", "`< R. 0 1`")
    assert difference(ours, ours) == ("nothing", "nothing")
