"""The threads that watch the workspace: server and gate, capsule. They only post messages."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING

from core.errors import CapsuleError, ConfigError
from reflex_tui.model.messages import CapsuleBroken, RecordsCame, ViewBlocked, ViewSeen
from reflex_tui.watch.archive import Archive
from reflex_tui.watch.files import ReportsWatcher
from reflex_tui.watch.watcher import Post, Watcher
from reflex_tui.watch.windows import WindowWatcher

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from core.capsule import EventLog, Record
    from core.clock import Clock
    from core.router.view import RoutingState
    from core.settings import Settings


LOOK_EVERY_S = 1.0
UPDATE_EVERY_S = 0.1
RETRY_AFTER_S = 2.0
FIRST_PAGE = 1000
_FIRST_ROWS_S = 0.15
_BATCH = 2000


class ViewWatcher(Watcher):
    """Looks at server, gate and breaker every second, or at once when asked."""

    def __init__(self, settings: Settings, post: Post, clock: Clock | None = None) -> None:
        super().__init__("outlook", post)
        self._settings = settings
        self._clock = clock
        self._deep = False
        self._changed = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake: asyncio.Event | None = None
        self._task: asyncio.Task[None] | None = None

    def look_now(self, *, deep: bool = False) -> None:
        """Look without waiting for the next second; ``deep`` generates something as well."""
        self._deep = self._deep or deep
        self._awake()

    def use(self, settings: Settings) -> None:
        """Look by another configuration from now on."""
        self._settings, self._changed = settings, True
        self._awake()

    def stop(self) -> None:
        """End it, also in the middle of a look at a server that does not answer."""
        super().stop()
        if self._loop and self._task and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._task.cancel)

    def watch(self) -> None:
        """Run the loop that looks."""
        with contextlib.suppress(asyncio.CancelledError):
            asyncio.run(self._watch())

    def _awake(self) -> None:
        if self._loop and self._wake and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake.set)

    async def _watch(self) -> None:
        self._loop, self._wake = asyncio.get_running_loop(), asyncio.Event()
        self._task = asyncio.current_task()
        lookout: RoutingState | None = None
        try:
            while not self._stopping.is_set():
                if lookout is not None and self._changed:
                    await lookout.aclose()
                    lookout = None
                self._changed = False
                lookout = await self._look(lookout)
                await self._pause()
        finally:
            if lookout is not None:
                await lookout.aclose()

    async def _look(self, lookout: RoutingState | None) -> RoutingState | None:
        from core.router.view import RoutingState  # httpx costs the first paint

        deep, self._deep = self._deep, False
        try:
            lookout = lookout or RoutingState(self._settings, clock=self._clock)
            self._post(ViewSeen(await lookout.look(deep=deep), deep=deep))
        except (ConfigError, CapsuleError) as error:
            self._post(ViewBlocked(error))
        except OSError as error:
            self._post(ViewBlocked(CapsuleError(_unreadable(error))))
        return lookout

    async def _pause(self) -> None:
        assert self._wake is not None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK_EVERY_S):
                await self._wake.wait()
        self._wake.clear()


class _Beat(threading.Event):
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
        self._stopping = _Beat(self._all_read)

    def watch(self) -> None:
        """Begin with the newest page, then follow; a damaged log is tried again."""
        from core.capsule import EventLog  # after the first paint

        log = EventLog(self._path)
        while not self._stopping.is_set():
            try:
                self._follow(log)
            except CapsuleError as error:
                self._tell_broken(error)
            except OSError as error:
                self._tell_broken(CapsuleError(_unreadable(error)))

    def _tell_broken(self, error: CapsuleError) -> None:
        self._send()
        self._broken = True
        self._post(CapsuleBroken(error))
        threading.Event.wait(self._stopping, RETRY_AFTER_S)

    def _follow(self, log: EventLog) -> None:
        if self._fresh:
            page = log.tail(self._first_page)
            self._last = page[-1].seq if page else 0
            self._post(RecordsCame(tuple(page), fresh=True))
            self._fresh = self._broken = False
        for record in log.follow(self._last, poll_s=UPDATE_EVERY_S, stop=self._stopping):
            if record.seq <= self._last:  # another capsule stands there now
                self._batch.clear()
                self._fresh = True
                return
            self._last = record.seq
            self._batch.append(record)
            if len(self._batch) >= _BATCH:
                self._send()
                threading.Event.wait(self._stopping, UPDATE_EVERY_S)

    def _all_read(self) -> bool:
        """Nothing more for the moment, and nothing damaged up to here; False to begin anew."""
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


def _unreadable(error: OSError) -> str:
    return f"{error.filename or 'the workspace'}: {error.strerror or error}"


class Feed:
    """The watchers of a workspace, started and stopped together."""

    def __init__(
        self,
        settings: Settings,
        post: Post,
        clock: Clock | None = None,
    ) -> None:
        self.outlook = ViewWatcher(settings, post, clock)
        self.capsule = CapsuleWatcher(settings.state_dir / "capsule", post)
        self.archive = Archive(settings.state_dir / "capsule", post)
        self.reports = ReportsWatcher(settings.state_dir / "eval", post)
        self.windows = WindowWatcher(settings, post, clock)
        self._followers = (self.archive, self.reports, self.windows)
        self._follow = threading.Event()
        self._stopped = threading.Event()
        self._starter = threading.Thread(target=self._start, name="reflex-starter", daemon=True)

    def start(self) -> None:
        """Begin to look; a thread's start waits until it runs, so it is not for the loop."""
        self._starter.start()

    def follow(self) -> None:
        """Watch the rest as well: there is a pane for it."""
        self._follow.set()

    def stop(self) -> None:
        """Ask all to end, and wait for it a moment."""
        watchers = (self.outlook, self.capsule, *self._followers)
        for watcher in watchers:
            watcher.stop()
        self._stopped.set()
        self._follow.set()
        self._starter.join()
        for watcher in watchers:
            watcher.join()

    def _start(self) -> None:
        self.outlook.start()
        self._follow.wait()
        if self._stopped.is_set():
            return
        self.capsule.start()
        # The fewer threads run, the sooner it is the picture's turn: first its rows, then the rest.
        if self._stopped.wait(_FIRST_ROWS_S):
            return
        from core.capsule import index  # noqa: F401

        for watcher in self._followers:
            watcher.start()
