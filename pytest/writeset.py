# SPDX-License-Identifier: BSD-3-Clause
"""Which cache lines do two cores share? python3 pytest/writeset.py [PROGRAM [CONNECTIONS [fault]]]

build/tests/writeset plays two cores of a server and two of a client, build/tests/writeset_ring two self-loop pairs on the DPDK
ring, under valgrind's lackey, which tells the address of each load and store; stores to the markers tell whose turn it is.
A line that one core writes and another reads or writes is shared. Only the wire may be: its rings, between a server's core
and a client's, and its frames; of the pairs' wire nothing.
"""
import re
import subprocess
import sys
import tempfile
from collections import defaultdict

LINE = 64
MARKERS = 0x700000000
SIDES = ((0, 1), (2, 3))  # cores of one stack
_MARK = b" S 700000"  # and three digits: a page of markers
_ACCESS = re.compile(rb" ([LSM]) ([0-9a-f]+),(\d+)")
_SYMBOL_KINDS = "bBdDsS"
# Instructions are two thirds of the trace, and what comes before the first marker nobody's: neither says anything here.
_FILTER = "/^ S 700000/ { on = 1 } !/^I/ && (on || !/^ [LSM]/)"


class Sets:
    """Cache lines read and written by each core."""

    def __init__(self):
        self.reads, self.writes = defaultdict(set), defaultdict(set)

    def add(self, core, texts):
        for text in texts:
            found = _ACCESS.match(text)
            if not found:
                continue
            kind, at, size = found[1], int(found[2], 16), int(found[3])
            lines = range(at // LINE, (at + size - 1) // LINE + 1)
            if kind != b"S":
                self.reads[core].update(lines)
            if kind != b"L":
                self.writes[core].update(lines)

    def shared(self):
        """{line: (cores that write it, cores that only read it)} where one writes and another does either."""
        found = {}
        for line in set().union(*self.writes.values()):
            writers = {core for core, lines in self.writes.items() if line in lines}
            readers = {core for core, lines in self.reads.items() if line in lines} - writers
            if len(writers | readers) > 1:
                found[line] = (writers, readers)
        return found


def read_trace(stream):
    """Of lackey's lines (bytes): what happens between a core's marker and the next marker; and lines that are no accesses."""
    seen = defaultdict(set)  # the same access comes again and again
    core, mine, rest = None, set(), []
    for text in stream:
        if text in mine:
            continue
        if text.startswith(_MARK):
            number = (int(_ACCESS.match(text)[2], 16) - MARKERS) // LINE
            core = number - 1 if number else None
            mine = seen[core]
        elif not text.startswith((b" L", b" S", b" M")):
            rest.append(text)
        elif core is not None:
            mine.add(text)
    sets = Sets()
    for each, texts in seen.items():
        if each is not None:
            sets.add(each, texts)
    return sets, rest


class Places:
    """What an address belongs to: regions that the program told, else its variables."""

    def __init__(self, said, symbols=""):
        self.regions = sorted((int(at, 16), int(size), name)
                              for name, at, size in re.findall(r"^region (\S+) (0x[0-9a-f]+) (\d+)$", said, re.M))
        base = int((re.findall(r"^base (0x[0-9a-f]+)$", said, re.M) or ["0"])[0], 16)
        self.symbols = sorted((base + int(words[0], 16), int(words[1], 16), words[3]) for words in map(str.split, symbols.splitlines())
                              if len(words) == 4 and words[2] in _SYMBOL_KINDS)

    @staticmethod
    def _in(table, at):
        upto = at + LINE - 1
        return [f"{name}+{max(at - start, 0):#x}" for start, size, name in table if start <= upto and at < start + size]

    def name(self, line):
        at = line * LINE
        return ", ".join(self._in(self.regions, at) or self._in(self.symbols, at)) or f"{at:#x}"


def _one_stack(cores):
    return any(len(cores & set(side)) > 1 for side in SIDES)


def judge(sets, places):
    """(what must not be shared, how many lines of the wire are)."""
    bad, wire = [], 0
    for line, (writers, readers) in sorted(sets.shared().items()):
        name = places.name(line)
        if name.startswith("wire_frames") or (name.startswith("wire_rings") and not _one_stack(writers | readers)):
            wire += 1
            continue
        text = f"{name}: written by core {', '.join(map(str, sorted(writers)))}"
        bad.append(text + (f"; read by {', '.join(map(str, sorted(readers)))}" if readers else ""))
    return bad, wire


def work(said):
    """Segments that each core received."""
    return {int(core): int(n) for core, n in re.findall(r"^segments (\d+) (\d+)$", said, re.M)}


def run(program, connections, *words):
    """(sets, places, segments of each core); RuntimeError when the program or valgrind fails."""
    argv = ["valgrind", "-q", "--tool=lackey", "--trace-mem=yes", "--log-fd=2", str(program), str(connections), *words]
    with tempfile.TemporaryFile("w+") as said:
        traced = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.PIPE)
        data = subprocess.Popen(["awk", _FILTER], stdin=traced.stderr, stdout=subprocess.PIPE)
        traced.stderr.close()
        try:
            sets, rest = read_trace(data.stdout)
        finally:
            data.stdout.close()
            data.wait()
            status = traced.wait()
        if status:
            raise RuntimeError(f"{program}: status {status}: {b''.join(rest).decode(errors='replace').strip()}")
        said.seek(0)
        told = said.read()
    symbols = subprocess.run(["nm", "-S", "--defined-only", str(program)], capture_output=True, text=True, check=True).stdout
    return sets, Places(told, symbols), work(told)


def main(program="build/tests/writeset", connections="40", *words):
    sets, places, segments = run(program, connections, *words)
    bad, wire = judge(sets, places)
    for core in sorted(segments):
        print(f"core {core}: {segments[core]} segments received, {len(sets.writes[core])} lines written, {len(sets.reads[core])} read")
    print(f"shared by the wire: {wire} lines; by anything else: {len(bad)}")
    print("\n".join(bad))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
