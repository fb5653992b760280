"""The start dialog: what a bakeoff is to run, and what that asks, takes and costs."""

from __future__ import annotations

import asyncio
from textwrap import wrap
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.reactive import reactive
from textual.screen import ModalScreen
from textual.suggester import SuggestFromList
from textual.widgets import Input, Label, Static

from core.errors import ConfigError, ReflexError
from core.figures import count, duration, plural
from core.harness.bakeoff.plan import DEFAULT_SUITE, Plan
from core.harness.sandbox import choose_tier
from core.harness.suites.loading import available_suites, own_names
from core.plain import plain, plain_block
from core.stages import CLOUD, PRIMARY
from reflex_tui.model.estimate import Estimate, PastRuns, estimate, past_of
from reflex_tui.model.gate import BAD, POOR
from reflex_tui.widgets.key_bar import KeyBar
from reflex_tui.widgets.lines import MUTED, TITLE, labelled, left, line
from reflex_tui.widgets.refusing import RefusesKeys
from reflex_tui.widgets.section import Section
from reflex_tui.widgets.suite_choice import SuiteChoice, suite_header

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from textual.app import ComposeResult
    from textual.binding import BindingType
    from textual.content import Content

    from core.harness.mining.suite_facts import SuiteFacts
    from core.harness.sandbox import SelfTest
    from core.router.view import RoutingView
    from core.settings import Settings
    from reflex_tui.model.estimate import SuitePower
    from reflex_tui.model.slash import BakeoffOptions


_LABEL = 12
_MOST_LEFT_OUT = 3

_SETTLE_S = 0.15


class CostSection(Section):
    """Shows ``found``, of earlier fields while ``looking``; ``down``: why the server is, if so."""

    found: reactive[Estimate | ReflexError | None] = reactive(None, layout=True)
    looking: reactive[bool] = reactive(default=True)
    down: reactive[str] = reactive("", layout=True)

    def lines(self, width: int) -> list[Content]:
        """A label a line."""
        if self.found is None:
            return [line(("◌ reading the suite and testing the sandbox", MUTED))]
        if isinstance(self.found, ReflexError):
            lines = _refused(self.found, width)
        else:
            lines = self._told(self.found, width)
        if self.looking:
            lines = [each.stylize("$muted") for each in lines]
        return [left(each, width) for each in lines]

    def _told(self, found: Estimate, width: int) -> list[Content]:
        rows = (
            ("ASKS", _scope(found, width - _LABEL)),
            ("CALLS", _calls(found)),
            ("TAKES", _time(found)),
            ("COSTS", _price(found)),
            *([("POWER", _power(found.power))] if found.power else []),
        )
        lines = [
            each
            for name, told in rows
            for each in labelled(line((name.ljust(_LABEL), TITLE)), told, width)
        ]
        if found.left_out:
            lines += _left_out(found, width)
        if found.limits:
            lines += _wrapped("▲ does not count: ", found.limits, POOR, width)
        if self.down:
            lines += _wrapped("▲ reflex is down: ", self.down, POOR, width)
        return lines


def _scope(found: Estimate, width: int) -> Content:
    """How many tasks, and who is asked: beside it where there is room, else below."""
    part = "all" if found.selected == found.tasks else f"{found.selected} of"
    each = f" × {plural(found.trials, 'trial')}" if found.trials > 1 else ""
    arms = " against ".join(plain(one.model, 40) for one in found.arms)
    tasks = f"{part} {plural(found.tasks, 'task')}{each}"
    beside = f"   {arms}"
    fits = len(tasks) + len(beside) <= width
    return line(tasks, (beside if fits else f"\n{arms}", MUTED))


def _calls(found: Estimate) -> Content:
    least, most = found.calls
    each = (f"{a.name} {_between(a.calls_least, a.calls_most)}" for a in found.arms)
    return line(_between(least, most), (f"   {plain(', '.join(each), 200)}", MUTED))


def _between(least: int, most: int) -> str:
    return count(least) if least == most else f"{count(least)} to {count(most)}"


def _time(found: Estimate) -> Content:
    if found.seconds is None:
        return line("unknown yet", (f"   {found.basis}", MUTED))
    return line(f"about {duration(1000 * found.seconds)}", (f"   {found.basis}", MUTED))


def _price(found: Estimate) -> Content:
    if found.usd is None:
        return line((found.usd_why, MUTED))
    paid = ", ".join(plain(a.model, 40) for a in found.arms if not a.local)
    return line(f"about ${found.usd:,.2f}", (f"   {paid}, at the prices in [cloud]", MUTED))


def _power(power: SuitePower) -> Content:
    style = "" if power.enough else POOR
    sign = "" if power.enough else "▲ "
    return line((f"{sign}{power.words}", style), (f"   {power.basis}", MUTED))


def _left_out(found: Estimate, width: int) -> list[Content]:
    some = found.left_out[:_MOST_LEFT_OUT]
    told = f"{plural(len(found.left_out), 'task')} that cannot be used"
    lines = [line(("LEFT OUT".ljust(_LABEL), TITLE), told)]
    for one in some:
        lines += labelled(line(" " * _LABEL), line((plain(one, 300), MUTED)), width)
    if len(found.left_out) > len(some):
        lines.append(line(" " * _LABEL, (f"and {len(found.left_out) - len(some)} more", MUTED)))
    return lines


def _refused(error: ReflexError, width: int) -> list[Content]:
    lines = _wrapped("✖ ", error.message, BAD, width)
    for raw in plain_block(error.remedy, 1000).splitlines():
        lines += [line("  ", row) for row in wrap(raw, max(20, width - 2)) or [""]]
    return lines


def _wrapped(start: str, text: str, style: str, width: int) -> list[Content]:
    return [line((row, style)) for row in wrap(start + plain(text, 500), max(20, width))]


class BakeoffStart(RefusesKeys, ModalScreen["Plan | None"]):
    """Dismissed with the plan to run, or with None."""

    VERTICAL_BREAKPOINTS = [(0, "-short"), (30, "-tall")]  # noqa: RUF012  Textual declares it so
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "begin", "Start", id="start.begin", priority=True),
        Binding("tab,down", "app.focus_next", "Next", id="start.next"),
        Binding("shift+tab,up", "app.focus_previous", "Suites", id="start.back"),
        Binding("ctrl+n", "make", "New suite", id="start.make", priority=True),
        Binding("escape", "dismiss", "Cancel", id="start.cancel"),
    ]

    class Looked(Message):
        """An estimate for the fields as they were, or why it would be refused."""

        def __init__(self, plan: Plan | None, found: Estimate | ReflexError) -> None:
            super().__init__()
            self.plan, self.found = plan, found

    class SuitesRead(Message):
        """The suites there are; ``chosen`` is the name of one that was just made."""

        def __init__(self, found: Sequence[SuiteFacts], chosen: str) -> None:
            super().__init__()
            self.found, self.chosen = found, chosen

    def __init__(
        self,
        settings: Settings,
        options: BakeoffOptions,
        look: Callable[[], RoutingView | None],
        live_ms: Mapping[str, float | None],
    ) -> None:
        super().__init__()
        self._settings = settings
        self._options = options
        self._look = look
        self._live_ms = live_ms
        self._past: PastRuns | None = None
        self._self_test: SelfTest | None = None
        self._asked = 0
        self.plan: Plan | None = None

    def compose(self) -> ComposeResult:
        """A field a line with what may stand in it, the cost below."""
        with Vertical(id="start"):
            yield Static(id="start-suites-header", markup=False)
            yield SuiteChoice()
            for name, value, hint in self._fields():
                with Horizontal(classes="field"):
                    yield Label(name, classes="field-name", markup=False)
                    known = SuggestFromList(self._names) if name == "suite" else None
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

    @property
    def _names(self) -> tuple[str, ...]:
        return (*available_suites(), *own_names(self._settings.source.root))

    def _fields(self) -> list[tuple[str, str, str]]:
        options, reflex = self._options, self._settings.reflex
        known = ", ".join([PRIMARY, *(plain(name, 40) for name in reflex.backends), CLOUD])
        return [
            ("suite", options.suite or DEFAULT_SUITE, "name or path; ↑ to the list"),
            ("arms", options.arms or f"{PRIMARY},{CLOUD}", f"of {known}"),
            ("tasks", options.tasks or "*", "pattern of task ids, such as c*"),
            ("trials", options.trials or "1", "trials per task"),
            (
                "candidates",
                options.candidates or str(reflex.candidates),
                "parallel replies per local call",
            ),
        ]

    def on_mount(self) -> None:
        """Begin at the first field; the first estimate is under way."""
        self.query_one("#start").border_title = "New bakeoff"
        self.query_one("#start-suite", Input).focus()
        self._estimate()
        self._read_suites()
        self.set_interval(1.0, self._show_health)

    def on_resize(self) -> None:
        """Fit the columns."""
        self.call_after_refresh(self._show_header)

    def on_bakeoff_start_suites_read(self, message: SuitesRead) -> None:
        """Show them; a suite that was just made is chosen."""
        chosen = message.chosen or self._suite.value.strip()
        self.query_one(SuiteChoice).show_suites(message.found, chosen)
        self._show_header()
        if message.chosen:
            self._suite.value = message.chosen

    def on_suite_choice_wanted(self, message: SuiteChoice.Wanted) -> None:
        """Take the suite under the cursor."""
        self._suite.value = message.name

    def action_make(self) -> None:
        """Make a suite of this workspace's code."""
        from reflex_tui.screens.suite_make import SuiteMake  # when it is wanted

        self.app.push_screen(SuiteMake(self._settings.source.root), self._take)

    def _take(self, made: str | None) -> None:
        self._read_suites(made)

    @property
    def _suite(self) -> Input:
        return self.query_one("#start-suite", Input)

    def _show_header(self) -> None:
        width = max(0, self.query_one(SuiteChoice).size.width - 1)
        self.query_one("#start-suites-header", Static).update(suite_header(width))

    @work(thread=True, group="suites", exclusive=True)
    def _read_suites(self, chosen: str | None = None) -> None:
        from core.harness.mining.suite_facts import all_suites  # it costs start-up

        self.post_message(self.SuitesRead(all_suites(self._settings.source.root), chosen or ""))

    def on_input_changed(self, event: Input.Changed) -> None:
        """What was estimated is of other fields."""
        event.stop()
        if event.input is self._suite and not self.query_one(SuiteChoice).has_focus:
            self.query_one(SuiteChoice).put_cursor(event.value.strip())
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

    def why_not(self, action: str, parameters: tuple[object, ...] = ()) -> str:  # noqa: ARG002
        """It starts only what is known to be runnable."""
        if action != "begin" or self.plan is not None:
            return ""
        if self.query_one(CostSection).looking:
            return "The suite is still being read, and the sandbox tested"
        return "It cannot be started so: the reason is below the fields"

    def action_begin(self) -> None:
        """Run it."""
        self.dismiss(self.plan)

    async def action_dismiss(self, result: Plan | None = None) -> None:
        """Leave it."""
        self.dismiss(result)

    def _show_health(self) -> None:
        routing_view = self._look()
        down = routing_view is not None and not routing_view.health.ok
        self.query_one(CostSection).down = (
            routing_view.health.summary if routing_view and down else ""
        )

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
        import time  # a thread's own pause

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
