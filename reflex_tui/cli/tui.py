"""``tui``: the dashboard, in this terminal or in a browser."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from core.errors import ReflexError
from reflex_tui import terminal

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from core.settings import Settings


class NoTerminal(ReflexError):
    """The dashboard needs a terminal."""

    code = "no_terminal"
    exit_code = 2


def tui(arguments: argparse.Namespace) -> int:
    """Open the dashboard on the workspace's configuration, here or for a browser."""
    if arguments.web:
        from reflex_tui.web import serve  # rarely needed

        serve(arguments.config, arguments.port)
        return 0
    return open_dashboard(arguments.config)


def open_dashboard(config: Path | None) -> int:
    """Open the dashboard in this terminal; returns the exit status when it is left.

    Raises:
        NoTerminal: there is none.
    """
    if why := terminal.unfit():
        raise NoTerminal(
            f"the dashboard needs a terminal: {why}",
            remedy="Without one: code reflex status --json, code reflex events -f --json",
        )
    from reflex_tui.app import run  # Textual costs start-up

    return run(read=partial(_settings, config))


def _settings(config: Path | None) -> Settings:
    from core.settings import load_settings  # pydantic, after the first paint

    return load_settings(config)
