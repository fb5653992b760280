"""A report compared with the configuration as it is now: does its pass still count?"""

from __future__ import annotations

import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.fingerprint import PROMPTS, SUITES, suite_content_hash, suite_root, tree_hash
from core.harness.gate.criteria import GateThresholds, Verdict
from core.harness.report.derived import EXIT_STATUS, rederive
from core.plain import plain
from core.router.edit_schemas import edit_schemas_hash
from core.router.lapses import disqualifying, mark
from core.router.promotion import SECONDS_A_DAY, GateContext, Lapse, changes, other_suite, too_old
from core.settings.suites import counts
from core.settings.thresholds import judged
from core.stages import PRIMARY

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from pathlib import Path

    from core.harness.gate.judge import GateResult
    from core.harness.report.compare import Comparison
    from core.harness.report.document import Report
    from core.router.decision import GateView
    from core.settings import Settings
    from core.settings.model import Reflex


_ATTEST = "Check the report that was attested, or attest this one: code reflex report attest"
_PAST = {Verdict.PASS: "passed", Verdict.FAIL: "failed", Verdict.INCONCLUSIVE: "undecided"}


@dataclass(frozen=True, slots=True)
class CheckedReport:
    """What the check found.

    ``gate`` is derived from the report's trials by the thresholds of the configuration;
    ``stored`` is the verdict the report gives itself. ``notes`` are to be read but change nothing.
    """

    gate: GateResult
    stored: str
    lapses: tuple[Lapse, ...]
    notes: tuple[str, ...]
    comparison: Comparison | None
    age_days: float

    @property
    def worse(self) -> tuple[str, ...]:
        """What is worse than in the baseline."""
        return self.comparison.reasons if self.comparison else ()

    @property
    def exit_status(self) -> int:
        """0 pass, 1 fail, lapsed or a regression against the baseline, 3 inconclusive."""
        return 1 if self.lapses or self.worse else EXIT_STATUS[self.gate.verdict]

    @property
    def next_step(self) -> str:
        """What to do about the first reason why it does not count; empty where it counts."""
        return self.lapses[0].next_step if self.lapses else ""

    @property
    def headline(self) -> str:
        """The outcome in one line."""
        if self.gate.verdict is Verdict.FAIL or not (self.lapses or self.worse):
            return self.gate.summary
        if self.lapses:
            codes = ", ".join(one.code for one in self.lapses)
            return f"{_PAST[self.gate.verdict]}, but does not count: {codes}"
        return f"{_PAST[self.gate.verdict]}, but with a significant regression against the baseline"


def present(
    report: Report, workspace: Path, now: datetime, *, in_demo: bool = False
) -> GateContext:
    """What is there now; the suite's hash is None when its place is not one to be looked into.

    A report may come from a stranger, so the path it names counts inside the workspace alone, or
    where a suite of our own format lies.
    """
    return GateContext(
        suite_hash=_suite_hash(report.suite.root, workspace),
        prompt_hash=tree_hash(PROMPTS),
        schema_hash=edit_schemas_hash(),
        now=now,
        in_demo=in_demo,
    )


def _suite_hash(named: str, workspace: Path) -> str | None:
    try:
        root = suite_root(named, workspace)
        real = root.resolve()
        inside = real.is_relative_to(workspace.resolve()) or real.parent == SUITES.resolve()
        if not inside and (real != root or not stat.S_ISREG((root / "suite.toml").lstat().st_mode)):
            return None
        return suite_content_hash(real)
    except (OSError, ValueError):  # no file can have such a name, or it may not be read
        return None


def check(
    report: Report,
    settings: Settings,
    present: GateContext,
    comparison: Comparison | None = None,
    disputed: Iterable[str] = (),
    *,
    demoted: Lapse | None = None,
) -> CheckedReport:
    """Derive the verdict from the trials by the configuration; say what changed since the run.

    ``disputed`` is what an attestation says of the report that is not so; ``demoted`` that the
    pass it gave was taken away since.
    """
    reflex, candidate = settings.reflex, report.arms.get(report.pair[0])
    limits = GateThresholds(**judged(reflex.thresholds))
    primary = candidate is not None and candidate.backend == PRIMARY
    gate = rederive(
        report, thresholds=limits, timeout_ms=float(reflex.timeout_ms) if primary else None
    )
    age_days = (present.now - report.finished_at).total_seconds() / SECONDS_A_DAY
    stale = too_old(age_days, reflex.thresholds.max_age_days)
    lapses = (
        *(Lapse("attestation_differs", words, _ATTEST) for words in disputed),
        *([demoted] if demoted else []),
        *_marked(report, present),
        *_changed(report, settings, present),
        *([stale] if stale else []),
    )
    if gate.verdict is Verdict.PASS and not lapses:  # only then would naming the suite help
        lapses = _unlisted(report, settings.reflex)
    return CheckedReport(
        gate=gate,
        stored=str(report.gate["verdict"]),
        lapses=lapses,
        notes=(
            *_notes(report, limits, gate),
            *(comparison.notes if comparison else ()),
        ),
        comparison=comparison,
        age_days=age_days,
    )


def demotion(gate: GateView, sha256: str) -> Lapse | None:
    """That live calls took the pass away which the report of this hash gave; None: they did not.

    ``gate`` is the router's, as this user's capsule has it. Elsewhere, as in CI, there is none.
    """
    if gate.demotion is None or (gate.event or {}).get("report_sha256") != f"sha256:{sha256}":
        return None
    said = gate.explanation
    return Lapse(str(gate.detail), f"demoted: {said.sentence}", said.next_step)


def _marked(report: Report, present: GateContext) -> list[Lapse]:
    lapses = [
        Lapse(name, mark(name).sentence, mark(name).next_step)
        for name in disqualifying(report.stamps, in_demo=present.in_demo)
        if name != "subset"
    ]
    if report.subset:
        some = f"{len(report.suite.selected)} of the suite's {report.suite.tasks} tasks"
        one = mark("subset")
        lapses.append(Lapse("subset", f"{one.sentence}: {some}", one.next_step))
    if report.settings.shard:
        words = f"it is shard {report.settings.shard} of a run"
        lapses.append(Lapse("shard", words, "Merge all shards: code reflex bakeoff merge REPORT…"))
    return lapses


def _unlisted(report: Report, reflex: Reflex) -> tuple[Lapse, ...]:
    if counts(report.suite.root, reflex.suites):
        return ()
    said = other_suite(report.suite.root, reflex).explanation
    return (Lapse("suite_not_listed", said.sentence, said.next_step),)


def _changed(report: Report, settings: Settings, present: GateContext) -> list[Lapse]:
    arm = report.arms.get(report.pair[0])
    if arm is None or arm.backend != PRIMARY:
        name = plain(arm.backend if arm else report.pair[0], 80)
        return [Lapse("other_backend", f"it is about {name}, not about the [reflex] server")]
    then = {
        "model": arm.model,
        "endpoint": arm.endpoint,
        "suite_hash": report.suite.hash,
        "prompt_hash": report.prompt_hash,
        "schema_hash": report.schema_hash,
        "json_schema": report.settings.json_schema,
        "candidates": report.settings.candidates,
        "edit_format": report.settings.edit_format,
    }
    return changes(then, settings.reflex, present)


def _notes(report: Report, limits: GateThresholds, gate: GateResult) -> list[str]:
    notes = []
    own = rederive(report)
    stored = plain(report.gate["verdict"], 20)
    if stored != own.verdict:
        notes.append(
            f"the report says {stored} of itself, but its trials say {own.verdict}: it was "
            "altered, or made by another version"
        )
    if limits != report.thresholds:
        notes.append(
            "the thresholds have changed since: the trials were judged by those of the "
            "configuration, but the router wants a new bakeoff"
        )
    if gate.decides:
        notes.append(f"needed for a verdict: {gate.decides}")
    return notes
