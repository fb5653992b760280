"""The log live: what any process appends, as it comes, from segment to segment."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from core.capsule.reader import tail
from core.capsule.segments import segment_name, segment_numbers
from core.capsule.walk import Chain, Place, decode, lines_from, place_of
from core.errors import CapsuleCorrupt

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator
    from pathlib import Path

    from core.capsule.record import Record

# Enough to hold the first record's run and time, which no other log shares.
_BEGINNING_BYTES = 512


def follow(
    directory: Path,
    after: int | None = None,
    poll_s: float = 0.1,
    stop: threading.Event | None = None,
) -> Iterator[Record]:
    """Records with ``seq > after`` (None: from now on) for ever, or until ``stop`` is set.

    A capsule that is not there yet is waited for. One that is removed or replaced is followed anew
    from its first record: a ``seq`` that is not above the last tells so.

    Raises:
        CapsuleCorrupt: at a damaged line; ``follow`` again with an ``after`` beyond it goes on.
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
        self._place: Place | None = None
        self._beginning = b""
        self._chain = Chain()
        self._after = 0

    def stand_at_end(self) -> None:
        for record in tail(self._directory, 1):
            self._stand(Place(record.segment, record.offset + len(record.line) + 1))
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
            self._stand(Place(numbers[0], 0))
        assert self._place is not None
        for place, line in lines_from(self._directory, self._place):
            record = decode(self._directory, place, line, self._chain)
            self._stand(Place(place.segment, place.offset + len(line)))
            if record.seq > self._after:
                yield record

    def _stand(self, place: Place) -> None:
        if self._place is None or self._place.segment != place.segment:
            self._beginning = b""
        if len(self._beginning) < _BEGINNING_BYTES:
            self._beginning = self._begins(place.segment, _BEGINNING_BYTES)
        self._place = place

    def _begins(self, segment: int, size: int) -> bytes:
        try:
            with (self._directory / segment_name(segment)).open("rb") as file:
                return file.read(size)
        except OSError:
            return b""

    def _replaced(self) -> bool:
        """Whether the segment read last is gone, another file, or shorter than what was read.

        It is known by how it begins: a new file may well get the old one's number.
        """
        if self._place is None:
            return False
        try:
            size = (self._directory / segment_name(self._place.segment)).stat().st_size
        except OSError:
            return True
        same = self._begins(self._place.segment, len(self._beginning)) == self._beginning
        return size < self._place.offset or not same
