# SPDX-License-Identifier: BSD-3-Clause
"""Figures drawn by hand, from rows.csv alone: gnuplot -c plots/NAME.gp ROWS.csv [OUT]."""
from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from runner import figures, rows
from runner.errors import Stop, UsageError, nearest
from runner.scenario import load_all

_ATTRIBUTION = {"perf": "caller", "cycles": "calls", "proc-stat": "-"}  # of the columns cpu_*
_COLUMNS = {"application": "cpu_app", "tcpip": "cpu_tcpip", "packet_io": "cpu_packet_io",
            "kernel_other": "cpu_kernel_other", "idle": "cpu_idle", "unclassified": "cpu_unclassified"}


def _typed(text: str, rule: dict[str, Any]) -> Any:
    kinds = rule.get("type", "string")
    if text == "":
        return None
    if "boolean" in kinds:
        return text == "1"
    if "integer" in kinds or "const" in rule:
        return int(text)
    return float(text) if "number" in kinds else text


def _breakdown(row: rows.Row) -> list[dict[str, Any]]:
    """Of a row of rows.csv: the one method whose shares are columns."""
    method = row.get("cpu_method")
    if not method:
        return []
    shares = {part: row[column] for part, column in _COLUMNS.items() if row.get(column) is not None}
    return [{"method": method, "attribution": _ATTRIBUTION[method], "cpus": "server", "shares": shares}]


def read_csv(path: Path) -> list[rows.Row]:
    """Rows as rows.read() has them, but for what is nested."""
    known = rows.schema()["properties"]
    found = []
    try:
        with path.open(newline="") as file:
            for number, raw in enumerate(csv.DictReader(file), 2):
                row = {name: _typed(text, known.get(name, {})) for name, text in raw.items() if name and text is not None}
                row = rows.complete(rows.as_present(row, f"{path}:{number}"))
                row["breakdown"] = _breakdown(row)
                if wrong := rows.faults(row):
                    raise UsageError(f"{path}:{number}: {wrong[0]}")
                found.append(row)
    except (OSError, ValueError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: {error}") from error
    if not found:
        raise UsageError(f"{path}: no rows there")
    return found


def _figure(file: str, found: list[rows.Row], folder: Path, experiment: str) -> figures.Figure:
    files: dict[str, None] = {}
    for scenario in load_all().values():
        if experiment in ("", scenario.name):
            files |= dict.fromkeys(name for _, name in figures.plots_of(scenario))
            for figure in figures.of(found, scenario, folder):
                if figure.file == file:
                    return figure
    raise UsageError(f"{file}: these rows have nothing for it" if file in files else f"{file}: no figure of an experiment: {nearest(file, list(files))}")


def answer(words: list[str]) -> str:
    """Settings for a file in plots/ in gnuplot's own words; what is wrong as the command that ends it."""
    name, source, out, experiment = [*words, "", "", "", ""][:4]
    try:
        if not source:
            raise UsageError(f"gnuplot -c {name} ROWS.csv [OUT.svg|OUT.png]")
        figure = _figure(Path(name).stem, read_csv(Path(source)), Path(source).parent, experiment)
        target = Path(out or f"{figure.plot.name}.svg").absolute()
        data = target.with_suffix(".dat")
        data.write_text(figure.data.text())
        return figures.settings(figure, data, target, "png" if target.suffix == ".png" else "svg")
    except (Stop, OSError) as error:
        text = str(error).replace("'", "")
        return f"print '{text}'; exit status 2"
