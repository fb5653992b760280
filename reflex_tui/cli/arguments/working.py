"""implement: the patch loop on the user's own files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.stages import Stage
from reflex_tui.cli.arguments.kinds import from_one, positive

if TYPE_CHECKING:
    from reflex_tui.cli.parser import Commands

_USAGE = """\
%(prog)s PROMPT --file F [F ...] --check CMD [option ...]
       %(prog)s --undo"""
_DESCRIPTION = """\
Have files changed until a check passes, each attempt routed; asks before writing.

The check is your own command: it runs as you, not sandboxed, over what a model wrote, on a copy
of the repository (what git tracks or does not ignore). You are asked before it first runs, and
shown the diff before anything of yours is written; --yes agrees to both. Without a terminal
nobody can be asked, and --yes is needed."""


def add(commands: Commands) -> None:
    """Add this family's commands."""
    implement = commands.add(
        "implement",
        "implement:implement",
        "have files changed until a check passes, each attempt routed; asks before writing",
        "implement 'Round half up, also below zero.' --file money.py --check 'pytest -q'",
        "implement 'Reject an empty name.' --file a.c b.c --check \"make CFLAGS='-O0 -g' test\"",
        "implement 'Mend the parser.' --file p.py --check 'make test' --yes --json",
        "implement --undo",
    )
    implement.usage = _USAGE
    implement.description = _DESCRIPTION
    add = implement.add_argument
    add("prompt", nargs="?", metavar="PROMPT", help="what is to be done; before --file")
    add(
        "--file",
        action="extend",
        nargs="+",
        metavar="F",
        help="a file that may be changed; all of them are shown to the model, no other is",
    )
    add(
        "--check",
        metavar="CMD",
        help="the command that ends with 0 once it is done; no shell is started, so for a "
        "shell's syntax write \"sh -c '…'\"",
    )
    add(
        "--check-timeout",
        type=positive,
        default=300.0,
        metavar="SECONDS",
        help="after which a check is stopped and has failed (default 300)",
    )
    add(
        "--also",
        action="append",
        metavar="PATH",
        help="a file or directory that git ignores and the check needs: it is copied too; "
        "may be given several times (.venv, venv and node_modules are linked anyway)",
    )
    add(
        "--stage",
        choices=[stage.value for stage in Stage],
        default=Stage.IMPLEMENT.value,
        help="any but implement goes to the cloud (default: %(default)s)",
    )
    add(
        "--attempts",
        type=from_one,
        metavar="N",
        help="at most, in all (default: max_failures at each backend)",
    )
    add(
        "--candidates",
        type=from_one,
        metavar="N",
        help="replies asked of a local server at once (default: that of [reflex])",
    )
    add(
        "--edit-format",
        choices=["auto", "code", "whole_file", "search_replace", "line_range", "fence"],
        default="auto",
        help="how edits are written (default: by the files' length)",
    )
    add("--yes", action="store_true", help="run the check and write without asking")
    add("--undo", action="store_true", help="take back what was written last")
