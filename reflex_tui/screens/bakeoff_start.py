"""The start dialog: what a bakeoff is to run, and what that asks, takes and costs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.screen import ModalScreen
from textual.suggester import SuggestFromList
from textual.widgets import Input, Label

from core.errors import ConfigError, ReflexError
from core.harness.bakeoff.plan import DEFAULT_SUITE, Plan
from core.harness.sandbox import choose_tier
from core.harness.suites.find import available_suites
from core.plain import plain
from core.stages import CLOUD, PRIMARY
from reflex_tui.panes.estimate import Estimate, Past, estimate, past_of
from reflex_tui.widgets.cost import CostSection
from reflex_tui.widgets.key_bar import KeyBar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from textual.app import ComposeResult
    from textual.binding import BindingType

    from core.harness.sandbox import SelfTest
    from core.router.outlook import Outlook
    from core.settings import Settings
    from reflex_tui.panes.options import Options

_SETTLE_S = 0.15


class BakeoffStart(ModalScreen["Plan | None"]):
    """Dismissed with the plan to run, or with None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "begin", "Start", id="start.begin", priority=True),
        Binding("tab,down", "app.focus_next", "Next", id="start.next"),
        Binding("shift+tab,up", "app.focus_previous", "Back", show=False, id="start.back"),
        Binding("escape", "dismiss", "Cancel", id="start.cancel"),
    ]

    class Looked(Message):
        """An estimate for the fields as they were, or why it would be refused."""

        def __init__(self, plan: Plan | None, found: Estimate | ReflexError) -> None:
            super().__init__()
            self.plan, self.found = plan, found

    def __init__(
        self,
        settings: Settings,
        options: Options,
        look: Callable[[], Outlook | None],
        live_ms: Mapping[str, float | None],
    ) -> None:
        super().__init__()
        self._settings = settings
        self._options = options
        self._look = look
        self._live_ms = live_ms
        self._past: Past | None = None
        self._self_test: SelfTest | None = None
        self._asked = 0
        self.plan: Plan | None = None

    def compose(self) -> ComposeResult:
        """A field a line with what may stand in it, the cost below."""
        with Vertical(id="start"):
            for name, value, hint in self._fields():
                with Horizontal(classes="field"):
                    yield Label(name, classes="field-name", markup=False)
                    known = SuggestFromList(available_suites()) if name == "suite" else None
                    yield Input(
                        value,
                        id=f"start-{name}",
                        compact=True,
                        select_on_focus=False,
                        suggester=known,
                    )
                    yield Label(hint, classes="field-hint", markup=False)
            yield CostSection()
        yield KeyBar()

    def _fields(self) -> list[tuple[str, str, str]]:
        options, reflex = self._options, self._settings.reflex
        known = ", ".join([PRIMARY, *(plain(name, 40) for name in reflex.backends), CLOUD])
        return [
            ("suite", options.suite or DEFAULT_SUITE, "of the package, or a path"),
            ("arms", options.arms or f"{PRIMARY},{CLOUD}", f"of {known}"),
            ("tasks", options.tasks or "*", "a pattern on ids, such as c*"),
            ("trials", options.trials or "1", "goes at each task"),
            (
                "candidates",
                options.candidates or str(reflex.candidates),
                "replies asked at once, locally",
            ),
        ]

    def on_mount(self) -> None:
        """Begin at the first field; the first estimate is under way."""
        self.query_one("#start").border_title = "New bakeoff"
        self.query_one("#start-suite", Input).focus()
        self._estimate()
        self.set_interval(1.0, self._show_health)

    def on_input_changed(self, event: Input.Changed) -> None:
        """What was estimated is of other fields."""
        event.stop()
        self.plan = None
        self.refresh_bindings()
        self._estimate()

    def on_bakeoff_start_looked(self, message: Looked) -> None:
        """Show it."""
        costs = self.query_one(CostSection)
        if isinstance(message.found, ReflexError):
            self.plan, costs.found = None, message.found
        else:
            self.plan, costs.found = message.plan, message.found
        costs.looking = False
        self._show_health()
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """It starts only what is known to be runnable."""
        return self.plan is not None if action == "begin" else True

    def action_begin(self) -> None:
        """Run it."""
        self.dismiss(self.plan)

    async def action_dismiss(self, result: Plan | None = None) -> None:
        """Leave it."""
        self.dismiss(result)

    def _show_health(self) -> None:
        outlook = self._look()
        ill = outlook is not None and not outlook.health.ok
        self.query_one(CostSection).ill = outlook.health.summary if outlook and ill else ""

    def _estimate(self) -> None:
        self.query_one(CostSection).looking = True
        fields = {
            name: self.query_one(f"#start-{name}", Input).value.strip()
            for name in ("suite", "arms", "tasks", "trials", "candidates")
        }
        self._asked += 1
        self._work(fields, self._asked)

    @work(thread=True, group="estimate")
    def _work(self, fields: dict[str, str], number: int) -> None:
        import time  # noqa: PLC0415  a thread's own pause

        if number > 1:
            time.sleep(_SETTLE_S)
        if number != self._asked:
            return
        plan: Plan | None = None
        found: Estimate | ReflexError
        try:
            plan = plan_of(fields)
            if self._past is None:
                self._past = past_of(self._settings.state_dir / "eval", self._live_ms)
            if self._self_test is None:
                self._self_test = asyncio.run(choose_tier())
            found = estimate(self._settings, plan, self._past, self._self_test)
        except ReflexError as error:
            found = error
        if number == self._asked:
            self.post_message(self.Looked(plan, found))


def plan_of(fields: Mapping[str, str]) -> Plan:
    """The plan that the fields, as typed, ask for.

    Raises:
        ConfigError: A number is none, or out of its range.
    """
    return Plan(
        suite=fields["suite"] or DEFAULT_SUITE,
        arms=tuple(name.strip() for name in fields["arms"].split(",") if name.strip()),
        tasks=fields["tasks"] or "*",
        trials=_number(fields, "trials"),
        candidates=_number(fields, "candidates"),
    )


def _number(fields: Mapping[str, str], name: str) -> int:
    text = fields[name]
    if not (text.isascii() and text.isdigit() and len(text) < 6):  # noqa: PLR2004  digits
        raise ConfigError(f"{name} must be a number from 1, not {plain(text, 40)!r}")
    return int(text)
