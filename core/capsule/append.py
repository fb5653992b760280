"""The writer: lock, repair a torn tail, write, unlock, sync, and only then acknowledge.

The sync is outside the lock. What is acknowledged still has everything before it on the disk: a
sync covers the whole segment, and a segment is synced before the next one is begun.

``GroupCommit`` lets threads and tasks that append at the same time share one write and one sync.
"""

from __future__ import annotations

import _thread
import fcntl
import os
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from core.capsule.logend import Draft, LogEnd, OpenFile, explained, refuse_network
from core.capsule.record import Record
from core.clock import Clock, rfc3339
from core.errors import CapsuleError, CapsulePoisoned
from core.files import make_private
from core.plain import plain

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Generator, Sequence
    from pathlib import Path
    from queue import SimpleQueue

    from core.capsule.logend import Disk


Request = TypeVar("Request")
Result = TypeVar("Result")


class Ticket(Generic[Request, Result]):
    """A request of a thread or a task, and its outcome; a task awaits it, once."""

    __slots__ = ("error", "future", "gate", "request", "result", "settled")

    def __init__(self, request: Request) -> None:
        self.request = request
        self.result: Result | None = None
        self.error: BaseException | None = None
        self.settled = False
        self.gate: _thread.LockType | None = None  # held while the ticket's thread must wait
        self.future: asyncio.Future[None] | None = None  # what the ticket's task waits for

    def outcome(self) -> Result:
        """The result; raises the error instead where there is one."""
        if self.error is not None:
            raise self.error.with_traceback(None)  # several may share it, and raise it often
        assert self.result is not None
        return self.result

    def __await__(self) -> Generator[Any, None, Result]:
        assert self.future is not None
        yield from self.future
        return self.outcome()


class GroupCommit(Generic[Request, Result]):
    """Runs ``commit`` for all tickets that gathered until it asked for them.

    The first to come leads: it commits for all who wait, then hands over to the next. ``commit`` is
    given a function that returns the tickets; whoever comes after it was called waits for the next
    commit. It sets each ticket's ``result`` or ``error``; one left without is given ``lost()``.
    """

    def __init__(
        self,
        commit: Callable[[Callable[[], Sequence[Ticket[Request, Result]]]], None],
        lost: Callable[[], Exception],
    ) -> None:
        self._commit = commit
        self._lost = lost
        self._mutex = threading.Lock()
        self._waiting: list[Ticket[Request, Result]] = []
        self._batch: list[Ticket[Request, Result]] = []
        self._leader: Ticket[Request, Result] | None = None
        self._handed: SimpleQueue[Ticket[Request, Result] | None] | None = None
        self._thread: threading.Thread | None = None

    def run(self, request: Request) -> Result:
        """The result for this request; blocks the calling thread, raises the ticket's error."""
        ticket: Ticket[Request, Result] = Ticket(request)
        try:
            with self._mutex:
                self._waiting.append(ticket)
                if self._leader is None:
                    self._leader = ticket
                else:
                    ticket.gate = _thread.allocate_lock()
                    ticket.gate.acquire()
            if ticket.gate:
                ticket.gate.acquire()
            if not ticket.settled:
                self._lead(ticket)
        finally:
            # Also when Ctrl-C came at any point above: nobody may wait for a thread that left.
            self._leave(ticket)
        return ticket.outcome()

    def begin(self, request: Request) -> Ticket[Request, Result]:
        """As ``run``, for a task, which awaits the ticket.

        Those begun without a pause stand in this order and share a commit. Cancelling stops the
        waiting, not the commit.
        """
        from asyncio import get_running_loop  # who calls this has loaded it

        ticket: Ticket[Request, Result] = Ticket(request)
        ticket.future = get_running_loop().create_future()
        with self._mutex:
            self._waiting.append(ticket)
            leads = self._leader is None
            if leads:
                self._leader = ticket
        if leads:
            self._lead_in_thread(ticket)
        return ticket

    def close(self) -> None:
        """End the thread that leads for tasks, if there is one, once it has done what it began."""
        handed, self._handed = self._handed, None
        thread, self._thread = self._thread, None
        if handed:
            handed.put(None)
        if thread and thread is not threading.current_thread():
            thread.join()

    def _lead_in_thread(self, ticket: Ticket[Request, Result]) -> None:
        if self._handed is None:
            from queue import SimpleQueue  # for tasks alone

            # A thread of its own: an executor's bookkeeping takes as long as handing over does.
            self._handed = SimpleQueue()
            self._thread = threading.Thread(
                target=self._lead_for_tasks, args=(self._handed,), name="capsule", daemon=True
            )
            self._thread.start()
        self._handed.put(ticket)

    def _lead_for_tasks(self, handed: SimpleQueue[Ticket[Request, Result] | None]) -> None:
        while ticket := handed.get():
            # Those who waited have been given the error that broke it off.
            with suppress(BaseException):
                self._lead(ticket)
            self._leave(ticket)

    def _lead(self, ticket: Ticket[Request, Result]) -> None:
        try:
            self._commit(self._gather)
        finally:
            # Nobody was asked for where the commit broke off early; the others find a new leader.
            batch, self._batch = self._batch or [ticket], []
            self._settle(batch)

    def _gather(self) -> list[Ticket[Request, Result]]:
        with self._mutex:
            self._batch, self._waiting = self._waiting, []
        return self._batch

    def _settle(self, batch: list[Ticket[Request, Result]]) -> None:
        tasks: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}
        for ticket in batch:
            if ticket.result is None and ticket.error is None:
                ticket.error = self._lost()
            ticket.settled = True
            if ticket.gate:
                ticket.gate.release()
            elif ticket.future:
                tasks.setdefault(ticket.future.get_loop(), []).append(ticket.future)
        for loop, futures in tasks.items():  # one call into a loop for all of its tasks
            with suppress(RuntimeError):  # it was closed, and nobody waits any more
                loop.call_soon_threadsafe(_wake, futures)

    def _leave(self, ticket: Ticket[Request, Result]) -> None:
        with self._mutex:
            if ticket in self._waiting:
                self._waiting.remove(ticket)
            if self._leader is ticket:
                self._leader = leader = self._waiting[0] if self._waiting else None
                if leader and leader.future:
                    self._lead_in_thread(leader)
                elif leader and leader.gate:
                    leader.gate.release()


def _wake(futures: list[asyncio.Future[None]]) -> None:
    for future in futures:
        if not future.done():
            future.set_result(None)


_Ticket = Ticket[Draft, Record]


class Appender:
    """One process's writer: thread-safe, and safe beside other processes through a lock file."""

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
        """Begin again in a forked child, whose copies of the files share the parent's lock."""
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
                records, failure = self._end.extend([ticket.request for ticket in tickets], now)
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
