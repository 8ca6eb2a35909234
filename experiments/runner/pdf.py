# SPDX-License-Identifier: BSD-3-Clause
"""report.pdf: report.html as a browser prints it."""
from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from runner import procs

_NAMES = ("chromium", "chromium-browser", "google-chrome")
# As root there is no sandbox to be had; the page is ours and has no scripts. No network is wanted and none is given.
_OPTIONS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
            "--disable-sync", "--no-first-run", "--disable-dev-shm-usage", "--host-resolver-rules=MAP * ~NOTFOUND", "--no-pdf-header-footer"]


def browser() -> str:
    """The program that prints; empty where there is none. MTCP_CHROMIUM names another, or, empty, none."""
    wanted = os.environ.get("MTCP_CHROMIUM")
    names = _NAMES if wanted is None else (wanted,)
    return next((path for name in names if name and (path := shutil.which(name))), "")


def write(folder: Path) -> str:
    """Prints report.html of a folder; why there is no report.pdf, in one line, or nothing."""
    program = browser()
    out = folder / "report.pdf"
    out.unlink(missing_ok=True)
    if not program:
        return "no report.pdf: Chromium is not installed"
    half = folder / ".report.pdf"
    with tempfile.TemporaryDirectory(prefix="mtcp-pdf-") as profile:
        try:
            procs.call([program, *_OPTIONS, f"--user-data-dir={profile}", f"--print-to-pdf={half}", (folder / "report.html").absolute().as_uri()],
                       timeout=120.0)
        except procs.ChildFailed as error:
            return f"no report.pdf: {error}"[:200]
    if not half.is_file():
        return "no report.pdf: Chromium printed nothing"
    half.replace(out)
    return ""
