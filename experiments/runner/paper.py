# SPDX-License-Identifier: BSD-3-Clause
"""The paper's own numbers, as far as experiments/paper-points.toml has them."""
from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache

from runner.places import EXPERIMENTS

KINDS = ("ratio", "value", "kernel-share")
STATUSES = ("verified", "unverified")


@dataclass(frozen=True)
class Point:
    experiments: tuple[str, ...]
    kind: str
    metric: str
    label: str
    low: float
    high: float
    source: str
    status: str

    @property
    def name(self) -> str:
        """As a figure has it."""
        return f"paper: {self.label}{'' if self.status == 'verified' else ' (unverified)'}"


@cache
def load() -> tuple[Point, ...]:
    with (EXPERIMENTS / "paper-points.toml").open("rb") as file:
        raw = tomllib.load(file)["point"]
    return tuple(Point(tuple(item["experiments"]), item["kind"], item["metric"], item["label"], item.get("low", item.get("value")),
                       item.get("high", item.get("value")), item["source"], item["status"]) for item in raw)


def points(experiment: str, kind: str, metric: str = "") -> list[Point]:
    """Of an experiment; of one metric where that is given."""
    return [point for point in load() if experiment in point.experiments and point.kind == kind and metric in ("", point.metric)]
