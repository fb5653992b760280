"""The run that calls belong to: a configuration that was changed begins a new one."""

from __future__ import annotations

import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from core.clock import Clock, SystemClock
from core.errors import ReflexError
from core.plain import plain
from core.router.implementer import Implementer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from core.settings import Settings

LOOK_EVERY_S = 1.0

logger = logging.getLogger(__name__)


class Runs:
    """Gives each call the Implementer of the configuration as it is when the call begins.

    ``reload`` reads the configuration again, once a second at most; without it the first one
    stays. An invalid one is reported, and the old settings stay in force. A run that was replaced
    is closed when its calls have ended. ``ids`` are those of all runs so far.
    """

    def __init__(
        self,
        settings: Settings,
        reload: Callable[[], Settings] | None = None,
        *,
        clock: Clock | None = None,
    ) -> None:
        self._reload = reload
        self._clock = clock or SystemClock()
        self._looked_at = self._clock.monotonic()
        self._complaint = ""
        self._current = _Run(Implementer.from_settings(settings))
        self.ids = [self._current.implementer.run_id]

    @asynccontextmanager
    async def current(self) -> AsyncIterator[Implementer]:
        """The Implementer for a call that begins now, which stays open until the context ends."""
        await self._look()
        run = self._current
        run.users += 1
        try:
            yield run.implementer
        finally:
            run.users -= 1
            if run is not self._current and not run.users:
                await run.implementer.aclose()

    async def aclose(self) -> None:
        """Close the current run; no call may be under way."""
        await self._current.implementer.aclose()

    async def _look(self) -> None:
        now = self._clock.monotonic()
        if self._reload is None or now - self._looked_at < LOOK_EVERY_S:
            return
        self._looked_at = now
        try:
            settings = self._reload()
            if _content(settings) == _content(self._current.implementer.settings):
                self._complaint = ""
                return
            begun = _Run(Implementer.from_settings(settings))
        except ReflexError as error:
            if str(error) != self._complaint:
                self._complaint = str(error)
                logger.warning(
                    "the changed configuration cannot be used, the old settings stay in force: %s",
                    plain(error),
                )
            return
        before, self._current, self._complaint = self._current, begun, ""
        self.ids.append(begun.implementer.run_id)
        policy = begun.implementer.policy.policy_hash
        logger.info("the configuration changed; new calls use policy %s", policy)
        if not before.users:
            await before.implementer.aclose()


class _Run:
    """An Implementer, and how many calls use it now."""

    def __init__(self, implementer: Implementer) -> None:
        self.implementer = implementer
        self.users = 0


def _content(settings: Settings) -> tuple[object, ...]:
    return settings.reflex, settings.cloud, settings.serve, settings.source
