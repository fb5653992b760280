"""The thread that looks at server, gate and breaker."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

from core.errors import CapsuleError, ConfigError
from core.notify.own import own_notify
from reflex_tui.model.notices import lapse_of
from reflex_tui.watch.announcements import NoticeCame, ViewBlocked, ViewSeen
from reflex_tui.watch.watcher import Post, Watcher, unreadable

if TYPE_CHECKING:
    from core.clock import Clock
    from core.router.view import RoutingState, RoutingView
    from core.settings import Settings


LOOK_EVERY_S = 1.0
_AGES_S = 60.0


class ViewWatcher(Watcher):
    """Looks at server, gate and breaker every second, or at once when asked."""

    def __init__(self, settings: Settings, post: Post, clock: Clock | None = None) -> None:
        super().__init__("routing_view", post)
        self._settings = settings
        self._clock = clock
        self._deep = False
        self._changed = False
        self._aged = ""
        self._ages_at = 0.0
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
        routing: RoutingState | None = None
        try:
            while not self._stopping.is_set():
                if routing is not None and self._changed:
                    await routing.aclose()
                    routing = None
                self._changed = False
                routing = await self._look(routing)
                await self._pause()
        finally:
            if routing is not None:
                await routing.aclose()

    async def _look(self, routing: RoutingState | None) -> RoutingState | None:
        from core.router.view import RoutingState  # httpx costs the first paint

        deep, self._deep = self._deep, False
        try:
            routing = routing or RoutingState(self._settings, clock=self._clock)
            seen = await routing.look(deep=deep)
            self._post(ViewSeen(seen, deep=deep))
            self._tell_age(seen)
        except (ConfigError, CapsuleError) as error:
            self._post(ViewBlocked(error))
        except OSError as error:
            self._post(ViewBlocked(CapsuleError(unreadable(error))))
        return routing

    def _tell_age(self, seen: RoutingView) -> None:
        """Tell once a pass that it is soon too old; its age is looked at now and then."""
        seal, now = str((seen.gate.event or {}).get("seal")), time.monotonic()
        if not seen.gate.valid or self._aged == seal or now < self._ages_at:
            return
        self._ages_at = now + _AGES_S
        with contextlib.suppress(ConfigError):  # ``status`` says what is wrong with the file
            if notice := lapse_of(seen, own_notify().lapse_days):
                self._aged = seal
                self._post(NoticeCame(notice))

    async def _pause(self) -> None:
        assert self._wake is not None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK_EVERY_S):
                await self._wake.wait()
        self._wake.clear()
