"""The stand-in as a server: an OpenAI-compatible API on loopback that follows a script.

``python -m core.standin.scripted_server --help``.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING, Any, Self

from core.engine.process import (
    ServerProcess,
    add_child_arguments,
    port_unusable,
    run_server,
)
from core.errors import EngineError, SuiteError
from core.standin.answers import Answerer, Question, SampleAnswerer
from core.standin.completions import (
    Envelope,
    error_body,
    in_one_piece,
    read_object,
    read_query,
    spoil,
    streamed,
)
from core.standin.http1 import HEAD_LIMIT, HttpError, HttpRequest, ServerConnection
from core.standin.sample import UnsampleableError
from core.standin.script import DEFAULT_MODEL, Script, Turn, describe_kinds, parse_faults, turn
from core.start import python_module

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from types import TracebackType

    from core.standin.completions import ChatQuery, TimedReply, WholeAnswer


_CONTROL = "/__scripted"
_TOO_MANY_REQUESTS = 429
_HTML = b"<!doctype html><title>Not an API</title><p>This is a web page.</p>"


class ScriptedServer:
    """Serves within ``async with``; ``script`` may be replaced at any time.

    Chat requests are answered by the first of ``answerers`` that has an answer, else by a sample.
    ``requests`` counts them, ``faults`` those that a fault befell, by its kind. Over HTTP the same
    is read from ``GET /__scripted`` and changed by ``POST /__scripted``.
    """

    def __init__(
        self, script: Script | None = None, answerers: Sequence[Answerer] = (), *, port: int = 0
    ) -> None:
        self.script = script or Script()
        self.port = port
        self.requests = 0
        self.faults: Counter[str] = Counter()
        self._answerers = [*answerers, SampleAnswerer()]
        self._server: asyncio.Server | None = None
        self._conversations: set[asyncio.Task[None]] = set()

    @property
    def endpoint(self) -> str:
        """The API's base URL."""
        return f"http://127.0.0.1:{self.port}/v1"

    async def __aenter__(self) -> Self:
        """Listen; EngineError when the port cannot be had."""
        try:
            self._server = await asyncio.start_server(
                self._converse, "127.0.0.1", self.port, limit=HEAD_LIMIT
            )
        except (OSError, OverflowError) as error:
            raise port_unusable(self.port, error) from error
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()
        for conversation in self._conversations:
            conversation.cancel()
        await asyncio.gather(*self._conversations, return_exceptions=True)
        await self._server.wait_closed()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._conversations.add(task)
        connection = ServerConnection(reader, writer)
        try:
            await self._serve(connection)
        except (OSError, TimeoutError, asyncio.CancelledError):
            connection.break_off()  # the peer left or idles, or the server is closing
        finally:
            self._conversations.discard(task)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _serve(self, connection: ServerConnection) -> None:
        try:
            while request := await connection.read_request():
                await self._respond(connection, request)
                if not connection.reusable:
                    break
        except HttpError as error:
            connection.reusable = False
            await connection.send_json(error.status, error_body(error.status, str(error)))

    async def _respond(self, connection: ServerConnection, request: HttpRequest) -> None:
        if request.path == _CONTROL:
            await self._control(connection, request)
        elif self.script.down:
            connection.reset()
        else:
            match request.method, request.path:
                case "GET", "/health":
                    await connection.send_json(200, {"status": "ok"})
                case "GET", "/v1/models":
                    await connection.send_json(200, self._models())
                case "POST", "/v1/chat/completions":
                    await self._chat(connection, request)
                case _:
                    message = f"nothing answers {request.method} {request.path}"
                    await connection.send_json(404, error_body(404, message))

    def _models(self) -> dict[str, Any]:
        model = {"object": "model", "created": 0, "owned_by": self.script.owned_by}
        if self.script.context:
            model["max_model_len"] = self.script.context
        return {"object": "list", "data": [{"id": self.script.model, **model}]}

    async def _control(self, connection: ServerConnection, request: HttpRequest) -> None:
        if request.method == "POST":
            try:
                self.script = self.script.changed(read_object(request.body))
            except ValueError as error:
                await connection.send_json(400, error_body(400, str(error)))
                return
        counted = {"requests": self.requests, "faulted": dict(self.faults)}
        await connection.send_json(200, {**self.script.as_json(), **counted})

    async def _chat(self, connection: ServerConnection, request: HttpRequest) -> None:
        asked_s = asyncio.get_running_loop().time()
        number, self.requests = self.requests, self.requests + 1
        chance = turn(self.script, number)
        if chance.fault is not None:
            self.faults[chance.fault.kind] += 1
        if await self._refused(connection, chance):
            return
        try:
            query = read_query(request.body)
            if query.model != self.script.model:
                message = f"the model {query.model!r} does not exist; {self.script.model!r} does"
                await connection.send_json(404, error_body(404, message, "model_not_found"))
                return
            texts = [spoil(self._answer(query), chance) for _ in range(query.count)]
        except ValueError as error:
            await connection.send_json(400, error_body(400, str(error)))
            return
        envelope = Envelope(f"chatcmpl-scripted-{number}", int(time.time()), self.script.model)
        if query.stream:
            await _send_stream(connection, streamed(query, envelope, texts, chance), asked_s)
        else:
            await _send_whole(connection, in_one_piece(query, envelope, texts, chance), asked_s)

    def _answer(self, query: ChatQuery) -> str:
        question = Question(query.text, query.schema)
        answers = (answerer.answer(question) for answerer in self._answerers)
        answer = next((answer for answer in answers if answer is not None), None)
        if answer is None:
            raise UnsampleableError("the stand-in has no answer")
        return answer

    async def _refused(self, connection: ServerConnection, chance: Turn) -> bool:
        """Act out the faults that leave the request without an answer; False when it has none."""
        match chance.fault.kind if chance.fault else None:
            case "status":
                assert chance.fault is not None
                status = int(chance.fault.argument)
                headers = {"Retry-After": "1"} if status == _TOO_MANY_REQUESTS else None
                body = error_body(status, "the script refuses this request")
                await connection.send_json(status, body, headers)
            case "hang":
                await connection.peer_gone()
                connection.break_off()
            case "reset":
                connection.reset()
            case "html":
                await connection.send(200, _HTML, content_type="text/html")
            case _:
                return False
        return True


async def _send_stream(connection: ServerConnection, reply: TimedReply, asked_s: float) -> None:
    """Send each piece when it is due; those that are due together go together."""
    clock = asyncio.get_running_loop().time
    connection.open_stream()
    pieces, sent = reply.pieces, 0
    while sent < len(pieces):
        await _until(asked_s + pieces[sent].at_s)
        due = clock() - asked_s
        end = sent + 1
        while end < len(pieces) and pieces[end].at_s <= due:
            end += 1
        await connection.send_piece(b"".join(piece.data for piece in pieces[sent:end]))
        sent = end
    if reply.broken:
        connection.break_off()
    else:
        await connection.close_stream()


async def _send_whole(connection: ServerConnection, answer: WholeAnswer, asked_s: float) -> None:
    await _until(asked_s + answer.at_s)
    await connection.send(200, answer.body, stated_length=answer.stated_length)
    if len(answer.body) < answer.stated_length:
        connection.break_off()


async def _until(moment_s: float) -> None:
    remaining = moment_s - asyncio.get_running_loop().time()
    if remaining > 0:
        await asyncio.sleep(remaining)


__all__ = ["Script", "ScriptedServer", "start_scripted"]

DEFAULT_PORT = 3019  # of its own: `code reflex serve` has 3010
_DEFAULTS = Script()


def start_scripted(
    *,
    port: int = 0,
    model: str = DEFAULT_MODEL,
    ttft_ms: float = _DEFAULTS.ttft_ms,
    tokens_per_s: float = _DEFAULTS.tokens_per_s,
    jitter: float = 0.0,
    faults: str = "",
    seed: int = 0,
    owned_by: str = "scripted",
    suite: str | Path | None = None,
    success_rate: float = 1.0,
    log: Path | None = None,
) -> ServerProcess:
    """Start the stand-in as a child process and return it once it answers; see ``Script``.

    With ``suite`` it solves that suite's tasks, ``success_rate`` (0 to 1) of the times each is
    asked.

    Raises:
        EngineError: A value is out of range, the port is taken, or it did not start.
    """
    given: dict[str, object] = {
        "--model": model,
        "--owned-by": owned_by,
        "--ttft-ms": ttft_ms,
        "--tokens-per-s": tokens_per_s,
        "--jitter": jitter,
        "--faults": faults,
        "--seed": seed,
        "--success-rate": success_rate,
    }
    if suite is not None:
        given["--suite"] = str(suite)
    try:
        Script(
            ttft_ms=ttft_ms, tokens_per_s=tokens_per_s, jitter=jitter, faults=parse_faults(faults)
        )
        _rate(str(success_rate))
    except ValueError as error:
        raise EngineError(str(error)) from error
    command = python_module("core.standin.scripted_server") + [f"{k}={v}" for k, v in given.items()]
    server = ServerProcess(command, name="the scripted stand-in", model=model, port=port, log=log)
    return server.start()


def main(arguments: Sequence[str] | None = None) -> int:
    """``python -m core.standin.scripted_server``: what ``start_scripted`` runs."""
    parser = _parser()
    given = parser.parse_args(arguments)
    try:
        script = Script(
            model=given.model,
            owned_by=given.owned_by,
            ttft_ms=given.ttft_ms,
            tokens_per_s=given.tokens_per_s,
            jitter=given.jitter,
            faults=parse_faults(given.faults),
            seed=given.seed,
        )
    except ValueError as error:
        parser.error(str(error))

    answerers: list[Answerer] = []
    if given.suite is not None:
        from core.standin.answers import suite_answerer  # brings the harness

        try:
            answerers.append(
                suite_answerer(given.suite, success_rate=given.success_rate, seed=given.seed)
            )
        except SuiteError as error:
            parser.error(f"{error.message} {error.remedy}")

    async def serve(on_ready: Callable[[int], None]) -> None:
        async with ScriptedServer(script, answerers, port=given.port) as server:
            on_ready(server.port)
            await asyncio.Event().wait()

    return run_server(
        lambda on_ready: asyncio.run(serve(on_ready)),
        child=given.child,
        describe=lambda port: f"{script.model} (scripted) at http://127.0.0.1:{port}/v1",
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m core.standin.scripted_server",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="An OpenAI-compatible server on 127.0.0.1 that stands in for a cloud model.\n"
        "It answers the tasks of --suite from their solutions; else, with a JSON schema,\n"
        "a minimal instance of it, and without one a sentence.",
        epilog="faults, KIND[:ARGUMENT][@RATE] separated by commas, the first that strikes:\n"
        f"{describe_kinds()}\n\nWhile it runs: curl -d '"
        '{"faults": "status:503@0.5", "down": false, "ttft_ms": 50}'
        f"' http://127.0.0.1:{DEFAULT_PORT}/__scripted",
    )
    add_child_arguments(parser, default_port=DEFAULT_PORT)
    shown = "(default: %(default)s)"
    parser.add_argument("--model", default=DEFAULT_MODEL, help=f"the name it serves {shown}")
    parser.add_argument("--owned-by", default=_DEFAULTS.owned_by, help=f"in /v1/models {shown}")
    parser.add_argument(
        "--ttft-ms", type=float, default=_DEFAULTS.ttft_ms, help=f"request to first token {shown}"
    )
    parser.add_argument(
        "--tokens-per-s",
        type=float,
        default=_DEFAULTS.tokens_per_s,
        help=f"pace; a token is four characters, 0 is at once {shown}",
    )
    parser.add_argument(
        "--jitter", type=float, default=0.0, help=f"sigma of a log-normal factor on both {shown}"
    )
    parser.add_argument("--suite", metavar="NAME|PATH", help="answer the tasks of this suite")
    parser.add_argument(
        "--success-rate",
        type=_rate,
        default=1.0,
        metavar="SHARE",
        help=f"of the times a task is asked that it is solved, 0 to 1 {shown}",
    )
    parser.add_argument("--faults", default="", metavar="LIST", help="see below")
    parser.add_argument("--seed", type=int, default=0, help=f"decides all chance {shown}")
    return parser


def _rate(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise ValueError(f"the success rate must be from 0 to 1, not {text}")
    return value


if __name__ == "__main__":
    sys.exit(main())
