"""Asking a server that does not constrain: the schema in words, and the mistake fed back."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.client.backend import ChatRequest, Message
    from core.errors import BackendError


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
