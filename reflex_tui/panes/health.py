"""The health pane: is it well, who would answer the next call, and how fast both have been."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.reactive import reactive

from core.errors import ReflexError, UntrustedEndpoint
from core.stages import Mode
from reflex_tui.messages import CopyWanted, LookWanted
from reflex_tui.widgets.gate import BreakerSection, EvidenceSection, GateSection
from reflex_tui.widgets.latency import LatencySection
from reflex_tui.widgets.notice import Notice
from reflex_tui.widgets.recent import RecentSection
from reflex_tui.widgets.remedy import RemedySection, commands
from reflex_tui.widgets.server import ServerSection

if TYPE_CHECKING:
    from datetime import datetime

    from textual.app import ComposeResult
    from textual.binding import BindingType

    from core.router.outlook import Outlook
    from reflex_tui.panes.latencies import Figures
    from reflex_tui.panes.rows import Row

_PROBES_KEPT = 120


class HealthPane(VerticalScroll):
    """Shows an outlook and the live figures; both are set from outside.

    ``barred`` is why there is no outlook: an untrusted endpoint, say.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "look(False)", "Probe", id="health.probe"),
        Binding("d", "look(True)", "Deep probe", id="health.deep"),
        Binding("c", "copy", "Copy", id="health.copy"),
    ]
    barred: reactive[ReflexError | None] = reactive(None)

    outlook: reactive[Outlook | None] = reactive(None)
    figures: reactive[dict[Mode, Figures]] = reactive(dict, always_update=True)
    now: reactive[datetime | None] = reactive(None)

    def __init__(self) -> None:
        super().__init__(id="health")
        self._probes: deque[float | None] = deque(maxlen=_PROBES_KEPT)

    def compose(self) -> ComposeResult:
        """Server, then charts or remedy, then gate, breaker, evidence."""
        yield Notice()
        yield ServerSection()
        yield LatencySection()
        yield RemedySection()
        yield GateSection()
        yield BreakerSection()
        yield EvidenceSection()
        yield RecentSection()

    def watch_outlook(self, outlook: Outlook | None) -> None:
        """Pass a new look on; an ill server's remedy takes the place of the charts."""
        ill = outlook is not None and not outlook.health.ok
        self.set_class(ill, "-ill")
        if outlook is None:
            return
        previous = self.query_one(ServerSection).outlook
        if previous is None or previous.health.checked_at != outlook.health.checked_at:
            self._probes.append(outlook.health.latency_ms if outlook.health.ok else None)
        server = self.query_one(ServerSection)
        server.probes = tuple(self._probes)
        server.outlook = outlook
        if outlook.health.deep is not None or not outlook.health.ok:
            server.deep = outlook.health.deep
        remedy = self.query_one(RemedySection)
        if remedy.outlook is None or remedy.outlook.health.cause != outlook.health.cause:
            remedy.copied = None
        remedy.outlook = outlook
        self.query_one(LatencySection).limit_ms = outlook.policy.reflex.thresholds.p95_latency_ms
        self.query_one(GateSection).outlook = outlook
        self.query_one(BreakerSection).outlook = outlook
        self.query_one(EvidenceSection).outlook = outlook

    def watch_figures(self, figures: dict[Mode, Figures]) -> None:
        """Pass new figures on."""
        self.query_one(LatencySection).figures = figures
        self.query_one(ServerSection).live = figures.get(Mode.REFLEX)

    def watch_now(self, now: datetime | None) -> None:
        """Ages grow."""
        self.query_one(ServerSection).now = now
        self.query_one(EvidenceSection).now = now
        self.query_one(RecentSection).now = now

    def show_evidence(self, events: int, newest: datetime | None) -> None:
        """How many events the capsule holds and when the newest came."""
        section = self.query_one(EvidenceSection)
        section.events, section.newest = events, newest

    def show_decisions(self, rows: tuple[Row, ...], patience_s: float) -> None:
        """The newest decisions, oldest first."""
        section = self.query_one(RecentSection)
        section.rows, section.patience_s = rows, patience_s

    def watch_barred(self, error: ReflexError | None) -> None:
        """Say why nothing is looked at."""
        self.set_class(error is not None, "-barred")
        if error is not None:
            self.query_one(Notice).show(*barred_notice(error))
        self.refresh_bindings()

    def take_focus(self) -> None:
        """Let the keys act here."""
        self.focus()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """There is a command to copy only while something is wrong."""
        return bool(self._copyable()) if action == "copy" else True

    def action_look(self, deep: bool) -> None:  # noqa: FBT001  Textual calls it by position
        """Ask for a look at the server."""
        self.post_message(LookWanted(deep))

    def action_copy(self) -> None:
        """Copy the first command, and the next one each time after."""
        if found := self._copyable():
            remedy = self.query_one(RemedySection)
            remedy.copied = 0 if remedy.copied is None else (remedy.copied + 1) % len(found)
            self.post_message(CopyWanted(found[remedy.copied], "the command"))

    def _copyable(self) -> tuple[str, ...]:
        if self.barred is not None:
            return command_in(self.barred)
        if self.outlook is None or self.outlook.health.ok:
            return ()
        return commands(self.outlook.health)


def command_in(error: ReflexError) -> tuple[str, ...]:
    """The command that the remedy ends with, as in ``If you trust it: code reflex trust …``."""
    _, colon, command = error.remedy.partition(": ")
    return (command,) if colon and command.startswith("code ") else ()


def barred_notice(error: ReflexError) -> tuple[str, str, tuple[str, ...]]:
    """Why nothing is contacted, and what lets it be."""
    found = command_in(error)
    remedy = error.remedy.removesuffix(found[0]).rstrip() if found else error.remedy
    untrusted = isinstance(error, UntrustedEndpoint)
    return (
        "✖ This server is not trusted, and was not contacted"
        if untrusted
        else "✖ The router cannot decide",
        "error",
        (
            error.message,
            "",
            *([remedy] if remedy else []),
            *(("", f"$ {found[0]}", "", "c copies it.") if found else ()),
            "",
            "Looked at again every second. Until then Implement calls fail closed.",
        ),
    )
