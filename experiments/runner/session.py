# SPDX-License-Identifier: BSD-3-Clause
"""A whole ./repro run: every row of the plan, figures and report as rows arrive, a clean end however it comes."""
from __future__ import annotations

import math
import os
import time
from pathlib import Path
from typing import Any

from runner import builds, claims, cpustat, figures, guard, hop, layout, manifest, netns, procs, report, rows, sampling, words
from runner.cluster import Cluster
from runner.display import Display
from runner.errors import CannotRun, Stop, UsageError
from runner.measure import Site, measure
from runner.plan import Run
from runner.procs import ChildFailed
from runner.scenario import Scenario, load_all
from runner.summary import kilo, point

_ATTEMPTS = 3
_SHOW_EVERY_S = 20.0


class Session:
    def __init__(self, plan: list[Run], site: Site, folder: Path, display: Display, about: dict[str, Any],
                 kept: list[rows.Row] | None = None):
        self.plan, self.site, self.folder, self.display, self.about = plan, site, folder, display, about
        self.rows: list[rows.Row] = list(kept or [])  # those of an earlier start stand
        known = load_all()
        names = [run.scenario.name for run in plan] + [row["experiment"] for row in self.rows]
        self.scenarios: dict[str, Scenario] = {run.scenario.name: run.scenario for run in plan}
        self.scenarios |= {name: known[name] for name in names if name in known and name not in self.scenarios}
        self._kept = len(self.rows)
        self._file = rows.RowFile(folder, self.rows)
        self._could = self._earlier()        # by line: the highest point that gave a row ...
        self._cannot: dict[str, float] = {}  # ... and the lowest that is more than this machine can
        site.settings |= about["settings"]
        self._spare = max(3, len(plan) // 5)  # runs that may be repeated, so that the end stays in sight
        self._undrawn: set[str] = set()  # experiments with rows that their figures do not have yet
        self._shown = 0.0
        self._guard = site.hosts.calm() if site.hosts else guard.Guard(site.cores.used(plan))
        self._hops: dict[tuple[int, ...], hop.Hop] = {}  # by the first core of either end
        for row in self.rows if not site.hosts else ():
            self._hop(*map(words.cores_of, (row["server_cores"], row["client_cores"]))).note(row["core_hop_ns"])
        site.show_rate = display.rate
        self._cpu = cpustat.read(cpustat.usable_cores())

    def _earlier(self) -> dict[str, int]:
        """By line: the highest point that gave a row at an earlier start."""
        most: dict[tuple[str, str, str], int] = {}
        for row in self.rows:
            line = (row["experiment"], row.get("variant") or "", row["stack"])
            most[line] = max(point(row), most.get(line, 0))
        lines = {run.line: (run.scenario.name, run.part.name, run.stack) for run in self.plan}
        return {name: most[line] for name, line in lines.items() if line in most}

    def note_missing(self, chosen: list[Scenario]) -> None:
        """Experiments that cannot run yet are told as skipped, never left out."""
        for found in chosen:
            if found.needs:
                self.about["skipped"][found.name] = f"needs {found.needs}"
                self.display.say(f"skipped: {found.name}: needs {found.needs}")

    def work(self) -> None:
        """Makes all runs. Interrupted or not, call finish() afterwards."""
        self._tell("running")  # killed outright, it still tells what was to be run
        self.display.begin(self.plan)
        try:
            for run in self.plan:
                if self._refused(run):
                    self._forget_failure(run)
                    self.display.passed(run)
                    continue
                self.display.running(run)
                row = self._attempt(run)
                self.display.done(run, row)
                if row:
                    self._forget_failure(run)
                    self._could[run.line] = max(run.row_point, self._could.get(run.line, 0))
                    self._keep(row)
        finally:
            procs.stop_all()
            self.display.end()

    def _refused(self, run: Run) -> bool:
        """Is it of what was too much for this machine?"""
        return run.row_point >= self._cannot.get(run.line, math.inf)

    def _hop(self, server: list[int], client: list[int]) -> hop.Hop:
        """Of these ends; each pair of cores has its own best."""
        found = hop.Hop(server, client)
        return self._hops.setdefault(found.ends, found)

    def _guarded(self, run: Run) -> rows.Row:
        """One measurement, with what the cores were like before and after it."""
        found = self._guard.settle() if self._guard.on else None
        watch = self._hop(*self.site.cores.of(run))
        before = watch.settle()
        row = measure(run, self.site)
        far = max((ns for ns in (before, watch.look()) if ns), default=None)
        row |= {"core_hop_ns": far, "cores_apart": watch.apart(far)}
        if found is not None:
            at_once = self._guard.slowdown()  # told beside it: what the run left to tidy up is in this one
            after = at_once if at_once <= guard.LIMIT else self._guard.settle()
            row |= {"calibration": round(max(found, after), 4), "calibration_at_once": round(at_once, 4)}
        return row

    def _attempt(self, run: Run) -> rows.Row | None:
        """A row of this run, repeated while it was disturbed. What is not kept is told in the manifest."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                row = self._guarded(run)
            except ChildFailed as error:
                self._note_failure(run, error)
                return None
            row["attempt"] = attempt
            why = guard.disturbance(row) if self._guard.on else ""
            if not why or attempt == _ATTEMPTS or self._spare == 0:
                return row
            self._spare -= 1
            self.about["repeated"].append({"run": run.label, "why": why,
                                           **{name: row[name] for name in (*guard.DISTURBANCES, "core_hop_ns", "transactions_per_s")}})
            self.display.say(f"{run.label}: {why}: once more")
        return None

    def _forget_failure(self, run: Run) -> None:
        """Of an earlier start: now it is known better."""
        self.about["failures"] = [found for found in self.about["failures"] if found["run"] != run.label]

    def _note_failure(self, run: Run, error: ChildFailed) -> None:
        self._forget_failure(run)
        if error.code == CannotRun.status and run.row_point > self._could.get(run.line, -1):
            self._cannot[run.line] = run.row_point
            self.about["skipped"][run.line] = f"{error} (from {kilo(run.row_point)} on)"
            self.display.say(f"skipped: {run.line} from {kilo(run.row_point)} on: {error}")
        else:
            self.about["failures"].append({"run": run.label, "why": str(error)})
            self.display.say(f"failed: {run.label}: {error}")

    def _keep(self, row: rows.Row) -> None:
        with procs.undisturbed():
            self.rows.append(row)
            self._file.add(row)
        self._tell("running")
        self._undrawn.add(row["experiment"])
        if time.monotonic() - self._shown > _SHOW_EVERY_S:
            self._show()

    def _show(self) -> None:
        """Figures and report as of now; the measured programs wait for it."""
        for name in sorted(self._undrawn):
            self._draw(("svg",), name)
        self._undrawn.clear()
        self._report("running")
        self._shown = time.monotonic()

    def _draw(self, kinds: tuple[str, ...], only: str | None = None) -> None:
        try:
            figures.draw(self.rows, self.scenarios, self.folder / "figures", kinds, only)
        except Stop as error:
            self.display.say(f"no figure: {error}")

    def _tell(self, state: str) -> None:
        """manifest.json and skipped.csv as of now."""
        self.about |= {"state": state, "settings": self.site.settings, "load_average_after": os.getloadavg(),
                       "steal_share": round((cpustat.read(cpustat.usable_cores()) - self._cpu).steal_share, 5)}
        self.about["pieces"][-1] |= {"state": state, "until": manifest.now(), "rows": len(self.rows) - self._kept}
        manifest.write(self.folder, self.about)
        rows.write_skipped(self.folder, self.about["skipped"])

    def _report(self, state: str) -> list[claims.Verdict]:
        self._tell(state)
        return report.write(self.folder, self.rows, self.about, self.scenarios) if self.rows else []

    def finish(self, state: str) -> list[claims.Verdict]:
        """Figures and report of what there is."""
        self._draw(("svg", "png"))
        verdicts = self._report(state)
        self.about["failed_checks"] = [found.claim["name"] for found in claims.failed(verdicts) if found.claim["kind"] == "check"]
        manifest.write(self.folder, self.about)
        return verdicts


def make_folder(wanted: str | None) -> Path:
    """A new folder for results: the one named, which must be empty, or results/<time>."""
    folder = Path(wanted) if wanted else Path("results") / time.strftime("%Y-%m-%d-%H%M%S")
    folder = folder.absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise UsageError(f"{folder} is not empty: name a new folder with --out")
    except OSError as error:
        raise UsageError(f"{folder}: {error.strerror}: name a folder that can be written with --out") from error
    return folder


def make_site(plan: list[Run], folder: Path, capture: Path | None, about: dict[str, Any], cores: layout.Layout,
              hosts: Cluster | None = None) -> Site:
    """Looks at what this machine allows; reasons for second-best go into the manifest. hosts: it is not this machine that measures."""
    if hosts:
        about["network"] = {"kind": "hosts", "refused": []}
        about["perf"] = "perf is not driven on other hosts"
        return Site("hosts", folder / ".scratch", layout.NONE, about["perf"], hosts=hosts)
    about["cores"] = cores.about()
    kind, refused = netns.best_kind() if any(not (run.in_process or run.alone) for run in plan) else ("none", [])
    about["network"] = {"kind": kind, "refused": refused}
    refusal = ""
    if any(run.scenario.breakdown for run in plan):
        refusal = sampling.refusal()
        about["perf"] = refusal or sampling.LABEL
    about.setdefault("perf", sampling.LABEL)  # of an earlier start, which had such runs
    return Site(kind, folder / ".scratch", cores, refusal, capture,
                sum(run.ours for run in plan) > 1)


def make_builds(plan: list[Run], about: dict[str, Any]) -> list[Run]:
    """Builds that parts of experiments want beside the usual one. The runs that can be made with them; the others are told as skipped."""
    missing = set()
    for build in sorted({run.part.build for run in plan if run.part.build}):
        try:
            builds.make(build)
        except CannotRun as error:
            missing.add(build)
            about["skipped"] |= {run.line: str(error) for run in plan if run.part.build == build}
    return [run for run in plan if run.part.build not in missing]
