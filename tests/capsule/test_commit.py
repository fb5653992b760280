"""Group commit: one leader at a time, everybody served, nobody left behind by who leaves."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest

from core.capsule.append import GroupCommit, Ticket
from tests.support.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Gather = Callable[[], Sequence[Ticket[int, int]]]


class LostError(Exception):
    """A commit broke off."""


def test_every_wish_is_committed_once() -> None:
    """Many threads, one commit at a time, each wish in exactly one batch."""
    batches: list[list[int]] = []
    busy = threading.Lock()

    def commit(gather: Gather) -> None:
        tickets = gather()
        assert busy.acquire(blocking=False)
        batches.append([ticket.request for ticket in tickets])
        for ticket in tickets:
            ticket.result = ticket.request * 10
        busy.release()

    group = GroupCommit(commit, LostError)
    results: list[int] = []

    def work(first: int) -> None:
        results.extend(group.run(first + number) for number in range(50))

    threads = [threading.Thread(target=work, args=(name * 100,)) for name in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wishes = sorted(wish for batch in batches for wish in batch)
    assert len(wishes) == len(set(wishes)) == 600
    assert sorted(results) == [wish * 10 for wish in wishes]


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit])
def test_an_interrupted_leader_leaves_nobody_waiting(interruption: type[BaseException]) -> None:
    """Ctrl-C in a commit: who shared it is told that it broke off, who came later is served."""
    entered, go_on = threading.Event(), threading.Event()
    outcomes: dict[int, str] = {}

    def commit(gather: Gather) -> None:
        tickets = gather()
        if any(ticket.request == 1 for ticket in tickets):
            entered.set()
            go_on.wait(PATIENCE_S)
            raise interruption
        for ticket in tickets:
            ticket.result = ticket.request

    group = GroupCommit(commit, LostError)

    def work(wish: int) -> None:
        try:
            outcomes[wish] = f"done {group.run(wish)}"
        except BaseException as error:  # noqa: BLE001  that is what is looked at
            outcomes[wish] = type(error).__name__

    threads = [threading.Thread(target=work, args=(wish,)) for wish in range(1, 6)]
    threads[0].start()
    assert entered.wait(PATIENCE_S)
    for thread in threads[1:]:
        thread.start()
    while len(group._waiting) < 4:
        pass
    go_on.set()
    for thread in threads:
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
    later = {wish: f"done {wish}" for wish in range(2, 6)}
    assert outcomes == {1: interruption.__name__, **later}
    assert group.run(9) == 9


def test_who_comes_before_the_tickets_are_asked_for_shares_the_commit() -> None:
    """Those who arrive while the leader waits for the lock need no commit of their own."""
    entered, go_on = threading.Event(), threading.Event()
    batches: list[list[int]] = []

    def commit(gather: Gather) -> None:
        entered.set()
        go_on.wait(PATIENCE_S)
        tickets = gather()
        batches.append(sorted(ticket.request for ticket in tickets))
        for ticket in tickets:
            ticket.result = ticket.request

    group = GroupCommit(commit, LostError)
    threads = [threading.Thread(target=group.run, args=(wish,)) for wish in range(1, 6)]
    threads[0].start()
    assert entered.wait(PATIENCE_S)
    for thread in threads[1:]:
        thread.start()
    while len(group._waiting) < 5:
        pass
    go_on.set()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert batches == [[1, 2, 3, 4, 5]]


async def test_a_commit_that_breaks_off_before_it_asks_harms_its_leader_only() -> None:
    """A task that led is told; who waited behind it, task or thread, is served by the next."""
    entered, go_on = threading.Event(), threading.Event()

    def commit(gather: Gather) -> None:
        if not entered.is_set():
            entered.set()
            go_on.wait(PATIENCE_S)
            raise SystemExit
        for ticket in gather():
            ticket.result = ticket.request

    group = GroupCommit(commit, LostError)
    leader = asyncio.ensure_future(group.begin(1))
    await asyncio.to_thread(entered.wait, PATIENCE_S)
    others = [asyncio.ensure_future(group.begin(2)), asyncio.to_thread(group.run, 3)]
    served = asyncio.gather(*others)
    while len(group._waiting) < 3:
        await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(LostError):
        await asyncio.wait_for(leader, PATIENCE_S)
    assert await asyncio.wait_for(served, PATIENCE_S) == [2, 3]
    group.close()


def test_a_commit_that_settles_too_little_is_an_error() -> None:
    """A ticket without result is never an acknowledgement."""
    group = GroupCommit[int, int](lambda _: None, LostError)
    with pytest.raises(LostError):
        group.run(1)


async def test_tasks_and_threads_share_commits() -> None:
    """Tasks of a loop and other threads are served together, each by its own result."""
    batches: list[int] = []

    def commit(gather: Gather) -> None:
        tickets = gather()
        batches.append(len(tickets))
        for ticket in tickets:
            if ticket.request % 7:
                ticket.result = ticket.request
            else:
                ticket.error = LostError(ticket.request)

    group = GroupCommit(commit, LostError)

    async def work(first: int) -> list[int | None]:
        found: list[int | None] = []
        for number in range(first, first + 20):
            try:
                found.append(await group.begin(number))
            except LostError:
                found.append(None)
        return found

    threaded = asyncio.to_thread(lambda: [group.run(7 * number + 1) for number in range(200)])
    tasks = asyncio.gather(*(work(20 * name) for name in range(30)))
    found, numbers = await asyncio.gather(tasks, threaded)
    flat = [number for part in found for number in part]
    assert flat == [number if number % 7 else None for number in range(600)]
    assert numbers == [7 * number + 1 for number in range(200)]
    assert sum(batches) == 800
    assert len(batches) < 800
    group.close()


async def test_a_cancelled_task_stops_waiting_only() -> None:
    """Its wish is committed all the same, and the others get theirs."""
    entered, go_on = threading.Event(), threading.Event()
    committed: list[int] = []

    def commit(gather: Gather) -> None:
        tickets = gather()
        entered.set()
        go_on.wait(PATIENCE_S)
        for ticket in tickets:
            committed.append(ticket.request)
            ticket.result = ticket.request

    group = GroupCommit(commit, LostError)
    tasks = [asyncio.ensure_future(group.begin(wish)) for wish in range(4)]
    await asyncio.to_thread(entered.wait, PATIENCE_S)
    for cancelled in (tasks[0], tasks[2]):
        cancelled.cancel()
    await asyncio.sleep(0)
    go_on.set()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [
        asyncio.CancelledError,
        int,
        asyncio.CancelledError,
        int,
    ]
    assert sorted(committed) == [0, 1, 2, 3]
    group.close()


def test_a_loop_that_ended_stops_nobody() -> None:
    """Tasks whose loop was closed are forgotten; the next loop is served."""
    entered, go_on = threading.Event(), threading.Event()

    def commit(gather: Gather) -> None:
        tickets = gather()
        entered.set()
        go_on.wait(PATIENCE_S)
        for ticket in tickets:
            ticket.result = ticket.request

    group = GroupCommit(commit, LostError)

    async def leave_behind() -> None:
        task = asyncio.ensure_future(group.begin(1))
        await asyncio.to_thread(entered.wait, PATIENCE_S)
        task.cancel()

    async def one(wish: int) -> int:
        return await group.begin(wish)

    asyncio.run(leave_behind())
    go_on.set()
    assert asyncio.run(one(2)) == 2
    assert group.run(3) == 3
    group.close()
