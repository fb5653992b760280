"""Reading the log: all of it, a page of it, the newest event of a kind."""

from __future__ import annotations

import os
from itertools import islice
from typing import TYPE_CHECKING, Any

from core.capsule.record import GENESIS, MAX_LINE_BYTES, Record
from core.capsule.segments import open_segment, segment_numbers
from core.capsule.walk import Chain, Place, blocks_back, decode, lines_from, place_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

_BLOCK = 1 << 20


def read(directory: Path, after: int = 0, limit: int | None = None) -> Iterator[Record]:
    """Records with ``seq > after`` to the log's present end, oldest first, each checked."""
    place = place_of(directory, after + 1)
    chain = Chain() if after <= 0 else Chain(None)
    for here, line in islice(lines_from(directory, place), limit):
        yield decode(directory, here, line, chain)


def tail(directory: Path, count: int) -> list[Record]:
    """The last ``count`` records, oldest first, whatever the log's size."""
    return _last_before(directory, None, count)


def before(directory: Path, seq: int, count: int) -> list[Record]:
    """The ``count`` records next before ``seq``, oldest first."""
    place = place_of(directory, seq)
    return _last_before(directory, place, count)


def _last_before(directory: Path, place: Place | None, count: int) -> list[Record]:
    blocks: list[tuple[Place, list[bytes]]] = []
    left = count
    if left > 0:
        for here, lines in blocks_back(directory, place):
            surplus = max(len(lines) - left, 0)
            skipped = sum(map(len, lines[:surplus]))
            blocks.append((Place(here.segment, here.offset + skipped), lines[surplus:]))
            left -= len(lines)
            if left <= 0:
                break
    chain = Chain(None)
    records: list[Record] = []
    for (number, offset), lines in reversed(blocks):
        at = offset
        for line in lines:
            records.append(decode(directory, Place(number, at), line, chain))
            at += len(line)
    return records


def get(directory: Path, seq: int) -> Record | None:
    """The record with this ``seq``, or None where the log does not hold it."""
    for place, line in lines_from(directory, place_of(directory, seq)):
        record = decode(directory, place, line)
        return record if record.seq == seq else None
    return None


def head(directory: Path) -> tuple[int, str]:
    """``seq`` and ``hash`` of the last record; 0 and 64 zeros for an empty log."""
    last_one = tail(directory, 1)
    return (last_one[0].seq, last_one[0].hash) if last_one else (0, GENESIS)


def last(
    directory: Path,
    event_type: str,
    where: Callable[[Mapping[str, Any]], bool] | None = None,
    after: int = 0,
) -> Record | None:
    """The newest record of a type with ``seq > after`` whose body ``where`` accepts.

    Goes by the bytes with which such lines begin, so that millions of others cost little.
    """
    needle = b'\n{"event_type":"%b"' % event_type.encode()
    floor = place_of(directory, after + 1) if after > 0 else Place(0, 0)
    for number in reversed(segment_numbers(directory)):
        if number < floor.segment:
            break
        try:
            fd = open_segment(directory, number)
        except FileNotFoundError:
            break
        try:
            lowest = floor.offset if number == floor.segment else 0
            for offset in _beginnings_back(fd, needle, lowest):
                line = line_at(fd, offset)
                if not line.endswith(b"\n"):
                    continue  # a write under way
                record = decode(directory, Place(number, offset), line)
                if record.event_type == event_type and (not where or where(record.body)):
                    return record
        finally:
            os.close(fd)
    return None


def _beginnings_back(fd: int, needle: bytes, lowest: int) -> Iterator[int]:
    """Offsets from ``lowest`` on of lines that begin like ``needle`` after its LF, last first."""
    bottom = max(lowest - 1, 0)
    end = os.fstat(fd).st_size
    buffer = bytearray(_BLOCK + len(needle) - 1)
    while end > bottom:
        start = max(end - _BLOCK, bottom)
        with memoryview(buffer) as view:
            size = os.preadv(fd, [view[: end - start + len(needle) - 1]], start)
        at = buffer.rfind(needle, 0, size)
        while at >= 0:
            yield start + at + 1
            at = buffer.rfind(needle, 0, at + len(needle) - 1)
        end = start
    # The file's first line has no LF before it.
    if lowest == 0 and os.pread(fd, len(needle) - 1, 0) == needle[1:]:
        yield 0


def line_at(fd: int, offset: int) -> bytes:
    """The line that begins at ``offset``; without LF where the file or our patience ends first."""
    data = b""
    while len(data) <= MAX_LINE_BYTES:
        more = os.pread(fd, max(1 << 14, len(data)), offset + len(data))
        data += more
        end = data.find(b"\n") + 1
        if end or not more:
            return data[:end] if end else data
    return data
