"""Asked once before leaving stops a running bakeoff; its finished trials are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from reflex_tui.widgets.key_bar import KeyBar
from reflex_tui.widgets.lines import MUTED, line
from reflex_tui.widgets.refusing import RefusesKeys

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.app import ComposeResult
    from textual.binding import BindingType

    from reflex_tui.watch.bakeoff import BakeoffRun

_LOOK_EVERY_S = 0.1


class LeaveScreen(RefusesKeys, ModalScreen[None]):
    """``run`` is stopped when the user says so, and ``leave`` called once its report is written."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,q", "leave", "Stop it and leave", id="leave.leave"),
        Binding("escape", "stay", "Stay", id="leave.stay"),
    ]

    def __init__(self, run: BakeoffRun, far: str, leave: Callable[[], None]) -> None:
        super().__init__()
        self._run_left = run
        self._far = far
        self._leave = leave
        self._leaving = False

    def compose(self) -> ComposeResult:
        """A frame, the question, the keys."""
        with Vertical(id="leave"):
            yield Static(id="leave-text", markup=False)
        yield KeyBar()

    def on_mount(self) -> None:
        """Ask; a run that ends by itself meanwhile needs no answer."""
        self.query_one("#leave").border_title = "A bakeoff is running"
        self.query_one("#leave-text", Static).update(
            line(
                (f"▸ {self._far}\n\n", "bold"),
                "Leaving stops it. Finished trials are kept in a partial report;\n"
                "r on the bakeoff pane resumes the run.",
            )
        )
        self.set_interval(_LOOK_EVERY_S, self._look)

    def why_not(self, action: str, parameters: tuple[object, ...] = ()) -> str:  # noqa: ARG002
        """Once it is stopping there is no way back."""
        stops = action == "stay" and self._leaving
        return "It is being stopped: there is no way back" if stops else ""

    def action_leave(self) -> None:
        """Stop it, then leave; asked again: leave at once."""
        if self._leaving:
            self._leave()
            return
        self._leaving = True
        self._run_left.stop()
        self.query_one("#leave-text", Static).update(
            line(("▲ stopping; writing the partial report …", "bold $warning"), ("\n\n", MUTED))
        )
        self.refresh_bindings()

    def action_stay(self) -> None:
        """Back."""
        self.dismiss()

    def _look(self) -> None:
        if self._run_left.alive:
            return
        if self._leaving:
            self._leave()
        else:
            self.dismiss()
