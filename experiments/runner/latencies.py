# SPDX-License-Identifier: BSD-3-Clause
"""Distributions of response times, and of how late the load generator was: a file for each run of the experiments that draw them,
latencies/EXPERIMENT-VARIANT-STACK-POINT-rREPEAT.csv beside the rows. A line has a duration in ns (the middle of a bucket of the load's histogram,
within 0.4%), how many responses took that long, and how many requests began that late."""
from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from runner import plan
from runner.errors import UsageError
from runner.rows import Row
from runner.summary import Line, point

FOLDER = "latencies"
HEAD = ["ns", "responses", "starts"]
_FIELDS = ("latency_histogram", "lateness_histogram")  # of a program's row, in the order of HEAD

Pairs = list[list[int]]  # a duration in ns and how many had it


def take(row: Row) -> tuple[Pairs, Pairs]:
    """What the programs told, out of the row, which does not keep it."""
    return row.pop(_FIELDS[0], None) or [], row.pop(_FIELDS[1], None) or []


def together(histograms: Sequence[Pairs]) -> Pairs:
    """Of several loads."""
    counts: dict[int, int] = {}
    for value, count in (pair for pairs in histograms for pair in pairs):
        counts[value] = counts.get(value, 0) + count
    return [[value, counts[value]] for value in sorted(counts)]


def write(folder: Path, slug: str, found: tuple[Pairs, Pairs]) -> None:
    """Beside the rows in folder; a run that is made again has its last."""
    responses, starts = (dict(map(tuple, pairs)) for pairs in found)
    path = folder / FOLDER / f"{slug}.csv"
    path.parent.mkdir(exist_ok=True)
    half = path.with_name(f".{path.name}")
    with half.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(
            [HEAD, *([value, responses.get(value, 0), starts.get(value, 0)] for value in sorted({*responses, *starts}))])
    half.replace(path)


@dataclass(frozen=True)
class Distribution:
    """Durations in ascending order, and how many there are up to each."""

    values: Any
    upto: Any

    @property
    def n(self) -> int:
        return int(self.upto[-1]) if len(self.upto) else 0

    def exceeded_by(self, share: float) -> float:
        """The least duration in us that at most this share took longer than."""
        rank = max(1, int(np.ceil((1 - share) * self.n - 1e-9)))
        return float(self.values[np.searchsorted(self.upto, rank)]) / 1e3


def _distribution(values: Any, counts: Any) -> Distribution:
    return Distribution(values[counts > 0], np.cumsum(counts[counts > 0]))


@cache
def _read(path: Path, _mtime_ns: int) -> Any:
    """Kept: while a run goes on its report is made again and again."""
    try:
        with path.open(newline="") as file:
            head, *lines = csv.reader(file)
        table = np.array([[int(text) for text in line] for line in lines], dtype=np.int64).reshape(-1, len(HEAD))
        if head != HEAD or (table < 0).any() or (np.diff(table[:, 0]) <= 0).any():
            raise ValueError(f"not {', '.join(HEAD)} in ascending order")
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: {error}") from error
    return table


def _table(folder: Path, row: Row) -> Any | None:
    path = folder / FOLDER / f"{plan.slug(row['experiment'], row.get('variant') or '', row['stack'], point(row), row['repeat'])}.csv"
    return _read(path, path.stat().st_mtime_ns) if path.is_file() else None


@dataclass(frozen=True)
class Gathered:
    """Of a line: of all its repeats together, and of each."""

    responses: Distribution
    starts: Distribution
    repeats: tuple[Distribution, ...]


def gather(folder: Path, line: Line) -> Gathered | None:
    """None: nothing was kept, or nothing was answered."""
    tables = [table for row in line.rows if (table := _table(folder, row)) is not None and table[:, 1].any()]
    if not tables:
        return None
    values, place = np.unique(np.concatenate([table[:, 0] for table in tables]), return_inverse=True)
    counts = [np.bincount(place, weights=np.concatenate([table[:, column] for table in tables])).astype(np.int64) for column in (1, 2)]
    return Gathered(*(_distribution(values, count) for count in counts), tuple(_distribution(table[:, 0], table[:, 1]) for table in tables))
