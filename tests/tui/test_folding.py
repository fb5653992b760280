"""A call is one row: however its events come, the index says of it what is said in memory."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
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
    from core.capsule.events import Event

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
