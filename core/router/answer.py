"""What a caller gets back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.router.reason import Reason
    from core.stages import Mode


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete, valid reply and who gave it why.

    ``data`` is the parsed, validated object when a schema was given. ``latency_ms`` and ``ttft_ms``
    are the answering attempt's; ``total_ms`` is the whole call's, deciding and failed attempts
    included. ``attempts`` counts HTTP requests. ``warnings`` says what could not be recorded.
    """

    text: str
    data: Any
    mode: Mode
    reason: Reason
    detail: str | None
    backend: str
    model: str
    finish_reason: str
    ttft_ms: float | None
    latency_ms: float
    total_ms: float
    attempts: int
    call_id: str
    run_id: str
    is_fallback: bool
    tool_calls: tuple[Mapping[str, Any], ...] = ()
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    warnings: tuple[str, ...] = ()
