"""Live calls after a pass: counted, judged, and the pass taken away when they break its promise."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from core.capsule import EventLog
from core.capsule.decisions import record_decision
from core.capsule.events import GateDecisionEvent, LLMCallEvent, ShadowCheckedEvent
from core.capsule.keys import own_key, seal
from core.monitor.drift import COMPLIANCE, LATENCY, OUTCOMES
from core.monitor.follow import DriftWatch
from core.settings import Monitor, load_settings
from core.settings.thresholds import accept
from core.stages import Mode, Reason
from reflex_tui.model.watched import watched_row
from tests.support.router.world import QUESTION, SCHEMA, World, promote, world

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

SLOW = "[reflex.thresholds]\np95_latency_ms = 0.001\n"


async def ask(scene: World, times: int, **options: Any) -> list[tuple[Mode, str | None]]:
    """Who answered each of so many calls, and the detail of the decision."""
    async with scene.implementer() as implementer:
        answers = [await implementer.complete(QUESTION, **options) for _ in range(times)]
    return [(one.mode, one.detail) for one in answers]


def state_of(scene: World) -> str:
    """The state of the monitor by the log alone, to the last bit."""
    watch, event = watch_of(scene)
    drift = watch.read(event)
    assert drift
    return json.dumps(drift.as_state())


def watch_of(scene: World) -> tuple[DriftWatch, dict[str, Any]]:
    """A watch that has seen nothing yet, and the pass."""
    log = EventLog(scene.settings.state_dir / "capsule")
    passed = next(one for one in scene.events("GateDecision") if one["verdict"] == "pass")
    return DriftWatch(log, scene.settings.source.root), passed


async def test_a_model_that_became_slow_is_demoted_in_every_process(project: Path) -> None:
    """Within 60 calls of which each is too slow; a second process knows it with its next call."""
    async with world(project, SLOW) as scene, scene.implementer() as other:
        assert (await other.complete(QUESTION)).mode is Mode.REFLEX
        first = await ask(scene, 30)  # and a restart in between
        assert {mode for mode, _ in first} == {Mode.REFLEX}
        then = await ask(scene, 30)
        assert then[-1] == (Mode.CLOUD, LATENCY)
        answer = await other.complete(QUESTION)
        assert (answer.mode, answer.reason) == (Mode.CLOUD, Reason.THRESHOLDS_NOT_MET)
        view = await other.view()
        decisions = scene.events("GateDecision")
    assert [one["verdict"] for one in decisions] == ["pass", "fail"]
    drift = decisions[1]["drift"]
    assert decisions[1]["cause"] == LATENCY
    assert decisions[1]["misses"] == [LATENCY]
    assert drift["calls"] == drift["bad"] <= 60
    assert drift["evidence"] >= drift["limit"]
    assert decisions[0]["seq"] < drift["first_seq"] < drift["last_seq"] < decisions[1]["seq"]
    assert "slower" in view.gate.explanation.sentence
    assert "bakeoff" in view.gate.explanation.next_step


async def test_a_pass_made_meanwhile_stays(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that a bakeoff records between a look at the decisions and the demotion."""
    async with world(project, SLOW) as scene:
        passed = scene.events("GateDecision")[0]
        fields = {k: v for k, v in passed.items() if k in GateDecisionEvent.model_fields}

        read = DriftWatch.read

        def meanwhile(watch: DriftWatch, event: Any) -> Any:
            found = read(watch, event)
            if found and found.broken and len(scene.events("GateDecision")) == 1:
                with EventLog(scene.settings.state_dir / "capsule") as log:
                    root, now = scene.settings.source.root, datetime.now(UTC)
                    record_decision(log, GateDecisionEvent(**fields), root, now=now)
            return found

        monkeypatch.setattr(DriftWatch, "read", meanwhile)
        async with scene.implementer() as implementer:
            while len(scene.events("GateDecision")) == 1:
                await implementer.complete(QUESTION)
        assert [one["verdict"] for one in scene.events("GateDecision")] == ["pass", "pass"]


async def test_a_new_bakeoff_is_the_way_back(project: Path) -> None:
    """Its pass begins without evidence against it."""
    async with world(project, SLOW) as scene:
        await ask(scene, 60)
        await promote(scene.settings)
        assert await ask(scene, 1) == [(Mode.REFLEX, None)]


async def test_a_demotion_by_tasks_names_no_share_that_the_pass_did_not_name(
    project: Path,
) -> None:
    """Pairs are evidence also where the pass has no figure of the cloud; 0 % would be invented."""
    async with world(project) as scene:
        passed = scene.events("GateDecision")[0]
        with EventLog(scene.settings.state_dir / "capsule") as log:
            for number in range(60):
                event = ShadowCheckedEvent(
                    run_id="r",
                    policy_hash="p",
                    call_id=f"shadow {number}",
                    original_call_id=f"task {number}",
                    answered_seq=passed["seq"] + 1,
                    endpoint=passed["endpoint"],
                    model=passed["model"],
                    cloud_model="c",
                    solved=False,
                    cloud_solved=True,
                    in_time=True,
                    attempts=1,
                    cloud_attempts=1,
                )
                key = own_key()
                assert key
                sealed = seal(event.body(), scene.settings.source.root, key)
                log.append(event.model_copy(update={"seal": sealed}))
        assert await ask(scene, 1) == [(Mode.CLOUD, OUTCOMES)]
        (_, demotion) = scene.events("GateDecision")
        assert demotion["drift"]["allowed"] is None
        told = watched_row({"cause": OUTCOMES, **demotion["drift"]}).told
        assert told.endswith(f"of {demotion['drift']['calls']} wrong")


async def test_invalid_replies_demote(project: Path) -> None:
    """A schema missed by every second first attempt breaks the promise, though each is retried."""
    async with world(project, "[reflex.fallback]\nmax_failures = 20\n") as scene:
        scene.faults("offschema@0.5")
        ends = await ask(scene, 60, schema=SCHEMA)
        assert ends[0] == (Mode.REFLEX, None)
        assert ends[-1] == (Mode.CLOUD, COMPLIANCE)


async def test_without_demote_it_only_warns(project: Path) -> None:
    """The evidence shows beyond its limit, and calls stay; it takes the user's consent."""
    text = SLOW + "[reflex.monitor]\ndemote = false\n"
    async with world(project, text) as scene:
        assert "monitor.demote = false" in scene.settings.warning
        assert scene.settings.reflex.monitor.demote
        accept(project, scene.settings.reflex.thresholds, Monitor(demote=False))
        scene.settings = load_settings(project / "stage0.toml")
        assert scene.settings.warning == ""
        await promote(scene.settings)
        ends = await ask(scene, 60)
        assert {mode for mode, _ in ends} == {Mode.REFLEX}
        async with scene.implementer() as implementer:
            gate = (await implementer.view()).gate
    assert gate.valid
    assert gate.drift
    assert [one.cause for one in gate.drift if one.broken] == [LATENCY]


async def test_switched_off_nothing_is_counted(project: Path) -> None:
    """No call carries a number, so none can be counted later either."""
    async with world(project, "[reflex.monitor]\nenabled = false\n") as scene:
        accept(project, scene.settings.reflex.thresholds, Monitor(enabled=False))
        scene.settings = load_settings(project / "stage0.toml")
        await ask(scene, 1)
        assert scene.events("LLMCall")[-1]["watched"] == 0


async def test_a_restart_replays_to_the_same_bits(project: Path) -> None:
    """Read at once, piece by piece, or from the copy: the same state."""
    async with world(project) as scene:
        watch, event = watch_of(scene)
        for _ in range(4):
            await ask(scene, 3, schema=SCHEMA)
            grown = watch.read(event)
        assert grown
        assert grown.charts[LATENCY].calls == 12
        assert json.dumps(grown.as_state()) == state_of(scene)
        watch._save(grown)
        again, _ = watch_of(scene)
        assert json.dumps(again._from_copy(grown.promise).as_state()) == state_of(scene)  # type: ignore[union-attr]


async def test_a_planted_call_counts_for_nothing(project: Path) -> None:
    """Without the user's seal, or as a copy of a sealed one."""
    async with world(project) as scene:
        await ask(scene, 1)
        before = state_of(scene)
        genuine = scene.events("LLMCall")[-1]
        fields = {k: v for k, v in genuine.items() if k in LLMCallEvent.model_fields}
        with EventLog(scene.settings.state_dir / "capsule") as log:
            log.append(LLMCallEvent(**fields))
            log.append(LLMCallEvent(**fields | {"watched": 2, "latency_ms": 1e6}))
            log.append(LLMCallEvent(**fields | {"watched": 3, "seal": "hmac-sha256:00"}))
        assert state_of(scene) == before
