"""Damage by hand or by the disk: found, and the line told."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from core.capsule import GENESIS, EventLog, Record
from core.capsule.index import Index
from core.capsule.record import complete_line, encode_fields
from core.errors import CapsuleCorrupt
from tests.support.capsule.making import FULL, QuickDisk, decision

if TYPE_CHECKING:
    from pathlib import Path

RECORDS = 100 if FULL else 5


def written(path: Path, count: int, segment_bytes: int = 1 << 20) -> tuple[EventLog, list[Record]]:
    """A log of so many records."""
    with EventLog(path, segment_bytes=segment_bytes, disk=QuickDisk()) as log:
        return log, [log.append(decision(f"c{number}")) for number in range(count)]


@pytest.mark.timeout(1200)
def test_every_byte_flipped_is_found_with_its_line(tmp_path: Path) -> None:
    """Each byte of the log in turn, one bit of it: the line it lies in is named."""
    log, records = written(tmp_path / "capsule", RECORDS)
    segment = log.path / "events-000001.jsonl"
    heads = [GENESIS, *(record.hash for record in records)]
    line = 0
    with segment.open("r+b", buffering=0) as file:
        whole = segment.read_bytes()
        for place, byte in enumerate(whole):
            if line < RECORDS and place == records[line].offset:
                line += 1
            os.pwrite(file.fileno(), bytes([byte ^ 1 << place % 8]), place)
            verified = log.verify()
            os.pwrite(file.fileno(), bytes([byte]), place)
            assert not verified.ok
            assert verified.problem is not None
            assert (verified.problem.segment, verified.problem.line) == (segment.name, line)
            assert (verified.records, verified.head) == (line - 1, heads[line - 1])
    assert line == RECORDS
    assert log.verify().ok


def test_a_flipped_last_line_end_stops_the_writer_too(tmp_path: Path) -> None:
    """An acknowledged record whose LF was overwritten is not mistaken for a torn write."""
    log, records = written(tmp_path / "capsule", 3)
    segment = log.path / "events-000001.jsonl"
    segment.write_bytes(segment.read_bytes()[:-1] + b"\x0b")
    for touch in (lambda: log.append(decision()), lambda: log.tail(1), lambda: list(log.read())):
        with pytest.raises(CapsuleCorrupt, match="line 3"):
            touch()
    assert segment.stat().st_size == records[-1].offset + len(records[-1].line) + 1


def test_a_held_head_shows_a_cut_or_rewritten_tail(tmp_path: Path) -> None:
    """A log that no longer holds the hash which a report noted is not ok, however well formed."""
    log, records = written(tmp_path / "capsule", 5)
    segment = log.path / "events-000001.jsonl"
    for record in records:
        assert log.verify(head=record.hash).ok
    assert log.verify(head=GENESIS).ok
    segment.write_bytes(segment.read_bytes()[: records[3].offset])
    assert log.verify().ok
    assert log.verify(head=records[2].hash).ok
    cut = log.verify(head=records[4].hash)
    assert not cut.ok
    assert cut.problem is not None
    assert records[4].hash in cut.problem.message
    assert (cut.problem.segment, cut.problem.line) == (segment.name, 4)
    for number in range(4):
        log.append(decision(f"rewritten {number}"))
    assert log.verify().ok
    assert not log.verify(head=records[4].hash).ok


def test_missing_and_swapped_parts_are_found(tmp_path: Path) -> None:
    """A line or a segment taken out, put twice or moved breaks the chain at that place."""
    log, _ = written(tmp_path / "capsule", 12, 1500)
    segments = sorted(log.path.glob("events-*"))
    assert len(segments) >= 3
    first = segments[0].read_bytes()
    lines = first.splitlines(keepends=True)
    for damaged, line in (
        (b"".join(lines[1:]), 1),
        (lines[0] + lines[0] + b"".join(lines[1:]), 2),
        (lines[1] + lines[0] + b"".join(lines[2:]), 1),
        (b"{}\n" + first, 1),
        (lines[0] + b"\n" + b"".join(lines[1:]), 2),
    ):
        segments[0].write_bytes(damaged)
        problem = log.verify().problem
        assert problem is not None
        assert (problem.segment, problem.line) == (segments[0].name, line)
    segments[0].write_bytes(first)
    assert log.verify().ok
    for missing in segments[:-1]:
        content = missing.read_bytes()
        missing.unlink()
        assert not log.verify().ok
        missing.write_bytes(content)
    segments[1].write_bytes(segments[1].read_bytes()[:-1])
    problem = log.verify().problem
    assert problem is not None
    assert problem.segment == segments[1].name


def test_readers_stop_at_damage_and_can_go_on_beyond(tmp_path: Path) -> None:
    """Good records come first, then the error with its line; reading after it works again."""
    log, records = written(tmp_path / "capsule", 6)
    segment = log.path / "events-000001.jsonl"
    segment.write_bytes(segment.read_bytes().replace(b'"c2"', b'"cX"'))
    reading = log.read()
    assert [next(reading), next(reading)] == records[:2]
    with pytest.raises(CapsuleCorrupt) as caught:
        next(reading)
    assert list(log.read(limit=2)) == records[:2]
    assert (caught.value.segment, caught.value.line) == ("events-000001.jsonl", 3)
    assert "begins" in caught.value.remedy
    assert list(log.read(after=3)) == records[3:]
    assert log.tail(3) == records[3:]
    with pytest.raises(CapsuleCorrupt):
        log.tail(4)
    with pytest.raises(CapsuleCorrupt):
        log.get(3)
    with pytest.raises(CapsuleCorrupt):
        log.last("RoutingDecision", where=lambda body: body["call_id"] == "c0")


def exchanged(path: Path) -> EventLog:
    """A log whose third record is another one with a hash of its own: only the link shows it."""
    log, records = written(path, 5)
    fields = encode_fields(decision("another"))
    line, digest = complete_line(fields, 3, records[2].time, records[1].hash)
    assert digest != records[2].hash
    segment = log.path / "events-000001.jsonl"
    segment.write_bytes(segment.read_bytes().replace(records[2].line + b"\n", line))
    return log


def test_an_exchanged_record_is_found_by_the_link_of_the_next(tmp_path: Path) -> None:
    """Each line's hash holds and each seq follows; the fourth names another third."""
    log = exchanged(tmp_path / "capsule")
    verified = log.verify()
    assert not verified.ok
    assert verified.problem is not None
    assert verified.problem.line == 4
    assert "does not name the hash" in verified.problem.message
    with pytest.raises(CapsuleCorrupt, match="line 4"):
        list(log.read())
    with pytest.raises(CapsuleCorrupt, match="line 4"):
        list(log.follow(0, poll_s=0))
    with Index(log) as index, pytest.raises(CapsuleCorrupt, match="line 4"):
        index.update()


def test_an_exchanged_record_at_a_segments_end_is_found(tmp_path: Path) -> None:
    """The link reaches over the border of two files."""
    log, records = written(tmp_path / "capsule", 4, segment_bytes=300)
    assert [record.segment for record in records] == [1, 2, 3, 4]
    line, _ = complete_line(encode_fields(decision("another")), 2, records[1].time, records[0].hash)
    (log.path / "events-000002.jsonl").write_bytes(line)
    problem = log.verify().problem
    assert problem is not None
    assert (problem.segment, problem.line) == ("events-000003.jsonl", 1)
    with pytest.raises(CapsuleCorrupt, match="events-000003"):
        list(log.read())
