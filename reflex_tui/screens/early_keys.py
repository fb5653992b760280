"""Keys pressed before all panes are there: kept whole, in order, and pressed again afterwards.

Else a command that is typed at once would lose its beginning, and its letters do other things.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.events import Key
from textual.widgets import Input

if TYPE_CHECKING:
    from textual.screen import Screen

_MOST = 200
_LEAVE = "q"


class EarlyKeys:
    """The keys that wait for ``screen`` to be whole; ``press`` them then."""

    def __init__(self, screen: Screen[None]) -> None:
        self._screen = screen
        self._kept: list[Key] = []
        self._pressed: Key | None = None
        self._holds = True

    def take(self, event: Key) -> None:
        """Keep a key for later; one that leaves does so at once, if it is the first."""
        leaving = event.key == _LEAVE and not self._kept
        if not self._holds or event is self._pressed or leaving:
            return
        event.stop().prevent_default()
        if len(self._kept) < _MOST:
            self._kept.append(event)

    def press(self) -> None:
        """Press the next one; ``done`` goes on once its bindings have done what they do."""
        self._holds = bool(self._kept)
        if self._kept:
            kept = self._kept.pop(0)
            self._pressed = Key(kept.key, kept.character)
            self._screen.app.post_message(self._pressed)
            if isinstance(self._screen.focused, Input) and kept.is_printable:
                self._screen.app.call_later(self.press)  # it is text, and no binding's

    def done(self) -> None:
        """A key has done what it does."""
        if self._holds and self._pressed is not None:
            self._screen.app.call_later(self.press)

    def release(self) -> None:
        """Whatever became of those kept: from now on keys do what they do."""
        self._kept.clear()
        self._holds = False
