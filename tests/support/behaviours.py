"""How a server can misbehave: building blocks, and a table of behaviours by name."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import json
import socket
import struct
import zlib
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

MODEL = "test-model"
DATA = {"path": "calc.py", "n": 3}
"""What ``good`` and its kin say, as JSON; it meets ``SCHEMA``."""
SCHEMA = {
    "type": "object",
    "properties": {"path": {"type": "string"}, "n": {"type": "integer", "maximum": 5}},
    "required": ["path", "n"],
    "additionalProperties": False,
}
USAGE = {
    "prompt_tokens": 11,
    "completion_tokens": 7,
    "prompt_tokens_details": {"cached_tokens": 5},
}


@dataclass(frozen=True)
class Seen:
    """A request as it came; ``nth`` counts the requests of its connection from 1."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    nth: int

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)


Handler = Callable[[Seen, asyncio.StreamWriter], Awaitable[None]]


def head(status: int = 200, **headers: str) -> bytes:
    """A status line and headers; underscores in names stand for hyphens."""
    fields = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} Status\r\n{fields}\r\n".encode()


EVENTS = head(content_type="text/event-stream", transfer_encoding="chunked")


def framed(piece: bytes) -> bytes:
    """One HTTP chunk."""
    return b"%x\r\n%s\r\n" % (len(piece), piece)


def event(payload: object, name: str = "") -> bytes:
    """One server-sent event; a string is sent as it is."""
    data = payload if isinstance(payload, str) else json.dumps(payload)
    return (f"event: {name}\n" if name else "").encode() + f"data: {data}\n\n".encode()


def delta(said: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    """A chat.completion.chunk."""
    choice = {"index": 0, "delta": said, "finish_reason": finish}
    return {"object": "chat.completion.chunk", "model": MODEL, "choices": [choice]}


DONE = event("[DONE]")
ROLE = event(delta({"role": "assistant", "content": ""}))


def said(text: str, finish: str | None = "stop") -> list[bytes]:
    """The events of a stream that says ``text`` three characters at a time, usage and all."""
    size = max(3, len(text) // 50)
    parts = [text[at : at + size] for at in range(0, len(text), size)]
    events = [ROLE, *(event(delta({"content": part})) for part in parts)]
    if finish:
        events.append(event(delta({}, finish)))
    return [*events, event({"choices": [], "usage": USAGE}), DONE]


def streams(*events: bytes) -> Handler:
    """A behaviour: these events, one HTTP chunk each, over a connection that is kept."""

    async def handler(_: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(EVENTS + b"".join(framed(piece) for piece in (*events, b"")))

    return handler


def whole(
    payload: object, status: int = 200, kind: str = "application/json", **headers: str
) -> Handler:
    """A behaviour: one body, not streamed; bytes are sent as they are."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()

    async def handler(_: Seen, writer: asyncio.StreamWriter) -> None:
        length = str(len(body))
        writer.write(head(status, content_type=kind, content_length=length, **headers) + body)

    return handler


def completion(text: str | None, finish: str | None = "stop", **message: Any) -> dict[str, Any]:
    """A whole chat.completion."""
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": text, **message},
        "finish_reason": finish,
    }
    return {"object": "chat.completion", "model": MODEL, "choices": [choice], "usage": USAGE}


def raw(*pieces: bytes, then: str = "close", pause: float = 0.0) -> Handler:
    """A behaviour: these bytes, then ``close``, ``reset``, ``hang`` or ``keep``."""

    async def handler(_: Seen, writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)
        if then == "hang":
            await asyncio.sleep(3600)
        if then == "reset":
            sock = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            await asyncio.sleep(0.02)
            writer.transport.abort()
        if then == "close":
            writer.close()

    return handler


def endless(opening: bytes, piece: bytes, pause: float = 0.0) -> Handler:
    """A behaviour: ``piece`` without end."""
    return _repeated(opening, piece, itertools.repeat(None), pause)


def _repeated(opening: bytes, piece: bytes, times: Iterable[object], pause: float) -> Handler:
    async def handler(_: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(opening)
        for _time in times:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)

    return handler


def bomb(size: int) -> bytes:
    """``size`` zero bytes as gzip, made without holding them."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    zeros = bytes(1 << 20)
    packed = b"".join(packer.compress(zeros) for _ in range(size >> 20))
    return packed + packer.flush()


async def _bomb(_: Seen, writer: asyncio.StreamWriter) -> None:
    body = bomb(200 << 20)
    opening = head(
        content_type="text/event-stream", content_encoding="gzip", content_length=str(len(body))
    )
    writer.write(opening + body)


async def _stale(seen: Seen, writer: asyncio.StreamWriter) -> None:
    """Announce keep-alive, and close when the connection is used again."""
    if seen.nth > 1:
        writer.close()
    else:
        await streams(*said(GOOD))(seen, writer)


async def _echo_key(seen: Seen, writer: asyncio.StreamWriter) -> None:
    message = f"the key {seen.headers.get('authorization')} is unknown"
    await whole({"error": {"message": message}}, status=401)(seen, writer)


class _Saying(NamedTuple):
    """What a model says, right or wrong, in either form of reply."""

    text: str | None
    finish: str | None = "stop"
    refusal: str | None = None


GOOD = json.dumps(DATA)
_SAYINGS = {
    "good": _Saying(GOOD),
    "no_finish_reason": _Saying(GOOD, finish=None),
    "finish_length": _Saying(GOOD[:-4], finish="length"),
    "finish_abort": _Saying(GOOD[:-4], finish="abort"),
    "null_content": _Saying(None),
    "refusal": _Saying(None, refusal="I will not do that."),
    "text_fenced": _Saying(f"```json\n{GOOD}\n```"),
    "text_preamble": _Saying(f"Here you are: {GOOD}"),
    "text_trailing": _Saying(f"{GOOD} Anything else?"),
    "text_cut": _Saying(GOOD[:-4]),
    "text_deep": _Saying("[" * 200_000),
    "text_nan": _Saying('{"path": "calc.py", "n": NaN}'),
    "text_duplicate_key": _Saying('{"path": "calc.py", "n": 1, "n": 2}'),
    "text_violates": _Saying('{"path": "calc.py", "n": 9}'),
    "text_surrogate": _Saying('{"path": "\ud800", "n": 1}'),
    "text_escaped_surrogate": _Saying('{"path": "\\ud800", "n": 1}'),
}

# Each engine's way to report an error inside a reply that began with 200.
_REPORTS: dict[str, object] = {
    "sglang": {"object": "error", "message": "queue full", "type": "Busy", "code": 503},
    "sglang_nested": {"error": {"object": "error", "message": "bad grammar", "code": 400}},
    "vllm": {"error": {"message": "bad schema", "type": "BadRequestError", "code": 400}},
    "llamacpp": {"error": {"code": 500, "message": "slot failed", "type": "server_error"}},
    "openai": {"error": {"message": "slow down", "code": "rate_limit_exceeded"}},
    "words": {"error": "Unauthorized"},
    "detail": {"detail": "upstream is gone"},
}

_STATUSES = (400, 401, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503, 504)
_BEGUN = EVENTS + framed(ROLE) + framed(event(delta({"content": '{"pa'})))
_ODD_TEXT = (
    b"\xef\xbb\xbf: hello\r\n\r\n"
    + event(delta({"content": '{"path": "é€😀",'})).replace(b"data: ", b"data:")
    + b": ping\n\nretry: 5\nid: 7\nevent: message\r\n"
    + b'data: {"choices": [{"index": 0,\r\ndata:  "delta": {"content": " \\"n\\": 3}"}}]}\r\n\r\n'
    + event(delta({}, "stop")).replace(b"\n", b"\r")
    + b"data: [DONE]"
)


def _table() -> dict[str, Handler]:
    table: dict[str, Handler] = {}
    for name, (text, finish, refusal) in _SAYINGS.items():
        events = said(text or "", finish)
        if refusal:
            events.insert(1, event(delta({"content": None, "refusal": refusal})))
        table[name] = streams(*events)
        table[f"{name}:whole"] = whole(completion(text, finish, refusal=refusal))
    for name, report in _REPORTS.items():
        begun = event(delta({"content": '{"pa'}))
        table[f"error_event_{name}"] = streams(ROLE, begun, event(report), DONE)
        table[f"error_body_{name}"] = whole(report)
    for status in _STATUSES:
        table[f"status_{status}"] = whole({"error": {"message": "no"}}, status=status)
    return table | {
        "refused": raw(),
        "unresolvable": raw(),
        "tls_on_plain": raw(),
        "closes": raw(),
        "resets": raw(then="reset"),
        "hangs": raw(then="hang"),
        "hangs_in_head": raw(b"HTTP/1.1 200 OK\r\ncontent-", then="hang"),
        "hangs_after_head": raw(EVENTS, then="hang"),
        "hangs_midway": raw(_BEGUN, then="hang"),
        "hangs_in_error": raw(head(503, content_length="99") + b"bu", then="hang"),
        "hangs_after_done": raw(EVENTS + framed(b"".join(said(GOOD))), then="hang"),
        "slow_head": endless(b"HTTP/1.1 200 OK\r\n", b"x-slow: 1\r\n", pause=0.02),
        "trickle": endless(EVENTS, framed(b":"), pause=0.02),
        "trickle:whole": endless(head(content_type="application/json"), b" ", pause=0.02),
        "endless_pings": endless(EVENTS, framed(b": ping\n\n"), pause=0.001),
        "endless_events": endless(EVENTS, framed(event(delta({"content": "x" * 9000})))),
        "endless:whole": endless(head(content_type="application/json"), b'{"a":' + b"1" * 9000),
        "long_line": _repeated(EVENTS, framed(b"x" * 65536), range(320), 0.0),
        "long_head": endless(b"HTTP/1.1 200 OK\r\n", b"x-long: " + b"y" * 9000 + b"\r\n"),
        "gzip_bomb": _bomb,
        "gzip": whole(
            gzip.compress(b"".join(said(GOOD))), kind="text/event-stream", content_encoding="gzip"
        ),
        "gzip:whole": whole(
            gzip.compress(json.dumps(completion(GOOD)).encode()), content_encoding="gzip"
        ),
        "gzip_broken": whole(b"\x1f\x8bnonsense", content_encoding="gzip"),
        "brotli": whole(b"\x0b\x02\x80", content_encoding="br"),
        "resets_midway": raw(_BEGUN, then="reset"),
        "closes_midway": raw(_BEGUN, pause=0.01),
        "ends_midway": raw(_BEGUN + framed(b""), then="keep"),
        "chunk_cut": raw(_BEGUN + b"40\r\ndata: {"),
        "chunk_garbled": raw(_BEGUN + b"zz\r\nwhat\r\n"),
        "short_body": raw(head(content_type="text/event-stream", content_length="9999") + ROLE),
        "short_body:whole": raw(
            head(content_type="application/json", content_length="9999") + b'{"choices": [{'
        ),
        "empty_body": whole(b"", kind="text/event-stream"),
        "empty_body:whole": whole(b""),
        "done_only": streams(DONE),
        "role_only": streams(ROLE, DONE),
        "no_done": streams(*said(GOOD)[:-1]),
        "finished_then_closes": raw(EVENTS + b"".join(map(framed, said(GOOD)[:-2])), pause=0.01),
        "finished_then_resets": raw(EVENTS + b"".join(map(framed, said(GOOD)[:-2])), then="reset"),
        "empty_choices": streams(event({"choices": []}), DONE),
        "empty_choices:whole": whole({"object": "chat.completion", "choices": []}),
        "odd_but_right": raw(
            EVENTS,
            *(framed(_ODD_TEXT[at : at + 1]) for at in range(len(_ODD_TEXT))),
            framed(b""),
            then="keep",
        ),
        "no_content_type": raw(head() + b"".join(said(GOOD))),
        "error_event_named": streams(event({"message": "boom", "code": 502}, name="error")),
        "error_event_bare": streams(event("boom", name="error")),
        "error_field": streams(b'error: {"code": 400, "message": "too long"}\n\n', DONE),
        "bad_utf8": streams(b'data: {"choices": "\xff"}\n\n'),
        "bad_utf8:whole": whole(b'{"choices": "\xff"}'),
        "not_json": streams(event("hello")),
        "not_json:whole": whole(b"hello"),
        "json_cut": streams(event('{"choices": [')),
        "json_cut:whole": whole(b'{"choices": ['),
        "json_deep": streams(event("[" * 200_000)),
        "json_deep:whole": whole(b'{"choices":' + b"[" * 200_000),
        "json_list": streams(event([1])),
        "json_list:whole": whole([1]),
        "json_other:whole": whole({"hello": "world"}),
        "choices_wrong": streams(event({"choices": "no"})),
        "content_wrong": streams(event(delta({"content": 5}))),
        "html": whole(b"<!DOCTYPE html><title>hi</title>", kind="text/html"),
        "html_unnamed": raw(head() + b"\n<html>"),
        "words": whole(b"hello", kind="text/plain"),
        "not_http": raw(b"SSH-2.0-OpenSSH_9.6\r\n", pause=0.01),
        "status_200_then_nothing": raw(b"HTTP/1.1 200 OK\r\n\r\n"),
        "status_418_words": whole(b"short and stout", status=418, kind="text/plain"),
        "status_502_html": whole(b"<html>bad gateway</html>", status=502, kind="text/html"),
        "status_503_brotli": whole(b"\x0b\x02", status=503, content_encoding="br"),
        "status_599": whole(b"", status=599),
        "retry_seconds": whole(b"", status=429, retry_after="7"),
        "retry_too_long": whole(b"", status=503, retry_after="86400"),
        "retry_date": whole(b"", status=429, retry_after="Fri, 01 Jan 2100 00:00:00 GMT"),
        "retry_garbled": whole(b"", status=429, retry_after="soon"),
        "redirect": whole(b"", status=307, location="http://127.0.0.1:9/v1/chat/completions"),
        "switches_protocol": raw(b"HTTP/1.1 101 Switching\r\nupgrade: x\r\n\r\n"),
        "stale": _stale,
        "echoes_key": _echo_key,
        "hostile_words": whole(
            {"error": {"message": "\x1b]52;c;x\x07\u202e[red]" * 200}}, status=400
        ),
    }


BEHAVIOURS: dict[str, Handler] = _table()
