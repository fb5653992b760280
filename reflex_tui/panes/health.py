"""The health pane: is the server healthy, who would answer next, how fast both modes were."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding
from textual.containers import Container, Vertical, VerticalScroll
from textual.reactive import reactive

from core.errors import ReflexError, UntrustedEndpoint
from reflex_tui.model.benefits import benefits_of
from reflex_tui.model.uptime import Looks
from reflex_tui.watch.announcements import CommandWanted, LookWanted, WindowWanted
from reflex_tui.widgets.backends_table import BackendsSection, show_calls
from reflex_tui.widgets.benefits import BenefitsSection, ReasonsSection, RecentSection
from reflex_tui.widgets.gate import BreakerSection, EvidenceSection, GateSection
from reflex_tui.widgets.keymap import shown_key
from reflex_tui.widgets.plot import PlotSection
from reflex_tui.widgets.refusing import RefusesKeys
from reflex_tui.widgets.section import Notice
from reflex_tui.widgets.server_panel import RemedySection, ServerSection, copy_wanted, pastable
from reflex_tui.widgets.watched import WatchedSection

if TYPE_CHECKING:
    from datetime import datetime

    from textual.app import ComposeResult
    from textual.binding import BindingType

    from core.router.view import RoutingView
    from reflex_tui.model.latencies import Figures, Windowed
    from reflex_tui.model.rows import Row
    from reflex_tui.widgets.backends_table import ShownCalls

_PROBES_KEPT = 120


class HealthPane(RefusesKeys, VerticalScroll):
    """Shows a routing view, the live figures and what the capsule holds; all are set from outside.

    ``blocked`` is why there is no routing_view: an untrusted endpoint, say. While ``charting`` the
    latency has the whole pane.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "look(False)", "Probe", id="health.probe"),
        Binding("d", "look(True)", "Deep probe", id="health.deep"),
        Binding("c", "copy", "Copy", id="health.copy"),
        Binding("l", "chart", "Chart", id="health.chart"),
        Binding("w", "window", "Window", id="health.window"),
        Binding("b", "savings", "Savings", show=False, id="health.savings"),
    ]
    blocked: reactive[ReflexError | None] = reactive(None, repaint=False)

    routing_view: reactive[RoutingView | None] = reactive(None, repaint=False)
    live: reactive[Figures | None] = reactive(None, repaint=False)
    now: reactive[datetime | None] = reactive(None, repaint=False)
    charting: reactive[bool] = reactive(
        default=False, init=False, repaint=False, toggle_class="-charting"
    )

    def __init__(self) -> None:
        super().__init__(id="health")
        self._looks = Looks()
        self._seen: Windowed | None = None
        self._probes: deque[float | None] = deque(maxlen=_PROBES_KEPT)
        self._rates: deque[float] = deque(maxlen=_PROBES_KEPT)

    def compose(self) -> ComposeResult:
        """The backends and the gate over the whole width, then two columns, then the remedy."""
        yield Notice()
        yield BackendsSection()
        yield GateSection()
        yield WatchedSection()
        with Container(id="columns"):
            with Vertical(id="facts"):
                yield ServerSection()
                yield BreakerSection()
                yield BenefitsSection()
                yield ReasonsSection()
                yield EvidenceSection()
                yield RecentSection()
            with Vertical(id="latency"):
                yield PlotSection()
        yield RemedySection()

    def watch_routing_view(self, routing_view: RoutingView | None) -> None:
        """Pass a new look on; the remedy of a server that is down takes the lower half."""
        unhealthy = routing_view is not None and not routing_view.health.ok
        self.set_class(unhealthy, "-down")
        if routing_view is None:
            return
        from core.router.condition import LISTED  # who looks has loaded it

        health, server = routing_view.health, self.query_one(ServerSection)
        previous = server.routing_view.health if server.routing_view else None
        if previous and (previous.endpoint, previous.model) != (health.endpoint, health.model):
            self._looks.clear()
            self._probes.clear()
            self._rates.clear()
        if previous is None or previous.checked_at != health.checked_at:
            # A failed generation comes from a server that answers.
            up = health.ok or health.cause in LISTED
            self._probes.append(health.latency_ms if up else None)
            self._looks.add(health.checked_at, ok=up)
            if health.load is not None and health.load.tokens_per_s is not None:
                self._rates.append(health.load.tokens_per_s)
        server.probes, server.rates = tuple(self._probes), tuple(self._rates)
        server.routing_view = routing_view
        if health.deep is not None or not health.ok:
            server.deep = health.deep
            failed = health.deep is not None and health.deep.error is not None
            server.deep_advice = health.remedy[0] if failed and health.remedy else ""
        remedy = self.query_one(RemedySection)
        if (
            remedy.routing_view is None
            or remedy.routing_view.health.cause != routing_view.health.cause
        ):
            remedy.copied = None
        remedy.routing_view = routing_view
        limit_ms = routing_view.policy.reflex.thresholds.p95_latency_ms
        self.query_one(BackendsSection).limit_ms = limit_ms
        self.query_one(PlotSection).limit_ms = limit_ms
        self.query_one(GateSection).routing_view = routing_view
        self.query_one(WatchedSection).routing_view = routing_view
        breaker = self.query_one(BreakerSection)
        breaker.routing_view, breaker.seen_at = routing_view, self.now
        self.query_one(EvidenceSection).routing_view = routing_view
        self.query_one(BenefitsSection).sample = routing_view.policy.reflex.shadow.sample
        self._show_hour()
        self._show_benefits()
        self.refresh_bindings()

    def watch_live(self, live: Figures | None) -> None:
        """What calls took of late."""
        self.query_one(ServerSection).live = live

    def show_calls(self, shown: ShownCalls) -> None:
        """Table and chart of these calls."""
        show_calls(self.query_one(BackendsSection), self.query_one(PlotSection), shown)

    def show_gpu(self, words: str) -> None:
        """How busy the graphics card is."""
        self.query_one(ServerSection).gpu = words

    def watch_now(self, now: datetime | None) -> None:
        """Ages grow."""
        self.query_one(ServerSection).now = now
        self.query_one(BreakerSection).now = now
        self.query_one(EvidenceSection).now = now
        self.query_one(RecentSection).now = now
        self._show_hour()

    def show_window(self, seen: Windowed | None, share: float) -> None:
        """What the capsule's index shows, or how much of the log it has read so far."""
        benefits = self.query_one(BenefitsSection)
        if seen is None:
            benefits.share = share
            return
        self.query_one(ReasonsSection).reasons = seen.reasons
        self._seen = seen
        self._show_hour()
        self._show_benefits()

    def show_generating(self) -> None:
        """A deep probe has been asked for, and its result is waited for."""
        self.query_one(ServerSection).generating = True

    def show_generated(self) -> None:
        """It is here."""
        self.query_one(ServerSection).generating = False

    def show_evidence(self, events: int, newest: datetime | None, *, broken: bool) -> None:
        """How many events the capsule holds and when the newest came; or it cannot be read."""
        section = self.query_one(EvidenceSection)
        section.events, section.newest = events, newest
        section.loaded, section.broken = True, broken
        self.query_one(BackendsSection).broken = self.query_one(PlotSection).broken = broken
        self.query_one(BenefitsSection).broken = self.query_one(RecentSection).broken = broken
        self.query_one(ReasonsSection).broken = broken

    def show_decisions(self, rows: tuple[Row, ...], patience_s: float) -> None:
        """The newest decisions, oldest first."""
        section = self.query_one(RecentSection)
        section.rows, section.patience_s = rows, patience_s

    def watch_blocked(self, error: ReflexError | None) -> None:
        """Say why nothing is looked at."""
        self.set_class(error is not None, "-blocked")
        if error is not None:
            key = shown_key(self.app, "health.copy", "c")
            self.query_one(Notice).show(*blocked_notice(error, key))
        self.refresh_bindings()

    def take_focus(self) -> None:
        """Let the keys act here."""
        self.focus()

    def why_not(self, action: str, parameters: tuple[object, ...] = ()) -> str:  # noqa: ARG002
        """There is a command to copy while something is wrong, and a chart while nothing blocks."""
        match action:
            case "copy" if not self._copyable():
                if self.blocked is not None:
                    return "There is no command to copy: the text says what to do"
                if self.routing_view is None:
                    return "The server has not been looked at yet"
                return "Nothing to copy: the server is healthy"
            case "chart" | "window" if self.blocked is not None:
                return "There is no chart while no call can be routed"
        return ""

    def watch_charting(self) -> None:
        """The keys change with what is seen."""
        self.refresh_bindings()

    def action_chart(self) -> None:
        """Give the latency the whole pane, or take it back."""
        self.charting = not self.charting
        self.scroll_home(animate=False)

    def action_window(self) -> None:
        """Show the next longer window; after the longest as much as there is."""
        self.post_message(WindowWanted())

    def action_savings(self) -> None:
        """Ask for the savings page."""
        self.post_message(CommandWanted.named("savings"))

    def action_look(self, deep: bool) -> None:  # noqa: FBT001  Textual calls it by position
        """Ask for a look at the server."""
        self.post_message(LookWanted(deep))

    def action_copy(self) -> None:
        """Copy the first command, and the next one each time after."""
        if found := self._copyable():
            remedy = self.query_one(RemedySection)
            remedy.copied = 0 if remedy.copied is None else (remedy.copied + 1) % len(found)
            self.post_message(copy_wanted(found, remedy.copied))

    def _show_hour(self) -> None:
        if self.now is not None:
            known = self._seen.hour if self._seen else {}
            self.query_one(ServerSection).hour = self._looks.hour(known, self.now)

    def _show_benefits(self) -> None:
        section = self.query_one(BenefitsSection)
        if self._seen is None or self.routing_view is None:
            return
        section.benefits = benefits_of(
            self._seen.today, self.routing_view.settings, self.routing_view.gate
        )
        section.shadow = self._seen.shadow
        section.saved = self._seen.saved

    def _copyable(self) -> tuple[str, ...]:
        if self.blocked is not None:
            return command_in(self.blocked)
        if self.routing_view is None or self.routing_view.health.ok:
            return ()
        return pastable(self.routing_view)


def command_in(error: ReflexError) -> tuple[str, ...]:
    """The command that the remedy ends with, as in ``If you trust it: code reflex trust …``."""
    _, colon, command = error.remedy.partition(": ")
    return (command,) if colon and command.startswith("code ") else ()


def blocked_notice(error: ReflexError, key: str) -> tuple[str, str, tuple[str, ...]]:
    """Why nothing is contacted, and what lets it be; ``key`` copies the command."""
    found = command_in(error)
    remedy = error.remedy.removesuffix(found[0]).rstrip() if found else error.remedy
    untrusted = isinstance(error, UntrustedEndpoint)
    return (
        "✖ This server is not trusted, and was not contacted"
        if untrusted
        else "✖ No call can be routed",
        "error",
        (
            error.message,
            "",
            *([remedy] if remedy else []),
            *(("", f"$ {found[0]}", "", f"{key} copies it.") if found else ()),
            "",
            "Checked every second. Until it is fixed, no Implement call is sent.",
        ),
    )
