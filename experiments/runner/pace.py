# SPDX-License-Identifier: BSD-3-Clause
"""How fast a run goes while it runs: the load's lines of progress, for the display, and to see whether the window was steady."""
from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

INTERVAL_S = 0.1
DRIFT_LIMIT = 0.10   # between the halves of a window: worth a remark


class Pace:
    """Follows one run's lines."""

    def __init__(self, show: Callable[[float], None] | None = None):
        self._show = show
        self.rates: list[float] = []  # transactions per second, of each interval in the window

    def event(self, line: str) -> str:
        """The event that a line tells of; empty for other lines. Rates are kept, and shown."""
        try:
            told: dict[str, Any] = json.loads(line) if line.startswith("{") else {}
            name = str(told.get("event", ""))
            if name == "progress":
                self.rates.append(float(told["transactions_per_s"]))
                if self._show:
                    self._show(self.rates[-1])
        except (ValueError, TypeError, KeyError, AttributeError):
            return ""
        return name

    def begin(self) -> None:
        """The window begins: rates so far were the warm-up's."""
        self.rates.clear()

    def drift(self) -> float | None:
        """Mean rate of the window's second half over that of its first, less 1; None where there is too little."""
        half = len(self.rates) // 2
        first, second = sum(self.rates[:half]), sum(self.rates[len(self.rates) - half:])
        return second / first - 1 if half >= 2 and first else None
