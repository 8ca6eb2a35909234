# SPDX-License-Identifier: BSD-3-Clause
"""report.html: one file that needs no other and no network."""
from __future__ import annotations

from pathlib import Path
from typing import Any

from runner import claims, figures, manifest, rows
from runner.scenario import Scenario, load_all
from runner.summary import METRICS, RATE, Line, axis_label, kilo, lines, metric_text, milliseconds, number, ratio_to_best
from runner.summary import with_interval

_TEMPLATE = Path(__file__).with_name("report.html.j2")


def _table(scenario: Scenario, all_lines: list[Line]) -> list[dict[str, str]]:
    return [{
        "ratio": with_interval(ratio_to_best(all_lines, line, scenario.metric), ".2f"),
        "stack": line.key.stack, "variant": line.key.variant, "device": line.key.device, "point": kilo(line.key.point),
        "metric": metric_text(line, scenario.metric), "rate": with_interval(line.estimate(RATE)),
        "p50": milliseconds(line.estimate("latency_p50_us")), "p99": milliseconds(line.estimate("latency_p99_us")),
        "p999": milliseconds(line.estimate("latency_p999_us")), "failed": str(line.total("failed")),
        "retransmits": str(line.total("retransmits")), "drops": str(line.total("drops")),
        "repeats": str(len(line.rows)), "remarks": line.remarks,
    } for line in all_lines]


def _section(folder: Path, scenario: Scenario, found: list[rows.Row]) -> dict[str, Any]:
    own = lines(row for row in found if row["experiment"] == scenario.name)
    return {"scenario": scenario, "figures": _figures(folder, scenario), "table": _table(scenario, own),
            "axis": axis_label(own), "metric": METRICS[scenario.metric].label, "variants": any(line.key.variant for line in own)}


def _figures(folder: Path, scenario: Scenario) -> list[dict[str, str]]:
    found = []
    for plot in scenario.plots:
        path = folder / "figures" / f"{plot.name}.svg"
        if path.is_file():
            found.append({"name": plot.name, "title": plot.title, "svg": figures.inline(path.read_text(), plot.name)})
    return found


def _headline(found: list[rows.Row]) -> list[dict[str, str]]:
    """The one number for each concurrency: ours against the best kernel line."""
    all_lines = lines(row for row in found if row["experiment"] == "concurrency")
    return [{"connections": kilo(line.key.point), "ratio": number(ratio, ".1f"),
             "interval": with_interval(ratio, ".1f").partition(" ")[2]}
            for line in all_lines if line.key.stack == "mtcp" and (ratio := ratio_to_best(all_lines, line))]


def render(folder: Path, found: list[rows.Row], about: dict[str, Any], known: dict[str, Scenario],
           verdicts: list[claims.Verdict]) -> str:
    import jinja2

    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    present = {row["experiment"] for row in found}
    sections = [_section(folder, scenario, found) for scenario in known.values() if scenario.name in present]
    kinds = {kind: [v for v in verdicts if v.claim["kind"] == kind] for kind in ("claim", "goal", "check")}
    return environment.from_string(_TEMPLATE.read_text()).render(
        about=about, sections=sections, kinds=kinds, headline=_headline(found), n_rows=len(found),
        repeats=max(row["repeat"] for row in found))


def write(folder: Path, found: list[rows.Row], about: dict[str, Any], known: dict[str, Scenario]) -> list[claims.Verdict]:
    """Writes report.html; the verdicts that stand in it."""
    verdicts = claims.judge_all(found, about.get("skipped", {}))
    half = folder / ".report.html"
    half.write_text(render(folder, found, about, known, verdicts))
    half.replace(folder / "report.html")
    return verdicts


def rebuild(folder: Path) -> tuple[list[rows.Row], list[claims.Verdict]]:
    """Figures and report again from the rows of a folder."""
    found = rows.read(folder)
    known = load_all()
    figures.draw(found, known, folder / "figures")
    return found, write(folder, found, manifest.read(folder), known)
