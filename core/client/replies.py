"""A reply put together from its chunks and judged when they have all come; no I/O."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from core.client.faults import ServerFault, error_in, fault_error
from core.errors import CutReply, IncompleteReply, ProtocolError, StatusError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from core.client.backend import Backend
    from core.client.faults import Quote

    OnDelta = Callable[[Mapping[str, Any]], None]

FINISHED = frozenset({"stop", "tool_calls"})
_LARGEST_COUNT = 1 << 53
_BLANKS = " \t\r\n"
# What json.loads comes down to, in a third of its time for a text as short as a chunk.
_decode = json.JSONDecoder().raw_decode


class Assembly:
    """What one reply has said so far, and when (on the caller's clock) it began to.

    Feed it with ``chunk`` or ``body``; ``judge`` then raises unless the reply is whole, after which
    ``text``, ``tool_calls`` and the counts hold. ``heard`` is told each delta, in OpenAI's form,
    as it comes: nobody knows yet whether the reply will be whole.
    """

    def __init__(self, backend: Backend, quote: Quote, heard: OnDelta | None = None) -> None:
        self._backend = backend
        self._quote = quote
        self._heard = heard
        self._parts: list[str] = []
        self._refusal: list[str] = []
        self._calls: dict[int, _ToolCall] = {}
        self._usage: dict[str, Any] = {}
        self._reasoned = False
        self.model = ""
        self.finish_reason: str | None = None
        self.first_chunk_at: float | None = None
        self.first_content_at: float | None = None

    def chunk(self, text: str, at: float) -> None:
        """Take one streamed chunk's JSON, which arrived at ``at``.

        Raises:
            StatusError: it reports an error.
            ProtocolError: it is not a chunk.
        """
        self._take(_object(text), "delta", at)

    def body(self, text: str, at: float) -> None:
        """Take a whole ``chat.completion``, complete at ``at``; raises as ``chunk``."""
        payload = _object(text)
        self._take(payload, "message", at)
        if "choices" not in payload:
            raise ProtocolError(
                "the server answered with JSON that is no chat completion",
                remedy="Check that the endpoint is an OpenAI-compatible API, usually …/v1.",
            )

    def error(self, text: str) -> StatusError:
        """The error that an event named ``error`` reports, whatever its form."""
        try:
            payload = _object(text)
        except ProtocolError:
            return fault_error(self._backend, ServerFault(None, text), self._quote)
        # llama.cpp's older form is the inside of {"error": …}.
        fault = error_in(payload) or error_in({"error": payload}) or ServerFault(None, "")
        return fault_error(self._backend, fault, self._quote)

    def judge(self) -> None:
        """Raise unless the reply is whole.

        Raises:
            IncompleteReply: it has no ``finish_reason``, or neither content nor tool calls.
            CutReply: the model refused, or stopped before it was done.
            ProtocolError: the text is not Unicode.
        """
        reason = self.finish_reason
        if reason is None:
            raise IncompleteReply(
                "the reply ended without a finish_reason",
                remedy="The server stopped in the middle; its log says why.",
            )
        if self._refusal:
            raise CutReply(
                f"the model refused: {self._quote(self.refusal)}",
                own_words="the model refused",
                finish_reason="refusal",
            )
        if reason not in FINISHED:
            raise CutReply(
                f"the reply was cut: finish_reason is {self._quote(reason)!r}",
                own_words="the reply was cut",
                finish_reason=self._quote(reason),
                remedy="Raise max_tokens or the server's context size."
                if reason == "length"
                else "",
            )
        if not self._parts and not self._calls:
            raise IncompleteReply(
                "the reply finished without any content"
                + (", only reasoning" if self._reasoned else ""),
                remedy="Check the server's chat template and reasoning parser.",
            )
        try:
            self.text.encode()
        except UnicodeEncodeError as error:
            raise ProtocolError("the reply's text holds half a surrogate pair") from error

    @property
    def text(self) -> str:
        """The content so far."""
        return "".join(self._parts)

    @property
    def refusal(self) -> str:
        """The words with which the model refused; empty where it did not."""
        return "".join(self._refusal)

    @property
    def tool_calls(self) -> tuple[dict[str, Any], ...]:
        """The tool calls so far, in OpenAI's form, by their index."""
        return tuple(self._calls[index].whole() for index in sorted(self._calls))

    @property
    def prompt_tokens(self) -> int | None:
        """As the server counted."""
        return _count(self._usage.get("prompt_tokens"))

    @property
    def completion_tokens(self) -> int | None:
        """As the server counted."""
        return _count(self._usage.get("completion_tokens"))

    @property
    def cached_tokens(self) -> int | None:
        """Prompt tokens that the server took from its cache."""
        details = self._usage.get("prompt_tokens_details")
        return _count(details.get("cached_tokens")) if isinstance(details, dict) else None

    def _take(self, payload: dict[str, Any], key: str, at: float) -> None:
        choices = payload.get("choices")
        if not choices or payload.get("error"):
            fault = error_in(payload)
            if fault is not None:
                raise fault_error(self._backend, fault, self._quote)
        if self.first_chunk_at is None:
            self.first_chunk_at = at
            model = payload.get("model")
            self.model = self._quote(model) if type(model) is str else ""
        usage = payload.get("usage")
        if usage and type(usage) is dict:
            self._usage = usage
        if not choices:
            return
        if type(choices) is not list:
            raise _malformed("choices")
        for choice in choices:
            if type(choice) is not dict:
                raise _malformed("choices")
            if not choice.get("index"):  # further candidates (n > 1) are not ours to mix in
                self._choice(choice, key, at)

    def _choice(self, choice: dict[str, Any], key: str, at: float) -> None:
        delta = choice.get(key)
        if delta:
            if type(delta) is not dict:
                raise _malformed(key)
            content = delta.get("content")
            if content:
                if type(content) is not str:
                    raise _malformed("content")
                if self.first_content_at is None:
                    self.first_content_at = at
                self._parts.append(content)
            if len(delta) > 1 or not content:
                self._further(delta)
            if self._heard:
                self._heard(delta)
        reason = choice.get("finish_reason")
        if reason:
            if type(reason) is not str:
                raise _malformed("finish_reason")
            self.finish_reason = reason

    def _further(self, delta: dict[str, Any]) -> None:
        if delta.get("reasoning_content") or delta.get("reasoning"):
            self._reasoned = True
        refusal = delta.get("refusal")
        if refusal:
            if type(refusal) is not str:
                raise _malformed("refusal")
            self._refusal.append(refusal)
        calls = delta.get("tool_calls")
        if calls:
            if type(calls) is not list:
                raise _malformed("tool_calls")
            for position, call in enumerate(calls):
                if type(call) is not dict:
                    raise _malformed("tool_calls")
                index = call.get("index", position)
                if type(index) is not int:
                    raise _malformed("tool_calls")
                self._calls.setdefault(index, _ToolCall()).add(call)


class _ToolCall:
    """One tool call, whose arguments come in fragments."""

    def __init__(self) -> None:
        self._id = ""
        self._name = ""
        self._arguments: list[str] = []

    def add(self, delta: dict[str, Any]) -> None:
        function = delta.get("function") or {}
        if type(function) is not dict:
            raise _malformed("tool_calls")
        identity, name, arguments = (
            delta.get("id") or "",
            function.get("name") or "",
            function.get("arguments") or "",
        )
        if not (type(identity) is str and type(name) is str and type(arguments) is str):
            raise _malformed("tool_calls")
        self._id = self._id or identity
        self._name = self._name or name
        self._arguments.append(arguments)

    def whole(self) -> dict[str, Any]:
        function = {"name": self._name, "arguments": "".join(self._arguments)}
        return {"id": self._id, "type": "function", "function": function}


def _object(text: str) -> dict[str, Any]:
    text = text.strip(_BLANKS)
    try:
        payload, end = _decode(text)
    except (ValueError, RecursionError) as error:
        raise ProtocolError("the server sent something that is not JSON") from error
    if end != len(text):
        raise ProtocolError("the server sent something that is not JSON")
    if type(payload) is not dict:
        raise ProtocolError("the server sent JSON that is no object")
    return payload


def _count(value: object) -> int | None:
    return value if type(value) is int and 0 <= value < _LARGEST_COUNT else None


def _malformed(field: str) -> ProtocolError:
    return ProtocolError(f"the server sent a chunk whose {field} is not as OpenAI's API has it")
