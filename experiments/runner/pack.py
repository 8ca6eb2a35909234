# SPDX-License-Identifier: BSD-3-Clause
"""./repro pack: a run as one archive that needs nothing else: results, report, sources, checksums. The same folder and the
same sources give the same bytes."""
from __future__ import annotations

import gzip
import hashlib
import io
import re
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

from runner import manifest, rows
from runner.errors import CannotRun, UsageError
from runner.places import ROOT

_FILES = ("rows.csv", "rows.jsonl", "skipped.csv", "manifest.json", "report.html", "report.pdf")
_FOLDERS = ("figures", "functions", "latencies", "stacks")
_SUMS = "SHA256SUMS"

_README = """{name}: results of mtcp, a user-level TCP stack, against the Linux kernel
{line}
made by        {command}
at             {started}
sources        {sources}

report.html    open it in a browser; report.pdf, where there is one, is its print
rows.csv       a line for each measured run; rows.jsonl: with breakdowns and counters, too; manifest.json: machine, settings, versions
figures/       SVG and PNG, with the data that they show; stacks/, functions/: where perf found the server's cores
latencies/     of the experiments that draw them: how many responses took how long, and how late the load began, for each run

Is it whole?           sha256sum -c {sums}
Figures and verdicts again, from the rows:
    {unpack}
    cd mtcp && ./repro report ..
Measure again:
    ./repro run ...    as above, with a new --out
"""


@dataclass(frozen=True)
class _Sources:
    files: dict[str, bytes]   # by name in the archive
    told: str
    unpack: str               # how a reader gets at them
    time: int                 # of the commit, seconds since 1970: the time of everything in the archive


def _git(*words: str) -> bytes:
    try:
        done = subprocess.run(["git", "-C", str(ROOT), "-c", "safe.directory=*", *words], stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=120, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CannotRun(f"git: {error}") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise CannotRun(f"git {words[0]}: {said[-1] if said else 'failed'}")
    return done.stdout


def _changes(commit: str, digest: object) -> bytes:
    """The run's own: refused where the sources are others by now, as they are kept nowhere else."""
    found = manifest.changes_since(commit)
    if found is None or manifest.digest(found) != digest:
        raise CannotRun(f"the run was made from {commit[:12]} with uncommitted changes, and the sources have changed since: "
                        "bring them back to that state, or commit and measure again")
    return found


def _sources(about: dict[str, object]) -> _Sources:
    """Of the commit that the rows are from, and the changes that the tree had then."""
    source = about.get("source")
    known = source if isinstance(source, dict) else {}
    commit = str(known.get("commit") or "")
    if not commit:
        raise CannotRun("manifest.json names no commit: the sources were not a git checkout, so they cannot be packed")
    if not re.fullmatch("[0-9a-f]{7,64}", commit):  # git would take --output=FILE for an option
        raise UsageError(f"manifest.json: source: commit: {commit!r} is not a commit's name")
    if known.get("untracked"):
        raise CannotRun(f"the run was made with files that git does not track: {', '.join(known['untracked'])}: git add them and measure again")
    files = {f"mtcp-{commit[:12]}.tar": _git("archive", "--format=tar", "--prefix=mtcp/", commit)}
    unpack = f"tar xf source/mtcp-{commit[:12]}.tar"
    told = f"commit {commit}"
    if known.get("dirty"):
        files["changes.diff"] = _changes(commit, known.get("diff"))
        told += " and uncommitted changes, source/changes.diff"
        unpack += " && (cd mtcp && GIT_CEILING_DIRECTORIES=$OLDPWD git apply ../source/changes.diff)"
    files["COMMIT"] = f"{commit}\n".encode()
    return _Sources(files, told, unpack, int(_git("show", "-s", "--format=%ct", commit)))


def _results(folder: Path) -> dict[str, bytes]:
    """What belongs to the results; captures and what others put there do not."""
    paths = [folder / name for name in _FILES]
    paths += [path for name in _FOLDERS for path in (folder / name).rglob("*")]
    return {path.relative_to(folder).as_posix(): path.read_bytes()
            for path in paths if path.is_file() and not path.is_symlink() and not path.name.startswith(".")}


def _entry(name: str, data: bytes, time: int) -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.size, found.mtime, found.mode = len(data), time, 0o644
    return found


def archive(folder: Path, name: str) -> bytes:
    """The bytes of NAME.tar.gz: all below NAME/, sorted, of one time and owner."""
    about = manifest.read(folder)
    sources = _sources(about)
    files = _results(folder) | {f"source/{file}": data for file, data in sources.files.items()}
    files["README.txt"] = _README.format(name=name, line="=" * 70, command=about.get("command"), started=about.get("started"),
                                         sources=sources.told, sums=_SUMS, unpack=sources.unpack).encode()
    sums = "".join(f"{hashlib.sha256(files[file]).hexdigest()}  {file}\n" for file in sorted(files))
    files[_SUMS] = sums.encode()
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for file in sorted(files):
            tar.addfile(_entry(f"{name}/{file}", files[file], sources.time), io.BytesIO(files[file]))
    return gzip.compress(out.getvalue(), compresslevel=9, mtime=0)


def main(folder: Path, out: Path | None) -> int:
    """Writes the archive and, beside it, its checksum."""
    rows.read(folder)  # what is packed can be read again
    if not (folder / "report.html").is_file():
        raise UsageError(f"{folder}: no report.html there: ./repro report {folder} makes it")
    folder = folder.resolve()
    target = out or folder.with_name(f"{folder.name}.tar.gz")
    name = target.name.removesuffix(".tar.gz")
    data = archive(folder, name)
    try:
        target.write_bytes(data)
        target.with_name(f"{target.name}.sha256").write_text(f"{hashlib.sha256(data).hexdigest()}  {target.name}\n")
    except OSError as error:
        raise UsageError(f"{target}: {error.strerror}: name a file that can be written with --out") from error
    print(f"packed: {target} ({len(data) / 1e6:.1f} MB), checksum in {target.name}.sha256")
    return 0
