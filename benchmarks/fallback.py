"""What a call costs when reflex cannot answer it: refused, 500, hanging, and with the breaker open.

Each first kind is one whole call of a fresh run, from decision to the cloud's answer, with all its
evidence; beside it the same call while reflex is healthy, and LiteLLM Router's fallback (which
records nothing) told not to try again. A fresh run's first failure makes the breaker's directory
and file, so these take what the disk's other users leave: the p95 says how much that was.

    python benchmarks/fallback.py [--quick]
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from processes import litellm, stub, versions
from table import Given, Result, Row, main, middle, number, percentile
from workspace import promoted

from core.client.backend import Backend, ChatRequest
from core.client.chat import ChatClient
from core.errors import Counting
from core.router.backends import primary
from core.router.implementer import Implementer
from core.router.view import breaker_of
from core.stages import Mode

if TYPE_CHECKING:
    from core.client.backend import Message

MESSAGES: list[Message] = [{"role": "user", "content": "Which line is wrong?"}]
DEADLINE_MS = 100
ONCE = "[reflex.fallback]\nmax_failures = 1\nrecovery_s = 300.0\n"


def measure(given: Given) -> Result:
    """Medians in ms."""
    result = Result("fallback", versions=versions(given, ["litellm"]))
    repetitions = given.times(40, 100)
    with stub() as address:
        samples = asyncio.run(calls(address, repetitions))
        found = {kind: middle(taken) for kind, taken in samples.items()}
        theirs = {
            kind: middle(samples)
            for kind, samples in litellm(given, "fallback", address, repetitions).items()
        }
    healthy = found["healthy"]
    for kind in ("refused", "500"):
        peers = {"LiteLLM Router": theirs[kind]} if theirs else {}
        result.rows.append(
            Row(
                f"fallback from {kind}",
                "ms",
                found[kind],
                "≤ 3 × a healthy call",
                found[kind] <= 3 * healthy,
                floor=("healthy call", healthy),
                ratio=f"{number(found[kind] / healthy)} × healthy, {spread(samples, kind)}",
                peers=peers,
            )
        )
    late = found["hang"] - DEADLINE_MS - healthy
    result.rows.append(
        Row(
            "fallback from a hang, beyond the deadline and a healthy call",
            "ms",
            late,
            f"≤ 5 ms beyond {DEADLINE_MS} ms",
            late <= 5,
            floor=("healthy call", healthy),
            ratio=spread(samples, "hang"),
        )
    )
    ratio = found["open"] / found["cloud, reflex disabled"]
    result.rows.append(
        Row(
            "call with the breaker open",
            "ms",
            found["open"],
            "≤ 1.1 × a direct cloud call",
            ratio <= 1.1,
            floor=("cloud call, reflex disabled", found["cloud, reflex disabled"]),
            ratio=f"{number(ratio)} × a cloud call; without evidence {number(found['client'])} ms",
        )
    )
    return result


def spread(samples: dict[str, list[float]], kind: str) -> str:
    """The p95 of a kind beside that of a healthy call."""
    unhealthy, healthy = (number(percentile(samples[each], 0.95)) for each in (kind, "healthy"))
    return f"p95 {unhealthy} ms, healthy {healthy} ms"


async def calls(address: str, repetitions: int) -> dict[str, list[float]]:
    """What each call of each kind took, in ms."""
    instant = f"{address}/instant/v1"
    kinds = {"healthy": "instant", "refused": "refused", "500": "error", "hang": "hang"}
    samples: dict[str, list[float]] = {kind: [] for kind in (*kinds, *_STEADY)}
    for _ in range(repetitions):
        for kind, path in kinds.items():
            samples[kind].append(await _first_call(address, path))
    async with promoted(instant, instant, ONCE) as settings:
        disabled = replace(settings, reflex=settings.reflex.model_copy(update={"enabled": False}))
        cloud = Backend("cloud", Mode.CLOUD, instant, "stub", 10_000)
        async with (
            Implementer.from_settings(settings) as opened,
            Implementer.from_settings(disabled) as closed,
            ChatClient(cloud) as client,
        ):
            # Opened as a failure would, from outside.
            breaker_of(settings, primary(settings)).failed(Counting.OPENS)
            steady = {
                "open": partial(_timed, opened),
                "cloud, reflex disabled": partial(_timed, closed),
                "client": partial(_asked, client),
            }
            for turn in range(5 * repetitions + 5):
                # Each comes first as often as the others: a sync delays what follows it.
                for place in range(len(_STEADY)):
                    kind = _STEADY[(turn + place) % len(_STEADY)]
                    taken = await steady[kind]()
                    if turn >= 5:
                        samples[kind].append(taken)
    return samples


_STEADY = ("open", "cloud, reflex disabled", "client")


async def _first_call(address: str, path: str) -> float:
    """A call whose server fails after it was found healthy: ms."""
    instant = f"{address}/instant/v1"
    endpoint = "http://127.0.0.1:9/v1" if path == "refused" else f"{address}/{path}/v1"
    # The pass and the probe are the healthy server's; then only its address changes.
    async with (
        promoted(instant, instant, f"timeout_ms = {DEADLINE_MS}\n{ONCE}") as settings,
        Implementer.from_settings(settings) as implementer,
    ):
        for _ in range(3):
            await implementer.complete(MESSAGES)
        failing = Backend("reflex", Mode.REFLEX, endpoint, "stub", DEADLINE_MS)
        implementer._clients["reflex"]._backend = failing  # noqa: SLF001
        return await _timed(implementer)


async def _timed(implementer: Implementer) -> float:
    began = time.perf_counter()
    await implementer.complete(MESSAGES)
    return 1000 * (time.perf_counter() - began)


async def _asked(client: ChatClient) -> float:
    began = time.perf_counter()
    await client.complete(ChatRequest(MESSAGES))
    return 1000 * (time.perf_counter() - began)


if __name__ == "__main__":
    main(measure)
