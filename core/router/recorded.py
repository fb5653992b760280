"""One attempt and its record, whichever way it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.errors import BackendError
from core.router.evidence import Call, Evidence, Outcome, Recording

if TYPE_CHECKING:
    from core.client.backend import Backend, ChatRequest
    from core.client.chat import ChatClient
    from core.client.replies import Heard
    from core.clock import Clock


async def ended(
    client: ChatClient, request: ChatRequest, clock: Clock, heard: Heard | None = None
) -> tuple[Outcome, BaseException | None]:
    """Ask once; returns how it ended and what interrupted it, to be raised once it is on record."""
    start = clock.monotonic()
    try:
        reply = await client.complete(request, heard=heard)
    except BackendError as error:
        return Outcome(1000 * (clock.monotonic() - start), error=error), None
    except BaseException as error:  # noqa: BLE001  as the docstring says
        return Outcome(1000 * (clock.monotonic() - start), cancelled=True), error
    return Outcome(reply.latency_ms, reply=reply), None


async def attempted(
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
    outcome, recording = await begun(
        client,
        request,
        call=call,
        backend=backend,
        evidence=evidence,
        clock=clock,
    )
    return outcome, await recording


async def begun(
    client: ChatClient,
    request: ChatRequest,
    *,
    call: Call,
    backend: Backend,
    evidence: Evidence,
    clock: Clock,
    number: int = 1,
    fallback_reason: str | None = None,
    heard: Heard | None = None,
) -> tuple[Outcome, Recording]:
    """As ``attempted``, but the record is still under way: what is recorded next shares its sync.

    ``number`` counts the call's attempts from 1.
    """
    outcome, interrupted = await ended(client, request, clock, heard)
    recording = evidence.begin_called(
        call, backend, request, outcome, attempt=number, fallback_reason=fallback_reason
    )
    if interrupted:
        await recording
        raise interrupted
    return outcome, recording
