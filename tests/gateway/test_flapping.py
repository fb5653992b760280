"""Many calls at once over a reflex server that comes and goes: each answered once, on record."""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from core.capsule import EventLog
from core.standin.answers import SENTENCE
from tests.support.gateway.serving import ASKED, CHAT, chunks, fronted, text_of
from tests.support.router.world import World, world

if TYPE_CHECKING:
    import httpx

AT_ONCE = 32
MANNERS = ("", "status:500@0.3,reset@0.1", "cut@0.4", "down", "error:503@0.3,badchunk@0.3")
# The transport's buffers and the log's caches fill up; nothing may grow with the number of calls.
MOST_GROWN_KIB = 24 << 10


@pytest.mark.slow
async def test_every_call_is_answered_once(project: Path, *, torture: bool) -> None:
    """Streamed and not, at concurrency 32: one answer each, a chain that holds, memory flat."""
    calls = 10_000 if torture else 120
    text = "[reflex.fallback]\nrecovery_s = 0.05\n"
    async with world(project, text) as w, fronted(w.settings) as http:
        warmed_up = asyncio.Event()
        flapping = asyncio.create_task(_flap(w, warmed_up))
        numbers = iter(range(calls))
        warm, grown = 0, 0
        answered: list[str] = []

        async def work() -> None:
            nonlocal warm
            for number in numbers:
                answered.append(await _ask(http, stream=number % 2 == 0))
                if number == calls // 10:
                    warmed_up.set()
                if number == calls // 5:
                    warm = _resident_kib()

        await asyncio.gather(*[work() for _ in range(AT_ONCE)])
        flapping.cancel()
        grown = _resident_kib() - warm
        await asyncio.gather(flapping, return_exceptions=True)
        modes = Counter(event["mode"] for event in w.events("LLMCall") if event["success"])
    assert len(answered) == len(set(answered)) == calls
    events = w.events("LLMCall")
    assert Counter(e["call_id"] for e in events if e["success"]) == Counter(answered)
    assert max(Counter(e["call_id"] for e in events).values()) <= 4
    assert set(modes) == {"reflex", "cloud"}
    with EventLog(project / ".speckit" / "capsule") as log:
        assert log.verify().ok
    assert grown < MOST_GROWN_KIB


async def _flap(w: World, warmed_up: asyncio.Event) -> None:
    await warmed_up.wait()
    for manner in itertools.cycle(MANNERS):
        down = manner == "down"
        w.reflex.script = w.reflex.script.changed({"faults": "" if down else manner, "down": down})
        await asyncio.sleep(0.05)


async def _ask(http: httpx.AsyncClient, *, stream: bool) -> str:
    """One call whose answer must be whole; returns its id."""
    async with http.stream("POST", CHAT, json=ASKED | {"stream": stream}) as response:
        assert response.status_code == 200, await response.aread()
        if stream:
            said = text_of(await chunks(response))
        else:
            said = json.loads(await response.aread())["choices"][0]["message"]["content"]
    assert said == SENTENCE
    return str(response.headers["x-reflex-call-id"])


def _resident_kib() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4
