"""The end of a bakeoff: its reports, and the GateDecision that the router believes.

Also the machine it ran on, as the report names it: latencies of different hardware are not pooled.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import platform
import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.capsule.decisions import record_decision
from core.capsule.events import BakeoffFinishedEvent, CriterionMetric, GateDecisionEvent
from core.capsule.keys import user_key
from core.errors import CapsuleError
from core.harness.bakeoff.arms import AGAIN
from core.harness.bakeoff.counting import sealed_event
from core.harness.bakeoff.plan import eval_directory
from core.harness.bakeoff.progress import Finished
from core.harness.gate.judge import FalseAlarms, GateResult, GateThresholds, false_alarm_rate, judge
from core.harness.report import storage as reports
from core.harness.report.derived import rederive
from core.harness.report.document import ArmRecord, Environment, SandboxRecord
from core.harness.report.summary import summaries
from core.notify.notifier import Notifier
from core.plain import plain
from core.router.news import bakeoff_news
from core.router.promotion import other_suite, thresholds_of
from core.settings.suites import counts
from core.stages import CLOUD, PRIMARY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.capsule import EventLog
    from core.clock import Clock
    from core.harness.bakeoff.arms import Arm
    from core.harness.bakeoff.journal import Journal
    from core.harness.bakeoff.preparation import PreparedRun
    from core.harness.gate.looks import GatePlan
    from core.harness.report.document import Report
    from core.patchloop.trial import Trial
    from core.router.evidence import Evidence
    from core.router.lapses import OtherSuite
    from core.settings.policy import PolicySnapshot


# What a float of JSON holds, and far beyond any evidence that is asked for.
_MOST_EVIDENCE = 1e300
_MODEL = re.compile(r"^model name\s*:\s*(.+)$", re.MULTILINE)


def environment() -> Environment:
    """This machine and this package; the host's name is hashed."""
    return Environment(
        python=platform.python_version(),
        platform=f"{platform.system()} {platform.release()} {platform.machine()}",
        cpu=_cpu(),
        cpus=os.cpu_count() or 0,
        memory_mb=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20,
        reflex_version=_version(),
        hostname_hash=hashlib.sha256(f"reflex:{platform.node()}".encode()).hexdigest()[:16],
    )


def _cpu() -> str:
    try:
        found = _MODEL.search(Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace"))
    except OSError:
        found = None
    return plain(found[1] if found else platform.processor() or platform.machine(), 120)


def _version() -> str:
    try:
        return version("speckit-reflex")
    except PackageNotFoundError:
        return "unknown"


def verdict_over(
    trials: Sequence[Trial],
    prepared: PreparedRun,
    policy: PolicySnapshot,
    *,
    plan: GatePlan | None = None,
    latency_calls: Sequence[Trial] = (),
) -> GateResult:
    """The gate over these trials, by the policy's thresholds and the run's plan."""
    candidate, baseline = prepared.arms
    return judge(
        trials,
        reflex=candidate,
        cloud=baseline,
        thresholds=GateThresholds(**thresholds_of(policy)),
        timeout_ms=prepared.arms[candidate].backend.timeout_ms,
        plan=plan,
        latency_calls=latency_calls,
        golden=prepared.scope.golden,
        edit_format=prepared.scope.edit_format,
    )


class Conclusion:
    """Writes one run's reports and events from what its journal holds.

    ``pass_holds`` says that the newest decision is a pass of the same fingerprint that still holds:
    a run that merely remains undecided does not take it away.
    """

    def __init__(
        self,
        prepared: PreparedRun,
        *,
        policy: PolicySnapshot,
        journal: Journal,
        evidence: Evidence,
        log: EventLog,
        key_directory: Path | None,
        clock: Clock,
        pass_holds: bool = False,
    ) -> None:
        self._pass_holds = pass_holds
        self._prepared = prepared
        self._policy = policy
        self._journal = journal
        self._evidence = evidence
        self._log = log
        self._key_directory = key_directory
        self._clock = clock

    async def draw(
        self, stopped: str, *, server_changed: bool = False, decided: bool = False
    ) -> Finished:
        """Write the reports and say so in the capsule; ``stopped`` is why it ended early, if so.

        A run that a planned look ``decided`` is whole without its other tasks. When a server
        changed while it ran, nobody can tell which trials are whose: the report is marked so, and
        the run cannot be resumed.

        Raises:
            ReportError: The reports cannot be written; the journal still holds everything.
            CapsuleError: A whole run could not be put on record.
        """
        prepared, scope = self._prepared, self._prepared.scope
        stamps = self._stamps(decided=decided and not stopped)
        stamps |= {"server_changed"} if server_changed else set()
        report = await asyncio.to_thread(self._report, stamps)
        json_path, md_path, sha256 = await asyncio.to_thread(
            reports.write, report, eval_directory(scope.plan, scope.settings)
        )
        finished = BakeoffFinishedEvent(
            run_id=report.run_id,
            policy_hash=self._policy.policy_hash,
            report_path=self._from_workspace(json_path),
            report_sha256=f"sha256:{sha256}",
            partial=report.partial,
        )
        finished = self._counted(finished, report)
        # A run that stopped because the capsule cannot be written cannot be recorded there either.
        with contextlib.suppress(*((CapsuleError,) if stopped else ())):
            await self._evidence.append(finished)
        unrecorded = "it ended early" if stopped else prepared.no_decision_because()
        if server_changed:
            unrecorded = "a server changed during the run"
        if not unrecorded and report.gate["verdict"] == "inconclusive" and self._pass_holds:
            unrecorded = (
                "undecided, and the earlier pass still holds; what this run has seen is kept as "
                "evidence"
            )
        if not unrecorded:
            await asyncio.to_thread(
                record_decision,
                self._log,
                self._decision(report, finished),
                scope.settings.source.root,
                now=self._clock.now(),
                key_directory=self._key_directory,
            )
        Notifier(scope.settings.source.root).tell(
            bakeoff_news(finished.body(), str(report.gate["verdict"]), report.suite.name)
        )
        if server_changed or not stopped:
            self._journal.remove()
        return Finished(
            report=report,
            json_path=json_path,
            md_path=md_path,
            sha256=sha256,
            stopped=stopped,
            recorded=not unrecorded,
            unrecorded=unrecorded,
            false_alarms=self._false_alarms(report),
            other_suite=self._other_suite(),
        )

    def _other_suite(self) -> OtherSuite | None:
        root, reflex = self._prepared.scope.root, self._policy.reflex
        return None if counts(root, reflex.suites) else other_suite(root, reflex)

    def _counted(self, finished: BakeoffFinishedEvent, report: Report) -> BakeoffFinishedEvent:
        """With what later runs of the fingerprint carry on; a run that was stopped leaves none."""
        plan, standing = self._journal.header.plan, rederive(report).standing
        if not plan.fingerprint or standing is None:
            return finished
        limit = report.thresholds.p95_latency_ms
        own = [one for one in report.trials if one.arm == report.pair[0]]
        firsts = [one.attempts[0] for one in (*own, *report.latency_calls) if one.attempts]
        evidence = {
            "evidence": min(standing.own_evidence, _MOST_EVIDENCE),
            "against": min(standing.own_against, _MOST_EVIDENCE),
            "slow": sum(1 for one in firsts if one.answered_ms >= limit),
            "calls": len(firsts),
        }
        counted = finished.model_copy(
            update={
                "fingerprint": plan.fingerprint,
                "trials": len(self._journal.trials),
                **({} if report.partial else evidence),
            }
        )
        workspace = self._prepared.scope.settings.source.root
        return sealed_event(counted, workspace, user_key(directory=self._key_directory))

    def _stamps(self, *, decided: bool) -> set[str]:
        """Marks from the preparation, and those that the run itself earned."""
        prepared, plan = self._prepared, self._prepared.scope.plan
        trials = (*self._journal.trials, *prepared.reused_trials)
        made = sum(one.trial < plan.trials for one in trials)
        wanted = len(prepared.scope.tasks) * len(prepared.arms) * plan.trials
        stamps = prepared.stamps | ({"partial"} if made < wanted and not decided else set())
        hardware = {machine.hardware for machine in self._journal.machines}
        return stamps | ({"mixed_hardware"} if len(hardware) > 1 else set())

    def _report(self, stamps: set[str]) -> Report:
        prepared, scope, header = self._prepared, self._prepared.scope, self._journal.header
        return reports.build(
            run_id=header.run_id,
            created_at=header.created_at,
            finished_at=self._clock.now(),
            suite=scope.suite_record(),
            arms={arm.name: self._arm(arm) for arm in prepared.arms.values()},
            settings=scope.run_settings(prepared.candidate, header.seed),
            thresholds=GateThresholds(**thresholds_of(self._policy)),
            prompt_hash=scope.prompt_hash,
            schema_hash=scope.schema_hash,
            sandbox=SandboxRecord(
                tier=prepared.self_test.tier.value,
                escapes_held=sum(escape.held for escape in prepared.self_test.escapes),
                reason=plain(prepared.self_test.reason, 1000),
            ),
            environment=next(iter(self._journal.machines), None) or environment(),
            trials=[*self._journal.trials, *prepared.reused_trials],
            stamps=stamps,
            capsule_head=self._log.head()[1],
            reused_from=prepared.reused.sha256 if prepared.reused else None,
            latency_calls=self._journal.latency_calls,
            plan=header.plan,
        )

    def _arm(self, arm: Arm) -> ArmRecord:
        prepared = self._prepared
        if prepared.reused and arm.name not in prepared.asked:
            return prepared.reused.found.arm
        identity, cloud = arm.identity, prepared.scope.settings.cloud
        return ArmRecord(
            name=arm.name,
            backend=arm.backend.name,
            endpoint=arm.backend.endpoint,
            model=arm.backend.model,
            label=identity.label if identity else "",
            server_identity=identity.fingerprint if identity else "",
            price_input_per_million=None if arm.local else cloud.price_input_per_million,
            price_output_per_million=None if arm.local else cloud.price_output_per_million,
            timeout_ms=float(arm.backend.timeout_ms),
        )

    def _decision(self, report: Report, finished: BakeoffFinishedEvent) -> GateDecisionEvent:
        gate, arm = report.gate, report.arms[PRIMARY]
        return GateDecisionEvent(
            run_id=report.run_id,
            policy_hash=self._policy.policy_hash,
            verdict=gate["verdict"],
            misses=gate["misses"],
            backend=PRIMARY,
            endpoint=arm.endpoint,
            model=arm.model,
            server_identity=arm.server_identity,
            suite=report.suite.root,
            suite_hash=report.suite.hash,
            prompt_hash=report.prompt_hash,
            schema_hash=report.schema_hash,
            json_schema=report.settings.json_schema,
            candidates=report.settings.candidates,
            edit_format=report.settings.edit_format,
            thresholds=thresholds_of(self._policy),
            metrics={one["name"]: _metric(one) for one in gate["criteria"]},
            solved_percent={
                name: one.solved_percent
                for name, one in summaries(report).items()
                if name in report.pair and one.solved_percent is not None
            },
            report_path=finished.report_path,
            report_sha256=finished.report_sha256,
            stamps=list(report.stamps),
            fingerprint=self._journal.header.plan.fingerprint,
            run=self._journal.header.plan.run,
            promoted_by=(gate["standing"] or {}).get("promoted_by") or "",
            seal="",
        )

    def _false_alarms(self, report: Report) -> FalseAlarms | None:
        if not self._prepared.scope.plan.aa:
            return None
        return false_alarm_rate(
            report.trials, first=CLOUD, second=AGAIN, thresholds=report.thresholds
        )

    def _from_workspace(self, path: Path) -> str:
        root = self._prepared.scope.settings.source.root.resolve()
        path = path.resolve()
        return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def _metric(criterion: dict[str, Any]) -> CriterionMetric:
    return CriterionMetric.model_validate({**criterion, "verdict": criterion["state"]})
