# SPDX-License-Identifier: BSD-3-Clause
"""Figures: data files from rows, drawn by gnuplot with a file in plots/."""
from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from runner import figure_data, paper, procs, svg
from runner.figure_data import Data
from runner.places import PLOTS
from runner.rows import Row
from runner.scenario import Plot, Scenario
from runner.summary import METRICS, lines

_RATIOS = "ratios"  # plots/ratios.gp is drawn for every experiment that the paper has ratios of


@dataclass(frozen=True)
class Figure:
    plot: Plot
    file: str    # in plots/, without its suffix
    data: Data


def plots_of(scenario: Scenario) -> list[tuple[Plot, str]]:
    """Figures of an experiment with their files: its own, and where the paper has ratios, ours beside them."""
    found = [(plot, plot.name) for plot in scenario.plots]
    metrics = dict.fromkeys(point.metric for point in paper.points(scenario.name, "ratio"))
    found += [(Plot(f"{scenario.name}-ratios", f"Ours over the kernel's, and the paper's ratios: {METRICS[metric].label}",
                    "ratios", metric, "times better"), _RATIOS) for metric in metrics if metric in METRICS]
    return found


def of(rows: list[Row], scenario: Scenario, folder: Path) -> list[Figure]:
    """Those that the rows have something for, and what is kept beside them in folder."""
    own = lines(row for row in rows if row["experiment"] == scenario.name)
    found = [Figure(plot, file, figure_data.of(plot, own, folder)) for plot, file in plots_of(scenario)]
    return [figure for figure in found if figure.data.blocks]


def draw(rows: list[Row], scenarios: dict[str, Scenario], folder: Path, kinds: tuple[str, ...] = ("svg", "png"),
         only: str | None = None) -> list[str]:
    """Draws every figure that the rows have something for into folder, beside them; names of those drawn. only: of one experiment."""
    if not shutil.which("gnuplot"):
        return []
    drawn = []
    (folder / "data").mkdir(parents=True, exist_ok=True)
    for scenario in scenarios.values():
        for figure in of(rows, scenario, folder.parent) if only in (None, scenario.name) else []:
            data = folder / "data" / f"{figure.plot.name}.dat"
            data.write_text(figure.data.text())
            for kind in kinds:
                _gnuplot(figure, data, folder / f"{figure.plot.name}.{kind}", kind)
            drawn.append(figure.plot.name)
    return drawn


def settings(figure: Figure, data: Path, out: Path, kind: str) -> str:
    """What a file in plots/ wants to be told, as gnuplot reads it."""
    lines_, dashes, marks = figure.data.styles() if figure.data.named else ("", "", "")
    plot = figure.plot
    label = plot.label or (METRICS[plot.metric].label if plot.metric in METRICS else "")
    panels = "".join(f"{name}='{' '.join(map(str, values))}'; " for name, values in figure.data.layout().items())
    return (f"{panels}data={_quoted(data)}; out={_quoted(out)}; kind='{kind}'; plots={_quoted(PLOTS)}; "
            f"lines='{lines_}'; dashes='{dashes}'; marks='{marks}'; value_label={_quoted(label)}")


def _gnuplot(figure: Figure, data: Path, out: Path, kind: str) -> None:
    """Drawn beside and moved in place: whoever looks at a figure sees a whole one."""
    half = out.with_name(f".{out.name}")
    procs.call(["gnuplot", "-e", settings(figure, data, half, kind), str(PLOTS / f"{figure.file}.gp")], timeout=60.0)
    if kind == "svg":
        half.write_text(svg.finish(half.read_text(), figure.plot.title, figure.data.words()))
    half.replace(out)


def _quoted(path: Path | str) -> str:
    return "'" + str(path).replace("'", "''") + "'"
