"""A call's sheet: what was said, the waterfall of its attempts, and the call before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from core.capsule import EventLog
from core.stages import Mode
from reflex_tui.model.comparing import compared
from reflex_tui.model.rows import decision_row
from reflex_tui.model.waterfall import call_records, previous_records, timeline
from reflex_tui.screens.detail import DetailTabs, step_line
from reflex_tui.watch.announcements import ViewSeen
from tests.support.tui.bench import came, dashboard
from tests.support.tui.making import REQUEST, StillClock, call, decision, routing_view, settings

if TYPE_CHECKING:
    from pathlib import Path

    from core.capsule import Record

PROMPT: Any = REQUEST["messages"]
TWO_TURNS = {"messages": [*PROMPT, {"role": "assistant", "content": "Done."}]}


def calls(path: Path) -> list[Record]:
    """Two calls of one session, one of another between them; the last fell back and was kept."""
    full = {"capture_mode": "full_io", "response": {"text": "a plus b"}}
    with EventLog(path, clock=StillClock()) as log:
        for event in (
            decision("aa", session="s1"),
            call("aa", total_ms=400),
            decision("bb", session="s2"),
            call("bb", total_ms=50),
            decision("cc", session="s1"),
            call("cc", total_ms=1500, error="timeout"),
            decision("cc", Mode.CLOUD, reason="backend_failed", is_fallback=True, session="s1"),
            call("cc", Mode.CLOUD, 2000, attempt=2, request=TWO_TURNS, **full),
        ):
            log.append(event)
        return log.tail(20)


def test_a_call_is_compared_with_the_one_before_of_its_session(tmp_path: Path) -> None:
    """Whatever other sessions did meanwhile; figures with how they changed."""
    records = calls(tmp_path)
    row = decision_row(records[4])
    before = previous_records(tmp_path, row)
    assert {each.body["call_id"] for each in before} == {"aa"}
    facts = {fact.name: fact for fact in compared(call_records(tmp_path, row)[0], before)}
    assert (facts["path"].this, facts["path"].before) == ("reflex → cloud", "reflex")
    assert (facts["waited"].this, facts["waited"].delta) == ("3.50 s", "+3.10 s")
    assert facts["messages"].delta == "first 2 the same"
    assert not facts["outcome"].differs
    assert previous_records(tmp_path, decision_row(records[0])) == []
    assert compared(records, []) == []


def test_a_bar_tells_the_wait_for_the_first_token_from_the_rest(tmp_path: Path) -> None:
    """Its first part is as long as the TTFT; what has none is whole."""
    records = calls(tmp_path)
    steps = timeline(call_records(tmp_path, decision_row(records[4]))[0])
    timed_out, answered = steps[1], steps[3]
    assert timed_out.until_first == 0
    assert answered.until_first == pytest.approx(answered.length * 300 / 2000)
    drawn = step_line(answered, 160).plain
    assert 0.1 < drawn.count("░") / (drawn.count("░") + drawn.count("█")) < 0.2
    assert "░" not in step_line(timed_out, 160).plain


@pytest.mark.parametrize("size", [pytest.param((80, 24), marks=pytest.mark.slow), (120, 40)])
async def test_the_sheet_shows_text_event_and_the_call_before(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    """What was said first; the others by key or click, and the same key goes back."""
    configured = settings(tmp_path)
    records = calls(configured.state_dir / "capsule")
    async with dashboard(configured, size=size) as bench:
        await bench.tell(ViewSeen(routing_view()), came(records))
        await bench.press("2", "enter")
        for _ in range(3):
            await bench.app.workers.wait_for_complete()
            await bench.drawn()
        assert "✓ answered after 3.50 s   reflex → cloud" in bench.shown()
        assert "a plus b" in bench.shown()
        await bench.press("j")
        assert '"event_type": "LLMCall"' in bench.shown()
        await bench.press("p")
        assert "THE ONE BEFORE" in bench.shown()
        assert "+3.10 s" in bench.shown()
        await bench.press("p")
        assert "a plus b" in bench.shown()
        at = bench.app.screen.query_one(DetailTabs).render().plain.index("Event")
        await bench.pilot.click(DetailTabs, offset=(at + 2, 0))
        await bench.drawn()
        assert '"event_type": "LLMCall"' in bench.shown()
