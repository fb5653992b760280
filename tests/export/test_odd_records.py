"""A log by a stranger, each field of a wrong kind in turn, is handed out all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from core.agents.session_summary import summarize
from core.capsule import EventLog
from core.capsule.events import Event
from core.export import parquet
from core.export.genai import span_of
from core.export.shipping import cursor_for
from core.monitor.facts import facts_of
from core.monitor.holdout import check_holdouts
from core.monitor.savings import savings_of
from core.router.shadowed import shadow_summary
from core.settings.model import Cloud
from tests.support.capsule.calls import llm_call
from tests.support.capsule.making import decision
from tests.support.hostile.forged import forge

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from core.capsule import Record

_HALF_A_PAIR = "\ud800"
ODD: list[Any] = [
    *(10**400, float("inf"), -1, 1.5, True, None),
    *("x", _HALF_A_PAIR, "http://[", "http://h:99999"),
    *([], [_HALF_A_PAIR], [[]], {}, {"messages": 1, "tool_calls": [1], "text": [_HALF_A_PAIR]}),
]
_MOST = 1 << 64


def bodies() -> Iterator[dict[str, Any]]:
    """One odd field in each: of a call, a decision, and what else a log holds."""
    ordinary = [llm_call().body(), decision().body()]
    known = {**decision().body(), **llm_call().body(), "reason": "holdout", "origin": "live"}
    for model in Event.__subclasses__():
        fields = {name: known.get(name, 1) for name in model.model_fields}
        ordinary.append({"event_type": model.event_type, **fields})
    for body in ordinary:
        for name in body.keys() - {"event_type"}:
            yield from (body | {name: odd} for odd in ODD)


@pytest.fixture(scope="module")
def capsule(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The log's directory."""
    path = tmp_path_factory.mktemp("odd") / ".speckit" / "capsule"
    forge(path, bodies())
    return path


@pytest.fixture
def records(capsule: Path) -> list[Record]:
    """What it holds."""
    with EventLog(capsule) as log:
        return list(log.read())


def test_each_becomes_a_span_that_a_collector_takes(records: list[Record]) -> None:
    """One that did not would hold up all that follow it, for good."""
    for record in records:
        span = span_of(record, with_io=True)
        assert 0 <= span.start_ns <= span.end_ns < _MOST
        texts = [span.name, span.failed or "", *span.attributes]
        for value in span.attributes.values():
            assert isinstance(value, str | bool | int | float | list)
            texts += [value] if isinstance(value, str) else value if isinstance(value, list) else []
        "".join(texts).encode()


def test_each_becomes_a_row(records: list[Record], tmp_path: Path) -> None:
    """What does not fit its column is in another."""
    pytest.importorskip("pyarrow")
    assert parquet.write(tmp_path / "t.parquet", [one.body for one in records]) == len(records)


def test_they_are_summed_up(capsule: Path) -> None:
    """By launch, the savings, the shadow's figures and the check of the hold-out."""
    known = llm_call().body()
    with EventLog(capsule) as log:
        count = len(list(log.read()))
        summary = summarize(log, {str(llm_call().run_id)}, Cloud(), after=0)
        assert (summary.events, bool(summary.calls)) == (count, True)
        assert savings_of("all", facts_of(capsule, capsule.parent), Cloud().price_usd).calls
        assert check_holdouts(log, capsule.parent) == []
        shadow = shadow_summary(
            log, capsule.parent, endpoint=known["endpoint"], model=known["model"], key=bytes(32)
        )
        assert shadow.calls


@pytest.mark.parametrize("kept", [b'{"seq": 1e999, "hash": ""}', b"[" * 4000, b"5", b"\xff"])
def test_a_cursor_by_a_stranger_begins_again(capsule: Path, kept: bytes) -> None:
    """It lies in the project."""
    state = capsule.parent
    with cursor_for(state, "d") as cursor, EventLog(capsule) as log:
        (file,) = (state / "export").iterdir()
        file.write_bytes(kept)
        assert cursor.after(log) == 0
