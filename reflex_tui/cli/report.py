"""``report``: lists bakeoff reports, shows one, compares two, states a verdict to be signed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from core.plain import plain
from reflex_tui.cli.kinds import path
from reflex_tui.cli.output import columns, print_json

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from pathlib import Path

    from core.harness.report.compare import Comparison
    from core.harness.report.document import Report
    from reflex_tui.cli.parser import Commands


def add(commands: Commands) -> None:
    """Declare the command and its actions."""
    report = commands.add(
        "report",
        run_list,
        "report list",
        "report show",
        "report compare reflex-bakeoff-20260112T103016Z.json",
    )
    actions = commands.actions(report)
    actions.add("list", run_list, "list the workspace's reports, newest first", "report list")
    show = actions.add(
        "show",
        run_show,
        "show a report as Markdown",
        "report show",
        "report show reflex-bakeoff-20260112T103016Z.json | less",
    )
    compare = actions.add(
        "compare",
        run_compare,
        "compare a report with a baseline: 1 on a significant regression",
        "report compare reflex-bakeoff-20260112T103016Z.json",
    )
    compare.add_argument("baseline", type=path, metavar="BASELINE", help="the earlier report")
    attest = actions.add(
        "attest",
        run_attest,
        "state a report's verdict as an in-toto statement, for others to sign",
        "report attest > bakeoff.intoto.json",
        "report attest --predicate > predicate.json",
    )
    attest.add_argument(
        "--predicate",
        action="store_true",
        help="the predicate alone, as GitHub's attest action takes it",
    )
    for action in (show, compare, attest):
        action.add_argument(
            "report",
            nargs="?",
            type=path,
            metavar="REPORT",
            help="a report's path, or its name in .speckit/eval (default: the newest)",
        )


def run_list(arguments: argparse.Namespace) -> int:
    """A line per report: its name, when, the candidate, the tasks it solved, P95 and verdict."""
    found = list(_all(_directory(arguments)))
    if arguments.json:
        print_json([_entry(file, report) for file, report in found])
    elif found:
        head = ("report", "finished", "candidate", "solved", "P95", "verdict", "")
        print("\n".join(columns([head, *(_row(file, report) for file, report in found)])))
    else:
        print("no reports yet; make one with: code reflex bakeoff")
    return 0


def run_show(arguments: argparse.Namespace) -> int:
    """The report's page, made again from its trials."""
    from core.harness.report.markdown import render
    from core.harness.report.storage import read

    report = read(_named(arguments.report, _directory(arguments)))
    if arguments.json:
        print_json(report.model_dump(mode="json"))
    else:
        print(render(report), end="")
    return 0


def run_compare(arguments: argparse.Namespace) -> int:
    """0 without a significant regression, 1 with one, 2 for reports of different suites."""
    from core.harness.report.compare import compare
    from core.harness.report.storage import read

    directory = _directory(arguments)
    baseline = read(_named(arguments.baseline, directory))
    report = read(_named(arguments.report, directory))
    found = compare(report, baseline)
    if arguments.json:
        print_json(found.as_json())
    else:
        print("\n".join(_compared(report, baseline, found)))
    return 1 if found.regressed else 0


def run_attest(arguments: argparse.Namespace) -> int:
    """The statement, or its predicate alone; the same with ``--json``, since it is JSON."""
    from core.harness.report.attestation import predicate, statement
    from core.harness.report.storage import read_hashed

    path = _named(arguments.report, _directory(arguments))
    report, sha256 = read_hashed(path)
    print_json(predicate(report) if arguments.predicate else statement(report, path.name, sha256))
    return 0


def _directory(arguments: argparse.Namespace) -> Path:
    from core.settings import load_settings

    return load_settings(arguments.config).state_dir / "eval"


def _all(directory: Path) -> Iterator[tuple[Path, Report | None]]:
    """Every report there, the newest first; None for one that cannot be read."""
    from core.errors import ReportError
    from core.harness.report.storage import PATTERN, order_made, read

    for file in sorted(directory.glob(PATTERN), key=lambda one: order_made(one.name), reverse=True):
        try:
            yield file, read(file)
        except ReportError:
            yield file, None


def _named(named: Path | None, directory: Path) -> Path:
    """The report that was asked for: by its path, its name there, or the newest."""
    from core.errors import ReportError
    from core.harness.report.storage import PATTERN, order_made

    if named is None:
        found = directory.glob(PATTERN)
        named = max(found, key=lambda one: order_made(one.name), default=None)
        if named is None:
            raise ReportError(
                f"{plain(directory)}: no reports yet", remedy="Make one: code reflex bakeoff"
            )
    elif named.name == str(named) and not named.exists():
        named = directory / named
    return named


def _row(file: Path, report: Report | None) -> tuple[object, ...]:
    from core.figures import day_time, duration

    if report is None:
        return (file.name, "", "cannot be read", "", "", "", "")
    entry = _entry(file, report)
    finished = day_time(report.finished_at)
    solved = f"{entry['solved']}/{entry['trials']}"
    return (
        file.name,
        finished,
        plain(entry["candidate"], 40),
        solved,
        duration(_p95_ms(report)),
        entry["verdict"],
        ", ".join(plain(mark, 40) for mark in entry["marks"]),
    )


def _entry(file: Path, report: Report | None) -> dict[str, Any]:
    """The same as data; of a report that cannot be read the name alone."""
    from core.clock import rfc3339
    from core.harness.report.origins import by_origin
    from core.harness.report.power import power_of
    from core.harness.report.storage import rederive
    from core.harness.report.summary import summaries

    if report is None:
        return {"report": file.name, "readable": False}
    name = report.pair[0]
    arm = summaries(report).get(name)
    p95 = _p95_ms(report)
    return {
        "report": file.name,
        "readable": True,
        "finished_at": rfc3339(report.finished_at),
        "suite": report.suite.name,
        "candidate": _candidate(report),
        "solved": arm.solved if arm else 0,
        "trials": arm.trials if arm else 0,
        "p95_ms": p95 if p95 != float("inf") else None,
        "verdict": rederive(report).verdict.value,
        "power": (power := power_of(report)) and power.as_json(),
        "origins": [one.as_json() for one in by_origin(report)],
        "marks": list(report.stamps),
    }


def _p95_ms(report: Report) -> float | None:
    """The candidate's; ∞ where more than one call in twenty got no reply, None without calls."""
    from core.harness.report.summary import summaries

    arm = summaries(report).get(report.pair[0])
    return arm.total_p95_ms if arm else None


def _candidate(report: Report) -> str:
    arm = report.arms.get(report.pair[0])
    return arm.model if arm else "none"


def _compared(report: Report, baseline: Report, found: Comparison) -> list[str]:
    from core.figures import duration, percent
    from core.harness.report.summary import summaries
    from reflex_tui.cli.output import coloured

    sides, title = [], "JSON compliance"
    for one in (baseline, report):
        arm = summaries(one).get(one.pair[0])
        figures = (arm.solved_percent, arm.compliance_percent) if arm else (None, None)
        p95_ms = arm.total_p95_ms if arm else None
        title = arm.compliance_title if arm else title
        sides.append((_candidate(one), *map(percent, figures), duration(p95_ms)))
    names = ("model", "solved", title, "P95")
    rows = [("", "baseline", "report"), *zip(names, *sides, strict=True)]
    verdict = [f"✖ significant regression: {plain(one, 400)}" for one in found.reasons]
    return [
        *columns(rows),
        "",
        *([coloured(line, "red") for line in verdict] or ["✓ no significant regression"]),
        *(f"note: {plain(note, 400)}" for note in found.notes),
    ]
