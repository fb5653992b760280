"""The confirmation before reflex may serve, or may not any more: the line that changes, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.binding import Binding
from textual.containers import Vertical
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Static

from core.errors import ReflexError
from reflex_tui import promotion
from reflex_tui.screens.promote_lines import done_lines, error_lines, proposal_lines
from reflex_tui.shown_key import shown_key
from reflex_tui.widgets.key_bar import KeyBar
from reflex_tui.widgets.lines import MUTED, left, line

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.binding import BindingType

    from core.settings import Settings
    from reflex_tui.promotion import Done, Proposal


class PromoteScreen(ModalScreen[None]):
    """Looks at gate and file anew, shows what would be written, and writes it when told to."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "write", "Write it", id="promote.write"),
        Binding("escape,q", "close", "Close", id="promote.close"),
    ]

    class Looked(Message):
        """What would change, or why that cannot be told."""

        def __init__(self, found: Proposal | Done | ReflexError) -> None:
            super().__init__()
            self.found = found

    def __init__(self, settings: Settings, *, on: bool) -> None:
        super().__init__()
        self._settings = settings
        self._on = on
        self._writing = False
        self.found: Proposal | Done | ReflexError | None = None

    def compose(self) -> ComposeResult:
        """A frame, the words in it, the keys below."""
        with Vertical(id="promote"):
            yield Static(id="promote-text", markup=False)
        yield KeyBar()

    def on_mount(self) -> None:
        """Look."""
        title = "Let reflex serve Implement calls" if self._on else "Keep reflex from serving"
        self.query_one("#promote").border_title = title
        self._look()

    def on_resize(self) -> None:
        """Fit the words."""
        self.call_after_refresh(self._show)

    def on_promote_screen_looked(self, message: Looked) -> None:
        """Show it."""
        self.found, self._writing = message.found, False
        self._show()
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """There is something to write only where the gate allows it and the file lacks it."""
        if action != "write":
            return True
        found = self.found
        ready = isinstance(found, promotion.Proposal) and not self._writing
        return ready and bool(found.changes) and not found.refused  # type: ignore[union-attr]

    def action_write(self) -> None:
        """Write it."""
        if isinstance(self.found, promotion.Proposal):
            self._writing = True
            self.refresh_bindings()
            self._write(self.found)

    def action_close(self) -> None:
        """Back."""
        self.dismiss()

    def _show(self) -> None:
        text = self.query_one("#promote-text", Static)
        width = self.query_one("#promote").content_size.width
        match self.found:
            case None:
                lines = [line(("◌ looking at the gate and the file", MUTED))]
            case promotion.Proposal() as proposal:
                key = shown_key(self.app, "bakeoff.new", "n")
                lines = proposal_lines(proposal, width, key)
            case promotion.Done() as done:
                lines = done_lines(done, width, on=self._on)
            case error:
                lines = error_lines(error, width)
        text.update(line("\n").join(left(each, width) for each in lines))

    @work(thread=True, exclusive=True)
    def _look(self) -> None:
        found: Proposal | ReflexError
        try:
            found = promotion.propose(self._settings, on=self._on)
        except ReflexError as error:
            found = error
        self.post_message(self.Looked(found))

    @work(thread=True, exclusive=True)
    def _write(self, proposal: Proposal) -> None:
        found: Done | ReflexError
        try:
            found = promotion.carry_out(proposal, self._settings)
        except ReflexError as error:
            found = error
        self.post_message(self.Looked(found))
