"""What answers a probe and is no OpenAI server, or hides tricks in what it says."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest

from core.router.health import Cause, probe
from tests.support.health.looking import look, look_at_models
from tests.support.health.servers import (
    Reply,
    hang_up,
    local,
    models,
    raw,
    serving,
)

if TYPE_CHECKING:
    from tests.support.health.servers import Behaviour


HTML = Reply(200, b"<!doctype html><title>Grafana</title>", "text/html; charset=utf-8")


NOT_OPENAI = {
    "html": HTML,
    "html error 500 behind 200": Reply(200, b"  <html>oops</html>", "text/plain"),
    "html 404 of a web server": Reply(404, b"<h1>Not here</h1>", "text/html"),
    "garbage": Reply(200, b"\x00\xff garbage", "application/json"),
    "list at the top": Reply.of(["m"]),
    "number": Reply.of(3),
    "data is an object": Reply.of({"object": "list", "data": {"id": "m"}}),
    "data of strings": Reply.of({"object": "list", "data": ["m", None, {"id": 3}, {"id": ""}]}),
    "no data": Reply.of({"models": []}),
    "nested beyond reason": Reply(200, b"[" * 100_000),
    "a number of 5000 digits": Reply(200, b'{"data":' + b"9" * 5000 + b"}"),
    "empty": Reply(200, b""),
    "no content": Reply(204),
    "redirect": Reply(307, headers=(("location", "http://169.254.169.254/latest"),)),
    "huge": Reply(200, b'{"data": ["' + b"x" * (1 << 20) + b'"]}'),
    "gzip bomb": Reply(200, gzip.compress(bytes(1 << 24)), headers=(("content-encoding", "gzip"),)),
    "unknown compression": Reply(200, b"x", headers=(("content-encoding", "br"),)),
    "not http": raw(b"220 mail.example ESMTP\r\n\r\n"),
    "ssh": raw(b"SSH-2.0-OpenSSH_9.9\r\n"),
    "endless header": raw(b"HTTP/1.1 200 OK\r\nx: " + b"y" * 200_000),
}


@pytest.mark.parametrize("behaviour", NOT_OPENAI.values(), ids=NOT_OPENAI)
async def test_what_is_no_openai_server_is_called_so(behaviour: Behaviour) -> None:
    """HTML, other JSON, redirects, oversized and broken replies: check the address."""
    health = await look(behaviour)
    assert (health.cause, health.reason) == (Cause.NOT_OPENAI, "server_unhealthy")
    assert health.remedy[0].startswith("Check host, port and path of `endpoint` under [reflex]")


CUT_OFF = {
    "hangs up": hang_up,
    "short head": raw(b"HTTP/1.1 200"),
    "short body": raw(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{}"),
}


@pytest.mark.parametrize("behaviour", CUT_OFF.values(), ids=CUT_OFF)
async def test_a_server_that_hangs_up(behaviour: Behaviour) -> None:
    """Something listens, and ends the connection before its answer is whole."""
    health = await look(behaviour)
    assert (health.cause, health.reason) == (Cause.NO_REPLY, "server_unhealthy")
    assert "https://" in health.remedy[0]


async def test_a_redirect_is_not_followed() -> None:
    """Not even to the same server: the place the user trusts is the place that is asked."""
    moved = Reply(301, headers=(("location", "/elsewhere"),))
    async with serving({"/v1/models": moved, "/elsewhere": models("m")}) as server:
        health = await probe(local(server.endpoint), timeout_ms=30_000)
        assert server.paths == ["/v1/models"]
    assert "redirects to /elsewhere" in health.summary


async def test_a_server_error_is_quoted_safely() -> None:
    """Control characters of an error message do not reach the screen."""
    health = await look(Reply.of({"error": {"message": "CUDA\x1b[31m out\nof memory"}}, 500))
    assert health.cause is Cause.HTTP_ERROR
    assert "\x1b" not in health.summary
    assert "\n" not in health.summary


async def test_ids_with_control_characters_are_made_safe() -> None:
    """Model ids come from outside: summary, remedy and models hold none of their tricks."""
    evil = "m\x1b]0;owned\x07\u202e[red]\nrm -rf\ud800"
    health = await look_at_models(models(evil), "m")
    assert health.cause is Cause.MODEL_MISSING
    for text in (health.summary, *health.remedy, *health.models):
        assert text.isprintable() or "\N{REPLACEMENT CHARACTER}" in text
        assert not set(text) & set("\x1b\x07\n\u202e\ud800")
