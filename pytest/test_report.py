# SPDX-License-Identifier: BSD-3-Clause
"""report.html as a browser shows it: whole without a network, figures visible, verdicts there."""
import re
import shutil
import struct
import subprocess
import zlib

import pytest
from runner import report, rows, scenario
from test_repro_parts import breakdown, make_row

CHROMIUM = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
            "--disable-component-update", "--disable-sync", "--no-first-run", "--disable-dev-shm-usage",
            "--host-resolver-rules=MAP * ~NOTFOUND"]


def sampled(**shares):
    names = ("application", "tcpip", "packet_io", "kernel_other", "idle", "unclassified")
    return [breakdown("perf", attribution, **{name: shares.get(name, 0.0) for name in names}) for attribution in ("leaf", "caller")]


def example():
    found = []
    for repeat in (1, 2, 3):
        for stack, rate in (("mtcp", 400_000), ("mtcp-paired", 300_000), ("kernel", 15_000), ("kernel-reuseport", 11_000), ("kernel-tuned", 18_000)):
            for point in (8192, 24576, 49152):
                found.append(make_row(stack, point, repeat, rate * (1 - point / 400_000) + 100 * repeat,
                                      latency_p50_us=point / rate * 1e6, latency_p99_us=point / rate * 2e6))
            shares = sampled(application=0.1, tcpip=0.5, packet_io=0.3, idle=0.1) if stack.startswith("mtcp") else \
                sampled(application=0.05, tcpip=0.45, packet_io=0.1, kernel_other=0.3, idle=0.1)
            found.append(make_row(stack, 8192, repeat, rate, "cpu-breakdown", breakdown=shares))
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("report")
    file = rows.RowFile(out)
    for row in example():
        file.add(row | {"notes": "<script>alert(1)</script>"} if row["repeat"] == 3 else row)
    report.rebuild(out)
    return out


def browse(folder, tmp_path, *words):
    if not shutil.which("chromium"):
        pytest.skip("chromium is not installed (experiments/packages.txt lists it)")
    return subprocess.run([*CHROMIUM, f"--user-data-dir={tmp_path}/profile", *words, f"file://{folder}/report.html"],
                          capture_output=True, text=True, timeout=120, check=True).stdout


def test_it_needs_no_other_file_and_no_network(folder):
    text = (folder / "report.html").read_text()
    assert not re.search(r'(?:src|href)\s*=\s*["\'](?:https?:)?//', text)
    assert not re.search(r"<script|<iframe|<object|<embed|@import|url\(\s*['\"]?(?!#)", text)
    assert not re.search(r"<img|<link(?![^>]*data:,)", text)


def test_ids_are_unique_and_references_hold(folder):
    text = (folder / "report.html").read_text()
    ids = re.findall(r'\bid=["\']([^"\']+)["\']', text)
    assert len(ids) == len(set(ids))
    for wanted in re.findall(r"xlink:href=['\"]#([^'\"]+)", text):
        assert wanted in ids


def test_words_from_rows_are_not_markup(folder):
    text = (folder / "report.html").read_text()
    assert "<script" not in text and "&lt;script&gt;" in text


def test_links_lead_to_files(folder):
    text = (folder / "report.html").read_text()
    for link in re.findall(r'<a href="([^"#]+)"', text):
        assert link == "manifest.json" or (folder / link).is_file()


def test_a_browser_shows_figures_and_verdicts(folder, tmp_path):
    text = browse(folder, tmp_path, "--dump-dom")
    known = scenario.load_all()
    assert text.count("<svg") == sum(len(known[name].plots) for name in ("concurrency", "cpu-breakdown"))
    verdict = re.search(r'id="claim-concurrency-8k".*?</tr>', text, re.DOTALL)
    assert verdict and "reproduced" in verdict[0] and re.search(r"\d+\.\d+x \[", verdict[0])
    assert text.index("× best kernel") < text.index("per busy core-s<")


def pixels(png):
    """Colours of a PNG without interlacing, 8 bits a channel."""
    width, height, _, kind = struct.unpack(">IIBB", png[16:26])
    step = {2: 3, 6: 4}[kind]
    data, at = b"", 8
    while at < len(png):
        length, name = struct.unpack(">I4s", png[at : at + 8])
        data += png[at + 8 : at + 8 + length] if name == b"IDAT" else b""
        at += 12 + length
    raw, line, found = zlib.decompress(data), bytearray(width * step), set()
    for row in range(height):
        start = row * (width * step + 1)
        line = unfilter(raw[start], bytearray(raw[start + 1 : start + 1 + width * step]), line, step)
        found.update(bytes(line[at : at + 3]) for at in range(0, len(line), step))
    return found


def unfilter(kind, line, above, step):
    for at in range(len(line)):
        left = line[at - step] if at >= step else 0
        corner = above[at - step] if at >= step else 0
        near = min((left, above[at], corner), key=lambda value: abs(left + above[at] - corner - value))
        line[at] = (line[at] + (0, left, above[at], (left + above[at]) // 2, near)[kind]) & 255
    return line


def test_figures_can_be_seen(folder, tmp_path):
    """The colour of each stack is somewhere on the picture of the page."""
    browse(folder, tmp_path, f"--screenshot={tmp_path}/page.png", "--window-size=900,2200", "--hide-scrollbars")
    seen = pixels((tmp_path / "page.png").read_bytes())
    for colour in ("0072b2", "56b4e9", "7f7f7f", "d55e00", "222222"):
        wanted = bytes.fromhex(colour)
        assert any(all(abs(a - b) <= 2 for a, b in zip(wanted, got)) for got in seen), colour
