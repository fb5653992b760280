"""Structured output: strict JSON, the schema, and what of it is sent."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.client.backend import ChatRequest, Message
from core.client.chat import ChatClient
from core.client.keywords import Grammar
from core.client.schema import compiled, parse, response_format
from core.client.server import Engine, EngineIdentity, grammar_of
from core.client.setup import ServerSetup
from core.errors import BadRequest, MalformedRequest, NotCompliant
from core.router.fitting import fitted
from tests.support.behaviours import said, streams
from tests.support.faultserver import FaultServer

if TYPE_CHECKING:
    import asyncio

    from tests.support.behaviours import Seen

HELLO: list[Message] = [{"role": "user", "content": "hello"}]
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"path": {"enum": ["calc.py"]}, "n": {"type": "integer", "maximum": 5}},
    "required": ["path", "n"],
    "additionalProperties": False,
}
GOOD = '{"path": "calc.py", "n": 1}'
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4)
    ),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("  \n", "empty"),
        (f"```json\n{GOOD}\n```", "Markdown fence"),
        (f"```\n{GOOD}", "Markdown fence"),
        (f"Sure! {GOOD}", "before the JSON, up to character 6"),
        (f"\ufeff{GOOD}", "before the JSON"),
        (f"<think>hm</think>{GOOD}", "before the JSON"),
        (f"{GOOD} Done.", "after the JSON, from character 29"),
        (f"{GOOD}{GOOD}", "after the JSON"),
        ("I cannot do that.", "not JSON"),
        (GOOD[:-1], "breaks off at character 26"),
        (GOOD[:12], "breaks off"),
        ('{"path": "calc.py", "n": 1,}', "malformed at line 1, column 28"),
        ("{'path': 1}", "malformed"),
        ('{"n": 1, "path": "calc.py", "n": 1}', "duplicate key 'n'"),
        ('{"n": {"a": 1, "a": 1}}', "duplicate key 'a'"),
        ('{"n": NaN}', "NaN is not"),
        ('{"n": -Infinity}', "-Infinity is not"),
        ('{"n": 1e999}', "too large"),
        (f'{{"n": {"9" * 5000}}}', "too many digits"),
        ('{"path": "\\ud800", "n": 1}', "surrogate"),
        ('{"path": "\ud800", "n": 1}', "surrogate"),
        ("[" * 200_000, "deeper than 100"),
        ("[" * 200_000 + "]" * 200_000, "deeper than 100"),
        ('{"a":' * 200_000, "deeper than 100"),
        ("[" * 101 + "]" * 101, "deeper than 100"),
        (f"[{'0,' * 100_000}0]", "more than 100000 values"),
        (f'"{"x" * (1 << 20)}"', "longer than"),
        ('{"path": "calc.py", "n": 9}', "$.n: 9 is greater than the maximum of 5"),
        ('{"path": "calc.py"}', "$: 'n' is a required property"),
        ('{"path": "calc.py", "n": 1, "x": 1}', "$: Additional properties"),
        (f'{{"path": "{"a" * 9000}", "n": 1}}', "$.path: the value does not meet enum"),
        ("[1]", "$: [1] is not of type 'object'"),
        ('{"path": "calc.py", "n": "\\u001b]52;c"}', "$.n"),
    ],
)
def test_not_compliant(text: str, words: str) -> None:
    """Each way to miss the schema is told precisely, briefly and in plain characters."""
    with pytest.raises(NotCompliant) as caught:
        parse(text, SCHEMA)
    assert words in caught.value.message
    assert len(caught.value.message) <= 301
    assert caught.value.message.isprintable()
    assert caught.value.text == text


@given(JSON)
def test_json_is_taken_as_it_is(value: Any) -> None:
    """Whatever JSON says is parsed as the standard library parses it, white space around or not."""
    text = json.dumps(value)
    assert parse(f" \n{text}\n", {}) == json.loads(text)


@given(st.text(max_size=60))
def test_anything_else_is_not_compliant(text: str) -> None:
    """Any text is either JSON or not compliant."""
    try:
        parse(text, {})
    except NotCompliant:
        return
    json.loads(text)


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("date", "2026-02-28", "2026-02-30"),
        ("date", "2026-02-28", "20260228"),
        ("time", "10:00:00Z", "10:00:00"),
        ("time", "23:59:60.5+01:00", "24:00:00Z"),
        ("date-time", "2026-01-12T10:00:00Z", "2026-01-12T10:00:00"),
        ("date-time", "2026-01-12 10:00:00.1-08:00", "2026-13-12T10:00:00Z"),
        ("date-time", "2026-01-12t10:00:00z", ""),
        ("date-time", "2026-01-12T10:00:00Z", "2026-W03-1T10:00:00Z"),
        ("date-time", "2026-01-12T10:00:00Z", "2026W03"),
        ("duration", "P1Y2M3DT4H", "P1DT"),
        ("duration", "PT0.5S", "P"),
        ("duration", "P2W", "P1W1D"),
        ("email", "a@b.org", "a"),
        ("hostname", "a-b.example.org", "-a.example.org"),
        ("hostname", "a", "a" * 64),
        ("hostname", "a", "a." * 150 + "a"),
        ("ipv4", "192.0.2.1", "192.0.2.256"),
        ("ipv6", "::1", "1"),
        ("uuid", "3f2504e0-4f89-11d3-9a0c-0305e82c3301", "3f2504e0"),
        ("uri", "https://a/b?c#d", "/b"),
        ("uri", "urn:isbn:1", "a b:c"),
    ],
)
def test_a_format_is_checked(name: str, good: str, bad: str) -> None:
    """What meets everything but the format is not compliant; another type it does not concern."""
    schema = {"type": ["string", "integer"], "format": name}
    assert parse(json.dumps(good), schema) == good
    assert parse("5", schema) == 5
    with pytest.raises(NotCompliant, match=rf"(not a|not meet format:) '?{name}"):
        parse(json.dumps(bad), schema)


def test_an_unknown_format_is_for_readers() -> None:
    """Such as pydantic's ``path``."""
    assert parse('"x"', {"type": "string", "format": "path"}) == "x"


def test_huge_number_against_a_float_keyword() -> None:
    """A number that overflows the validator's arithmetic is not compliant, and no crash."""
    with pytest.raises(NotCompliant, match="cannot be checked"):
        parse("1" + "0" * 400, {"multipleOf": 0.5})


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "bogus"},
        {"pattern": "("},
        {"patternProperties": {"(": {}}},
        {"$ref": 5},
        {"$schema": 5},
        {"x": {1, 2}},
        {"maximum": float("nan")},
        {"$ref": "#/$defs/none"},
        {"$ref": "other.json"},
        {"$id": "http://[", "$ref": "x"},
    ],
)
def test_unusable_schema(schema: dict[str, Any]) -> None:
    """A schema that no validator can use is the request's fault."""
    with pytest.raises(BadRequest) as caught:
        parse("1", schema)
    assert caught.value.status == 400


def test_deep_schema() -> None:
    """A schema nested without end is refused, and no crash."""
    schema: dict[str, Any] = {}
    for _ in range(5000):
        schema = {"items": schema}
    with pytest.raises(BadRequest):
        compiled(schema)


def test_remote_reference_is_not_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    """A $ref to another host opens no connection."""

    def refuse(*_: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    with pytest.raises(BadRequest):
        parse("1", {"$ref": "http://127.0.0.1:9/schema.json"})


def test_endless_reference() -> None:
    """A schema that refers to itself alone cannot be met, and is no crash."""
    with pytest.raises(NotCompliant):
        parse("1", {"$ref": "#"})


def test_compiled_once() -> None:
    """Equal schemas share one validator."""
    assert compiled(dict(SCHEMA)) is compiled(json.loads(json.dumps(SCHEMA)))


def identity(engine: Engine, grammar_backend: str | None = None) -> EngineIdentity:
    """Who answers."""
    return EngineIdentity(engine, "1", "", ServerSetup(grammar_backend=grammar_backend))


@pytest.mark.parametrize(
    ("who", "grammar"),
    [
        (None, Grammar.PORTABLE),
        (identity(Engine.SGLANG), Grammar.PORTABLE),
        (identity(Engine.SGLANG, "xgrammar"), Grammar.XGRAMMAR),
        (identity(Engine.SGLANG, "outlines"), Grammar.OUTLINES),
        (identity(Engine.SGLANG, "llguidance"), Grammar.LLGUIDANCE),
        (identity(Engine.SGLANG, "none"), Grammar.PORTABLE),
        (identity(Engine.VLLM), Grammar.XGRAMMAR),
        (identity(Engine.LLAMACPP), Grammar.LLAMACPP),
        (identity(Engine.OLLAMA), Grammar.PORTABLE),
    ],
)
def test_the_grammar_of_a_server(who: EngineIdentity | None, grammar: Grammar) -> None:
    """By what it tells of itself."""
    assert grammar_of(who) is grammar


WHOLE = {"type": "string", "minLength": 3, "maxLength": 9}


@pytest.mark.parametrize(
    ("who", "sent"),
    [
        (None, {"type": "string", "maxLength": 9}),
        (identity(Engine.VLLM), WHOLE),
    ],
)
async def test_a_call_sends_what_the_server_takes(
    who: EngineIdentity | None, sent: dict[str, Any]
) -> None:
    """The schema is fitted to who answers; the reply must meet all of it."""
    got: list[Any] = []

    async def handler(seen: Seen, writer: asyncio.StreamWriter) -> None:
        got.append(seen.json["response_format"]["json_schema"]["schema"])
        await streams(*said('"ab"'))(seen, writer)

    async with FaultServer(handler) as server:
        backend = server.backend()
        asked = ChatRequest(HELLO, schema=WHOLE)
        request = fitted(asked, backend, json_schema=True, identity=who)
        async with ChatClient(backend) as client:
            with pytest.raises(NotCompliant, match="too short"):
                await client.complete(request)
    assert got == [sent]


def test_response_format() -> None:
    """The form that OpenAI defined, with a name that OpenAI accepts."""
    form = response_format("edit reply/1", SCHEMA)
    assert form == {
        "type": "json_schema",
        "json_schema": {"name": "edit_reply_1", "strict": True, "schema": SCHEMA},
    }
    assert response_format("", {})["json_schema"]["name"] == "reply"


def test_a_schema_too_deep_to_be_looked_through_is_refused() -> None:
    """In the user's words, whatever the server would have made of it."""
    schema: dict[str, Any] = {}
    for _ in range(2000):
        schema = {"properties": {"a": schema}}
    with pytest.raises(MalformedRequest, match="nested too deeply"):
        response_format("deep", schema)
