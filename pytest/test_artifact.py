# SPDX-License-Identifier: BSD-3-Clause
"""What outsiders are given: citation, artifact description, container and workflow say what is there."""
import json
import os
import re
import subprocess

import pytest
from conftest import ROOT
from runner import claims, paper, scenario

yaml = pytest.importorskip("yaml")
WORKFLOWS = [ROOT / "experiments" / "ci" / "workflow.yml", ROOT / ".github" / "workflows" / "report.yml"]
TESTS = ROOT / ".github" / "workflows" / "test.yml"
DOCKERFILE = ROOT / "experiments" / "ci" / "Dockerfile"


def instructions():
    """Of the Dockerfile: (word, rest), continued lines joined."""
    text = re.sub(r"^#.*\n", "", DOCKERFILE.read_text(), flags=re.MULTILINE)
    return [line.split(None, 1) for line in re.sub(r"\\\n", " ", text).splitlines() if line.strip()]


def steps(path):
    return [step for job in yaml.safe_load(path.read_text())["jobs"].values() for step in job["steps"]]


def test_the_citation_has_what_the_format_wants():
    found = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert found["cff-version"] == "1.2.0" and all(found[key] for key in ("message", "title", "authors", "license"))
    assert found["references"][0]["year"] == 2014 and len(found["references"][0]["authors"]) == 7
    assert found["version"] == re.search(r"^project\(mtcp VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text(), re.MULTILINE)[1]


def test_what_the_paper_says_of_a_stack_that_cannot_be_measured_is_quoted():
    told = re.findall(r"^\| MegaPipe.*\(`([a-z-]+)`\), quoted \| mTCP ([0-9.]+)x MegaPipe \|.*\[p\] \| never measured \| - \|$", (ROOT / "paper-repro.md").read_text(), re.MULTILINE)
    known = [point for point in paper.load() if point.label.startswith("MegaPipe") and point.kind == "ratio"]
    assert sorted(told) == sorted((point.experiments[0], f"{point.low:g}") for point in known) and len(told) == 2
    assert all(point.status == "verified" for point in known)


def test_the_artifact_names_claims_and_experiments_that_exist():
    text = (ROOT / "docs" / "artifact.md").read_text()
    table = re.findall(r"^\|[^|]+\| ((?:`[a-z0-9-]+`(?:, )?)+) \| `\./repro run ([^`]+)` \|$", text, re.MULTILINE)
    known = {claim["name"]: claim for claim in claims.load()}
    told = re.findall(r"`([^`]+)`", " ".join(names for names, _ in table))
    assert sorted(told) == sorted(claim["name"] for claim in known.values() if claim["kind"] == "claim")
    for names, command in table:
        experiments = command.split()
        assert set(experiments) <= set(scenario.load_all())
        for name in re.findall(r"`([^`]+)`", names):
            assert known[name]["kind"] == "claim" and known[name]["experiment"] in experiments
    for name in re.findall(r"\]\(([^)#:]+)\)", text + (ROOT / "docs" / "ci.md").read_text()):
        assert (ROOT / "docs" / name).exists(), name


def test_what_was_built_here_does_not_enter_the_container():
    """At the root of the tree, where every builder looks: programs of the host would be taken for its own."""
    assert {"build*", "results"} <= set((ROOT / ".dockerignore").read_text().split())


def test_the_container_is_of_known_instructions_and_an_ordinary_user():
    found = instructions()
    assert {word for word, _ in found} <= {"FROM", "COPY", "RUN", "WORKDIR", "USER", "ENTRYPOINT", "CMD"}
    assert found[0] == ["FROM", "debian:bookworm-slim"] and [rest for word, rest in found if word == "USER"] == ["mtcp"]
    assert "--privileged" not in DOCKERFILE.read_text()
    for word, rest in found:
        if word == "RUN":
            assert subprocess.run(["sh", "-n", "-c", rest], capture_output=True).returncode == 0, rest
        if word == "COPY":
            assert (ROOT / rest.split()[-2]).exists()


@pytest.mark.parametrize("failures, status, well", [([], 0, True), ([], 1, True), ([{"run": "x", "why": "y"}], 1, False), ([], 3, False)])
def test_an_image_whose_first_run_failed_is_none(tmp_path, failures, status, well):
    """Status 1 is a claim's, too: the manifest tells which."""
    first = tmp_path / "first"
    first.mkdir()
    (first / "manifest.json").write_text(json.dumps({"failures": failures}))
    (tmp_path / "repro").write_text(f"#!/bin/sh\nexit {status}\n")
    (tmp_path / "repro").chmod(0o755)
    line, = (rest for word, rest in instructions() if word == "RUN" and "./repro" in rest)
    done = subprocess.run(["sh", "-c", line.replace("/tmp/first", str(first))], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode == 0) is well and first.exists() is not well, done.stderr


@pytest.mark.parametrize("path", [*WORKFLOWS, TESTS], ids=lambda path: path.name)
def test_workflows_are_of_known_steps(path):
    for step in steps(path):
        assert ("run" in step) != ("uses" in step)
        if "run" in step:
            assert subprocess.run(["bash", "-n", "-c", re.sub(r"\$\{\{.*?\}\}", "x", step["run"])], capture_output=True).returncode == 0
        else:
            assert re.fullmatch(r"actions/[a-z-]+@v\d+", step["uses"])


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_run_what_is_there(path):
    text = path.read_text()
    assert set(yaml.safe_load(text)["jobs"]) == {"quick", "publish"}
    assert "experiments/ci/Dockerfile" in text and "mtcp run --quick" in text and "mtcp pack" in text


def test_every_change_has_all_tests():
    """In a container of the Debian whose packages are listed; instruction counts are one of the stages of ./repro test."""
    told = yaml.safe_load(TESTS.read_text())
    assert {"push", "pull_request"} <= set(told[True])  # YAML's word for on
    assert told["jobs"]["test"]["container"]["image"] == instructions()[0][1]
    command, = (step["run"] for step in steps(TESTS) if step.get("name") == "Test")
    assert os.access(ROOT / command, os.X_OK) and (ROOT / command).read_text().splitlines()[-1].endswith("exec ./repro test")
    assert "bench-check" in (ROOT / "experiments" / "runner" / "suite.py").read_text()


@pytest.mark.parametrize("change, status", [({}, 0), ({"failures": [{"run": "x", "why": "y"}]}, 1), ({"failed_checks": ["no-failures"]}, 1),
                                            ({"state": "interrupted"}, 1), ({"failed_checks": None}, 1)])
def test_workflows_stop_where_a_run_or_a_check_failed(tmp_path, change, status):
    (tmp_path / "results" / "quick").mkdir(parents=True)
    about = {"state": "complete", "failures": [], "failed_checks": []} | change
    (tmp_path / "results" / "quick" / "manifest.json").write_text(json.dumps(about))
    step = next(step for step in steps(WORKFLOWS[0]) if step.get("name") == "Sound")
    assert subprocess.run(["bash", "-ec", step["run"]], cwd=tmp_path, capture_output=True).returncode == status


def test_both_workflows_do_the_same():
    example, own = ([step.get("run") for step in steps(path)] for path in WORKFLOWS)
    assert example == own
