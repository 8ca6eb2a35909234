# SPDX-License-Identifier: BSD-3-Clause
"""Result rows: experiments/schema.json has all that one may have, its versions, and what is kept beside them."""
import csv
import json
from dataclasses import replace

import pytest
from conftest import ROOT
from runner import byhand, claims, classify, cluster, compare, cpustat, device, evidence, gather, layout, manifest, measure, netns, pack, plan, report, resume, rows
from runner import sampling, scenario, summary
from runner.errors import CannotRun, UsageError
from runner.procs import ChildFailed
from test_inventory import parse, window
from test_repro_parts import make_row

NESTED = {"breakdown", "intervals", "failures", "client_counters", "server_counters"}


def write(folder, *found):
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in found))
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


# --- all that a row may have

def test_columns_are_the_fields_of_one_value(tmp_path):
    rows.RowFile(tmp_path).add(make_row(app="tls", failures={"ETIMEDOUT": 1}))
    head, line = csv.reader((tmp_path / "rows.csv").open(newline=""))
    known = rows.schema()["properties"]
    assert head == [name for name in known if name not in NESTED] and dict(zip(head, line))["app"] == "tls"
    assert NESTED == {name for name, rule in known.items() if {"array", "object"} & {*([rule["type"]] if isinstance(rule.get("type"), str) else rule.get("type", []))}}
    assert all(name in rows.schema()["description"] for name in NESTED)


def test_a_field_that_nobody_declared_is_an_error_that_names_it(tmp_path):
    row = make_row() | {"resident": 5}
    assert ["'resident' was unexpected" in text for text in rows.faults(row)] == [True]
    assert rows.faults(rows.complete(row)) == rows.faults(row)
    with pytest.raises(UsageError, match=r"rows.jsonl:1: .*'resident' was unexpected"):
        rows.read(write(tmp_path, row))
    rows.RowFile(tmp_path).add(make_row())
    head, line = (tmp_path / "rows.csv").read_text().splitlines()
    (tmp_path / "rows.csv").write_text(f"{head},resident\n{line},5\n")
    with pytest.raises(UsageError, match=r"rows.csv:2: .*'resident' was unexpected"):
        byhand.read_csv(tmp_path / "rows.csv")
    inside = make_row(breakdown=[{"method": "perf", "attribution": "leaf", "cpus": "all", "shares": {}, "extra": 1}])
    assert "'extra' was unexpected" in rows.faults(inside)[0]


def test_a_program_that_writes_such_a_field_has_no_row(monkeypatch, tmp_path):
    monkeypatch.setattr(measure, "_here", lambda run, site: make_row() | {"resident": 5})
    with pytest.raises(ChildFailed, match="the row is not as experiments/schema.json wants it: .*'resident' was unexpected"):
        measure.measure(a_run("concurrency", "mtcp"), measure.Site("none", tmp_path / "scratch", layout.NONE))


def test_what_is_judged_compared_and_joined_by_is_a_field():
    known = set(rows.schema()["properties"])
    assert set(summary.METRICS) | set(summary._LOAD) | set(evidence._OF_THE_RATE) <= known
    named = [(claim["name"], claim["metric"]) for claim in claims.load() if "metric" in claim]
    named += [(found.name, name) for found in scenario.load_all().values() for name in (found.metric, *(plot.metric for plot in found.plots)) if name]
    named += [(claim["name"], field) for claim in claims.load() for name in claim.get("counts", ()) for field in {name, name if name == "stuck" else f"{name}_total"}]
    named += [("gather", name) for name in (*gather._SUMS, *gather._SERVERS, *gather._WORST, *gather._QUANTILES)]
    assert [(where, name) for where, name in named if name not in known] == []


def test_rows_of_version_5_are_read_less_what_is_no_field(tmp_path, monkeypatch):
    """It checked no field that it did not know, and rows.csv had none of them."""
    old = make_row(schema_version=5, app="http", opened_per_s=9.5, failures={"EIO": 2}) | {"schema_version": 5, "resident": 5}
    del old["accepted"], old["listener_pauses"]
    found, = rows.read(write(tmp_path, old))
    assert (found["app"], found["opened_per_s"], found["failures"], found["schema_version"]) == ("http", 9.5, {"EIO": 2}, 6) and "resident" not in found
    assert resume.rows_of(tmp_path) == [found]
    with (tmp_path / "rows.csv").open("w", newline="") as file:
        flat = csv.DictWriter(file, [name for name in rows.columns() if name in old and name not in ("app", "opened_per_s")], extrasaction="ignore")
        flat.writeheader()
        flat.writerow(old)
    by_hand, = byhand.read_csv(tmp_path / "rows.csv")
    assert by_hand["schema_version"] == 6 and by_hand["app"] is None and by_hand["concurrency"] == 8192
    manifest.write(tmp_path, {"command": "./repro run concurrency", "skipped": {}, "failures": []})
    assert report.rebuild(tmp_path)[0] == [found]
    with pytest.raises(CannotRun, match="names no commit"):  # it got as far as the sources: the rows were read
        pack.main(tmp_path, None)


def test_a_row_may_lack_what_the_schema_does_not_require(tmp_path):
    """Whoever reads it gets all columns."""
    for name in "ab":
        (tmp_path / name).mkdir()
        lacking = [{name: row[name] for name in rows.schema()["required"]} for experiment in scenario.load_all()
                   for row in [make_row(experiment=experiment)]]
        write(tmp_path / name, *lacking)
        manifest.write(tmp_path / name, {"command": "./repro run all", "skipped": {}, "failures": []})
    assert all(set(row) == set(rows.schema()["properties"]) for row in report.rebuild(tmp_path / "a")[0])
    assert compare.main(tmp_path / "a", tmp_path / "b", 5.0) == 0


def test_a_later_rows_csv_is_refused(tmp_path):
    rows.RowFile(tmp_path).add(make_row() | {"schema_version": 7})
    with pytest.raises(UsageError, match="rows.csv:2: schema_version 7: this repository reads 1 to 6"):
        byhand.read_csv(tmp_path / "rows.csv")


def test_figures_by_hand_have_what_only_one_experiment_is_about(tmp_path):
    """What `idle` is about, and which application it was: rows.csv had neither."""
    row = make_row(experiment="idle", concurrency=1000, resident_per_connection=350.5, opened_per_s=1e6, app="echo")
    rows.RowFile(tmp_path).add(row)
    assert byhand.read_csv(tmp_path / "rows.csv") == [row]


# --- what programs write

def a_run(name, stack, point=None):
    """Of an experiment, shorter; of ours over the ring."""
    found = plan.make([scenario.load_all()[name]], plan.Options("quick", device=device.parse("ring")))
    run = next(run for run in found if run.stack == stack and (run.in_process or not run.over_device))
    return replace(run, point=point or run.point, timing=scenario.Timing(0.1, 0.2))


@pytest.fixture
def programs_rows(monkeypatch):
    """Those that programs wrote while a test ran."""
    found, read = [], rows.read_program
    monkeypatch.setattr(rows, "read_program", lambda path: found.append(read(path)) or found[-1])
    return found


def undeclared(row):
    """What of a program's own row is not as the schema has it; it need not have all, and may not know."""
    import jsonschema

    known = rows.schema()["properties"]
    own = known | {"notes": {"type": "array", "items": {"type": "string"}}}
    rule = {"additionalProperties": False, "properties": {name: {"anyOf": [found, {"type": "null"}]} for name, found in own.items()},
            "patternProperties": {"_histogram$": {"type": "array"}}}  # loads on several hosts are joined by these
    return [f"{list(error.path)}: {error.message}" for error in jsonschema.Draft202012Validator(rule).iter_errors(row)]


@pytest.mark.parametrize("name, stack, point, fields", [
    ("concurrency", "mtcp", 64, {"app": "echo", "mode": "server inline, load inline"}), ("concurrency", "mtcp-paired", 64, {"mode": "server paired, load inline"}),
    ("scaling", "mtcp", 1, {"mode": "server inline, load inline, one thread"}), ("bulk", "mtcp", 4, {"app": "bulk"}), ("tls", "mtcp", 16, {"app": "tls"}),
    ("web-replay", "mtcp", 64, {"app": "replay"}), ("static-web", "mtcp", 16, {"app": "http"}), ("gap", "packet-io", None, {"resident_bytes": None, "steady": None, "client_cpu_s": None, "client_busy": None, "generator_lag": None, "generator_limited": None}),
    ("concurrency", "kernel", 64, {"mode": None, "client_counters": None, "server_counters": None}), ("concurrency", "kernel-uring", 64, {}),
    ("bulk", "kernel-tuned", 4, {}), ("tls", "kernel", 16, {})])
def test_the_row_of_every_program_is_declared(name, stack, point, fields, build_dir, programs_rows, monkeypatch, tmp_path):
    monkeypatch.setenv("MTCP_BIN", str(build_dir / "bin"))
    site = measure.Site(netns.best_kind()[0], tmp_path / "scratch", layout.usual(cpustat.usable_cores()))
    try:
        row = measure.measure(a_run(name, stack, point), site)
    except ChildFailed as error:
        if error.code == CannotRun.status:
            pytest.skip(str(error))
        raise
    assert set(row) == set(rows.schema()["properties"]) and row["transactions"] > 0 and {name: row[name] for name in fields} == fields
    assert [undeclared(found) for found in programs_rows] == [[]] * (2 if stack.startswith("kernel") else 1)
    if stack.startswith("kernel"):
        assert row["accepted"] >= 0 and row["listener_pauses"] == 0 and row["server_threads"] >= 1
        assert programs_rows[1]["server_user_s"] + programs_rows[1]["server_system_s"] <= programs_rows[1]["server_cpu_s"] + 0.011
        joined_on_hosts(programs_rows, row)
    elif stack != "packet-io":
        assert row["client_counters"] and row["server_counters"] and row["resident_bytes"] > 0 and row["opened_per_s"] != 0


def joined_on_hosts(found, alone):
    """The same programs' rows as several hosts would join them: nothing else is in it, and what one end knows is kept."""
    load, server = found[0] | {"steal_s": 0.25}, found[1] | {"steal_s": 0.5}
    run, known = a_run(alone["experiment"], alone["stack"]), parse(clients={"hosts": ["b", "c"]})
    hosts = cluster.Cluster(known, told={host.name: {"interfaces": {}, "boot": host.name, "cpu_mhz": 2000} for host in known.hosts})
    row = gather.join(server, {"b": load | {"latency_histogram": [[1000, 5]] if load["latency_max_us"] else []}, "c": load}, window(0, 1), {"b": window(0, 1), "c": window(0, 1)}, 1)
    row = hosts._finish(row | {"command": "x"}, run, list(known.clients), window(0, 1))
    row = {name: value for name, value in row.items() if not name.endswith("_histogram")}
    assert rows.faults(row) == [] and set(row) == set(rows.schema()["properties"])
    assert (row["steal_s"], row["accepted"], row["server_user_s"], row["client_counters"]) == (1.0, server["accepted"], server["server_user_s"], None)
