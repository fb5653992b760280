"""What the health pane is told in its tests: windows of a real capsule, hours, shadow calls."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from core.capsule import EventLog
from core.capsule.events import ShadowComparedEvent
from core.capsule.index import Index
from core.settings.model import Cloud
from reflex_tui.model.uptime import Minute, minute_of
from reflex_tui.watch.windows import look
from tests.support.tui.making import ENDPOINT, LOCAL, NOW, StillClock, settings, write_a_day

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from core.router.shadowed import ShadowSummary
    from core.settings import Settings
    from reflex_tui.model.latencies import Windowed

PRICED = Cloud(price_input_per_million=0.25, price_output_per_million=2.0)


def priced(configured: Settings | None = None, **reflex: Any) -> Settings:
    """Settings with the cloud's prices."""
    chosen = configured or settings(**reflex)
    return replace(chosen, cloud=PRICED)


@contextmanager
def indexed(path: Path, calls: int = 120) -> Iterator[tuple[EventLog, Index]]:
    """A capsule of calls that end at the still clock's moment, and its index."""
    clock = StillClock()
    with EventLog(path, clock=clock) as log, Index(log, clock=clock) as index:
        write_a_day(log, clock, calls)
        index.update()
        yield log, index


def windowed(path: Path, shadow: ShadowSummary | None = None) -> Windowed:
    """What the index of such a capsule shows, and an hour with a gap and an outage."""
    with indexed(path) as (_, index):
        return replace(look(index, NOW, shadow), hour=an_hour())


def an_hour() -> dict[int, Minute]:
    """Not seen at first, then up, down for three minutes, half up for one, and up again."""
    newest = minute_of(NOW)
    states = {**dict.fromkeys(range(48), Minute(30, 0)), 20: Minute(12, 18)}
    states |= dict.fromkeys((21, 22, 23), Minute(0, 30))
    return {newest - age: minute for age, minute in states.items()}


def compared(number: int, *, agreed: bool = True, **fields: Any) -> ShadowComparedEvent:
    """A ShadowCompared."""
    given: dict[str, Any] = {
        "run_id": "run-1",
        "call_id": f"s{number}",
        "original_call_id": f"c{number}",
        "endpoint": ENDPOINT,
        "model": LOCAL,
        "success": True,
        "agreed": agreed,
        "compared": "data",
        "latency_ms": 400.0 + number,
        "cloud_latency_ms": 2000.0,
    }
    return ShadowComparedEvent(**{**given, **fields})
