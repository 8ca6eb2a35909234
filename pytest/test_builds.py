# SPDX-License-Identifier: BSD-3-Clause
"""The builds that experiments compare with the usual one (experiments/runner/builds.py) compile without a warning."""
import json
import shlex
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from runner.builds import BUILDS

LAYERS = ("core/base/", "core/stack/", "pmd_backends/dpdk/ring")


def checked(entry, more):
    words = [word for word in shlex.split(entry["command"]) if not word.endswith(("ccache", ".o"))]
    words = [word for word in words if word not in ("-c", "-o")]
    done = subprocess.run([*words, *more, "-fsyntax-only"], cwd=entry["directory"], capture_output=True, text=True)
    return f"{entry['file']}: {done.stderr}" if done.returncode else ""


@pytest.mark.parametrize("name", BUILDS)
def test_build_compiles(name, build_dir):
    more = [word for option in BUILDS[name] for word in shlex.split(option.removeprefix("-DCMAKE_C_FLAGS="))]
    entries = [entry for entry in json.loads((build_dir / "compile_commands.json").read_text())
               if any(layer in entry["file"] for layer in LAYERS)]
    assert len(entries) > 30 and more
    with ThreadPoolExecutor(2) as pool:
        wrong = [text for text in pool.map(lambda entry: checked(entry, more), entries) if text]
    assert not wrong, wrong[0]
