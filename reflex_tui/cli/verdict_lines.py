"""What ``bakeoff``, ``bakeoff merge`` and ``check`` print of a gate's verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from core.clock import rfc3339
from core.harness.bakeoff.run import INTERRUPTED
from core.harness.gate.criteria import Verdict
from core.harness.report.markdown import GLYPHS, bounds
from core.harness.report.origins import by_origin
from core.harness.report.power import power_of
from core.harness.report.storage import rederive
from core.harness.report.summary import summaries
from core.plain import plain
from core.router.lapses import disqualifying, mark
from reflex_tui.cli.output import coloured, columns, shown

if TYPE_CHECKING:
    from pathlib import Path

    from core.harness.bakeoff.progress import Finished
    from core.harness.gate.judge import GateResult
    from core.harness.report.compare import Comparison
    from core.harness.report.document import Report
    from core.harness.report.still_counts import CheckedReport

COLOURS = {Verdict.PASS: "green", Verdict.FAIL: "red", Verdict.INCONCLUSIVE: "yellow"}


def gate_lines(gate: GateResult) -> list[str]:
    """A line per criterion: glyph, value, bound, threshold and what was observed."""
    rows = [
        (GLYPHS[one.state], one.title, *bounds(one), one.state.value, one.note)
        for one in gate.criteria
    ]
    head = ("", "criterion", "value", "bound", "threshold", "verdict", "observed")
    return columns([head, *rows], right=frozenset({2, 3, 4}))


def origin_lines(report: Report) -> list[str]:
    """What was solved of each origin, and of each language where there are several."""
    rows = [
        (one.name, one.tasks, *(f"{won} of {made}" for won, made in one.arms.values()))
        for one in by_origin(report)
    ]
    head = ("tasks from", "tasks", *(f"{plain(name, 40)} solved" for name in report.pair))
    return columns([head, *rows], right=frozenset({1, 2, 3}))


def about(report: Report) -> str:
    """The candidate, the baseline and the suite."""
    models = [
        plain(report.arms[name].model, 80) if name in report.arms else "none"
        for name in report.pair
    ]
    stamps = f" [{', '.join(report.stamps)}]" if report.stamps else ""
    many = f"{len(report.suite.selected)} tasks"
    if report.subset:
        many = f"{len(report.suite.selected)} of {report.suite.tasks} tasks"
    return (
        f"{models[0]} against {models[1]}, {plain(report.suite.name, 80)}, "
        f"{many} × {report.settings.trials}{stamps}"
    )


def marked(verdict: Verdict, words: str) -> str:
    """``words`` with the verdict's glyph, in its colour where there is one."""
    return coloured(f"{GLYPHS[verdict]} {words}", COLOURS[verdict])


def bakeoff_lines(finished: Finished, comparison: Comparison | None) -> list[str]:
    """Verdict first, the gate, what follows from it, and where the report lies."""
    report = finished.report
    gate = rederive(report)
    if finished.stopped:
        headline = marked(Verdict.INCONCLUSIVE, f"partial: {finished.stopped}")
    else:
        headline = marked(gate.verdict, gate.summary)
    lines = [headline, about(report), "", *gate_lines(gate), "", *origin_lines(report), ""]
    if gate.decides and not finished.stopped:
        lines.append(f"needed for a verdict: {gate.decides}")
    if gate.standing:
        lines.append(gate.standing.words)
    if power := power_of(report):
        lines.append(power.words)
    if comparison:
        worse = [f"significant regression: {plain(one, 400)}" for one in comparison.reasons]
        lines += worse or ["no significant regression against the baseline"]
    lines += [*_alarms(finished), *_next(finished, gate.verdict)]
    return [*lines, f"report: {plain(shown(finished.md_path))} and .json"]


def _alarms(finished: Finished) -> list[str]:
    if finished.false_alarms is None:
        return []
    alarms = finished.false_alarms
    failed, undecided = 100 * alarms.failed, 100 * alarms.inconclusive
    line = (
        f"false alarms in {alarms.rounds} resamples of these {alarms.tasks} tasks: of two equal "
        f"arms one fails parity {failed:.1f} % of the time, and {undecided:.1f} % stay undecided"
    )
    return [line]


def _next(finished: Finished, verdict: Verdict) -> list[str]:
    if finished.stopped == INTERRUPTED:
        return ["resume with: code reflex bakeoff --resume, and the same options"]
    if not finished.recorded:
        return [f"does not count: {finished.unrecorded}"]
    if verdict is not Verdict.PASS:
        return []
    stamps = sorted(finished.report.stamps)
    # A report made in the demo's own workspace has its mark, and counts there.
    if found := disqualifying(stamps, in_demo="demo" in stamps):
        whys = "; ".join(mark(name).sentence for name in found)
        return [f"does not count: {whys}", mark(found[0]).next_step]
    if finished.other_suite:
        said = finished.other_suite.explanation
        return [f"does not count: {said.sentence}", said.next_step]
    return ["reflex has earned the Implement calls; let it serve them: code reflex enable"]


def bakeoff_document(finished: Finished, comparison: Comparison | None) -> dict[str, Any]:
    """What ``bakeoff --json`` prints."""
    report: Report = finished.report
    return {
        "verdict": report.gate["verdict"],
        "gate": report.gate,
        "power": (power := power_of(report)) and power.as_json(),
        "origins": [one.as_json() for one in by_origin(report)],
        "partial": report.partial,
        "stopped": finished.stopped or None,
        "stamps": list(report.stamps),
        "report": str(finished.json_path),
        "markdown": str(finished.md_path),
        "sha256": f"sha256:{finished.sha256}",
        "gate_decision": {"recorded": finished.recorded, "reason": finished.unrecorded or None},
        "arms": {name: one.as_json() for name, one in summaries(report).items()},
        "false_alarms": finished.false_alarms
        and {
            "tasks": finished.false_alarms.tasks,
            "rounds": finished.false_alarms.rounds,
            "failed": finished.false_alarms.failed,
            "inconclusive": finished.false_alarms.inconclusive,
        },
        "baseline": comparison and comparison.as_json(),
    }


_OUTCOMES = {0: Verdict.PASS, 1: Verdict.FAIL, 3: Verdict.INCONCLUSIVE}
_MOST_NAMED = 3


def check_lines(
    report: Report, path: Path, found: CheckedReport, passed_over: tuple[str, ...]
) -> list[str]:
    """Verdict first, which report, the gate, and what is to be said of it."""
    age = "today" if abs(found.age_days) < 1 else f"{found.age_days:.0f} days old"
    said = [
        *((f"lapsed ({one.code})", one.message) for one in found.lapses),
        *([("next", found.next_step)] if found.next_step else []),
        *(("regression", reason) for reason in found.worse),
        *(("note", note) for note in found.notes),
        *(
            [("passed over", f"newer, but no verdict: {listed(passed_over)}")]
            if passed_over
            else []
        ),
    ]
    return [
        marked(_OUTCOMES[found.exit_status], found.headline),
        about(report),
        f"{plain(shown(path))}, {age}",
        "",
        *gate_lines(found.gate),
        "",
        *origin_lines(report),
        *([""] if said else []),
        *columns(said),
    ]


def check_document(report: Report, path: Path, sha256: str, found: CheckedReport) -> dict[str, Any]:
    """What ``check --json`` prints."""
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
        "power": (power := power_of(report)) and power.as_json(),
        "origins": [one.as_json() for one in by_origin(report)],
        "lapses": [
            {"code": one.code, "message": one.message, "next_step": one.next_step}
            for one in found.lapses
        ],
        "notes": list(found.notes),
        "baseline": found.comparison and found.comparison.as_json(),
        "arms": {name: one.as_json() for name, one in summaries(report).items()},
    }


def listed(passed_over: tuple[str, ...]) -> str:
    """The first names, and how many more there are."""
    more = len(passed_over) - _MOST_NAMED
    shown = plain(", ".join(passed_over[:_MOST_NAMED]), 400)
    return f"{shown} and {more} more" if more > 0 else shown


def headline(found: CheckedReport) -> str:
    """The sentence with its glyph."""
    return f"{GLYPHS[_OUTCOMES[found.exit_status]]} {found.headline}"
