# SPDX-License-Identifier: BSD-3-Clause
"""report.html: one file that needs no other and no network."""
from __future__ import annotations

import base64
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from runner import claims, ends, figures, flame, manifest, paper, parts, rows, svg
from runner.errors import Stop
from runner.places import CLAIMS
from runner.scenario import Scenario, load_all
from runner.stats import Estimate
from runner.summary import METRICS, PER_CORE, RATE, RATIOS, Line, axis_label, kilo, lines, metric_text, milliseconds, name_of, number
from runner.summary import ratio_cells, ratio_to_best, with_interval

_TEMPLATE = Path(__file__).with_name("report.html.j2")
_STYLE = Path(__file__).with_name("report.css")
_TYPES = {".csv": "text/csv", ".jsonl": "application/x-ndjson", ".json": "application/json", ".svg": "image/svg+xml",
          ".png": "image/png", ".dat": "text/plain"}
_KINDS_OF_POINT = {"curve": "value", "bars": "value", "ratios": "ratio", "breakdown": "kernel-share"}


def _ratio(found: Estimate | None) -> str:
    return with_interval(found, ".2f")


def _table(scenario: Scenario, all_lines: list[Line]) -> list[dict[str, Any]]:
    return [{
        "ratios": ratio_cells(all_lines, line, scenario.metric, _ratio), "ends": ends.cells(line),
        "stack": line.key.stack, "variant": line.key.variant, "device": line.key.device, "point": kilo(line.key.point),
        "metric": metric_text(line, scenario.metric), "rate": with_interval(line.estimate(RATE)),
        "p50": milliseconds(line.estimate("latency_p50_us")), "p99": milliseconds(line.estimate("latency_p99_us")),
        "p999": milliseconds(line.estimate("latency_p999_us")), "failed": str(line.total("failed")),
        "retransmits": str(line.total("retransmits")), "drops": str(line.total("drops")),
        "repeats": str(len(line.rows)), "remarks": line.remarks,
    } for line in all_lines]


def _download(path: Path, label: str) -> list[dict[str, str]]:
    """The file inside the page; nothing where there is no such file (yet)."""
    if not path.is_file():
        return []
    data = base64.b64encode(path.read_bytes()).decode()
    return [{"name": path.name, "label": label, "url": f"data:{_TYPES[path.suffix]};base64,{data}"}]


def _paper(experiment: str, figure: figures.Figure) -> list[paper.Point]:
    """The paper's numbers that a figure has."""
    shown = [str(text) for name, block in figure.data.blocks.items() for text in (name, *(row[0] for row in block))]
    return [point for point in paper.points(experiment, _KINDS_OF_POINT.get(figure.plot.data, ""))
            if any(text.partition(": ")[0] == "paper" and text.startswith(point.name) for text in shown)]


def _figure(folder: Path, experiment: str, figure: figures.Figure) -> list[dict[str, Any]]:
    plot = figure.plot
    drawn = folder / "figures" / f"{plot.name}.svg"
    if not drawn.is_file():
        return []
    head, body = figure.data.table()
    return [{"name": plot.name, "title": plot.title, "head": head, "rows": body,
             "svg": svg.inline(drawn.read_text(), plot.name, f"{plot.title}. {figure.data.words()}"),
             "paper": _paper(experiment, figure),
             "downloads": [*_download(drawn, "SVG"), *_download(drawn.with_suffix(".png"), "PNG"),
                           *_download(folder / "figures" / "data" / f"{plot.name}.dat", "data")]}]


def _flames(folder: Path, experiment: str, known: Iterable[str]) -> list[dict[str, Any]]:
    """Of an experiment, not of another whose name begins with its name."""
    longer = tuple(f"{name}-" for name in known if name.startswith(f"{experiment}-"))
    return [{"title": name, "svg": svg.inline(path.read_text(), path.stem, f"Flame graph: {name}"), "downloads": _download(path, "SVG")}
            for name, path in flame.draw_all(folder).items() if name.startswith(f"{experiment}-") and not name.startswith(longer)]


def again(command: str, experiment: str) -> str:
    """The command for one experiment of those that a run was told to do; into a new folder."""
    from runner import cli

    words = shlex.split(command)[1:]
    try:
        told = cli.parse(words)
    except Stop:
        return f"./repro run {experiment}"
    names = [] if told.command != "run" else told.names
    kept = [word for place, word in enumerate(words[1:], 1) if word not in names and not word.startswith("--out") and words[place - 1] != "--out"]
    return shlex.join(["./repro", "run", experiment, *kept])


def _runs(all_lines: list[Line], metric: str) -> list[dict[str, str]]:
    """Every run, also those far from the others of their line, with what was started for it."""
    told = METRICS[metric]
    return [{"line": f"{name_of(line)}, {kilo(line.key.point)}", "repeat": str(row["repeat"]),
             "value": "-" if row.get(metric) is None else format(row[metric] * told.scale, told.form),
             "far": "far from the others" if row in line.far(metric) else "",
             "stolen": "-" if row.get("steal_share") is None else f"{row['steal_share']:.1%}", "attempt": str(row.get("attempt") or 1),
             "command": row.get("command") or "not recorded"} for line in all_lines for row in line.rows]


def _section(folder: Path, scenario: Scenario, found: list[rows.Row], about: dict[str, Any],
             verdicts: list[claims.Verdict]) -> dict[str, Any]:
    own = lines(row for row in found if row["experiment"] == scenario.name)
    return {"scenario": scenario, "table": _table(scenario, own), "flames": _flames(folder, scenario.name, load_all()),
            "figures": [told for figure in figures.of(found, scenario, folder) for told in _figure(folder, scenario.name, figure)],
            "parts": parts.table(own), "axis": axis_label(own), "metric": METRICS[scenario.metric].label, "variants": any(line.key.variant for line in own),
            "again": again(about.get("command") or "./repro run", scenario.name), "runs": _runs(own, scenario.metric),
            "verdicts": [verdict for verdict in verdicts if verdict.claim["experiment"] == scenario.name]}


def _headline(found: list[rows.Row]) -> list[dict[str, Any]]:
    """For each concurrency what ours is over the tuned kernel and, beside it, over the others that lines are held against."""
    all_lines = lines(row for row in found if row["experiment"] == "concurrency")
    ours = [line for line in all_lines if line.key.stack == "mtcp" and ratio_to_best(all_lines, line)]
    return [{"connections": kilo(line.key.point), "ratio": number(ratio_to_best(all_lines, line, stack=RATIOS[0]), ".1f"),
             "others": list(zip(RATIOS, ratio_cells(all_lines, line, PER_CORE, lambda ratio: with_interval(ratio, ".1f"))))} for line in ours]


def _counts(verdicts: list[claims.Verdict]) -> list[tuple[str, str, int]]:
    """Of the paper's claims: how many of each outcome."""
    outcomes = [verdict.outcome for verdict in verdicts if verdict.claim["kind"] == "claim"]
    return [(word, word.replace(" ", "-"), outcomes.count(word))
            for word in (claims.REPRODUCED, claims.PARTLY, claims.NOT, claims.UNTESTED) if word in outcomes]


def render(folder: Path, found: list[rows.Row], about: dict[str, Any], known: dict[str, Scenario],
           verdicts: list[claims.Verdict]) -> str:
    import jinja2

    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    present = {row["experiment"] for row in found}
    sections = [_section(folder, scenario, found, about, verdicts) for scenario in known.values() if scenario.name in present]
    kinds = {kind: [v for v in verdicts if v.claim["kind"] == kind] for kind in ("claim", "goal", "check")}
    raw = [item for name in ("rows.csv", "rows.jsonl", "manifest.json") for item in _download(folder / name, name)]
    return environment.from_string(_TEMPLATE.read_text()).render(
        about=about, sections=sections, kinds=kinds, counts=_counts(verdicts), headline=_headline(found), n_rows=len(found), raw=raw,
        part_head=parts.HEAD, ends_head=ends.HEAD, rivals=RATIOS, css=_STYLE.read_text() + svg.dark_style(), repeats=max(row["repeat"] for row in found),
        other_claims=about.get("claims") not in (None, manifest.digest(CLAIMS.read_bytes())),
        left_out=any(about.get(key) for key in ("skipped", "failures", "repeated")))


def write(folder: Path, found: list[rows.Row], about: dict[str, Any], known: dict[str, Scenario]) -> list[claims.Verdict]:
    """Writes report.html; the verdicts that stand in it."""
    verdicts = claims.judge_all(found, about.get("skipped", {}), about.get("failures", []))
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
