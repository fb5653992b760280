"""Everything a bakeoff needs before its first call: healthy arms, a sandbox, reused trials."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from core.capsule import EventLog
from core.capsule.keys import seal_holds, user_key
from core.client.backend import ChatRequest
from core.client.tokens import ContextFit
from core.clock import Clock, SystemClock
from core.errors import SandboxError
from core.fingerprint import suite_name
from core.harness.bakeoff.arms import check_key, choose_arms, identified
from core.harness.bakeoff.plan import Scope
from core.harness.report.merge import Reusable, reusable_cloud_trials
from core.harness.report.storage import read_hashed
from core.harness.sandbox import SelfTest, Tier, choose_tier
from core.plain import plain
from core.router.server_notices import too_few_requests
from core.settings.suites import added
from core.settings.thresholds import loosened
from core.stages import CLOUD, PRIMARY
from core.userdirs import in_demo

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    from core.harness.bakeoff.arms import Arm
    from core.harness.bakeoff.plan import Plan
    from core.patchloop.trial import Trial
    from core.settings import Settings

_NAMED = 5


@dataclass(frozen=True, slots=True)
class Reused:
    """Trials from an earlier report; ``vouched`` that a sealed GateDecision here names it."""

    found: Reusable
    sha256: str
    vouched: bool


@dataclass(frozen=True, slots=True)
class PreparedRun:
    """A bakeoff ready to run.

    ``arms`` are both, the candidate first; of these ``asked`` have trials to make. ``over_context``
    names, by local arm, the tasks of which the first question does not fit.
    """

    scope: Scope
    arms: Mapping[str, Arm]
    asked: tuple[str, ...]
    self_test: SelfTest
    reused: Reused | None
    over_context: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def candidate(self) -> Arm:
        """The first arm: the one that may be enabled."""
        return next(iter(self.arms.values()))

    @property
    def reused_trials(self) -> tuple[Trial, ...]:
        """Trials taken over from an earlier report."""
        return self.reused.found.trials if self.reused else ()

    @property
    def stamps(self) -> set[str]:
        """Marks that limit what this run counts for, whatever its verdict."""
        stamps: set[str] = {"reused_cloud", *self.reused.found.stamps} if self.reused else set()
        stamps |= {"demo"} if in_demo(self.scope.settings.source.root) else set()
        stamps |= {"subset"} if self.scope.subset else set()
        stamps |= {"unsandboxed"} if self.self_test.tier is Tier.NONE else set()
        stamps |= {"scripted"} if any(arm.scripted for arm in self.arms.values()) else set()
        stamps |= {"loosened"} if loosened(self.scope.settings.reflex.thresholds) else set()
        stamps |= {"other_suite"} if added([suite_name(self.scope.root)]) else set()
        return stamps | ({"aa"} if self.scope.plan.aa else set())

    @property
    def notices(self) -> tuple[str, ...]:
        """What the servers of local arms will refuse of this run, in sentences."""
        found = []
        for arm in self.arms.values():
            calls = self.scope.plan.concurrency
            few = too_few_requests(arm.identity, self.scope.candidates, calls)
            words = [few, self._over_context(arm)] if arm.local else []
            found += [f"the {arm.name} arm: {said}" for said in words if said]
        return tuple(found)

    def _over_context(self, arm: Arm) -> str:
        """Which tasks are known to exceed the arm's context."""
        over = self.over_context.get(arm.name, ())
        if not over:
            return ""
        named = ", ".join(over[:_NAMED]) + (" …" if len(over) > _NAMED else "")
        return (
            f"{len(over)} of {len(self.scope.tasks)} tasks are longer than its context, and will "
            f"fail: {named}"
        )

    def conditions(self) -> dict[str, Any]:
        """All that a trial's outcome depends on, in JSON: what a resumed run must agree with."""
        scope = self.scope
        return {
            "suite": scope.root,
            "suite_hash": scope.suite_hash,
            "prompt_hash": scope.prompt_hash,
            "schema_hash": scope.schema_hash,
            "tasks": [task.id for task in scope.tasks],
            "arms": {name: _described(arm) for name, arm in self.arms.items()},
            "trials": scope.plan.trials,
            "attempts": scope.attempts,
            "candidates": scope.candidates,
            "edit_format": scope.edit_format.value,
            "concurrency": scope.plan.concurrency,
            "json_schema": scope.settings.reflex.json_schema,
            "sandbox": self.self_test.tier.value,
            "reused_report": self.reused.sha256 if self.reused else None,
            "executor": scope.plan.executor and scope.plan.executor.partition(":")[0],
        }

    def no_decision_because(self) -> str:
        """Why such a run leaves no GateDecision, whatever its verdict; empty where it does.

        What the router believes is one whole run, seen by this process from its first call to its
        last, and set up as Implement calls are.
        """
        scope, suite = self.scope, self.scope.suite
        configured = scope.settings.reflex.candidates
        reasons = {
            "an A/A test compares the cloud with itself": scope.plan.aa,
            "only reflex against cloud can promote reflex": tuple(self.arms) != (PRIMARY, CLOUD),
            "a shard is a part, and what is merged later was not all seen here": scope.plan.shard,
            "what workers did was not seen by this process": scope.plan.executor,
            f"{len(scope.tasks)} of the suite's {len(suite.tasks)} tasks are not the suite": (
                len(scope.tasks) < len(suite.tasks)
            ),
            "the attempts are not the suite's own": scope.attempts != suite.attempts,
            f"the edit format is not the configured {scope.configured_format.value}": (
                scope.edit_format is not scope.configured_format
            ),
            f"[reflex] has candidates = {configured}": scope.candidates != configured,
            "the reused report is not one that this workspace's capsule vouches for": (
                self.reused and not self.reused.vouched
            ),
        }
        return next((reason for reason, holds in reasons.items() if holds), "")


async def _too_long(scope: Scope, arm: Arm) -> tuple[str, ...]:
    """The tasks of which the first question surely does not fit into the arm's context."""
    fit = ContextFit(arm.backend)
    try:
        over = [
            task.id
            for task in scope.tasks
            # Without the words around them.
            if await fit.overflow(
                ChatRequest(
                    [
                        {
                            "role": "user",
                            "content": "\n".join([task.prompt, *task.workspace.values()]),
                        }
                    ]
                ),
                arm.identity,
            )
        ]
    finally:
        await fit.aclose()
    return tuple(over)


async def prepare(
    settings: Settings,
    plan: Plan,
    *,
    clock: Clock | None = None,
    environ: Mapping[str, str] | None = None,
    key_directory: Path | None = None,
) -> PreparedRun:
    """Prepare everything; no model has been asked anything when it returns.

    Raises:
        ConfigError: The plan, or an arm's configuration, cannot be used.
        SuiteError: There is no such suite or task.
        ReportError: The report to reuse does not fit.
        SandboxError: No sandbox passes its self-test, and the plan allows no run without.
        ReflexError: A server is unhealthy.
    """
    scope = Scope.of(plan, settings)
    arms = choose_arms(settings, plan.arms, aa=plan.aa, environ=environ)
    now = (clock or SystemClock()).now()
    reused = _reused(scope, arms, now, key_directory) if plan.reuse_cloud else None
    asked = tuple(name for name in arms if not _all_reused(name, scope, reused))
    return await check_arms(scope, arms, asked, reused)


async def check_arms(
    scope: Scope, arms: Mapping[str, Arm], asked: tuple[str, ...], reused: Reused | None = None
) -> PreparedRun:
    """The prepared run, once a sandbox holds and the servers of the arms ``asked`` are healthy.

    Raises:
        ConfigError: An arm lacks its key.
        SandboxError: No sandbox passes its self-test, and the plan allows no run without.
        ReflexError: A server is unhealthy.
    """
    allowed = scope.plan.allow_unsandboxed
    for name in asked:
        check_key(arms[name], scope.settings)
    choosing = asyncio.create_task(choose_tier(allow_unsandboxed=allowed))
    try:
        known = await identified([arms[name] for name in asked])
        self_test = await choosing
    finally:
        # Left to the loop's end, a process that is just being started may never be waited for.
        choosing.cancel()
        await asyncio.wait({choosing})
    if self_test.tier is Tier.NONE and not allowed:
        raise SandboxError(
            f"model-written code would run without a sandbox: {self_test.reason}",
            remedy="Install bubblewrap, or pass --allow-unsandboxed; such a run is marked and "
            "cannot promote.",
        )
    over = {arm.name: await _too_long(scope, arm) for arm in known if arm.local}
    return PreparedRun(
        scope, {**arms, **{arm.name: arm for arm in known}}, asked, self_test, reused, over
    )


def _reused(
    scope: Scope, arms: Mapping[str, Arm], now: datetime, key_directory: Path | None
) -> Reused:
    assert scope.plan.reuse_cloud is not None
    candidate, baseline = arms.values()
    report, sha256 = read_hashed(scope.plan.reuse_cloud)
    found = reusable_cloud_trials(
        report,
        suite_hash=scope.suite_hash,
        tasks=tuple(task.id for task in scope.tasks),
        prompt_hash=scope.prompt_hash,
        schema_hash=scope.schema_hash,
        endpoint=baseline.backend.endpoint,
        model=baseline.backend.model,
        timeout_ms=float(baseline.backend.timeout_ms),
        settings=scope.run_settings(candidate, seed=0),
        now=now,
        max_age_days=scope.settings.reflex.thresholds.max_age_days,
        name=baseline.name,
    )
    return Reused(found, sha256, _vouched(scope.settings, sha256, key_directory))


def _vouched(settings: Settings, sha256: str, key_directory: Path | None) -> bool:
    """Anybody can write a report; only this user's own runs leave a sealed GateDecision of it."""
    key = user_key(directory=key_directory)
    root = settings.source.root

    def names_it(body: Mapping[str, Any]) -> bool:
        return body.get("report_sha256") == f"sha256:{sha256}" and seal_holds(body, root, key)

    log = EventLog(settings.state_dir / "capsule")
    try:
        return log.last("GateDecision", where=names_it) is not None
    finally:
        log.close()


def _all_reused(name: str, scope: Scope, reused: Reused | None) -> bool:
    taken = sum(one.arm == name for one in reused.found.trials) if reused else 0
    return taken == len(scope.tasks) * scope.plan.trials


def _described(arm: Arm) -> dict[str, Any]:
    return {
        "endpoint": arm.backend.endpoint,
        "model": plain(arm.backend.model, 256),
        "server": arm.identity.fingerprint if arm.identity else None,
        "timeout_ms": arm.backend.timeout_ms,
        "request_timeout_ms": arm.request_timeout_ms,
    }
