"""``tui``: the dashboard."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from core.errors import ReflexError
from core.settings import load_settings

if TYPE_CHECKING:
    import argparse


class NoTerminal(ReflexError):
    """The dashboard needs a terminal."""

    code = "no_terminal"
    exit_code = 2


def tui(arguments: argparse.Namespace) -> int:
    """Open the dashboard on the workspace's configuration."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise NoTerminal(
            "the dashboard needs a terminal",
            remedy="Without one: code reflex status --json, code reflex events -f --json",
        )
    from reflex_tui.app import run  # noqa: PLC0415  Textual costs start-up

    return run(load_settings(arguments.config))
