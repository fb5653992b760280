"""``Health``: what a probe of a server found, for the router, a person and a program alike."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from core.clock import rfc3339
from core.stages import Reason

if TYPE_CHECKING:
    from datetime import datetime

    from core.client.load import EngineLoad
    from core.client.server import EngineIdentity


class Cause(StrEnum):
    """What is wrong, or ``HEALTHY``."""

    HEALTHY = "healthy"
    NOT_LISTENING = "not_listening"
    UNREACHABLE = "unreachable"
    UNRESOLVABLE = "unresolvable"
    TLS = "tls"
    TIMEOUT = "timeout"
    NO_REPLY = "no_reply"
    LOADING = "loading"
    UNAUTHORIZED = "unauthorized"
    WRONG_PATH = "wrong_path"
    NOT_OPENAI = "not_openai"
    HTTP_ERROR = "http_error"
    NO_MODELS = "no_models"
    MODEL_MISSING = "model_missing"
    GENERATION_FAILED = "generation_failed"
    SCHEMA_REFUSED = "schema_refused"
    ONLY_REASONING = "only_reasoning"


LISTED = frozenset({Cause.GENERATION_FAILED, Cause.SCHEMA_REFUSED, Cause.ONLY_REASONING})
"""Of a server that lists its models and is ready, and fails at a deep look."""


class ToolUse(StrEnum):
    """What became of a request that offered a tool and asked for a call of it."""

    CALLED = "called"
    NOT_CALLED = "not_called"
    MALFORMED = "malformed"
    UNPARSED = "unparsed"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class DeepProbe:
    """One constrained generation: times in ms from the request, ``tokens_per_s`` after the first.

    ``error`` says why there is no reply that meets the schema; ``schema_held`` is then False.
    ``tools`` says what became of a tool offered after it; None where that was not tried.
    """

    ttft_ms: float | None
    total_ms: float | None
    tokens_per_s: float | None
    cached_tokens: int | None
    schema_held: bool
    error: str | None = None
    tools: ToolUse | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """Whether a backend is healthy; if not, why and what to do.

    ``summary`` is one line; the first line of ``remedy`` is a sentence, further ones may be
    commands or lines of configuration. Both, and ``models``, are safe to show. ``latency_ms`` is
    what the verdict took, without load and generation. ``load`` and ``deep`` are set when asked
    for, ``load`` only where the engine publishes it. ``notices`` are sentences about what a healthy
    server lacks, each with what to do about it.
    """

    ok: bool
    cause: Cause
    summary: str
    remedy: tuple[str, ...]
    engine: EngineIdentity | None
    models: tuple[str, ...]
    latency_ms: float
    checked_at: datetime
    endpoint: str
    model: str
    load: EngineLoad | None = None
    deep: DeepProbe | None = None
    notices: tuple[str, ...] = ()

    @property
    def reason(self) -> Reason | None:
        """The routing reason this gives, or None when healthy."""
        if self.ok:
            return None
        if self.cause in {Cause.NO_MODELS, Cause.MODEL_MISSING}:
            return Reason.MODEL_NOT_AVAILABLE
        return Reason.SERVER_UNHEALTHY

    def as_json(self) -> dict[str, Any]:
        """The same as JSON-ready values; ``engine`` also with label and fingerprint."""
        engine = self.engine
        return {
            "ok": self.ok,
            "cause": str(self.cause),
            "reason": str(self.reason) if self.reason else None,
            "summary": self.summary,
            "remedy": list(self.remedy),
            "notices": list(self.notices),
            "endpoint": self.endpoint,
            "model": self.model,
            "engine": engine
            and {
                "name": str(engine.engine),
                "version": engine.version,
                "label": engine.label,
                "detail": engine.detail,
                "fingerprint": engine.fingerprint,
                "setup": engine.setup.as_json(),
            },
            "models": list(self.models),
            "latency_ms": round(self.latency_ms, 3),
            "checked_at": rfc3339(self.checked_at),
            "load": self.load and asdict(self.load),
            "deep": self.deep and asdict(self.deep),
        }
