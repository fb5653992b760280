"""A bakeoff whose candidates come by one request, where the engine shares the prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.bakeoff.arena import arena

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.slow
async def test_each_reply_counts_and_each_request_is_on_record(project: Path) -> None:
    """What nobody solves asks for all: two requests an attempt, four replies, each compliant."""
    async with arena(project, tasks=2, owned_by="vllm") as a:
        a.solve(0, 2)
        finished, _ = await a.run(candidates=4, early_stop=False, latency_calls=0)
        calls = [one for one in a.capsule("LLMCall") if one["backend"] == "reflex"]
    trials = [one for one in finished.report.trials if one.arm == "reflex"]
    attempts = [attempt for one in trials for attempt in one.attempts]
    assert [len(one.candidates) for one in attempts] == [4, 4]
    assert all(one.replies == (True,) * 4 for one in attempts)
    assert sorted(one["replies_asked"] or 1 for one in calls) == [1, 1, 3, 3]
    written = sum(one["completion_tokens"] for one in calls)
    assert sum(one.tokens_of_all or 0 for one in attempts) == written


@pytest.mark.slow
async def test_where_it_does_not_share_each_has_a_request(project: Path) -> None:
    """Nothing is known to be gained there."""
    async with arena(project, tasks=1) as a:
        a.solve(0, 1)
        await a.run(candidates=3, early_stop=False, latency_calls=0)
        calls = [one for one in a.capsule("LLMCall") if one["backend"] == "reflex"]
    assert [one["replies_asked"] for one in calls] == [None] * 3
