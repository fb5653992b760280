"""``completion``: a script that completes the command line, made from the parser."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reflex_tui.cli.outline import outline
from reflex_tui.cli.parser import build_parser
from reflex_tui.cli.shells import bash, fish, zsh

if TYPE_CHECKING:
    import argparse

_SCRIPTS = {"bash": bash, "zsh": zsh, "fish": fish}


def completion(arguments: argparse.Namespace) -> int:
    """Print the script for the shell that was named."""
    print(_SCRIPTS[arguments.shell](outline(build_parser("code reflex"))), end="")
    return 0
