# SPDX-License-Identifier: BSD-3-Clause
"""Where things are."""
from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EXPERIMENTS = ROOT / "experiments"
PLOTS = ROOT / "plots"
CLAIMS = EXPERIMENTS / "claims.toml"


def build_dir() -> Path:
    return Path(os.environ.get("MTCP_BUILD") or ROOT / "build").absolute()

