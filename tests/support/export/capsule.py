"""A capsule to export."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.capsule import EventLog
from tests.support.capsule.calls import llm_call, record
from tests.support.capsule.making import decision

if TYPE_CHECKING:
    from pathlib import Path

    from core.capsule import Record

PROMPT = "the secret of the prompt"
REPLY = "the secret of the reply"
QUOTED = "the server quoted the prompt"


def three_events(project: Path) -> list[str]:
    """A decision, a failed attempt and a good one, in full_io; returns their hashes."""
    request = {"messages": [{"role": "user", "content": PROMPT}], "max_tokens": 9}
    failed = llm_call(
        "c1",
        request=request,
        response=None,
        success=False,
        error="server_error",
        error_message=QUOTED,
        finish_reason=None,
        ttft_ms=None,
    )
    good = llm_call(
        "c1",
        request=request,
        response={"text": REPLY},
        attempt=2,
        waited_ms=1700.0,
        response_model="m-2026",
        response_id="chatcmpl-1",
        streamed=True,
        prompt_tokens=12,
        completion_tokens=3,
        cached_tokens=10,
        json_compliant=True,
    )
    record(project, decision("c1"), failed, good)
    return [record_.hash for record_ in capsule(project)]


def capsule(project: Path) -> list[Record]:
    """All records."""
    with EventLog(project / ".speckit" / "capsule") as log:
        return list(log.read())
