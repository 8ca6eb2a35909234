# SPDX-License-Identifier: BSD-3-Clause
"""Memory that connections take: of the programs, and of the kernel for its sockets."""
from __future__ import annotations

from pathlib import Path

_KERNEL = ("Slab", "Percpu", "PageTables")  # where sockets, their buffers' heads, files and tables are kept


def _kib(path: Path, names: tuple[str, ...]) -> int:
    """Sum of some lines of a file of /proc, as "Name:  123 kB"; 0 when it cannot be read."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return 0
    fields = (line.split() for line in lines)
    return sum(int(words[1]) for words in fields if len(words) > 1 and words[0].rstrip(":") in names)


def kernel() -> int:
    """Bytes of the kernel's own memory, whoever they are for."""
    return 1024 * _kib(Path("/proc/meminfo"), _KERNEL)


def process(pid: int) -> int:
    """Bytes resident of a process, huge pages included."""
    return 1024 * _kib(Path(f"/proc/{pid}/status"), ("VmRSS", "HugetlbPages"))
