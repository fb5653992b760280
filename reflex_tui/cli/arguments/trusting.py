"""trust, enable, disable: what a person allows."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reflex_tui.cli.parser import Commands


def add(commands: Commands) -> None:
    """Add this family's commands."""
    trust = commands.add(
        "trust",
        "settings:trust",
        "allow a server, or thresholds looser than the defaults, that a project's file names",
        "trust https://llm.example.com/v1",
        "trust --thresholds",
    )
    what = trust.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "url", nargs="?", metavar="URL", help="the server; scheme, host and port count"
    )
    what.add_argument(
        "--thresholds",
        action="store_true",
        help="accept this workspace's loosened thresholds; passes by them are marked",
    )
    enable = commands.add(
        "enable",
        "settings:enable",
        "let reflex serve Implement calls; refused without a valid gate pass",
        "enable",
    )
    enable.add_argument("--force", action="store_true", help="even without a pass; the log says so")
    commands.add("disable", "settings:disable", "send Implement calls to the cloud again")
