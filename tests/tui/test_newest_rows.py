"""Decisions joined with their calls, whatever order they come in."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.capsule import EventLog, Record
from core.stages import Mode
from reflex_tui.model.filters import FilterError, parse_filter
from reflex_tui.model.log import LogListing, NewestRows
from reflex_tui.model.rows import Row, RowOutcome, entries_of
from tests.support.tui.making import NOW, StillClock, call, decision

if TYPE_CHECKING:
    from pathlib import Path


def test_a_call_is_one_row(a_day: tuple[Record, ...]) -> None:
    """Attempts and fallbacks are in it: who was asked how often, how it ended, what it took."""
    newest = NewestRows()
    newest.append(entries_of(a_day))
    rows = [newest.row(ordinal) for ordinal in range(newest.first, newest.end)]
    calls = [row for row in rows if row.is_decision]
    assert len(calls) == 40
    assert {row.outcome(NOW, 60) for row in calls} == {RowOutcome.ANSWERED}
    folded = [row for row in calls if row.fallback]
    assert [(row.path, row.attempts, row.waited_ms) for row in folded] == [
        ("reflex×3 → cloud", 4, 6810)
    ] * 3
    assert {row.text for row in folded} == {"max_failures_reached"}
    assert {row.path for row in calls} == {"reflex×3 → cloud", "reflex", "cloud"}
    others = [row.title for row in rows if not row.is_decision]
    assert others == ["policy", "breaker", "breaker", "breaker"]


def test_a_call_under_way_at_the_next_backend_has_not_failed(tmp_path: Path) -> None:
    """Between the failed attempts and the fallback's end it waits, and ``is:failed`` lets it go."""
    newest = NewestRows()
    listing = LogListing(newest, want=lambda _: None)
    listing.use(parse_filter("is:failed"))
    listing.counted(0)
    shown = []
    with EventLog(tmp_path, clock=StillClock()) as log:
        for event in (
            decision("aa"),
            call("aa", error="timeout"),
            decision("aa", Mode.CLOUD, reason="max_failures_reached", is_fallback=True),
            call("aa", Mode.CLOUD, 900, attempt=2),
        ):
            added = newest.append(entries_of([log.append(event)]))
            listing.appended(added.rows, added.completed)
            shown.append((newest.row(0).outcome(NOW, 60).value, len(listing)))
    assert shown == [("pending", 0), ("failed", 1), ("pending", 0), ("answered", 0)]


def test_what_belongs_to_a_call_before_the_first_row_is_no_row(a_day: tuple[Record, ...]) -> None:
    """The rows begin in the midst of a call, whose row only the index has."""
    fallback = next(each for each in a_day if each.body.get("is_fallback"))
    newest = NewestRows()
    newest.append(entries_of(a_day))
    newest.begin_at(fallback.seq)
    rows = [newest.row(ordinal) for ordinal in range(newest.first, newest.end)]
    assert fallback.body["call_id"] not in {row.call_id for row in rows}
    assert rows[0].seq > fallback.seq
    late = NewestRows()
    late.append(entries_of(a_day[: fallback.seq - 1]))
    late.begin_at(fallback.seq)
    added = late.append(entries_of(a_day[fallback.seq - 1 :]))
    assert [late.row(o) for o in range(late.first, late.end)] == rows
    assert added.rows == len(rows)


@given(st.lists(st.integers(1, 30), max_size=12), st.sampled_from(["", "mode:cloud", ">1s", "tim"]))
def test_a_listing_is_what_going_through_all_would_find(
    a_day: tuple[Record, ...], sizes: list[int], text: str
) -> None:
    """Kept up to date batch by batch, while the oldest rows go from memory to the index."""
    newest, whole = NewestRows(keep=15), NewestRows()
    listing = LogListing(newest, want=lambda _: None)
    listing.use(wanted := parse_filter(text))
    listing.counted(0)
    high = 0
    for number, size in enumerate(sizes):
        entries = entries_of(a_day[high : high + size])
        whole.append(entries)
        added = newest.append(entries)
        listing.appended(added.rows, added.completed)
        high += size
        if number % 3 == 2:
            assert listing.trimmed(newest.trim()) == 0
        rows = [whole.row(o) for o in range(whole.end)]
        here = [row for row in rows[newest.first :] if wanted.accepts(row)]
        assert listing.before is not None
        shown = [listing.row(i) for i in range(listing.before, len(listing))]
        assert shown == here
        # What left memory before its call ended is found by the index alone.
        assert listing.before <= sum(wanted.accepts(row) for row in rows[: newest.first])


def test_the_oldest_rows_go_when_there_are_too_many(a_day: tuple[Record, ...]) -> None:
    """A day of running holds no more than an hour; ordinals of the rest stay."""
    newest = NewestRows(keep=20)
    newest.append(entries_of(a_day))
    last = newest.row(newest.end - 1)
    gone = newest.trim()
    assert (len(newest), newest.first) == (20, gone)
    assert newest.row(newest.end - 1) == last
    with pytest.raises(IndexError):
        newest.row(0)


def test_a_decision_without_an_end_is_unknown_in_time(tmp_path: Path) -> None:
    """It waits while its call may be under way, and says so when it no longer can be."""
    log = EventLog(tmp_path, clock=StillClock())
    log.append(decision("a1"))
    newest = NewestRows()
    newest.append(entries_of(log.tail(9)))
    row = newest.row(0)
    assert row.outcome(NOW + timedelta(seconds=59), 60) is RowOutcome.PENDING
    assert row.outcome(NOW + timedelta(seconds=61), 60) is RowOutcome.UNKNOWN
    log.append(call("a1"))
    newest.append(entries_of(log.tail(1)))
    assert newest.row(0).outcome(NOW + timedelta(days=1), 60) is RowOutcome.ANSWERED
    log.close()


HOSTILE = '{"event_type":"RoutingDecision","mode":[1],"reason":"[red]\\u001b[2J","latency_ms":"x"}'


def test_fields_of_any_kind_make_a_plain_row() -> None:
    """A file that anybody may have written cannot break the log, or draw in it."""
    record = Record(1, "not a time", "RoutingDecision", "", "", 1, 0, HOSTILE.encode())
    newest = NewestRows()
    newest.append(entries_of([record]))
    row = newest.row(0)
    assert (row.title, row.text) == ("[1]", "[red]\N{REPLACEMENT CHARACTER}[2J")
    assert row.decided_ms is None
    assert row.at.year == 1970


def passing(text: str, rows: list[Row]) -> set[str]:
    """The calls whose rows pass."""
    return {row.call_id for row in rows if parse_filter(text).accepts(row)}


def test_filters_ask_for_all_of_their_terms(tmp_path: Path) -> None:
    """Fields, words and bounds are joined by and, whatever their case."""
    log = EventLog(tmp_path, clock=StillClock())
    for event in (
        decision("aa"),
        call("aa", total_ms=300),
        decision("bb", Mode.CLOUD),
        call("bb", Mode.CLOUD, 2500),
        decision("cc", Mode.CLOUD, detail="not_listening"),
        call("cc", Mode.CLOUD, 900, error="timeout"),
        decision("dd"),
    ):
        log.append(event)
    newest = NewestRows()
    newest.append(entries_of(log.tail(9)))
    rows = [newest.row(ordinal) for ordinal in range(newest.first, newest.end)]
    assert passing("", rows) == {"aa", "bb", "cc", "dd"}
    assert passing("MODE:cloud", rows) == {"bb", "cc"}
    assert passing("reason:not_listening", rows) == {"cc"}
    assert passing(">500ms", rows) == {"bb", "cc"}
    assert passing(">=0.5s <1000", rows) == {"cc"}
    assert passing("cloud timeout", rows) == {"cc"}
    assert passing("error:time mode:reflex", rows) == set()
    log.close()


@pytest.mark.parametrize(
    ("text", "told"),
    [("mod:cloud", "did you mean mode: ?"), ("zzz:1", "known: mode"), (">fast", "write a latency")],
)
def test_a_filter_that_cannot_be_understood_says_what_would_be(text: str, told: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(FilterError, match=told.replace("?", r"\?")):
        parse_filter(text)


@given(st.text(max_size=40))
def test_any_text_is_a_filter_or_an_error(text: str) -> None:
    """Typing never breaks the pane."""
    try:
        parse_filter(text)
    except FilterError as error:
        assert str(error).isprintable()  # noqa: PT017  it may also be none
