"""events and replay: what was decided, and what was said."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from reflex_tui.cli.arguments.kinds import count, path

if TYPE_CHECKING:
    from reflex_tui.cli.parser import Commands

_SINCE = "only newer ones: 30s, 15m, 2h, 7d, or a date and time"


def add(commands: Commands) -> None:
    """Add this family's commands."""
    events = commands.add(
        "events",
        "events:events",
        "show the newest events of the capsule, follow it, verify or export it",
        "events -n 50",
        "events -f --mode reflex",
        "events --type RoutingDecision --since 15m",
        "events verify",
        "events export --out events.jsonl",
    )
    events.add_argument("-f", "--follow", action="store_true", help="go on with new ones")
    events.add_argument("-n", type=count, default=20, metavar="N", help="how many (default 20)")
    events.add_argument("--type", metavar="TYPE", help="only events of this type")
    events.add_argument("--mode", choices=["reflex", "cloud"], help="only events of this mode")
    events.add_argument("--reason", metavar="REASON", help="only decisions with this reason")
    events.add_argument("--since", metavar="WHEN", help=_SINCE)
    actions = commands.actions(events)
    verify = actions.add(
        "verify",
        "events:verify",
        "check the whole hash chain",
        "events verify",
        "events verify --head sha256:…",
    )
    verify.add_argument("--head", metavar="HASH", help="the chain must contain this hash")
    _add_export(actions)
    _add_replay(commands)


def _add_export(actions: Commands) -> None:
    export = actions.add(
        "export",
        "export:export",
        "copy events out as JSON Lines, or ship them to an OpenTelemetry collector; recorded",
        "events export --out events.jsonl",
        "events export --since 7d --with-io > week.jsonl",
        "events export --otlp http://127.0.0.1:4318 -f",
    )
    add = export.add_argument
    add("--out", type=path, metavar="FILE", help="where to (default: standard output)")
    add("--with-io", action="store_true", help="with requests, replies and servers' own words")
    add("--since", metavar="WHEN", default=argparse.SUPPRESS, help=_SINCE)
    add("--otlp", metavar="URL", help="ship spans to the collector at URL, from where it ended")
    add(
        "-f",
        "--follow",
        action="store_true",
        default=argparse.SUPPRESS,
        help="with --otlp: go on with new ones until Ctrl-C",
    )


def _add_replay(commands: Commands) -> None:
    replay = commands.add(
        "replay",
        "replay:replay",
        "give a call's recorded reply again, offline; or ask a backend the same anew",
        "replay 3f2a",
        "replay 3f2a --against reflex",
        "replay 3f2a --json | jq .text",
    )
    replay.add_argument("call_id", metavar="CALL_ID", help="the call's id, or how it begins")
    replay.add_argument(
        "--against",
        metavar="BACKEND",
        help="ask reflex, cloud or a [reflex.backends] name, and show both replies",
    )
