"""``enable`` and ``disable``: let reflex serve Implement calls, or send them to the cloud."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.plain import plain
from reflex_tui.cli.output import print_json

if TYPE_CHECKING:
    import argparse

    from reflex_tui.cli.parser import Commands


def add(commands: Commands) -> None:
    """Declare both commands."""
    enable = commands.add("enable", run, "enable")
    enable.add_argument(
        "--force", action="store_true", help="also without a gate pass; the log records it"
    )
    commands.add("disable", run_disable, "disable")


def run(arguments: argparse.Namespace) -> int:
    """Set ``enabled = true`` over a valid gate pass, or on record with ``--force``."""
    return _switch(arguments, on=True, force=arguments.force)


def run_disable(arguments: argparse.Namespace) -> int:
    """Set ``enabled = false``; a file in which nothing was on is left alone."""
    return _switch(arguments, on=False)


def _switch(arguments: argparse.Namespace, *, on: bool, force: bool = False) -> int:
    from core.router.enable import switch
    from core.settings import load_settings

    done = switch(load_settings(arguments.config), on=on, force=force)
    if arguments.json:
        document = {"file": str(done.path), "line": done.line, "enabled": on, "forced": done.forced}
        print_json(document)
    elif done.line is None:
        print(f"nothing to write: reflex is {'enabled' if on else 'disabled'} already")
    else:
        print(f"{plain(done.path)}:{done.line}: enabled = {str(on).lower()}")
        if done.forced:
            print(f"enabled, but calls stay on the cloud until a bakeoff passes ({done.forced})")
    return 0
