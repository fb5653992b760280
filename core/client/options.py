"""The options that a request is sent with, less those that its server has refused."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.client.backend import Backend, ChatRequest
    from core.errors import StatusError

_OPENAI = "api.openai.com"
_REFUSALS = frozenset({400, 405, 415, 422, 501})
_LIMITS = ("max_tokens", "max_completion_tokens")
# Ours alone or worded by us, so that whatever a server says of them is a reason to leave them out.
_GRAMMAR = ("grammar", "ebnf", "structured_outputs")
_OURS = ("stream_options", "stream", "reasoning_effort", *_GRAMMAR)
_ASKED = ("temperature", "top_p", "seed", "parallel_tool_calls", *_LIMITS)
# One reply at a time: llama.cpp takes as many as it has slots, and its older builds one, with 500.
_SEVERAL_REFUSED = frozenset({400, 422, 500, 501})
_OF_SEVERAL = re.compile(r"\b(?:n|n_cmpl|choices?|completions?)\b")
# What the other two APIs call it, and where in the body it stands.
_ELSEWHERE = {"reasoning_effort": (("reasoning", "effort"), ("output_config", "effort"))}
_UNSUPPORTED = re.compile(r"support|unknown|unrecogni[sz]ed|unexpected|extra|permitted|deprecated")


class Options:
    """The options that a request is sent with, less those that this server has refused.

    Some servers may not stream, do not know ``stream_options``, or take no temperature. They are
    asked again without it, and it is not sent to them any more.
    """

    def __init__(self, backend: Backend) -> None:
        # OpenAI's newer models refuse the field that all the local engines understand.
        official = urlsplit(backend.endpoint).hostname == _OPENAI
        self._refused = {"max_tokens"} if official else set[str]()

    @property
    def takes_several(self) -> bool:
        """Whether several replies may be asked for at once: that has not been refused."""
        return "n" not in self._refused

    def of(self, request: ChatRequest) -> dict[str, Any]:
        """The caller's further fields and our own, as this server takes them."""
        further = {
            name: value for name, value in request.extra.items() if name not in self._refused
        }
        limit = next((name for name in _LIMITS if name not in self._refused), _LIMITS[0])
        given = {
            "temperature": request.temperature,
            "seed": request.seed,
            limit: request.max_tokens,
        }
        options = further | {
            name: value
            for name, value in (given | _grammar_fields(request)).items()
            if value is not None and name not in self._refused
        }
        if request.n > 1 and self.takes_several:
            options["n"] = request.n
        if "stream" in self._refused:
            return {**options, "stream": False}
        if "stream_options" in self._refused:
            return {**options, "stream": True}
        return {**options, "stream": True, "stream_options": {"include_usage": True}}

    def learn(self, error: StatusError, sent: Mapping[str, Any]) -> bool:
        """Whether ``error`` refuses an option that was sent, which then is sent no more."""
        words = error.message.removeprefix(error.own_words).lower()
        several = "n" in sent and error.status in _SEVERAL_REFUSED
        if several and self.takes_several and (error.param == "n" or _OF_SEVERAL.search(words)):
            self._refused.add("n")
            return True
        if error.status not in _REFUSALS:
            return False
        names = f"{error.server_code} {error.server_type}".lower()
        unsupported = _UNSUPPORTED.search(f"{names} {words}") is not None
        for name in (*_OURS, *_ASKED):
            paths = ((name,), *_ELSEWHERE.get(name, ()))
            called = {name, *(".".join(path) for path in paths), *(path[-1] for path in paths)}
            named = error.param in called or any(
                re.search(rf"\b{re.escape(one)}(?:ing)?\b", words) for one in called
            )
            news = name not in self._refused and any(_stands(sent, path) for path in paths)
            if named and news and (name in _OURS or unsupported):
                self._refused.add(name)
                return True
        return False


def _stands(sent: Mapping[str, Any], path: tuple[str, ...]) -> bool:
    value: Any = sent
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value is not None and (value is not False or path == ("parallel_tool_calls",))


def _grammar_fields(request: ChatRequest) -> dict[str, Any]:
    """A grammar under the name that each engine knows it by: llama.cpp, SGLang, vLLM.

    They all take the same notation, and pass over each other's fields.
    """
    if request.grammar is None or not request.constrain:
        return {}
    values = (request.grammar, request.grammar, {"grammar": request.grammar})
    return dict(zip(_GRAMMAR, values, strict=True))
