"""The routing log: following, filtering, completing, opening a call; text from outside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from core.capsule import EventLog
from core.errors import CapsuleCorrupt
from reflex_tui.screens.dashboard import Dashboard
from reflex_tui.screens.detail import DetailScreen
from reflex_tui.watch.announcements import CapsuleBroken, ViewSeen
from reflex_tui.widgets.log_view import LogView
from tests.support.tui.bench import came, dashboard
from tests.support.tui.making import (
    StillClock,
    call,
    decision,
    routing_view,
    settings,
    unhealthy,
    write_a_day,
)

if TYPE_CHECKING:
    from pathlib import Path

    from textual.message import Message

    from core.capsule import Record


@pytest.fixture
def log(tmp_path: Path) -> Any:
    """A log of this test's own."""
    with EventLog(tmp_path / "capsule", clock=StillClock()) as made:
        yield made


@pytest.mark.slow
async def test_the_log_follows_until_it_is_moved_up_and_resumes_at_end(log: EventLog) -> None:
    """What waits is counted; End goes to the newest and stays with it."""
    for number in range(60):
        log.append(decision(f"{number:04x}"))
    async with dashboard() as bench:
        await bench.tell(came(log.tail(60)))
        await bench.press("2")
        assert bench.view.following
        assert "003b" in bench.shown()
        assert "Newest" not in bench.offered()
        await bench.press("up")
        assert not bench.view.following
        assert "Newest" in bench.offered()
        top = bench.view.scroll_offset.y
        for number in range(60, 65):
            log.append(decision(f"{number:04x}"))
        await bench.tell(came(log.tail(5), fresh=False))
        assert bench.view.scroll_offset.y == top
        assert bench.view.waiting == 5
        assert "5 new" in bench.shown()
        await bench.press("end")
        assert bench.view.following
        assert bench.view.waiting == 0
        assert "0040" in bench.shown()
        log.append(decision("0041"))
        await bench.tell(came(log.tail(1), fresh=False))
        assert "0041" in bench.shown()


@pytest.mark.slow
async def test_every_upward_move_stops_following(a_day: tuple[Record, ...]) -> None:
    """Keys, the wheel and a click alike; moving down to the last row follows again."""
    async with dashboard(size=(80, 24)) as bench:
        await bench.tell(came(a_day))
        await bench.press("2")
        for key in ("up", "pageup", "home", "k"):
            await bench.press(key)
            assert not bench.view.following, key
            await bench.press("end")
        bench.view.post_message(_wheel_up(bench.view))
        await bench.pilot.pause()
        assert not bench.view.following
        await bench.press("pagedown", "pagedown")
        assert bench.view.following
        await bench.pilot.click(LogView, offset=(10, 1))
        await bench.pilot.pause()
        assert not bench.view.following


def _wheel_up(view: LogView) -> Message:
    from textual.events import MouseScrollUp  # its arguments are many

    return MouseScrollUp(
        view, *(5, 5, 0, -1, 0), shift=False, meta=False, ctrl=False, screen_x=5, screen_y=9
    )


async def test_a_row_is_completed_when_its_call_ends(log: EventLog) -> None:
    """It waits, then shows its latency; one that never ends becomes unknown."""
    log.append(decision("aaaa"))
    log.append(decision("bbbb"))
    async with dashboard() as bench:
        await bench.tell(came(log.tail(9)))
        await bench.press("2")
        assert bench.shown().count("… waiting") == 2
        log.append(call("aaaa", total_ms=1234.0))
        await bench.tell(came(log.tail(1), fresh=False))
        assert "1.23 s" in bench.shown()
        assert bench.shown().count("… waiting") == 1
        bench.clock.forward(120)
        bench.dashboard.tick()
        await bench.pilot.pause()
        assert "? outcome_unknown" in bench.shown()


async def test_the_filter_works_as_typed_also_while_paused(a_day: tuple[Record, ...]) -> None:
    """Rows that pass, the cursor kept; a mistake explained; Escape shows all again."""
    async with dashboard() as bench:
        await bench.tell(came(a_day))
        await bench.press("2", "up", "up", "up")
        chosen = bench.view.row_at_cursor()
        assert chosen is not None
        await bench.press("f")
        await bench.type(f"call:{chosen.call_id[:4]}")
        assert "of 44 rows" in bench.shown()
        assert bench.view.row_at_cursor() == chosen
        assert not bench.view.following
        await bench.press("enter")
        assert bench.app.focused is bench.view
        await bench.press("escape")
        assert "44 rows" in bench.shown()
        assert bench.view.row_at_cursor() == chosen
        await bench.press("f")
        await bench.type("mod:x")
        assert "did you mean mode:" in bench.shown()
        assert len(bench.routing.listing) == 44


async def test_new_rows_are_filtered_and_late_calls_too(log: EventLog) -> None:
    """A row passes ``>500ms`` once its call has ended."""
    async with dashboard() as bench:
        await bench.tell(came([log.append(decision("aaaa"))]))
        bench.dashboard.filter(">500ms")
        await bench.pilot.pause()
        assert len(bench.routing.listing) == 0
        assert "No matching rows" in bench.shown()
        records = [log.append(call("aaaa", total_ms=900)), log.append(decision("bbbb"))]
        await bench.tell(came(records, fresh=False))
        assert len(bench.routing.listing) == 1
        assert "900 ms" in bench.shown()


async def test_the_empty_and_the_broken_capsule_say_what_to_do(a_day: tuple[Record, ...]) -> None:
    """Nothing yet, damage without rows, damage with rows, and whole again."""
    error = CapsuleCorrupt("line 7: its content does not agree", segment="events-1", line=7)
    async with dashboard() as bench:
        await bench.press("2")
        assert "Reading the capsule" in bench.shown()
        await bench.tell(came(()))
        assert "No decision yet" in bench.shown()
        await bench.tell(CapsuleBroken(error))
        assert "✖ The evidence cannot be read" in bench.shown()
        assert "code reflex events verify" in bench.shown()
        await bench.tell(came(a_day))
        assert "TIME" in bench.shown()
        await bench.tell(CapsuleBroken(error))
        assert "✖ damaged" in bench.shown()
        assert "TIME" in bench.shown()
        await bench.tell(came((), fresh=False))
        assert "damaged" not in bench.shown()


async def test_enter_opens_the_call_and_c_copies_its_event(tmp_path: Path) -> None:
    """The timeline, the JSON of the event under the cursor, the chain checked; Escape leaves."""
    configured = settings(tmp_path / "api")
    with EventLog(configured.state_dir / "capsule", clock=StillClock()) as log:
        write_a_day(log, StillClock(), 10)
        records = log.tail(100)
    async with dashboard(configured) as bench:
        await bench.tell(came(records))
        await bench.press("2", "up", "enter")
        await bench.sees("✓ hash matches")
        await bench.sees("fallback")
        assert isinstance(bench.app.screen, DetailScreen)
        assert f"✓ follows event {records[-1].seq - 1}" in bench.shown()
        await bench.press("up", "up", "j")
        assert '"event_type": "LLMCall"' in bench.shown()
        await bench.press("c")
        assert '"error": "timeout"' in bench.app.clipboard
        await bench.press("escape")
        assert isinstance(bench.app.screen, Dashboard)


async def test_a_foreign_record_in_the_chain_is_told(tmp_path: Path) -> None:
    """A record that was written elsewhere holds by itself; the chain does not."""
    configured = settings(tmp_path / "api")
    capsule = configured.state_dir / "capsule"
    with EventLog(capsule, clock=StillClock()) as log:
        records = [log.append(decision(f"{number:04x}")) for number in range(3)]
    segment = next(capsule.glob("events-*.jsonl"))
    lines = segment.read_bytes().splitlines(keepends=True)
    with EventLog(tmp_path / "other", clock=StillClock()) as other:
        other.append(decision("ffff"))
        foreign = other.append(decision("0001"))
    segment.write_bytes(lines[0] + foreign.line + b"\n" + lines[2])
    async with dashboard(configured) as bench:
        await bench.tell(came(records))
        await bench.press("2", "up", "enter")
        await bench.sees("✖ The call's evidence is damaged")
        await bench.sees("line 3")


async def test_foreign_text_is_never_markup(log: EventLog) -> None:
    """What a model, a server or a file wrote is drawn as it stands, without control characters."""
    hostile = "[bold red]x[/]\x1b[31m"
    log.append(decision("aaaa", reason=hostile, detail="[@click=app.quit]y[/]"))
    log.append(call("aaaa", error=hostile))
    async with dashboard(size=(160, 40)) as bench:
        await bench.tell(came(log.tail(9)))
        await bench.tell(ViewSeen(routing_view(unhealthy(summary="[blink]z[/]"))))
        await bench.press("2")
        assert "[bold red]x[/]" in bench.shown()
        assert "\x1b" not in bench.shown()
        await bench.press("1")
        assert "[blink]z[/]" in bench.shown()
