"""A command line of subcommands that share ``--config`` and ``--json``."""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from reflex_tui.cli.arguments.kinds import path

if TYPE_CHECKING:
    from collections.abc import Callable


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
