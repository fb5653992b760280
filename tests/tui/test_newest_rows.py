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


def test_a_call_completes_its_decision(a_day: tuple[Record, ...]) -> None:
    """Each decision has the last of its own attempts; other events have none."""
    newest = NewestRows()
    newest.append(entries_of(a_day))
    rows = [newest.row(ordinal) for ordinal in range(newest.first, newest.end)]
    decisions = [row for row in rows if row.is_decision]
    assert len(decisions) == 43
    assert all(row.last is not None for row in decisions)
    failed = [row for row in decisions if row.outcome(NOW, 60) is RowOutcome.FAILED]
    assert [(row.title, row.attempts, row.last and row.last.error) for row in failed] == [
        ("reflex", 3, "timeout")
    ] * 3
    fallbacks = [row for row in decisions if row.fallback]
    assert [(row.title, row.attempts) for row in fallbacks] == [("cloud", 1)] * 3
    others = [row.title for row in rows if not row.is_decision]
    assert others == ["policy", "breaker", "breaker", "breaker"]


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
