# SPDX-License-Identifier: BSD-3-Clause
"""./repro pack: whole, checksummed, the same bytes each time, and enough to judge again."""
import json
import os
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
from conftest import ROOT
from runner import manifest, pack, report, resume, rows
from runner.errors import CannotRun, UsageError
from test_repro_parts import make_row


def git(*words):
    return subprocess.run(["git", "-C", str(ROOT), "-c", "safe.directory=*", *words], capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture(scope="module")
def commit():
    try:
        return git("rev-parse", "HEAD")
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")


@pytest.fixture
def results(tmp_path, commit):
    """A folder as ./repro run leaves it, with what does not belong into the archive."""
    folder = tmp_path / "2026-01-02"
    folder.mkdir()
    file = rows.RowFile(folder)
    for stack, rate in (("mtcp", 400_000), ("kernel", 10_000)):
        file.add(make_row(stack, 8192, 1, rate))
    manifest.write(folder, {"command": "./repro run", "started": "2026-01-02", "source": {"commit": commit, "dirty": False}})
    report.rebuild(folder)
    (folder / "wire.pcapng").write_text("large")
    (folder / "figures" / "secret").symlink_to("/etc/hostname")
    return folder


def unpacked(archive, folder):
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data") if hasattr(tarfile, "data_filter") else tar.extractall(folder)
    return next(folder.iterdir())


def test_it_is_whole_and_can_be_checked_and_judged_again(results, tmp_path, repro, commit):
    done = repro("pack", str(results))
    archive = tmp_path / "2026-01-02.tar.gz"
    assert done.returncode == 0 and f"packed: {archive}" in done.stdout
    subprocess.run(["sha256sum", "-c", "--quiet", f"{archive.name}.sha256"], cwd=tmp_path, check=True)
    (tmp_path / "elsewhere").mkdir()
    inside = unpacked(archive, tmp_path / "elsewhere")
    subprocess.run(["sha256sum", "-c", "--quiet", "--strict", "SHA256SUMS"], cwd=inside, check=True)
    listed = {line.split("  ")[1] for line in (inside / "SHA256SUMS").read_text().splitlines()}
    found = {path.relative_to(inside).as_posix() for path in inside.rglob("*") if path.is_file()}
    assert listed == found - {"SHA256SUMS"} and {"report.html", "rows.csv", "manifest.json", "figures/concurrency.png", "README.txt"} <= listed
    assert not any("secret" in name or "pcapng" in name for name in found)
    assert (inside / "source" / "COMMIT").read_text().strip() == commit
    subprocess.run(["tar", "xf", f"source/mtcp-{commit[:12]}.tar"], cwd=inside, check=True)
    again = subprocess.run(["./repro", "report", ".."], cwd=inside / "mtcp", capture_output=True, text=True,
                           env=os.environ | {"MTCP_PACKAGES": "assume", "MTCP_CHROMIUM": ""}, timeout=120)
    assert again.returncode in (0, 1) and not again.stderr and "concurrency-8k" in again.stdout


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout of one file, as the sources."""
    root = tmp_path / "outer"
    (root / "experiments").mkdir(parents=True)
    (root / "experiments" / "known").write_text("x")
    for words in (["init", "-q"], ["add", "-A"], ["-c", "user.name=x", "-c", "user.email=x@x", "commit", "-q", "-m", "x"]):
        subprocess.run(["git", "-C", str(root), *words], check=True)
    monkeypatch.setattr(manifest, "ROOT", root)
    return root


def test_sources_that_git_does_not_track_are_told_and_not_packed(results, checkout):
    before = {"source": manifest.source(), "machine": {}}
    assert before["source"]["untracked"] == {} and before["source"]["commit"]
    new = checkout / "experiments" / "new.toml"
    new.write_text("name")
    then = {"source": manifest.source(), "machine": {}}
    assert list(then["source"]["untracked"]) == ["experiments/new.toml"] and then["source"]["dirty"] is False
    assert resume.differences(then, then) == [] and "untracked files" in resume.differences(before, then)[0]
    new.write_text("other")
    assert "untracked files" in resume.differences(then, {"source": manifest.source(), "machine": {}})[0]
    manifest.write(results, manifest.read(results) | {"source": manifest.read(results)["source"] | {"untracked": then["source"]["untracked"]}})
    with pytest.raises(CannotRun, match=r"does not track: experiments/new\.toml: git add"):
        pack.archive(results, "x")


def test_a_commit_that_is_none_is_no_word_for_git(results, tmp_path, repro):
    precious = tmp_path / "precious"
    precious.write_text("x")
    about = manifest.read(results)
    manifest.write(results, about | {"source": {"commit": f"--output={precious}", "dirty": False}})
    done = repro("pack", str(results))
    assert done.returncode == 2 and "is not a commit's name" in done.stderr and done.stderr.count("\n") == 1
    assert precious.read_text() == "x"


def test_a_folder_named_by_its_parts_is_packed_under_its_name(results, monkeypatch):
    monkeypatch.chdir(results / "figures")
    assert pack.main(Path(".."), None) == 0
    assert unpacked(results.parent / f"{results.name}.tar.gz", results.parent / "elsewhere").name == results.name


def test_what_cannot_be_written_is_one_line(results, repro):
    (results / "report.html").unlink()
    (results / "report.html").mkdir()
    done = repro("report", str(results))
    assert done.returncode == 3 and "report.html" in done.stderr and done.stderr.count("\n") == 1, done.stderr


def test_sources_inside_another_checkout_are_not_of_its_commit(checkout, monkeypatch):
    monkeypatch.setattr(manifest, "ROOT", checkout / "experiments")
    assert manifest.source()["commit"] is None


def test_the_same_folder_gives_the_same_bytes(results, tmp_path):
    first = pack.archive(results, "x")
    copy = tmp_path / "copy"
    shutil.copytree(results, copy, symlinks=True)
    for path in copy.rglob("*"):
        os.utime(path, (1, 1), follow_symlinks=False)
    os.chmod(copy / "rows.csv", 0o600)
    assert pack.archive(copy, "x") == first
    with (copy / "rows.csv").open("a") as file:
        file.write("\n")
    assert pack.archive(copy, "x") != first


def test_a_changed_file_is_noticed(results, tmp_path):
    (tmp_path / "x.tar.gz").write_bytes(pack.archive(results, "x"))
    (tmp_path / "there").mkdir()
    inside = unpacked(tmp_path / "x.tar.gz", tmp_path / "there")
    (inside / "rows.csv").write_text("better numbers\n")
    done = subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=inside, capture_output=True, text=True)
    assert done.returncode == 1 and "rows.csv: FAILED" in done.stdout


def test_changed_sources_go_along_as_a_difference(results, tmp_path, commit):
    """Of the commit before, so that there is a difference whatever the state of this tree."""
    try:
        before = git("rev-parse", f"{commit}~1")
    except subprocess.CalledProcessError:
        pytest.skip("the checkout has one commit only")
    differs = manifest.digest(manifest.changes_since(before))
    manifest.write(results, {"command": "./repro run", "source": {"commit": before, "dirty": True, "diff": differs}})
    (tmp_path / "x.tar.gz").write_bytes(pack.archive(results, "x"))
    (tmp_path / "there").mkdir()
    inside = unpacked(tmp_path / "x.tar.gz", tmp_path / "there")
    line = next(line for line in (inside / "README.txt").read_text().splitlines() if "tar xf" in line)
    subprocess.run(["sh", "-ec", line], cwd=inside, check=True, capture_output=True)
    name = git("diff", "--name-only", "--diff-filter=AM", before).splitlines()[0]
    assert (inside / "mtcp" / name).read_bytes() == (ROOT / name).read_bytes()


def test_sources_that_have_changed_since_the_run_are_refused(results, commit):
    manifest.write(results, {"command": "./repro run", "source": {"commit": commit, "dirty": True, "diff": "0" * 12}})
    with pytest.raises(CannotRun, match="the sources have changed since"):
        pack.archive(results, "x")


def test_what_cannot_be_packed_says_why(results, tmp_path):
    (results / "report.html").unlink()
    with pytest.raises(UsageError, match="./repro report"):
        pack.main(results, None)
    (results / "report.html").write_text("x")
    with pytest.raises(UsageError, match="--out"):
        pack.main(results, tmp_path / "no" / "such.tar.gz")
    (results / "manifest.json").write_text(json.dumps({"source": {"commit": None}}))
    with pytest.raises(CannotRun, match="names no commit"):
        pack.main(results, None)
    (results / "manifest.json").write_text(json.dumps({"source": {"commit": "0" * 40}}))
    with pytest.raises(CannotRun, match="git archive"):
        pack.main(results, None)


# Programs that experiments/runner starts by name, and the packages that have them. The others are there on any Debian, or asked for only to be told of.
PACKAGES = {
    "ansible-inventory": "ansible-core", "cc": "gcc", "cmake": "cmake", "ctest": "cmake", "ethtool": "ethtool", "gcov": "gcc", "git": "git",
    "gnuplot": "gnuplot-nox", "ip": "iproute2", "ninja": "ninja-build", "nm": "binutils", "nsenter": "util-linux", "perf": "linux-perf",
    "pkg-config": "pkg-config", "setpriv": "util-linux", "unshare": "util-linux", "valgrind": "valgrind"}
EVERYWHERE = {"dpkg-query", "env", "sh", "systemd-detect-virt"}
STARTED = re.compile(r'(?:\w*(?:call|run|Child|Popen|output|which|Holder)\(|(?:argv|guard\w*|git|configure|user) = )\[?"([a-z][a-z0-9-]*)"')


def test_what_the_runner_starts_is_of_listed_packages():
    started = {name for path in (ROOT / "experiments" / "runner").glob("*.py") for name in STARTED.findall(path.read_text())}
    assert started == set(PACKAGES) | EVERYWHERE
    assert set(PACKAGES.values()) <= set(manifest.packages_listed())
