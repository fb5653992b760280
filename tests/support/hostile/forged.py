"""A capsule that somebody else wrote: a chain that holds, over whatever they liked to say."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from core.capsule import events
from core.capsule.record import GENESIS, complete_line
from tests.support.capsule.making import decision

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

TYPES = tuple(model.event_type for model in events.Event.__subclasses__())
FIELDS = (
    *("mode", "reason", "detail", "stage", "backend", "endpoint", "model", "call_id", "origin"),
    *("latency_ms", "ttft_ms", "success", "error", "error_message", "attempt", "is_fallback"),
    *("request", "response", "completion_tokens", "prompt_tokens", "cached_tokens"),
    *("before", "after", "cause", "retry_in_s", "failure_count", "fallback_reason"),
    *("verdict", "suite", "stamps", "misses", "metrics", "seal", "report_path", "partial"),
    *("path", "files", "lines_changed", "solved", "first_seq", "last_seq", "destination"),
    *("run_id", "policy_hash", "finish_reason", "json_compliant", "capture_mode", "role"),
)
TIMES = (
    "2026-01-12T10:30:16.050Z",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999Z",
    "2026-01-12T10:30:16.050+23:59",
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59-23:59",
    "99999",
    "-.-",
)


def forge(capsule: Path, bodies: Iterable[dict[str, Any]]) -> int:
    """Write a log of these events with a chain that holds; returns how many there are."""
    capsule.mkdir(parents=True)
    digest, count = GENESIS, 0
    with (capsule / "events-000001.jsonl").open("wb") as segment:
        for count, body in enumerate(bodies, 1):
            # Escaped and not: both are JSON, and both may stand in a stranger's log.
            text = json.dumps(body, ensure_ascii=count % 2 == 0, separators=(",", ":"))
            fields = text[:-1].encode(errors="replace")
            time = TIMES[count % 31] if count % 31 < len(TIMES) else TIMES[0]
            line, digest = complete_line(fields, count, time, digest)
            segment.write(line)
    return count


def bodies(values: list[Any]) -> list[dict[str, Any]]:
    """An event for each value, which stands in several of its fields, and as its type."""
    ordinary = decision().body()
    made = []
    for number, value in enumerate(values):
        kind = TYPES[number % len(TYPES)]
        fields = FIELDS[number % 5 :: 5] if number % 3 else FIELDS
        body = {"event_type": kind, **{k: v for k, v in ordinary.items() if k != "event_type"}}
        made.append(body | {"call_id": f"call-{number // 3}"} | dict.fromkeys(fields, value))
        made.append(_kept(body, number, value))
        if isinstance(value, str):
            made.append(body | {"event_type": value})
            made.append(body | {value: value})
    return made


def _kept(body: dict[str, Any], number: int, value: Any) -> dict[str, Any]:
    """A call that says its reply was kept."""
    told = dict.fromkeys(("finish_reason", "ttft_ms", "error", "error_message", "model"), value)
    response = {"text": value} if number % 2 else {"text": value, "tool_calls": value}
    kept = {"response": response, "capture_mode": "full_io", "success": number % 3 > 0}
    request = {"messages": [{"role": value, "content": value}], "schema": value}
    call = {"event_type": "LLMCall", "call_id": f"kept-{number}-", "request": request}
    return body | told | kept | call
