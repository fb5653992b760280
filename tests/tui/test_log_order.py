"""Calls in another order than time's, by session, and columns that leave the reason its room."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.capsule import EventLog
from core.capsule.index import ORDERS, Index
from reflex_tui.model.filters import LogFilter
from reflex_tui.model.log_columns import ALWAYS, COLUMNS, LEAST_WHY, OPTIONAL, layout
from reflex_tui.model.rows import Row, entries_of
from reflex_tui.screens.log_choices import SessionsScreen
from reflex_tui.watch.announcements import OrderCame, OrderWanted, SessionsCame
from reflex_tui.widgets.log_line import log_line
from tests.support.tui.bench import came, dashboard
from tests.support.tui.making import NOW, StillClock, call, decision

if TYPE_CHECKING:
    from pathlib import Path

    from core.capsule import Record

SESSION = "hmac-sha256:9a1b22c3d4e5f6"


def slowest(records: tuple[Record, ...]) -> tuple[Row, ...]:
    """Some calls, as the index would have them."""
    rows = [row for row in entries_of(records) if isinstance(row, Row) and row.is_decision]
    return tuple(rows[:5])


async def test_a_column_is_sorted_by_key_and_click_and_end_goes_back(
    a_day: tuple[Record, ...],
) -> None:
    """What is sorted stands still, says by what, and how many came since."""
    async with dashboard() as bench:
        await bench.tell(came(a_day[:-4]))
        await bench.press("2", "s")
        assert bench.routing.order == ("waited", True)
        assert "◌ sorting by WAITED ▾" in bench.shown()
        asked = OrderWanted(LogFilter(), "waited", descending=True)
        await bench.tell(OrderCame(OrderWanted(LogFilter(), "ttft", True), ()))  # noqa: FBT003
        assert bench.routing.listing.ordered is None
        rows = slowest(a_day)
        await bench.tell(OrderCame(asked, rows))
        assert "first 5 by WAITED ▾" in bench.shown()
        assert len(bench.view.rows) == 5
        assert bench.view.row_at_cursor() == rows[0]
        await bench.tell(came(a_day[-4:], fresh=False))
        assert "2 new ↓ End" in bench.shown()
        assert len(bench.view.rows) == 5
        await bench.press("down", "down", "down", "down", "down")
        assert bench.view.row_at_cursor() == rows[-1]
        assert bench.routing.order is not None
        await bench.press("end")
        assert bench.routing.order is None
        assert bench.view.following
        assert len(bench.view.rows) == 44


@pytest.mark.slow
async def test_a_session_is_chosen_from_a_list(tmp_path: Path) -> None:
    """Each with its calls, failures and time; without any it is said where they come from."""
    with EventLog(tmp_path / "capsule", clock=StillClock()) as log, Index(log) as index:
        for name, session in (("aa", SESSION), ("bb", SESSION), ("cc", None)):
            log.append(decision(name, session=session))
            log.append(
                call(name, total_ms=500) if name != "bb" else call(name, total_ms=500, error="busy")
            )
        index.update()
        found = tuple(index.sessions(9))
        records = tuple(log.tail(9))
    (only,) = found
    assert (only.session, only.calls, only.failed, only.waited_ms) == ("9a1b22c3d4e5", 2, 1, 1000)
    assert only.first == only.last == NOW
    async with dashboard() as bench:
        await bench.tell(came(records), SessionsCame(()))
        assert "No call names a session" in bench.told()[0]
        await bench.press("2")
        await bench.tell(SessionsCame(found))
        assert isinstance(bench.app.screen, SessionsScreen)
        assert "9a1b22c3d4e5" in bench.shown()
        await bench.press("enter")
        assert "f filter session:9a1b22c3d4e5" in bench.shown()
        assert len(bench.view.rows) == 2


@given(st.integers(60, 250), st.frozensets(st.sampled_from(OPTIONAL)))
def test_columns_fill_their_width_and_leave_the_reason_room(
    width: int, hidden: frozenset[str]
) -> None:
    """Whatever is shown: all of the width is used, and others give way before the reason does."""
    chosen = layout(width, hidden)
    names = [column.name for column, _ in chosen.columns]
    assert set(ALWAYS) <= set(names)
    assert not hidden & set(names)
    if width >= 70:
        assert sum(cells for _, cells in chosen.columns) == width
        assert chosen.width("why") >= LEAST_WHY
    assert set(names) | set(chosen.dropped) | hidden == {column.name for column in COLUMNS}


@pytest.mark.parametrize(
    ("width", "today", "before"),
    [(76, "10:31:00 ", "01-11 10:31 "), (140, "10:31:00.000 ", "Jan 11 10:31 ")],
)
def test_a_time_of_another_day_has_its_month_at_every_width(
    width: int, today: str, before: str
) -> None:
    """A day's number alone could be of any month; a blank follows it."""
    columns = layout(width)
    for days, told in ((0, today), (1, before)):
        row = Row(1, NOW - timedelta(days=days), "RoutingDecision", "reflex", "")
        (text, _), *_ = log_line(row, columns, NOW, 60.0)
        assert text.startswith(told)
        assert len(text) == columns.width("time")


def test_whatever_the_index_can_sort_by_has_a_column() -> None:
    """Whose heading is clicked for it."""
    assert set(ORDERS) <= {column.name for column in COLUMNS}
