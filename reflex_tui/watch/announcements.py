"""The messages of the watching threads to the dashboard, and of its parts to each other.

A thread posts these and touches nothing else of the application.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from textual.message import Message

from reflex_tui.model.notices import notices_of
from reflex_tui.model.rows import entries_of
from reflex_tui.model.slash import parse

if TYPE_CHECKING:
    from datetime import datetime

    from core.capsule import Record
    from core.capsule.index import SessionCalls
    from core.errors import CapsuleError, ConfigError, ReflexError
    from core.harness.bakeoff.progress import Progress
    from core.notify.notice import UserNotice
    from core.router.view import RoutingView
    from core.settings import Settings
    from reflex_tui.model.estimate import Unfinished
    from reflex_tui.model.filters import LogFilter
    from reflex_tui.model.latencies import Window, Windowed
    from reflex_tui.model.preferences import Preferences
    from reflex_tui.model.reports import ListedReport
    from reflex_tui.model.rows import CallRow, Row
    from reflex_tui.model.slash import SlashCall


@dataclass(eq=False, repr=False)
class ViewSeen(Message):
    """A new look at server, gate and breaker; ``deep`` when it was asked for by the user."""

    routing_view: RoutingView
    deep: bool = False


@dataclass(eq=False, repr=False)
class ViewBlocked(Message):
    """No probe is possible: the endpoint is not trusted, or the configuration is invalid."""

    error: ReflexError


@dataclass(eq=False, repr=False)
class RecordsCame(Message):
    """Newer events, oldest first; ``fresh`` when they replace all that was shown before.

    The first ``context`` of them only tell which calls are open where the rows begin. They are read
    as rows where the message is made, which is a watcher's thread. ``notices`` tell of those that
    are worth it, unless they were there before.
    """

    records: tuple[Record, ...]
    fresh: bool = False
    context: int = 0
    entries: tuple[Row | CallRow, ...] = field(init=False, repr=False)
    notices: tuple[UserNotice, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.entries = entries_of(self.records)
        self.notices = () if self.fresh else notices_of(self.records)

    @property
    def begins_at(self) -> int:
        """The ``seq`` from which on all rows are here; 1 without any."""
        return self.records[self.context].seq if self.records else 1


@dataclass(eq=False, repr=False)
class NoticeCame(Message):
    """Something happened that the user should know of, wherever they look."""

    notice: UserNotice


@dataclass(eq=False, repr=False)
class IndexGrew(Message):
    """Up to ``seq`` the capsule is indexed; ``share`` (0 to 1) of its bytes while it is built.

    ``damage`` is what ended it.
    """

    seq: int
    share: float
    damage: CapsuleError | None = None


@dataclass(eq=False, repr=False)
class CountWanted(Message):
    """How many rows of a filter lie before ``edge``, and what number has the row ``anchor``?"""

    filter: LogFilter
    edge: int
    anchor: int


@dataclass(eq=False, repr=False)
class RowsCounted(Message):
    """The answer, with how many rows there are ``in_all`` before ``edge``, filter or no."""

    question: CountWanted
    before: int
    in_all: int
    anchor: int


@dataclass(eq=False, repr=False)
class PageWanted(Message):
    """A page of older rows is looked at."""

    filter: LogFilter
    page: int


@dataclass(eq=False, repr=False)
class PageCame(Message):
    """The answer, oldest row first."""

    question: PageWanted
    rows: tuple[Row, ...]


@dataclass(eq=False, repr=False)
class TimeWanted(Message):
    """Which row of a filter is the first at ``at`` or later?"""

    filter: LogFilter
    at: datetime


@dataclass(eq=False, repr=False)
class TimeFound(Message):
    """The answer: its ``seq`` and its number within the filter; None when all are earlier."""

    question: TimeWanted
    seq: int | None
    number: int


@dataclass(eq=False, repr=False)
class QuickCountWanted(Message):
    """How many rows pass a filter that is always there, of those before ``edge``?"""

    filter: LogFilter
    edge: int


@dataclass(eq=False, repr=False)
class QuickCounted(Message):
    """The answer."""

    question: QuickCountWanted
    older: int


@dataclass(eq=False, repr=False)
class OrderWanted(Message):
    """Which calls of a filter come first by ``by``, one of the index's ``ORDERS``?"""

    filter: LogFilter
    by: str
    descending: bool


@dataclass(eq=False, repr=False)
class OrderCame(Message):
    """The answer, the first of them."""

    question: OrderWanted
    rows: tuple[Row, ...]


@dataclass(eq=False, repr=False)
class SessionsWanted(Message):
    """Which sessions of agents are there?"""


@dataclass(eq=False, repr=False)
class SessionsCame(Message):
    """The answer, those with the newest calls first."""

    sessions: tuple[SessionCalls, ...]


@dataclass(eq=False, repr=False)
class CallsWanted(Message):
    """Which calls ended since ``since``, of the events before ``edge``?"""

    since: datetime
    edge: int


@dataclass(eq=False, repr=False)
class CallsCame(Message):
    """The answer, oldest first: the newest of them, at most ``latencies.MOST_CALLS``."""

    question: CallsWanted
    calls: tuple[CallRow, ...]


@dataclass(eq=False, repr=False)
class PreferencesChanged(Message):
    """The user arranged the routing log anew, which is to be kept."""

    preferences: Preferences


@dataclass(eq=False, repr=False)
class CapsuleBroken(Message):
    """The capsule cannot be read; it is tried again, and events follow once it can."""

    error: CapsuleError


@dataclass(eq=False, repr=False)
class ConfigRead(Message):
    """The configuration changed on disk and is good."""

    settings: Settings


@dataclass(eq=False, repr=False)
class ConfigBroken(Message):
    """The configuration changed on disk and cannot be used."""

    error: ConfigError


@dataclass(eq=False, repr=False)
class ReportsSeen(Message):
    """The bakeoff reports there are now, newest first."""

    reports: tuple[ListedReport, ...]


@dataclass(eq=False, repr=False)
class TabClicked(Message):
    """The user wants the pane of that name."""

    pane: str


@dataclass(eq=False, repr=False)
class CommandWanted(Message):
    """A slash command is to be run."""

    call: SlashCall

    @classmethod
    def named(cls, name: str) -> CommandWanted:
        """The command of that name, without an argument."""
        return cls(parse(name))


@dataclass(eq=False, repr=False)
class LookWanted(Message):
    """The user wants a look at the server now; ``deep`` generates something as well."""

    deep: bool = False


@dataclass(eq=False, repr=False)
class WindowSeen(Message):
    """What the capsule's index shows; None while ``share`` (0 to 1) of the log has been read."""

    seen: Windowed | None
    share: float = 1.0


@dataclass(eq=False, repr=False)
class GpuSeen(Message):
    """How busy the graphics cards are, in words; empty when nothing was told."""

    words: str


@dataclass(eq=False, repr=False)
class WindowWanted(Message):
    """The user wants table and chart over another window; None: over the next one."""

    window: Window | None = None


@dataclass(eq=False, repr=False)
class CopyWanted(Message):
    """The user wants ``text`` on the clipboard; ``what`` names it."""

    text: str
    what: str


@dataclass(eq=False, repr=False)
class WorkFailed(Message):
    """Work beside the dashboard met a bug; what watches begins again after a pause."""

    error: Exception


@dataclass(eq=False, repr=False)
class BakeoffProgressed(Message):
    """An event of a bakeoff that is run from here."""

    event: Progress


@dataclass(eq=False, repr=False)
class BakeoffEnded(Message):
    """A bakeoff run from here is over; ``error`` is why it failed, if it did."""

    error: ReflexError | None


@dataclass(eq=False, repr=False)
class UnfinishedSeen(Message):
    """The bakeoff that did not come to its end, or is run elsewhere; None: there is none."""

    unfinished: Unfinished | None
