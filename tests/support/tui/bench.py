"""A running dashboard that sees only what a test tells it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from textual.widgets import Input

from reflex_tui.app import ReflexApp
from reflex_tui.watch.announcements import ConfigBroken, ConfigRead, RecordsCame
from reflex_tui.widgets.key_bar import KeyBar
from reflex_tui.widgets.log_view import LogView
from tests.support.patience import PATIENCE_S
from tests.support.tui.making import (
    StillClock,
    settings,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from textual.app import App
    from textual.message import Message
    from textual.pilot import Pilot

    from core.capsule import Record
    from core.settings import Settings
    from reflex_tui.panes.routing import RoutingPane


class Bench:
    """A running dashboard, what it was told, and what it shows."""

    def __init__(self, app: ReflexApp, pilot: Pilot[None], clock: StillClock) -> None:
        self.app, self.pilot, self.clock = app, pilot, clock
        self.dashboard = app.dashboard

    async def tell(self, *messages: Message) -> None:
        """Post what a watcher would."""
        for message in messages:
            target = self.app if isinstance(message, ConfigRead | ConfigBroken) else self.dashboard
            target.post_message(message)
        await self.drawn()

    async def press(self, *keys: str) -> None:
        """Press keys one after another."""
        await self.pilot.press(*keys)
        await self.drawn()

    async def drawn(self) -> None:
        """All is handled and drawn."""
        await self.pilot.pause()

    async def type(self, text: str) -> None:
        """Type a line."""
        entry = self.app.focused
        assert isinstance(entry, Input)
        entry.insert_text_at_cursor(text)
        await self.pilot.pause()

    @property
    def routing(self) -> RoutingPane:
        """The routing pane."""
        return self.dashboard.routing

    @property
    def view(self) -> LogView:
        """The log."""
        return self.routing.query_one(LogView)

    def shown(self) -> str:
        """Everything on the screen as text."""
        return shown(self.app)

    def shows(self, words: str) -> bool:
        """Whether that is on the screen, wrapped or not; not while it is still to be laid out."""
        if self.app.screen._compositor.size != self.app.size:
            return False
        return "".join(words.split()) in "".join(self.shown().split())

    async def sees(self, words: str) -> None:
        """Wait until that is on the screen: a sheet is filled by a worker, once it is laid out."""
        async with asyncio.timeout(PATIENCE_S):
            while not self.shows(words):
                assert self.app.is_running, "the dashboard is gone"
                await asyncio.sleep(0.02)

    def told(self) -> list[str]:
        """What its notices say."""
        return [each.message for each in self.app._notifications]

    def offered(self) -> set[str]:
        """What the footer offers."""
        return {does for _, _, does in self.app.screen.query_one(KeyBar).keys}


def shown(app: App[None]) -> str:
    """Everything on the screen as text."""
    width, height = app.size
    lines = app.screen._compositor.render_strips()
    assert len(lines) == height
    return "\n".join(strip.text[:width] for strip in lines)


@asynccontextmanager
async def dashboard(
    configured: Settings | None = None, *, size: tuple[int, int] = (120, 40), **options: Any
) -> AsyncIterator[Bench]:
    """A dashboard that sees only what it is told, whole and with nothing told yet."""
    clock = StillClock()
    app = ReflexApp(configured or settings(), clock=clock, watch=False, **options)
    app.animation_level = "none"
    async with app.run_test(size=size) as pilot:
        while not app.dashboard.is_whole:
            await pilot.pause()
        yield Bench(app, pilot, clock)
        assert not app.bugs, app.bugs


def came(records: Iterable[Record], **fields: bool) -> RecordsCame:
    """A page of the capsule, the first unless it says otherwise."""
    return RecordsCame(tuple(records), fresh=fields.pop("fresh", True), **fields)
