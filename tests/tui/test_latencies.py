"""Live percentiles and their window."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from core.stages import Mode
from reflex_tui.model.latencies import Latencies
from reflex_tui.model.rows import CallRow, call_end
from tests.support.tui.making import NOW

if TYPE_CHECKING:
    from core.capsule import Record

GOOD = CallRow(
    seq=1,
    at=NOW,
    mode=Mode.REFLEX,
    backend="reflex",
    call_id="a",
    origin="live",
    success=True,
    attempt=1,
    latency_ms=400.0,
    ttft_ms=60.0,
    tokens=34,
    error="",
)


def test_only_live_calls_count() -> None:
    """A bakeoff's calls and shadow calls are nobody's; the demo's are live there."""
    live = Latencies()
    for origin in ("live", "demo", "bakeoff", "shadow", "?"):
        live.add(replace(GOOD, origin=origin))
    assert live.figures(Mode.REFLEX, NOW).calls == 2


def test_the_window_moves_on() -> None:
    """Calls of a quarter of an hour ago no longer count."""
    live = Latencies()
    live.add(GOOD)
    live.add(replace(GOOD, at=NOW + timedelta(minutes=10), latency_ms=800.0))
    assert live.figures(Mode.REFLEX, NOW + timedelta(minutes=14)).calls == 2
    later = live.figures(Mode.REFLEX, NOW + timedelta(minutes=16))
    assert (later.calls, later.total.p50) == (1, 800.0)


def test_a_failure_counts_as_over_the_limit() -> None:
    """A refused connection of half a millisecond is no fast answer: it is none, as in a bakeoff."""
    live = Latencies()
    for number in range(18):
        live.add(replace(GOOD, latency_ms=400.0 + number))
    live.add(replace(GOOD, success=False, latency_ms=0.5, ttft_ms=None))
    figures = live.figures(Mode.REFLEX, NOW)
    assert (figures.calls, figures.failed) == (19, 1)
    assert figures.total.values[-2:] == (417.0, None)
    assert (figures.total.p50, figures.total.p95, figures.ttft.p95) == (409.0, math.inf, 60.0)
    live.add(GOOD)
    assert live.figures(Mode.REFLEX, NOW).total.p95 == 417.0


def test_modes_are_apart(a_day: tuple[Record, ...]) -> None:
    """Each mode has its own figures, from the events themselves."""
    live = Latencies()
    for record in a_day:
        if record.event_type == "LLMCall":
            live.add(call_end(record))
    reflex, cloud = (live.figures(mode, NOW) for mode in Mode)
    assert (reflex.calls, reflex.failed, cloud.calls) == (38, 9, 11)
    assert reflex.total.p95 == math.inf
    assert reflex.total.p50 is not None
    assert cloud.total.p50 is not None
    assert reflex.total.p50 < cloud.total.p50
