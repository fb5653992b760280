"""A bakeoff beside the dashboard: a thread with a loop of its own that only posts messages."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING

from core.errors import ReflexError
from reflex_tui.watch.messages import BakeoffEnded, BakeoffProgressed, WatcherDied

if TYPE_CHECKING:
    from core.clock import Clock
    from core.harness.bakeoff.plan import Plan
    from core.settings import Settings
    from reflex_tui.watch.watcher import Post


class BakeoffRun:
    """One run; posts ``BakeoffProgressed`` for each of its events, then ``BakeoffEnded``, once."""

    def __init__(
        self, settings: Settings, plan: Plan, post: Post, *, clock: Clock | None = None
    ) -> None:
        self.settings = settings
        self.plan = plan
        self._post = post
        self._clock = clock
        self._lock = threading.Lock()
        self._stop_wanted = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._work, name="reflex-bakeoff", daemon=True)

    @property
    def alive(self) -> bool:
        """Whether it is still at work, its report included."""
        return self._thread.is_alive()

    @property
    def stopping(self) -> bool:
        """Whether it was asked to stop."""
        return self._stop_wanted

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End it in order: finished trials are reported as partial, and the run can be resumed."""
        with self._lock:
            self._stop_wanted = True
            if self._loop and self._stop:
                self._loop.call_soon_threadsafe(self._stop.set)

    def join(self, timeout_s: float) -> None:
        """Wait for its end."""
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    def _work(self) -> None:
        error: ReflexError | None = None
        try:
            asyncio.run(self._run())
        except ReflexError as raised:
            error = raised
        except Exception as bug:  # noqa: BLE001  a thread that ends by a bug must say so
            self._post(WatcherDied(bug))
            return
        self._post(BakeoffEnded(error))

    async def _run(self) -> None:
        from core.harness.bakeoff.run import run_bakeoff  # the harness costs start-up

        stop = asyncio.Event()
        with self._lock:
            self._loop, self._stop = asyncio.get_running_loop(), stop
            if self._stop_wanted:
                return
        try:
            told = run_bakeoff(self.settings, self.plan, stop=stop, clock=self._clock)
            async with contextlib.aclosing(told) as events:
                async for event in events:
                    self._post(BakeoffProgressed(event))
        finally:
            with self._lock:
                self._loop = self._stop = None
