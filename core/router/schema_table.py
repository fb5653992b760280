"""What the configured server makes of each keyword of JSON schema: asked, not believed.

For each keyword the server gets a schema that has it, and a prompt that asks for a value which the
keyword forbids. A refusal, a reply that breaks the keyword all the same, and one that keeps it are
told apart. The schemas are sent as they are, without the reduction that calls go through.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from core.client.backend import ChatRequest
from core.client.chat import ChatClient
from core.client.keywords import Grammar
from core.client.portable import portable
from core.client.schema import parse
from core.errors import BackendError, BadRequest, NotCompliant
from core.plain import plain

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from core.client.backend import Backend
    from core.clock import Clock

_MAX_TOKENS = 48


class KeywordVerdict(StrEnum):
    """What became of a keyword."""

    KEPT = "kept"
    IGNORED = "ignored"
    REFUSED = "refused"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Keyword:
    """One keyword in the schema of a value, and a value that it forbids, as JSON."""

    name: str
    schema: dict[str, Any]
    forbidden: str

    @property
    def whole(self) -> dict[str, Any]:
        """The schema that is sent: an object with the value as its one property."""
        return {
            "type": "object",
            "properties": {"a": self.schema},
            "required": ["a"],
            "additionalProperties": False,
        }

    def is_sent(self, grammar: Grammar) -> bool:
        """Whether calls to a server with ``grammar`` send it, or a looser schema in its place."""
        return portable(self.whole, grammar) == self.whole


@dataclass(frozen=True, slots=True)
class KeywordRow:
    """One keyword's verdict.

    ``sent`` says whether calls send the keyword; ``said`` is what the server answered where there
    is no verdict or a refusal, safe to show.
    """

    keyword: str
    verdict: KeywordVerdict
    sent: bool
    said: str = ""

    def as_json(self) -> dict[str, Any]:
        """The same, JSON-ready."""
        return asdict(self)


_INTEGER, _STRING = {"type": "integer"}, {"type": "string"}
KEYWORDS = (
    Keyword("enum", {"type": "string", "enum": ["x", "y"]}, '"z"'),
    Keyword("const", {"const": "x"}, '"z"'),
    Keyword("maxLength", {**_STRING, "maxLength": 3}, '"hello"'),
    Keyword("minLength", {**_STRING, "minLength": 5}, '"hi"'),
    Keyword("pattern", {**_STRING, "pattern": "^[0-9]{3}$"}, '"abc"'),
    Keyword("pattern with look-around", {**_STRING, "pattern": "^(?!b)[a-z]+$"}, '"bbb"'),
    Keyword("pattern with back-reference", {**_STRING, "pattern": "^(a|b)\\1$"}, '"ab"'),
    Keyword("format", {**_STRING, "format": "date"}, '"today"'),
    Keyword("integer bounds", {**_INTEGER, "minimum": 1, "maximum": 5}, "70"),
    Keyword("fractional bounds of integers", {**_INTEGER, "minimum": 0.5, "maximum": 5.5}, "70"),
    Keyword("number bounds", {"type": "number", "minimum": 0, "maximum": 1}, "7.5"),
    Keyword("multipleOf", {**_INTEGER, "multipleOf": 3}, "7"),
    Keyword("minItems", {"type": "array", "items": _INTEGER, "minItems": 3, "maxItems": 4}, "[1]"),
    Keyword("minItems without items", {"type": "array", "minItems": 3, "maxItems": 4}, "[1]"),
    Keyword(
        "prefixItems",
        {"type": "array", "prefixItems": [_INTEGER, _STRING], "minItems": 2, "maxItems": 2},
        '["x", 1]',
    ),
    Keyword("uniqueItems", {"type": "array", "items": _INTEGER, "uniqueItems": True}, "[1, 1]"),
    Keyword("anyOf", {"anyOf": [_INTEGER, {"type": "null"}]}, '"x"'),
    Keyword("oneOf", {"oneOf": [_INTEGER, {"type": "null"}]}, '"x"'),
    Keyword("not", {"not": _STRING}, '"x"'),
    Keyword(
        "additionalProperties with a schema",
        {"type": "object", "additionalProperties": _INTEGER},
        '{"b": "x"}',
    ),
)


async def schema_rows(
    backend: Backend, grammar: Grammar = Grammar.PORTABLE, clock: Clock | None = None
) -> AsyncIterator[KeywordRow]:
    """One row after the other, as the server answers; ``grammar`` decides what calls send it."""
    async with ChatClient(backend, clock=clock) as client:
        for keyword in KEYWORDS:
            yield await _row(client, keyword, sent=keyword.is_sent(grammar))


async def _row(client: ChatClient, keyword: Keyword, *, sent: bool) -> KeywordRow:
    described = {"name": "keyword", "strict": True, "schema": keyword.whole}
    wish = f'Repeat exactly this JSON and nothing else: {{"a": {keyword.forbidden}}}'
    request = ChatRequest(
        messages=[{"role": "user", "content": wish}],
        max_tokens=_MAX_TOKENS,
        temperature=0,
        extra={"response_format": {"type": "json_schema", "json_schema": described}},
    )
    try:
        reply = await client.complete(request)
        parse(reply.text, keyword.whole)
    except BadRequest as error:
        return KeywordRow(keyword.name, KeywordVerdict.REFUSED, sent, plain(error.message, 200))
    except NotCompliant:
        return KeywordRow(keyword.name, KeywordVerdict.IGNORED, sent)
    except BackendError as error:  # cut, late, broken off: nobody knows
        return KeywordRow(keyword.name, KeywordVerdict.UNCLEAR, sent, plain(error.message, 200))
    return KeywordRow(keyword.name, KeywordVerdict.KEPT, sent)
