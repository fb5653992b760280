"""One attempt and its record, whichever way it ends.

Asking a server that does not constrain: the schema in words, and the mistake fed back.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from core.errors import BackendError
from core.router.evidence import Call, Evidence, Outcome, Recording

if TYPE_CHECKING:
    from core.client.backend import Backend, ChatRequest, Message
    from core.client.chat import ChatClient
    from core.client.replies import OnDelta
    from core.clock import Clock


def unconstrained(request: ChatRequest) -> ChatRequest:
    """The request with its schema stated as an instruction instead of sent as a constraint."""
    rule: Message = {
        "role": "system",
        "content": "Answer with one JSON object that meets this JSON schema, and nothing else: "
        + json.dumps(request.schema, separators=(",", ":")),
    }
    return replace(request, messages=[rule, *request.messages], constrain=False)


def corrected(request: ChatRequest, error: BackendError) -> ChatRequest:
    """The next attempt's request: after an unconstrained slip, with the validator's message."""
    slip = getattr(error, "text", "")
    if request.constrain or not slip:
        return request
    turns: list[Message] = [
        {"role": "assistant", "content": slip},
        {"role": "user", "content": f"That is not valid: {error.message}. Answer again."},
    ]
    return replace(request, messages=[*request.messages, *turns])


async def ask(
    client: ChatClient, request: ChatRequest, clock: Clock, on_delta: OnDelta | None = None
) -> tuple[Outcome, BaseException | None]:
    """Ask once; returns how it ended and what interrupted it, to be raised once it is on record."""
    start = clock.monotonic()
    try:
        reply = await client.complete(request, on_delta=on_delta)
    except BackendError as error:
        return Outcome(1000 * (clock.monotonic() - start), error=error), None
    except BaseException as error:  # noqa: BLE001  as the docstring says
        return Outcome(1000 * (clock.monotonic() - start), cancelled=True), error
    return Outcome(reply.latency_ms, reply=reply), None


async def ask_and_record(
    client: ChatClient,
    request: ChatRequest,
    *,
    call: Call,
    backend: Backend,
    evidence: Evidence,
    clock: Clock,
) -> tuple[Outcome, str | None]:
    """Ask once and record the end; returns it with a warning when it could not be recorded.

    Cancelled, it is recorded as such and raises.
    """
    outcome, recording = await ask_and_begin_record(
        client,
        request,
        call=call,
        backend=backend,
        evidence=evidence,
        clock=clock,
    )
    return outcome, await recording


async def ask_and_begin_record(
    client: ChatClient,
    request: ChatRequest,
    *,
    call: Call,
    backend: Backend,
    evidence: Evidence,
    clock: Clock,
    number: int = 1,
    fallback_reason: str | None = None,
    on_delta: OnDelta | None = None,
) -> tuple[Outcome, Recording]:
    """As ``attempted``, but the record is still under way: what is recorded next shares its sync.

    ``number`` counts the call's attempts from 1.
    """
    outcome, interrupted = await ask(client, request, clock, on_delta)
    recording = evidence.begin_called(
        call, backend, request, outcome, attempt=number, fallback_reason=fallback_reason
    )
    if interrupted:
        await recording
        raise interrupted
    return outcome, recording
