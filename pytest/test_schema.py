# SPDX-License-Identifier: BSD-3-Clause
"""Versions of result rows, and what is kept beside them."""
import json

import pytest
from conftest import ROOT
from runner import classify, manifest, rows, sampling, scenario
from runner.errors import UsageError
from test_repro_parts import make_row


def write(folder, row):
    (folder / "rows.jsonl").write_text(json.dumps(row) + "\n")
    return folder


def test_rows_and_manifest_say_their_version():
    assert make_row()["schema_version"] == rows.version() == manifest.begin([], 1)["schema_version"]
    assert rows.columns()[0] == "schema_version"


def test_rows_of_the_first_version_are_read(tmp_path):
    old = {name: value for name, value in make_row().items() if name not in ("schema_version", "command")}
    found = rows.read(write(tmp_path, old))[0]
    assert found["schema_version"] == rows.version() and found["concurrency"] == 8192


@pytest.mark.parametrize("wrong", [{"axis": "stack"}, {"server_cores": "abc"}, {"server_cores": ""}])
def test_what_is_reckoned_with_is_checked_first(tmp_path, wrong):
    with pytest.raises(UsageError, match=f"rows.jsonl:1: {next(iter(wrong))}"):
        rows.read(write(tmp_path, make_row() | wrong))


def test_every_axis_is_a_column_that_rows_may_name():
    assert {column for column, _ in scenario.AXES.values()} == {name for name in rows.schema()["properties"]["axis"]["enum"] if name}


@pytest.mark.parametrize("version", [rows.version() + 1, 0, "2"])
def test_rows_of_another_version_are_refused_with_what_to_do(tmp_path, version):
    with pytest.raises(UsageError, match="schema_version .* reads 1 to .*; take the one that wrote these rows"):
        rows.read(write(tmp_path, make_row() | {"schema_version": version}))


def test_stacks_are_folded_outermost_first():
    found = list(classify.parse((ROOT / "pytest" / "perf_script.txt").read_text().splitlines()))
    text = sampling.folded(found, [0])
    assert "swapper;do_idle_[k];default_idle_[k];pv_native_safe_halt_[k] 1\n" in text
    assert "mtcp-server;worker_run;__send;__x64_sys_sendto_[k];tcp_sendmsg_locked_[k];" in text
    assert "mtcp-pair" not in text and sampling.folded(found, [1]).count("mtcp-pair") > 3
    assert sampling.folded(found + found, [0]).splitlines()[0].endswith(" 2")
