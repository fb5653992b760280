"""Fitting a caller's question to the server that is asked, and asking again after a mistake.

Pure functions from one ``ChatRequest`` to another; they hold for every kind of call: routed,
shadow, bakeoff and replay.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from core.stages import Mode

if TYPE_CHECKING:
    from core.client.backend import Backend, ChatRequest, Message
    from core.errors import BackendError


def fitted(
    request: ChatRequest,
    backend: Backend,
    *,
    json_schema: bool,
    local_sampling: bool = False,
) -> ChatRequest:
    """``request`` as ``backend`` is sent it.

    A cloud gets the schema in the caller's own ``response_format`` where there is one. A local
    server gets it as a constraint if ``json_schema``, else as an instruction in words, once; a
    grammar it gets if ``json_schema``, and no cloud does. With
    ``local_sampling``, temperature, seed and ``max_tokens`` are meant for local servers alone:
    cloud models refuse the first, and think before they answer within the last.
    """
    if request.grammar is not None and (backend.mode is Mode.CLOUD or not json_schema):
        request = replace(request, grammar=None)
    if backend.mode is Mode.CLOUD:
        if local_sampling:
            request = replace(request, temperature=None, seed=None, max_tokens=None)
        if request.response_format is None:
            return request
        extra = {**request.extra, "response_format": request.response_format}
        return replace(request, constrain=False, extra=extra)
    if json_schema or request.schema is None:
        return request
    rule: Message = {
        "role": "system",
        "content": "Answer with one JSON object that meets this JSON schema, and nothing else: "
        + json.dumps(request.schema, separators=(",", ":")),
    }
    # A recorded call that was sent so before has it among its messages already.
    stated = list(request.messages[:1]) == [rule]
    messages = request.messages if stated else [rule, *request.messages]
    return replace(request, messages=messages, constrain=False)


def corrected(request: ChatRequest, error: BackendError) -> ChatRequest:
    """The request of the next attempt after ``error``.

    A server that does not constrain its reply is shown the reply and what is wrong with it.
    """
    reply = getattr(error, "text", "")
    if request.constrain or not reply:
        return request
    turns: list[Message] = [
        {"role": "assistant", "content": reply},
        {"role": "user", "content": f"That is not valid: {error.message}. Answer again."},
    ]
    return replace(request, messages=[*request.messages, *turns])
