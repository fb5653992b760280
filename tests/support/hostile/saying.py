"""A server whose answers hold whatever strings it is given, wherever a string may be."""

from __future__ import annotations

import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any

from tests.support.threaded import served

if TYPE_CHECKING:
    from collections.abc import Iterator

_LISTED = 100


@contextmanager
def saying(strings: list[str]) -> Iterator[str]:
    """A server each of whose answers holds the next strings, wherever a string may be."""
    turn = iter(range(1 << 30))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            number = next(turn)
            words = strings[number % len(strings)]
            listed = {"object": "list", "data": [_model(strings, number)]}
            if not number % 4:
                at = number // 4 * _LISTED % len(strings)
                listed["data"] = [{"id": word} for word in strings[at : at + _LISTED]]
            error = {"error": {"message": words, "type": words, "code": words}}
            answers: list[tuple[int, Any]] = [
                (200, listed),
                (500, error),
                (401, error),
                (200, {"error": words}),
                (404, {"detail": words}),
                (503, {"object": "error", "message": words}),
                (200, {"object": "list", "data": [_model(strings, number), {"id": words}]}),
            ]
            self._say(*answers[number % len(answers)])

        def do_POST(self) -> None:
            number = next(turn)
            words = strings[number % len(strings)]
            self.rfile.read(int(self.headers["content-length"]))
            choice = {"message": {"content": words, "refusal": words}, "finish_reason": words}
            replies = ({"choices": [choice]}, {"error": {"message": words, "code": 400}})
            self._say(200, replies[number % 2])

        def _say(self, status: int, body: Any) -> None:
            data = json.dumps(body).encode()
            self.send_response(status, "words\x1b[2J")
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    with served(Handler) as url:
        yield f"{url}/v1"


def _model(strings: list[str], number: int) -> dict[str, Any]:
    words = strings[number % len(strings)]
    owners = ("sglang", "vllm", "llamacpp", "library", words)
    names = {"id": "m", "root": words, "aliases": [words], "meta": {"size": words}}
    return {**names, "owned_by": owners[number % len(owners)], "max_model_len": words}
