"""``/speckit.reflex …``: one table of commands, which the bar, the palette and the help share.

``/speckit.reflex bakeoff`` takes the same options as the command line.
"""

from __future__ import annotations

import difflib
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.plain import plain

if TYPE_CHECKING:
    from collections.abc import Sequence


_VALUED = ("--suite", "--arms", "--tasks", "--trials", "--candidates")
_ALONE = ("--resume", "--stop", "--report", "--compare")

PREFIX = "/speckit.reflex"


class BadOptions(ValueError):
    """What was typed is no such option; ``str()`` says what would be."""


@dataclass(frozen=True, slots=True)
class BakeoffOptions:
    """What the start dialog begins with, as text; ``action`` is what stood alone, or empty."""

    suite: str = ""
    arms: str = ""
    tasks: str = ""
    trials: str = ""
    candidates: str = ""
    action: str = ""


def parse_options(text: str) -> BakeoffOptions:
    """The options typed.

    Raises:
        BadOptions: One is unknown or lacks its value; the text names the nearest.
    """
    try:
        words = shlex.split(text)
    except ValueError:
        raise BadOptions("missing closing quotation mark") from None
    found: dict[str, str] = {}
    rest = iter(words)
    for word in rest:
        name, given, value = word.partition("=")
        if name in _ALONE and not given:
            if len(words) > 1:
                raise BadOptions(f"{name} takes no other options")
            found["action"] = name.removeprefix("--")
        elif name in _VALUED:
            value = value if given else next(rest, "")
            if not value or (not given and value.startswith("--")):
                raise BadOptions(f"{name} needs a value")
            found[name.removeprefix("--")] = value
        else:
            raise BadOptions(_unknown(name))
    return BakeoffOptions(**found)


def _unknown(name: str) -> str:
    known = (*_VALUED, *_ALONE)
    near = difflib.get_close_matches(name[:40], known, 1, cutoff=0.4)
    hint = f"did you mean {near[0]} ?" if near else f"it takes {' '.join(known)}"
    return f"bakeoff has no option {plain(name, 40)!r}; {hint}"


@dataclass(frozen=True, slots=True)
class Command:
    """A command; ``argument`` names what may follow, if anything.

    ``key`` does the same without typing, where it is frequent, unless the user gave its
    ``binding`` another one.
    """

    name: str
    does: str
    key: str = ""
    argument: str = ""
    binding: str = ""

    @property
    def usage(self) -> str:
        """``/speckit.reflex events [FILTER]``."""
        return f"{PREFIX} {self.name}" + (f" [{self.argument}]" if self.argument else "")


@dataclass(frozen=True, slots=True)
class SlashCall:
    """A command with what was typed after it."""

    command: Command
    argument: str = ""


class NoSuchCommand(ValueError):
    """What was typed is no command; ``str()`` says what would be."""


COMMANDS: tuple[Command, ...] = (
    Command("health", "Server health and speed", "1", "--deep", "pane.health"),
    Command("events", "Decisions and calls, live", "2", "FILTER", "pane.routing"),
    Command("bakeoff", "Test reflex against the cloud", "3 n", "OPTIONS"),
    Command("stop", "Stop the bakeoff; finished trials are kept", "3 s"),
    Command("resume", "Resume the last interrupted bakeoff", "3 r"),
    Command("report", "Open the selected report, with diffs", "3 ⏎"),
    Command("compare", "Compare the report with an earlier one", "3 c"),
    Command("enable", "Let reflex answer Implement calls", "3 p"),
    Command("disable", "Send all calls to the cloud", "3 d"),
    Command("chart", "Show the chart full size, or go back", "l", binding="health.chart"),
    Command("window", "Next time window: 1 min, 15 min, 24 h", "w", binding="health.window"),
    Command("savings", "What reflex saved, by day, week, session", "b", binding="health.savings"),
    Command("models", "Models that the server offers"),
    Command("status", "Next call, all settings and their origin"),
    Command("check", "Does the gate pass, and if not, why"),
    Command("probe", "Probe the server now", "r", binding="probe"),
    Command("theme", "dark, light or ansi (terminal colours)", "", "NAME"),
    Command("help", "Keys, commands, files", "?", binding="help"),
    Command("quit", "Leave", "q", binding="quit"),
)
_BY_NAME = {command.name: command for command in COMMANDS}


def parse(text: str) -> SlashCall:
    """The command that was typed, with or without the prefix; the prefix alone asks for help.

    Raises:
        NoSuchCommand: it is none, or takes no such argument.
    """
    words = _after_prefix(text).split(maxsplit=1)
    if not words:
        return SlashCall(_BY_NAME["help"])
    name, argument = words[0].lower(), words[1].strip() if len(words) > 1 else ""
    command = _BY_NAME.get(name)
    if command is None:
        raise NoSuchCommand(_nearest(name))
    if argument and not command.argument:
        raise NoSuchCommand(f"{command.name} takes no argument")
    if command.argument.startswith("--") and argument not in {"", command.argument}:
        raise NoSuchCommand(f"{command.name} takes {command.argument} only")
    if name == "bakeoff":
        _check_options(argument)
    return SlashCall(command, argument)


def _check_options(text: str) -> None:

    try:
        parse_options(text)
    except BadOptions as error:
        raise NoSuchCommand(str(error)) from None


def complete(text: str) -> Sequence[Command]:
    """The commands that begin like what is typed, else those that hold it; all for nothing."""
    typed = _after_prefix(text).lstrip()
    if " " in typed:
        return ()
    typed = typed.lower()
    begin = [command for command in COMMANDS if command.name.startswith(typed)]
    return begin or [command for command in COMMANDS if typed in command.name]


def _after_prefix(text: str) -> str:
    """What follows the prefix; nothing while the prefix itself is still being typed."""
    text = text.lstrip()
    if text.startswith((PREFIX, PREFIX[1:])):
        # The bar opens with the prefix; who types the whole command types it again.
        rest = text.removeprefix("/").removeprefix(PREFIX[1:])
        return _after_prefix(rest) if rest.strip() else rest
    bare = text.removeprefix("/")
    if PREFIX.startswith("/" + bare.rstrip()) and not any(n.startswith(bare) for n in _BY_NAME):
        return ""
    return bare


def _nearest(name: str) -> str:
    near = difflib.get_close_matches(name[:40], _BY_NAME, 1, cutoff=0.4)
    hint = f"did you mean {PREFIX} {near[0]} ?" if near else f"{PREFIX} help lists them all"
    return f"no command {plain(name, 40)!r}; {hint}"
