"""Outcomes of calls: refused where there was no such call, sealed, counted once each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from core.capsule import EventLog
from core.capsule.events import CallOutcomeEvent
from core.errors import UnknownCall
from core.monitor.drift import OUTCOMES
from core.monitor.outcomes import MOST_OUTCOMES
from core.stages import Mode
from reflex_tui.cli.main import run
from reflex_tui.model.rows import other_row
from tests.support.gateway.serving import ASKED, CHAT, fronted
from tests.support.router.world import QUESTION, World, promote, world

if TYPE_CHECKING:
    from pathlib import Path

SOLVED = {"reflex": 90.0, "cloud": 90.0}


async def counted(scene: World) -> tuple[int, int]:
    """How many outcomes the monitor has counted, and how many were wrong."""
    async with scene.implementer() as implementer:
        drift = (await implementer.view()).gate.drift
    assert drift is not None
    return next((one.calls, one.bad) for one in drift if one.cause == OUTCOMES)


async def test_answers_that_turn_out_wrong_demote(project: Path) -> None:
    """Eleven in a row are enough; what is said of one call again is no new evidence."""
    async with world(project, promoted=False) as scene:
        await promote(scene.settings, solved_percent=SOLVED)
        async with scene.implementer() as implementer:
            first = await implementer.complete(QUESTION)
            for _ in range(3):
                await implementer.outcome(first.call_id, ok=False)
            assert await counted(scene) == (1, 1)
            for _ in range(12):
                answer = await implementer.complete(QUESTION)
                if answer.mode is Mode.CLOUD:
                    break
                await implementer.outcome(answer.call_id, ok=False)
        (_, decision) = scene.events("GateDecision")
        assert decision["cause"] == answer.detail == OUTCOMES
        said = scene.events("CallOutcome")
    assert [one["before"] for one in said[:3]] == [None, False, False]
    assert {one["source"] for one in said} == {"gateway"}


async def test_a_planted_outcome_counts_for_nothing(project: Path) -> None:
    """Nor is it a decision: it lacks the seal."""
    async with world(project, promoted=False) as scene:
        await promote(scene.settings, solved_percent=SOLVED)
        async with scene.implementer() as implementer:
            answer = await implementer.complete(QUESTION)
            genuine = await implementer.outcome(answer.call_id, ok=True)
        with EventLog(scene.settings.state_dir / "capsule") as log:
            for number in range(50):
                changes: dict[str, Any] = {"call_id": f"{number}", "ok": False}
                log.append(genuine.model_copy(update=changes))
        assert await counted(scene) == (1, 0)


async def test_an_outcome_needs_its_call(project: Path) -> None:
    """One that is on record, was answered, and was not talked of without end."""
    async with world(project) as scene, scene.implementer() as implementer:
        with pytest.raises(UnknownCall, match="no answered call 'nobody'"):
            await implementer.outcome("nobody", ok=True)
        answer = await implementer.complete(QUESTION)
        for number in range(MOST_OUTCOMES):
            await implementer.outcome(answer.call_id, ok=bool(number % 2))
        with pytest.raises(UnknownCall, match="10 outcomes"):
            await implementer.outcome(answer.call_id, ok=True)


async def test_the_gateway_takes_outcomes(project: Path) -> None:
    """By the header's id or the reply's; anything else is refused, and nothing recorded."""
    async with world(project) as scene, fronted(scene.settings) as http:
        reply = await http.post(f"/v1/{CHAT}", json=ASKED)
        call_id = reply.headers["x-reflex-call-id"]
        said = await http.post("/v1/outcomes", json={"call_id": reply.json()["id"], "ok": True})
        assert said.json() == {"call_id": call_id, "ok": True, "mode": "reflex", "before": None}
        again = await http.post("/v1/outcomes", json={"call_id": call_id, "ok": False})
        assert again.json()["before"] is True
        unknown = await http.post("/v1/outcomes", json={"call_id": "f" * 32, "ok": True})
        assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "unknown_call")
        bodies: tuple[Any, ...] = (
            {"call_id": call_id},
            {"call_id": 7, "ok": True},
            [],
            {"ok": True},
            "x",
        )
        for body in bodies:
            refused = await http.post("/v1/outcomes", json=body)
            assert refused.status_code == 400
        events = scene.events("CallOutcome")
    assert [one["ok"] for one in events] == [True, False]


async def test_an_id_that_nobody_knows_costs_no_scan_of_the_log(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is looked for in the index, however often a client asks and however long the log is."""
    scanned: list[object] = []
    backwards = EventLog.last

    def counted(log: EventLog, event_type: str, **options: Any) -> Any:
        scanned.extend([event_type] if options.get("where") else [])
        return backwards(log, event_type, **options)

    async with world(project) as scene, fronted(scene.settings) as http:
        monkeypatch.setattr(EventLog, "last", counted)
        asked = [
            await http.post("/v1/outcomes", json={"call_id": f"{nth:032x}", "ok": True})
            for nth in range(5)
        ]
    assert {one.status_code for one in asked} == {404}
    assert not scanned


async def test_the_command_records_one(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the beginning of the call's id; 2 where there is none."""
    async with world(project) as scene, scene.implementer() as implementer:
        answer = await implementer.complete(QUESTION)
        events = scene.events
    monkeypatch.chdir(project)
    assert run(["outcome", answer.call_id[:8], "failed"], "code reflex") == 0
    assert f"call {answer.call_id}, answered by reflex: failed" in capsys.readouterr().out
    assert run(["outcome", answer.call_id, "ok"], "code reflex") == 0
    assert "(was failed)" in capsys.readouterr().out
    assert run(["outcome", "nobody", "ok"], "code reflex") == 2
    assert [(one["ok"], one["source"]) for one in events("CallOutcome")] == [
        (False, "command"),
        (True, "command"),
    ]
    with EventLog(scene.settings.state_dir / "capsule") as log:
        rows = [other_row(one) for one in log.read() if one.event_type == "CallOutcome"]
    assert [row.text for row in rows] == [
        "the answer did not work, reported by code reflex outcome",
        "the answer worked, reported by code reflex outcome",
    ]
    assert {name for name in CallOutcomeEvent.model_fields if name != "before"} <= set(
        events("CallOutcome")[0]
    )
