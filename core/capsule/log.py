"""``EventLog``: one capsule's directory as the rest of the package uses it."""

from __future__ import annotations

import atexit
import os
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from core.capsule import reader
from core.capsule.append import Appender
from core.capsule.logend import Disk, Draft
from core.capsule.reader import Verification, follow, verify
from core.capsule.record import encode_fields
from core.clock import Clock, SystemClock

if TYPE_CHECKING:
    import threading
    from collections.abc import Awaitable, Callable, Iterator, Mapping

    from core.capsule.events import Event
    from core.capsule.record import Record

SEGMENT_BYTES = 64 << 20

_appenders: weakref.WeakSet[Appender] = weakref.WeakSet()


class EventLog:
    """The append-only, hash-chained event log in a directory, usually ``.speckit/capsule``.

    Any number of threads and processes may append and read at once. Nothing is touched before the
    first call; the directory is made by the first append. Readers take no lock.

    ``segment_bytes`` is the size from which on a new segment is begun; ``disk`` is for tests.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        clock: Clock | None = None,
        segment_bytes: int = SEGMENT_BYTES,
        disk: Disk | None = None,
    ) -> None:
        self.path = Path(path).absolute()
        self._appender = Appender(self.path, clock or SystemClock(), segment_bytes, disk or Disk())
        _appenders.add(self._appender)

    def append(self, event: Event) -> Record:
        """Add the event; returns once it is durable. Concurrent callers share a sync.

        Raises:
            CapsuleError: it is not recorded: no space, no permission, a network file system. The
                log is whole, and appending works again once the cause is fixed.
            CapsuleCorrupt: the log's end is damaged, so nothing can be joined on to it.
            CapsulePoisoned: a sync failed; this EventLog records nothing any more.
        """
        return self._appender.append(Draft(event.event_type, encode_fields(event)))

    async def append_async(self, event: Event) -> Record:
        """As ``append``, for many tasks of an event loop at once: they share syncs too.

        Cancelling a task stops its waiting; its event is recorded all the same.
        """
        return await self.begin(event)

    def begin(self, event: Event) -> Awaitable[Record]:
        """As ``append_async``, to be awaited later, once; raises as ``append``, then and there.

        Events begun one after the other stand so in the log. Those begun without a pause share a
        sync, and none is durable without those before it.
        """
        return self._appender.begin(Draft(event.event_type, encode_fields(event)))

    def read(self, after: int = 0, *, limit: int | None = None) -> Iterator[Record]:
        """Records with ``seq > after``, oldest first, to the end as it is when it gets there.

        Raises:
            CapsuleCorrupt: at a damaged line, after the good ones before it.
        """
        return reader.read(self.path, after, limit)

    def tail(self, n: int) -> list[Record]:
        """The last ``n`` records, oldest first; takes as long on a large log as on a small one."""
        return reader.tail(self.path, n)

    def before(self, seq: int, n: int) -> list[Record]:
        """The ``n`` records next before ``seq``, oldest first: a page going up."""
        return reader.before(self.path, seq, n)

    def get(self, seq: int) -> Record | None:
        """The record with this ``seq``, or None."""
        return reader.get(self.path, seq)

    def head(self) -> tuple[int, str]:
        """``seq`` and ``hash`` of the last record; 0 and sixty-four zeros for an empty log."""
        return reader.head(self.path)

    def last(
        self,
        event_type: str,
        *,
        where: Callable[[Mapping[str, Any]], bool] | None = None,
        after: int = 0,
    ) -> Record | None:
        """The newest record of a type, with ``seq > after``, whose body ``where`` accepts."""
        return reader.last(self.path, event_type, where, after)

    def follow(
        self,
        after: int | None = None,
        *,
        poll_s: float = 0.1,
        stop: threading.Event | None = None,
    ) -> Iterator[Record]:
        """Records with ``seq > after`` (None: from now on), as any process appends them.

        Ends when ``stop`` is set. A capsule not there yet is waited for; one that was replaced is
        followed from its first record on, which a ``seq`` not above the last shows.

        Raises:
            CapsuleCorrupt: at a damaged line; follow again after its ``seq`` to go beyond it.
        """
        return follow(self.path, after, poll_s, stop)

    def verify(self, *, head: str | None = None) -> Verification:
        """Check the whole chain, and that it holds the record with hash ``head``, where given."""
        return verify(self.path, head)

    def close(self) -> None:
        """Close what ``append`` keeps open. No append may be under way; a later one reopens."""
        self._appender.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        appender = getattr(self, "_appender", None)
        if appender:
            appender.close()


def _after_fork() -> None:
    for appender in _appenders:
        appender.after_fork()


def _at_exit() -> None:
    """Finish what nobody waits for any more."""
    for appender in tuple(_appenders):
        appender.close()


os.register_at_fork(after_in_child=_after_fork)
atexit.register(_at_exit)
