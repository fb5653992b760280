"""The files (segments) a log is made of: their names, walking their lines, finding a ``seq``.

Readers take no lock. A last line without LF is a write in progress, and is ignored; a whole line is
never taken back by a writer.
"""

from __future__ import annotations

import os
import re
from io import BytesIO
from typing import TYPE_CHECKING, NamedTuple

from core.capsule.record import (
    GENESIS,
    MAX_LINE_BYTES,
    STAMP_BYTES,
    Record,
    decode_line,
    is_garbled_end,
    stamp_of,
)
from core.errors import CapsuleCorrupt, CapsuleError, UnsafeFile
from core.files import names_in, open_state
from core.plain import plain

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


# Writers begin a new segment from 64 MiB on; a file far beyond that is nobody's log.
MAX_SEGMENT_BYTES = 1 << 30
_NAME = re.compile(r"events-([0-9]{6,12})\.jsonl")
_BLOCK = 1 << 18
_NEXT_BLOCK = 1 << 16


def segment_name(number: int) -> str:
    """``events-000001.jsonl`` for 1."""
    return f"events-{number:06d}.jsonl"


def segment_numbers(directory: Path) -> list[int]:
    """The segments there are, in order; none where there is no capsule."""
    try:
        names = names_in(directory)
    except OSError as error:
        raise _unreadable(directory, error) from error
    matches = (match for match in map(_NAME.fullmatch, names) if match)
    return sorted(int(match[1]) for match in matches if match[0] == segment_name(int(match[1])))


def open_segment(directory: Path, number: int) -> int:
    """A descriptor for reading.

    Raises:
        FileNotFoundError: there is no such segment.
        CapsuleError: it may not be read.
    """
    path = directory / segment_name(number)
    try:
        descriptor = open_state(path)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _unreadable(path, error) from error
    if os.fstat(descriptor).st_size > MAX_SEGMENT_BYTES:
        os.close(descriptor)
        raise CapsuleError(
            f"{plain(path)} is larger than {MAX_SEGMENT_BYTES >> 20} MiB, which no segment is",
            remedy="It was not written by Reflex. Move it away.",
        )
    return descriptor


def _unreadable(path: Path, error: OSError) -> CapsuleError:
    if isinstance(error, UnsafeFile):
        return CapsuleError(error.message, remedy=error.remedy)
    return CapsuleError(
        f"{plain(path)} cannot be read: {plain(error.strerror or error)}",
        remedy="Make it readable for this user; a capsule is its owner's alone.",
    )


def lines_forward(fd: int, offset: int = 0, block: int = _BLOCK) -> Iterator[tuple[int, bytes]]:
    """``(offset, line)`` from ``offset`` to the file's end, as ``blocks_forward`` finds them."""
    for at, lines in blocks_forward(fd, offset, block):
        here = at
        for line in lines:
            yield here, line
            here += len(line)


def blocks_forward(
    fd: int, offset: int = 0, block: int = _BLOCK
) -> Iterator[tuple[int, list[bytes]]]:
    """``(offset of the first, lines)`` a few hundred at a time up to the end, each with its LF.

    Only the last may lack it: a write under way, or the beginning of a line beyond all limits.
    It comes alone.
    """
    carried = b""
    position = offset
    while data := os.pread(fd, max(block, len(carried)), position):
        position += len(data)
        lines = BytesIO(carried + data).readlines()
        carried = b"" if lines[-1].endswith(b"\n") else lines.pop()
        if lines:
            yield offset, lines
        offset = position - len(carried)
        if len(carried) > MAX_LINE_BYTES:
            break
    if carried:
        yield offset, [carried]


def lines_backward(fd: int, end: int) -> Iterator[tuple[int, bytes]]:
    """``(offset, line)`` from ``end`` back to the file's start; only the first may lack its LF."""
    for at, lines in blocks_backward(fd, end):
        offset = at + sum(map(len, lines))
        for line in reversed(lines):
            offset -= len(line)
            yield offset, line


def blocks_backward(fd: int, end: int) -> Iterator[tuple[int, list[bytes]]]:
    """``(offset of the first, lines)`` from ``end`` back, a few hundred at a time.

    Each block's lines are in the file's order; only the very last line may lack its LF.
    """
    carried = b""
    position = end
    while position > 0:
        # Small at first: most callers want the last line or two.
        wanted = min(max(_NEXT_BLOCK if carried else 1 << 14, len(carried)), position)
        position -= wanted
        data = os.pread(fd, wanted, position)
        if len(data) < wanted:
            return  # a torn tail was cut off meanwhile
        lines = BytesIO(data + carried).readlines()
        carried = lines.pop(0)
        if lines:
            yield position + len(carried), lines
        if len(carried) > MAX_LINE_BYTES:
            break
    if carried:
        yield position, [carried]


_NEAR_BYTES = 1 << 16


class RecordPlace(NamedTuple):
    """Where a line begins: segment number and offset in bytes."""

    segment: int
    offset: int


class Chain:
    """What the next record of a log must join on to; nothing is known before the first."""

    __slots__ = ("hash", "seq")

    def __init__(self, seq: int | None = 0, digest: str = GENESIS) -> None:
        self.seq = seq
        self.hash = digest

    def join(self, seq: int, prev: str, digest: str) -> None:
        """Take the next record; ValueError says how it does not follow the one before."""
        if self.seq is not None:
            if seq != self.seq + 1:
                raise ValueError(f"its seq is {seq} where {self.seq + 1} should follow")
            if prev != self.hash:
                raise ValueError("it does not name the hash of the record before it")
        self.seq, self.hash = seq, digest


def corrupt(directory: Path, place: RecordPlace, why: str) -> CapsuleCorrupt:
    """The error for a damaged line; counts the lines before it."""
    name = segment_name(place.segment)
    line = 1
    try:
        fd = open_segment(directory, place.segment)
    except (OSError, CapsuleError):
        pass
    else:
        try:
            line += _line_ends(fd, place.offset)
        finally:
            os.close(fd)
    return CapsuleCorrupt(
        f"{plain(directory)}/{name}, line {line}: {why}",
        segment=name,
        line=line,
        remedy="The log was changed after it was written. Keep it as evidence: move "
        f"{plain(directory)} aside, and a new log begins with the next event.",
    )


def _line_ends(fd: int, before: int) -> int:
    count = position = 0
    while position < before:
        data = os.pread(fd, min(1 << 20, before - position), position)
        if not data:
            break
        count += data.count(b"\n")
        position += len(data)
    return count


def lines_from(directory: Path, place: RecordPlace) -> Iterator[tuple[RecordPlace, bytes]]:
    """Every whole line from ``place`` to the log's end as it is now, through all segments.

    Raises:
        CapsuleCorrupt: as for ``blocks_from``.
    """
    for (number, at), lines in blocks_from(directory, place):
        offset = at
        for line in lines:
            yield RecordPlace(number, offset), line
            offset += len(line)


def blocks_from(directory: Path, place: RecordPlace) -> Iterator[tuple[RecordPlace, list[bytes]]]:
    """As ``lines_from``, a few hundred lines at a time with the place of the first.

    Raises:
        CapsuleCorrupt: a segment that others follow ends without LF, or a line has no end.
    """
    number, offset = place
    while True:
        # Asked before reading: a writer adds nothing to a segment once a later one is there.
        numbers = segment_numbers(directory)
        if not numbers:
            return
        followed = numbers[-1] > number
        try:
            fd = open_segment(directory, number)
        except FileNotFoundError as error:
            if followed:
                raise corrupt(
                    directory, RecordPlace(number, 0), "this segment is missing"
                ) from error
            return
        try:
            for at, lines in blocks_forward(fd, offset):
                here, last = RecordPlace(number, at), lines[-1]
                if last.endswith(b"\n"):
                    yield here, lines
                elif followed or len(last) > MAX_LINE_BYTES or is_garbled_end(last):
                    raise corrupt(directory, here, "its line end is damaged")
        finally:
            os.close(fd)
        if not followed:
            return
        number, offset = number + 1, 0


def lines_back(
    directory: Path, place: RecordPlace | None = None
) -> Iterator[tuple[RecordPlace, bytes]]:
    """Every whole line before ``place`` (the end when None), newest first.

    Raises:
        CapsuleCorrupt: as for ``blocks_from``.
    """
    for (number, at), lines in blocks_back(directory, place):
        offset = at + sum(map(len, lines))
        for line in reversed(lines):
            offset -= len(line)
            yield RecordPlace(number, offset), line


def blocks_back(
    directory: Path, place: RecordPlace | None = None
) -> Iterator[tuple[RecordPlace, list[bytes]]]:
    """As ``lines_back``, some at a time in the log's order, with the place of the first.

    Raises:
        CapsuleCorrupt: as for ``blocks_from``.
    """
    numbers = segment_numbers(directory)
    last = numbers[-1] if numbers else 0
    for number in reversed(numbers):
        if place and number > place.segment:
            continue
        try:
            fd = open_segment(directory, number)
        except FileNotFoundError:
            return
        try:
            inside = place is not None and number == place.segment
            end = place.offset if place and inside else os.fstat(fd).st_size
            for at, lines in blocks_backward(fd, end):
                line = lines[-1]
                if not line.endswith(b"\n"):
                    if number != last or len(line) > MAX_LINE_BYTES or is_garbled_end(line):
                        here = RecordPlace(number, at + sum(map(len, lines[:-1])))
                        raise corrupt(directory, here, "its line end is damaged")
                    lines.pop()
                if lines:
                    yield RecordPlace(number, at), lines
        finally:
            os.close(fd)


def decode(directory: Path, place: RecordPlace, line: bytes, chain: Chain | None = None) -> Record:
    """The line as a Record that follows ``chain``; CapsuleCorrupt where it is damaged."""
    try:
        record = decode_line(line, place.segment, place.offset)
        if chain:
            chain.join(record.seq, record.prev, record.hash)
    except ValueError as error:
        raise corrupt(directory, place, str(error)) from error
    return record


def place_of(directory: Path, seq: int) -> RecordPlace:
    """Where the first record with at least this ``seq`` lies, else the log's end.

    Damaged lines are stepped over: what is found is checked by who reads it.
    """
    numbers = segment_numbers(directory)
    for number in reversed(numbers):
        try:
            fd = open_segment(directory, number)
        except FileNotFoundError:
            break
        try:
            first = _first_seq(fd, 0)
            if number == numbers[0] or (first is not None and first <= seq):
                return RecordPlace(number, _offset_of(fd, seq))
        finally:
            os.close(fd)
    return RecordPlace(1, 0)


def _first_seq(fd: int, offset: int) -> int | None:
    """The ``seq`` at the first line end from ``offset`` on where there is one, near enough."""
    position = offset
    while position - offset <= MAX_LINE_BYTES and (data := os.pread(fd, _NEAR_BYTES, position)):
        end = data.find(b"\n")
        while end >= 0:
            begin = max(position + end - STAMP_BYTES, 0)
            if stamp := stamp_of(os.pread(fd, position + end - begin, begin)):
                return stamp.seq
            end = data.find(b"\n", end + 1)
        position += len(data)
    return None


def _offset_of(fd: int, seq: int) -> int:
    low, high = 0, os.fstat(fd).st_size
    while high - low > _NEAR_BYTES:
        middle = (low + high) // 2
        # Whatever line the middle is in, its end has its seq.
        found = _first_seq(fd, middle)
        if found is not None and found < seq:
            low = middle
        else:
            high = middle
    end = low
    for at, line in lines_forward(fd, low, _NEAR_BYTES):
        stamp = stamp_of(line)
        if stamp and stamp.seq >= seq:
            return at
        end = at + len(line) if line.endswith(b"\n") else at
    return end
