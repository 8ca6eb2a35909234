# SPDX-License-Identifier: BSD-3-Clause
"""Where things are."""
from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EXPERIMENTS = ROOT / "experiments"
PLOTS = ROOT / "plots"


def build_dir() -> Path:
    return Path(os.environ.get("MTCP_BUILD") or ROOT / "build").absolute()


def program(name: str) -> Path:
    """A program that we drive; MTCP_BIN overrides where from."""
    override = os.environ.get("MTCP_BIN")
    return (Path(override).absolute() if override else build_dir() / "bin") / name
