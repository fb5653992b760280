"""Calls as a capsule holds them once their requests and replies are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from core.capsule import EventLog
from core.capsule.events import LLMCallEvent
from core.stages import Mode, Stage
from tests.support.capsule.making import QuickDisk

if TYPE_CHECKING:
    from pathlib import Path

TEXT = '{"zeile": "a\\tb — ☃ \\u0007"}\r\n\n  trailing  '


def llm_call(call_id: str = "c1", **fields: Any) -> LLMCallEvent:
    """A good LLMCall in full_io; the fields not given are ordinary ones."""
    values: dict[str, Any] = {
        "run_id": "run",
        "mode": Mode.REFLEX,
        "model": "m",
        "request": {"messages": [{"role": "user", "content": "?"}]},
        "response": {"text": TEXT},
        "latency_ms": 145.0,
        "ttft_ms": 61.0,
        "success": True,
        "finish_reason": "stop",
        "attempt": 1,
        "stage": Stage.IMPLEMENT,
        "backend": "reflex",
        "endpoint": "http://127.0.0.1:3009/v1",
        "call_id": call_id,
        "capture_mode": "full_io",
    }
    return LLMCallEvent.model_validate(values | fields)


def record(project: Path, *events: Any) -> Path:
    """Append to the project's capsule; returns its directory."""
    directory = project / ".speckit" / "capsule"
    with EventLog(directory, disk=QuickDisk()) as log:
        for event in events:
            log.append(event)
    return directory
