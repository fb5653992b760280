"""A dashboard that watches a workspace of its own, and how its event loop fares meanwhile."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import threading
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.capsule.record import GENESIS, Record, complete_line
from core.clock import SystemClock
from reflex_tui.app import ReflexApp
from tests.support.tui.bench import Bench
from tests.support.tui.making import StillClock, settings

sys.path.insert(0, str(Path(__file__).parents[3] / "benchmarks"))
from dashboard_load import events, make

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

__all__ = ["Heartbeat", "events", "make", "memory_mb", "records", "until", "watching"]


async def until(true: Callable[[], Any]) -> None:
    """Wait until ``true``; the test's own time limit ends it otherwise."""
    while not true():
        await asyncio.sleep(0.01)


@asynccontextmanager
async def watching(root: Path, *, size: tuple[int, int] = (120, 40)) -> AsyncIterator[Bench]:
    """The dashboard over a workspace, watching it, on the routing pane with all in reach."""
    clock = StillClock()
    app = ReflexApp(settings(root), clock=clock, theme_file=root / "theme")
    app.animation_level = "none"
    async with app.run_test(size=size) as pilot:
        await until(lambda: app.dashboard.is_whole)
        bench = Bench(app, pilot, clock)
        await bench.press("2")
        await until(lambda: bench.routing.listing.before is not None)
        await pilot.pause()
        yield bench


def records(count: int) -> Iterator[Record]:
    """Records as a watcher would hand them over, in one chain."""
    prev = GENESIS
    for seq, fields in enumerate(events(count), 1):
        line, digest = complete_line(fields, seq, "2026-01-12T10:30:16.050Z", prev)
        event_type = "LLMCall" if seq % 2 == 0 else "RoutingDecision"
        yield Record(seq, "2026-01-12T10:30:16.050Z", event_type, prev, digest, 1, 0, line[:-1])
        prev = digest


BEAT_S = 0.005


class Heartbeat:
    """Beats on the loop; ``lags_ms`` is by how much each beat was late, ``thread`` the loop's."""

    def __init__(self) -> None:
        self.lags_ms: list[float] = []
        self.thread = threading.get_ident()

    async def beat(self) -> None:
        """Beat until cancelled."""
        clock = SystemClock()
        while True:
            since = clock.monotonic()
            await asyncio.sleep(BEAT_S)
            self.lags_ms.append(1000 * (clock.monotonic() - since - BEAT_S))


def memory_mb() -> float:
    """What this process holds in memory, after a collection."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
