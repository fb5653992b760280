"""How a server runs its model: context, queue, quantization, parsers, as far as it tells.

SGLang tells nearly all of it at ``/server_info``, llama.cpp much at ``/props``, the
others the context alone, in their list of models. What a server does not tell is None.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from core.plain import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

_LARGEST = 1 << 40
_LONGEST = 80


@dataclass(frozen=True, slots=True)
class ServerSetup:
    """What a server says of its own switches.

    ``context_tokens`` is what one request may hold, prompt and reply together. ``running`` counts
    the requests it works on at once, ``queued`` those that may wait before it refuses.
    ``speculation`` names the drafting method, ``chat_template`` is a short hash of the template.
    """

    context_tokens: int | None = None
    running: int | None = None
    queued: int | None = None
    dtype: str | None = None
    quantization: str | None = None
    kv_cache_dtype: str | None = None
    grammar_backend: str | None = None
    tool_parser: str | None = None
    reasoning_parser: str | None = None
    speculation: str | None = None
    chat_template: str | None = None
    takes_tools: bool | None = None

    @property
    def of_answers(self) -> dict[str, str]:
        """What changes the answers to a prompt that fits: a change lapses a gate pass."""
        return self._told(*LAPSING)

    @property
    def of_reach(self) -> dict[str, str]:
        """What changes which calls it takes, not how it answers them: a change is only told."""
        return self._told(*WARNING)

    def as_json(self) -> dict[str, Any]:
        """What it tells, JSON-ready."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    def _told(self, *names: str) -> dict[str, str]:
        told = ((name, getattr(self, name)) for name in names)
        return {name: str(value) for name, value in told if value is not None}


LAPSING = (
    "dtype",
    "quantization",
    "kv_cache_dtype",
    "grammar_backend",
    "reasoning_parser",
    "speculation",
    "chat_template",
)
WARNING = ("context_tokens", "running", "queued", "tool_parser")


def sglang_setup(told: Mapping[str, Any], listed: int | None) -> ServerSetup:
    """Of ``/server_info``; ``listed`` is the context in the list of models."""
    states = told.get("internal_states")
    state = states[0] if isinstance(states, list) and states else {}
    state = state if isinstance(state, dict) else {}
    drafts = _word(told.get("speculative_algorithm"))
    steps = _count(told.get("speculative_num_draft_tokens"))
    contexts = (
        listed,
        _count(told.get("context_length")),
        _count(told.get("max_total_num_tokens")),
    )
    return ServerSetup(
        context_tokens=min((one for one in contexts if one), default=None),
        running=_count(state.get("effective_max_running_requests_per_dp"))
        or _count(told.get("max_running_requests")),
        queued=_count(told.get("max_queued_requests")),
        dtype=_word(told.get("dtype")),
        quantization=_word(told.get("quantization")),
        kv_cache_dtype=_word(told.get("kv_cache_dtype")),
        grammar_backend=_word(told.get("grammar_backend")),
        tool_parser=_word(told.get("tool_call_parser")),
        reasoning_parser=_word(told.get("reasoning_parser")),
        speculation=f"{drafts} {steps or ''}".strip() if drafts else None,
        chat_template=_digest(told.get("chat_template")),
    )


def llamacpp_setup(props: Mapping[str, Any], listed: int | None) -> ServerSetup:
    """Of ``/props``; the context is that of one slot.

    Whether it drafts only ``/slots`` tells, which waits for the batch at work: a busy server would
    look like another one.
    """
    defaults = props.get("default_generation_settings")
    own = _count(defaults.get("n_ctx")) if isinstance(defaults, dict) else None
    caps = props.get("chat_template_caps")
    tools = caps.get("supports_tools") if isinstance(caps, dict) else None
    return ServerSetup(
        context_tokens=own or listed,
        running=_count(props.get("total_slots")),
        quantization=_word(props.get("model_ftype")),
        chat_template=_digest(props.get("chat_template")),
        takes_tools=tools if isinstance(tools, bool) else None,
    )


def _count(value: object) -> int | None:
    return value if type(value) is int and 0 < value < _LARGEST else None


def _word(value: object) -> str | None:
    return plain(value, _LONGEST) if isinstance(value, str) and value else None


def _digest(value: object) -> str | None:
    if not isinstance(value, str) or not value:
        return None
    return hashlib.sha256(value.encode("utf-8", "replace")).hexdigest()[:12]
