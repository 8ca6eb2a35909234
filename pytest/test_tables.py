# SPDX-License-Identifier: BSD-3-Clause
"""Tables for the terminal and the report: ratios to each of the kernel's lines, and what both ends had left."""
import io
import re

import pytest
from runner import ends, report, rows, scenario, summary, table
from test_repro_parts import make_row


def told(found, **more):
    """What the terminal shows of these rows, a line for each line of text."""
    from rich.console import Console

    text = io.StringIO()
    console = Console(file=text, color_system=None, width=140, **more)
    for item in table.results(found):
        console.print(item)
    return [re.sub(r" {2,}", "  ", line.strip()) for line in text.getvalue().splitlines()]


def against(experiment="concurrency", **rates):
    return [make_row(stack.replace("_", "-"), per_core=rate, experiment=experiment, generator_lag=0.87, server_cpu_s=2.4, client_cpu_s=3.0,
                     transactions_per_s=rate) for stack, rate in rates.items()]


# --- ratios

def test_the_tuned_kernel_comes_first_the_untuned_beside_it_then_the_best_by_name():
    found = told(against(mtcp=300_000, kernel=12_000, kernel_tuned=20_000, kernel_uring=25_000))
    head, = (line for line in found if line.startswith("x kernel-tuned"))
    assert head.startswith("x kernel-tuned  x kernel  x best kernel  stack")
    assert any(line.startswith("15.00  25.00  12.00 uring  mtcp (ring)") for line in found)
    assert any(line.startswith("0.60  1.00  0.48 uring  kernel (veth)") for line in found)


@pytest.mark.parametrize("experiment, column", [("message-size", "bytes_per_s"), ("accept-rate", "connections_per_s"), ("syn-flood", "transactions_per_s")])
def test_rates_are_held_against_each_other_by_busy_core(experiment, column):
    """As of the kernel's the generator is the limit."""
    found = [make_row(stack, per_core=rate, experiment=experiment, **{column: value})
             for stack, rate, value in (("mtcp", 300_000, 300e9), ("kernel-tuned", 20_000, 1e9))]
    assert any(line.startswith("15.00  -  15.00 tuned  mtcp (ring)") for line in told(found))


@pytest.mark.parametrize("rates, wanted", [
    ({"kernel_tuned": 20_000}, ("15.00", "-", "15.00 tuned")), ({"kernel": 10_000}, ("-", "30.00", "30.00 kernel")),
    ({"kernel_reuseport": 20_000}, ("-", "-", "15.00 reuseport")), ({}, ("-", "-", "-"))])
def test_a_line_that_was_not_measured_has_no_ratio(rates, wanted):
    all_lines = summary.lines(against(mtcp=300_000, **rates))
    ours = next(line for line in all_lines if line.key.stack == "mtcp")
    assert summary.ratio_cells(all_lines, ours, summary.PER_CORE, lambda ratio: summary.number(ratio, ".2f")) == wanted


def test_where_less_is_better_the_ratio_is_still_above_one_for_the_better():
    found = [make_row(stack, experiment="latency", latency_p50_us=value) for stack, value in (("mtcp", 10.0), ("kernel", 40.0), ("kernel-tuned", 20.0))]
    assert any(line.startswith("2.00  4.00  2.00 tuned  mtcp (ring)") for line in told(found))


def page(tmp_path, found):
    report.write(tmp_path, found, {}, scenario.load_all())
    return (tmp_path / "report.html").read_text()


def test_the_report_has_the_same_columns(tmp_path):
    text = page(tmp_path, against(mtcp=300_000, kernel=12_000, kernel_tuned=20_000))
    head = re.findall(r"<th [^>]*>([^<]*)</th>", re.search(r"<h3>All lines</h3>.*?</thead>", text, re.DOTALL)[0])
    body = re.findall(r"<t[dh][^>]*>([^<]*)</t[dh]>", re.search(r'<tr><th class="text" scope="row" data-place="8K \(ring\)">mtcp.*?</tr>', text, re.DOTALL)[0])
    line = dict(zip(head, body))
    assert len(head) == len(body) and head.index("× kernel-tuned") < head.index("× kernel") < head.index("× best kernel") < head.index("per busy core-s")
    assert (line["× kernel-tuned"], line["× kernel"], line["× best kernel"]) == ("15.00", "25.00", "15.00 tuned")
    assert (line["server CPU"], line["load CPU"], line["generator"]) == ("80%", "100%", "87% busy")


def test_the_first_number_of_the_report_is_over_the_tuned_kernel(tmp_path):
    text = page(tmp_path, against(mtcp=300_000, kernel=12_000, kernel_tuned=20_000, kernel_uring=25_000))
    item = re.search(r'<li><b>15.0×</b>8K connections.*?</li>', text, re.DOTALL)[0]
    assert "kernel-tuned: 15.0<" in item and "kernel: 25.0<" in item and "best kernel: 12.0 uring<" in item
    assert "<b>-</b>8K connections" in page(tmp_path, against(mtcp=300_000, kernel_uring=25_000))


# --- both ends

def cells(*found):
    line, = summary.lines(found)
    return ends.cells(line)


def test_a_closed_loop_tells_how_busy_the_generator_was_an_open_one_how_late():
    about = {"server_cpu_s": 1.5, "client_cpu_s": 3.0}
    assert cells(make_row("kernel", generator_lag=0.995, **about)) == ("50%", "100%", "100% busy")
    assert cells(make_row("kernel", rate=1000.0, generator_lag=49.3, **about)) == ("50%", "100%", "49.3 us late")
    assert cells(make_row("kernel", app="replay", generator_lag=1234.6, **about)) == ("50%", "100%", "1.23 ms late")
    assert cells(make_row("kernel", app="replay", generator_lag=2.5e6, **about))[2] == "2,500 ms late"


def test_of_a_loop_that_polls_its_own_account_stands_beside():
    assert cells(make_row(server_cpu_s=3.0, client_cpu_s=3.0, cpu_idle=0.74, generator_lag=0.9))[0] == "100% (idle 74%)"
    assert cells(make_row("kernel", server_cpu_s=0.75, client_cpu_s=3.0, cpu_idle=0.75))[0] == "25%"  # of Linux it says the same again


def test_shares_are_of_all_cores_of_an_end():
    row = make_row("kernel", server_cores="0,2-4", client_cores="1-2;0-3", server_cpu_s=6.0, client_cpu_s=9.0, generator_lag=0.5)
    assert cells(row) == ("50%", "50%", "50% busy")


def test_of_repeats_the_median_stands():
    found = [make_row("kernel", repeat=n, server_cpu_s=spent, client_cpu_s=3.0, generator_lag=lag) for n, spent, lag in ((1, 0.3, 0.1), (2, 1.5, 0.6), (3, 1.8, 0.7))]
    assert cells(*found) == ("50%", "100%", "60% busy")


def test_what_was_not_measured_is_not_told():
    assert cells(make_row("kernel")) == ("-", "-", "-")
    assert cells(make_row("packet-io", server_cpu_s=3.0, client_cpu_s=0.0, generator_lag=0.0)) == ("100%", "-", "-")


def test_both_ends_stand_in_the_terminals_tables():
    found = told(against(mtcp=300_000, kernel=12_000))
    assert any(line.startswith("stack  connections  server CPU  load CPU  generator  remarks") for line in found)
    assert "kernel (veth)  8K  80%  100%  87% busy" in found


def test_rows_of_every_experiment_can_be_told():
    """From what a program of ours would have written, the columns of rows.csv alone."""
    for known in scenario.load_all().values():
        found = [rows.complete(make_row(stack, experiment=known.name, variant=part.name, generator_lag=1.0, axis=part.column) | {part.column: 1})
                 for part in known.parts for stack in part.stacks]
        assert not found or len(table.results(found)) >= 2
