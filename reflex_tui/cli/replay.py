"""``replay``: shows a call's recorded reply, offline; or sends its request again."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from core.plain import plain, plain_block
from reflex_tui.cli.kinds import words
from reflex_tui.cli.output import coloured, columns, print_json

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping
    from typing import Any

    from core.capsule.replay import KeptReply, RecordedCall
    from core.router.resend import Resent
    from core.settings import Settings
    from reflex_tui.cli.parser import Commands
    from reflex_tui.cli.replay_text import ReplyComparison


def add(commands: Commands) -> None:
    """Declare the command."""
    replay = commands.add(
        "replay",
        run,
        "replay 3f2a",
        "replay 3f2a --against reflex",
        "replay 3f2a --json | jq .text",
    )
    replay.add_argument(
        "call_id", type=words, metavar="CALL_ID", help="the call's id, or its first characters"
    )
    replay.add_argument(
        "--against",
        type=words,
        metavar="BACKEND",
        help="send the request to reflex, cloud or a [reflex.backends] name, and show both replies",
    )


def run(arguments: argparse.Namespace) -> int:
    """The reply as recorded on standard output, and about it on standard error.

    0 when the call had been answered (with ``--against``: when the backend answers now), else 1.
    """
    from core.capsule import EventLog
    from core.capsule.replay import find_call, kept_reply
    from core.settings import load_settings
    from reflex_tui.cli.replay_text import about, document

    settings = load_settings(arguments.config)
    with EventLog(settings.state_dir / "capsule") as log:
        call = find_call(log, arguments.call_id)
    if arguments.against is not None:
        return _against(settings, call, arguments)
    attempt = call.last
    reply = kept_reply(attempt)
    if arguments.json:
        print_json(document(call, reply))
    else:
        sys.stderr.write(about(call) + "\n")
        _show(reply)
    return 0 if attempt.get("success") else 1


def _show(reply: KeptReply | None) -> None:
    if reply is None:
        return
    if reply.tool_calls:
        print_json(list(reply.tool_calls))
    elif sys.stdout.isatty():
        print(plain_block(reply.text))
    else:
        # Byte for byte: not even a line end is added.
        sys.stdout.buffer.write(reply.text.encode(errors="replace"))
        sys.stdout.flush()


def _against(settings: Settings, call: RecordedCall, arguments: argparse.Namespace) -> int:
    import asyncio

    from core.capsule.replay import kept_request
    from core.errors import NotReplayable
    from core.router.resend import request_of, resend
    from core.stages import Stage
    from reflex_tui.cli.replay_text import compare, recorded_side, side_now

    attempt = call.last
    recorded = kept_request(attempt)
    stage = plain(attempt.get("stage"), 40)
    if stage not in set(Stage):
        raise NotReplayable(f"call {call.call_id} has an unknown stage: {stage!r}")
    resent = asyncio.run(
        resend(
            settings,
            request_of(recorded),
            arguments.against,
            of=call.call_id,
            stage=Stage(stage),
        )
    )
    before, now = recorded_side(attempt, _kept_or_none(attempt)), side_now(resent)
    found = compare(before, now, as_data=recorded.get("schema") is not None)
    if resent.warning:
        sys.stderr.write(f"warning: {plain(resent.warning)}\n")
    if arguments.json:
        print_json({"call_id": call.call_id, "new_call_id": resent.call_id, **found.as_json()})
    else:
        _show_comparison(found, resent)
    return 0 if resent.outcome.reply else 1


def _kept_or_none(attempt: Mapping[str, Any]) -> KeptReply | None:
    from core.capsule.replay import kept_reply
    from core.errors import NotReplayable

    try:
        return kept_reply(attempt)
    except NotReplayable as error:
        sys.stderr.write(f"{error.message}\n")
        return None


def _show_comparison(found: ReplyComparison, resent: Resent) -> None:
    from reflex_tui.cli.replay_text import rows

    before, now = found.before, found.now
    print("\n".join(columns([("", "recorded", "now"), *rows(before, now)])))
    print()
    if found.same:
        print(coloured("the replies are the same", "green"))
    elif now.text is None:
        error = resent.outcome.error
        print(coloured(f"✖ {plain(error.message if error else 'no reply')}", "red"))
        if error and error.remedy:
            print(plain_block(error.remedy))
    elif before.text is None:
        print(plain_block(now.text))
    else:
        print(plain_block("\n".join(found.diff)) or "the replies differ in their last line end")
