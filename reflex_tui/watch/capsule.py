"""The thread that follows the capsule, other processes' events included."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from core.errors import CapsuleError
from reflex_tui.watch.announcements import CapsuleBroken, RecordsCame
from reflex_tui.watch.watcher import Post, Watcher, unreadable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from core.capsule import EventLog, Record


UPDATE_EVERY_S = 0.1
RETRY_AFTER_S = 2.0
FIRST_PAGE = 1000
# So many events before the first page tell which of its events belong to earlier calls.
CONTEXT = 200
_BATCH = 2000


class _StopEvent(threading.Event):
    """A stop event whose ``wait`` is where a follower has read all there is for the moment.

    ``goes_on`` is called there, and ends the following when it returns False.
    """

    def __init__(self, goes_on: Callable[[], bool]) -> None:
        super().__init__()
        self._goes_on = goes_on

    def wait(self, timeout: float | None = None) -> bool:
        """Whether to end, after ``timeout`` at the latest."""
        return not self._goes_on() or super().wait(timeout)


class CapsuleWatcher(Watcher):
    """Follows the capsule, other processes' events included, at most ten messages a second."""

    def __init__(self, path: Path, post: Post, *, first_page: int = FIRST_PAGE) -> None:
        super().__init__("capsule", post)
        self._path = path
        self._first_page = first_page
        self._batch: list[Record] = []
        self._last = 0
        self._fresh = True
        self._broken = False
        self._stopping = _StopEvent(self._all_read)

    def watch(self) -> None:
        """Begin with the newest page, then follow; a damaged log is tried again."""
        from core.capsule import EventLog  # after the first paint

        log = EventLog(self._path)
        while not self._stopping.is_set():
            try:
                self._follow(log)
            except CapsuleError as error:
                self._report_broken(error)
            except OSError as error:
                self._report_broken(CapsuleError(unreadable(error)))

    def _report_broken(self, error: CapsuleError) -> None:
        self._send()
        self._broken = True
        self._post(CapsuleBroken(error))
        threading.Event.wait(self._stopping, RETRY_AFTER_S)

    def _follow(self, log: EventLog) -> None:
        if self._fresh:
            page = log.tail(self._first_page + CONTEXT)
            self._last = page[-1].seq if page else 0
            # Where all there is was read, there is nothing before it to know of.
            whole = not page or page[0].seq == 1
            context = 0 if whole else max(0, len(page) - self._first_page)
            self._post(RecordsCame(tuple(page), fresh=True, context=context))
            self._fresh = self._broken = False
        for record in log.follow(self._last, poll_s=UPDATE_EVERY_S, stop=self._stopping):
            if record.seq <= self._last:  # another capsule is there now
                self._batch.clear()
                self._fresh = True
                return
            self._last = record.seq
            self._batch.append(record)
            if len(self._batch) >= _BATCH:
                self._send()
                threading.Event.wait(self._stopping, UPDATE_EVERY_S)

    def _all_read(self) -> bool:
        """Nothing more for the moment, and nothing damaged up to here; False to begin again."""
        if self._broken:
            self._broken = False
            self._post(RecordsCame(()))
        self._send()
        # Told by its directory, since a new file may have the inode and the size of the old one.
        self._fresh = self._last > 0 and not self._path.exists()
        return not self._fresh

    def _send(self) -> None:
        batch, self._batch = tuple(self._batch), []
        if batch:
            self._post(RecordsCame(batch))
