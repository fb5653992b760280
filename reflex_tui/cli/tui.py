"""``tui``: the dashboard, in this terminal or in a browser."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from core.errors import ReflexError
from reflex_tui.cli.kinds import port

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from core.settings import Settings
    from reflex_tui.cli.parser import Commands


class NoTerminal(ReflexError):
    """The dashboard needs a terminal."""

    code = "no_terminal"
    exit_code = 2


def add(commands: Commands) -> None:
    """Declare the command."""
    tui = commands.add(
        "tui",
        run,
        "tui",
        "tui --config path/stage0.toml",
        "tui --web --port 8000",
    )
    tui.add_argument(
        "--web",
        action="store_true",
        help="serve it to a browser on this machine (needs the extra web)",
    )
    tui.add_argument(
        "--port",
        type=port,
        default=8000,
        metavar="PORT",
        help="port of --web (default: %(default)s; 0: any free one)",
    )


def run(arguments: argparse.Namespace) -> int:
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
    from reflex_tui import terminal

    if why := terminal.unfit():
        raise NoTerminal(
            f"the dashboard needs a terminal: {why}",
            remedy="Without one: code reflex status --json, code reflex events -f --json",
        )
    from reflex_tui.app import run as show  # Textual costs start-up

    return show(read=partial(_settings, config))


def _settings(config: Path | None) -> Settings:
    from core.settings import load_settings  # pydantic, after the first paint

    return load_settings(config)
