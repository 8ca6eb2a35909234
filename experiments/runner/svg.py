# SPDX-License-Identifier: BSD-3-Clause
"""gnuplot's SVG made fit for readers: colours for a dark screen, a name and a description for who does not see it."""
from __future__ import annotations

import re
from html import escape

# A colour of plots/style.gp on a dark screen. Each keeps its hue and differs from the others as much as before.
_DARK = {
    "ffffff": "151b23", "000000": "e6e9ee", "222222": "f2f4f7", "444444": "9aa4b1", "dddddd": "39424e",
    "0072b2": "3f9fe0", "56b4e9": "a9dcff", "7f7f7f": "a0a0a0", "d55e00": "ff8b3d", "009e73": "2cc79a", "e69f00": "ffc04d",
    "b07050": "cf9474", "cc79a7": "e8a0c8", "e4e4e4": "4a5461", "f0e442": "f0e442",
}
_NAMED = {"black": "000000", "white": "ffffff"}
_COLOUR = re.compile(r"""\b(fill|stroke|color)\s*=\s*(["'])\s*(rgb\([^)]*\)|#[0-9a-fA-F]{6}|black|white)\s*\2""")
_STYLE = re.compile(r"<style>.*?</style>\s*", re.DOTALL)


def _hex(text: str) -> str:
    if text.startswith("rgb"):
        return "".join(f"{int(value):02x}" for value in re.findall(r"\d+", text)[:3])
    return _NAMED.get(text, text.lstrip("#").lower())


def dark_style() -> str:
    """Rules that recolour a figure on a dark screen; paper stays light."""
    rules = "".join(f'svg.figure [{name}="#{light}"]{{{name}:#{dark}}}' for light, dark in _DARK.items() for name in ("fill", "stroke", "color"))
    return f"@media screen and (prefers-color-scheme:dark){{{rules}}}"


def finish(text: str, title: str, words: str) -> str:
    """A whole file: as gnuplot wrote it, with title, description and dark colours."""
    text = _COLOUR.sub(lambda found: f'{found[1]}="#{_hex(found[3])}"', text)
    text = re.sub(r"<title>.*?</title>", lambda _: f"<title>{escape(title)}</title>", text, count=1, flags=re.DOTALL)
    text = re.sub(r"<desc>.*?</desc>", lambda _: f"<desc>{escape(words)}</desc>\n<style>{dark_style()}</style>", text, count=1, flags=re.DOTALL)
    return re.sub(r"<svg\b", '<svg class="figure" role="img"', text, count=1)


def inline(text: str, prefix: str, label: str) -> str:
    """As it can stand in a page beside others that has dark_style() itself: no prologue, ids of its own."""
    body = _STYLE.sub("", text[text.index("<svg") :])
    body = re.sub(r"""\bid=(["'])""", rf"id=\1{prefix}-", body)
    body = re.sub(r"url\(\s*#", f"url(#{prefix}-", body)
    body = re.sub(r"""(href=["'])#""", rf"\1#{prefix}-", body)
    return re.sub(r"<svg\b", lambda _: f'<svg aria-label="{escape(label)}"', body, count=1)
