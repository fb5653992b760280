"""A bakeoff beside the dashboard, which only posts messages."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from core.errors import ReflexError
from reflex_tui.watch.announcements import BakeoffEnded, BakeoffProgressed, WorkFailed
from reflex_tui.watch.stoppable import StoppableWork, WorkBroke

if TYPE_CHECKING:
    from core.clock import Clock
    from core.harness.bakeoff.plan import Plan
    from core.settings import Settings
    from reflex_tui.watch.watcher import Post


class BakeoffRun(StoppableWork):
    """One run; posts ``BakeoffProgressed`` for each of its events, then ``BakeoffEnded``, once.

    Of a run that is stopped the finished trials are reported as partial, and it can be resumed.
    """

    def __init__(
        self, settings: Settings, plan: Plan, post: Post, *, clock: Clock | None = None
    ) -> None:
        super().__init__("reflex-bakeoff")
        self.settings = settings
        self.plan = plan
        self._post = post
        self._clock = clock

    def _work(self) -> None:
        error: ReflexError | None = None
        try:
            asyncio.run(self._run())
        except ReflexError as raised:
            error = raised
        except Exception as bug:  # noqa: BLE001  a thread that ends by a bug must say so
            self._post(WorkFailed(bug))
            error = WorkBroke(bug)
        self._post(BakeoffEnded(error))

    async def _run(self) -> None:
        from core.harness.bakeoff.run import run_bakeoff  # the harness costs start-up

        with self._stoppable() as stop:
            if stop.is_set():
                return
            told = run_bakeoff(self.settings, self.plan, stop=stop, clock=self._clock)
            async with contextlib.aclosing(told) as events:
                async for event in events:
                    self._post(BakeoffProgressed(event))
