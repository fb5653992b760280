"""A page of text over the dashboard: help, models, status, check, a report."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from reflex_tui.messages import CopyWanted
from reflex_tui.widgets.key_bar import KeyBar

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.app import ComposeResult
    from textual.binding import BindingType


class Sheet(ModalScreen[None]):
    """Shows what ``build(width)`` returns, again when the terminal's size changes.

    ``copies`` is what ``c`` puts on the clipboard; without it there is no such key.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "close", "Close", id="sheet.close"),
        Binding("c", "copy", "Copy", id="sheet.copy"),
    ]

    def __init__(
        self, heading: str, build: Callable[[int], list[Content]], *, copies: str = ""
    ) -> None:
        super().__init__()
        self._heading = heading
        self._build = build
        self._copies = copies

    def compose(self) -> ComposeResult:
        """A frame, the text in it, the keys below."""
        with VerticalScroll(id="sheet"):
            yield Static(id="sheet-text")
        yield KeyBar()

    def on_mount(self) -> None:
        """Name it, and let the keys scroll."""
        self.query_one("#sheet").border_title = Content(self._heading)
        self.query_one("#sheet").focus()

    def on_resize(self) -> None:
        """Fit the text."""
        self.call_after_refresh(self._fill)

    def _fill(self) -> None:
        width = self.query_one("#sheet").scrollable_content_region.width
        self.query_one("#sheet-text", Static).update(Content("\n").join(self._build(width)))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Copying is there when there is something to copy."""
        return bool(self._copies) if action == "copy" else True

    def action_close(self) -> None:
        """Back to the dashboard."""
        self.dismiss()

    def action_copy(self) -> None:
        """Put it on the clipboard."""
        self.post_message(CopyWanted(self._copies, self._heading))
