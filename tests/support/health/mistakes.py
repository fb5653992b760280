"""Each mistake of the runbook, made on a server of this machine, and what ``health`` says of it.

``python -m tests.support.health.mistakes`` writes the answers into ``docs/runbook.md``.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import tempfile
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.command import reflex
from tests.support.health.servers import (
    Reply,
    free_port,
    in_turn,
    models,
    recorded,
    recorded_chat,
    serving,
)
from tests.support.health.streams import ANSWER, stream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from tests.support.health.servers import Behaviour

RUNBOOK = Path(__file__).parents[3] / "docs" / "runbook.md"
MODEL = "qwen2.5-coder-7b-instruct"
PORT = "3009"
_BLOCK = re.compile(r"(<!-- health: (\S+) -->\n```text\n)(.*?)(```\n)", re.DOTALL)
_LOADING = Reply.of({"error": {"message": "Loading model", "code": 503}}, 503)


def blocks(text: str) -> dict[str, str]:
    """Every answer that the page shows, by the mistake's name."""
    return {found[2]: found[3] for found in _BLOCK.finditer(text)}


def sglang(chat: Behaviour | None = None, *ids: str) -> Mapping[str, Behaviour]:
    """SGLang with these models and this chat."""
    routes: dict[str, Behaviour] = {
        "/v1/models": models(*(ids or (MODEL,)), owned_by="sglang"),
        "/ready": Reply(),
        "/health": Reply(),
    }
    return routes | ({"/v1/chat/completions": chat} if chat else {})


def vllm(chat: Behaviour) -> Mapping[str, Behaviour]:
    """The routes of vLLM with this chat."""
    return {
        "/v1/models": models(MODEL, owned_by="vllm"),
        "/health": Reply(),
        "/v1/chat/completions": chat,
    }


OWN_SCHEMA = {"error": {"message": "Failed to compile json grammar: minItems", "code": 400}}
TOOL_TEXT = stream('<tool_call>\n{"name": "read_file", "arguments": {"path": "README.md"}}')


def thinking() -> Reply:
    """A reply whose every word the server's reasoning parser has taken for a thought."""
    events = stream(ANSWER).body.replace(b'"content": "', b'"reasoning_content": "')
    return Reply(body=events, content_type="text/event-stream")


MISTAKES: dict[str, tuple[Mapping[str, Behaviour] | Behaviour | None, dict[str, Any]]] = {
    "not-started": (None, {}),
    "no-served-name": (sglang(None, "Qwen/Qwen2.5-Coder-7B-Instruct"), {}),
    "no-grammar-sglang": (sglang(stream(f"Sure! {ANSWER}")), {"deep": True}),
    "no-grammar-vllm": (vllm(stream(f"```json\n{ANSWER}\n```")), {"deep": True}),
    "whitespace": (sglang(stream('{"answer":' + " " * 200, "length")), {"deep": True}),
    "reasoning-parser": (sglang(thinking()), {"deep": True}),
    "schema-refused": (sglang(Reply.of(OWN_SCHEMA, 400)), {"deep": True}),
    "no-tools-sglang": (sglang(in_turn(stream(ANSWER), TOOL_TEXT)), {"deep": True}),
    "no-tools-vllm": (
        vllm(in_turn(stream(ANSWER), recorded_chat("vllm-0.32.0/tool_no_parser_auto"))),
        {"deep": True},
    ),
    "busy": (sglang(recorded_chat("sglang-0.5.23/burst_5_s")), {"deep": True}),
    "small-context": (
        {"/v1/models": models(MODEL, owned_by="vllm", max_model_len=4096), "/health": Reply()},
        {},
    ),
    "api-key": ({"/v1/models": recorded("sglang", "no_auth_models")}, {}),
    "loading": ({"/v1/models": _LOADING, "/health": _LOADING}, {}),
    "no-v1": (sglang(), {"path": ""}),
    "other-server": (Reply(body=b"<!doctype html><title>hi</title>", content_type="text/html"), {}),
    "https": (None, {"scheme": "https"}),
    "no-alias": (
        {
            "/v1/models": models("qwen2.5-coder-7b-instruct-q4_k_m.gguf", owned_by="llamacpp"),
            "/health": Reply.of({"status": "ok"}),
        },
        {},
    ),
    "not-pulled": (
        {
            "/v1/models": models("llama3.2:latest", owned_by="library"),
            "/api/version": Reply.of({"version": "0.12.0"}),
        },
        {},
    ),
    "lm-studio-name": (
        {"/v1/models": models("qwen/qwen2.5-coder-7b", owned_by="organization_owner")},
        {},
    ),
    "not-trusted": (None, {"host": "gpu.example.com"}),
}


async def answer(name: str) -> str:
    """What ``code reflex health`` prints of the mistake; port and times are made the same."""
    server, how = MISTAKES[name]
    async with _plain_only() if "scheme" in how else _port(server) as port:
        host, path = how.get("host", "127.0.0.1"), how.get("path", "/v1")
        endpoint = f"{how.get('scheme', 'http')}://{host}:{port}{path}"
        said = await _health(endpoint, *(["--deep"] if how.get("deep") else []))
    said = re.sub(rf"\b{port}\b", PORT, said)
    said = re.sub(r"(?m)^(TTFT|total) +\S+ m?s$", r"\1    3 ms", said)
    return re.sub(r"\(\d+(\.\d+)? m?s\)", "(3 ms)", said)


@asynccontextmanager
async def _port(server: Mapping[str, Behaviour] | Behaviour | None) -> AsyncIterator[int]:
    if server is None:
        yield free_port()
    else:
        async with serving(server) as listening:
            yield listening.port


@asynccontextmanager
async def _plain_only() -> AsyncIterator[int]:
    """Answers a TLS greeting as uvicorn does, on which SGLang and vLLM run."""

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        body = b"Invalid HTTP request received."
        writer.write(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n" + body)
        with suppress(ConnectionError):
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def _health(endpoint: str, *arguments: str) -> str:
    with tempfile.TemporaryDirectory() as directory:
        configuration = (
            f"[reflex]\nendpoint = {json.dumps(endpoint)}\nmodel = {json.dumps(MODEL)}\n"
        )
        Path(directory, "stage0.toml").write_text(configuration, encoding="utf-8")
        given = ("health", "--timeout", "5000", *arguments)
        done = await asyncio.to_thread(reflex, Path(directory), *given)
    return done.stdout + done.stderr


async def _write(line: Callable[[str], object]) -> None:
    text = RUNBOOK.read_text(encoding="utf-8")
    for name in blocks(text):
        said = await answer(name)
        line(f"--- {name}\n{said}")
        text = _BLOCK.sub(
            lambda found, name=name, said=said: (  # type: ignore[misc]
                found[1] + said + found[4] if found[2] == name else found[0]
            ),
            text,
        )
    RUNBOOK.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(_write(sys.stdout.write))
