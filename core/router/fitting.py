"""Fitting a caller's question to the server that is asked, and asking again after a mistake.

Pure functions from one ``ChatRequest`` to another; they hold for every kind of call: routed,
shadow, bakeoff and replay.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from core.client.schema import in_words
from core.client.server import grammar_of, most_replies
from core.client.toolcalls import CLOUDS, legal_id, narrowed
from core.stages import Mode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.client.backend import Backend, ChatRequest, Message
    from core.client.server import EngineIdentity
    from core.errors import BackendError

_ALLOWANCE = 8192  # tokens: a higher limit is none that the caller counts on
_SYSTEM = ("system", "developer")


def fitted(
    request: ChatRequest,
    backend: Backend,
    *,
    json_schema: bool,
    identity: EngineIdentity | None = None,
    local_sampling: bool = False,
) -> ChatRequest:
    """``request`` as ``backend`` is sent it.

    A cloud gets the schema in the caller's own ``response_format`` where there is one. A local
    server gets it as a constraint if ``json_schema``, else as an instruction in words, once; a
    grammar it gets if ``json_schema``, and no cloud does. ``identity`` is who answers there, if
    that is known: its grammar decides how much of the schema is sent, and whether several replies
    may be asked for at once. With
    ``local_sampling``, temperature, seed and ``max_tokens`` are meant for local servers alone:
    cloud models refuse the first, and think before they answer within the last.
    """
    if request.grammar is not None and (backend.mode is Mode.CLOUD or not json_schema):
        request = replace(request, grammar=None)
    if backend.mode is Mode.CLOUD:
        request = _with_legal_ids(_without_reasoning(request), backend.api)
        request = replace(request, n=1) if request.n > 1 else request
        if local_sampling:
            request = replace(request, temperature=None, seed=None, max_tokens=None)
        if request.response_format is None:
            return request
        extra = {**request.extra, "response_format": request.response_format}
        return replace(request, constrain=False, extra=extra)
    request = _for_local(request)
    if request.n > 1:
        request = replace(request, n=min(request.n, most_replies(identity)))
    schema = request.schema
    if schema is None:
        return request
    request = replace(request, projection=grammar_of(identity))
    if json_schema:
        return request
    rule: Message = {"role": "system", "content": in_words(schema)}
    # A recorded call that was sent so before has it among its messages already.
    stated = list(request.messages[:1]) == [rule]
    messages = request.messages if stated else [rule, *request.messages]
    return replace(request, messages=messages, constrain=False)


def _without_reasoning(request: ChatRequest) -> ChatRequest:
    """Without what another model thought, where the caller's dialect is not chat.

    A chat API has no field for it, and some refuse it.
    """
    if request.dialect == "chat":
        return request
    messages = [
        cast("Message", {name: value for name, value in one.items() if name != "reasoning_content"})
        for one in request.messages
    ]
    return replace(request, messages=messages)


def _with_legal_ids(request: ChatRequest, api: str) -> ChatRequest:
    """With such ids of tool calls as the cloud takes: a local server's own may be of any form."""
    ids = _CallIds(api)
    messages = [ids.in_message(message) for message in request.messages]
    changed = any(new is not old for new, old in zip(messages, request.messages, strict=True))
    return replace(request, messages=messages) if changed else request


class _CallIds:
    """The ids of one conversation's calls; the two newer APIs want each to be another one."""

    def __init__(self, api: str) -> None:
        self._form = CLOUDS[api]
        self._once = api != "chat"
        self._given: set[str] = set()
        self._unanswered: dict[str, deque[str]] = {}

    def in_message(self, message: Message) -> Message:
        """The message as the cloud is sent it: the same one where nothing changes."""
        fit: dict[str, Any] = {}
        answered, calls = message.get("tool_call_id"), message.get("tool_calls")
        if isinstance(answered, str):
            waiting = self._unanswered.get(answered)
            fit["tool_call_id"] = waiting.popleft() if waiting else self._legal(answered)
        if isinstance(calls, list | tuple):
            self._unanswered = {}
            fit["tool_calls"] = [self._called(call) for call in calls]
        changed = any(message.get(name) != value for name, value in fit.items())
        return cast("Message", {**message, **fit}) if changed else message

    def _called(self, call: Any) -> Any:
        own = call.get("id") if isinstance(call, dict) else None
        if not isinstance(own, str):
            return call
        given = self._legal(own)
        if self._once and given in self._given:
            given = self._legal(f"{own}#{len(self._given)}")
        self._given.add(given)
        self._unanswered.setdefault(own, deque()).append(given)
        return {**call, "id": given}

    def _legal(self, identity: str) -> str:
        return legal_id(identity, identity, self._form)


def _for_local(request: ChatRequest) -> ChatRequest:
    """As the chat templates and servers of local models take it.

    Agents allow for tens of thousands of tokens, and a server refuses a limit beyond its context:
    such an allowance is left to the server. Effort is meant for the agent's own model.
    """
    limit = request.max_tokens
    extra = narrowed(request.extra)
    if request.dialect != "chat" and "reasoning_effort" in extra:
        extra = {name: value for name, value in extra.items() if name != "reasoning_effort"}
    messages = _system_first(request.messages)
    if limit is not None and limit > _ALLOWANCE:
        limit = None
    if messages is request.messages and limit == request.max_tokens and extra is request.extra:
        return request
    return replace(request, messages=messages, max_tokens=limit, extra=extra)


def _system_first(messages: Sequence[Message]) -> Sequence[Message]:
    """One system message at the beginning; templates refuse more, and developers' ones.

    A later one joins the user's message before it, or becomes one: moved to the beginning, it would
    void the server's prefix cache.
    """
    roles = [message.get("role") for message in messages]
    first = next((n for n, role in enumerate(roles) if role not in _SYSTEM), len(roles))
    if first <= 1 and "developer" not in roles and "system" not in roles[1:]:
        return messages
    fit: list[Message] = []
    if leading := [text_of(message.get("content")) for message in messages[:first]]:
        fit.append({"role": "system", "content": "\n\n".join(leading)})
    for message in messages[first:]:
        if message.get("role") not in _SYSTEM:
            fit.append(message)
            continue
        note = f"<system>\n{text_of(message.get('content'))}\n</system>"
        last = fit[-1]
        if last.get("role") == "user" and isinstance(last.get("content"), str):
            fit[-1] = {**last, "content": f"{last['content']}\n\n{note}"}
        elif last.get("role") == "user" and isinstance(last.get("content"), list):
            fit[-1] = {**last, "content": [*last["content"], {"type": "text", "text": note}]}
        else:
            fit.append({"role": "user", "content": note})
    return fit


def text_of(content: Any) -> str:
    """A message's content as text; parts that are none are left out."""
    if isinstance(content, list):
        texts = [part.get("text") for part in content if isinstance(part, dict)]
        return "\n\n".join(text for text in texts if isinstance(text, str))
    return content if isinstance(content, str) else ""


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
