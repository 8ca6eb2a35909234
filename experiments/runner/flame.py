# SPDX-License-Identifier: BSD-3-Clause
"""Flame graphs: a picture of folded stacks (stacks/*.folded), the callers below, each as wide as its share of the samples."""
from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from runner import svg

WIDTH, ROW, MARGIN, HEAD = 1200, 17, 10, 44
_LEAST = 0.0015          # share of the samples below which a function is left out: it would not be seen
_LETTER = 6.7            # width of a letter, in the units of the picture
_KERNEL, _LOST = "_[k]", "[unknown]"
# Of the kernel's functions and of all others: shades that dark letters can be read on.
_SHADES = {True: ("#e69f00", "#edb335", "#f3c666", "#e8a926"), False: ("#56b4e9", "#79c4ee", "#9bd3f2", "#68bcec")}
_REPEAT = re.compile(r"-r\d+$")


@dataclass
class Node:
    name: str
    count: int = 0
    below: dict[str, Node] = field(default_factory=dict)   # what it called

    def add(self, names: list[str], count: int) -> None:
        node = self
        node.count += count
        for name in names:
            node = node.below.setdefault(name, Node(name))
            node.count += count


def parse(texts: Iterable[str]) -> Node:
    """One tree of all; a way that was lost is one step however long. Lines that are not "a;b;c COUNT" are passed over."""
    root = Node("all")
    for line in (line for text in texts for line in text.splitlines()):
        stack, _, count = line.rpartition(" ")
        if stack and count.isdigit():
            names = stack.split(";")
            root.add([name for before, name in zip(["", *names], names) if (before, name) != (_LOST, _LOST)], int(count))
    return root


@dataclass(frozen=True)
class _Box:
    node: Node
    depth: int
    left: float     # share of the width


def _boxes(node: Node, total: int, depth: int = 0, left: float = 0.0) -> Iterator[_Box]:
    yield _Box(node, depth, left)
    for child in sorted(node.below.values(), key=lambda found: found.name):
        if child.count >= _LEAST * total:
            yield from _boxes(child, total, depth + 1, left)
        left += child.count / total


def _rect(box: _Box, total: int, height: int) -> str:
    kernel = box.node.name.endswith(_KERNEL)
    name = box.node.name.removesuffix(_KERNEL)
    shades = _SHADES[kernel]
    usable = WIDTH - 2 * MARGIN
    x, width = MARGIN + box.left * usable, box.node.count / total * usable
    y = height - MARGIN - (box.depth + 1) * ROW
    letters = int((width - 6) / _LETTER)
    short = name if len(name) <= letters else name[: letters - 2] + ".." if letters > 4 else ""
    text = f'<text x="{x + 3:.1f}" y="{y + 12}">{escape(short)}</text>' if short else ""
    told = f"{name}{' (kernel)' if kernel else ''}: {box.node.count:,} samples, {100 * box.node.count / total:.2f}%"
    return (f'<g><title>{escape(told)}</title><rect x="{x:.1f}" y="{y}" width="{max(width - 0.5, 0.5):.1f}" height="{ROW - 1}" '
            f'fill="{shades[zlib.crc32(name.encode()) % len(shades)]}"/>{text}</g>')


def draw(texts: Iterable[str], title: str) -> str:
    """An SVG that needs nothing else; empty where there are no samples."""
    root = parse(texts)
    if not root.count:
        return ""
    boxes = list(_boxes(root, root.count))
    height = HEAD + MARGIN + ROW * (1 + max(box.depth for box in boxes))
    words = f"{root.count:,} samples. Wide: often. Below a function stands its caller. Orange: the kernel's, blue: all others."
    return (f'<svg class="figure" role="img" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
            f'font-family="DejaVu Sans Mono,monospace" font-size="11">\n<title>{escape(title)}</title>\n<desc>{escape(words)}</desc>\n'
            f'<style>{svg.dark_style()}</style>\n'
            f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>\n'
            f'<text x="{MARGIN}" y="18" font-size="14" fill="#222222">{escape(title)}</text>\n'
            f'<text x="{MARGIN}" y="34" fill="#222222">{escape(words)}</text>\n<g fill="#101010">\n'
            + "\n".join(_rect(box, root.count, height) for box in boxes) + "\n</g>\n</svg>\n")


def groups(folder: Path) -> dict[str, list[Path]]:
    """Files of folded stacks of a run by what they are of: repeats go together."""
    found: dict[str, list[Path]] = {}
    for path in sorted((folder / "stacks").glob("*.folded")):
        found.setdefault(_REPEAT.sub("", path.stem), []).append(path)
    return found


def draw_all(folder: Path) -> dict[str, Path]:
    """figures/flame-*.svg for every experiment, stack and point that was sampled; those that are newer than their samples stay."""
    drawn = {}
    for name, paths in groups(folder).items():
        out = folder / "figures" / f"flame-{name}.svg"
        if not out.is_file() or any(path.stat().st_mtime_ns > out.stat().st_mtime_ns for path in paths):
            text = draw((path.read_text(errors="replace") for path in paths), f"Flame graph: {name}")
            if not text:
                continue
            out.parent.mkdir(exist_ok=True)
            half = out.with_name(f".{out.name}")
            half.write_text(text)
            half.replace(out)
        drawn[name] = out
    return drawn
