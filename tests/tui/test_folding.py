"""A call is one row: however its events come, the index says of it what is said in memory."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.capsule import EventLog
from core.capsule.index import Index, ListedRows
from core.stages import Mode
from reflex_tui.model.filters import parse_filter
from reflex_tui.model.log import NewestRows
from reflex_tui.model.rows import entries_of, listed_row
from tests.support.capsule.making import QuickDisk
from tests.support.tui.making import NOW, StillClock, call, decision, gate_event

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.capsule.events import Event
    from reflex_tui.model.rows import Row

FILTERS = (
    "",
    "mode:cloud",
    "error:time",
    "timeout",
    "reason:max",
    "not_listening",
    "is:failed",
    "is:answered",
    "is:open",
    "is:fallback",
    "is:retried",
    "backend:reflex >1s",
    "session:5e55",
    "type:gate",
)

names = st.sampled_from(["aa", "bb", "cc"])
modes = st.sampled_from(list(Mode))
decided = st.builds(
    lambda name, mode, falls, said: decision(
        name,
        mode,
        is_fallback=falls,
        reason="max_failures_reached" if falls else said,
        detail="not_listening" if said == "server_unhealthy" else None,
        session="hmac-sha256:5e55" if said == "backend_failed" else None,
    ),
    names,
    modes,
    st.booleans(),
    st.sampled_from(["healthy_and_thresholds_met", "server_unhealthy", "backend_failed"]),
)
ended = st.builds(
    lambda name, mode, error, ms: call(name, mode, ms, **({"error": error} if error else {})),
    names,
    modes,
    st.sampled_from([None, "timeout", "connect_failed"]),
    st.sampled_from([80.0, 700.0, 1500.0]),
)
events = st.lists(st.one_of(decided, ended, ended, st.just(gate_event())), max_size=25)


@settings(max_examples=25)
@given(events, st.sets(st.integers(0, 24)))
@example([decision("aa"), decision("aa", is_fallback=True), call("aa"), call("aa")], set())
def test_index_and_memory_fold_alike(given_events: list[Event], updates: set[int]) -> None:
    """Whenever it was indexed: the same rows, the same outcome, the same ones for each filter."""
    with tempfile.TemporaryDirectory() as directory:
        log = EventLog(Path(directory) / "capsule", clock=StillClock(), disk=QuickDisk())
        newest = NewestRows()
        with log, Index(log) as index:
            for number, event in enumerate(given_events):
                newest.append(entries_of([log.append(event)]))
                if number in updates:
                    index.update()
            index.update()
            for text in FILTERS:
                chosen = parse_filter(text)
                expected = [newest.row(each) for each in newest.matching(chosen.accepts)]
                wanted = ListedRows(chosen.fields, chosen.words, chosen.over_ms, chosen.under_ms)
                found = [listed_row(each) for each in index.listed(wanted, 0, 99)]
                assert found == expected, text
                assert [each.outcome(NOW, 60) for each in found] == [
                    each.outcome(NOW, 60) for each in expected
                ]
                assert index.count(wanted) == len(expected)
            check_orders(index, [newest.row(each) for each in newest.matching(_is_call)])


def _is_call(row: Row) -> bool:
    return row.is_decision


def check_orders(index: Index, calls: list[Row]) -> None:
    """The index sorts and groups as one would by hand."""
    figures: dict[str, Callable[[Row], float | None]] = {
        "waited": lambda row: row.waited_ms,
        "ttft": lambda row: row.last.ttft_ms if row.last else None,
        "path": lambda row: row.attempts,
    }
    for by, figure in figures.items():
        known = [(value, row.seq) for row in calls if (value := figure(row)) is not None]
        for descending in (True, False):
            sign = -1 if descending else 1
            expected = [
                seq for _, seq in sorted(known, key=lambda each: (sign * each[0], -each[1]))
            ]
            found = index.ordered(ListedRows(), by, 99, descending=descending)
            assert [row.seq for row in found] == expected, by
    failures_first = sorted(
        (row for row in calls if row.last),
        key=lambda row: (row.last is not None and row.last.success, -row.seq),
    )
    found = index.ordered(ListedRows(), "outcome", 99)
    assert [row.seq for row in found] == [row.seq for row in failures_first]
    by_mode = [row.seq for row in sorted(calls, key=lambda row: -row.seq)]
    assert [row.seq for row in index.ordered(ListedRows(), "stage", 99)] == by_mode
    assert {each.session: each.calls for each in index.sessions(9)} == dict(
        Counter(row.session for row in calls if row.session)
    )


def test_ids_that_are_used_again_are_further_calls(tmp_path: Path) -> None:
    """After an answer, and with a decision that is no fallback, another call begins."""
    first: list[Any] = [decision("aa"), call("aa"), decision("aa"), call("aa", error="timeout")]
    with EventLog(tmp_path / "capsule") as log, Index(log) as index:
        for event in (*first, decision("aa"), decision("aa", origin="shadow")):
            log.append(event)
        index.update()
        rows = [listed_row(each) for each in index.listed(ListedRows(), 0, 9)]
    assert [(row.seq, row.path, row.attempts) for row in rows] == [
        (1, "reflex", 1),
        (3, "reflex", 1),
        (5, "reflex", 0),
        (6, "reflex", 0),
    ]


@pytest.mark.parametrize("attempts", [300])
def test_a_call_without_end_stays_bounded(tmp_path: Path, attempts: int) -> None:
    """Whoever writes one call's attempts a thousand times gets a row with a count."""
    with EventLog(tmp_path / "capsule", disk=QuickDisk()) as log, Index(log) as index:
        log.append(decision("aa"))
        for number in range(attempts):
            log.append(call("aa", total_ms=10, error=f"error{number}", attempt=number + 1))
        index.update()
        (row,) = (listed_row(each) for each in index.listed(ListedRows(), 0, 9))
        assert len(index._courses) <= 16
    assert (row.attempts, row.waited_ms) == (attempts, 10.0 * attempts)
    assert len(row.parts[0].errors) == 16
