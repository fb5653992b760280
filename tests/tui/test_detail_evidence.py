"""What the detail says of the evidence: a hash that holds, a chain that does not, damage."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from core.capsule import EventLog
from reflex_tui.screens.detail import DetailScreen
from reflex_tui.watch.announcements import ViewSeen
from tests.support.tui.bench import came, dashboard
from tests.support.tui.making import StillClock, routing_view, settings, write_a_day

if TYPE_CHECKING:
    from pathlib import Path

    from core.capsule import Record
    from core.settings import Settings
    from tests.support.tui.bench import Bench


def recorded(directory: Path) -> tuple[Settings, list[Record]]:
    """A workspace whose capsule holds ten calls, and what it holds."""
    configured = settings(directory)
    with EventLog(configured.state_dir / "capsule", clock=(clock := StillClock())) as log:
        write_a_day(log, clock, 10)
        return configured, log.tail(100)


async def opened(bench: Bench) -> str:
    """The screen once the call's records were read, or could not be."""
    await bench.press("2", "up", "enter")
    assert isinstance(bench.app.screen, DetailScreen)
    for _ in range(3):
        await bench.app.workers.wait_for_complete()
        await bench.pilot.pause()
    return bench.shown()


@pytest.mark.slow
async def test_a_whole_chain_is_said_to_hold(tmp_path: Path) -> None:
    """Hash and link, each by glyph and word."""
    configured, records = recorded(tmp_path)
    async with dashboard(configured) as bench:
        await bench.tell(ViewSeen(routing_view()), came(records))
        shown = await opened(bench)
        assert "✓ hash matches" in shown
        assert "✓ follows event" in shown


async def test_an_event_that_does_not_follow_the_one_before_is_told(tmp_path: Path) -> None:
    """Each record's own hash holds, and yet one was taken out of the chain."""
    configured, records = recorded(tmp_path)
    async with dashboard(configured) as bench:
        await bench.tell(ViewSeen(routing_view()), came(records))
        await bench.press("2", "up")
        row = bench.view.row_at_cursor()
        assert row is not None
        chosen = next(each for each in records if each.seq == row.seq)
        bench.app.push_screen(DetailScreen(row, lambda _: ([chosen], [False])))
        await bench.pilot.pause()
        await bench.sees("✖ does not follow the event before it")
        assert "✓ follows" not in bench.shown()


async def test_damage_is_told_instead_of_a_verdict(tmp_path: Path) -> None:
    """A character changed on disk: no JSON is shown as if it were evidence."""
    configured, records = recorded(tmp_path)
    segment = configured.state_dir / "capsule" / "events-000001.jsonl"
    segment.write_bytes(segment.read_bytes().replace(b'"latency_ms":0.4', b'"latency_ms":0.5'))
    async with dashboard(configured) as bench:
        await bench.tell(ViewSeen(routing_view()), came(records))
        shown = await opened(bench)
        assert "✖ The call's evidence is damaged" in shown
        assert "hash matches" not in shown
        assert "event_type" not in shown
