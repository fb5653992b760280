"""Validating a 2 kB reply: ours against jsonschema compiled once and recompiled each time.

python benchmarks/validating.py [--quick]
"""

from __future__ import annotations

import asyncio
import json
import time
from importlib import metadata
from typing import TYPE_CHECKING

import jsonschema
from engines import engine
from table import Given, Result, Row, main, middle, number

from core.client import schema as structured
from core.client.backend import Backend, ChatRequest
from core.client.chat import ChatClient
from core.stages import Mode

if TYPE_CHECKING:
    from collections.abc import Callable

SHORT = {"type": "integer", "enum": [1, 2]}
SCHEMA = {
    "type": "object",
    "properties": {
        "edits": {
            "type": "array",
            "minItems": 1,
            "maxItems": 16,
            "items": {
                "type": "object",
                "properties": {
                    "path": {"type": "string", "enum": ["calc.py", "parse.py"]},
                    "search": {"type": "string", "maxLength": 4000},
                    "replace": {"type": "string", "maxLength": 4000},
                },
                "required": ["path", "search", "replace"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["edits"],
    "additionalProperties": False,
}
EDIT = {
    "path": "calc.py",
    "search": "    return a - b\n" * 8,
    "replace": "    if b is None:\n        return a\n    return a + b\n" * 5,
}
REPLY = json.dumps({"edits": [EDIT] * 5})


def measure(given: Given) -> Result:
    """Medians in µs, taking turns."""
    assert 1900 < len(REPLY) < 2500, len(REPLY)
    validator = jsonschema.Draft202012Validator(SCHEMA)
    ways: dict[str, Callable[[], object]] = {
        "ours": lambda: structured.parse(REPLY, SCHEMA),
        "json.loads": lambda: json.loads(REPLY),
        "jsonschema compiled once": lambda: validator.validate(json.loads(REPLY)),
        "recompiled": lambda: jsonschema.validate(json.loads(REPLY), SCHEMA),
    }
    samples: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(given.times(300, 3000)):
        for name, way in ways.items():
            began = time.perf_counter()
            way()
            samples[name].append(1e6 * (time.perf_counter() - began))
    found = {name: middle(taken) for name, taken in samples.items()}
    ours = found.pop("ours")
    fastest_ms = fastest_reply_ms()
    share = ours / 1000 / fastest_ms if fastest_ms else None
    once = f"{number(ours / found['jsonschema compiled once'])} × once"
    row = Row(
        "validating a 2 kB reply",
        "µs",
        ours,
        "≤ 1 % of llama.cpp's fastest reply",
        None if share is None else share <= 0.01,
        ratio=f"{100 * share:.2f} % of {number(fastest_ms)} ms, {once}" if share else once,
        floor=("json.loads", found.pop("json.loads")),
        peers=found,
    )
    return Result("validating", [row], versions={"jsonschema": metadata.version("jsonschema")})


def fastest_reply_ms() -> float | None:
    """The least latency of the embedded engine, for a reply of one number; None without one."""
    with engine() as server:
        if server is None:
            return None
        backend = Backend("reflex", Mode.REFLEX, server.endpoint, server.model, 60_000)
        return asyncio.run(_least(backend))


async def _least(backend: Backend) -> float:
    async with ChatClient(backend) as client:
        question = ChatRequest([{"role": "user", "content": "1 or 2?"}], schema=SHORT)
        return min([(await client.complete(question)).latency_ms for _ in range(20)])


if __name__ == "__main__":
    main(measure)
