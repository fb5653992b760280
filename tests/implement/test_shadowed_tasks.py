"""A task that the cloud works on, given to reflex too: who solves it, unseen and unwritten."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

from core.capsule import EventLog
from core.capsule.events import ShadowCheckedEvent
from core.capsule.keys import own_key, seal_holds
from core.errors import SandboxError
from core.harness.sandbox import SelfTest, Tier
from core.implement import shadowing
from core.monitor.drift import OUTCOMES
from core.monitor.pairs import PairedTasks
from core.router import call
from core.router.attempts import Attempts
from core.router.shadowed import shadow_summary
from core.stages import Reason
from reflex_tui.cli.implement_text import document, shadowed
from reflex_tui.cli.main import run
from tests.support.implement.scene import (
    BROKEN,
    CHECK,
    GOOD,
    PROMPT,
    WRONG,
    Scene,
    at_terminal,
    scene,
    solve,
)
from tests.support.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox needs Linux")
# Patient: the machine may be busy.
ALL = "[reflex.shadow]\nsample = 1\nwait_s = 60\n"
GIVEN_UP_SOON = "[reflex.fallback]\nmax_failures = 2\n"
PATIENT = "timeout_ms = 120000\n"


def checked(found: Scene) -> dict[str, Any]:
    """The comparison that is on record."""
    (event,) = found.world.events("ShadowChecked")
    return event


def summary(found: Scene) -> PairedTasks:
    """What the comparisons come to."""
    settings = found.world.settings
    with EventLog(settings.state_dir / "capsule") as log:
        reflex = settings.reflex
        return shadow_summary(
            log,
            settings.source.root,
            endpoint=reflex.endpoint,
            model=reflex.model,
            key=own_key(),
        ).tasks


async def test_both_solve_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Reflex's second patch passes; the cloud's is written, and everything says who solved it."""
    async with scene(
        tmp_path / "repo", reflex=[WRONG, GOOD], promoted=False, in_reflex=ALL
    ) as found:
        ended = await solve(found)
        event = checked(found)
        assert (ended.answer and ended.answer.backend, found.calc) == ("cloud", GOOD)
        assert (event["solved"], event["cloud_solved"], event["in_time"]) == (True, True, True)
        assert (event["attempts"], event["cloud_attempts"]) == (2, 1)
        assert seal_holds(event, found.root, own_key() or b"")
        calls = found.world.events("LLMCall")
        shadows = [one for one in calls if one["origin"] == "shadow"]
        assert [one["call_id"] for one in calls if one["origin"] == "live"] == [
            event["original_call_id"]
        ]
        assert (len(shadows), shadows[-1]["call_id"]) == (2, event["call_id"])
        # Its words are not compared as well, and its outcome is no live one.
        assert found.world.events("ShadowCompared") == []
        (outcome,) = found.world.events("CallOutcome")
        assert outcome["call_id"] == event["original_call_id"]
        assert document(ended, written=True)["shadow"]["solved"] is True
        assert shadowed(ended) == ["shadow: reflex would have solved it too"]
        assert summary(found) == PairedTasks(both=1)
        config = str(found.root / "stage0.toml")
        assert await asyncio.to_thread(run, ["status", "--config", config], "code reflex") == 0
        said = capsys.readouterr().out
        assert "1 task with a check, reflex solved 1, the cloud 1: too few to prove much" in said
        status = ["status", "--config", config, "--json"]
        assert await asyncio.to_thread(run, status, "code reflex") == 0
        told = json.loads(capsys.readouterr().out)["shadow"]
        assert told["tasks"]["both"] == 1
        assert told["parity"]["percent"] == 100
        assert await asyncio.to_thread(run, ["savings", "--config", config], "code reflex") == 0
        assert "1 task with a check, reflex solved 1, the cloud 1" in capsys.readouterr().out


async def test_only_the_cloud_solves_it_and_a_forged_or_copied_record_counts_for_nothing(
    tmp_path: Path,
) -> None:
    """As many attempts as the cloud has; nothing of them reaches the user's files."""
    text = ALL + GIVEN_UP_SOON
    async with scene(tmp_path / "repo", promoted=False, in_reflex=text) as found:
        await solve(found)
        event = checked(found)
        assert (event["solved"], event["cloud_solved"], event["attempts"]) == (False, True, 2)
        assert found.calc == GOOD
        assert summary(found) == PairedTasks(cloud_only=1)
        fields = {n: v for n, v in event.items() if n in ShadowCheckedEvent.model_fields}
        forged = {**fields, "solved": True, "original_call_id": "another"}
        with EventLog(found.world.settings.state_dir / "capsule") as log:
            log.append(ShadowCheckedEvent.model_validate(forged))
            log.append(ShadowCheckedEvent.model_validate(fields))
        assert summary(found) == PairedTasks(cloud_only=1)


@pytest.mark.slow
async def test_its_candidates_are_no_more_at_once_than_shadow_calls_may_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task asks for several replies; each waits until there is room for it."""
    make, under_way, most = Attempts.make, 0, []

    async def counted(self: Attempts, *arguments: Any, **more: Any) -> Any:
        nonlocal under_way
        shadow = arguments[-1].reason == Reason.SHADOW
        under_way += shadow
        most.append(under_way)
        try:
            return await make(self, *arguments, **more)
        finally:
            under_way -= shadow

    monkeypatch.setattr(Attempts, "make", counted)
    text = ALL + "concurrency = 2\n[reflex.fallback]\nmax_failures = 1\n"
    async with scene(tmp_path / "repo", promoted=False, in_reflex=text) as found:
        await solve(found, candidates=4)
        assert (len(found.reflex.asked), max(most)) == (4, 2)
        assert checked(found)["attempts"] == 1


async def test_only_reflex_solves_it(tmp_path: Path) -> None:
    """The task ends unsolved, as nobody asked for reflex's patch."""
    async with scene(
        tmp_path / "repo",
        reflex=[GOOD],
        cloud=[WRONG],
        promoted=False,
        in_reflex=ALL + GIVEN_UP_SOON,
    ) as found:
        ended = await solve(found)
        event = checked(found)
        assert (ended.changes, found.calc) == ((), BROKEN)
        assert (event["solved"], event["cloud_solved"], event["cloud_attempts"]) == (True, False, 2)
        assert shadowed(ended) == ["shadow: reflex would have solved it"]


async def test_a_held_out_task_that_only_the_cloud_solves_speaks_against_the_pass(
    tmp_path: Path,
) -> None:
    """And is seen by a process that starts later."""
    text = ALL + GIVEN_UP_SOON + "[reflex.monitor]\nholdout = 1\n"
    async with scene(tmp_path / "repo", in_reflex=text) as found:
        await solve(found)
        event = checked(found)
        (answered,) = [one for one in found.world.events("LLMCall") if one["mode"] == "cloud"]
        assert event["answered_seq"] == answered["seq"]
        async with found.world.implementer() as other:
            gate = (await other.view()).gate
        assert gate.drift
        (outcomes,) = [one for one in gate.drift if one.cause == OUTCOMES]
        assert (outcomes.calls, outcomes.bad, outcomes.evidence > 1) == (1, 1, True)


async def test_a_task_that_others_worked_on_before_the_cloud_was_through_is_no_pair(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first call is held out; the cloud's patch fails, and reflex is asked the next time."""
    shares = iter([True])
    monkeypatch.setattr(call, "held_out", lambda *_: next(shares, False))
    async with scene(tmp_path / "repo", reflex=[GOOD], cloud=[WRONG], in_reflex=ALL) as found:
        ended = await solve(found)
        assert (ended.answer and ended.answer.backend, found.calc) == ("reflex", GOOD)
        assert found.decisions[0][0] == "cloud"
        assert (ended.shadow, found.world.events("ShadowChecked")) == (None, [])


@pytest.mark.parametrize(("promoted", "text"), [(True, ALL), (False, "")])
async def test_a_task_that_reflex_begins_or_that_is_not_sampled_is_no_pair(
    tmp_path: Path, *, promoted: bool, text: str
) -> None:
    """Reflex is asked by the rule or not at all."""
    async with scene(tmp_path / "repo", promoted=promoted, in_reflex=text) as found:
        ended = await solve(found)
        assert (ended.shadow, found.calc) == (None, GOOD)
        assert found.world.events("ShadowChecked") == []
        assert len(found.reflex.asked) == (3 if promoted else 0)


@pytest.mark.slow
async def test_one_that_takes_too_long_is_stopped_and_counts_as_not_solved(tmp_path: Path) -> None:
    """The answer does not wait for longer than ``wait_s``."""
    text = PATIENT + ALL.replace("wait_s = 60", "wait_s = 5")
    async with scene(tmp_path / "repo", promoted=False, in_reflex=text) as found:
        found.world.faults("hang")
        ended = await solve(found)
        event = checked(found)
        assert (event["solved"], event["in_time"], event["attempts"]) == (False, False, 0)
        assert (ended.answer and ended.answer.backend, found.calc) == ("cloud", GOOD)
        (shadow,) = [one for one in found.world.events("LLMCall") if one["origin"] == "shadow"]
        assert shadow["error"] == "cancelled"


async def test_a_comparison_can_be_interrupted(tmp_path: Path) -> None:
    """Nothing is written or left running, and no pair is on record."""
    async with scene(tmp_path / "repo", promoted=False, in_reflex=PATIENT + ALL) as found:
        found.world.faults("hang")
        working = asyncio.create_task(solve(found))
        async with asyncio.timeout(PATIENCE_S):
            while not found.world.reflex.requests:
                await asyncio.sleep(0.02)
        working.cancel()
        with pytest.raises(asyncio.CancelledError):
            await working
        assert (found.calc, found.world.events("ShadowChecked")) == (BROKEN, [])
        (shadow,) = [one for one in found.world.events("LLMCall") if one["origin"] == "shadow"]
        assert shadow["error"] == "cancelled"


@pytest.mark.parametrize("waits", [True, False])
async def test_a_comparison_can_be_skipped(tmp_path: Path, *, waits: bool) -> None:
    """While reflex is asked, or at once; the answer is kept, and no pair is on record."""
    async with scene(tmp_path / "repo", promoted=False, in_reflex=PATIENT + ALL) as found:
        found.world.faults("hang")
        tasks: list[asyncio.Task[None]] = []

        async def soon(skip: Callable[[], None]) -> None:
            while waits and not found.world.reflex.requests:
                await asyncio.sleep(0.02)
            skip()

        async with asyncio.timeout(PATIENCE_S):
            ended = await solve(
                found,
                on_comparing=lambda _diff, _s, skip: tasks.append(asyncio.create_task(soon(skip))),
            )
        assert found.calc == GOOD
        assert shadowed(ended) == ["shadow: not compared with reflex: skipped"]
        assert found.world.events("ShadowChecked") == []


@pytest.mark.slow
async def test_ctrl_c_skips_a_comparison_and_the_answer_is_asked_about(tmp_path: Path) -> None:
    """It was paid for; only with ``--yes`` does the key end all."""
    async with scene(tmp_path / "repo", promoted=False, in_reflex=PATIENT + ALL) as found:
        found.world.faults("hang")
        task = (PROMPT, "--file", "calc.py", "--check", CHECK)
        ended = await at_terminal(found.root, *task, answers=["y", "^C", "y"])
        assert (ended.status, found.calc) == (0, GOOD)
        assert "shadow: not compared with reflex: skipped" in ended.out
        # There is something to read meanwhile, and it is not said twice.
        assert ended.out.count("+    return a + b") == 1
        assert ended.out.index("+    return a + b") < ended.out.index("comparing with reflex")


async def test_a_check_that_the_sandbox_cannot_run_says_nothing_of_reflex(tmp_path: Path) -> None:
    """It needs the user's home, which the cloud's solution shows by failing too."""
    needs = f"""sh -c '[ "$HOME" != /tmp ] && {CHECK}'"""
    async with scene(tmp_path / "repo", reflex=[GOOD], promoted=False, in_reflex=ALL) as found:
        ended = await solve(found, check=needs)
        assert found.calc == GOOD
        assert ended.shadow
        assert "fails the check in the sandbox" in ended.shadow.problem
        assert found.world.events("ShadowChecked") == []


@pytest.mark.slow
async def test_without_a_sandbox_or_a_healthy_server_there_is_no_comparison(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of reflex's is run, and the answer is as it would have been."""
    async with scene(tmp_path / "repo", reflex=[GOOD], promoted=False, in_reflex=ALL) as found:

        async def none() -> SelfTest:
            return SelfTest(Tier.NONE, (), "it has none", allow_unsandboxed=False)

        monkeypatch.setattr(shadowing, "choose_tier", none)
        ended = await solve(found)
        assert ended.shadow
        assert "no sandbox" in ended.shadow.problem
        assert (found.reflex.asked, found.calc) == ([], GOOD)
        monkeypatch.undo()
        (found.root / "calc.py").write_text(BROKEN)
        found.world.faults("reset")
        ended = await solve(found)
        assert ended.shadow
        assert "gave no reply" in ended.shadow.problem
        (found.root / "calc.py").write_text(BROKEN)
        found.world.reflex.script = found.world.reflex.script.changed({"down": True})
        ended = await solve(found)
        assert ended.shadow
        assert "not healthy" in ended.shadow.problem
        assert (found.world.events("ShadowChecked"), found.calc) == ([], GOOD)


async def test_whatever_goes_wrong_with_it_the_answer_is_the_cloud_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of the sandbox, and one of our own."""
    for fault in (SandboxError("set up"), ZeroDivisionError()):

        async def failing(fault: Exception = fault) -> SelfTest:
            raise fault

        monkeypatch.setattr(shadowing, "choose_tier", failing)
        name = type(fault).__name__
        async with scene(tmp_path / name, reflex=[GOOD], promoted=False, in_reflex=ALL) as found:
            ended = await solve(found)
            assert ended.shadow
            assert ended.shadow.problem
            assert (found.calc, found.world.events("ShadowChecked")) == (GOOD, [])
