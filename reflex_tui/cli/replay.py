"""``replay``: a recorded call again, offline; or its question put to a backend anew.

A recorded reply beside one to the same question asked anew.
"""

from __future__ import annotations

import asyncio
import difflib
import json
import sys
from dataclasses import asdict, dataclass
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
    from collections.abc import Mapping, Sequence

    from core.capsule.replay import KeptReply, RecordedCall
    from core.router.resend import Resent
    from core.settings import Settings


@dataclass(frozen=True, slots=True)
class Side:
    """One reply and what it took: times in ms, counts in tokens; ``text`` None: there is none."""

    backend: str
    model: str
    outcome: str
    latency_ms: float | None
    ttft_ms: float | None
    prompt_tokens: int | None
    completion_tokens: int | None
    cached_tokens: int | None
    text: str | None


@dataclass(frozen=True, slots=True)
class ReplyComparison:
    """Both sides; ``same`` is None and ``diff`` empty where one of them has no text."""

    before: Side
    now: Side
    same: bool | None
    diff: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "recorded": asdict(self.before),
            "anew": asdict(self.now),
            "same": self.same,
            "diff": list(self.diff),
        }


def recorded_side(attempt: Mapping[str, Any], reply: KeptReply | None) -> Side:
    """The side that an LLMCall tells of, with its reply where that was kept."""
    succeeded = attempt.get("success")
    return Side(
        backend=str(attempt.get("backend")),
        model=str(attempt.get("model")),
        outcome=str(attempt.get("finish_reason" if succeeded else "error")),
        latency_ms=attempt.get("latency_ms"),
        ttft_ms=attempt.get("ttft_ms"),
        prompt_tokens=attempt.get("prompt_tokens"),
        completion_tokens=attempt.get("completion_tokens"),
        cached_tokens=attempt.get("cached_tokens"),
        text=_said(reply.text, reply.tool_calls) if reply else None,
    )


def side_anew(anew: Resent) -> Side:
    """The side that was asked just now; a reply that was cut or is not valid is shown too."""
    outcome, error = anew.outcome, anew.outcome.error
    reply = outcome.reply or (error.partial if error else None)
    return Side(
        backend=anew.backend.name,
        model=anew.backend.model,
        outcome=error.code if error else outcome.reply.finish_reason if outcome.reply else "",
        latency_ms=round(outcome.latency_ms, 3),
        ttft_ms=reply.ttft_ms if reply else None,
        prompt_tokens=reply.prompt_tokens if reply else None,
        completion_tokens=reply.completion_tokens if reply else None,
        cached_tokens=reply.cached_tokens if reply else None,
        text=_said(outcome.reply.text, outcome.reply.tool_calls) if outcome.reply else None,
    )


def compare(before: Side, now: Side, *, as_data: bool) -> ReplyComparison:
    """Both sides with a unified diff: of the JSON they hold with ``as_data``, else of the text."""
    if before.text is None or now.text is None:
        return ReplyComparison(before, now, None, ())
    texts = [_laid_out(side.text or "", as_data=as_data) for side in (before, now)]
    diff = difflib.unified_diff(
        texts[0].splitlines(),
        texts[1].splitlines(),
        f"recorded  {before.backend} {before.model}",
        f"anew      {now.backend} {now.model}",
        lineterm="",
    )
    return ReplyComparison(before, now, texts[0] == texts[1], tuple(diff))


def _said(text: str, tool_calls: Sequence[Mapping[str, Any]]) -> str:
    if not tool_calls:
        return text
    # The ids are the server's own and differ from reply to reply.
    return json.dumps([call.get("function") for call in tool_calls], indent=2, ensure_ascii=False)


def _laid_out(text: str, *, as_data: bool) -> str:
    if not as_data:
        return text
    try:
        return json.dumps(json.loads(text), indent=2, sort_keys=True, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text


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
    from core.router.resend import request_of, resend  # offline needs no client

    attempt = call.last
    recorded = kept_request(attempt)
    stage = plain(attempt.get("stage"), 40)
    if stage not in set(Stage):
        raise NotReplayable(f"call {call.call_id} was of no stage that there is, but of {stage!r}")
    anew = asyncio.run(
        resend(
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


def _show_comparison(found: ReplyComparison, anew: Resent) -> None:
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
