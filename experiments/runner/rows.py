# SPDX-License-Identifier: BSD-3-Clause
"""Result rows: checked by experiments/schema.json, kept as CSV and JSON lines, whole lines only."""
from __future__ import annotations

import csv
import io
import json
import os
from functools import cache
from pathlib import Path
from typing import Any

from runner.errors import UsageError
from runner.places import EXPERIMENTS
from runner.procs import ChildFailed

Row = dict[str, Any]
_CLOSED = 6  # the first version that has no field but the schema's
_PARTS = ("app", "tcpip", "packet_io", "kernel_other", "idle", "unclassified")


@cache
def schema() -> dict[str, Any]:
    return json.loads((EXPERIMENTS / "schema.json").read_text())


def version() -> int:
    """Of the columns that this repository writes."""
    return int(schema()["version"])


def as_present(row: Row, place: str) -> Row:
    """A row of an earlier version as one of this; UsageError, with its place, for one that is later than we know. Before version 6 a
    row could have fields of any name: those that are none of ours are left out."""
    found = 1 if row.get("schema_version") is None else row["schema_version"]
    if not isinstance(found, int) or not 1 <= found <= version():
        raise UsageError(f"{place}: schema_version {found!r}: this repository reads 1 to {version()}; take the one that wrote these rows, or a later one")
    known = row if found >= _CLOSED else {name: value for name, value in row.items() if name in schema()["properties"]}
    return known | {"schema_version": version()}


def columns() -> list[str]:
    """Columns of rows.csv: all but what is nested."""
    return [name for name, rule in schema()["properties"].items() if not {"array", "object"} & set(_types(rule))]


def _types(rule: dict[str, Any]) -> list[str]:
    """That a field may be of; none where its values are listed."""
    found = rule.get("type", [])
    return [found] if isinstance(found, str) else found


@cache
def _validator() -> Any:
    import jsonschema

    return jsonschema.Draft202012Validator(schema())


def faults(row: Row) -> list[str]:
    """What is wrong with a row, one line each."""
    return [f"{'.'.join(map(str, error.path)) or 'row'}: {error.message}" for error in _validator().iter_errors(row)]


def complete(row: Row) -> Row:
    """The row with every column of the schema, absent ones as None, in the schema's order; others stay, for faults() to name."""
    full = {name: row.get(name) for name in schema()["properties"]} | {"schema_version": version()}
    full |= {name: row.get(name) or [] for name, rule in schema()["properties"].items() if "array" in _types(rule)}
    return full | {key: value for key, value in row.items() if key not in full}


class RowFile:
    """rows.csv and rows.jsonl of one run."""

    def __init__(self, folder: Path, kept: list[Row] | None = None):
        """kept: rows that are in rows.jsonl already; rows.csv is made again from them."""
        self._csv = folder / "rows.csv"
        self._jsonl = folder / "rows.jsonl"
        self._csv.write_text(self._line(columns()) + "".join(map(self._flat_line, kept or [])))
        if not kept:
            self._jsonl.write_text("")

    @staticmethod
    def _line(values: list[Any]) -> str:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerow("" if value is None else value for value in values)
        return text.getvalue()

    def add(self, row: Row) -> None:
        _append(self._jsonl, json.dumps(row) + "\n")
        _append(self._csv, self._flat_line(row))

    def _flat_line(self, row: Row) -> str:
        return self._line([_flat(row.get(name)) for name in columns()])


def write_skipped(folder: Path, skipped: dict[str, str]) -> None:
    """skipped.csv: what has no row, and why. A header alone: nothing was skipped."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([("what", "why"), *skipped.items()])
    (folder / "skipped.csv").write_text(text.getvalue())


def _flat(value: Any) -> Any:
    return int(value) if isinstance(value, bool) else value


def _append(path: Path, text: str) -> None:
    """One write: a reader, or whoever looks after Ctrl-C, sees whole lines."""
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)


def read(folder: Path) -> list[Row]:
    """The rows of a run, each with every column. UsageError when there are none, or when one is not a row."""
    path = folder / "rows.jsonl"
    if not path.is_file():
        raise UsageError(f"{folder}: no rows.jsonl there: name a folder that ./repro run wrote")
    found = []
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise UsageError(f"{path}:{number}: not JSON: {error.msg}") from error
        if not isinstance(row, dict):
            raise UsageError(f"{path}:{number}: not an object")
        row = as_present(row, f"{path}:{number}")
        if wrong := faults(row):
            raise UsageError(f"{path}:{number}: {wrong[0]}")
        found.append(complete(row))
    if not found:
        raise UsageError(f"{path}: empty: no run was completed")
    return found


def read_program(path: Path) -> Row:
    """The JSON object that a program wrote; ChildFailed when it is none."""
    try:
        row = json.loads(path.read_text())
    except (OSError, json.JSONDecodeError) as error:
        raise ChildFailed(f"{path.name}: no result: {error}") from error
    if not isinstance(row, dict):
        raise ChildFailed(f"{path.name}: not a JSON object")
    return row


def shares_to_columns(row: Row, shares: dict[str, float]) -> None:
    """Puts a breakdown into the row's cpu_* columns; the kernel undivided counts as kernel_other."""
    known = {"app": shares.get("application"), "kernel_other": shares.get("kernel_other", shares.get("kernel"))}
    for part in _PARTS:
        row[f"cpu_{part}"] = known.get(part) if part in known else shares.get(part)
