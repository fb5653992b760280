"""The writer: lock, mend a torn tail, write, unlock, sync, and only then acknowledge.

The sync stands outside the lock. What is acknowledged has everything before it on the medium all
the same: a sync covers the whole segment, and a segment is synced before the next one is begun.
"""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

from core.capsule.commit import GroupCommit, Ticket
from core.capsule.disk import explained, refuse_network
from core.capsule.logend import Draft, LogEnd, OpenFile
from core.capsule.record import Record
from core.clock import Clock, rfc3339
from core.errors import CapsuleError, CapsulePoisoned
from core.plain import plain
from core.private import make_private

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from core.capsule.disk import Disk

_Ticket = Ticket[Draft, Record]


class Appender:
    """One process's pen: thread-safe, and safe against other processes through a lock file."""

    def __init__(self, directory: Path, clock: Clock, segment_bytes: int, disk: Disk) -> None:
        self._directory = directory
        self._clock = clock
        self._disk = disk
        self._end = LogEnd(directory, segment_bytes, disk)
        self._lock: OpenFile | None = None
        self._poison: CapsulePoisoned | None = None
        self._group = GroupCommit(self._commit, self._interrupted)

    def append(self, draft: Draft) -> Record:
        """Make it the log's next record; returns once it is durable.

        Raises:
            CapsuleError: it could not be made so.
        """
        return self._group.run(draft)

    def begin(self, draft: Draft) -> _Ticket:
        """As ``append``, without blocking the event loop, whose task awaits the ticket."""
        return self._group.begin(draft)

    def close(self) -> None:
        """Give the open files back; a later append opens them again."""
        self._group.close()
        self._close_files()

    def _close_files(self) -> None:
        self._end.lose_track()
        lock, self._lock = self._lock, None
        if lock:
            os.close(lock.fd)

    def after_fork(self) -> None:
        """Start anew in a forked child, whose copies of the files share the parent's lock."""
        self._group = GroupCommit(self._commit, self._interrupted)  # the old one's threads are gone
        self._close_files()

    def _interrupted(self) -> CapsuleError:
        return CapsuleError(
            f"recording in {plain(self._directory)} was interrupted",
            remedy="Whether the event was recorded is not known; the log itself is whole.",
        )

    def _commit(self, gather: Callable[[], Sequence[_Ticket]]) -> None:
        if self._poison:
            self._fail(gather(), self._poison)
            return
        tickets: Sequence[_Ticket] = ()
        try:
            try:
                self._acquire()
                self._end.take_up()
                tickets = gather()  # not before: others came while we waited for the lock
                now = rfc3339(self._clock.now())
                records, failure = self._end.extend([ticket.wish for ticket in tickets], now)
            finally:
                self._release()
            if records:
                self._end.sync()
        except OSError as error:
            self._fail(tickets or gather(), explained(error, self._directory))
        except CapsuleError as error:
            if isinstance(error, CapsulePoisoned):
                self._poison = error
            self._fail(tickets or gather(), error)
        except BaseException:
            self._end.lose_track()
            raise
        else:
            for ticket, record in zip(tickets, records, strict=False):
                ticket.result = record
            if failure:
                self._fail(tickets[len(records) :], explained(failure, self._directory))

    def _fail(self, tickets: Sequence[_Ticket], error: CapsuleError) -> None:
        self._end.lose_track()
        for ticket in tickets:
            ticket.error = error

    def _acquire(self) -> None:
        """Lock the file that the lock's path leads to now, whoever removed an earlier one."""
        while True:
            lock = self._lock = self._lock or self._open_lock()
            fcntl.flock(lock.fd, fcntl.LOCK_EX)
            if lock.in_place():
                return
            self._close_files()

    def _release(self) -> None:
        if self._lock:
            fcntl.flock(self._lock.fd, fcntl.LOCK_UN)

    def _open_lock(self) -> OpenFile:
        made = make_private(self._directory)
        refuse_network(self._disk, self._directory)
        if self._directory in made:
            _keep_out_of_git(self._directory)
        return OpenFile.at(self._directory / "lock", os.O_RDWR | os.O_CREAT)


def _keep_out_of_git(directory: Path) -> None:
    """Prompts do not belong into a repository's history."""
    note = OpenFile.at(directory / ".gitignore", os.O_WRONLY | os.O_CREAT)
    try:
        os.write(note.fd, b"*\n")
    finally:
        os.close(note.fd)
