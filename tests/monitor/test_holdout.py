"""The hold-out: a share of reflex's calls, chosen by a hash that can be checked later."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from core.capsule import EventLog
from core.capsule.events import RoutingDecisionEvent
from core.client.backend import ChatRequest
from core.errors import NoBackend
from core.monitor.holdout import check_holdouts, held_out
from core.router.decision import CallOptions
from core.stages import Mode, Reason
from core.standin.script import parse_faults
from tests.support.router.world import QUESTION, World, world

if TYPE_CHECKING:
    from pathlib import Path

HALF = "[reflex.monitor]\nholdout = 0.5\n"
ALL = "[reflex.monitor]\nholdout = 1.0\n"


def checked(scene: World) -> list[str]:
    """What is wrong with who was held out."""
    with EventLog(scene.settings.state_dir / "capsule") as log:
        return check_holdouts(log, scene.settings.state_dir / "policies")


@pytest.mark.parametrize("share", [0.0, 0.05, 0.5, 1.0])
def test_so_many_are_held_out(share: float) -> None:
    """About the share of random ids, and the same ones each time."""
    ids = [uuid.UUID(int=number).hex for number in range(4000)]
    found = sum(held_out(each, share) for each in ids) / len(ids)
    assert abs(found - share) < 0.02
    assert all(held_out(each, share) == held_out(each, share) for each in ids[:50])


async def test_half_of_the_calls_go_to_the_cloud(project: Path) -> None:
    """With the reason, each as its id says; a decision changed afterwards is found."""
    async with world(project, HALF) as scene:
        async with scene.implementer() as implementer:
            answers = [await implementer.complete(QUESTION) for _ in range(24)]
        for one in answers:
            expected = Mode.CLOUD if held_out(one.call_id, 0.5) else Mode.REFLEX
            assert (one.mode, one.is_fallback) == (expected, False)
        held = [one for one in answers if one.mode is Mode.CLOUD]
        assert {one.reason for one in held} == {Reason.HOLDOUT}
        assert 0 < len(held) < 24
        assert checked(scene) == []
        genuine = scene.events("RoutingDecision")[-1]
        fields: dict[str, Any] = {
            k: v for k, v in genuine.items() if k in RoutingDecisionEvent.model_fields
        }
        other = Reason.HEALTHY_AND_THRESHOLDS_MET
        if genuine["reason"] != Reason.HOLDOUT:
            other = Reason.HOLDOUT
        with EventLog(scene.settings.state_dir / "capsule") as log:
            log.append(RoutingDecisionEvent(**fields | {"reason": other}))
        (problem,) = checked(scene)
        assert "holdout = 0.5" in problem


async def test_a_task_is_held_out_as_a_whole(project: Path) -> None:
    """All of its calls or none, as its own id says; further candidates are not asked then."""
    async with world(project, HALF) as scene:
        sides: dict[str, set[tuple[Mode, Reason]]] = {}
        async with scene.implementer() as implementer:
            for task in (uuid.UUID(int=number).hex for number in range(8)):
                options = CallOptions(task_id=task)
                for _ in range(3):
                    call = await implementer.call(ChatRequest(QUESTION), options=options)
                    answer = await call.answer()
                    sides.setdefault(task, set()).add((answer.mode, answer.reason))
                further = await implementer.call(
                    ChatRequest(QUESTION), options=replace(options, local_only=True)
                )
                if held_out(task, 0.5):
                    with pytest.raises(NoBackend, match="holdout"):
                        await further.answer()
                else:
                    assert (await further.answer()).mode is Mode.REFLEX
        ours = {(Mode.REFLEX, Reason.HEALTHY_AND_THRESHOLDS_MET)}
        expected = {
            task: {(Mode.CLOUD, Reason.HOLDOUT)} if held_out(task, 0.5) else ours for task in sides
        }
        assert sides == expected
        assert 0 < sum(side == ours for side in sides.values()) < 8
        assert {one["task_id"] for one in scene.events("RoutingDecision")} == set(sides)
        assert checked(scene) == []


async def test_a_cloud_that_fails_costs_no_call(project: Path) -> None:
    """Reflex could have answered, and does; without leave for the cloud nobody is held out."""
    async with world(project, ALL) as scene:
        scene.cloud.script = replace(scene.cloud.script, faults=parse_faults("status:500"))
        async with scene.implementer() as implementer:
            answer = await implementer.complete(QUESTION)
        assert (answer.mode, answer.reason) == (Mode.REFLEX, Reason.BACKEND_FAILED)
        assert checked(scene) == []
    text = "[reflex.fallback]\nto_cloud = false\n" + ALL
    async with world(project, text) as scene, scene.implementer() as implementer:
        assert (await implementer.complete(QUESTION)).reason is Reason.HEALTHY_AND_THRESHOLDS_MET
        assert checked(scene) == []
