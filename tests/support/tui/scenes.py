"""A dashboard brought into a state, to be drawn: as a picture, or as text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from reflex_tui.app import ReflexApp
from reflex_tui.screens.dashboard import Dashboard
from reflex_tui.watch.announcements import ConfigBroken
from tests.support.tui.bench import shown
from tests.support.tui.making import StillClock, settings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from textual.message import Message
    from textual.pilot import Pilot

    Snap = Callable[..., bool]

SMALL, MIDDLE, LARGE = (80, 24), (120, 40), (160, 48)
SIZES = (SMALL, MIDDLE, LARGE)
# No such directory: the help page names files of the user's own.
HOME = Path("/home/ada")


class Scene:
    """An application, what it is told, and the keys that are pressed before the picture.

    ``later`` is what it is told after the keys.
    """

    def __init__(
        self,
        messages: Sequence[Message],
        keys: Sequence[str] = (),
        theme: str = "reflex-dark",
        configured: Any = None,
    ) -> None:
        self._messages = messages
        self._keys = keys
        self.app = ReflexApp(
            configured or settings(),
            clock=StillClock(),
            watch=False,
            theme_file=HOME / ".local/state/speckit-reflex/theme",
            keymap_file=HOME / ".config/speckit-reflex/keys.toml",
        )
        self.later: Sequence[Message] = ()
        self.app.theme = theme
        self.app.animation_level = "none"

    async def play(self, pilot: Pilot[None]) -> None:
        """Tell it all, press the keys."""
        dashboard = pilot.app.screen
        while not (isinstance(dashboard, Dashboard) and dashboard.is_whole):
            await pilot.pause()
        for message in self._messages:
            target = pilot.app if isinstance(message, ConfigBroken) else dashboard
            target.post_message(message)
        await pilot.pause()
        for key in self._keys:
            await pilot.press(key)
        for message in self.later:
            dashboard.post_message(message)
        await pilot.pause()
        dashboard.show_waiting_figures()  # else by a timer, before the picture or after
        for entry in pilot.app.screen.query("Input"):
            entry.cursor_blink = False  # type: ignore[attr-defined]
        await self._drawn(pilot)

    async def _drawn(self, pilot: Pilot[None]) -> None:
        for _ in range(3):  # a sheet is filled after it has been laid out, a chart drawn twice
            await pilot.app.workers.wait_for_complete()
            await pilot.pause()

    def looks_as_before(self, snap: Snap, size: tuple[int, int]) -> bool:
        """Whether the picture is the one on disk."""
        play: Callable[[Pilot[None]], Awaitable[None]] = self.play
        return snap(self.app, terminal_size=size, run_before=play)

    async def text(self, size: tuple[int, int]) -> str:
        """What is on the screen as text."""
        return (await self.texts(size))[size]

    async def texts(self, *sizes: tuple[int, int]) -> dict[tuple[int, int], str]:
        """What is on the screen as text, at one size after another: a person resizes it."""
        texts = {}
        async with self.app.run_test(size=sizes[0]) as pilot:
            await self.play(pilot)
            for size in sizes:
                await pilot.resize_terminal(*size)
                await self._drawn(pilot)
                texts[size] = shown(self.app)
        return texts


def says(shown: str, *words: str) -> None:
    """Each of them is on the screen."""
    assert [each for each in words if each not in shown] == [], shown
