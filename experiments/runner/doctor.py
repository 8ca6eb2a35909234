# SPDX-License-Identifier: BSD-3-Clause
"""What on this machine will hold a run back: first what stops it, then what spoils its numbers. Standard library only."""
from __future__ import annotations

import ctypes
import os
import resource
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from runner import cpustat, layout, netns, sampling
from runner.errors import CannotRun
from runner.manifest import output, packages_listed, text_of
from runner.places import ROOT

_IO_URING_SETUP, _IO_URING_PARAMS = 425, 120  # number of the system call on all processors; bytes of its record
STOPS, SPOILS, TELLS = "stops", "spoils", "ok"
_ORDER = (STOPS, SPOILS, TELLS)


@dataclass(frozen=True)
class Finding:
    level: str
    text: str
    mend: str = ""


def _packages() -> Iterator[Finding]:
    if not shutil.which("dpkg-query"):
        yield Finding(SPOILS, "not a Debian system: packages were not looked at", "install what experiments/packages.txt lists")
        return
    wanted = packages_listed("run")  # as ./repro run installs them
    found = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *wanted],
                           capture_output=True, text=True, check=False).stdout
    there = {line.split()[0] for line in found.splitlines() if line.endswith(" installed")}
    missing = [name for name in wanted if name not in there]
    if missing:
        yield Finding(STOPS, f"missing packages: {' '.join(missing)}",
                      "sudo apt-get update && sudo apt-get install -y --no-install-recommends " + " ".join(missing))
    else:
        yield Finding(TELLS, "all packages that ./repro run needs are installed")


def _disk() -> Iterator[Finding]:
    free = shutil.disk_usage(ROOT).free / 2**30
    if free < 1.0:
        yield Finding(STOPS, f"{free:.1f} GiB free on the disk of {ROOT}; a build and a run need 1", "make room")
    else:
        yield Finding(TELLS, f"{free:.0f} GiB of disk free")


def _memory() -> Iterator[Finding]:
    fields = dict(line.split(":", 1) for line in (text_of("/proc/meminfo") or "").splitlines() if ":" in line)
    free = int(fields.get("MemAvailable", "0 kB").split()[0]) / 2**20
    if free < 2.0:
        yield Finding(SPOILS if free > 1.0 else STOPS, f"{free:.1f} GiB of memory available; beside the harness 48K connections take 0.6, static files 0.9",
                      "end other programs")
    else:
        yield Finding(TELLS, f"{free:.0f} GiB of memory available")


def _cores() -> Iterator[Finding]:
    cores = cpustat.usable_cores()
    here = layout.usual(cores)
    server, load = here.server[0], here.client[0]
    if load == server:
        yield Finding(SPOILS, "one usable core: server and load generator share it", "give this machine or container two cores")
    elif load in layout.siblings(server):
        yield Finding(SPOILS, f"CPUs {server} and {load} are hardware threads of one core: server and load generator share it",
                      "give this machine or container two cores")
    else:
        yield Finding(TELLS, f"{len(here.usable)} usable cores: server on CPU {server}, load generator on CPU {load}")


def _quota() -> Iterator[Finding]:
    share = cpustat.quota()
    if share is not None and share < len(cpustat.usable_cores()):
        yield Finding(SPOILS, f"a control group allows {share:g} cores' worth of time on {len(cpustat.usable_cores())} cores: whoever has used it up stands still "
                      "for tens of milliseconds", "give the container cores instead of time: docker run --cpuset-cpus 0,1, without --cpus; systemd: AllowedCPUs, "
                      "without CPUQuota")


def _network() -> Iterator[Finding]:
    try:
        kind, refused = netns.best_kind()
    except CannotRun as error:
        yield Finding(SPOILS, str(error), "allow user namespaces: sysctl -w kernel.unprivileged_userns_clone=1, or be root")
        return
    if kind == "veth":
        yield Finding(TELLS, "network namespaces as root: veth with receive steering")
    elif kind == "veth-rootless":
        yield Finding(SPOILS, "network namespaces without root: veth, but receive steering (RPS) is refused there",
                      "run as root to compare with the steered kernel")
    else:
        yield Finding(SPOILS, f"no pair of network namespaces ({'; '.join(refused)}): the kernel is measured on the loopback",
                      "allow user namespaces or be root")


def _descriptors() -> Iterator[Finding]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 50_000:
        yield Finding(TELLS, f"descriptor limit {hard}: servers and load generators use several descriptor tables beyond it")
    else:
        yield Finding(TELLS, f"descriptor limit {soft}, raisable to {hard}")


def _perf() -> Iterator[Finding]:
    refusal = sampling.refusal()
    if refusal:
        yield Finding(SPOILS, f"{refusal}: the kernel's time is divided by /proc/stat only",
                      "be root, or: sudo sysctl -w kernel.perf_event_paranoid=-1")
    else:
        yield Finding(TELLS, "perf may sample all processors")


def memory_events_refusal() -> str:
    """Why perf c2c cannot tell which lines of memory cores share; empty where it can."""
    if not shutil.which("perf"):
        return "perf is not installed"
    done = subprocess.run(["perf", "c2c", "record", "-o", os.devnull, "--", "true"], capture_output=True, text=True, check=False)
    return (done.stderr.strip().splitlines() or ["it fails"])[-1] if done.returncode else ""


def _memory_events() -> Iterator[Finding]:
    why = memory_events_refusal()
    yield Finding(TELLS, f"perf c2c cannot look for lines that cores share ({why}): pytest/writeset.py does" if why else
                  "perf c2c may look for lines that cores share (docs/testing.md)")


def _governor() -> Iterator[Finding]:
    governor = text_of("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
    if governor and governor != "performance":
        yield Finding(SPOILS, f"processor governor {governor}: clock rates change while measuring",
                      "sudo cpupower frequency-set -g performance")
    else:
        yield Finding(TELLS, f"processor governor: {governor or 'not for this system to set'}")


def _quiet() -> Iterator[Finding]:
    cores = cpustat.usable_cores()
    before = cpustat.read(cores)
    time.sleep(0.5)
    spent = cpustat.read(cores) - before
    if spent.steal_share > 0.1:
        yield Finding(SPOILS, f"{spent.steal_share:.0%} of processor time is stolen by the host", "wait, or use another machine")
    busy = spent.busy / spent.total if spent.total else 0.0
    if busy > 0.2:
        yield Finding(SPOILS, f"the cores are {busy:.0%} busy with other work", "end other programs")
    if spent.steal_share <= 0.1 and busy <= 0.2:
        yield Finding(TELLS, "the machine is quiet")


def _clock() -> Iterator[Finding]:
    source = text_of("/sys/devices/system/clocksource/clocksource0/current_clocksource")
    if source and source not in ("tsc", "kvm-clock", "arch_sys_counter", "hyperv_clocksource_tsc_page"):
        yield Finding(SPOILS, f"clock source {source}: reading the time is a slow operation", "boot with clocksource=tsc")
    else:
        yield Finding(TELLS, f"clock source {source or 'not told'}")


def _uring() -> Iterator[Finding]:
    refusal = uring_refusal()
    if refusal:
        yield Finding(TELLS, f"io_uring is not available ({refusal}): the baseline kernel-uring is skipped",
                      "sudo sysctl -w kernel.io_uring_disabled=0; in a container, a seccomp profile that allows io_uring_setup")
    else:
        yield Finding(TELLS, "io_uring is available")


def uring_refusal() -> str:
    """Why a program may not set up an io_uring; empty: it may."""
    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.syscall(_IO_URING_SETUP, 1, ctypes.create_string_buffer(_IO_URING_PARAMS))
    if fd >= 0:
        os.close(fd)
        return ""
    disabled = text_of("/proc/sys/kernel/io_uring_disabled")
    return os.strerror(ctypes.get_errno()) + (f", kernel.io_uring_disabled is {disabled}" if disabled and disabled != "0" else "")


def _hugepages() -> Iterator[Finding]:
    total = text_of("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages") or "0"
    yield Finding(TELLS, f"{total} hugepages reserved; none are needed for the ring")


def _dpdk() -> Iterator[Finding]:
    version = output("pkg-config", "--modversion", "libdpdk")
    if version:
        yield Finding(TELLS, f"DPDK {version}")


CHECKS: tuple[Callable[[], Iterator[Finding]], ...] = (
    _packages, _disk, _memory, _cores, _quota, _network, _perf, _memory_events, _quiet, _governor, _clock, _descriptors, _uring, _hugepages, _dpdk)


def examine() -> list[Finding]:
    """All findings, the worst first."""
    found = [finding for check in CHECKS for finding in check()]
    return sorted(found, key=lambda finding: _ORDER.index(finding.level))


def main() -> int:
    found = examine()
    for finding in found:
        print(f"{finding.level:<7} {finding.text}" + (f"\n        mend: {finding.mend}" if finding.mend else ""), flush=True)
    return CannotRun.status if any(finding.level == STOPS for finding in found) else 0
