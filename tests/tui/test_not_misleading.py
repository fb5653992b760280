"""What a glance takes for true is true: failures, loading, searching, broken evidence, reasons."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from core.capsule import EventLog
from core.errors import CapsuleCorrupt
from core.router.enable import Done, Proposal
from reflex_tui.screens.promote import PromoteScreen
from reflex_tui.watch.announcements import (
    CapsuleBroken,
    CommandWanted,
    RecordsCame,
    ReportsSeen,
    RowsCounted,
    ViewSeen,
)
from tests.support.tui.bench import came, dashboard
from tests.support.tui.making import StillClock, call, decision, routing_view, unhealthy
from tests.support.tui.scenes import SIZES, SMALL

if TYPE_CHECKING:
    from pathlib import Path

    from core.capsule import Record

at_sizes = pytest.mark.parametrize(
    "size",
    [pytest.param(one, marks=() if one == SMALL else pytest.mark.slow) for one in SIZES],
    ids=str,
)
BROKEN = CapsuleCorrupt("line 587 does not agree with its hash", segment="events-1", line=587)


def calls(path: Path, good: int, failed: int) -> tuple[Record, ...]:
    """So many calls, and so many that were refused at once."""
    with EventLog(path, clock=StillClock()) as log:
        for number in range(good + failed):
            log.append(decision(f"c{number}"))
            if number < good:
                log.append(call(f"c{number}", total_ms=582))
            else:
                log.append(call(f"c{number}", total_ms=0.5, error="connect_failed"))
        return tuple(log.tail(1000))


@at_sizes
async def test_a_server_that_fails_calls_is_not_up(tmp_path: Path, size: tuple[int, int]) -> None:
    """Its P95 is endless, and the state says how many failed, the same everywhere."""
    async with dashboard(size=size) as bench:
        await bench.tell(came(calls(tmp_path, 83, 27)), ViewSeen(routing_view()))
        shown = bench.shown()
        assert "● up" not in shown
        assert shown.count("▲ failing") == 2  # masthead and pane
        assert "27 of 110 failed" in shown
        assert "∞" in shown
        assert "582 ms" in shown
        for sheet in ("status", "check"):
            await bench.tell(CommandWanted.named(sheet))
            assert "27 of 110 failed" in bench.shown(), sheet
            await bench.press("escape")


async def test_enabling_shows_what_live_calls_show(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before it is confirmed, and after."""
    monkeypatch.setattr(PromoteScreen, "_look", lambda _: None)
    async with dashboard() as bench:
        await bench.tell(came(calls(tmp_path, 83, 27)), ViewSeen(routing_view()))
        bench.app.dashboard.bakeoff.promote(on=True)
        await bench.drawn()
        for found in (
            Proposal(True, tmp_path / "stage0.toml", (), routing_view()),  # noqa: FBT003
            Done(tmp_path / "stage0.toml", 2, routing_view()),
        ):
            bench.app.screen.post_message(PromoteScreen.Looked(found))
            await bench.drawn()
            assert "27 of 110 failed" in bench.shown()
            assert "● up" not in bench.shown()


@pytest.mark.slow
async def test_one_failure_of_many_is_no_verdict(tmp_path: Path) -> None:
    """What P95 may leave out is told as a count alone."""
    async with dashboard() as bench:
        await bench.tell(came(calls(tmp_path, 99, 1)), ViewSeen(routing_view()))
        assert "● up" in bench.shown()
        assert re.search(r"reflex +100 +1 +99 %", bench.shown())
        assert "∞" not in bench.shown()


async def test_what_is_being_read_is_not_called_empty() -> None:
    """Neither the evidence nor the decisions, calls or reports: only once they were read."""
    empty = ("no events yet", "no decision yet", "no calls ", "No decision yet", "No bakeoff yet")
    async with dashboard() as bench:
        await bench.tell(ViewSeen(routing_view()))
        said = bench.shown()
        for pane in "23":
            await bench.press(pane)
            said += bench.shown()
        assert [each for each in empty if each in said] == []
        assert not re.search(r"(reflex|cloud) +0 ", said)
        assert said.count("reading") + said.count("Reading") >= 4
        await bench.tell(came(()), ReportsSeen(()))
        said = bench.shown()
        for pane in "12":
            await bench.press(pane)
            said += bench.shown()
        assert [each for each in empty if each not in said] == []
        assert re.search(r"reflex +0 ", said)


async def test_a_filter_says_that_it_searches(a_day: tuple[Record, ...]) -> None:
    """No row of the newest passes, and older ones have not been looked through: not "none"."""
    async with dashboard() as bench:
        later = tuple(replace(each, seq=each.seq + 5000) for each in a_day)
        await bench.tell(came(later), ViewSeen(routing_view()))
        await bench.press("2", "f")
        await bench.type("mode:cloud zebra")
        assert "Searching the older events" in bench.shown()
        assert "searching: 0 of" in re.sub(" +", " ", bench.shown())
        assert "No matching rows" not in bench.shown()
        asked = bench.routing.wanted_count()
        await bench.tell(RowsCounted(asked, 0, 2500, 0))
        assert "No matching rows" in bench.shown()
        assert "earching" not in bench.shown()


@at_sizes
async def test_broken_evidence_stops_the_next_call(
    a_day: tuple[Record, ...], size: tuple[int, int]
) -> None:
    """Whatever would be decided, nothing is sent; once it can be read again, it is."""
    async with dashboard(size=size) as bench:
        await bench.tell(came(a_day), ViewSeen(routing_view()))
        assert "→ reflex" in bench.shown()
        await bench.tell(CapsuleBroken(BROKEN))
        assert "→ reflex" not in bench.shown()
        assert "not sent" in bench.shown()
        await bench.press("2")
        assert BROKEN.message in " ".join(bench.shown().split())
        assert "code reflex events verify" in bench.shown()
        assert "TIME" in bench.shown()  # the rows that were read are there
        await bench.press("1")
        await bench.tell(CommandWanted.named("status"))
        assert "→ reflex" not in bench.shown()
        assert "not sent" in bench.shown()
        await bench.press("escape")
        await bench.tell(RecordsCame(()))
        assert "→ reflex" in bench.shown()


@at_sizes
async def test_the_reason_is_never_clipped(size: tuple[int, int]) -> None:
    """However long it is: wrapped, not cut."""
    words = [f"reason{number}" for number in range(30)]
    async with dashboard(size=size) as bench:
        await bench.tell(came(()), ViewSeen(routing_view(unhealthy(summary=" ".join(words)))))
        shown = bench.shown()
        assert [each for each in words if each not in shown] == []


async def test_what_cannot_be_read_is_not_being_read() -> None:
    """A capsule that is broken from the start: no part of the health pane says that it reads on."""
    async with dashboard() as bench:
        await bench.tell(ViewSeen(routing_view()))
        assert "reading" in bench.shown()
        await bench.tell(CapsuleBroken(BROKEN))
        bench.dashboard.tick()
        await bench.drawn()
        assert "reading" not in bench.shown()
        assert bench.shown().count("the evidence cannot be read") >= 3
