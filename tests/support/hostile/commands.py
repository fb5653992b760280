"""Every command of the parser, found by asking it, so that new ones are tried as well."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from reflex_tui.cli.parser import build_parser


@dataclass(frozen=True)
class Command:
    """A command with its options, its positional arguments, and what it cannot do without."""

    name: str
    options: tuple[argparse.Action, ...]
    positionals: tuple[argparse.Action, ...]
    needs: tuple[str, ...]

    @property
    def takes_config(self) -> bool:
        """Whether it goes by a configuration that can be named."""
        return any("--config" in action.option_strings for action in self.options)

    def argv(self, *more: str) -> list[str]:
        """A command line that lacks nothing, and ``more``."""
        return [self.name, *self.needs, *more]


def commands() -> list[Command]:
    """All of them."""
    parser = build_parser("code reflex")
    (choice,) = (a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    return [_command(name, sub) for name, sub in choice.choices.items()]


def _command(name: str, parser: argparse.ArgumentParser) -> Command:
    options = tuple(action for action in parser._actions if action.option_strings)
    positionals = tuple(action for action in parser._actions if not action.option_strings)
    needs = [
        f"--{action.dest}" if action.option_strings else ""
        for action in parser._actions
        if action.required and action.nargs not in {"*", "?"}
    ]
    filled = [word for option in needs for word in (option, "x") if word]
    return Command(name, options, positionals, tuple(filled))
