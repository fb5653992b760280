"""``replay``: a recorded call again, offline; or its question put to a backend anew."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any

from core.capsule import EventLog
from core.capsule.replay import find_call, kept_reply, kept_request
from core.errors import NotReplayable
from core.plain import plain, plain_block
from core.settings import load_settings
from core.stages import Stage
from reflex_tui.cli.output import coloured, columns, milliseconds, print_json

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from core.capsule.replay import KeptReply, RecordedCall
    from core.router.anew import Anew
    from core.settings import Settings
    from reflex_tui.cli.comparison import Comparison, Side


def replay(arguments: argparse.Namespace) -> int:
    """The reply as recorded on standard output, and about it on standard error.

    0 when the call had been answered (with ``--against``: when the backend answers now), else 1.
    """
    settings = load_settings(arguments.config)
    with EventLog(settings.state_dir / "capsule") as log:
        call = find_call(log, arguments.call_id)
    if arguments.against is not None:
        return _against(settings, call, arguments)
    attempt = call.last
    reply = kept_reply(attempt)
    if arguments.json:
        print_json(_document(call, reply))
    else:
        sys.stderr.write(_about(call) + "\n")
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


def _about(call: RecordedCall) -> str:
    attempt = call.last
    outcome = (
        f"✓ {attempt.get('finish_reason')}"
        if attempt.get("success")
        else f"✖ {attempt.get('error')}"
    )
    several = f", attempt {len(call.attempts)}" if len(call.attempts) > 1 else ""
    words = [
        f"call {call.call_id}{several}",
        f"{attempt.get('stage')} → {attempt.get('backend')}, {attempt.get('model')}",
        f"TTFT {milliseconds(attempt.get('ttft_ms'))}",
        f"total {milliseconds(attempt.get('latency_ms'))}",
        f"recorded {attempt.get('time')}",
    ]
    line = plain(f"{outcome}  {' · '.join(words)}")
    if message := attempt.get("error_message"):
        line += f"\n{plain(message)}"
    return line


def _document(call: RecordedCall, reply: KeptReply | None) -> dict[str, Any]:
    return {
        "call_id": call.call_id,
        "success": call.last.get("success"),
        "text": reply.text if reply else None,
        "tool_calls": list(reply.tool_calls) if reply else [],
        "attempt": dict(call.last),
        "decisions": [dict(body) for body in call.decisions],
    }


def _against(settings: Settings, call: RecordedCall, arguments: argparse.Namespace) -> int:
    from core.router.anew import ask_anew, request_of  # noqa: PLC0415  offline needs no client
    from reflex_tui.cli.comparison import compare, recorded_side, side_anew  # noqa: PLC0415

    attempt = call.last
    recorded = kept_request(attempt)
    stage = plain(attempt.get("stage"), 40)
    if stage not in set(Stage):
        raise NotReplayable(f"call {call.call_id} was of no stage that there is, but of {stage!r}")
    anew = asyncio.run(
        ask_anew(
            settings,
            request_of(recorded),
            arguments.against,
            of=call.call_id,
            stage=Stage(stage),
        )
    )
    before, now = recorded_side(attempt, _kept_or_none(attempt)), side_anew(anew)
    found = compare(before, now, as_data=recorded.get("schema") is not None)
    if anew.warning:
        sys.stderr.write(f"warning: {plain(anew.warning)}\n")
    if arguments.json:
        print_json({"call_id": call.call_id, "anew_call_id": anew.call_id, **found.as_json()})
    else:
        _show_comparison(found, anew)
    return 0 if anew.outcome.reply else 1


def _kept_or_none(attempt: Mapping[str, Any]) -> KeptReply | None:
    try:
        return kept_reply(attempt)
    except NotReplayable as error:
        sys.stderr.write(f"{error.message}\n")
        return None


def _show_comparison(found: Comparison, anew: Anew) -> None:
    before, now = found.before, found.now
    print("\n".join(columns([("", "recorded", "anew"), *_rows(before, now)])))
    print()
    if found.same:
        print(coloured("the replies are the same", "green"))
    elif now.text is None:
        error = anew.outcome.error
        print(coloured(f"✖ {plain(error.message if error else 'no reply')}", "red"))
        if error and error.remedy:
            print(plain_block(error.remedy))
    elif before.text is None:
        print(plain_block(now.text))
    else:
        print(plain_block("\n".join(found.diff)) or "the replies differ in their last line end")


def _rows(before: Side, now: Side) -> list[tuple[object, object, object]]:
    return [
        ("backend", before.backend, now.backend),
        ("model", before.model, now.model),
        ("outcome", before.outcome, now.outcome),
        ("TTFT", milliseconds(before.ttft_ms), milliseconds(now.ttft_ms)),
        ("total", milliseconds(before.latency_ms), milliseconds(now.latency_ms)),
        ("prompt", _tokens(before.prompt_tokens), _tokens(now.prompt_tokens)),
        ("reply", _tokens(before.completion_tokens), _tokens(now.completion_tokens)),
        ("cached", _tokens(before.cached_tokens), _tokens(now.cached_tokens)),
    ]


def _tokens(count: int | None) -> str:
    return "–" if count is None else f"{count} tokens"
