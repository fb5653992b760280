"""The candidate arm as JUnit XML, one test case a task and trial, for CI servers to show."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from core.errors import ReportError
from core.figures import duration
from core.files import replace_whole
from core.harness.report.derived import solved
from core.patchloop.trial import UNANSWERED, FailureKind
from core.plain import plain, plain_block

if TYPE_CHECKING:
    from pathlib import Path

    from core.harness.report.document import Report
    from core.patchloop.trial import Attempt, Trial

# These say nothing of the model's answer: there was none, or nobody could look at it.
_ERRORS = UNANSWERED | {FailureKind.TIMEOUT, FailureKind.SANDBOX}


def write_junit(report: Report, path: Path) -> None:
    """Write ``junit(report)`` to ``path``, replacing what is there.

    Raises:
        ReportError: It cannot be written.
    """
    try:
        path.absolute().parent.mkdir(parents=True, exist_ok=True)
        replace_whole(path.absolute(), junit(report))
    except OSError as error:
        raise ReportError(
            f"{plain(path, 300)}: cannot be written: {error.strerror}",
            remedy="Name a file in a directory that is writable: --junit FILE",
        ) from error


def junit(report: Report) -> bytes:
    """The XML, in UTF-8; a task that was not tried is skipped."""
    arm = report.pair[0]
    tried = {(one.task, one.trial): one for one in report.trials if one.arm == arm}
    wanted = [(task, n) for task in report.suite.selected for n in range(report.settings.trials)]
    keys = list(dict.fromkeys([*wanted, *tried]))
    root = ET.Element("testsuites", name="code reflex bakeoff")
    suite = ET.SubElement(root, "testsuite", name=_text(f"{report.suite.name} ({arm})"))
    properties = ET.SubElement(suite, "properties")
    for name, value in _properties(report, arm).items():
        ET.SubElement(properties, "property", name=name, value=_text(value))
    cases = [_case(suite, report, key, tried.get(key)) for key in keys]
    counts = {
        "tests": str(len(cases)),
        "failures": str(cases.count("failure")),
        "errors": str(cases.count("error")),
        "skipped": str(cases.count("skipped")),
        "time": _seconds([attempt for one in tried.values() for attempt in one.attempts]),
    }
    for element in (root, suite):
        element.attrib.update(counts)
    suite.set("timestamp", f"{report.created_at:%Y-%m-%dT%H:%M:%S}")
    ET.indent(root)
    text: str = ET.tostring(root, "unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'.encode()


def _case(
    suite: ET.Element, report: Report, key: tuple[str, int], trial: Trial | None
) -> str | None:
    """Add a test case; returns the element that says it did not pass, by its name."""
    task, number = key
    case = ET.SubElement(
        suite,
        "testcase",
        classname=_text(report.suite.name),
        name=_text(f"{task} [trial {number + 1}]"),
        time=_seconds(trial.attempts if trial else ()),
    )
    if trial is None:
        ET.SubElement(case, "skipped", message="not run")
        return "skipped"
    outcome = None
    if not solved(report, trial):
        outcome = "error" if trial.failure in _ERRORS else "failure"
        last = trial.attempts[-1] if trial.attempts else None
        kind = str(trial.failure or "unsolved")
        message = plain(last.detail if last else "no attempt", 200)
        said = ET.SubElement(case, outcome, type=kind, message=_text(message))
        said.text = _text("\n".join(_line(n, one) for n, one in enumerate(trial.attempts, 1)))
    if trial.diff:
        ET.SubElement(case, "system-out").text = _text(trial.diff)
    return outcome


def _line(number: int, attempt: Attempt) -> str:
    took = "no reply" if math.isinf(attempt.answered_ms) else duration(attempt.answered_ms)
    return f"attempt {number}: {attempt.failure or 'passed'}, {took}: {attempt.detail}"


def _properties(report: Report, arm: str) -> dict[str, str]:
    record = report.arms.get(arm)
    return {
        "model": record.model if record else "",
        "endpoint": record.endpoint if record else "",
        "suite_hash": report.suite.hash,
        "seed": str(report.settings.seed),
        "stamps": ", ".join(report.stamps),
        "run_id": report.run_id,
    }


def _seconds(attempts: list[Attempt] | tuple[Attempt, ...]) -> str:
    """What the calls that were answered took together."""
    finite = [one.answered_ms for one in attempts if math.isfinite(one.answered_ms)]
    return f"{min(math.fsum(finite) / 1000, 1e9):.3f}"


def _text(text: str) -> str:
    """``text`` without what XML 1.0 has no place for, or a terminal would obey."""
    return plain_block(text, 100_000)
