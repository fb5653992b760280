"""What the tests of the stand-in ask it, and how they read its answers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx

    from core.standin.scripted_server import ScriptedServer


SCHEMA = {
    "type": "object",
    "properties": {
        "path": {"type": "string", "minLength": 12},
        "line": {"type": "integer", "minimum": 1},
    },
    "required": ["path", "line"],
    "additionalProperties": False,
}


FORM = {"type": "json_schema", "json_schema": {"name": "place", "schema": SCHEMA}}


def body(**more: Any) -> dict[str, Any]:
    """A chat completion request's body with the schema above."""
    question = {"role": "user", "content": "Where is the mistake?"}
    return {"model": "scripted-cloud", "messages": [question], "response_format": FORM, **more}


async def chat(client: httpx.AsyncClient, server: ScriptedServer, **more: Any) -> httpx.Response:
    """One chat completion, read to its end."""
    return await client.post(f"{server.endpoint}/chat/completions", json=body(**more))


def events(response: httpx.Response) -> list[Any]:
    """A stream's data, parsed; the end mark as it is."""
    assert response.headers["content-type"].startswith("text/event-stream")
    data = [line.removeprefix("data: ") for line in response.text.splitlines() if line]
    return [item if item == "[DONE]" else json.loads(item) for item in data]


def content(chunks: list[Any]) -> str:
    """The text of a stream's chunks."""
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks if chunk.get("choices")]
    return "".join(delta.get("content", "") for delta in deltas)
