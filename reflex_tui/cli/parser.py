"""The whole command line: which commands there are, in groups, and what is wrong with one.

Each command's module adds it to the parser (see the package), and is imported only where the
command line names it: help over all commands takes no more than ``GROUPS``.
"""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module
from itertools import groupby
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NoReturn

from core.errors import ReflexError
from core.plain import plain
from reflex_tui.cli.kinds import path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

GROUPS = {
    "look": {
        "health": "check the reflex server: 0 when healthy, else what to do",
        "models": "list the models the reflex server serves",
        "status": "show configuration, breaker, gate, and the next call's route",
        "events": "show the newest events; follow, verify or export them",
        "replay": "show a call's recorded reply, or send the request again",
        "savings": "money, time and tokens saved against the cloud, with intervals",
        "outcome": "record whether a call's answer did what it was asked for",
        "tui": "open the dashboard",
    },
    "evaluate": {
        "bakeoff": "test reflex against the cloud, and judge whether it may serve",
        "check": "the gate for CI: judge a report's trials again",
        "report": "list bakeoff reports, show one, or compare two",
        "suite": "make a suite from your own code, list suites, show or check one",
    },
    "work": {
        "implement": "edit files until a check passes; asks before writing",
        "launch": "start a coding agent over a gateway of its own",
        "serve": "serve an OpenAI-compatible API over the router, for agents",
        "mcp": "serve tools for a coding agent over MCP",
    },
    "configure": {
        "init": "find a local server, and write a first stage0.toml",
        "enable": "let reflex serve Implement calls; needs a valid gate pass",
        "disable": "send Implement calls to the cloud",
        "trust": "allow a server off this machine, looser thresholds, or suites, that a project "
        "names",
    },
    "run locally": {
        "engine": "serve a model with the embedded llama.cpp until Ctrl-C; n-gram drafts make "
        "code that repeats the prompt about twice as fast, with the same output",
        "demo": "open the dashboard on an embedded engine, with sample calls",
        "completion": "print a script for completion in your shell",
    },
}
"""The commands by group, each with its line of help."""

_DOES = {name: does for commands in GROUPS.values() for name, does in commands.items()}
# The module of a command that has not one of its own name.
_SHARED_MODULES = {"models": "health", "disable": "enable"}
_MARGIN = 2
_WIDTH = 80
_ALIKE = 0.65  # of 1; at less, "help" is taken for "health"
_EPILOG = """\
examples:
  {prog} demo
  {prog} health
  {prog} status --json

Options that every command takes may stand before it or after it.

exit status: 0 good · 1 unhealthy or gate failed · 2 configuration or usage · 3 inconclusive ·
130 interrupted · 143 terminated"""


class UsageError(ReflexError):
    """A command line that cannot be understood, or options that exclude each other."""

    code = "usage"
    exit_code = 2


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """As argparse's own, which loads shutil and all its archive formats to learn the width."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=_columns() - _MARGIN)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        """Wraps paragraphs as argparse does options; indented lines, the examples, stay."""
        from textwrap import wrap  # as argparse loads it

        told: list[str] = []
        for as_it_is, group in groupby(text.splitlines(), lambda line: line[:1] in {"", " "}):
            lines = list(group)
            told += lines if as_it_is else wrap(" ".join(lines), width)
        return "".join(f"{indent}{line}\n" for line in told)


def _columns() -> int:
    """As ``shutil.get_terminal_size``: what the environment says, or the terminal."""
    given = os.environ.get("COLUMNS", "")
    if given.isdecimal() and int(given):
        return int(given)
    try:
        return os.get_terminal_size(sys.__stdout__.fileno()).columns or _WIDTH  # type: ignore[union-attr]
    except (AttributeError, ValueError, OSError):  # closed, taken away, or no terminal
        return _WIDTH


class Actions:
    """Adds commands, or the actions of one; all of them take ``--config`` and ``--json``."""

    def __init__(self, parser: _Parser, prog: str, kind: str = "action") -> None:
        self._prog = prog
        self._subparsers = parser.add_subparsers(
            title=f"{kind}s", metavar=kind.upper(), prog=parser.prog, parser_class=_Parser
        )
        parser.kind, parser.names = kind, self._subparsers.choices
        self._shared = _shared(default=argparse.SUPPRESS)

    def add(
        self, name: str, run: Callable[[argparse.Namespace], int], does: str, *examples: str
    ) -> argparse.ArgumentParser:
        """An action that ``run`` carries out; ``does`` is its help in a line."""
        lines = "\n".join(f"  {self._prog} {example}" for example in examples)
        parser = self._subparsers.add_parser(
            name,
            help=does,
            description=does[0].upper() + does[1:] + ".",
            epilog=f"examples:\n{lines}" if examples else None,
            parents=[self._shared],
            formatter_class=HelpFormatter,
            allow_abbrev=False,
        )
        parser.set_defaults(handler=run, parser=parser)
        return parser


class Commands:
    """Adds the commands themselves."""

    def __init__(self, parser: _Parser, prog: str) -> None:
        self._prog = prog
        self._all = Actions(parser, prog, "command")

    def add(
        self, name: str, run: Callable[[argparse.Namespace], int], *examples: str
    ) -> argparse.ArgumentParser:
        """A command that ``run`` carries out; ``GROUPS`` has its help in a line."""
        return self._all.add(name, run, _DOES[name], *examples)

    def actions(self, command: argparse.ArgumentParser) -> Actions:
        """Actions of ``command``, none of which need be given."""
        assert isinstance(command, _Parser)
        return Actions(command, self._prog)


def _shared(**default: Any) -> _Parser:
    """The options that stand before or after a command; what one does not find undoes nothing."""
    shared = _Parser(add_help=False, formatter_class=HelpFormatter)
    add = shared.add_argument
    add("--config", type=path, metavar="PATH", help="the configuration file", **default)
    add("--json", action="store_true", help="one JSON document on standard output", **default)
    return shared


def build_parser(prog: str, argv: Sequence[str] | None = None) -> _Parser:
    """The whole command line; ``arguments.handler(arguments)`` runs what was asked for.

    Where ``argv`` names a command it knows that one alone, or its module's. Where it names none it
    knows all, without what they take: enough for help, and to say what is wrong.
    """
    parser = _WholeParser(
        prog=prog,
        description="Let a local model serve the Implement stage once it has earned it.",
        epilog=_EPILOG.format(prog=prog),
        parents=[_shared()],
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    commands = Commands(parser, prog)
    named = _DOES if argv is None else _DOES.keys() & {_command_of(argv)}
    for module in dict.fromkeys(_SHARED_MODULES.get(name, name) for name in named):
        import_module(f"reflex_tui.cli.{module}").add(commands)
    for name in () if named else _DOES:
        commands.add(name, _untold)
    return parser


def _untold(_: argparse.Namespace) -> NoReturn:
    raise AssertionError("a command line that names a command loads it")


def _command_of(argv: Iterable[str]) -> str | None:
    """The word that has the command's place, if nothing but shared options is before it."""
    words = iter(argv)
    for word in words:
        if word == "--config":
            next(words, None)
        elif word not in {"--json", "--"} and not word.startswith("--config="):
            return word
    return None


def _parted(argv: Sequence[str]) -> tuple[Sequence[str], bool, Sequence[str]]:
    """What stands before the first ``--`` after the command, whether there is one, and the rest."""
    for at, word in enumerate(argv):
        if word == "--" and _command_of(argv[:at]) is not None:
            return argv[:at], True, argv[at + 1 :]
    return argv, False, ()


class _Parser(argparse.ArgumentParser):
    """Says in one line what is wrong, not in the ten that some commands' usage takes."""

    kind = ""  # of what ``names`` holds: command or action
    names: Mapping[str, argparse.ArgumentParser] = MappingProxyType({})

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As it is, but words too many are refused by the command that they were given to."""
        for word in args or ():
            if word.startswith("-") and word.endswith("=--"):  # over which argparse stumbles
                self.error(f"argument {word.removesuffix('=--')}: expected one argument")
        found, left = self.parse_known_args(args, namespace)
        before, dashes, own = _parted(args or ())
        if dashes and hasattr(found, "arguments"):
            # Another program's words, of which argparse leaves some out, or takes none.
            found, left = self.parse_known_args(before, namespace)
            found.arguments = [*found.arguments, *own]
        if left:
            command = getattr(found, "parser", self)
            some = " ".join(repr(plain(word, 40)) for word in left[:3])
            command.error(f"{command.prog} takes no argument {some}")
        return found

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As it is, but names the option or the command that there is not."""
        words = iter(args or ())
        for word in words:
            if word == "--" or word in self.names:
                break
            option, equals, _ = word.partition("=")
            if not option.startswith("-") or option == "-":
                if self.names:
                    self._refuse(f"unknown {self.kind} {plain(word, 60)}", word, self.names)
                continue
            action = self._option_string_actions.get(option)
            if action is None and option.startswith("--"):
                self._refuse(f"no option {option}", option, self._option_string_actions)
            if action is not None and action.nargs is None and not equals:
                next(words, None)  # the option's value
        return super().parse_known_args(args, namespace)

    def _refuse(self, message: str, typed: str, known: Iterable[str]) -> NoReturn:
        import difflib  # rarely needed

        near = difflib.get_close_matches(typed[:60], known, n=1, cutoff=_ALIKE)
        self.error(message + (f"; did you mean {near[0]}?" if near else ""))

    def _print_message(self, message: str, file: Any = None) -> None:
        """As it is, but help that cannot be written is no success."""
        print(message, end="", file=file or sys.stderr, flush=True)

    def error(self, message: str) -> NoReturn:
        """What was typed may have come from a file: it is shown as plain text."""
        raise UsageError(plain(message, 300), remedy=f"See: {self.prog} --help")


class _WholeParser(_Parser):
    """The one above all commands; its help shows them in their groups."""

    def format_help(self) -> str:
        """As argparse writes it, with a heading before each group's first command."""
        text = super().format_help()
        for number, (group, commands) in enumerate(GROUPS.items()):
            gap, first = "\n" if number else "", next(iter(commands))
            text = text.replace(f"\n    {first} ", f"\n{gap}  {group}:\n    {first} ", 1)
        return text.replace("\n  COMMAND\n", "\n", 1)


class _Version(argparse.Action):
    """Looks the version up only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from importlib.metadata import version

        print(f"{parser.prog} {version('speckit-reflex')}", flush=True)
        parser.exit()
