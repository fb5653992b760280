"""What routing adds to a call: deciding and two durable events, against writing them raw.

The same streamed call to the instant stub by our client alone and through the Implementer, taking
turns; the floor is two lines of that length appended and synced, each in turn.

    python benchmarks/routing_cost.py [--quick]
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from processes import litellm, stub, versions
from raw_log import RawLog
from table import Given, Result, Row, main, middle, number
from workspace import implementing, promoted

from core.capsule import EventLog
from core.client.backend import ChatRequest
from core.client.chat import ChatClient
from core.router.backends import primary

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from core.client.backend import Message

MESSAGES: list[Message] = [{"role": "user", "content": "Which line is wrong?"}]
ALLOWANCE_MS = 0.15


def measure(given: Given) -> Result:
    """Medians in ms of what each adds."""
    result = Result("routing_cost", versions=versions(given, ["litellm", "openai"]))
    repetitions = given.times(200, 1000)
    with stub() as address:
        direct, routed, raw = asyncio.run(turns(f"{address}/instant/v1", repetitions))
        theirs = litellm(given, "cost", address, repetitions // 2)
    added = middle(routed) - middle(direct)
    floor = 2 * middle(raw)
    most = floor + ALLOWANCE_MS
    result.rows.append(
        Row(
            "added by routing, two durable events included",
            "ms",
            added,
            f"≤ floor + {ALLOWANCE_MS:g} ms = {number(most)} ms",
            added <= most,
            floor=("two raw append + fdatasync", floor),
            ratio=f"direct {number(middle(direct))} ms, routed {number(middle(routed))} ms",
        )
    )
    if theirs:
        router = middle(theirs["router"]) - middle(theirs["sdk"])
        result.rows.append(
            Row(
                "the same beside LiteLLM Router, which records nothing",
                "ms",
                added,
                "≥ 15 × less",
                router >= 15 * added,
                ratio=f"{number(router / added)} × less",
                peers={"LiteLLM Router less its SDK": router},
            )
        )
    return result


async def turns(endpoint: str, repetitions: int) -> tuple[list[float], list[float], list[float]]:
    """Milliseconds of direct calls, routed calls and raw appends, in turn."""
    direct: list[float] = []
    routed: list[float] = []
    raw: list[float] = []
    async with (
        promoted(endpoint, endpoint) as settings,
        implementing(settings) as implementer,
        ChatClient(primary(settings)) as client,
    ):
        await implementer.complete(MESSAGES)
        with EventLog(settings.state_dir / "capsule") as log:
            line = log.tail(1)[0].line + b"\n"
        with RawLog(settings.state_dir) as floor:
            for _ in range(repetitions):
                direct.append(await timed(client.complete(ChatRequest(MESSAGES))))
                routed.append(await timed(implementer.complete(MESSAGES)))
                raw.append(floor.append(line))
    return direct, routed, raw


async def timed(call: Awaitable[Any]) -> float:
    """Milliseconds that it takes."""
    began = time.perf_counter()
    await call
    return 1000 * (time.perf_counter() - began)


if __name__ == "__main__":
    main(measure)
