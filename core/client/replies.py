"""A reply put together from its chunks, nothing lost, and judged when all have come; no I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from core.client.bounded import parse_json_now
from core.client.faults import ServerFault, error_in, fault_error
from core.client.json_text import Growing
from core.client.toolcalls import ToolCalls, has_arguments
from core.errors import CutReply, IncompleteReply, OnlyReasoning, ProtocolError, StatusError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from core.client.apis import Api
    from core.client.backend import Backend
    from core.client.faults import Quote

    OnDelta = Callable[[Mapping[str, Any]], None]

FINISHED = frozenset({"stop", "tool_calls"})
_LARGEST_COUNT = 1 << 53
_KNOWN = frozenset({"role", "content", "refusal", "tool_calls"})
_KNOWN_IN_CHOICE = frozenset({"index", "message", "delta", "finish_reason", "logprobs"})
_KNOWN_AROUND = frozenset({"id", "object", "created", "model", "choices", "usage"})


class Assembly:
    """What one reply has said so far, and when (on the caller's clock) it began to.

    Feed it with ``chunk`` or ``body``; ``judge`` then raises unless the reply is whole, after which
    ``text``, ``tool_calls``, the counts and the fields hold. ``on_delta`` is called with each
    delta, in OpenAI's form, as it comes, before it is known whether the reply will be whole.
    ``api`` puts a reply of another API into chat's words first.
    """

    def __init__(
        self,
        backend: Backend,
        quote: Quote,
        on_delta: OnDelta | None = None,
        api: Api | None = None,
    ) -> None:
        self._backend = backend
        self._api = api
        self._reader = api.reader() if api else None
        self._quote = quote
        self._on_delta = on_delta
        self._parts: list[str] = []
        self._refusal: list[str] = []
        self._calls = ToolCalls()
        self._strings: dict[str, list[str]] = {}
        self._others: dict[str, Growing] = {}
        self.usage: dict[str, Any] = {}
        """The server's own, with whatever details it gives."""
        self.around: dict[str, Any] = {}
        """Fields beside ``choices`` that OpenAI's API does not have, or that few servers fill."""
        self.in_choice: dict[str, Any] = {}
        """Fields beside ``message``, such as ``content_filter_results``; no log probabilities."""
        self.model = self.id = ""
        self.asked_stream: bool | None = None
        self.schema_sent: str | None = None
        self.finish_reason: str | None = None
        self.stop_sequence: str | None = None
        self.first_chunk_at: float | None = None
        self.first_content_at: float | None = None

    def chunk(self, text: str, at: float) -> None:
        """Take one streamed chunk's JSON, which arrived at ``at``.

        Raises:
            StatusError: it reports an error.
            ProtocolError: it is not a chunk.
        """
        try:
            payload = parse_json_now(text)
        except ValueError as error:
            raise no_json() from error
        if self._reader is None:
            self._take(payload, "delta", at)
        elif type(payload) is dict:
            for chunk in self._reader.chunks(payload):
                self._take(chunk, "delta", at)

    def body(self, payload: Any, at: float) -> None:
        """Take a whole ``chat.completion``, parsed, complete at ``at``; raises as ``chunk``."""
        if self._api and type(payload) is dict:
            payload = self._api.whole(payload)
        self._take(payload, "message", at, whole=True)

    def error(self, text: str) -> StatusError:
        """The error that an event named ``error`` reports, whatever its form."""
        try:
            payload = parse_json_now(text)
        except ValueError:
            return fault_error(self._backend, ServerFault(None, text), self._quote)
        # llama.cpp's older form is the inside of {"error": …}.
        fault = error_in(payload) or error_in({"error": payload}) or ServerFault(None, "")
        return fault_error(self._backend, fault, self._quote)

    def judge(self) -> None:
        """Raise unless the reply is whole.

        Raises:
            IncompleteReply: it has no ``finish_reason``, or neither content nor tool calls.
            OnlyReasoning: it has reasoning and nothing else.
            CutReply: the model refused, or stopped before it was done.
            ProtocolError: the text is not Unicode.
        """
        reason = self.finish_reason
        if reason is None:
            raise incomplete()
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
        if not any(self._parts) and not self._calls:
            if self._reasoned():
                raise OnlyReasoning(
                    "the reply holds only reasoning, no answer",
                    remedy="Start the server without --reasoning-parser if its model does not"
                    " think; else raise max_tokens.",
                )
            raise IncompleteReply(
                "the reply finished without any content",
                remedy="Check the server's chat template.",
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
        """The tool calls so far, in OpenAI's form, in the order in which they began."""
        return self._calls.whole()

    @property
    def fields(self) -> dict[str, Any]:
        """What else the message holds, such as ``reasoning_content``."""
        others = {name: value.whole() for name, value in self._others.items()}
        return {name: "".join(parts) for name, parts in self._strings.items()} | others

    @property
    def prompt_tokens(self) -> int | None:
        """As the server counted."""
        return counted(self.usage.get("prompt_tokens"))

    @property
    def completion_tokens(self) -> int | None:
        """As the server counted."""
        return counted(self.usage.get("completion_tokens"))

    @property
    def cached_tokens(self) -> int | None:
        """Prompt tokens that the server took from its cache."""
        details = self.usage.get("prompt_tokens_details")
        return counted(details.get("cached_tokens")) if isinstance(details, dict) else None

    def _reasoned(self) -> bool:
        return bool(self._strings.keys() & {"reasoning_content", "reasoning"})

    def _take(self, payload: Any, key: str, at: float, *, whole: bool = False) -> None:
        """Take one document: what belongs to the whole call, and the first of its choices."""
        for choice in self.around_choices(payload, at, whole=whole):
            if not choice.get("index"):  # further candidates (n > 1) are not ours to mix in
                self.choice(choice, key, at)

    def around_choices(
        self, payload: Any, at: float, *, whole: bool = False
    ) -> Sequence[dict[str, Any]]:
        """Take what a document says beside its choices, and return those.

        Raises:
            StatusError: it reports an error.
            ProtocolError: it is not OpenAI's; ``whole`` is one that must have choices.
        """
        choices = payload.get("choices") if type(payload) is dict else None
        if not choices or payload.get("error"):
            fault = error_in(payload)
            if fault is not None:
                raise fault_error(self._backend, fault, self._quote)
        if type(payload) is not dict:
            raise ProtocolError("the server sent JSON that is no object")
        if self.first_chunk_at is None:
            self._begin(payload, at)
        if payload.get("usage") or not self.id or not _KNOWN_AROUND.issuperset(payload):
            self._take_around(payload)
        if choices is None and whole:
            raise ProtocolError(
                "the server answered with JSON that is no chat completion",
                remedy="Check that the endpoint is an OpenAI-compatible API, usually …/v1.",
            )
        if not choices:
            return ()
        if type(choices) is not list or any(type(choice) is not dict for choice in choices):
            raise malformed("choices")
        return choices

    def _begin(self, payload: dict[str, Any], at: float) -> None:
        self.first_chunk_at = at
        model = payload.get("model")
        if type(model) is str:
            # What we asked for ourselves is no stranger's word.
            self.model = model if model == self._backend.model else self._quote(model)

    def _take_around(self, payload: dict[str, Any]) -> None:
        usage = payload.get("usage")
        if usage and type(usage) is dict:
            self.usage = usage
        if not self.id and type(given := payload.get("id")) is str:
            self.id = self._quote(given)
        _note(payload, _KNOWN_AROUND, self.around)

    def choice(self, choice: dict[str, Any], key: str, at: float) -> None:
        """Take one choice, whose ``key`` is ``delta`` or ``message``."""
        delta = choice.get(key)
        if delta:
            if type(delta) is not dict:
                raise malformed(key)
            content = delta.get("content")
            if content:
                if type(content) is not str:
                    delta = _in_one_text(delta, content)
                    content = delta["content"]
                if self.first_content_at is None:
                    self.first_content_at = at
                self._parts.append(content)
            if len(delta) > 1 or not content:
                delta = self._further(delta, at, streamed=key == "delta")
            if self._on_delta:
                self._on_delta(delta)
        if not _KNOWN_IN_CHOICE.issuperset(choice):
            _note(choice, _KNOWN_IN_CHOICE, self.in_choice)
        if choice.get("finish_reason") and _text(choice, "finish_reason"):
            self.finish_reason = choice["finish_reason"]
            # vLLM's name and SGLang's for the text that ended it; a token's number is none.
            ended_by = choice.get("stop_reason") or choice.get("matched_stop")
            self.stop_sequence = ended_by if isinstance(ended_by, str) else None

    def _further(self, delta: dict[str, Any], at: float, *, streamed: bool) -> dict[str, Any]:
        """Take all but the content; returns the delta with its tool calls numbered as ours are."""
        if refusal := _text(delta, "refusal"):
            self._refusal.append(refusal)
        for name in delta.keys() - _KNOWN:
            self._field(name, delta[name])
        calls = delta.get("tool_calls")
        if not calls:
            return delta
        if type(calls) is not list:
            raise malformed("tool_calls")
        added = [self._calls.add(call, streamed=streamed) for call in calls]
        if self.first_content_at is None and any(map(has_arguments, added)):
            self.first_content_at = at
        return {**delta, "tool_calls": added}

    def _field(self, name: str, value: Any) -> None:
        if type(value) is str and name not in self._others:
            if value:
                self._strings.setdefault(name, []).append(value)
        elif value is not None:
            self._others.setdefault(name, Growing()).add(value)


def _note(source: dict[str, Any], known: frozenset[str], further: dict[str, Any]) -> None:
    """Add to ``further`` what ``source`` says in fields that are not ``known``."""
    for name in source.keys() - known:
        if source[name] is not None:
            further[name] = source[name]


def _in_one_text(delta: dict[str, Any], content: Any) -> dict[str, Any]:
    """The delta of a model that says thoughts and text as parts of its content, as Mistral's do."""
    if type(content) is not list:
        raise malformed("content")
    texts, thoughts = [], []
    for part in content:
        match part:
            case {"type": "text", "text": str(text)}:
                texts.append(text)
            case {"type": "thinking", "thinking": list(inner)}:
                thoughts += [one["text"] for one in inner if _is_text(one)]
            case {"type": "thinking", "thinking": str(text)}:
                thoughts.append(text)
            case {"type": str()}:
                pass  # a reference, or what else is no text
            case _:
                raise malformed("content")
    thought = {"reasoning_content": "".join(thoughts)} if thoughts else {}
    return {**delta, **thought, "content": "".join(texts)}


def _is_text(part: Any) -> bool:
    return type(part) is dict and type(part.get("text")) is str


def _text(source: dict[str, Any], name: str) -> str:
    value = source.get(name)
    if value and type(value) is not str:
        raise malformed(name)
    return value or ""


def incomplete() -> IncompleteReply:
    """The error for a reply that nothing has ended."""
    return IncompleteReply(
        "the reply ended without a finish_reason",
        remedy="The server stopped in the middle; its log says why.",
    )


def no_json() -> ProtocolError:
    """The error for an event that cannot be read."""
    return ProtocolError("the server sent an event that is not JSON, or holds too many values")


def counted(value: object) -> int | None:
    """A number of tokens as a server gives it; None where that is none."""
    return value if type(value) is int and 0 <= value < _LARGEST_COUNT else None


def malformed(field: str) -> ProtocolError:
    """The error for a field of another type than OpenAI's API has."""
    return ProtocolError(f"the server sent a chunk whose {field} is not as OpenAI's API has it")
