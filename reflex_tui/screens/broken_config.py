"""The screen for an invalid configuration: what is wrong and where, until it is fixed."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding
from textual.screen import Screen

from reflex_tui.model.first_config import example
from reflex_tui.watch.announcements import CopyWanted
from reflex_tui.widgets.key_bar import KeyBar
from reflex_tui.widgets.keymap import shown_key
from reflex_tui.widgets.refusing import RefusesKeys
from reflex_tui.widgets.section import IN_FILE, Notice

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.binding import BindingType

    from core.errors import ConfigError


class BrokenConfigScreen(RefusesKeys, Screen[None]):
    """Closes when the file is fixed; with ``in_force`` there is something to go back to."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Back, with the last valid one", id="config.close"),
        Binding("c", "copy", "Copy the lines", id="config.copy"),
        Binding("q", "app.quit", "Quit", id="config.quit"),
    ]

    def __init__(self, error: ConfigError, *, in_force: bool) -> None:
        super().__init__()
        self._error = error
        self._in_force = in_force

    def compose(self) -> ComposeResult:
        """The notice and the keys."""
        yield Notice()
        yield KeyBar()

    def on_mount(self) -> None:
        """Say what is wrong."""
        self.say(self._error)

    def say(self, error: ConfigError) -> None:
        """Say what is wrong now."""
        force = (
            ("The last valid configuration stays in force.",)
            if self._in_force
            else ("No server is contacted until it is fixed.",)
        )
        key = shown_key(self.app, "config.copy", "c")
        self.query_one(Notice).show(
            "✖ The configuration cannot be used",
            "error",
            (
                error.message,
                "",
                *error.remedy.splitlines(),
                "",
                f"A minimal valid file ({key} copies it):",
                "",
                *(f"{IN_FILE}{each}" for each in example()),
                "",
                *force,
                "This screen closes when the file is fixed.",
            ),
        )

    def why_not(self, action: str, parameters: tuple[object, ...] = ()) -> str:  # noqa: ARG002
        """There is a way back only when something is in force."""
        no_way_back = action == "close" and not self._in_force
        return "There is no valid configuration to go back to" if no_way_back else ""

    def action_copy(self) -> None:
        """Copy the lines of a good file."""
        self.post_message(CopyWanted("\n".join(example()), "the lines"))

    def action_close(self) -> None:
        """Back to the dashboard."""
        self.dismiss()
