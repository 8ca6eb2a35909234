# SPDX-License-Identifier: BSD-3-Clause
"""What ends a command, each with its exit status."""
from __future__ import annotations

import difflib
from collections.abc import Iterable


class Stop(Exception):
    """Ends the command with one line and a status."""

    status = 1


class UsageError(Stop):
    status = 2


class CannotRun(Stop):
    """This machine cannot; the text says why and names the mend."""

    status = 3


def nearest(word: str, known: Iterable[str]) -> str:
    """", did you mean NAME?", or the names when none is near."""
    names = list(known)
    match = difflib.get_close_matches(word, names, n=1, cutoff=0.5)
    return f"did you mean {match[0]}?" if match else f"known: {', '.join(names)}"
