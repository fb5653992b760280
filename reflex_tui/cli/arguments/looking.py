"""health, models, status: what is there and how it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reflex_tui.cli.arguments.kinds import positive

if TYPE_CHECKING:
    from reflex_tui.cli.parser import Commands

COMMANDS = ("health", "models", "status")


def add(commands: Commands) -> None:
    """Add this family's commands."""
    health = commands.add(
        "health",
        "health:health",
        "check the reflex server; 0 when healthy, else what to do",
        "health",
        "health --deep",
        "health --watch 5",
    )
    health.add_argument("--deep", action="store_true", help="add one constrained generation")
    health.add_argument(
        "--watch",
        type=positive,
        nargs="?",
        const=2.0,
        metavar="SECONDS",
        help="look again every 2 (or SECONDS) seconds until Ctrl-C",
    )
    health.add_argument(
        "--timeout", type=positive, metavar="MS", help="deadline of the look (default: timeout_ms)"
    )
    commands.add("models", "health:models", "list the models the reflex server serves", "models")
    commands.add(
        "status",
        "status:status",
        "show the configuration and its sources, breaker, gate, and the next call's route",
        "status",
        "status --json",
    )
