"""Who is asked: by the routing rule, then down the fallback order as attempts fail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from core.capsule import EventLog
from core.errors import ConfigError, ConnectFailed
from core.implement.command import words_of
from core.implement.user_files import FilePlace
from core.implement.work import Wanted, prepare, work
from core.patchloop.formats import EditFormat
from core.stages import Stage
from tests.support.implement.scene import (
    BROKEN,
    CHECK,
    GOOD,
    PROMPT,
    WRONG,
    fix,
    refused_or_undone,
    scene,
    solve,
)
from tests.support.router.world import promote

if TYPE_CHECKING:
    from pathlib import Path

PASSED = "healthy_and_thresholds_met"


async def test_reflex_fails_and_the_cloud_solves_it(tmp_path: Path) -> None:
    """``max_failures`` attempts at reflex, then a decision that says why the cloud is asked."""
    async with scene(tmp_path / "repo") as found:
        ended = await fix(found.root)
        assert ended.status == 0, ended.err
        assert found.calc == GOOD
        assert found.decisions == [("reflex", PASSED, None, False)] * 3 + [
            ("cloud", "max_failures_reached", "attempts_failed", True)
        ]
        calls = found.world.events("LLMCall")
        assert [call["fallback_reason"] for call in calls] == [None] * 3 + ["attempts_failed"]
        (given_up,) = found.world.events("BackendGivenUp")
        assert given_up["backend"] == "reflex"
        assert [one["rung"] for one in given_up["attempts"]] == ["rewrite", "mask", "feedback"]
        assert {one["failure"] for one in given_up["attempts"]} == {"test"}
        assert {one["edit_format"] for one in given_up["attempts"]} == {"code"}
        (applied,) = found.world.events("PatchApplied")
        assert applied["call_id"] == calls[-1]["call_id"]
        assert (applied["files"], applied["lines_changed"]) == (["calc.py"], 2)
        outcomes = found.world.events("CallOutcome")
        assert [(one["call_id"], one["ok"], one["source"]) for one in outcomes] == [
            (calls[2]["call_id"], False, "implement"),
            (calls[3]["call_id"], True, "implement"),
        ]
        with EventLog(found.world.settings.state_dir / "capsule") as log:
            assert log.verify().ok
        document = ended.document
        assert (document["solved"], document["written"]) == (True, True)
        assert (document["backend"], document["reason"]) == ("cloud", "max_failures_reached")
        assert [one["failure"] for one in document["attempts"]] == ["test"] * 3 + [None]
        assert [one["given_up"] for one in document["attempts"]] == [[], [], ["reflex"], []]
        assert [one["rung"] for one in document["attempts"]][2:] == ["feedback", "rewrite"]
        assert "+    return b - a\n" in document["attempts"][0]["diff"]
        assert document["attempts"][-1]["diff"] == ""
        assert "-    return a - b\n+    return a + b\n" in document["diff"]
        (told,) = found.cloud.asked
        assert "Others have tried this before" in told
        assert "AssertionError: 1" in told


async def test_it_is_asked_in_the_format_it_has_earned(tmp_path: Path) -> None:
    """``auto`` follows the pass; a word in the configuration or on the command line comes first."""
    async with scene(tmp_path / "repo", reflex=[GOOD], promoted=False) as found:
        await promote(found.world.settings, edit_format="line_range")
        assert (await solve(found)).changes
        assert "Lines start to end" in found.reflex.asked[0]
        (found.root / "calc.py").write_text(BROKEN)
        await solve(found, edit_format=EditFormat.SEARCH_REPLACE)
        assert "Copy the old lines" in found.reflex.asked[1]


async def test_a_format_in_which_nothing_can_be_edited_is_refused_before_any_call(
    tmp_path: Path,
) -> None:
    """Asked for or configured; one that was earned elsewhere is passed over."""
    c_file = ("notes.txt",)
    async with scene(tmp_path / "repo", promoted=False) as found:
        (found.root / "notes.txt").write_text("RATE 1\n")
        place = FilePlace(found.root, found.root)
        wanted = Wanted(PROMPT, c_file, words_of(CHECK), edit_format=EditFormat.FUNCTION)
        with pytest.raises(ConfigError, match=r"none of notes\.txt") as refused:
            prepare(found.world.settings, wanted, place)
        assert "another format: auto, code, whole_file, search_replace" in refused.value.remedy
        ended = await refused_or_undone(
            found.root,
            *(PROMPT, "--file", "notes.txt", "--check", CHECK, "--yes"),
            *("--edit-format", "function"),
        )
        assert (ended.status, ended.out) == (2, "")
        assert "is for Python files" in ended.err
        assert found.world.events("RoutingDecision") == []
        await promote(found.world.settings, edit_format="function")
        given = Wanted(PROMPT, c_file, words_of(CHECK), attempts=1)
        task = prepare(found.world.settings, given, place)
        await work(found.world.settings, task, on_before=lambda _: None, on_tried=lambda _: None)
        assert '"function"' not in found.reflex.asked[0]
    text = 'edit_format = "function"\n'
    async with scene(tmp_path / "other", promoted=False, in_reflex=text) as found:
        (found.root / "notes.txt").write_text("RATE 1\n")
        with pytest.raises(ConfigError, match="is for Python files"):
            prepare(
                found.world.settings,
                Wanted(PROMPT, c_file, words_of(CHECK)),
                FilePlace(found.root, found.root),
            )


async def test_reflex_solves_it_and_the_cloud_hears_nothing(tmp_path: Path) -> None:
    """The failing check's words are fed back, without this machine's paths."""
    async with scene(tmp_path / "repo", reflex=[WRONG, WRONG, GOOD]) as found:
        assert (await solve(found)).changes
        assert found.cloud.asked == []
        first, second, third = found.reflex.asked
        assert "AssertionError: -1" in first
        assert "return a - b" not in second
        assert "AssertionError: 1" in third
        assert str(tmp_path) not in third
        assert "reflex-implement-" not in third
        assert 'File "test_calc.py", line 3' in third


async def test_not_solved(tmp_path: Path) -> None:
    """Everybody has failed as often as they may, and nothing is written."""
    async with scene(
        tmp_path / "repo", cloud=[WRONG], in_reflex="[reflex.fallback]\nmax_failures = 2"
    ) as found:
        ended = await solve(found)
        assert [backend for backend, *_ in found.decisions] == ["reflex"] * 2 + ["cloud"] * 2
        assert (ended.changes, ended.answer, ended.diff) == ((), None, "")
        assert "max_failures" in ended.left
        assert found.git("status", "--short", "--untracked-files=no") == ""
        assert not found.world.events("PatchApplied")


async def test_when_every_question_has_been_asked_the_next_backend_is(tmp_path: Path) -> None:
    """However many failures are allowed: the same question would get the same answer."""
    many = "[reflex.fallback]\nmax_failures = 50"
    async with scene(tmp_path / "repo", in_reflex=many) as found:
        assert (await solve(found)).changes
        assert len(found.reflex.asked) == len(set(found.reflex.asked)) == 6
        assert len(found.cloud.asked) == 1


async def test_down_the_fallback_order(tmp_path: Path) -> None:
    """Each backend has its own attempts at the task, in the order configured."""
    order = """
        [reflex.fallback]
        max_failures = 2
        order = ["second", "cloud"]
        [reflex.backends.second]
        endpoint = "LOCAL"
        model = "local"
    """
    async with scene(tmp_path / "repo", in_reflex=order) as found:
        solved = await solve(found)
        assert solved.answer
        assert (solved.answer.backend, solved.answer.is_fallback) == ("cloud", True)
        assert [(backend, detail) for backend, _, detail, _ in found.decisions] == [
            *[("reflex", None)] * 2,
            *[("second", "attempts_failed")] * 2,
            ("cloud", "attempts_failed"),
        ]
        assert [sorted(one.given_up) for one in solved.tried] == [
            *([], ["reflex"]),
            *([], ["second"]),
            [],
        ]


async def test_without_the_cloud_reflex_is_all_there_is(tmp_path: Path) -> None:
    """``to_cloud = false`` holds for a task as it does for a call."""
    fallback = "[reflex.fallback]\nto_cloud = false"
    async with scene(tmp_path / "repo", in_reflex=fallback) as found:
        assert not (await solve(found)).changes
        assert (len(found.reflex.asked), found.cloud.asked) == (3, [])


@pytest.mark.parametrize(
    ("stage", "reason"),
    [
        (Stage.PLAN, ("not_implement_stage", None)),
        (Stage.IMPLEMENT, ("thresholds_not_met", "no_bakeoff")),
    ],
)
async def test_the_table_decides(
    tmp_path: Path, stage: Stage, reason: tuple[str, str | None]
) -> None:
    """Another stage, or no pass of the gate: reflex is not asked, and the record says why."""
    async with scene(tmp_path / "repo", promoted=stage is Stage.PLAN) as found:
        assert (await solve(found, stage=stage)).changes
        assert found.reflex.asked == []
        assert found.decisions == [("cloud", *reason, False)]


async def test_attempts_are_limited(tmp_path: Path) -> None:
    """``--attempts`` holds over all backends."""
    async with scene(tmp_path / "repo") as found:
        ended = await solve(found, attempts=2)
        assert (ended.changes, ended.left) == ((), "")
        assert (len(found.reflex.asked), found.cloud.asked) == (2, [])


@pytest.mark.slow
async def test_further_candidates_are_local(tmp_path: Path) -> None:
    """Several replies at once from reflex, of which any may win; one from the cloud."""
    async with scene(tmp_path / "repo", reflex=[WRONG]) as found:
        assert (await solve(found, candidates=3)).changes
        assert (len(found.reflex.asked), len(found.cloud.asked)) == (9, 1)
    async with scene(tmp_path / "other", reflex=[WRONG, WRONG, GOOD]) as found:
        assert (await solve(found, candidates=3)).changes
        assert found.cloud.asked == []
        (applied,) = found.world.events("PatchApplied")
        assert applied["call_id"] in {call["call_id"] for call in found.world.events("LLMCall")}


async def test_where_the_engine_shares_the_prompt_one_request_asks_for_the_others(
    tmp_path: Path,
) -> None:
    """One decision and one call on record for three replies, of which any may win."""
    text = 'capture_mode = "full_io"'
    plans: list[str | dict[str, Any]] = [WRONG, WRONG, {"edits": "none"}, GOOD]
    async with scene(tmp_path / "repo", reflex=plans, in_reflex=text, owned_by="vllm") as found:
        assert (await solve(found, candidates=4)).changes
        assert len(found.reflex.asked) == 4
        assert found.reflex.asked[1] == found.reflex.asked[3] != found.reflex.asked[0]
        calls = found.world.events("LLMCall")
        (applied,) = found.world.events("PatchApplied")
    (several,) = (call for call in calls if call["replies_asked"])
    assert len(calls) == 2
    assert applied["call_id"] == several["call_id"]
    assert (several["replies_asked"], several["replies_came"]) == (3, 3)
    assert (several["success"], several["json_compliant"]) == (True, False)
    assert several["request"]["n"] == 3
    assert [one["text"] == '{"edits": "none"}' for one in several["response"]["choices"]] == [
        *(False, True, False)
    ]


async def test_a_request_of_which_no_reply_is_valid_is_one_failure(tmp_path: Path) -> None:
    """Of three failures that open the breaker, it is one."""
    wrong: list[dict[str, Any]] = [{"edits": "none"}]
    async with scene(tmp_path / "repo", reflex=wrong, owned_by="vllm") as found:
        await solve(found, candidates=4, attempts=1)
        calls = [one for one in found.world.events("LLMCall") if one["backend"] == "reflex"]
        opened = found.world.events("BreakerStateChanged")
    several = [call for call in calls if call["replies_asked"]]
    assert several
    for call in several:
        assert (call["replies_asked"], call["replies_came"]) == (3, 3)
        assert (call["success"], call["json_compliant"]) == (False, False)
        assert call["error"] == "not_compliant"
    assert [one["failure_count"] for one in opened] == [3]
    assert len(calls) >= 3


async def test_a_task_is_held_out_as_a_whole(tmp_path: Path) -> None:
    """Its further attempts and candidates too; reflex hears of it when the cloud has failed."""
    text = "[reflex.monitor]\nholdout = 1.0\n[reflex.fallback]\nmax_failures = 2\n"
    async with scene(
        tmp_path / "repo", reflex=[GOOD], cloud=[WRONG, GOOD], in_reflex=text
    ) as found:
        assert (await solve(found, candidates=3)).changes
        assert (found.reflex.asked, len(found.cloud.asked)) == ([], 2)
        assert {reason for _, reason, *_ in found.decisions} == {"holdout"}
    async with scene(tmp_path / "other", reflex=[GOOD], cloud=[WRONG], in_reflex=text) as found:
        assert (await solve(found)).changes
        assert (len(found.reflex.asked), len(found.cloud.asked)) == (1, 2)
        assert found.decisions[-1] == ("reflex", PASSED, "cloud_not_allowed", False)
        assert len({one["task_id"] for one in found.world.events("RoutingDecision")}) == 1


async def test_a_cloud_is_not_told_how_to_sample(tmp_path: Path) -> None:
    """Cloud models refuse a temperature, and think before they answer within ``max_tokens``."""
    async with scene(tmp_path / "repo") as found:
        await solve(found)
        local, *_, remote = (call["request"] for call in found.world.events("LLMCall"))
        assert (local["temperature"], "max_tokens" in local) == (0.0, True)
        assert {"temperature", "max_tokens", "seed"}.isdisjoint(remote)


async def test_edits_of_other_files_are_refused(tmp_path: Path) -> None:
    """Neither the test nor anything else that was not named, whatever the reply says."""
    other = {"edits": [{"path": "test_calc.py", "code": ["pass"]}]}
    outside = {"edits": [{"path": "../evil.py", "code": ["pass"]}]}
    async with scene(tmp_path / "repo", promoted=False, cloud=[other, outside, GOOD]) as found:
        ended = await solve(found)
        assert [one.attempt.failure for one in ended.tried] == ["format", "format", None]
        assert found.git("diff", "--name-only").split() == ["calc.py"]
        assert not (tmp_path / "evil.py").exists()


async def test_a_cloud_that_is_busy_is_asked_again(tmp_path: Path) -> None:
    """Each refusal is an attempt that failed; there is nothing to feed back."""
    async with scene(tmp_path / "repo") as found:
        found.world.cloud.script = found.world.cloud.script.changed({"faults": "status:503"})
        ended = await solve(found, stage=Stage.PLAN, attempts=2)
        assert [one.attempt.failure for one in ended.tried] == ["busy"] * 2
        assert [one.asked.backend for one in ended.tried if one.asked] == ["cloud"] * 2


async def test_a_server_that_is_gone(tmp_path: Path) -> None:
    """Asking again would end the same way, so the error is raised; nothing is written."""
    async with scene(tmp_path / "repo") as found:
        found.world.cloud.script = found.world.cloud.script.changed({"down": True})
        with pytest.raises(ConnectFailed):
            await solve(found, stage=Stage.PLAN)
        assert found.git("status", "--short", "--untracked-files=no") == ""
