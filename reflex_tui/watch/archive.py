"""The thread that keeps the capsule's index in step and looks up what is not in memory."""

from __future__ import annotations

import subprocess
import threading
import time
from typing import TYPE_CHECKING

from core.errors import CapsuleCorrupt, CapsuleError
from core.start import python_module
from reflex_tui.model.filters import LogFilter
from reflex_tui.model.latencies import MOST_CALLS
from reflex_tui.model.log import PAGE
from reflex_tui.model.rows import indexed_call, listed_row
from reflex_tui.watch.announcements import (
    CallsCame,
    CallsWanted,
    CountWanted,
    IndexGrew,
    OrderCame,
    OrderWanted,
    PageCame,
    PageWanted,
    QuickCounted,
    QuickCountWanted,
    RowsCounted,
    SessionsCame,
    SessionsWanted,
    TimeFound,
    TimeWanted,
)
from reflex_tui.watch.watcher import Post, Watcher

if TYPE_CHECKING:
    from pathlib import Path

    from core.capsule.index import Index, ListedRows


UPDATE_EVERY_S = 0.25
RETRY_AFTER_S = 2.0
_CACHE_BYTES = 4 << 20
# From so much on, another process indexes.
MUCH_BYTES = 8 << 20
# While rows fly past, only what is looked at now is worth fetching.
_MOST_PAGES = 6

# Of calls in another order than time's.
MOST_ORDERED = 1000
_MOST_SESSIONS = 200
_MOST_QUICK = 24

Later = TimeWanted | OrderWanted | SessionsWanted
Question = CallsWanted | CountWanted | PageWanted | QuickCountWanted | Later


class Archive(Watcher):
    """Answers ``ask`` by a message; counts wait until what they ask about is indexed."""

    def __init__(self, path: Path, post: Post) -> None:
        super().__init__("archive", post)
        self._path = path
        self._lock = threading.Condition()
        self._count: CountWanted | None = None
        self._later: dict[type[Later], Later] = {}
        self._quick: list[QuickCountWanted] = []
        self._calls: CallsWanted | None = None
        self._pages: list[PageWanted] = []
        self._indexed = -1
        self._ended = False
        self._index: Index | None = None

    def ask(self, question: Question) -> None:
        """Have a question answered; a later one of its kind takes its place, but for pages."""
        with self._lock:
            match question:
                case CountWanted():
                    self._count = question
                case CallsWanted():
                    self._calls = question
                case QuickCountWanted():
                    self._quick = [*self._quick[1 - _MOST_QUICK :], question]
                case TimeWanted() | OrderWanted() | SessionsWanted():
                    self._later[type(question)] = question
                case PageWanted():
                    self._pages = [*self._pages[1 - _MOST_PAGES :], question]
            self._lock.notify()

    def stop(self) -> None:
        """Ask it to end, also in the middle of building."""
        super().stop()
        if index := self._index:
            index.halt()
        with self._lock:
            self._lock.notify()

    def watch(self) -> None:
        """Index what is new, answer, wait."""
        from core.capsule import EventLog  # after the first paint
        from core.capsule.index import Index

        with Index(EventLog(self._path), cache_bytes=_CACHE_BYTES) as index:
            self._index = index
            while not self._stopping.is_set():
                pause_s = self._update(index)
                self._answer_for(index, pause_s)

    def _build(self, index: Index) -> None:
        """Have another process index much: here it would take memory, and time from the picture."""
        seq, share, missing = index.behind()
        if missing < MUCH_BYTES:
            return
        command = [*python_module("core.capsule.index"), str(self._path)]
        with subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as builder:
            try:
                while builder.poll() is None and not self._stopping.is_set():
                    self._tell(seq, share)
                    self._answer_for(index, UPDATE_EVERY_S)
                    seq, share, _ = index.behind()
            finally:
                builder.terminate()

    def _update(self, index: Index) -> float:
        def progress(seq: int, share: float) -> None:
            self._tell(seq, share)
            self._answer(index)

        try:
            self._ended = False
            self._build(index)
            seq = index.update(progress, self._stopping)
        except CapsuleCorrupt as error:
            self._ended = True
            self._tell(self._indexed, 1.0, error)
            return RETRY_AFTER_S
        except (CapsuleError, OSError):
            return RETRY_AFTER_S  # the follower tells what is wrong with the log itself
        self._ended = not self._stopping.is_set()
        self._tell(seq, 1.0)
        return UPDATE_EVERY_S

    def _tell(self, seq: int, share: float, damage: CapsuleError | None = None) -> None:
        if seq != self._indexed or damage:
            self._indexed = seq
            self._post(IndexGrew(seq, share, damage))

    def _answer_for(self, index: Index, pause_s: float) -> None:
        """Answer what is asked until the next update is due."""
        end = time.monotonic() + pause_s
        self._answer(index)
        while not self._stopping.is_set() and (left := end - time.monotonic()) > 0:
            with self._lock:
                asked = self._lock.wait(left)
            if asked:
                self._answer(index)

    def _answer(self, index: Index) -> None:
        """The count first: pages are numbered by it. Of the pages the newest first."""
        try:
            while not self._stopping.is_set() and (question := self._next()):
                match question:
                    case CountWanted():
                        self._post(_counted(index, question))
                    case PageWanted():
                        self._post(_page(index, question))
                    case TimeWanted():
                        self._post(_found(index, question))
                    case CallsWanted():
                        self._post(_called(index, question))
                    case OrderWanted():
                        self._post(_ordered(index, question))
                    case SessionsWanted():
                        self._post(SessionsCame(tuple(index.sessions(_MOST_SESSIONS))))
                    case QuickCountWanted():
                        older = index.number(_listed(question.filter), question.edge)
                        self._post(QuickCounted(question, older))
        except CapsuleError:
            pass  # another process holds the index for long: asked again when looked at again

    def _next(self) -> Question | None:
        with self._lock:
            count = self._count
            if count and (self._ended or self._indexed >= count.edge - 1):
                self._count = None
                return count
            if self._pages:
                return self._pages.pop()
            calls = self._calls
            if calls and (self._ended or self._indexed >= calls.edge - 1):
                self._calls = None
                return calls
            # What is looked for in all the log waits until all of it is there to be looked at.
            for kind in self._later:
                if self._ended or kind is TimeWanted:
                    return self._later.pop(kind)
            if self._quick and (self._ended or self._indexed >= self._quick[0].edge - 1):
                return self._quick.pop(0)
            return None


def _listed(chosen: LogFilter) -> ListedRows:
    from core.capsule.index import ListedRows  # after the first paint

    return ListedRows(chosen.fields, chosen.words, chosen.over_ms, chosen.under_ms)


def _counted(index: Index, question: CountWanted) -> RowsCounted:
    wanted = _listed(question.filter)
    before = index.number(wanted, question.edge)
    in_all = (
        before if question.filter.is_empty else index.number(_listed(LogFilter()), question.edge)
    )
    anchor = index.number(wanted, question.anchor) if question.anchor < question.edge else before
    return RowsCounted(question, before, in_all, anchor)


def _page(index: Index, question: PageWanted) -> PageCame:
    found = index.listed(_listed(question.filter), question.page * PAGE, PAGE)
    return PageCame(question, tuple(map(listed_row, found)))


def _ordered(index: Index, question: OrderWanted) -> OrderCame:
    found = index.ordered(
        _listed(question.filter), question.by, MOST_ORDERED, descending=question.descending
    )
    return OrderCame(question, tuple(map(listed_row, found)))


def _found(index: Index, question: TimeWanted) -> TimeFound:
    seq = index.seq_at(question.at)
    number = 0 if seq is None else index.number(_listed(question.filter), seq)
    return TimeFound(question, seq, number)


def _called(index: Index, question: CallsWanted) -> CallsCame:
    found = index.attempts(question.since, question.edge, MOST_CALLS)
    return CallsCame(question, tuple(map(indexed_call, found)))
