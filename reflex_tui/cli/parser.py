"""The whole command line; what a command does is imported when it is run.

A command line of subcommands that share ``--config`` and ``--json``.
"""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, NoReturn

from core.plain import plain
from reflex_tui.cli.arguments import looking
from reflex_tui.cli.arguments.kinds import path

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import ModuleType


_MARGIN = 2
_WIDTH = 80


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """As argparse's own, which loads shutil and all its archive formats to learn the width."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=_columns() - _MARGIN)


def _columns() -> int:
    """As ``shutil.get_terminal_size``: what the environment says, or the terminal."""
    told = os.environ.get("COLUMNS", "")
    if told.isdecimal() and int(told):
        return int(told)
    try:
        return os.get_terminal_size(sys.__stdout__.fileno()).columns or _WIDTH  # type: ignore[union-attr]
    except (AttributeError, ValueError, OSError):  # closed, taken away, or no terminal
        return _WIDTH


class Commands:
    """Adds subcommands that share ``--config`` and ``--json``."""

    def __init__(
        self, parser: argparse.ArgumentParser, prog: str, *, of_a_command: bool = False
    ) -> None:
        self._prog = prog
        self._subparsers = parser.add_subparsers(
            title="actions" if of_a_command else "commands",
            metavar="ACTION" if of_a_command else "COMMAND",
            required=not of_a_command,
            prog=parser.prog,
        )
        # What an action's parser does not find must not undo what the command's had found.
        default: dict[str, Any] = {"default": argparse.SUPPRESS} if of_a_command else {}
        self._shared = argparse.ArgumentParser(add_help=False, formatter_class=HelpFormatter)
        self._shared.add_argument(
            "--config", type=path, metavar="PATH", help="the stage0.toml to go by", **default
        )
        self._shared.add_argument(
            "--json", action="store_true", help="one JSON document on standard output", **default
        )

    def actions(self, command: argparse.ArgumentParser) -> Commands:
        """Actions of ``command``, none of which need be given."""
        return Commands(command, self._prog, of_a_command=True)

    def add(self, name: str, handler: str, does: str, *examples: str) -> argparse.ArgumentParser:
        """A command; ``handler`` is ``module:function`` within this package."""
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
        parser.set_defaults(handler=_later(handler))
        return parser


def _later(handler: str) -> Callable[[argparse.Namespace], int]:
    module, function = handler.split(":")

    def run(arguments: argparse.Namespace) -> int:
        return int(getattr(import_module(f"reflex_tui.cli.{module}"), function)(arguments))

    return run


_EPILOG = """\
examples:
  {prog} health
  {prog} status --json
  {prog} demo

exit status: 0 good · 1 unhealthy or gate failed · 2 configuration or usage · 3 inconclusive ·
130 interrupted"""


def build_parser(prog: str, argv: Sequence[str] = ()) -> argparse.ArgumentParser:
    """The whole command line; ``arguments.handler(arguments)`` runs what was asked for.

    Where ``argv`` begins with one of the commands that look, and are run often, it knows those.
    """
    parser = _Parser(
        prog=prog,
        description="Let a local model serve the Implement stage once it has earned it.",
        epilog=_EPILOG.format(prog=prog),
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    commands = Commands(parser, prog)
    for family in (looking,) if argv[:1] and argv[0] in looking.COMMANDS else _families():
        family.add(commands)
    return parser


def _families() -> tuple[ModuleType, ...]:
    from reflex_tui.cli.arguments import (  # a third of what ``health`` imports here
        earning,
        evidence,
        running,
        trusting,
        working,
    )

    return looking, evidence, trusting, earning, working, running


class _Parser(argparse.ArgumentParser):
    """Says in one line what is wrong, not in the ten that some commands' usage takes."""

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As it is, but for ``--option=--``, over which argparse stumbles."""
        for word in args or ():
            if word.startswith("-") and word.endswith("=--"):
                self.error(f"argument {word.removesuffix('=--')}: expected one argument")
        return super().parse_args(args, namespace)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As it is, but names an option that is not there; argparse would name its value."""
        actions = self._subparsers._group_actions if self._subparsers else ()  # noqa: SLF001
        names = {name for action in actions for name in action.choices or ()}
        for word in args or ():
            if word == "--" or word in names:
                break
            option = word.partition("=")[0]
            if option.startswith("--") and option not in self._option_string_actions:
                self._refuse(option)
        return super().parse_known_args(args, namespace)

    def _refuse(self, option: str) -> NoReturn:
        import difflib  # rarely needed

        near = difflib.get_close_matches(option, self._option_string_actions, n=1)
        self.error(f"no option {option}" + (f"; did you mean {near[0]}?" if near else ""))

    def error(self, message: str) -> NoReturn:
        """What was typed may have come from a file: it is shown as plain text."""
        self.exit(2, f"error: {plain(message, 300)}\nSee: {self.prog} --help\n")


class _Version(argparse.Action):
    """Looks the version up only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from importlib.metadata import version

        print(f"{parser.prog} {version('speckit-reflex')}")
        parser.exit()
