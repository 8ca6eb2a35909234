# SPDX-License-Identifier: BSD-3-Clause
"""How far apart the two ends' cores are: what a line of memory takes from one to the other (mtcp-hop). A hypervisor moves virtual
cores between caches, and whatever two cores exchange takes several times longer then, while each alone works as before."""
from __future__ import annotations

import os
import time

from runner import procs
from runner.builds import program

APART = 3.0       # so many times the best of the session: the cores do not share a cache as they did
_SETTLE_S = 3.0   # that they get to come together again: about what a run takes that would be made for nothing
_LOOK_S = 5.0     # for one look; it takes 10 ms


class Hop:
    """The best that was seen between the first cores of the ends, and how it is now."""

    def __init__(self, server: list[int], client: list[int]):
        self.ends = (*server[:1], *client[:1])
        self._argv = [str(program("", "mtcp-hop")), *map(str, self.ends)]
        self.on = os.environ.get("MTCP_GUARD") != "off" and len({*self.ends}) == 2 and os.access(self._argv[0], os.X_OK)
        self._best = float("inf")

    def look(self) -> float | None:
        """Nanoseconds; None where it cannot be told."""
        try:
            return self.note(float(procs.call(self._argv, _LOOK_S))) if self.on else None
        except (procs.ChildFailed, ValueError):
            return None

    def note(self, found: float | None) -> float | None:
        """One look's outcome; also of an earlier start, whose best counts."""
        self._best = min(self._best, found or self._best)
        return found

    def apart(self, found: float | None) -> bool | None:
        return None if found is None else found > APART * self._best

    def settle(self) -> float | None:
        """Waits, for a while, until they are near; how far apart they are."""
        deadline = time.monotonic() + _SETTLE_S
        found = self.look()
        while self.apart(found) and time.monotonic() < deadline:
            time.sleep(0.1)
            found = self.look()
        return found
