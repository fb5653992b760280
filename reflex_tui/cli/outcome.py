"""``outcome``: says what became of a call's answer; the monitor counts it."""

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
    outcome = commands.add(
        "outcome",
        run,
        "outcome 3f2a ok",
        "outcome 3f2a failed",
    )
    outcome.add_argument(
        "call_id", type=words, metavar="CALL_ID", help="the call's id, or its first characters"
    )
    outcome.add_argument("outcome", choices=("ok", "failed"), help="what became of its answer")


def run(arguments: argparse.Namespace) -> int:
    """Append a sealed CallOutcome; 2 when there is no such answered call."""
    import uuid

    from core.capsule import EventLog
    from core.capsule.replay import find_call
    from core.errors import NotReplayable, UnknownCall
    from core.monitor.outcomes import bare_id, outcome_event
    from core.settings import load_settings
    from core.settings.policy import PolicySnapshot

    settings = load_settings(arguments.config)
    with EventLog(settings.state_dir / "capsule") as log:
        try:
            call = find_call(log, bare_id(arguments.call_id))
        except NotReplayable as error:
            raise UnknownCall(error.message, remedy=error.remedy) from error
        event = outcome_event(
            call.events,
            call.call_id,
            ok=arguments.outcome == "ok",
            source="command",
            run_id=uuid.uuid4().hex,
            policy_hash=PolicySnapshot.capture(settings).policy_hash,
            workspace=settings.source.root,
        )
        log.append(event)
    if arguments.json:
        print_json(
            {"call_id": event.call_id, "ok": event.ok, "mode": event.mode, "before": event.before}
        )
        return 0
    was = {None: "", True: " (was ok)", False: " (was failed)"}[event.before]
    print(f"call {plain(event.call_id, 40)}, answered by {event.mode}: {arguments.outcome}{was}")
    return 0
