"""Sending a recorded request again, past gate and breaker, with evidence of its own."""

from __future__ import annotations

import os
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.capsule import EventLog
from core.capsule.keys import user_key
from core.client.backend import Backend, ChatRequest
from core.client.chat import ChatClient
from core.clock import Clock, SystemClock
from core.errors import ConfigError
from core.router.attempts import Attempts, Why
from core.router.backends import cloud, local, primary
from core.router.evidence import Call, Evidence, Outcome
from core.router.fitting import fitted
from core.router.health import probe
from core.settings.policy import PolicySnapshot
from core.stages import CLOUD, PRIMARY, Mode, Reason, Stage

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from core.client.server import EngineIdentity
    from core.settings import Settings


ORIGIN = "replay"
# Where several replies were asked for at once, one is asked for again.
_FIELDS = ("messages", "schema", "max_tokens", "temperature", "seed", "n")


@dataclass(frozen=True, slots=True)
class Resent:
    """How ``backend`` answered this time; ``warning`` says what could not be recorded of it."""

    call_id: str
    backend: Backend
    outcome: Outcome
    warning: str | None


def request_of(recorded: Mapping[str, Any]) -> ChatRequest:
    """The request that an LLMCall's ``request`` field tells of."""
    extra = {name: value for name, value in recorded.items() if name not in _FIELDS}
    schema = recorded.get("schema")
    return ChatRequest(
        recorded["messages"],
        schema=schema,
        max_tokens=recorded.get("max_tokens"),
        temperature=recorded.get("temperature"),
        seed=recorded.get("seed"),
        # A caller's own wording of the schema goes to a cloud alone.
        response_format=extra.pop("response_format", None) if schema is not None else None,
        extra=extra,
    )


def backend_named(
    settings: Settings, name: str, environ: Mapping[str, str] | None = None
) -> Backend:
    """``reflex``, ``cloud`` or a ``[reflex.backends]`` key as a server that may be contacted.

    Raises:
        ConfigError: there is no such backend.
        UntrustedEndpoint: a project's file chose a server off this machine.
    """
    if name == PRIMARY:
        return primary(settings)
    if name == CLOUD:
        return cloud(settings, environ)
    if name in settings.reflex.backends:
        return local(settings, name)
    known = ", ".join([PRIMARY, CLOUD, *settings.reflex.backends])
    raise ConfigError(f"{name!r} is no backend; known: {known}")


def _key(settings: Settings, environ: Mapping[str, str] | None) -> tuple[str, ...]:
    """The cloud's API key, where there is one; in no frame that an error passes through."""
    key = (os.environ if environ is None else environ).get(settings.cloud.api_key_env)
    return (key,) if key else ()


async def _identity(request: ChatRequest, backend: Backend, clock: Clock) -> EngineIdentity | None:
    """Who answers there, where that decides how much of a schema is sent."""
    if request.schema is None or backend.mode is not Mode.REFLEX:
        return None
    return (await probe(backend, timeout_ms=backend.timeout_ms, clock=clock)).engine


async def resend(
    settings: Settings,
    request: ChatRequest,
    name: str,
    *,
    of: str,
    stage: Stage,
    environ: Mapping[str, str] | None = None,
    clock: Clock | None = None,
    key_directory: Path | None = None,
) -> Resent:
    """Ask the backend ``name`` the question of call ``of`` once; a failure is an outcome.

    Raises:
        ConfigError: no such backend, one that is not trusted, or a local one and a ``stage`` that
            is not its work.
        CapsuleError: the decision could not be recorded; nothing was sent.
    """
    clock = clock or SystemClock()
    backend = backend_named(settings, name, environ)
    if backend.mode is Mode.REFLEX and stage is not Stage.IMPLEMENT:
        raise ConfigError(
            f"call {of} is of the {stage} stage, and only implement is a local server's work",
            remedy="Ask the cloud: --against cloud",
        )
    log = EventLog(settings.state_dir / "capsule", clock=clock)
    evidence = Evidence(
        log,
        PolicySnapshot.capture(settings, clock),
        uuid.uuid4().hex,
        key=user_key(directory=key_directory),
        secrets=_key(settings, environ),
    )
    attempts = Attempts(Call(uuid.uuid4().hex, stage, ORIGIN), evidence, clock)
    client = ChatClient(backend, clock=clock)
    try:
        await evidence.record_policy(settings)
        outcome = await attempts.make(
            client,
            backend,
            fitted(
                request,
                backend,
                json_schema=settings.reflex.json_schema,
                identity=await _identity(request, backend, clock),
            ),
            Why(Reason.REPLAY, f"of call {of}"),
        )
        await attempts.recorded()
    finally:
        await client.aclose()
        log.close()
    assert outcome is not None
    return Resent(attempts.call_id, backend, outcome, next(iter(attempts.warnings), None))
