"""The deep look at a healthy server: one reply by a schema, then one call of a tool.

The first is what every Implement call needs, and a server that fails it is not healthy. The second
is what agents need of the gateway: without it the server is healthy all the same, and a notice says
which switch is missing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from core.client.server import grammar_of
from core.errors import (
    BackendError,
    BadRequest,
    Busy,
    CutReply,
    NotCompliant,
    OnlyReasoning,
    RateLimited,
    UnparsedCall,
)
from core.plain import plain
from core.router.condition import Cause, DeepProbe, Health, ToolUse
from core.router.remedies import remedy, tool_parser

if TYPE_CHECKING:
    from core.client.backend import Backend, ChatRequest, Reply
    from core.client.chat import ChatClient
    from core.client.keywords import Grammar
    from core.client.server import Engine
    from core.clock import Clock

# Long enough to time tokens by, bounded in every part so that it ends by itself.
_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "answer": {"type": "string", "enum": ["yes", "no"]},
        "numbers": {
            "type": "array",
            "items": {"type": "integer", "minimum": 1, "maximum": 99},
            "minItems": 8,
            "maxItems": 8,
        },
    },
    "required": ["answer", "numbers"],
    "additionalProperties": False,
}
_PROMPT = 'Is 7 a prime number? Reply in JSON: {"answer": "yes" or "no", "numbers": [1 to 8]}'
_MAX_TOKENS = 128
_TOOL: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "read_file",
        "description": "Read a file of the project",
        "parameters": {
            "type": "object",
            "properties": {"path": {"type": "string"}},
            "required": ["path"],
            "additionalProperties": False,
        },
    },
}
_TOOL_PROMPT = "Call the tool read_file for the path README.md. Do not answer in words."


async def with_generation(health: Health, backend: Backend, clock: Clock) -> Health:
    """``health`` of a healthy ``backend`` with what both questions told; never raises for them."""
    from core.client.chat import ChatClient  # it brings the schema validator

    engine = health.engine.engine if health.engine else None
    async with ChatClient(backend, clock=clock) as client:
        try:
            reply = await client.complete(_question(grammar_of(health.engine)))
        except BackendError as error:
            return _failed(health, backend, engine, error)
        deep = replace(_timed(reply), tools=await _tool_use(client))
    notices = health.notices
    if deep.tools in {ToolUse.UNPARSED, ToolUse.REFUSED}:
        notices += (tool_parser(engine, refused=deep.tools is ToolUse.REFUSED),)
    return replace(health, deep=deep, notices=notices)


def _question(projection: Grammar) -> ChatRequest:
    from core.client.backend import ChatRequest

    return ChatRequest(
        messages=[{"role": "user", "content": _PROMPT}],
        schema=_SCHEMA,
        schema_name="health",
        projection=projection,
        max_tokens=_MAX_TOKENS,
        temperature=0,
    )


def _timed(reply: Reply) -> DeepProbe:
    decoding_s = (reply.latency_ms - (reply.ttft_ms or reply.latency_ms)) / 1000
    tokens = (reply.completion_tokens or 0) - 1
    tokens_per_s = tokens / decoding_s if tokens > 0 and decoding_s > 0 else None
    return DeepProbe(
        reply.ttft_ms, reply.latency_ms, tokens_per_s, reply.cached_tokens, schema_held=True
    )


def _failed(health: Health, backend: Backend, engine: Engine | None, error: BackendError) -> Health:
    """The health after a generation that failed; a server that is only busy stays healthy."""
    words = plain(error.message, 200)
    deep = DeepProbe(error.ttft_ms, None, None, None, schema_held=False, error=words)
    if isinstance(error, Busy | RateLimited):
        said = words.rstrip(".")
        notice = f"It is busy: {said}. Calls go to the next backend until its queue has room."
        return replace(health, deep=deep, notices=(*health.notices, notice))
    cause = _cause(error)
    return replace(
        health,
        ok=False,
        cause=cause,
        summary=f"{backend.address} lists {plain(backend.model, 256)} but fails: {words}",
        remedy=_advice(error, cause, backend, engine),
        deep=deep,
    )


def _cause(error: BackendError) -> Cause:
    if isinstance(error, OnlyReasoning):
        return Cause.ONLY_REASONING
    refused = isinstance(error, BadRequest) and error.from_server
    return Cause.SCHEMA_REFUSED if refused else Cause.GENERATION_FAILED


def _advice(
    error: BackendError, cause: Cause, backend: Backend, engine: Engine | None
) -> tuple[str, ...]:
    of_grammar = cause is not Cause.GENERATION_FAILED or isinstance(error, NotCompliant | CutReply)
    if error.remedy and not of_grammar:
        return (plain(error.remedy, 400),)
    return remedy(cause, backend, engine)


async def _tool_use(client: ChatClient) -> ToolUse:
    """What becomes of a request that offers a tool and asks for a call of it."""
    from core.client.backend import ChatRequest

    request = ChatRequest(
        messages=[{"role": "user", "content": _TOOL_PROMPT}],
        max_tokens=_MAX_TOKENS,
        temperature=0,
        extra={"tools": [_TOOL], "tool_choice": "auto"},
    )
    try:
        reply = await client.complete(request)
    except NotCompliant as error:
        return ToolUse.UNPARSED if isinstance(error, UnparsedCall) else ToolUse.MALFORMED
    except BadRequest:
        return ToolUse.REFUSED
    except CutReply:
        return ToolUse.NOT_CALLED
    except BackendError:
        return ToolUse.FAILED
    return ToolUse.CALLED if reply.tool_calls else ToolUse.NOT_CALLED
