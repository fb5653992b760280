"""A report compared with the configuration as it is now: does its pass still count?"""

from __future__ import annotations

import stat
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from core.fingerprint import PROMPTS, SCHEMAS, SUITES, suite_root, tree_hash
from core.harness.gate.criteria import Thresholds, Verdict
from core.harness.report.verdict import EXIT_STATUS, rederive
from core.plain import plain
from core.stages import PRIMARY

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from core.harness.gate.judge import GateResult
    from core.harness.report.compare import Comparison
    from core.harness.report.model import Report
    from core.settings import Settings


_STAMPS = {
    "partial": "the run was stopped, or shards of it are missing",
    "unsandboxed": "model-written code ran without a sandbox",
    "server_changed": "a server changed during the run",
    "aa": "both arms are the same model",
}
_DEMO_STAMPS = {
    "demo": "it was made in the demo's workspace, and this is another one",
    "scripted": "a stand-in answered, not a real model",
}


_PAST = {Verdict.PASS: "passed", Verdict.FAIL: "failed", Verdict.INCONCLUSIVE: "undecided"}


@dataclass(frozen=True, slots=True)
class Lapse:
    """Why a report does not count for reflex as configured; ``code`` is the router's word."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class PresentSetup:
    """What a report is compared with besides the configuration."""

    suite_hash: str | None
    prompt_hash: str
    schema_hash: str
    now: datetime
    in_demo: bool = False


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
) -> PresentSetup:
    """What is there now; the suite's hash is None when its place is not one to be looked into.

    A report may come from a stranger, so the path it names counts inside the workspace alone, or
    where a suite of our own format lies.
    """
    return PresentSetup(
        suite_hash=_suite_hash(report.suite.root, workspace),
        prompt_hash=tree_hash(PROMPTS),
        schema_hash=tree_hash(SCHEMAS),
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
        return tree_hash(real)
    except (OSError, ValueError):  # no file can have such a name, or it may not be read
        return None


def check(
    report: Report, settings: Settings, present: PresentSetup, comparison: Comparison | None = None
) -> CheckedReport:
    """Derive the verdict from the trials by the configuration; say what changed since the run."""
    reflex, candidate = settings.reflex, report.arms.get(report.pair[0])
    limits = Thresholds(
        p95_latency_ms=reflex.thresholds.p95_latency_ms,
        success_parity_percent=reflex.thresholds.success_parity_percent,
        json_schema_compliance_percent=reflex.thresholds.json_schema_compliance_percent,
        confidence=reflex.thresholds.confidence,
    )
    primary = candidate is not None and candidate.backend == PRIMARY
    gate = rederive(
        report, thresholds=limits, timeout_ms=float(reflex.timeout_ms) if primary else None
    )
    age_days = (present.now - report.finished_at) / timedelta(days=1)
    return CheckedReport(
        gate=gate,
        stored=str(report.gate["verdict"]),
        lapses=(
            *_marked(report, present),
            *_arm(report, settings),
            *_changed(report, present),
            *_stale(age_days, reflex.thresholds.max_age_days),
        ),
        notes=(
            *_notes(report, limits, gate),
            *(comparison.notes if comparison else ()),
        ),
        comparison=comparison,
        age_days=age_days,
    )


def _marked(report: Report, present: PresentSetup) -> list[Lapse]:
    words = _STAMPS if present.in_demo else _STAMPS | _DEMO_STAMPS
    lapses = [Lapse(stamp, words[stamp]) for stamp in report.stamps if stamp in words]
    if report.settings.shard:
        lapses.append(Lapse("shard", f"it is shard {report.settings.shard} of a run: merge them"))
    return lapses


def _arm(report: Report, settings: Settings) -> list[Lapse]:
    arm = report.arms.get(report.pair[0])
    if arm is None or arm.backend != PRIMARY:
        name = plain(arm.backend if arm else report.pair[0], 80)
        return [Lapse("other_backend", f"it is about {name}, not about the [reflex] server")]
    lapses = []
    if arm.model != settings.reflex.model:
        was, now = plain(arm.model, 120), plain(settings.reflex.model, 120)
        lapses.append(Lapse("model_changed", f"the model was {was} and is {now}"))
    if arm.endpoint != settings.reflex.endpoint:
        was, now = plain(arm.endpoint, 120), plain(settings.reflex.endpoint, 120)
        lapses.append(Lapse("server_changed", f"the endpoint was {was} and is {now}"))
    if report.settings.json_schema is not settings.reflex.json_schema:
        now = str(settings.reflex.json_schema).lower()
        lapses.append(Lapse("schema_changed", f"json_schema is {now}, and was not in that run"))
    if report.settings.candidates != settings.reflex.candidates:
        asked, asks = report.settings.candidates, settings.reflex.candidates
        lapses.append(Lapse("candidates_changed", f"candidates was {asked} and is {asks}"))
    return lapses


def _changed(report: Report, present: PresentSetup) -> list[Lapse]:
    lapses = []
    if present.suite_hash is None:
        where = plain(report.suite.root, 120)
        lapses.append(Lapse("suite_changed", f"its suite {where} is not in this workspace"))
    elif report.suite.hash != present.suite_hash:
        lapses.append(Lapse("suite_changed", "the suite has changed, or is gone"))
    if report.subset:
        some = f"{len(report.suite.selected)} of the suite's {report.suite.tasks} tasks"
        lapses.append(Lapse("subset", f"it is about {some} alone"))
    if report.prompt_hash != present.prompt_hash:
        lapses.append(Lapse("prompt_changed", "the patch loop's prompts have changed"))
    if report.schema_hash != present.schema_hash:
        lapses.append(Lapse("schema_changed", "the JSON schema of edit replies has changed"))
    return lapses


def _stale(age_days: float, most: float) -> list[Lapse]:
    if age_days > most:
        return [Lapse("stale", f"it is {age_days:.0f} days old, and max_age_days is {most:g}")]
    # A clock that was set may be a day off, no more.
    return [Lapse("stale", "it is from the future")] if age_days < -1 else []


def _notes(report: Report, limits: Thresholds, gate: GateResult) -> list[str]:
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
