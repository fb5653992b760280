"""Reading the log: a page of it, the newest event of a type, new events as they come, all checked.

``verify`` checks every record, and that the log still holds a record that somebody noted before.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from core.capsule.record import GENESIS, MAX_LINE_BYTES, Record, check_line
from core.capsule.segments import (
    Chain,
    RecordPlace,
    blocks_back,
    corrupt,
    decode,
    lines_from,
    open_segment,
    place_of,
    segment_name,
    segment_numbers,
)
from core.errors import CapsuleCorrupt, CapsuleError
from core.plain import plain

if TYPE_CHECKING:
    import threading
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


def _last_before(directory: Path, place: RecordPlace | None, count: int) -> list[Record]:
    blocks: list[tuple[RecordPlace, list[bytes]]] = []
    left = count
    if left > 0:
        for here, lines in blocks_back(directory, place):
            surplus = max(len(lines) - left, 0)
            skipped = sum(map(len, lines[:surplus]))
            blocks.append((RecordPlace(here.segment, here.offset + skipped), lines[surplus:]))
            left -= len(lines)
            if left <= 0:
                break
    chain = Chain(None)
    records: list[Record] = []
    for (number, offset), lines in reversed(blocks):
        at = offset
        for line in lines:
            records.append(decode(directory, RecordPlace(number, at), line, chain))
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
    floor = place_of(directory, after + 1) if after > 0 else RecordPlace(0, 0)
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
                record = decode(directory, RecordPlace(number, offset), line)
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


# Enough to hold the first record's run and time, which no other log shares.
_BEGINNING_BYTES = 512


def follow(
    directory: Path,
    after: int | None = None,
    poll_s: float = 0.1,
    stop: threading.Event | None = None,
) -> Iterator[Record]:
    """Records with ``seq > after`` (None: from now on) for ever, or until ``stop`` is set.

    A capsule that is not there yet is waited for. One that is removed or replaced is followed
    again from its first record: its ``seq`` is not above the last one.

    Raises:
        CapsuleCorrupt: at a damaged line; ``follow`` again with an ``after`` beyond it continues.
    """
    follower = _Follower(directory)
    if after is None:
        follower.stand_at_end()
    elif after > 0:
        follower.stand_after(after)
    return follower.records(poll_s, stop)


class _Follower:
    """The place up to which the log has been seen, and what must follow there."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._restart()

    def _restart(self) -> None:
        self._place: RecordPlace | None = None
        self._beginning = b""
        self._chain = Chain()
        self._after = 0

    def stand_at_end(self) -> None:
        for record in tail(self._directory, 1):
            self._stand(RecordPlace(record.segment, record.offset + len(record.line) + 1))
            self._chain = Chain(record.seq, record.hash)

    def stand_after(self, seq: int) -> None:
        self._after = seq
        if segment_numbers(self._directory):
            self._stand(place_of(self._directory, seq + 1))
            self._chain = Chain(None)

    def records(self, poll_s: float, stop: threading.Event | None) -> Iterator[Record]:
        while True:
            try:
                yield from self._fresh()
            except CapsuleCorrupt:
                if not self._replaced():
                    raise
            if self._replaced():
                self._restart()
            if stop is None:
                time.sleep(poll_s)
            elif stop.wait(poll_s):
                return

    def _fresh(self) -> Iterator[Record]:
        if self._place is None:
            numbers = segment_numbers(self._directory)
            if not numbers:
                return
            self._stand(RecordPlace(numbers[0], 0))
        assert self._place is not None
        for place, line in lines_from(self._directory, self._place):
            record = decode(self._directory, place, line, self._chain)
            self._stand(RecordPlace(place.segment, place.offset + len(line)))
            if record.seq > self._after:
                yield record

    def _stand(self, place: RecordPlace) -> None:
        if self._place is None or self._place.segment != place.segment:
            self._beginning = b""
        if len(self._beginning) < _BEGINNING_BYTES:
            self._beginning = self._begins(place.segment, _BEGINNING_BYTES)
        self._place = place

    def _begins(self, segment: int, size: int) -> bytes:
        try:
            fd = open_segment(self._directory, segment)
        except (OSError, CapsuleError):
            return b""
        try:
            return os.pread(fd, size, 0)
        finally:
            os.close(fd)

    def _replaced(self) -> bool:
        """Whether the segment read last is gone, another file, or shorter than what was read.

        It is known by how it begins: a new file may well get the old one's number.
        """
        if self._place is None:
            return False
        try:
            size = (self._directory / segment_name(self._place.segment)).lstat().st_size
        except OSError:
            return True
        same = self._begins(self._place.segment, len(self._beginning)) == self._beginning
        return size < self._place.offset or not same


@dataclass(frozen=True, slots=True)
class Verification:
    """``records`` good ones from the first on, the last of them with hash ``head``."""

    ok: bool
    records: int
    head: str
    problem: CapsuleCorrupt | None = None


def verify(directory: Path, head: str | None = None) -> Verification:
    """Check each line's hash, each link and each ``seq``, up to the first that does not hold.

    ``head`` is a hash that the log once had as its last (a report holds one): a log in whose chain
    it does not occur was cut or rewritten, and is not ok. A torn last line is no problem.
    """
    chain = Chain()
    found = head in {None, GENESIS}
    numbers = segment_numbers(directory)
    place = RecordPlace(numbers[0] if numbers else 1, 0)
    ahead = place
    try:
        for here, line in lines_from(directory, place):
            try:
                stamp = check_line(line)
                chain.join(stamp.seq, stamp.prev, stamp.hash)
            except ValueError as error:
                raise corrupt(directory, here, str(error)) from error
            found = found or stamp.hash == head
            ahead = RecordPlace(here.segment, here.offset + len(line))
    except CapsuleCorrupt as problem:
        return Verification(ok=False, records=chain.seq or 0, head=chain.hash, problem=problem)
    if found:
        return Verification(ok=True, records=chain.seq or 0, head=chain.hash)
    return Verification(
        ok=False, records=chain.seq or 0, head=chain.hash, problem=_cut(directory, ahead, head)
    )


def _cut(directory: Path, end: RecordPlace, head: str | None) -> CapsuleCorrupt:
    damage = corrupt(directory, end, f"the log no longer holds the record {plain(head)}")
    return CapsuleCorrupt(
        damage.message,
        segment=segment_name(end.segment),
        line=damage.line,
        remedy="Its end was cut off or rewritten since that hash was noted.",
    )
