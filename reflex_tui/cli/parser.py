"""The whole command line; what a command does is imported when it is run."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any, NoReturn

from core.plain import plain
from reflex_tui.cli.arguments import looking
from reflex_tui.cli.commands import Commands, HelpFormatter

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

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
    from reflex_tui.cli.arguments import (  # noqa: PLC0415  a third of what ``health`` imports here
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
        import difflib  # noqa: PLC0415  rarely needed

        near = difflib.get_close_matches(option, self._option_string_actions, n=1)
        self.error(f"no option {option}" + (f"; did you mean {near[0]}?" if near else ""))

    def error(self, message: str) -> NoReturn:
        """What was typed may have come from a file: it is shown as plain text."""
        self.exit(2, f"error: {plain(message, 300)}\nSee: {self.prog} --help\n")


class _Version(argparse.Action):
    """Looks the version up only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from importlib.metadata import version  # noqa: PLC0415

        print(f"{parser.prog} {version('speckit-reflex')}")
        parser.exit()
