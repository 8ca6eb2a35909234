# SPDX-License-Identifier: BSD-3-Clause
"""The words of ./repro: checked, explained, carried out. Only what a command needs is imported for it."""
from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path
from typing import NoReturn

from runner import device, packetdrill, scenario
from runner.errors import Stop, UsageError, nearest

COMMANDS = ("run", "list", "report", "compare", "pack", "doctor", "test", "bench-check")


class Interrupted(BaseException):
    """A signal asked us to end. Raised once: further ones are ignored while we tidy up."""

    def __init__(self, number: int):
        super().__init__(number)
        self.status = 128 + number


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} ({self.prog} --help)")


def _count(text: str) -> int:
    value = int(text)
    if not 0 < value <= 10**6:
        raise ValueError(text)
    return value


_count.__name__ = "positive whole number"


def _seconds(text: str) -> float:
    """As the programs take them (experiments/apps/load_opts.c)."""
    value = float(text)
    if not 0.01 <= value <= 86400:
        raise ValueError(text)
    return value


_seconds.__name__ = "number of seconds (0.01 to 86400)"


def _percent(text: str) -> float:
    value = float(text)
    if not 0 <= value < 100:
        raise ValueError(text)
    return value


_percent.__name__ = "share in percent (0 to below 100)"


def _seed(text: str) -> int:
    value = int(text)
    if not 0 <= value < 2**32:
        raise ValueError(text)
    return value


_seed.__name__ = "seed (0 to 4294967295)"


def _parser() -> _Parser:
    top = _Parser(prog="./repro", allow_abbrev=False)
    commands = top.add_subparsers(dest="command", required=True, parser_class=_Parser)
    run = commands.add_parser("run", help="measure, draw figures, write a report", allow_abbrev=False)
    run.add_argument("names", nargs="*", metavar="NAME", help="experiments, or all; none: those of the main job")
    size = run.add_mutually_exclusive_group()
    size.add_argument("--quick", dest="size", action="store_const", const="quick", default="normal",
                      help="one repeat, the kernel at fewer points")
    size.add_argument("--full", dest="size", action="store_const", const="full", help="5 repeats, of a few fewer (docs/experiments.md, Sizes)")
    run.add_argument("--device", metavar="DEV", default="ring", help=f"{', '.join(device.NAMES)}, or DPDK devargs (default: ring); "
                      "of parts that name no device of their own")
    run.add_argument("--inventory", metavar="FILE", help="measure on other machines: an Ansible inventory as experiments/cluster/hosts.example.yml "
                     "(docs/testbed.md); it says the devices, too")
    run.add_argument("--baseline", metavar="LIST", help=f"kernel stacks to compare with: {', '.join(scenario.BASELINES)}; none: no kernel")
    run.add_argument("--seed", metavar="N", type=_seed, default=1, help="of the order of runs and of all that is random (default: 1)")
    run.add_argument("--repeats", type=_count, metavar="N")
    run.add_argument("--seconds", type=_seconds, metavar="S", help="measured in each run (0.01 to 86400)")
    run.add_argument("--server-cores", metavar="LIST", help="the server's CPUs, as 0,2-5 (default: one; scaling-apart: the first half, 8 at most)")
    run.add_argument("--client-cores", metavar="LIST", help="the load generator's: others (default: one; scaling-apart: the rest, 16 at most)")
    run.add_argument("--out", metavar="DIR", help="a new folder for results (default: results/<time>)")
    run.add_argument("--resume", metavar="DIR", type=Path, help="go on with an interrupted run: only what is missing there")
    run.add_argument("--capture", metavar="FILE", help="write what crosses our stack's wire as pcapng; a file for each run")
    commands.add_parser("list", help="experiments", allow_abbrev=False)
    report = commands.add_parser("report", help="figures and report again", allow_abbrev=False)
    report.add_argument("dir", type=Path, metavar="DIR")
    compare = commands.add_parser("compare", help="two runs side by side; status 1 when the second is worse, or lacks a line of ours", allow_abbrev=False)
    compare.add_argument("--threshold", type=_percent, metavar="PERCENT", default=5.0,
                         help="a regression of ours is a loss beyond this that chance does not explain (default: 5)")
    compare.add_argument("first", type=Path, metavar="DIR")
    compare.add_argument("second", type=Path, metavar="DIR")
    pack = commands.add_parser("pack", help="an archive of a run: rows, report, sources, checksums", allow_abbrev=False)
    pack.add_argument("dir", type=Path, metavar="DIR")
    pack.add_argument("--out", type=Path, metavar="FILE", help="default: DIR.tar.gz")
    commands.add_parser("doctor", help="what will hold a run back", allow_abbrev=False)
    test = commands.add_parser("test", help="all tests", allow_abbrev=False)
    some = test.add_mutually_exclusive_group()
    some.add_argument("--fast", action="store_true", help="no sanitizers, no fuzzing, no slow tests")
    some.add_argument("--nightly", action="store_true", help="more of what is random: fuzzing, oracle, soak, large tables; over an hour")
    some.add_argument("--coverage", dest="only", action="store_const", const="coverage",
                      help="only: what the C tests reach of core/tcp and core/wire")
    some.add_argument("--faults", dest="only", action="store_const", const="faults",
                      help="only: known faults put back, one by one; each has to be noticed")
    test.add_argument("--packetdrill", type=Path, metavar="PATH", help="this packetdrill binary plays ...")
    test.add_argument("--scripts", type=Path, metavar="DIR", help="... the *.pkt below DIR to our stack")
    bench = commands.add_parser("bench-check", help="instructions per transaction and packet against the baseline", allow_abbrev=False)
    bench.add_argument("--update", action="store_true", help="write a new baseline: a change to be reviewed")
    bench.add_argument("--reason", metavar="TEXT", help="with --update: why it is another one now")
    return top


def _options_of(words: list[str]) -> list[str]:
    top = _parser()
    actions = next(a for a in top._actions if isinstance(a, argparse._SubParsersAction))
    own = actions.choices[words[0]]
    return [option for action in own._actions for option in action.option_strings if option.startswith("--")]


def parse(words: list[str]) -> argparse.Namespace:
    """The arguments; UsageError with the nearest known word."""
    if words and not words[0].startswith("-") and words[0] not in COMMANDS:
        raise UsageError(f"unknown command {words[0]!r}: {nearest(words[0], COMMANDS)}")
    if words and words[0] in COMMANDS:
        known = _options_of(words)
        for word in words[1:]:
            name = word.split("=")[0]
            if word.startswith("--") and len(word) > 2 and name not in known:
                raise UsageError(f"unknown option {name}: {nearest(name, known)}")
    found, left = _parser().parse_known_args(words)
    if left:  # argparse would name the command above
        raise UsageError(f"unrecognized arguments: {' '.join(left)} (./repro {found.command} --help)")
    return found


def _check_resume(arguments: argparse.Namespace) -> None:
    """Everything is taken from the folder: a choice beside it would be another run."""
    from runner import resume

    plain = vars(_parser().parse_args(["run"]))
    given = [name for name in (*resume.choices(arguments), "out") if getattr(arguments, name) != plain[name]]
    if given:
        option = {"names": "experiments", "size": f"--{arguments.size}"}.get(given[0], f"--{given[0].replace('_', '-')}")
        raise UsageError(f"--resume goes on with what its folder was started with: leave out {option}")
    resume.earlier(arguments.resume)


def _check_inventory(arguments: argparse.Namespace) -> None:
    """What can be told before Ansible reads it."""
    from runner import inventory

    inventory.check_file(Path(arguments.inventory))
    if arguments.device != "ring":
        raise UsageError("--inventory has each host's device (mtcp_device): leave out --device")
    if arguments.capture:
        raise UsageError("--capture is written on one machine only: leave it out, or --inventory")
    if arguments.server_cores or arguments.client_cores:
        raise UsageError("--inventory has each host's cores (mtcp_cores): leave out --server-cores and --client-cores")


def check(arguments: argparse.Namespace) -> None:
    """What can be told without running anything: UsageError or CannotRun."""
    from runner import cpustat, layout

    if arguments.command == "run":
        layout.make(arguments.server_cores, arguments.client_cores, cpustat.usable_cores())
        scenario.choose(arguments.names, scenario.load_all())
        device.parse(arguments.device)
        scenario.choose_baselines(arguments.baseline)
        if arguments.inventory:
            _check_inventory(arguments)
        if arguments.resume:
            _check_resume(arguments)
    if arguments.command == "test":
        packetdrill.check(arguments.packetdrill, arguments.scripts)
    if arguments.command == "bench-check" and arguments.update != bool((arguments.reason or "").strip()):
        raise UsageError("--update and --reason TEXT belong together (./repro bench-check --help)")
    for name in ("dir", "first", "second"):
        folder = getattr(arguments, name, None)
        if folder is not None and not (folder / "rows.jsonl").is_file():
            raise UsageError(f"{folder}: no rows.jsonl there: name a folder that ./repro run wrote")


def _list() -> int:
    from runner import cpustat, layout, plan

    here = layout.usual(cpustat.usable_cores())
    for found in scenario.load_all().values():
        times = [f"skipped: needs {found.needs}"] if found.needs else []
        for size in () if found.needs else scenario.SIZES:
            runs = [run for run in plan.make([found], plan.Options(size)) if not here.lacks(run)[1]]
            minutes = sum(run.estimate for run in runs) / 60
            times.append(f"{size} {minutes:.1f} min ({len(runs)} runs)")
        print(f"{found.name}{' (part of ./repro run)' if found.default else ''}\n    {found.title}\n    paper: {found.figure}\n"
              f"    claim: {found.claim}\n    takes: {', '.join(times)}")
    return 0


def _report(folder: Path) -> int:
    from runner import claims, pdf, report, table

    found, verdicts = report.rebuild(folder)
    refused = pdf.write(folder)
    console = table.console()
    for item in [*table.results(found), table.verdicts(verdicts)]:
        console.print(item)
    if refused:
        print(refused)
    print(f"report: {folder / 'report.html'}")
    return 1 if claims.failed(verdicts) else 0


def _on_signal(number: int, _: object) -> NoReturn:
    for other in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(other, signal.SIG_IGN)
    raise Interrupted(number)


def _carry_out(arguments: argparse.Namespace, words: list[str]) -> int:
    if arguments.command == "run":
        from runner import main_job

        return main_job.run(arguments, words)
    if arguments.command == "test":
        from runner import suite

        if arguments.only:
            return suite.only(arguments.only)
        return suite.main(arguments.fast, arguments.nightly, arguments.packetdrill, arguments.scripts)
    if arguments.command == "report":
        return _report(arguments.dir)
    if arguments.command == "compare":
        from runner import compare

        return compare.main(arguments.first, arguments.second, arguments.threshold)
    if arguments.command == "pack":
        from runner import pack

        return pack.main(arguments.dir, arguments.out)
    if arguments.command == "bench-check":
        from runner import benchcheck

        return benchcheck.main(arguments.update, arguments.reason)
    if arguments.command == "doctor":
        from runner import doctor

        return doctor.main()
    return _list()


def main(words: list[str] | None = None) -> int:
    words = sys.argv[1:] if words is None else words
    only_check = words[:1] == ["check"]
    words = words[1:] if only_check else words
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _on_signal)
    try:
        arguments = parse(words)
        check(arguments)
        return 0 if only_check else _carry_out(arguments, words)
    except Stop as error:
        print(f"repro: {error}", file=sys.stderr)
        return error.status
    except Interrupted as error:
        return error.status
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # whoever read us has gone
        return 128 + signal.SIGPIPE
    except OSError as error:  # a full disk, a folder of somebody else's
        print(f"repro: {error.filename or 'a file'}: {error.strerror or error}", file=sys.stderr)
        return 3
