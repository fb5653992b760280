"""Group commit: whoever wants the same slow thing done at the same time shares one doing of it."""

from __future__ import annotations

import _thread
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Generator, Sequence
    from queue import SimpleQueue

T = TypeVar("T")
R = TypeVar("R")


class Ticket(Generic[T, R]):
    """One wish of a thread or a task, and what became of it; the task awaits it, once."""

    __slots__ = ("error", "future", "gate", "result", "settled", "wish")

    def __init__(self, wish: T) -> None:
        self.wish = wish
        self.result: R | None = None
        self.error: BaseException | None = None
        self.settled = False
        self.gate: _thread.LockType | None = None  # held while the ticket's thread must wait
        self.future: asyncio.Future[None] | None = None  # what the ticket's task waits for

    def outcome(self) -> R:
        """The result; raises the error instead where there is one."""
        if self.error is not None:
            raise self.error.with_traceback(None)  # several may share it, and raise it often
        assert self.result is not None
        return self.result

    def __await__(self) -> Generator[Any, None, R]:
        assert self.future is not None
        yield from self.future
        return self.outcome()


class GroupCommit(Generic[T, R]):
    """Runs ``commit`` for all tickets that gathered until it asked for them.

    Who finds nobody at it leads: commits for everyone who waits, then hands over. ``commit`` is
    given a function that returns the tickets; whoever comes after it was called waits for the next
    commit. It settles each by its ``result`` or ``error``; one left without is given ``lost()``.
    """

    def __init__(
        self,
        commit: Callable[[Callable[[], Sequence[Ticket[T, R]]]], None],
        lost: Callable[[], Exception],
    ) -> None:
        self._commit = commit
        self._lost = lost
        self._mutex = threading.Lock()
        self._waiting: list[Ticket[T, R]] = []
        self._batch: list[Ticket[T, R]] = []
        self._leader: Ticket[T, R] | None = None
        self._handed: SimpleQueue[Ticket[T, R] | None] | None = None
        self._thread: threading.Thread | None = None

    def run(self, wish: T) -> R:
        """The result for this wish, waited for by the calling thread; raises the ticket's error."""
        ticket: Ticket[T, R] = Ticket(wish)
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

    def begin(self, wish: T) -> Ticket[T, R]:
        """As ``run``, for a task, which awaits the ticket.

        Those begun without a pause stand in this order and share a commit. Cancelling stops the
        waiting, not the commit.
        """
        from asyncio import get_running_loop  # noqa: PLC0415  who calls this has loaded it

        ticket: Ticket[T, R] = Ticket(wish)
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

    def _lead_in_thread(self, ticket: Ticket[T, R]) -> None:
        if self._handed is None:
            from queue import SimpleQueue  # noqa: PLC0415  for tasks alone

            # A thread of its own: an executor's bookkeeping takes as long as handing over does.
            self._handed = SimpleQueue()
            self._thread = threading.Thread(
                target=self._lead_for_tasks, args=(self._handed,), name="capsule", daemon=True
            )
            self._thread.start()
        self._handed.put(ticket)

    def _lead_for_tasks(self, handed: SimpleQueue[Ticket[T, R] | None]) -> None:
        while ticket := handed.get():
            # What breaks a commit off has been told to those who waited for it.
            with suppress(BaseException):
                self._lead(ticket)
            self._leave(ticket)

    def _lead(self, ticket: Ticket[T, R]) -> None:
        try:
            self._commit(self._gather)
        finally:
            # Nobody was asked for where the commit broke off early; the others find a new leader.
            batch, self._batch = self._batch or [ticket], []
            self._settle(batch)

    def _gather(self) -> list[Ticket[T, R]]:
        with self._mutex:
            self._batch, self._waiting = self._waiting, []
        return self._batch

    def _settle(self, batch: list[Ticket[T, R]]) -> None:
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

    def _leave(self, ticket: Ticket[T, R]) -> None:
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
