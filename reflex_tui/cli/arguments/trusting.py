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
        "allow a server off this machine that a project's file names",
        "trust https://llm.example.com/v1",
    )
    trust.add_argument("url", metavar="URL", help="the server; scheme, host and port count")
    enable = commands.add(
        "enable",
        "settings:enable",
        "let reflex serve Implement calls; refused without a valid gate pass",
        "enable",
    )
    enable.add_argument("--force", action="store_true", help="even without a pass; the log says so")
    commands.add("disable", "settings:disable", "send Implement calls to the cloud again")
