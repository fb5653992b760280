"""The index answers like the log itself: pages, percentiles, a call's records."""

from __future__ import annotations

import math
import random
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from core.capsule import EventLog, Record
from core.capsule.index import EventFilter, Index, IndexRow, Latency, ListedRows
from core.capsule.record import GENESIS, complete_line
from core.stages import Mode
from tests.support.capsule.filling import COUNT, START, Ticking, call
from tests.support.capsule.making import QuickDisk, decision

if TYPE_CHECKING:
    from pathlib import Path


def matches(wanted: EventFilter, body: Any) -> bool:
    """What a filter means, said plainly."""
    note = body.get("detail") or body.get("error_message") or ""
    named = ("event_type", "mode", "reason", "backend", "model", "error")
    texts = [str(body.get(name) or "") for name in named]
    latency = body.get("latency_ms")
    return (
        all(
            not getattr(wanted, name) or body.get(name) == getattr(wanted, name)
            for name in ("event_type", "mode", "reason")
        )
        and any(wanted.text.lower() in text.lower() for text in (*texts, note))
        | (wanted.text == body.get("call_id"))
        and (wanted.min_latency_ms is None or latency >= wanted.min_latency_ms)
        and (wanted.since is None or datetime.fromisoformat(body["time"]) >= wanted.since)
    )


FILTERS = [
    EventFilter(),
    EventFilter(event_type="LLMCall"),
    EventFilter(mode="cloud", reason="server_unhealthy"),
    EventFilter(reason="rare"),
    EventFilter(reason="never"),
    EventFilter(text="TIMEOUT"),
    EventFilter(text="too Long"),
    EventFilter(text="50%_"),
    EventFilter(text="c17"),
    EventFilter(text="nothing like it"),
    EventFilter(min_latency_ms=3000),
    EventFilter(since=START + timedelta(seconds=4000.5)),
    EventFilter(since=START + timedelta(days=9)),
    EventFilter(
        mode="reflex", text="bakeoff", min_latency_ms=0.1, since=START + timedelta(seconds=99)
    ),
]


@pytest.mark.parametrize("wanted", FILTERS, ids=range(len(FILTERS)))
def test_pages_are_what_the_log_holds(
    filled: tuple[EventLog, list[Record]], index: Index, wanted: EventFilter
) -> None:
    """Every page of every filter has the rows that reading the whole log finds, and numbers."""
    expected = [record for record in filled[1] if matches(wanted, record.body)]
    assert index.count(wanted) == len(expected)
    middle = len(expected) // 2
    for offset, limit in ((0, 7), (middle, 200), (max(len(expected) - 3, 0), 50), (10**6, 5)):
        rows = index.page(wanted, offset, limit)
        assert [row.seq for row in rows] == [r.seq for r in expected[offset : offset + limit]]
        assert [row.number for row in rows] == list(range(offset, offset + len(rows)))
        for row, record in zip(rows, expected[offset:], strict=False):
            check_row(row, record)


def check_row(row: IndexRow, record: Record) -> None:
    """The row says what the record says."""
    body = record.body
    assert row.time == datetime.fromisoformat(record.time)
    assert (row.segment, row.offset) == (record.segment, record.offset)
    assert (row.kind.event_type, row.kind.mode) == (body["event_type"], body["mode"])
    assert row.kind.reason == body.get("reason", "")
    assert (row.latency_ms, row.ttft_ms) == (body["latency_ms"], body.get("ttft_ms"))
    assert (row.kind.success, row.kind.is_fallback) == (
        body.get("success"),
        bool(body.get("is_fallback")),
    )
    assert row.note == (body.get("detail") or body.get("error_message") or "")


def test_row_numbers_stay_while_the_log_grows(small: tuple[EventLog, list[Record]]) -> None:
    """What was row 7 of a filter is row 7 ever after, and counts follow the log."""
    log, _ = small
    wanted = [
        EventFilter(mode="cloud"),
        EventFilter(text="server"),
        EventFilter(min_latency_ms=200),
    ]
    with Index(log) as index:
        index.update()
        before = [index.page(each, 0, 99) for each in wanted]
        for number in range(2500):
            log.append(decision(f"n{number}", mode=Mode.CLOUD, reason=f"reason {number % 5}"))
            if number % 500 == 0:
                index.update()
                assert index.count(wanted[0]) == len(before[0]) + number + 1
        assert index.update() == 2550
        for each, rows in zip(wanted, before, strict=True):
            assert index.page(each, 0, len(rows)) == rows
        assert index.count(EventFilter(reason="reason 3")) == 500
    log.close()


@pytest.mark.parametrize("window_s", [10, 600, 99999])
@pytest.mark.parametrize("mode", ["reflex", "cloud"])
def test_percentiles_are_nearest_rank(
    filled: tuple[EventLog, list[Record]], window_s: int, mode: str
) -> None:
    """Over the window's answered live calls, each percentile is a value that occurred."""
    log, records = filled
    clock = Ticking()
    clock.moment = START + timedelta(seconds=COUNT)
    wanted = [
        record.body
        for record in records
        if record.event_type == "LLMCall"
        and record.body["success"]
        and record.body["mode"] == mode
        and record.body["origin"] in {"live", "demo"}
        and datetime.fromisoformat(record.time) >= clock.moment - timedelta(seconds=window_s)
    ]
    total = sorted(body["latency_ms"] for body in wanted)
    ttft = sorted(body["ttft_ms"] for body in wanted if body["ttft_ms"] is not None)

    def rank(values: list[float], share: float) -> float | None:
        return values[math.ceil(share * len(values)) - 1] if values else None

    with Index(log, clock=clock) as index:
        index.update()
        assert index.latency(window_s, mode) == Latency(
            len(wanted), rank(total, 0.5), rank(total, 0.95), rank(ttft, 0.5), rank(ttft, 0.95)
        )
        assert index.latency(window_s, "none").p95 is None


def test_a_calls_records(filled: tuple[EventLog, list[Record]], index: Index) -> None:
    """All of a call's events, as they lie in the log."""
    records = filled[1]
    for number in (0, 17, 2999):
        assert index.call(f"c{number}") == records[2 * number : 2 * number + 2]
    assert index.call("no such call") == []


def test_records_of_any_length_are_read_at_their_places(tmp_path: Path) -> None:
    """Lines that lie in one block, across its end, and that are longer; in several segments."""
    chance = random.Random(1)
    with EventLog(tmp_path, segment_bytes=200_000, disk=QuickDisk()) as log:
        for number in range(60):
            length = chance.choice((10, 1000, 15_000, 40_000))
            log.append(call(f"call-{number % 3}", Mode.REFLEX, request="x" * length))
        with Index(log) as index:
            index.update()
            records = list(log.read())
            for name in ("call-0", "call-1", "call-2"):
                expected = [each for each in records if each.body["call_id"] == name]
                assert index.call(name) == expected
                assert len(expected) == 20
    assert len({record.segment for record in records}) > 2


def test_an_event_that_names_its_type_twice_is_taken_for_the_last(tmp_path: Path) -> None:
    """As JSON reads it: what the line begins with is no promise, and its words are found."""
    fields = b'{"event_type":"LLMCall","suite":"odd-one","event_type":"BakeoffStarted"'
    line, _ = complete_line(fields, 1, "2026-01-12T10:30:16.050Z", GENESIS)
    tmp_path.chmod(0o700)
    (tmp_path / "events-000001.jsonl").write_bytes(line)
    with Index(EventLog(tmp_path)) as index:
        index.update()
        assert index.count(EventFilter(event_type="BakeoffStarted")) == 1
        assert index.count(ListedRows(words=("odd-one",))) == 1
