# SPDX-License-Identifier: BSD-3-Clause
"""Brings the sources to the hosts of --inventory and builds them there: experiments/cluster/prepare.yml, by Ansible."""
from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
from pathlib import Path
from typing import Any

from runner import remote
from runner.errors import CannotRun
from runner.inventory import Host, Inventory
from runner.places import EXPERIMENTS, ROOT
from runner.procs import Child, ChildFailed

PLAYBOOK = EXPERIMENTS / "cluster" / "prepare.yml"
_NEEDED = ("CMakeLists.txt", "core", "pmd_backends", "experiments/apps", "experiments/runner")  # on a host
_PREPARE_S = 3600.0
_FATAL = re.compile(r"^(?:fatal|failed): \[([^\]]+)\].*?: (UNREACHABLE|FAILED)! => (\{.*\})$")
_TASK = re.compile(r"^TASK \[(.*)\] \**$")
# Nothing of Ansible's outlives the call; each task has a connection of its own.
_ENVIRONMENT = ("ANSIBLE_NOCOLOR=1", "ANSIBLE_STDOUT_CALLBACK=default", "ANSIBLE_PIPELINING=1", "ANSIBLE_SSH_ARGS=-o ControlMaster=no",
                "ANSIBLE_RETRY_FILES_ENABLED=0")


def _git(*words: str) -> str:
    argv = ["git", "-C", str(ROOT), "-c", "safe.directory=*", "-c", "user.name=mtcp", "-c", "user.email=mtcp@localhost", *words]
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CannotRun(f"git: {error}") from error
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise CannotRun(f"git {words[0]}: {said[-1] if said else 'failed'}: sources are copied to hosts from a git checkout: use one, or give "
                        "mtcp_sources where the hosts have them")
    return done.stdout.strip()


def archive(path: Path) -> str:
    """The sources as git tracks them, uncommitted changes with them, as a tar; the name of that state. CannotRun names a file
    that git does not track where hosts need it."""
    if new := _git("ls-files", "--others", "--exclude-standard", "--", *_NEEDED).splitlines():
        raise CannotRun(f"git does not track {', '.join(new[:3])}{' and more' if len(new) > 3 else ''}: hosts would not get it: git add it, or remove it")
    state = _git("stash", "create") or "HEAD"
    _git("archive", "--format=tar", f"--output={path}", state)
    return _git("rev-parse", f"{state}^{{tree}}")[:12]


def sources_of(host: Host, tree: str) -> str:
    """Where they are on the host."""
    return host.sources or f"{host.dir}/{tree}"


def program(host: Host, tree: str, name: str) -> str:
    return f"{host.build or sources_of(host, tree) + '/build'}/bin/{name}"


def _reason(told: dict[str, Any]) -> str:
    """What a task's result says, in a line."""
    text = str(told.get("stderr") or told.get("stdout") or told.get("msg") or "")
    lines = [line.strip() for line in text.splitlines() if line.strip()] or ["failed"]
    return next((line for line in lines if "error" in line.lower()), lines[-1])


def failures(lines: list[str], hosts: dict[str, Host]) -> list[str]:
    """What ansible-playbook said of hosts that could not be prepared, with the mend."""
    task, said = "", []
    for line in lines:
        if found := _TASK.match(line):
            task = found[1]
        elif found := _FATAL.match(line):
            name, kind, text = found.groups()
            why = _reason(json.loads(text))
            if kind == "UNREACHABLE":
                words = shlex.join(remote.ssh(hosts[name])) if name in hosts else "ssh"
                said.append(f"host {name} cannot be reached: {why}: see whether `{words} true` works")
            else:
                said.append(f"host {name}: {task}: {why}")
    return said


def prepare(inventory: Inventory, scratch: Path) -> str:
    """Runs the playbook; the name of the sources' state. CannotRun names the hosts that failed."""
    tree, words = "", {}
    if any(not host.sources for host in inventory.hosts):
        tar = scratch / "sources.tar"
        tree = archive(tar)
        words = {"mtcp_archive": str(tar), "mtcp_tree": tree}
    child = Child(["env", *_ENVIRONMENT, f"ANSIBLE_FORKS={len(inventory.hosts)}", "ansible-playbook", "-i", str(inventory.path),
                   "-e", json.dumps(words), str(PLAYBOOK)], "ansible-playbook")
    lines: list[str] = []
    try:
        child.wait_line(lambda line: bool(lines.append(line)), _PREPARE_S)
    except ChildFailed as error:
        if error.code:
            said = failures(lines, {host.name: host for host in inventory.hosts})
            raise CannotRun("; ".join(said) or str(error)) from error
        if error.code is None:
            raise CannotRun(str(error)) from error
    finally:
        child.stop(signal.SIGINT)
    return tree
