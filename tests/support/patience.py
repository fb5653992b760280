"""What tests wait for, however busy the machine is; and how often an event loop came round.

How long something takes says more about the machine than about the code: tests wait for a state,
and count turns. Only where the state never comes do they end by this limit.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

PATIENCE_S = 60.0
"""More than a busy machine needs for anything that tests wait for."""


async def until(holds: Callable[[], object]) -> None:
    """Wait until ``holds()`` is true; TimeoutError when it never is."""
    async with asyncio.timeout(PATIENCE_S):
        while not holds():
            await asyncio.sleep(0.005)


@dataclass
class Turns:
    """How often the event loop has come round to others."""

    count: int = 0


@asynccontextmanager
async def counting_turns() -> AsyncIterator[Turns]:
    """Count the event loop's turns while the context is open: none while something holds it."""
    turns = Turns()

    async def count() -> None:
        while True:
            await asyncio.sleep(0)
            turns.count += 1

    counting = asyncio.create_task(count())
    try:
        yield turns
    finally:
        counting.cancel()
