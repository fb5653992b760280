"""What ``replay`` prints: a recorded reply, or one beside the reply to the same request now."""

from __future__ import annotations

import difflib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from core.plain import plain
from reflex_tui.cli.output import milliseconds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from core.capsule.replay import KeptReply, RecordedCall
    from core.router.resend import Resent


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
            "now": asdict(self.now),
            "same": self.same,
            "diff": list(self.diff),
        }


def recorded_side(attempt: Mapping[str, Any], reply: KeptReply | None) -> Side:
    """The side that an LLMCall records, with its reply where that was kept."""
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


def side_now(resent: Resent) -> Side:
    """The side that was asked just now; also with a reply that was cut or is not valid."""
    outcome, error = resent.outcome, resent.outcome.error
    reply = outcome.reply or (error.partial if error else None)
    return Side(
        backend=resent.backend.name,
        model=resent.backend.model,
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
        f"now       {now.backend} {now.model}",
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


def about(call: RecordedCall) -> str:
    """The call in a line: outcome, who answered, and how long it took."""
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


def document(call: RecordedCall, reply: KeptReply | None) -> dict[str, Any]:
    """What ``--json`` prints of a recorded call."""
    return {
        "call_id": call.call_id,
        "success": call.last.get("success"),
        "text": reply.text if reply else None,
        "tool_calls": list(reply.tool_calls) if reply else [],
        "attempt": dict(call.last),
        "decisions": [dict(body) for body in call.decisions],
    }


def rows(before: Side, now: Side) -> list[tuple[object, object, object]]:
    """Both sides as a table: name, recorded, now."""
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
