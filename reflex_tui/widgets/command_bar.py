"""The line that ``/`` opens: a slash command with completion, as in a coding agent."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding
from textual.containers import Vertical
from textual.message import Message
from textual.reactive import reactive
from textual.style import Style
from textual.widgets import Input

from reflex_tui.model.gate import BAD
from reflex_tui.model.slash import PREFIX, Command, NoSuchCommand, SlashCall, complete, parse
from reflex_tui.widgets.keymap import shown_key
from reflex_tui.widgets.lines import MUTED, left, line
from reflex_tui.widgets.section import Section

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual import events
    from textual.app import ComposeResult
    from textual.binding import BindingType
    from textual.content import Content

_NAME = 34


class Completions(Section):
    """The commands that fit, the chosen one marked; or what is wrong."""

    offered: reactive[Sequence[Command]] = reactive((), layout=True)
    chosen: reactive[int] = reactive(0)
    problem: reactive[str] = reactive("", layout=True)

    def lines(self, width: int) -> list[Content]:
        """A line a command."""
        if self.problem:
            return [left(line((f"  ✖ {self.problem}", BAD)), width)]
        return [left(self._row(*each), width) for each in enumerate(self.offered)]

    def _row(self, number: int, command: Command) -> Content:
        marked = number == self.chosen
        row = line(
            ("▌ " if marked else "  ", "bold $reflex"),
            left(line((command.usage, "bold" if marked else "")), _NAME),
            (command.does, MUTED),
            (f"  {shown_key(self.app, command.binding, command.key)}", "bold $reflex"),
        )
        return row.stylize(Style.from_meta({"command": command.name}))


class CommandInput(Input):
    """The command while it is typed; says in the footer what Enter does."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "submit", "Run", id="bar.run")]


class CommandBar(Vertical):
    """Shown while ``is_open``; posts ``Ran`` with what was chosen, or ``Closed``."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "complete", "Complete", id="bar.complete"),
        Binding("up", "move(-1)", "Up", show=False, id="bar.up"),
        Binding("down", "move(1)", "Down", show=False, id="bar.down"),
        Binding("escape", "close", "Close", id="bar.close"),
    ]

    is_open: reactive[bool] = reactive(default=False, toggle_class="-open", repaint=False)

    class Ran(Message):
        """A command is to be run."""

        def __init__(self, call: SlashCall) -> None:
            super().__init__()
            self.call = call

    class Closed(Message):
        """The bar was left without a command."""

    def compose(self) -> ComposeResult:
        """The completions above the line."""
        yield Completions()
        yield CommandInput(id="command", compact=True, select_on_focus=False)

    def open(self) -> None:
        """Begin a command."""
        self.is_open = True
        entry = self.query_one(Input)
        entry.value = PREFIX + " "
        entry.cursor_position = len(entry.value)
        entry.focus()
        self._offer()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Offer what fits."""
        event.stop()
        self._offer()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Run what is typed; a beginning of a name runs the completion that is marked."""
        event.stop()
        try:
            call = parse(event.value)
        except NoSuchCommand as error:
            if not (marked := self._marked()):
                self.query_one(Completions).problem = str(error)
                return
            call = SlashCall(marked)
        else:
            marked = self._marked()
            if event.value.strip() == PREFIX and marked and self.query_one(Completions).chosen:
                call = SlashCall(marked)
        self.is_open = False
        self.post_message(self.Ran(call))

    def on_click(self, event: events.Click) -> None:
        """Run the completion that is clicked."""
        name = event.style.meta.get("command")
        for command in self.query_one(Completions).offered:
            if command.name == name:
                self.is_open = False
                self.post_message(self.Ran(SlashCall(command)))

    def action_complete(self) -> None:
        """Write the marked completion out."""
        if command := self._marked():
            entry = self.query_one(Input)
            entry.value = f"{PREFIX} {command.name}" + (" " if command.argument else "")
            entry.cursor_position = len(entry.value)

    def action_move(self, by: int) -> None:
        """Mark another completion."""
        listed = self.query_one(Completions)
        if listed.offered:
            listed.chosen = (listed.chosen + by) % len(listed.offered)

    def action_close(self) -> None:
        """Leave it."""
        self.is_open = False
        self.post_message(self.Closed())

    def _offer(self) -> None:
        listed = self.query_one(Completions)
        listed.problem, listed.chosen = "", 0
        listed.offered = complete(self.query_one(Input).value)

    def _marked(self) -> Command | None:
        listed = self.query_one(Completions)
        return listed.offered[listed.chosen] if listed.offered else None
