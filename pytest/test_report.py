# SPDX-License-Identifier: BSD-3-Clause
"""report.html as a browser shows it: whole without a network, figures visible, verdicts there."""
import base64
import json
import re
import shutil
import struct
import subprocess
import zlib
from pathlib import Path

import pytest
from runner import figures, manifest, paper, pdf, report, rows, scenario, summary, svg
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
            found.append(make_row(stack, 8192, repeat, rate, "cpu-breakdown", breakdown=shares, tsc_hz=2_500_000_000))
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("report")
    file = rows.RowFile(out)
    for row in example():
        file.add(row | {"command": "build/bin/mtcp-pair --json -"} | ({"notes": "<script>alert(1)</script>"} if row["repeat"] == 3 else {}))
    (out / "stacks").mkdir()
    for repeat in (1, 2):
        (out / "stacks" / f"cpu-breakdown-kernel-8192-r{repeat}.folded").write_text("mtcp-server;main;send;tcp_sendmsg_[k] 70\nmtcp-server;main 30\n")
    manifest.write(out, {"command": "./repro run concurrency cpu-breakdown --quick --out /tmp/x --seed 7", "packages": {"gnuplot": "5"}})
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
    assert all(link.startswith(("#", "data:")) for link in re.findall(r'<a [^>]*href="([^"]*)"', text))


def test_ids_are_unique_and_references_hold(folder):
    text = (folder / "report.html").read_text()
    ids = re.findall(r'\bid=["\']([^"\']+)["\']', text)
    assert len(ids) == len(set(ids))
    wanted = re.findall(r"xlink:href=['\"]#([^'\"]+)", text) + re.findall(r'<a [^>]*href="#([^"]+)"', text)
    assert "concurrency" in wanted and set(wanted) <= set(ids)


def test_words_from_rows_are_not_markup(folder):
    text = (folder / "report.html").read_text()
    assert "<script" not in text and "&lt;script&gt;" in text


def test_downloads_are_the_files(folder):
    text = (folder / "report.html").read_text()
    found = {name: base64.b64decode(data) for name, data in re.findall(r'download="([^"]+)" href="data:[^;"]+;base64,([^"]+)"', text)}
    for name in ("rows.csv", "rows.jsonl", "manifest.json"):
        assert found[name] == (folder / name).read_bytes()
    for name in ("concurrency.svg", "concurrency.png", "flame-cpu-breakdown-kernel-8192.svg"):
        assert found[name] == (folder / "figures" / name).read_bytes()


def test_each_figure_has_words_and_a_table(folder):
    text = (folder / "report.html").read_text()
    figures_ = re.findall(r'<figure id="figure-.*?</figure>', text, re.DOTALL)
    assert len(figures_) == 7
    for figure in figures_:
        label = re.search(r'<svg aria-label="([^"]+)"[^>]*role="img"', figure)
        assert label and ": " in label[1] and '<table>' in figure and '<th scope="col"' in figure and '<th scope="row"' in figure
    assert "mtcp: 392,008 at 8,192, 351,048 at 49,152" in figures_[0]
    assert re.search(r'<th scope="row" class="text">mtcp</th><td>8,192</td><td>392,008</td><td>391,908</td><td>392,108</td>', figures_[0])


def test_cycles_of_each_part_stand_in_the_page(folder):
    text = (folder / "report.html").read_text()
    table = text[text.index('id="parts-cpu-breakdown"'):].partition("</table>")[0]
    assert "cycles per transaction</th>" in table and re.search(r"<td>\d+\.\d% [\d,]+</td>", table)
    assert "Shares are means over the repeats" in text.partition('id="parts-cpu-breakdown"')[2]
    assert "n: repeats; of checks that count, the rows or breakdowns looked at" in text


def test_the_papers_numbers_stand_beside_ours_with_source_and_mark(folder):
    text = (folder / "report.html").read_text()
    for figure, words in (("concurrency-ratios", "paper: Linux, 8 cores: 64 B, one message per connection; Fig. 7a; verified"),
                          ("cpu-breakdown", "paper: Linux 3.10, 8 cores: Fig. 2; verified"),
                          ("cpu-breakdown-ratios", "paper: Linux 3.10, 8 cores: Fig. 2; verified")):
        body = re.search(rf'<figure id="figure-{figure}">.*?</figure>', text, re.DOTALL)[0]
        assert body.count("measured on the paper") == body.count(words) * (3 if figure == "concurrency-ratios" else 1) > 0
    assert '"paper: MegaPipe, 8 cores" 3 3 3 9' in (folder / "figures" / "data" / "concurrency-ratios.dat").read_text()
    assert "paper: " not in (folder / "figures" / "data" / "concurrency.dat").read_text()


def test_every_point_of_the_paper_has_source_and_mark():
    for point in paper.load():
        assert point.kind in paper.KINDS and point.status in paper.STATUSES and point.source and point.label
        assert point.low is not None and 0 < point.low <= point.high and (point.metric in summary.METRICS or point.kind == "kernel-share")


def test_how_each_number_was_obtained(folder):
    text = (folder / "report.html").read_text()
    assert "./repro run cpu-breakdown --quick --seed 7</code>" in text
    assert text.count('<td class="text command"><code>build/bin/mtcp-pair --json -</code></td>') == len(example())


def test_runs_far_from_the_others_are_kept_and_marked(tmp_path):
    file = rows.RowFile(tmp_path)
    for repeat, rate in enumerate((100.0, 101.0, 102.0, 99.0, 40.0), 1):
        file.add(make_row(repeat=repeat, per_core=rate, steal_share=0.02))
    report.write(tmp_path, rows.read(tmp_path), {}, scenario.load_all())
    text = (tmp_path / "report.html").read_text()
    assert [re.findall(r"<td>([^<]*)</td>", line)[1] for line in text.splitlines() if "far from the others" in line] == ["40"]
    assert "100 [40, 102]" in text and text.count("<td>2.0%</td>") == 5


def test_a_range_of_three_is_not_called_an_interval(tmp_path):
    """Also where another experiment of the same run has more repeats."""
    found = [make_row(concurrency=1, repeat=repeat, experiment="latency", variant="ring", latency_p50_us=5.0 + repeat) for repeat in range(1, 6)]
    found += [make_row(stack, at, repeat, 1000.0 + repeat) for stack in ("mtcp", "kernel") for at in (8192, 49152) for repeat in (1, 2, 3)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in found))
    report.rebuild(tmp_path)
    captions = re.findall(r"<caption>([^<]*low and high[^<]*)</caption>", (tmp_path / "report.html").read_text())
    assert captions and all("of fewer than five repeats, their range" in caption for caption in captions)
    fewer = [row for row in found if row["repeat"] <= 3]
    report.write(tmp_path, fewer, {}, scenario.load_all())
    captions = re.findall(r"<caption>([^<]*low and high[^<]*)</caption>", (tmp_path / "report.html").read_text())
    assert captions and all(caption.endswith("ends of the range") for caption in captions)


@pytest.mark.parametrize("command, wanted", [
    ("./repro run", "./repro run latency"), ("./repro run all --out all --quick", "./repro run latency --quick"),
    ("./repro run latency messages --out=x --device tap", "./repro run latency --device tap"), ("nonsense", "./repro run latency")])
def test_one_experiment_of_many_again(command, wanted):
    assert report.again(command, "latency") == wanted


def test_a_browser_shows_figures_and_verdicts(folder, tmp_path):
    text = browse(folder, tmp_path, "--dump-dom")
    known = scenario.load_all()
    assert text.count("<svg") == sum(len(figures.plots_of(known[name])) for name in ("concurrency", "cpu-breakdown")) + 1
    verdict = re.search(r'id="claim-concurrency-8k".*?</tr>', text, re.DOTALL)
    assert verdict and "reproduced" in verdict[0] and re.search(r"\d+\.\d+x \[", verdict[0])
    head = re.search(r"<h3>All lines</h3>.*?</thead>", text, re.DOTALL)[0]
    assert head.index("× best kernel") < head.index("per busy core-s<")


def contrast(one, other):
    """Of two colours, as WCAG 2 counts it."""
    def light(colour):
        parts = [int(colour[at : at + 2], 16) / 255 for at in (0, 2, 4)]
        return sum(weight * (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4)
                   for weight, part in zip((0.2126, 0.7152, 0.0722), parts))
    bright, dim = sorted((light(one), light(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def test_letters_can_be_read_light_and_dark():
    text = (Path(report.__file__).with_name("report.css")).read_text()
    for block in re.findall(r":root \{(.*?)\}", text):
        colours = {name: value if len(value) == 6 else "".join(2 * digit for digit in value)
                   for name, value in re.findall(r"--(\w+): #([0-9a-f]+)", block)}
        for name in ("ink", "dim", "link", "good", "half", "bad"):
            assert min(contrast(colours[name], colours["paper"]), contrast(colours[name], colours["card"])) >= 4.5, name
    for light, dark in svg._DARK.items():
        if light in ("222222", "000000", "444444"):
            assert contrast(dark, svg._DARK["ffffff"]) >= 4.5


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


@pytest.mark.parametrize("dark", [False, True])
def test_figures_can_be_seen(folder, tmp_path, dark):
    """The colour of each stack is somewhere on the picture of the page, on a light and on a dark screen."""
    scheme = ["--blink-settings=preferredColorScheme=0"] if dark else []
    browse(folder, tmp_path, f"--screenshot={tmp_path}/page.png", "--window-size=900,1900", "--hide-scrollbars", *scheme)
    seen = pixels((tmp_path / "page.png").read_bytes())
    for colour in ("0072b2", "56b4e9", "7f7f7f", "d55e00", "222222"):
        colour = svg._DARK[colour] if dark else colour
        wanted = bytes.fromhex(colour)
        assert any(all(abs(a - b) <= 2 for a, b in zip(wanted, got)) for got in seen), colour


def test_it_can_be_printed(folder, monkeypatch):
    if not pdf.browser():
        pytest.skip("chromium is not installed (experiments/packages.txt lists it)")
    assert pdf.write(folder) == "" and (folder / "report.pdf").read_bytes().startswith(b"%PDF-")
    monkeypatch.setenv("MTCP_CHROMIUM", "")
    assert pdf.write(folder) == "no report.pdf: Chromium is not installed" and not (folder / "report.pdf").exists()
    monkeypatch.setenv("MTCP_CHROMIUM", "false")
    assert pdf.write(folder).startswith("no report.pdf: ")


@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_sticks_out_of_the_page(folder, tmp_path, width):
    """On a phone and on a desk: what is wide scrolls by itself, and which line it is stays in sight."""
    frame = folder / f"frame-{width}.html"
    frame.write_text(f'<body><iframe src="report.html" style="width:{width}px;height:900px;border:0" onload="'
                     "const page = this.contentDocument, table = page.querySelector('table.lines'); table.parentNode.scrollLeft = 150;"
                     "const name = table.tBodies[0].rows[0].cells[0], at = Math.round(name.getBoundingClientRect().left - table.parentNode.getBoundingClientRect().left);"
                     "document.title = page.documentElement.scrollWidth + ' wide, moved ' + table.parentNode.scrollLeft + ', name at ' + at"
                     " + getComputedStyle(name, '::after').content\"></iframe></body>")
    if not shutil.which("chromium"):
        pytest.skip("chromium is not installed (experiments/packages.txt lists it)")
    done = subprocess.run([*CHROMIUM, f"--user-data-dir={tmp_path}/profile", "--allow-file-access-from-files", "--hide-scrollbars", "--virtual-time-budget=3000",
                           "--dump-dom", f"file://{frame}"], capture_output=True, text=True, timeout=120, check=True).stdout
    found = re.search(r"<title>(\d+) wide, moved (\d+), name at (-?\d+)(.*)</title>", done)
    assert found[1] == str(width) and found[2] == "150" and found[3] == "0"
    assert ("8K (ring)" in found[4]) is (width == 360)


def test_a_report_made_again_reads_and_reckons_nothing_again(folder, tmp_path, monkeypatch):
    """While a run goes on it is made every 20 s, and the run waits for it."""
    import scipy.stats

    asked, real = [], scipy.stats.bootstrap
    monkeypatch.setattr(scipy.stats, "bootstrap", lambda *given, **more: asked.append(1) or real(*given, **more))
    monkeypatch.setattr(scenario, "_parse", lambda path: asked.append(path))
    found = rows.read(folder)
    report.write(tmp_path, found, {}, scenario.load_all())
    assert not asked
    changed = [row | {"transactions_per_server_cpu_s": row["transactions_per_server_cpu_s"] + 1} if row["stack"] == "kernel" else row for row in found]
    report.write(tmp_path, changed, {}, scenario.load_all())
    assert asked
