"""``check``: the gate for CI, worked out again from a report's trials."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from reflex_tui.cli.kinds import path

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from core.harness.report.document import Report
    from core.harness.report.still_counts import CheckedReport
    from core.router.promotion import Lapse
    from core.settings import Settings
    from reflex_tui.cli.parser import Commands

_LEVELS = {0: "notice", 1: "error", 3: "warning"}


def add(commands: Commands) -> None:
    """Declare the command."""
    check = commands.add(
        "check",
        run,
        "check",
        "check --report .speckit/eval/reflex-bakeoff-20260112T103016Z.json",
        "check --baseline main.json --junit reflex.xml",
        "check --attestation bakeoff.intoto.json",
        "check --json | jq -r .headline",
    )
    check.add_argument(
        "--report",
        type=path,
        metavar="PATH",
        help="the JSON report (default: the newest complete one in .speckit/eval)",
    )
    check.add_argument(
        "--baseline",
        type=path,
        metavar="REPORT",
        help="an earlier report of the same suite: fail on a significant regression",
    )
    check.add_argument(
        "--attestation",
        type=path,
        metavar="FILE",
        help="an in-toto statement or Sigstore bundle: fail unless it is about this report "
        "(who signed it is for: gh attestation verify)",
    )
    check.add_argument(
        "--junit", type=path, metavar="FILE", help="write the reflex arm's trials as JUnit XML"
    )


def run(arguments: argparse.Namespace) -> int:
    """0 when the pass is valid, 1 when not, 3 when undecided; 2 without a readable report."""
    from datetime import UTC, datetime

    from core.harness.report import attestation
    from core.harness.report.compare import compare
    from core.harness.report.junit import write_junit
    from core.harness.report.still_counts import check, present
    from core.harness.report.storage import read, read_hashed
    from core.settings import load_settings
    from core.userdirs import in_demo
    from reflex_tui.cli import github
    from reflex_tui.cli.output import print_json, warn
    from reflex_tui.cli.verdict_lines import check_document, check_lines

    settings = load_settings(arguments.config)
    warn(settings.warning)
    root = settings.source.root
    named = arguments.report
    path, passed_over = (named, ()) if named else _newest(settings.state_dir / "eval")
    report, sha256 = read_hashed(path)
    baseline = None
    if arguments.baseline:
        confidence = settings.reflex.thresholds.confidence
        baseline = compare(report, read(arguments.baseline), confidence=confidence)
    now = present(report, root, datetime.now(UTC), in_demo=in_demo(root))
    attested = arguments.attestation and attestation.read(arguments.attestation)
    differs = attestation.differences(attested, report, sha256) if attested else ()
    found = check(report, settings, now, baseline, differs, demoted=_demoted(settings, sha256))
    if arguments.junit:
        write_junit(report, arguments.junit)
    if arguments.json:
        document = check_document(report, path, sha256, found)
        names_it = attested and {"matches": not differs, "signature_seen": attested.signed}
        print_json(document | {"passed_over": list(passed_over), "attestation": names_it})
    else:
        print("\n".join(map(github.defused, check_lines(report, path, found, passed_over))))
        if attested and not differs:
            print(f"attestation: {attested.words}")
    if github.on_github():
        _tell_github(report, found)
    return found.exit_status


def _demoted(settings: Settings, sha256: str) -> Lapse | None:
    """Whether live calls here took away the pass that the report gave."""
    from core.capsule import EventLog
    from core.errors import CapsuleError
    from core.harness.report.still_counts import demotion
    from core.router.promotion import GateWatch
    from core.settings.policy import PolicySnapshot
    from reflex_tui.cli.output import warn

    try:
        with EventLog(settings.state_dir / "capsule") as log:
            watch = GateWatch(log, PolicySnapshot.capture(settings), settings.source.root)
            return demotion(watch.view(None), sha256)
    except CapsuleError as error:
        warn(f"whether live calls took this pass away is unknown: {error.message}")
        return None


def _newest(directory: Path) -> tuple[Path, tuple[str, ...]]:
    """The report to check, and the newer ones that are no verdict on their suite."""
    from core.errors import ReportError
    from core.harness.report.storage import newest
    from core.plain import plain
    from reflex_tui.cli.verdict_lines import listed

    found = newest(directory)
    if found.path is None:
        there = f", only {listed(found.passed_over)}" if found.passed_over else ""
        raise ReportError(
            f"{plain(directory)}: no report of a complete bakeoff{there}",
            remedy="Make one with: code reflex bakeoff. Or name one: --report PATH",
        )
    return found.path, found.passed_over


def _tell_github(report: Report, found: CheckedReport) -> None:
    from core.harness.report.markdown import render
    from core.harness.report.neutral import code
    from reflex_tui.cli import github
    from reflex_tui.cli.verdict_lines import headline

    said = [found.headline, *(one.message for one in found.lapses), *found.worse, *found.notes]
    # On stderr, so that --json stays one document; the runner obeys either stream.
    line = github.annotation(_LEVELS[found.exit_status], "Reflex gate", "; ".join(said))
    sys.stderr.write(f"{line}\n")
    notices = [
        *(f"**lapsed** ({one.code}): {code(one.message, 400)}" for one in found.lapses),
        *(f"**regression**: {code(reason, 1200)}" for reason in found.worse),
        *(f"note: {code(note, 400)}" for note in found.notes),
    ]
    for diffs in (True, False):
        page = render(report, found.gate, headline=headline(found), notices=notices, diffs=diffs)
        if len(page.encode()) <= github.MOST_SUMMARY_BYTES:
            break
    github.add_summary(page)
