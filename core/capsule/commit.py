"""Group commit: whoever wants the same slow thing done at the same time shares one doing of it."""

from __future__ import annotations

import _thread
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence
    from concurrent.futures import ThreadPoolExecutor

T = TypeVar("T")
R = TypeVar("R")


class Ticket(Generic[T, R]):
    """One wish of a thread or a task, and what became of it."""

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
        self._threads: ThreadPoolExecutor | None = None

    def run(self, wish: T) -> R:
        """The result for this wish, waited for by the calling thread; raises the ticket's error."""
        ticket = Ticket[T, R](wish)
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

    async def run_async(self, wish: T) -> R:
        """As ``run``, for a task. Cancelling stops the waiting, not the commit."""
        from asyncio import get_running_loop  # noqa: PLC0415  who calls this has loaded it

        ticket = Ticket[T, R](wish)
        future = ticket.future = get_running_loop().create_future()
        with self._mutex:
            self._waiting.append(ticket)
            leads = self._leader is None
            if leads:
                self._leader = ticket
        if leads:
            self._lead_in_thread(ticket)
        await future
        return ticket.outcome()

    def close(self) -> None:
        """End the thread that leads for tasks, if there is one."""
        threads, self._threads = self._threads, None
        if threads:
            threads.shutdown(wait=False)

    def _lead_in_thread(self, ticket: Ticket[T, R]) -> None:
        if self._threads is None:
            from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415  for tasks alone

            self._threads = ThreadPoolExecutor(1, thread_name_prefix="capsule")
        self._threads.submit(self._lead_and_leave, ticket)

    def _lead_and_leave(self, ticket: Ticket[T, R]) -> None:
        try:
            self._lead(ticket)
        finally:
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
