"""``trust``: allows a server off this machine that a project's file names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.plain import plain
from reflex_tui.cli.kinds import words
from reflex_tui.cli.output import print_json

if TYPE_CHECKING:
    import argparse

    from reflex_tui.cli.parser import Commands


def add(commands: Commands) -> None:
    """Declare the command."""
    trust = commands.add(
        "trust",
        run,
        "allow a server off this machine that a project names",
        "trust https://llm.example.com/v1",
    )
    trust.add_argument(
        "url", type=words, metavar="URL", help="the server; scheme, host and port count"
    )


def run(arguments: argparse.Namespace) -> int:
    """Remember a server as trusted."""
    from core.settings import trust as trusting

    origin = trusting.trust(arguments.url)
    if arguments.json:
        print_json({"trusted": origin, "file": str(trusting.store())})
    else:
        print(f"trusted: {plain(origin)} (in {plain(trusting.store())})")
    return 0
