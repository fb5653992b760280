"""Group commit: whoever wants the same slow thing done at the same time shares one doing of it."""

from __future__ import annotations

import _thread
import threading
from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence
    from concurrent.futures import ThreadPoolExecutor

T = TypeVar("T")
R = TypeVar("R")


class Ticket(Generic[T, R]):
    """One wish of a thread, and what became of it."""

    __slots__ = ("error", "gate", "result", "settled", "wish")

    def __init__(self, wish: T) -> None:
        self.wish = wish
        self.result: R | None = None
        self.error: BaseException | None = None
        self.settled = False
        self.gate: _thread.LockType | None = None  # held while the ticket's thread must wait

    def wake(self) -> None:
        """Let its owner go on: settled, or made the leader."""
        if self.gate:
            self.gate.release()

    def outcome(self) -> R:
        """The result; raises the error instead where there is one."""
        if self.error is not None:
            raise self.error.with_traceback(None)  # several may share it, and raise it often
        assert self.result is not None
        return self.result


class _TaskTicket(Ticket[T, R]):
    """One wish of an asyncio task; when it has to lead, a thread of the group does so."""

    __slots__ = ("_lead", "_mailbox", "future")

    def __init__(self, wish: T, mailbox: _Mailbox, lead: Callable[[Ticket[T, R]], None]) -> None:
        super().__init__(wish)
        self.future: asyncio.Future[None] = mailbox.loop.create_future()
        self._mailbox = mailbox
        self._lead = lead

    def wake(self) -> None:
        if self.settled:
            self._mailbox.post(self.future)
        else:
            self._lead(self)


class _Mailbox:
    """Wakes tasks of one event loop: one call into the loop for all that were settled together."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._futures: deque[asyncio.Future[None]] = deque()

    def post(self, future: asyncio.Future[None]) -> None:
        self._futures.append(future)
        if len(self._futures) > 1:
            return  # a call is under way, and ends only after this one
        try:
            self.loop.call_soon_threadsafe(self._deliver)
        except RuntimeError:
            self._futures.clear()  # the loop was closed, and nobody waits any more

    def _deliver(self) -> None:
        while self._futures:
            future = self._futures[0]
            if not future.done():
                future.set_result(None)
            self._futures.popleft()  # last, so that who posts meanwhile sees that we are at it


class GroupCommit(Generic[T, R]):
    """Runs ``commit`` for all tickets that gathered while its last run was under way.

    Who finds nobody at it leads: commits for everyone who waits, then hands over. ``commit``
    settles each ticket by its ``result`` or ``error``; one left without is given ``lost()``.
    """

    def __init__(
        self, commit: Callable[[Sequence[Ticket[T, R]]], None], lost: Callable[[], Exception]
    ) -> None:
        self._commit = commit
        self._lost = lost
        self._mutex = threading.Lock()
        self._waiting: list[Ticket[T, R]] = []
        self._leader: Ticket[T, R] | None = None
        self._mailbox: _Mailbox | None = None
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
                self._lead()
        finally:
            # Also when Ctrl-C came at any point above: nobody may wait for a thread that left.
            self._leave(ticket)
        return ticket.outcome()

    async def run_async(self, wish: T) -> R:
        """As ``run``, for a task. Cancelling stops the waiting, not the commit."""
        from asyncio import get_running_loop  # noqa: PLC0415  who calls this has loaded it

        mailbox = self._mailbox
        if mailbox is None or mailbox.loop is not get_running_loop():
            mailbox = self._mailbox = _Mailbox(get_running_loop())
        ticket = _TaskTicket[T, R](wish, mailbox, self._lead_in_thread)
        with self._mutex:
            self._waiting.append(ticket)
            leads = self._leader is None
            if leads:
                self._leader = ticket
        if leads:
            self._lead_in_thread(ticket)
        await ticket.future
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
            self._lead()
        finally:
            self._leave(ticket)

    def _lead(self) -> None:
        with self._mutex:
            batch, self._waiting = self._waiting, []
        try:
            self._commit(batch)
        finally:
            for ticket in batch:
                if ticket.result is None and ticket.error is None:
                    ticket.error = self._lost()
                ticket.settled = True
                ticket.wake()

    def _leave(self, ticket: Ticket[T, R]) -> None:
        with self._mutex:
            if ticket in self._waiting:
                self._waiting.remove(ticket)
            if self._leader is ticket:
                self._leader = self._waiting[0] if self._waiting else None
                if self._leader:
                    self._leader.wake()
