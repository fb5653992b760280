"""Who may ask: hostile pages, rebound names, missing tokens, odd headers, endless bodies."""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.gateway.dialects.chat import read_chat
from core.gateway.dialects.refusals import ErrorReply
from core.gateway.request_body import read_json
from core.gateway.security import Guard
from tests.support.gateway.serving import (
    ASKED,
    CHAT,
    FORM,
    SCHEMA,
    configured,
    fronted,
    gateway,
    sibling,
)
from tests.support.patience import PATIENCE_S
from tests.support.router.world import world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from core.settings import Settings

NOBODY = "http://127.0.0.1:9/v1"
PATHS = ["/v1/models", "/health", "/metrics", "/nothing"]


@pytest.fixture
def settings(project: Path) -> Settings:
    """A workspace whose cloud nobody serves."""
    return configured(project, NOBODY)


def passes(guard: Guard, *headers: tuple[str, str]) -> int:
    """0 when the guard lets these headers pass, else the status."""
    try:
        guard.check([(name.encode(), value.encode("latin-1")) for name, value in headers])
    except ErrorReply as refusal:
        return refusal.status
    return 0


@pytest.mark.parametrize(
    ("bound", "host", "status"),
    [
        ("127.0.0.1", "127.0.0.1:3010", 0),
        ("127.0.0.1", "localhost:3010", 0),
        ("127.0.0.1", "LocalHost.", 0),
        ("127.0.0.1", "[::1]:3010", 0),
        ("127.0.0.1", "agents.example:3010", 0),
        ("127.0.0.1", "evil.example", 403),
        ("127.0.0.1", "127.0.0.1.evil.example", 403),
        ("127.0.0.1", "localhost.evil.example:3010", 403),
        ("127.0.0.1", "evil.example:80@127.0.0.1", 403),
        ("127.0.0.1", "127.0.0.1:80:80", 403),
        ("127.0.0.1", "127.0.0.1:", 403),
        ("127.0.0.1", "[::1", 403),
        ("127.0.0.1", "[localhost]", 403),
        ("127.0.0.1", "", 403),
        ("127.0.0.1", "192.0.2.7", 403),
        ("192.0.2.7", "192.0.2.7:3010", 0),
        ("192.0.2.7", "192.0.2.8", 403),
        ("0.0.0.0", "192.0.2.8:3010", 0),
        ("::", "[2001:db8::1]:3010", 0),
        ("0.0.0.0", "evil.example", 403),
    ],
)
def test_only_our_own_names_are_answered_to(bound: str, host: str, status: int) -> None:
    """A name that an attacker rebound to this machine is not one of them; an address cannot be."""
    assert passes(Guard(bound, ("agents.example",)), ("host", host)) == status


PARTS = [b"localhost", b"127.0.0.1", b"[", b"]", b"::1", b":", b".", b"@", b"/", b"80", b"x", b" "]


@given(st.binary(max_size=20) | st.lists(st.sampled_from(PARTS), max_size=6).map(b"".join))
def test_nothing_passes_that_only_looks_like_loopback(value: bytes) -> None:
    """A host that passes is a name of loopback, with a port or without, and nothing besides."""
    if passes(Guard("127.0.0.1"), ("host", value.decode("latin-1"))) == 0:
        assert re.fullmatch(
            rb"(localhost\.?|127\.0\.0\.1\.?|\[::1\])(:[0-9]+)?", value.strip().lower()
        )


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([("host", "localhost"), ("host", "localhost")], 403),
        ([], 403),
        ([("host", "localhost"), ("origin", "http://evil.example")], 403),
        ([("host", "localhost"), ("origin", "null")], 403),
        ([("host", "localhost"), ("origin", "http://localhost:3010")], 403),
        ([("host", "localhost"), ("sec-fetch-site", "cross-site")], 403),
        ([("host", "localhost"), ("sec-fetch-site", "none")], 0),
    ],
)
def test_no_web_page_may_ask(headers: list[tuple[str, str]], status: int) -> None:
    """A browser says on whose behalf it asks; an agent has no origin."""
    assert passes(Guard("127.0.0.1"), *headers) == status


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        (["Bearer s3cret"], 0),
        (["bearer s3cret"], 0),
        (["Bearer s3cre"], 401),
        (["Bearer s3crets"], 401),
        (["Basic s3cret"], 401),
        (["s3cret"], 401),
        ([""], 401),
        (["Bearer s3cret", "Bearer s3cret"], 401),
        ([], 401),
    ],
)
def test_the_token_is_asked_for(authorization: list[str], status: int) -> None:
    """Exactly the token, as a bearer, once."""
    guard = Guard("127.0.0.1", token=b"s3cret")
    given = [("authorization", value) for value in authorization]
    assert passes(guard, ("host", "localhost"), *given) == status


async def test_every_path_is_guarded(settings: Settings) -> None:
    """A rebound name, a page and a missing token are refused everywhere, in OpenAI's shape."""
    async with fronted(settings, token="s3cret") as http:
        good = {"authorization": "Bearer s3cret"}
        for path in PATHS:
            url = sibling(http, path)
            refusals = [
                await http.get(url),
                await http.get(url, headers=good | {"host": "evil.example"}),
                await http.get(url, headers=good | {"origin": "http://evil.example"}),
            ]
            assert [one.status_code for one in refusals] == [401, 403, 403]
            assert {one.json()["error"]["code"] for one in refusals} == {
                "invalid_api_key",
                "host_not_allowed",
                "origin_not_allowed",
            }
        preflight = await http.options(CHAT, headers={"origin": "http://evil.example"})
        assert preflight.status_code == 403
        assert not [name for name in preflight.headers if name.startswith("access-control")]
        metrics = (await http.get(sibling(http, "/metrics"), headers=good)).text
    assert 'reflex_refused_requests_total{code="host_not_allowed"} 4.0' in metrics


async def test_the_token_never_reaches_the_capsule_or_a_server(project: Path) -> None:
    """What a client proves itself with is between it and the gateway."""
    async with world(project, promoted=False) as w:
        async with fronted(w.settings, token="s3cret-token") as http:
            response = await http.post(
                CHAT, json=ASKED, headers={"authorization": "Bearer s3cret-token"}
            )
        assert response.status_code == 200
    kept = b"".join(
        path.read_bytes() for path in (project / ".speckit").rglob("*") if path.is_file()
    )
    assert b"s3cret-token" not in kept


async def raw(url: str, request: bytes) -> bytes:
    """Send bytes as they are; what comes back until the server closes."""
    host, port = url.removeprefix("http://").removesuffix("/v1").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    answer = b""
    try:
        writer.write(request)
        async with asyncio.timeout(PATIENCE_S):
            with suppress(ConnectionError):  # closed while we still had something to say
                while piece := await reader.read(1000):
                    answer += piece
    finally:
        writer.close()
    return answer


HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: "
HOSTILE = {
    "no host, old version": b"GET /health HTTP/1.0\r\n\r\n",
    "no host": b"GET /health HTTP/1.1\r\nconnection: close\r\n\r\n",
    "two hosts": b"GET /health HTTP/1.1\r\nhost: localhost\r\nhost: evil.example\r\n\r\n",
    "long head": b"GET /health HTTP/1.1\r\nhost: localhost\r\nx: " + b"y" * 200_000 + b"\r\n\r\n",
    "negative length": HEAD + b"-1\r\n\r\n",
    "two lengths": HEAD + b"2\r\ncontent-length: 3\r\n\r\n{}",
    "two kinds of length": HEAD
    + b"2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"
    + b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 200 + b"\r\n\r\n",
    "a tunnel": b"CONNECT localhost:80 HTTP/1.1\r\nhost: localhost\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
}


async def test_hostile_heads_are_refused(settings: Settings) -> None:
    """Whatever is not one request to one host of ours is an error status, and the server lives."""
    async with gateway(settings) as url:
        for name, request in HOSTILE.items():
            answer = await raw(url, request)
            assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 403")), name
            assert b"HTTP/1.1 200" not in answer, name
        assert b"200" in (
            await raw(url, b"GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        )


UPGRADE = b"connection: Upgrade\r\nupgrade: h2c\r\ncontent-type: application/json\r\n"
LAST = b"GET /v1/models HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"


@pytest.mark.parametrize("further", [b"content-type: application/json\r\n", UPGRADE])
async def test_what_is_no_attack_is_answered(settings: Settings, further: bytes) -> None:
    """A body longer than a head may be; an upgrade that is asked for and not made, as Java does."""
    body = b" " * 100_000 + b"{}"
    head = HEAD + f"{len(body)}\r\n".encode() + further + b"\r\n"
    async with gateway(settings) as url:
        answer = await raw(url, head + body + LAST)
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"messages must be a list" in answer
    assert b"HTTP/1.1 200" in answer


BAD_FORM = FORM | {"json_schema": {"name": "no schema"}}


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"", None),
        (b"{", None),
        (b"[" * 100_000, None),
        (b"[1]", None),
        (b"\xff\xfe{}", None),
        (b'{"messages": "hi"}', "messages"),
        (b'{"messages": []}', "messages"),
        (b'{"messages": ["hi"]}', "messages[0]"),
        (ASKED | {"stream": "yes"}, "stream"),
        (ASKED | {"stream_options": 1}, "stream_options"),
        (ASKED | {"n": 2}, "n"),
        (ASKED | {"logprobs": True}, "logprobs"),
        (ASKED | {"functions": [{"name": "f"}]}, "functions"),
        (ASKED | {"response_format": {"type": "xml"}}, "response_format"),
        (ASKED | {"response_format": BAD_FORM}, "response_format"),
        (ASKED | {"response_format": FORM | {"grammar": "x"}}, "response_format"),
        (ASKED | {"response_format": {"type": "json_object", "schema": 5}}, "response_format"),
        (ASKED | {"response_format": {"type": "text", "schema": {}}}, "response_format"),
        (b"[" + b"[]," * 400_000 + b"[]]", None),
    ],
    ids=range(19),
)
async def test_a_request_that_is_none_says_what_is_wrong(
    body: bytes | dict[str, object], param: str | None
) -> None:
    """400, with the parameter named."""
    with pytest.raises(ErrorReply) as caught:
        read_chat(await read_json(body if isinstance(body, bytes) else json.dumps(body).encode()))
    assert (caught.value.status, caught.value.param) == (400, param)
    assert caught.value.message


def test_every_form_of_a_schema_is_honoured() -> None:
    """Beside json_object, within json_schema, and beside it: the reply is held to it."""
    forms = [
        FORM,
        {"type": "json_schema", "schema": SCHEMA},
        {"type": "json_object", "schema": SCHEMA},
    ]
    for form in forms:
        chat = read_chat(ASKED | {"response_format": form})
        assert chat.request.schema == SCHEMA
        assert chat.request.response_format == form
    plain = read_chat(ASKED | {"response_format": {"type": "json_object"}})
    assert plain.request.schema == {"type": "object"}


async def test_a_bad_request_is_told_in_openai_s_shape(settings: Settings) -> None:
    """Also where it is found only later, as with a schema that is none; nothing was sent."""
    no_schema = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "no"}}}
    async with fronted(settings) as http:
        cut = await http.post(CHAT, content=b"{", headers={"content-type": "application/json"})
        unusable = await http.post(CHAT, json=ASKED | {"response_format": no_schema})
    assert cut.json()["error"] == {
        "message": "the request's body is not JSON, or holds too many values",
        "type": "invalid_request_error",
        "param": None,
        "code": "invalid_json",
    }
    assert (cut.status_code, unusable.status_code) == (400, 400)
    assert "schema given is not usable" in unusable.json()["error"]["message"]


async def test_other_refusals_have_their_status(settings: Settings) -> None:
    """Another content type, an unknown stage, path, method and model."""
    async with fronted(settings) as http:
        form = await http.post(CHAT, data={"messages": "hi"})
        stage = await http.post(CHAT, json=ASKED, headers={"X-Speckit-Stage": "deploy"})
        path = await http.post("embeddings", json=ASKED)
        method = await http.get(CHAT)
        model = await http.get("models/no/such")
    answers = [form, stage, path, method, model]
    assert [one.status_code for one in answers] == [415, 400, 404, 405, 404]
    assert all(one.json()["error"]["message"] for one in answers)
    assert stage.json()["error"]["param"] == "X-Speckit-Stage"
    assert method.headers["allow"] == "POST"


@pytest.mark.parametrize("announced", [True, False])
async def test_a_body_over_the_limit_is_refused_and_heard(
    settings: Settings, *, announced: bool
) -> None:
    """413, also to a client that sends all of it before it listens, and without a length."""
    piece = b"x" * (1 << 20)

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(12):
            yield piece

    content = piece * 12 if announced else pieces()
    async with fronted(settings) as http:
        response = await http.post(
            CHAT, content=content, headers={"content-type": "application/json"}
        )
    assert response.status_code == 413
    assert response.json()["error"]["code"] == "request_too_large"


async def test_half_a_surrogate_pair_is_refused_not_crashed_on(project: Path) -> None:
    """What cannot be sent on is the caller's error."""
    async with world(project, promoted=False) as w, fronted(w.settings) as http:
        body = json.dumps({"messages": [{"role": "user", "content": "\ud800"}]})
        response = await http.post(CHAT, content=body, headers={"content-type": "application/json"})
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "malformed_request"


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("authorization", "Bearer ours", False),
        ("x-api-key", "ours", False),
        ("authorization", "Bearer theirs", True),
        ("x-api-key", "theirs", True),
        ("x-session-id", "ours", True),
    ],
)
def test_our_own_token_goes_nowhere_else(name: str, value: str, *, kept: bool) -> None:
    """What lets a caller in here is no credential for the cloud; the caller's own is."""
    headers = [(b"host", b"127.0.0.1"), (name.encode(), value.encode())]
    passed = Guard("127.0.0.1", token=b"ours").without_token(headers)
    assert (headers[1] in passed) is kept
    assert headers[0] in passed
    assert Guard("127.0.0.1").without_token(headers) == headers
