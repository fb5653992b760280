"""Calls with all their attempts, the window they lie in, and a backend's figures."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from core.stages import Mode
from reflex_tui.model.gate import server_condition
from reflex_tui.model.latencies import WINDOWS, Calls, Figures, figures, of_state
from reflex_tui.model.rows import CallRow, call_end
from tests.support.tui.making import NOW, routing_view

if TYPE_CHECKING:
    from core.capsule import Record

NOW_S = NOW.timestamp()
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
    tokens=35,
    error="",
)


def of(*ends: CallRow) -> Figures:
    """The figures of one backend."""
    calls = Calls()
    for end in ends:
        calls.add(end)
    (found,) = figures(calls.within(900, NOW_S))
    return found


def good(number: int, **changes: object) -> CallRow:
    """A call of its own."""
    return replace(GOOD, call_id=f"c{number}", **changes)  # type: ignore[arg-type]


def test_only_live_calls_count() -> None:
    """A bakeoff's calls and shadow calls are nobody's; the demo's are live there."""
    origins = ("live", "demo", "bakeoff", "shadow", "?")
    ends = [good(number, origin=origin) for number, origin in enumerate(origins)]
    assert of(*ends).calls == 2


def test_a_call_takes_what_its_caller_waited() -> None:
    """Three attempts of five seconds are one call of fifteen, not three of five."""
    late = {"success": False, "latency_ms": 5000.0, "ttft_ms": None}
    calls = Calls()
    for attempt in (1, 2, 3):
        calls.add(replace(GOOD, attempt=attempt, **late))  # type: ignore[arg-type]
    (failed,) = calls.within(900, NOW_S)
    assert (failed.waited_ms, failed.attempts, failed.answered) == (15_000.0, 3, False)
    calls.add(GOOD)
    (answered,) = calls.within(900, NOW_S)
    assert (answered.waited_ms, answered.answered, answered.ttft_ms) == (15_400.0, True, 60.0)


def test_a_failure_counts_as_over_the_limit() -> None:
    """A refused connection of half a millisecond is no fast answer: it is none, as in a bakeoff."""
    ends = [good(number, latency_ms=400.0 + number) for number in range(18)]
    ends.append(good(18, success=False, latency_ms=0.5, ttft_ms=None))
    found = of(*ends)
    assert (found.calls, found.failed) == (19, 1)
    assert (found.p50, found.p95, found.ttft_p95) == (409.0, math.inf, 60.0)
    assert of(*ends, good(19)).p95 == 417.0


def test_a_busy_server_is_not_failing() -> None:
    """What it turned away counts as that when the server is judged; in the table it has failed."""
    full = {"success": False, "latency_ms": 4.0, "ttft_ms": None, "error": "busy"}
    ends = [good(number) for number in range(12)] + [good(n, **full) for n in range(12, 20)]
    calls = Calls()
    for end in ends:
        calls.add(end)
    (judged,) = of_state(calls.within(900, NOW_S))
    assert (judged.calls, judged.failed, judged.busy, judged.p95) == (12, 0, 8, 400.0)
    assert (of(*ends).calls, of(*ends).failed) == (20, 8)
    found = server_condition(routing_view(), judged)
    assert (found.label, found.why) == ("▲ busy", "no room for 8 of 20 calls")
    (only,) = of_state([call for call in calls.within(900, NOW_S) if call.busy])
    assert (only.calls, only.busy, only.backend) == (0, 8, "reflex")
    assert server_condition(routing_view(), replace(judged, busy=0)).word == "up"


def test_tokens_a_second_are_of_the_time_after_the_first() -> None:
    """34 further tokens in 340 ms; of calls that did not count theirs nothing is said."""
    assert of(GOOD).tokens_per_s == 100.0
    assert of(replace(GOOD, tokens=None)).tokens_per_s is None


def test_modes_are_apart(a_day: tuple[Record, ...]) -> None:
    """Each backend has its own row, from the events themselves; reflex is the first."""
    calls = Calls()
    for record in a_day:
        if record.event_type == "LLMCall":
            calls.add(call_end(record))
    reflex, cloud = figures(calls.within(900, NOW_S))
    assert (reflex.backend, reflex.calls, reflex.failed) == ("reflex", 32, 3)
    assert (cloud.backend, cloud.calls, cloud.failed) == ("cloud", 11, 0)
    assert reflex.p95 == math.inf
    assert reflex.p50 is not None
    assert cloud.p50 is not None
    assert reflex.p50 < cloud.p50


def test_auto_is_as_much_as_there_is() -> None:
    """The shortest window with enough calls, or with all of them; it does not flicker."""
    minute, five, quarter, hour, _ = WINDOWS
    calls = Calls()
    assert calls.auto(NOW_S) is quarter
    calls.add(good(0, at=NOW - timedelta(minutes=40)))
    assert calls.auto(NOW_S) is hour
    for number in range(1, 40):
        calls.add(good(number))
    assert calls.auto(NOW_S) is hour
    assert calls.auto(NOW_S, five) is five
    calls.add(good(41))
    assert calls.auto(NOW_S) is five
    assert minute not in {calls.auto(NOW_S), five}


def test_older_calls_come_before_those_that_are_here() -> None:
    """And what is here is not overwritten."""
    calls = Calls()
    calls.add(good(1))
    calls.add_older([good(0, at=NOW - timedelta(hours=1)), good(1, latency_ms=9.0)])
    assert [call.waited_ms for call in calls.within(7200, NOW_S)] == [400.0, 400.0]
    assert len(calls.within(60, NOW_S)) == 1
