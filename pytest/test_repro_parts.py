# SPDX-License-Identifier: BSD-3-Clause
"""The harness's parts, without processes: statistics, plans, devices, classification, claims, rows."""
import json
import re
import subprocess
import tomllib

import pytest
from conftest import BESIDE, ROOT
from runner import claims, classify, coverage, cpustat, device, faults, figure_data, layout, measure, model, packetdrill, plan, rows, sampling, scenario
from runner import stats, suite, summary, tuning, words
from runner.errors import CannotRun, UsageError
from runner.netns import CLIENT, SERVER


def make_row(stack="mtcp", concurrency=8192, repeat=1, per_core=400_000.0, experiment="concurrency", **more):
    ours = stack in scenario.OURS
    row = {
        "experiment": experiment, "stack": stack, "device": "ring" if ours else "veth", "seed": 1, "repeat": repeat,
        "server_cores": "0", "client_cores": "1", "concurrency": concurrency, "messages_per_connection": 1,
        "message_bytes": 64, "seconds": 3.0, "transactions": int(per_core * 3), "transactions_per_s": per_core,
        "transactions_per_server_cpu_s": per_core, "cycles_per_transaction": 2.5e9 / per_core, "failed": 0,
    }
    return rows.complete(row | more)


# --- statistics

def test_median_of_one_value_has_no_interval():
    found = stats.median([5.0])
    assert (found.value, found.low, found.high) == (5.0, None, None)


def test_interval_holds_the_median_and_is_repeatable():
    values = [10.0, 11.0, 12.0, 30.0, 9.0]
    found = stats.median(values)
    assert found.value == 11.0 and found.low <= 11.0 <= found.high and found == stats.median(values)


def test_ratio_interval_covers_the_truth():
    found = stats.ratio([20.0, 21.0, 19.0], [10.0, 9.5, 10.5])
    assert found.value == 2.0 and found.low < 2.0 < found.high


def test_intervals_are_corrected_where_there_is_enough_to_correct_by(monkeypatch):
    """BCa from five values on; where it is undefined, percentiles."""
    import scipy.stats

    asked, real = [], scipy.stats.bootstrap
    monkeypatch.setattr(scipy.stats, "bootstrap", lambda *given, **more: asked.append(more["method"]) or real(*given, **more))
    stats.median([1.0, 2.0, 3.0, 4.0])
    skewed = stats.median([1.0, 2.0, 3.0, 4.0, 50.0])
    equal = stats.median([5.0] * 6)
    assert asked == ["percentile", "BCa", "BCa", "percentile"]
    assert skewed.low < 3.0 < skewed.high and (equal.low, equal.high) == (5.0, 5.0)


def test_outliers_are_named_and_kept():
    assert stats.outliers([100.0, 101.0, 99.0, 100.0, 150.0]) == [False] * 4 + [True]
    assert not any(stats.outliers([100.0, 100.0, 100.0, 101.0])) and not any(stats.outliers([1.0, 9.0, 1.0]))
    found = [make_row(repeat=n, per_core=value) for n, value in enumerate((400e3, 401e3, 399e3, 400e3, 200e3), 1)]
    line, = summary.lines(found)
    assert line.remarks == "outlier kept: repeat 5, -50%" and len(line.values("transactions_per_server_cpu_s")) == 5


def test_the_scaling_law_is_found_again():
    true = model.Usl(1000.0, 0.03, 0.002)
    found = model.fit({n: [true.at(n)] * 3 for n in (1, 2, 4, 8)})
    assert (found.rate1, found.contention, found.coherence) == pytest.approx((1000.0, 0.03, 0.002), rel=1e-3)
    two = model.fit({1: [100.0], 2: [190.0]})
    assert two.coherence == 0.0 and two.at(2) == pytest.approx(190.0)
    assert model.fit({1: [100.0, 101.0]}) is None and model.predict({1: [100.0]}, [2]) == []
    spread, = model.predict({1: [99.0, 100.0, 101.0], 2: [180.0, 190.0, 200.0]}, [8])
    assert spread.low < spread.value < spread.high and spread.value < 800.0


def test_where_no_scaling_law_fits_none_is_drawn(monkeypatch):
    def fails(*_, **__):
        raise RuntimeError("Optimal parameters not found")

    monkeypatch.setattr("scipy.optimize.curve_fit", fails)
    assert model.predict({1: [100.0], 2: [190.0]}, [4]) == []


def test_the_model_is_a_curve_of_its_own_and_says_so():
    found = [make_row(experiment="scaling", axis="pairs", pairs=n, repeat=k, transactions_per_s=n * 95.0 + k) for n in (1, 2) for k in (1, 2)]
    plot = scenario.load_all()["scaling"].plots[0]
    data = figure_data.of(plot, summary.lines(found))
    assert list(data.blocks)[:2] == ["mtcp", "mtcp model (USL fit), not measured"] and data.styles()[1].startswith("1 2")
    assert [row[0] for row in data.blocks["mtcp model (USL fit), not measured"]] == [2, 4, 8, 16]


# --- scenarios and plans

def test_every_scenario_file_is_whole():
    for found in scenario.load_all().values():
        assert set(found.stacks) <= set(scenario.STACKS) and set(found.repeats) == set(scenario.SIZES)
        for plot in found.plots:
            assert (ROOT / "plots" / f"{plot.name}.gp").is_file() and plot.data in (*figure_data.KINDS, figure_data.DISTRIBUTION)
            assert not plot.metric or plot.metric in summary.METRICS
            assert set(plot.variants) <= {part.name for part in found.parts}
        assert found.axis in scenario.AXES and found.metric in summary.METRICS
        for size in scenario.SIZES:
            assert bool(plan.make([found], plan.Options(size))) != bool(found.needs)


def test_names_of_figures_are_not_shared():
    names = [plot.name for found in scenario.load_all().values() for plot in found.plots]
    assert len(names) == len(set(names))


def test_main_job_is_the_two_experiments_and_as_long_as_promised():
    known = scenario.load_all()
    main_job = scenario.choose([], known)
    assert [found.name for found in main_job] == ["concurrency", "cpu-breakdown"]
    minutes = {size: sum(run.estimate for run in plan.make(main_job, plan.Options(size))) / 60 for size in scenario.SIZES}
    assert minutes["quick"] < 2.2 and minutes["normal"] < 13.5


def test_all_experiments_together_are_as_long_as_promised():
    two = layout.usual([0, 1])  # cores: more of them have points of their own
    minutes = {size: sum(run.estimate for run in plan.make(list(scenario.load_all().values()), plan.Options(size)) if not two.lacks(run)[1]) / 60
               for size in scenario.SIZES}
    # of 15, none and 180: disturbed runs are repeated, three more builds of ablation take six
    assert minutes["quick"] < 11 and minutes["normal"] < 81 and minutes["full"] < 149, minutes


def test_numbers_of_runs_are_as_told(monkeypatch):
    """By docs/experiments.md, of two cores, as ./repro list adds them up."""
    monkeypatch.setattr(layout, "siblings", lambda core: [core])  # of two threads of one core there are fewer
    two, known = layout.usual([0, 1]), list(scenario.load_all().values())
    found = [sum(not two.lacks(run)[1] for run in plan.make(known, plan.Options(size))) for size in scenario.SIZES]
    told = re.findall(r"\| ([\d,]+) runs, \d+ minutes \|$", (ROOT / "docs" / "experiments.md").read_text(), re.MULTILINE)
    assert [int(count.replace(",", "")) for count in told] == found


def test_numbers_of_repeats_are_as_told():
    """By docs/experiments.md alone: the command's help points there."""
    words = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5}
    text = (ROOT / "docs" / "experiments.md").read_text()
    told = dict(zip(scenario.SIZES, re.findall(r"^\| (?:`--quick`|\(neither\)|`--full`) \| ([^|]+) \|", text, re.MULTILINE), strict=True))
    for size, cell in told.items():
        usual = words[re.match(r"\w+", cell)[0]]
        said = {(name, words[count]) for count, names in re.findall(r"(\w+) of ((?:[^,;]|, (?=`|and ))+)", cell) for name in re.findall(r"`([a-z-]+)`", names)}
        found = {(known.name, n) for known in scenario.load_all().values() for part in known.parts if part.points[size]
                 for n in [min(known.repeats[size], part.repeats.get(size, known.repeats[size]))] if n != usual and not known.needs}
        assert said == found, (size, cell)
    usage = (ROOT / "repro").read_text() + (ROOT / "experiments" / "runner" / "cli.py").read_text()
    assert re.findall(r"(\d repeats[^\n]*?docs/experiments.md, Sizes\))", usage) == [f"{words[told['full'].partition(';')[0]]} repeats, of a few fewer (docs/experiments.md, Sizes)"] * 2
    assert "## Sizes\n" in text


def test_quick_has_every_concurrency_for_mtcp_and_the_ends_for_the_kernel():
    runs = plan.make(scenario.choose(["concurrency"], scenario.load_all()), plan.Options("quick"))
    points = {stack: sorted(run.concurrency for run in runs if run.stack == stack) for stack in scenario.STACKS}
    assert points["mtcp"] == [8192 * n for n in range(1, 7)]
    assert all(points[stack] == [8192, 49152] for stack in scenario.STACKS if stack not in ("mtcp", "kernel-uring", scenario.PACKETS))


def test_order_is_interleaved_seeded_and_different_in_each_repeat():
    known = scenario.choose(["concurrency"], scenario.load_all())
    one = plan.make(known, plan.Options("normal", seed=7))
    assert one == plan.make(known, plan.Options("normal", seed=7)) != plan.make(known, plan.Options("normal", seed=8))
    first, second = ([(run.stack, run.concurrency) for run in one if run.repeat == n] for n in (1, 2))
    assert sorted(first) == sorted(second) and first != second
    assert [run.stack for run in one[:24]] != sorted(run.stack for run in one[:24])


def test_baseline_none_leaves_our_stacks():
    runs = plan.make(scenario.choose(["concurrency"], scenario.load_all()), plan.Options("quick", baselines=()))
    assert {run.stack for run in runs} == set(scenario.OURS)


def test_every_load_has_what_the_generator_wants():
    for found in scenario.load_all().values():
        for run in plan.make([found], plan.Options("full")):
            assert {"concurrency", "messages", "message_bytes", "response_bytes"} <= set(run.load), run.label


def small(tmp_path, text):
    """A scenario of this text, with what every file has."""
    path = tmp_path / "small.toml"
    path.write_text('name = "small"\ntitle = "t"\nfigure = "f"\nclaim = "c"\n' + text)
    return scenario._parse(path)


PARTS = """
axis = "messages"
stacks = ["mtcp"]
points = [1, 4]
load = { concurrency = 10, messages = 1 }
time.mtcp = { warmup = 1.0, seconds = 2.0 }
time.kernel = { warmup = 1.0, seconds = 5.0 }
repeats = { quick = 1, normal = 1, full = 1 }
quick.time.kernel = { warmup = 0.5, seconds = 1.0 }
quick.points.kernel = [4]
[[part]]
[[part]]
name = "wide"
device = "af_packet"
set = { batch_rx = 1 }
points = [2]
quick.points = [8]
[[part]]
name = "kernel"
stacks = ["kernel"]
sizes = ["quick", "full"]
load = { messages = 7, concurrency = 20 }
"""


def test_parts_take_over_what_they_do_not_say(tmp_path):
    found = small(tmp_path, PARTS)
    runs = {(run.part.name, run.point): run for run in plan.make([found], plan.Options("quick"))}
    assert set(runs) == {("", 1), ("", 4), ("wide", 8), ("kernel", 4)}
    plain, wide, kernel = runs["", 4], runs["wide", 8], runs["kernel", 4]
    assert plain.load == {"concurrency": 10, "messages": 4} and plain.in_process and plain.timing == scenario.Timing(1.0, 2.0)
    assert not wide.in_process and wide.device.name == "af_packet" and wide.part.set == {"batch_rx": 1}
    assert wide.timing == kernel.timing == scenario.Timing(0.5, 1.0) and kernel.load["concurrency"] == 20
    normal = plan.make([found], plan.Options("normal"))
    assert {(run.part.name, run.point) for run in normal} == {("", 1), ("", 4), ("wide", 2)}
    assert len({run.slug for run in runs.values()}) == len(runs) and all(re.fullmatch(r"[\w.-]+", run.slug) for run in runs.values())


def test_loss_is_the_same_at_both_ends_of_each_wire(tmp_path):
    """On the ring by the device's own faults, on veth by a filter; rows of another loss are no rivals."""
    found = small(tmp_path, PARTS + "loss = 0.01\nreorder = 0.1\n")
    lossy, = (run for run in plan.make([found], plan.Options("quick")) if run.part.loss)
    assert lossy.arm == "kernel with loss"
    words = measure._faulty_ring(lossy)
    assert words[::2] == ["--server-set", "--client-set"]
    assert words[1].startswith("device=fault:loss=0.01,reorder=0.1,seed=") and words[1].endswith("/ring:lossy:0") and words[3].endswith(":1")
    ours, easy = make_row(loss=0.01), make_row("kernel")
    lines = summary.lines([ours, easy, make_row("kernel-tuned", loss=0.01, per_core=1000.0)])
    assert summary.best_kernel(lines, lines[0]).key.stack == "kernel-tuned"


@pytest.mark.netns
def test_frames_are_lost_at_both_ends_of_veth(netns_pair):
    netns_pair.address("server", "10.0.0.1")
    netns_pair.address("client", "10.0.0.2")
    netns_pair.run("client", "ping", "-q", "-c", "1", "-W", "1", "10.0.0.1")  # neighbours are known before half of the ARP frames are lost
    tuning.lose(netns_pair.pair, 0.5)
    for side in ("server", "client"):
        assert "direct-action" in netns_pair.run(side, "tc", "filter", "show", "dev", {"server": "srv0", "client": "cli0"}[side], "ingress")
    done = subprocess.run([*netns_pair.client, "ping", "-q", "-c", "200", "-i", "0.002", "-W", "1", "10.0.0.1"], capture_output=True, text=True)
    received = int(re.search(r"(\d+) received", done.stdout)[1])
    assert 10 <= received <= 100  # 50 on the average


def test_what_is_missing_still_is_told_not_left_out(repro, tmp_path):
    assert "skipped: needs a packet filter" in repro("list").stdout
    done = repro("run", "filter-cost", "fairness", "--quick", "--baseline", "none", "--out", "out", FAKE_SECONDS="0.01")
    assert "skipped: filter-cost: needs a packet filter and egress scheduling in the stack" in done.stdout, done.stderr
    assert "filter-cost,needs a packet filter and egress scheduling in the stack" in (tmp_path / "out" / "skipped.csv").read_text()
    html = (tmp_path / "out" / "report.html").read_text()
    assert 'id="claim-filter-cost"' in html and "skipped: filter-cost: needs a packet filter" in html
    assert repro("run", "filter-cost", "--out", "none").returncode == 3


def test_each_program_gets_its_own_options_only():
    """How many events a server takes is no option of a load by itself, and what is counted without a load no app of one."""
    known = scenario.load_all()
    for wire, there in (("ring", True), ("af_packet", False)):
        runs = plan.make([known["ablation"]], plan.Options("full", device=device.parse(wire)))
        taken = [run for run in runs if run.part.name == "events 8"]
        assert taken and all(("--events" in words.load(run)) is there for run in taken)
    alone = [run for run in plan.make([known["descriptors"]], plan.Options("full")) if run.alone]
    assert {run.stack for run in alone} == {"mtcp", "kernel"}
    assert all("--app" not in words.load(run) and run.estimate < 2 for run in alone)
    assert all("--bare" in words.load(run) for run in alone if run.part.name == "two system calls")


def test_a_wrong_key_of_a_part_is_named(tmp_path):
    with pytest.raises(UsageError, match="did you mean stacks"):
        small(tmp_path, PARTS + "stack = ['mtcp']\n")
    with pytest.raises(UsageError, match="axis 'core': did you mean cores"):
        small(tmp_path, PARTS + "axis = 'core'\n")


def test_self_loop_pairs_multiply_the_load():
    runs = plan.make(scenario.choose(["scaling"], scenario.load_all()), plan.Options("quick"))
    assert {(run.pairs, run.concurrency) for run in runs} >= {(1, 8192), (2, 16384)}


# --- devices

def test_device_names_and_devargs():
    assert device.parse("ring").in_process and device.parse("pcap").capture
    assert {name: device.parse(name).devargs for name in ("af_packet", "af_xdp")} == {"af_packet": "af_packet:srv0", "af_xdp": "af_xdp:srv0"}
    assert device.parse("net_af_packet0,iface=srv0,qpairs=1").name == "af_packet"


@pytest.mark.parametrize("text, error", [
    ("rings", UsageError), ("net_af_packet0,iface=eth7", UsageError), ("net_af_packet0", UsageError), ("", UsageError),
    ("net_x;rm -rf /", UsageError), ("memif", CannotRun), ("pci:0000:01:00.0", CannotRun), ("net_memif0,role=client", CannotRun),
])
def test_bad_devices_are_refused(text, error):
    with pytest.raises(error):
        device.parse(text)


# --- classification

def samples():
    return list(classify.parse((ROOT / "pytest" / "perf_script.txt").read_text().splitlines()))


def parts_of(ours, attribution, cpu):
    return [classify.classify(sample, ours, attribution) for sample in samples() if sample.cpu == cpu and not sample.foreign]


def test_kernel_server_by_leaf():
    assert parts_of(None, "leaf", 0) == ["idle", "kernel_other", "kernel_other", "packet_io", "kernel_other", "application",
                                         "unclassified"]


def test_kernel_server_by_caller():
    """What only shows as a lock's release belongs to whom it was called for; allocation to TCP."""
    assert parts_of(None, "caller", 0) == ["idle", "kernel_other", "tcpip", "packet_io", "kernel_other", "application",
                                           "kernel_other"]


def test_our_stack_by_name():
    assert parts_of({}, "leaf", 1) == ["tcpip", "packet_io", "unclassified", "tcpip", "idle", "unclassified"]
    assert parts_of({}, "caller", 1) == ["tcpip", "packet_io", "unclassified", "tcpip", "idle", "tcpip"]


def test_our_stack_by_library():
    text = "lib/libmtcp_stack.a:x.o:0000 t place\nlib/libapps.a:y.o:0000 T both\nlib/libmtcp_tcp.a:z.o:0000 t both.part.0\n" \
           "lib/libmtcp_tcp.a:z.o:         U printf\nnm: no symbols\n"
    assert classify.layers(text) == {"place": "tcpip"}
    assert parts_of({"place": "packet_io"}, "leaf", 1)[-1] == "packet_io"


def test_a_function_without_a_name_is_its_callers_by_caller_only():
    frames = [classify.Frame(name, "/usr/lib/libc.so.6" if name == "[unknown]" else "mtcp-pair") for name in ("[unknown]", "tcp_input", "main")]
    sample = classify.Sample("mtcp-pair", 0, frames)
    assert [classify.classify(sample, {}, how) for how in ("leaf", "caller")] == ["unclassified", "tcpip"]
    frames[0] = classify.Frame("memcpy", "/usr/lib/libc.so.6")
    assert classify.classify(sample, {}, "leaf") == "tcpip"
    for name in ("[unknown]", "__vdso_clock_gettime"):  # of that library all functions do one thing, with a name or without
        frames[0] = classify.Frame(name, "[vdso]")
        assert classify.classify(sample, {}, "leaf") == "tcpip"


@pytest.mark.parametrize("way, wanted", [
    ("start_thread server_turn mtcp_epoll_wait pa_poll app_hand_over pair_wait [schedule", "kernel_other"),  # the other thread's turn
    ("start_thread __sched_yield [new_in_this_kernel", "kernel_other"),                   # the way up is lost in the library
    ("start_thread __sched_yield", "kernel_other"),
    ("start_thread stack_thread loop_idle rt_futex_wait [schedule", "idle"),
    ("start_thread server_turn mtcp_epoll_wait in_poll loop_turn_at loop_look stack_rx ring_rx_burst", "idle"),
    ("start_thread server_turn mtcp_epoll_wait in_poll loop_turn_at stack_rx ring_rx_burst", "packet_io"),
    ("start_thread server_turn mtcp_epoll_wait in_poll loop_turn_at stack_tx", "tcpip"),  # frames are made there
    ("start_thread server_turn mtcp_read stack_recv", "tcpip"),
])
@pytest.mark.parametrize("attribution", ["leaf", "caller"])
def test_lines_are_those_of_the_account_by_calls(way, wanted, attribution):
    frames = [classify.Frame(name.lstrip("["), "[kernel.kallsyms]" if name[0] == "[" else "/opt/mtcp-pair") for name in reversed(way.split())]
    assert classify.classify(classify.Sample("mtcp-pair", 0, frames), {}, attribution) in (wanted, "unclassified" if attribution == "leaf" else wanted)


def test_other_programs_are_left_out_and_counted():
    found = classify.profile(samples(), {}, "caller", [1])
    assert found.samples == 6 and found.foreign == 2 and sum(found.shares().values()) == pytest.approx(1.0)


def test_packets_processed_inside_another_program_are_not_its_own():
    frames = [classify.Frame("tcp_v4_rcv", "[kernel.kallsyms]"), classify.Frame("net_rx_action", "[kernel.kallsyms]"),
              classify.Frame("main", "/usr/bin/cc")]
    assert not classify.Sample("cc", 0, frames).foreign
    assert classify.Sample("cc", 0, frames[2:]).foreign


def test_samples_without_a_way_up_are_another_programs_by_its_name():
    """perf drops the whole way when it finds nonsense on it; in the kernel it could have been packet processing."""
    text = ["cc1 21416 [000] U     15083.521885: cpu-clock: ", "", "cc1 21416 [000] K     15083.558405: cpu-clock: ", "",
            "mtcp-pair 7 [000] U     15083.623436: cpu-clock: ", ""]
    found = list(classify.parse(text))
    assert [sample.foreign for sample in found] == [True, False, False]
    assert [classify.classify(sample, {}, "leaf") for sample in found[1:]] == ["unclassified"] * 2


def test_static_functions_of_the_build_are_known(build_dir, monkeypatch):
    monkeypatch.setenv("MTCP_BUILD", str(build_dir))
    sampling.our_layers.cache_clear()
    found = sampling.our_layers()
    sampling.our_layers.cache_clear()
    assert found["serve_some"] == found["tcp_output_any"] == "tcpip"


def test_waiting_is_functions_of_the_programs(program):
    """Were one inlined, or renamed, samples would not show it."""
    told = subprocess.run(["nm", str(program("mtcp-pair"))], capture_output=True, text=True, check=True).stdout
    there = {classify.plain(line.split()[-1]) for line in told.splitlines() if line.split()[-2:-1] in (["t"], ["T"])}
    with (ROOT / "experiments" / "runner" / "symbols.toml").open("rb") as file:
        wanted = {name for rule in tomllib.load(file)["within"] for name in rule["match"]}
    assert wanted - there == set()


def test_hostile_perf_text_is_passed_over():
    text = ["", "\t", "x", "a b c", "\tzzzz nothing", "name 1 [000] 1.0: 1 cpu-clock:", "\t12 f (", "\t12 g+0x1 (a (b))"]
    assert len(list(classify.parse(text))) == 1


# --- claims

def judge(name, found, skipped=None):
    claim = next(item for item in claims.load() if item["name"] == name)
    return claims.judge(claim, found, skipped or {})


def test_a_setting_is_held_against_the_stack_as_it_is():
    def line_of(stack, variant, rate, cores="0"):
        return make_row(stack, per_core=rate, experiment="kernel-knobs", variant=variant, server_cores=cores)

    found = summary.lines([line_of("kernel-tuned", "as it is", 20.0), line_of("kernel-tuned", "edge", 30.0), line_of("kernel-tuned", "spin", 10.0),
                           line_of("kernel", "for comparison", 25.0), line_of("kernel-tuned", "4 cores", 40.0, "0-3"), line_of("kernel-tuned", "4 cores, gro", 50.0, "0-3")])
    assert {line.key.variant: summary.ratio_cells(found, line, summary.PER_CORE, lambda ratio: summary.number(ratio, ".2f")) for line in found} == {
        "as it is": ("1.00", "0.80", "0.80 kernel"), "edge": ("1.50", "1.20", "1.20 kernel"), "spin": ("0.50", "0.40", "0.40 kernel"),
        "for comparison": ("1.25", "1.00", "1.00 kernel"), "4 cores": ("1.00", "-", "1.00 tuned"), "4 cores, gro": ("1.25", "-", "1.25 tuned")}


def test_ratio_is_to_the_best_kernel():
    found = [make_row(per_core=100_000), make_row("kernel", per_core=10_000), make_row("kernel-reuseport", per_core=20_000)]
    verdict = judge("concurrency-8k", found)
    assert verdict.estimate.value == 5.0 and verdict.outcome == claims.REPRODUCED


def test_interval_beyond_the_bound_is_partly():
    found = [make_row(repeat=n, per_core=value) for n, value in enumerate((52_000, 55_000, 40_000), 1)]
    found += [make_row("kernel", repeat=n, per_core=10_000) for n in (1, 2, 3)]
    assert judge("concurrency-8k", found).outcome == claims.PARTLY


def test_below_the_second_bound_is_not_reproduced():
    found = [make_row(per_core=15_000), make_row("kernel", per_core=10_000)]
    verdict = judge("concurrency-8k", found)
    assert verdict.outcome == claims.NOT and claims.failed([verdict])


def test_a_skipped_stack_is_not_testable_and_says_why():
    verdict = judge("cycles-ratio", [make_row(experiment="cpu-breakdown")], {"cpu-breakdown kernel": "no namespaces"})
    assert verdict.outcome == claims.UNTESTED and "no namespaces" in verdict.ours and not claims.failed([verdict])


def breakdown(method, attribution, **shares):
    return {"method": method, "attribution": attribution, "cpus": "server", "samples": None, "shares": shares}


def test_kernel_share_prefers_samples_and_leaves_idle_out():
    entries = [breakdown("proc-stat", "-", application=0.5, kernel=0.3, idle=0.2),
               breakdown("perf", "caller", application=0.1, tcpip=0.4, packet_io=0.1, kernel_other=0.2, idle=0.2, unclassified=0.0)]
    found = judge("kernel-share", [make_row("kernel", experiment="cpu-breakdown", breakdown=entries)])
    assert found.estimate.value == pytest.approx(0.7 / 0.8)
    coarse = judge("kernel-share", [make_row("kernel", experiment="cpu-breakdown", breakdown=entries[:1])])
    assert coarse.estimate.value == pytest.approx(0.3 / 0.8)


def test_an_account_without_a_remainder_is_no_proof_that_all_is_classified():
    entries = [breakdown("cycles", "calls", tcpip=0.8, kernel_other=0.2), breakdown("perf", "leaf", tcpip=1.0), breakdown("perf", "caller", tcpip=1.0)]
    found = judge("unclassified", [make_row(experiment="cpu-breakdown", breakdown=entries)])
    assert found.outcome == claims.REPRODUCED and found.estimate.n == 2
    assert judge("unclassified", [make_row(experiment="cpu-breakdown", breakdown=entries[:1])]).outcome == claims.UNTESTED


def test_a_retransmission_over_the_ring_fails_the_check():
    verdict = judge("no-failures", [make_row(retransmits=1)])
    assert verdict.outcome == claims.NOT and claims.failed([verdict])


@pytest.mark.parametrize("name", ["failed_total", "retransmits_total"])
def test_what_was_lost_before_measuring_fails_the_check(name):
    sound = [make_row(concurrency=at, failed_total=0, retransmits_total=0) for at in (8192, 49152)]
    assert judge("no-failures", sound).outcome == claims.REPRODUCED
    assert judge("no-failures", [*sound, make_row(**{name: 1})]).outcome == claims.NOT


@pytest.mark.parametrize("sent, outcome", [(950_000.0, claims.REPRODUCED), (620_000.0, claims.UNTESTED), (None, claims.UNTESTED)])
def test_a_flood_that_was_not_sent_proves_nothing(sent, outcome):
    about = {"experiment": "syn-flood", "axis": "flood_rate"}
    found = [make_row(flood_rate=1000.0, flood_sent_per_s=1000.0, **about), make_row(flood_rate=1e6, flood_sent_per_s=sent, **about)]
    verdict = judge("goal-syn-flood", found)
    assert verdict.outcome == outcome
    assert outcome != claims.UNTESTED or "of 1,000,000 SYNs per second were sent" in verdict.ours


def test_goals_do_not_decide():
    found = [make_row(per_core=15_000), make_row("kernel-tuned", per_core=10_000)]
    assert judge("goal-8k", found).word == "missed" and not claims.failed([judge("goal-8k", found)])


def test_every_claim_names_what_exists():
    known = scenario.load_all()
    for claim in claims.load():
        assert claim["kind"] in ("claim", "goal", "check") and claims.Verdict(claim, claims.UNTESTED, None).tolerance
        if claim["experiment"] == claims.EVERYWHERE:
            continue
        found = known[claim["experiment"]]
        points = {point for part in found.parts for point in part.points["full"]}
        named = [claim["at"]] if isinstance(claim.get("at"), int) else claim.get("at", [])
        assert {*named, claim.get("base", next(iter(points)))} <= points, claim["name"]
        assert {*claim.get("variants", []), *(claim[name] for name in ("variant", "under_variant") if name in claim)} <= {part.name for part in found.parts}
        assert set(claim.get("under", [])) | {claim["over"]} <= {*found.stacks, "any"}, claim["name"]


def test_a_value_is_told_in_its_unit():
    claim = {"name": "x", "kind": "goal", "experiment": "concurrency", "measure": "value", "metric": "cycles_per_transaction",
             "over": "mtcp", "at": 8192, "reach": 2400, "partly": 4000, "below": True}
    verdict = claims.judge(claim, [make_row(per_core=1_000_000)], {})
    assert (verdict.word, verdict.ours) == ("partly" if verdict.estimate.value > 2400 else "reached", "2,500 cycles")
    assert verdict.tolerance == "at most 2,400, partly at most 4,000 cycles"


def test_variants_are_kept_apart():
    found = [make_row(experiment="latency", concurrency=1, variant="polls", latency_p50_us=20.0),
             make_row(experiment="latency", concurrency=1, variant="sleeps", latency_p50_us=80.0),
             make_row("kernel-tuned", experiment="latency", concurrency=1, variant="polls", latency_p50_us=30.0),
             make_row("kernel-tuned", experiment="latency", concurrency=1, variant="sleeps", latency_p50_us=60.0)]
    claim = {"name": "x", "kind": "goal", "experiment": "latency", "measure": "stack-ratio", "metric": "latency_p50_us",
             "over": "kernel-tuned", "under": ["mtcp"], "at": 1, "reach": 1.0, "partly": 0.5}
    assert claims.judge(claim | {"variant": "polls"}, found, {}).estimate.value == 1.5
    assert claims.judge(claim | {"variant": "sleeps"}, found, {}).word == "partly"
    assert claims.judge(claim | {"variant": "dreams"}, found, {}).outcome == claims.UNTESTED
    assert [line.key.variant for line in summary.lines(found)] == ["polls", "polls", "sleeps", "sleeps"]


def test_the_worst_ratio_is_over_all_points_and_less_is_better_for_latency():
    claim = {"name": "x", "kind": "goal", "experiment": "latency", "measure": "worst-ratio", "metric": "latency_p50_us",
             "over": "mtcp", "at": [1, 2], "reach": 1.0, "partly": 0.5}
    found = [make_row(experiment="latency", concurrency=at, latency_p50_us=ours) for at, ours in ((1, 10.0), (2, 50.0))]
    found += [make_row("kernel", experiment="latency", concurrency=at, latency_p50_us=40.0) for at in (1, 2)]
    found += [make_row("kernel-tuned", experiment="latency", concurrency=1, latency_p50_us=30.0, rate=5.0)]
    assert claims.judge(claim, found, {}).estimate.value == 0.8
    assert claims.judge(claim, found[:2], {}).outcome == claims.UNTESTED


# --- rows and tables

def test_rows_are_checked():
    assert not rows.faults(make_row())
    assert rows.faults(make_row(concurrency=0)) and rows.faults(make_row(stack="mtcp") | {"stack": "other"})
    assert rows.faults({"stack": "mtcp"})


def test_rows_come_back_as_written(tmp_path):
    file = rows.RowFile(tmp_path)
    file.add(make_row(notes='a "quoted", note', generator_limited=True))
    assert rows.read(tmp_path)[0]["notes"] == 'a "quoted", note'
    head, line = (tmp_path / "rows.csv").read_text().splitlines()
    assert head.split(",") == rows.columns() and "breakdown" not in head and '""quoted""' in line


@pytest.mark.parametrize("text", ["", "{", "[]", '{"stack": 1}', "\x00\xff"])
def test_broken_rows_are_named(tmp_path, text):
    (tmp_path / "rows.jsonl").write_text(text + "\n" if text else "")
    with pytest.raises(UsageError):
        rows.read(tmp_path)


def test_variants_that_are_loads_are_compared_inside_themselves_only():
    """Handshakes with sessions taken up are not faster than the kernel without."""
    found = [make_row(stack, 4096, experiment="tls", variant=variant, cycles_per_transaction=cycles) for stack, variant, cycles in (
        ("mtcp", "1.3", 900.0), ("kernel", "1.3", 1000.0), ("mtcp", "1.3, sessions taken up", 300.0), ("kernel-tuned", "1.3, sessions taken up", 330.0))]
    all_lines = summary.lines(found)
    ratios = {line.key.variant: summary.ratio_to_best(all_lines, line, "cycles_per_transaction").value for line in all_lines if line.key.stack == "mtcp"}
    assert ratios == {"1.3": pytest.approx(1000 / 900), "1.3, sessions taken up": pytest.approx(1.1)}
    bars = figure_data.ratios(all_lines, scenario.Plot("x", "x", "ratios", "cycles_per_transaction")).blocks[""]
    assert [row[0] for row in bars if row[0].startswith("over")] == ["over kernel 1.3 4K", "over kernel-tuned 1.3, sessions taken up 4K"]


def test_best_line_has_ratio_one():
    all_lines = summary.lines([make_row(per_core=100_000), make_row("kernel", per_core=10_000),
                               make_row("kernel-reuseport", per_core=8_000)])
    ratios = {line.key.stack: summary.ratio_to_best(all_lines, line).value for line in all_lines}
    assert ratios == {"mtcp": 10.0, "kernel": 1.0, "kernel-reuseport": 0.8}


def test_schema_is_a_schema():
    import jsonschema

    jsonschema.Draft202012Validator.check_schema(json.loads((ROOT / "experiments" / "schema.json").read_text()))


# --- the machine

def test_proc_stat_is_read():
    text = "cpu  1 1 1 1\ncpu0 100 0 50 800 10 5 15 20 0 0\ncpu1 0 0 0 1000 0 0 0 0 0 0\nintr 5\n"
    first = cpustat.parse(text)[0]
    assert first.busy == pytest.approx(1.7) and first.kernel == pytest.approx(0.7)
    assert first.steal_share == pytest.approx(0.02) and set(cpustat.parse(text)) == {0, 1}


def test_tuning_profiles_inherit_and_say_why():
    plain, tuned = (tuning.profile(name) for name in ("kernel", "kernel-reuseport"))
    keys = [entry["key"] for entry in tuned["sysctl"]]
    assert not plain["steering"] and tuned["steering"] and len(keys) == len(set(keys)) > len(plain["sysctl"])
    with (ROOT / "experiments" / "tuning.toml").open("rb") as file:
        assert all(entry["why"] for table in tomllib.load(file).values() for entry in table["sysctl"])


def test_the_same_work_is_booked_to_the_same_side_for_all_stacks():
    """Beside one steered end, whoever serves, the other stack's server would get its receive work done by its client."""
    runs = plan.make(scenario.choose(["same-wire", "same-wire-steered"], scenario.load_all()), plan.Options("normal"))
    steered = {}
    for run in runs:
        profile = tuning.profile("mtcp-peer" if run.ours else run.stack, run.part.tuning)
        steered.setdefault(run.scenario.name, set()).add(profile["steering"])
    assert {stack for run in runs for stack in [run.stack]} >= {"mtcp", "kernel-tuned"}
    assert steered == {"same-wire": {False}, "same-wire-steered": {True}}


@pytest.mark.netns
def test_both_ends_are_steered_for_our_stack_too(netns_pair):
    record = tuning.apply(netns_pair.pair, "mtcp-peer", [0], [1], {"steering": True})
    if record["refused"]:
        pytest.skip(record["refused"][0])
    assert record["steering"] and record["set"][f"{SERVER} srv0 rx-0 rps_cpus"].lstrip("0") == "1" and \
        record["set"][f"{CLIENT} cli0 rx-0 rps_cpus"].lstrip("0") == "2"


@pytest.mark.netns
def test_settings_are_made_inside_and_read_back(netns_pair):
    before = (ROOT / "/proc/sys/net/core/somaxconn").read_text()
    record = tuning.apply(netns_pair.pair, "kernel-reuseport", [0], [1])
    assert record["set"][f"{SERVER} net.core.somaxconn"] == "65535"
    assert (ROOT / "/proc/sys/net/core/somaxconn").read_text() == before


# --- counting tests

def test_junit_of_ctest_and_pytest(tmp_path):
    path = tmp_path / "x.xml"
    path.write_text('<testsuites><testsuite><testcase classname="a" name="a" status="run"/><testcase name="b" status="fail">'
                    '<failure message=""/></testcase><testcase name="c" status="notrun"><skipped message="why"/></testcase>'
                    "</testsuite></testsuites>")
    tally = suite.junit(path)
    assert str(tally) == "1 passed, 1 failed, 1 skipped" and tally.wrong == ["b"] and tally.left_out == ["c: why"]


@pytest.mark.parametrize("status, cases, counts", [
    (0, '<testcase name="a"/>', "1 passed, 0 failed, 0 skipped"),
    (1, '<testcase name="a"/><testcase name="b"><failure message=""/></testcase>', "1 passed, 1 failed, 0 skipped"),
    (2, '<testcase name="a"/>', None),  # interrupted
    (5, "", None),                      # nothing was there to run
    (2, None, None)])                   # it did not come as far as a file
def test_a_run_that_ended_early_has_failed(tmp_path, monkeypatch, status, cases, counts):
    log = tmp_path / "ctest.log"

    def run(_log, *_):
        log.write_text("its last words\n")
        if cases is not None:
            log.with_suffix(".xml").write_text(f"<testsuites><testsuite>{cases}</testsuite></testsuites>")
        return status

    monkeypatch.setattr(suite, "_run", run)
    for stage in (suite._pytest(False, False, False), lambda path: suite._ctest(path, tmp_path)):
        if counts:
            assert str(stage(log)) == counts
            continue
        with pytest.raises(suite.Broken, match="its last words"):
            stage(log)


def test_each_file_of_tests_runs_in_one_of_two_stages(monkeypatch, tmp_path):
    """Beside others those that are named, which are there; all others alone."""
    words = []

    def run(log, argv, _):
        log.with_suffix(".xml").write_text('<testsuites><testsuite><testcase name="a"/></testsuite></testsuites>')
        words.append(argv[argv.index("-m", argv.index("pytest")) + 1])
        return 0

    monkeypatch.setattr(suite, "_run", run)
    for name, stage in suite.stages(False, False):
        if name in ("beside", "pytest"):
            stage(tmp_path / f"{name}.log")
    assert words == ["beside", "not beside"]
    there = {path.stem for path in (ROOT / "pytest").glob("test_*.py")}
    assert len(set(BESIDE)) == len(BESIDE) and set(BESIDE) <= there and not {"test_startup", "test_idle", "test_apps", "test_uring"} & set(BESIDE)


def test_what_a_fuzzer_found_is_told_with_its_input(tmp_path):
    (tmp_path / "crash-1").write_bytes(b"\x00input")
    text = (f"#8 NEW cov: 1\ncheck failed: timed at x.h:69\n==1== ERROR: libFuzzer: deadly signal\n    #7 0x5 in raise ../raise.c:2\n"
            f"    #8 0x55 in check_stall {suite.ROOT}/core/x.h:69:3\nTest unit written to {tmp_path}/crash-1\n")
    told = suite.found_by_fuzzer(text).splitlines()
    assert told[0].startswith("check failed: timed") and "check_stall" in told[2] and len(told) == 4
    done = subprocess.run(["bash", "-c", told[3]], cwd=tmp_path, check=True)
    assert done.returncode == 0 and (tmp_path / "crash-1").read_bytes() == b"\x00input"
    assert suite.found_by_fuzzer("#8 NEW cov: 1\n") == ""


def test_coverage_adds_up_over_objects():
    counts = coverage.Counts()
    for times in (0, 2):  # a header's line, as two objects have it
        counts.add({"line_number": 7, "count": times, "branches": [{"count": times}, {"count": 0}]})
    counts.add({"line_number": 8, "count": 0, "branches": []})
    counts.add({"line_number": 9, "count": 0, "branches": []})
    assert coverage.percent(counts.lines) == pytest.approx(100 / 3) and coverage.percent(counts.branches) == 50
    assert counts.missing() == "8-9"
    text, enough = coverage.table({"core/tcp/a.c": counts})
    assert not enough and text[1].split() == ["core/tcp/a.c", "33.3%", "50.0%", "8-9"]
    counts.lines, counts.branches = {1: 1}, {}
    assert coverage.table({"core/tcp/a.c": counts})[1] and not coverage.table({})[1]


@pytest.mark.parametrize("end, failed", (("echo '[       OK ] b'", set()), ("echo '[  FAILED  ] b' >&2", {"b"}), ("kill -9 $$", {"b"}),
                                         ("exec sleep 60", {"b"})))
def test_a_test_that_crashes_or_hangs_has_failed(tmp_path, end, failed):
    program = tmp_path / "test_of_cmocka"
    program.write_text(f"#!/bin/sh\necho '[ RUN      ] a'\necho '[       OK ] a'\necho '[ RUN      ] b'\n{end}\n")
    program.chmod(0o755)
    assert faults.play(program, 1 if "sleep" in end else 30).failed == failed


def test_a_patch_without_its_head_is_named(tmp_path):
    folder = tmp_path / "core" / "tests" / "faults"
    folder.mkdir(parents=True)
    (folder / "01-a.patch").write_text("test: test_a fault_01_b\nfault: c\n\n--- a/core/d.c\n+++ b/core/d.c\n")
    fault, = faults.load(tmp_path)
    assert (fault.number, fault.program, fault.test, fault.what, fault.files) == (1, "test_a", "fault_01_b", "c", ("core/d.c",))
    (folder / "02-e.patch").write_text("test: test_a fault_01_b\n\n--- a/core/d.c\n+++ b/core/d.c\n")
    with pytest.raises(ValueError, match="02-e.patch"):
        faults.load(tmp_path)


def test_known_faults_still_fit_the_code():
    """./repro test --faults takes minutes; that a patch has to be made again shows here."""
    apply = ["patch", "-p1", "--dry-run", "--batch", "--forward", "-d", str(ROOT), "-i"]
    stale = [each.path.name for each in faults.load(ROOT) if subprocess.run([*apply, str(each.path)], capture_output=True).returncode]
    assert not stale, "docs/testing.md says how these are made again"


@pytest.fixture
def fake_packetdrill(tmp_path):
    """Fails for a script that says so; wants the plug-in it is given to exist."""
    program = tmp_path / "packetdrill"
    program.write_text('#!/bin/sh\n[ -f "${1#--so_filename=}" ] || { echo "no plug-in" >&2; exit 1; }\n'
                       'if grep -q wrong "$2"; then echo "$2:1: error handling packet" >&2; exit 1; fi\n')
    program.chmod(0o755)
    return program


def test_packetdrill_scripts_are_counted(build_dir, fake_packetdrill, tmp_path, monkeypatch):
    monkeypatch.setenv("MTCP_BUILD", str(build_dir))
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a.pkt").write_text("right")
    (tmp_path / "b.pkt").write_text("wrong")
    passed, failed = packetdrill.play_all(fake_packetdrill, tmp_path, tmp_path / "log")
    assert (passed, failed) == (1, ["b.pkt: b.pkt:1: error handling packet"])
    assert (tmp_path / "log").read_text().splitlines() == [f"b.pkt: {failed[0][7:]}", "deep/a.pkt: ok"]


def test_packetdrill_wrong_usage(fake_packetdrill, tmp_path):
    packetdrill.check(None, None)
    for program, scripts, what in ((fake_packetdrill, None, "belong together"), (tmp_path / "none", tmp_path, "no such program"),
                                   (fake_packetdrill, tmp_path, "no *.pkt there")):
        with pytest.raises(UsageError, match=re.escape(what)):
            packetdrill.check(program, scripts)
