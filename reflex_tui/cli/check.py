"""``check``: the gate for CI, derived anew from a report's trials.

GitHub Actions: annotations beside a workflow's run, and its summary page.
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.clock import rfc3339
from core.errors import ReportError
from core.harness.gate.criteria import Verdict
from core.harness.report.checking import CheckedReport, check, present
from core.harness.report.compare import compare
from core.harness.report.files import newest, read, read_hashed
from core.harness.report.junit import write_junit
from core.harness.report.markdown import GLYPHS, render
from core.harness.report.neutral import code
from core.harness.report.summary import summaries
from core.plain import plain
from core.router.promotion import in_demo
from core.settings import load_settings
from reflex_tui.cli.output import about, columns, gate_lines, marked, print_json, warn

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from core.harness.report.model import Report


# GitHub refuses a step's summary over 1 MiB as a whole.
MOST_SUMMARY_BYTES = 1_000_000


def on_github(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether this is a step of a workflow on GitHub, or of a runner that says so."""
    return environ.get("GITHUB_ACTIONS") == "true"


def annotation(level: str, title: str, message: str) -> str:
    """A workflow command; ``level`` is ``error``, ``warning`` or ``notice``."""
    return f"::{level} title={_property(plain(title, 200))}::{_data(plain(message, 2000))}"


def add_summary(markdown: str, environ: Mapping[str, str] = os.environ) -> None:
    """Append to the job's summary page, where there is one; a failure is a message, no more."""
    name = environ.get("GITHUB_STEP_SUMMARY", "")
    if not name:
        return
    try:
        with Path(name).open("a", encoding="utf-8") as file:
            file.write(markdown)
    except OSError as error:
        sys.stderr.write(f"warning: no job summary: {plain(name, 200)}: {error.strerror}\n")


def defused(line: str) -> str:
    """``line`` as the runner shows it and does not obey it: its older commands count anywhere."""
    return line.replace("##[", "## [")


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


_OUTCOMES = {0: Verdict.PASS, 1: Verdict.FAIL, 3: Verdict.INCONCLUSIVE}
_MOST_NAMED = 3
_LEVELS = {0: "notice", 1: "error", 3: "warning"}


def check_report(arguments: argparse.Namespace) -> int:
    """0 when the pass holds, 1 when not, 3 when nobody can say; 2 without a readable report."""
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
    found = check(report, settings, now, baseline)
    if arguments.junit:
        write_junit(report, arguments.junit)
    if arguments.json:
        print_json(_document(report, path, sha256, found) | {"passed_over": list(passed_over)})
    else:
        print("\n".join(map(defused, _lines(report, path, found, passed_over))))
    if on_github():
        _tell_github(report, found)
    return found.exit_status


def _newest(directory: Path) -> tuple[Path, tuple[str, ...]]:
    """The report to check, and the newer ones that are no verdict on their suite."""
    found = newest(directory)
    if found.path is None:
        there = f", only {_listed(found.passed_over)}" if found.passed_over else ""
        raise ReportError(
            f"{plain(directory)}: no report of a whole bakeoff{there}",
            remedy="Make one with: code reflex bakeoff. Or name one: --report PATH",
        )
    return found.path, found.passed_over


def _listed(passed_over: tuple[str, ...]) -> str:
    more = len(passed_over) - _MOST_NAMED
    shown = plain(", ".join(passed_over[:_MOST_NAMED]), 400)
    return f"{shown} and {more} more" if more > 0 else shown


def _document(report: Report, path: Path, sha256: str, found: CheckedReport) -> dict[str, Any]:
    return {
        "outcome": _OUTCOMES[found.exit_status].value,
        "exit_status": found.exit_status,
        "headline": found.headline,
        "report": str(path),
        "sha256": f"sha256:{sha256}",
        "finished_at": rfc3339(report.finished_at),
        "age_days": round(found.age_days, 3),
        "suite": report.suite.name,
        "stamps": list(report.stamps),
        "stored_verdict": found.stored,
        "gate": found.gate.as_json(),
        "lapses": [{"code": one.code, "message": one.message} for one in found.lapses],
        "notes": list(found.notes),
        "baseline": found.comparison and found.comparison.as_json(),
        "arms": {name: one.as_json() for name, one in summaries(report).items()},
    }


def _lines(
    report: Report, path: Path, found: CheckedReport, passed_over: tuple[str, ...]
) -> list[str]:
    age = "today" if abs(found.age_days) < 1 else f"{found.age_days:.0f} days old"
    said = [
        *((f"lapsed ({one.code})", one.message) for one in found.lapses),
        *(("worse", reason) for reason in found.worse),
        *(("note", note) for note in found.notes),
        *(
            [("passed over", f"newer, but no verdict: {_listed(passed_over)}")]
            if passed_over
            else []
        ),
    ]
    return [
        marked(_OUTCOMES[found.exit_status], found.headline),
        about(report),
        f"{plain(_shown(path))}, {age}",
        "",
        *gate_lines(found.gate),
        *([""] if said else []),
        *columns(said),
    ]


def _tell_github(report: Report, found: CheckedReport) -> None:
    status = found.exit_status
    said = [found.headline, *(one.message for one in found.lapses), *found.worse, *found.notes]
    # On stderr, so that --json stays one document; the runner obeys either stream.
    line = annotation(_LEVELS[status], "Reflex gate", "; ".join(said))
    sys.stderr.write(f"{line}\n")
    notices = [
        *(f"**lapsed** ({one.code}): {code(one.message, 400)}" for one in found.lapses),
        *(f"**worse**: {code(reason, 1200)}" for reason in found.worse),
        *(f"note: {code(note, 400)}" for note in found.notes),
    ]
    headline = f"{GLYPHS[_OUTCOMES[status]]} {found.headline}"
    for diffs in (True, False):
        page = render(report, found.gate, headline=headline, notices=notices, diffs=diffs)
        if len(page.encode()) <= MOST_SUMMARY_BYTES:
            break
    add_summary(page)


def _shown(path: Path) -> Path:
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
