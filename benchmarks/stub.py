"""An OpenAI-compatible server that knows the truth, in a process of its own; stdlib alone.

The path chooses its behaviour: ``/instant/v1`` answers with 32 tokens at once, each a
write of its own, or whole where no stream is asked for; ``/paced/v1``
sends the first token 50 ms after the request and one every 20 ms, and its last token is the time in
ms from the request's arrival to the write of the first; ``/error/v1`` answers 500, ``/hang/v1``
never. It prints its port, and ends with its standard input.

    python benchmarks/stub.py
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import struct
import sys
import time
from contextlib import suppress

TTFT_S = 0.050
TOKEN_S = 0.020
TOKENS = 32
MODEL = "stub"
# Linux's SO_TIMESTAMPNS, which Python has no name for.
STAMPS = 35 if sys.platform == "linux" else 0

_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n"
    b"connection: keep-alive\r\n\r\n"
)


def _chunk(delta: dict[str, str], finish: str | None = None) -> bytes:
    return _event(
        {
            "id": "chatcmpl-0123456789",
            "object": "chat.completion.chunk",
            "created": 1767225600,
            "model": MODEL,
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}],
        }
    )


def _event(payload: object) -> bytes:
    text = payload if isinstance(payload, str) else json.dumps(payload)
    data = f"data: {text}\n\n".encode()
    return b"%x\r\n%b\r\n" % (len(data), data)


_USAGE = {"prompt_tokens": 11, "completion_tokens": TOKENS, "total_tokens": TOKENS + 11}
_ROLE = _chunk({"role": "assistant", "content": ""})
_TOKEN = _chunk({"content": " word"})
_END = (
    _chunk({}, "stop")
    + _event({"id": "chatcmpl-0123456789", "object": "chat.completion.chunk",
              "created": 1767225600, "model": MODEL, "choices": [], "usage": _USAGE})
    + _event("[DONE]")
    + b"0\r\n\r\n"
)  # fmt: skip


def _whole(status: int, payload: object) -> bytes:
    body = json.dumps(payload).encode()
    return (
        b"HTTP/1.1 %d Status\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
        % (status, len(body), body)
    )


_MODELS = _whole(
    200, {"object": "list", "data": [{"id": MODEL, "object": "model", "owned_by": "stub"}]}
)
_MESSAGE = {"role": "assistant", "content": " word" * TOKENS}
_SAID = _whole(
    200,
    {
        "id": "chatcmpl-0123456789",
        "object": "chat.completion",
        "created": 1767225600,
        "model": MODEL,
        "choices": [{"index": 0, "message": _MESSAGE, "finish_reason": "stop"}],
        "usage": _USAGE,
    },
)
_FAILED = _whole(500, {"error": {"message": "no", "type": "server_error", "code": 500}})
_UNKNOWN = _whole(404, {"error": {"message": "no such path", "code": 404}})


class Exchange:
    """One connection: a request at a time, which must come whole before it is answered.

    Over the bare socket, so that each token is a write of its own, and a request's arrival is the
    kernel's stamp where there is one: how busy this process is does not count as truth.
    """

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)  # noqa: FBT003  its own signature
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if STAMPS:
            connection.setsockopt(socket.SOL_SOCKET, STAMPS, 1)
        self._connection = connection
        self._received = b""
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(connection, self._read)

    def _read(self) -> None:
        try:
            data, notes, _, _ = self._connection.recvmsg(65536, 64)
        except OSError:
            data, notes = b"", []
        arrived = time.perf_counter() - _age_s(notes)
        if not data:
            self._loop.remove_reader(self._connection)
            self._connection.close()
            return
        self._received += data
        head, blank, body = self._received.partition(b"\r\n\r\n")
        if not blank:
            return
        length = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line[15:])
        if len(body) < length:
            return
        self._received = b""
        streams = re.search(rb'"stream": ?true', body) is not None
        self._answer(head.split(b" ", 2)[1].decode(), arrived, streams=streams)

    def _answer(self, path: str, arrived: float, *, streams: bool) -> None:
        if path.endswith("/models"):
            self._write(_MODELS)
        elif path == "/instant/v1/chat/completions" and not streams:
            self._write(_SAID)
        elif path == "/instant/v1/chat/completions":
            self._write(_HEAD + _ROLE)
            for _ in range(TOKENS):
                self._write(_TOKEN)
            self._write(_END)
        elif path == "/paced/v1/chat/completions":
            self._write(_HEAD + _ROLE)
            self._paced(arrived, 0, 0.0)
        elif path.startswith("/error/"):
            self._write(_FAILED)
        elif not path.startswith("/hang/"):
            self._write(_UNKNOWN)

    def _paced(self, arrived: float, number: int, truth_ms: float) -> None:
        due = arrived + TTFT_S + number * TOKEN_S
        self._loop.call_later(due - time.perf_counter(), self._token, arrived, number, truth_ms)

    def _token(self, arrived: float, number: int, truth_ms: float) -> None:
        if number == 0:
            truth_ms = 1000 * (time.perf_counter() - arrived)
        if number == TOKENS - 1:
            self._write(_chunk({"content": f" {truth_ms:.4f}"}) + _END)
            return
        self._write(_TOKEN)
        self._paced(arrived, number + 1, truth_ms)

    def _write(self, data: bytes) -> None:
        with suppress(OSError):  # a reader who has left, or does not read at all
            self._connection.send(data)


def _age_s(notes: list[tuple[int, int, bytes]]) -> float:
    """How long ago the kernel took in what was just read; 0 where it does not tell."""
    for level, kind, data in notes:
        if (level, kind) == (socket.SOL_SOCKET, STAMPS):
            seconds, nanoseconds = struct.unpack("qq", data)
            age_ns: int = time.time_ns() - seconds * 10**9 - nanoseconds
            return max(0.0, age_ns / 1e9)
    return 0.0


async def serve() -> None:
    """Serve until standard input ends."""
    loop = asyncio.get_running_loop()
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    listener.setblocking(False)  # noqa: FBT003
    loop.add_reader(listener, lambda: Exchange(listener.accept()[0]))
    print(listener.getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.buffer.read)
    listener.close()


if __name__ == "__main__":
    asyncio.run(serve())
