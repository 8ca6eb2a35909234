# SPDX-License-Identifier: BSD-3-Clause
"""What a person sees while runs are made: a live display on a terminal, plain lines elsewhere."""
from __future__ import annotations

import time
from typing import Any, Protocol

from runner.plan import Run
from runner.rows import Row
from runner.summary import PER_CORE
from runner.table import console, is_plain


class Display(Protocol):
    def begin(self, plan: list[Run]) -> None: ...
    def running(self, run: Run) -> None: ...
    def rate(self, per_s: float) -> None: ...
    def done(self, run: Run, row: Row | None) -> None: ...
    def passed(self, run: Run) -> None: ...
    def say(self, text: str) -> None: ...
    def end(self) -> None: ...


def describe(row: Row) -> str:
    per_core = row.get(PER_CORE)
    text = f"{row['transactions_per_s']:,.0f}/s"
    if per_core:
        text += f", {per_core:,.0f} per busy core-s"
    if row["failed"]:
        text += f", {row['failed']} failed"
    return text


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


class _Progress:
    """What is left to do, from estimates corrected by how long runs really took."""

    def __init__(self) -> None:
        self.total = self.number = 0
        self._left = self._planned = self._spent = 0.0
        self._since = 0.0

    def begin(self, plan: list[Run]) -> None:
        self.total = len(plan)
        self._left = sum(run.estimate for run in plan)

    def start(self) -> None:
        self._since = time.monotonic()

    def finish(self, run: Run) -> None:
        self.number += 1
        self._planned += run.estimate
        self._spent += time.monotonic() - self._since
        self._left -= run.estimate
        self._since = 0.0

    def skip(self, run: Run) -> None:
        self.number += 1
        self._left -= run.estimate

    @property
    def left(self) -> float:
        """Seconds, less what the run under way has had already."""
        pace = self._spent / self._planned if self._planned else 1.0
        under_way = time.monotonic() - self._since if self._since else 0.0
        return max(0.0, self._left * pace - under_way)


class Plain:
    """One line for each run."""

    def __init__(self) -> None:
        self._progress = _Progress()

    def begin(self, plan: list[Run]) -> None:
        self._progress.begin(plan)
        self.say(f"{len(plan)} runs, about {_clock(self._progress.left)}")

    def running(self, run: Run) -> None:
        self._progress.start()

    def rate(self, per_s: float) -> None:
        pass

    def done(self, run: Run, row: Row | None) -> None:
        self._progress.finish(run)
        result = describe(row) if row else "no row"
        self.say(f"[{self._progress.number}/{self._progress.total}] {run.label}: {result} (left {_clock(self._progress.left)})")

    def passed(self, run: Run) -> None:
        self._progress.skip(run)

    def say(self, text: str) -> None:
        print(text, flush=True)

    def end(self) -> None:
        pass


class Live:
    """A bar, what runs now, and the last row."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, Progress, TextColumn

        self._progress = _Progress()
        self._console = console()
        self._bar = Progress(BarColumn(bar_width=30), TextColumn("{task.fields[place]}  {task.description}"),
                             TextColumn("{task.fields[rate]}"),
                             TextColumn("[dim]left {task.fields[left]}"), console=self._console, transient=True)
        self._task: Any = None

    def begin(self, plan: list[Run]) -> None:
        self._progress.begin(plan)
        self._task = self._bar.add_task("", total=sum(run.estimate for run in plan), place="", left="", rate="")
        self._bar.start()

    def running(self, run: Run) -> None:
        self._progress.start()
        place = f"{self._progress.number + 1}/{self._progress.total}"
        self._bar.update(self._task, description=run.label, place=place, left=_clock(self._progress.left), rate="")

    def rate(self, per_s: float) -> None:
        self._bar.update(self._task, rate=f"{per_s:,.0f}/s", left=_clock(self._progress.left))

    def done(self, run: Run, row: Row | None) -> None:
        self._progress.finish(run)
        self._bar.advance(self._task, run.estimate)
        self.say(f"{run.label}: {describe(row) if row else 'no row'}")

    def passed(self, run: Run) -> None:
        self._progress.skip(run)
        self._bar.advance(self._task, run.estimate)

    def say(self, text: str) -> None:
        self._bar.console.print(text, markup=False)

    def end(self) -> None:
        self._bar.stop()


def make() -> Display:
    return Plain() if is_plain() else Live()
