"""What the watching threads tell the dashboard, and what its parts tell each other.

A thread posts these and touches nothing else of the application.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from textual.message import Message

from reflex_tui.slash import parse

if TYPE_CHECKING:
    from core.capsule import Record
    from core.errors import CapsuleError, ConfigError, ReflexError
    from core.router.outlook import Outlook
    from core.settings import Settings
    from reflex_tui.panes.reports import Report
    from reflex_tui.slash import Call


@dataclass
class OutlookSeen(Message):
    """A new look at server, gate and breaker; ``deep`` when it was asked for by the user."""

    outlook: Outlook
    deep: bool = False


@dataclass
class OutlookBarred(Message):
    """No look is possible: the endpoint is not trusted, or the configuration cannot be used."""

    error: ReflexError


@dataclass
class RecordsCame(Message):
    """Newer events, oldest first; ``fresh`` when they replace all that was shown before."""

    records: tuple[Record, ...]
    fresh: bool = False
    more_before: bool = False


@dataclass
class OlderCame(Message):
    """Events before the oldest shown, oldest first; ``more_before`` when there are still more."""

    records: tuple[Record, ...]
    more_before: bool


@dataclass
class CapsuleBroken(Message):
    """The capsule cannot be read; it is tried again, and events follow once it can."""

    error: CapsuleError


@dataclass
class ConfigRead(Message):
    """The configuration changed on disk and is good."""

    settings: Settings


@dataclass
class ConfigBroken(Message):
    """The configuration changed on disk and cannot be used."""

    error: ConfigError


@dataclass
class ReportsSeen(Message):
    """The bakeoff reports there are now, newest first."""

    reports: tuple[Report, ...]


@dataclass
class ReportRead(Message):
    """A report's whole document."""

    name: str
    document: Any


@dataclass
class TabClicked(Message):
    """The user wants the pane of that name."""

    pane: str


@dataclass
class CommandWanted(Message):
    """A slash command is to be run."""

    call: Call

    @classmethod
    def named(cls, name: str) -> CommandWanted:
        """The command of that name, without an argument."""
        return cls(parse(name))


@dataclass
class LookWanted(Message):
    """The user wants a look at the server now; ``deep`` generates something as well."""

    deep: bool = False


@dataclass
class CopyWanted(Message):
    """The user wants ``text`` on the clipboard; ``what`` names it."""

    text: str
    what: str


@dataclass
class WatcherDied(Message):
    """A watching thread ended by a bug: the dashboard must not go on as if it saw."""

    error: Exception
