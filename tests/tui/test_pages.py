"""What is said in words: conditions, the gate's table, reports, timelines, pages."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from core.capsule import EventLog
from core.router.condition import Cause
from core.router.decision import BreakerState, BreakerView, GateView
from core.settings.model import Thresholds
from core.stages import Mode
from reflex_tui.model.gate import breaker_condition, criteria, gate_condition, server_condition, why
from reflex_tui.model.latencies import Figures
from reflex_tui.model.reports import newest, read_report
from reflex_tui.model.rows import decision_row
from reflex_tui.model.waterfall import call_records, timeline
from reflex_tui.screens.pages import models_page, status_page
from reflex_tui.widgets.json_view import indented, json_text
from tests.support.tui.making import (
    NO_GATE,
    StillClock,
    healthy,
    passed,
    routing_view,
    settings,
    unhealthy,
    write_a_day,
)

if TYPE_CHECKING:
    from pathlib import Path

HEALTHY = "healthy_and_thresholds_met"


def slow_calls(p95: float, calls: int = 20) -> Figures:
    """Live figures with that P95."""
    return Figures("reflex", Mode.REFLEX, calls, 0, p95 / 2, p95)


def test_the_server_is_up_slow_loading_or_down() -> None:
    """Glyph and word belong together, and what is wrong is said."""
    assert server_condition(routing_view()).label == "● up"
    assert server_condition(routing_view(), slow_calls(1999)).label == "● up"
    slow = server_condition(routing_view(), slow_calls(2310))
    assert (slow.label, slow.why) == ("▲ slow", "P95 2.31 s, limit 2.00 s")
    assert server_condition(routing_view(), slow_calls(2310, calls=3)).label == "● up"
    lazy = routing_view(replace(healthy(), latency_ms=800.0))
    assert server_condition(lazy).why == "a probe takes 800 ms"
    assert server_condition(routing_view(unhealthy(Cause.LOADING, "loading"))).label == "▲ loading"
    assert server_condition(routing_view(unhealthy())).label == "✖ down"
    assert server_condition(None).label == "◌ checking"


def test_the_gate_says_why_it_is_not_met() -> None:
    """Every reason the router gives has words."""
    assert gate_condition(GateView(valid=True, age_days=3.2)).label == "✓ pass"
    assert gate_condition(NO_GATE).label == "✖ no bakeoff"
    assert gate_condition(GateView(valid=False, detail="inconclusive")).label == "▲ undecided"
    details = (
        "no_bakeoff stale model_changed server_changed suite_changed prompt_changed "
        "schema_changed candidates_changed thresholds_changed p95_latency success_parity "
        "json_compliance inconclusive superseded unnumbered"
    )
    said = {why(GateView(valid=False, detail=detail)) for detail in details.split()}
    assert len(said) == 15
    assert not any("_" in text for text in said)


def test_the_breaker_counts_down() -> None:
    """Open says until when; half-open whether a probe is under way."""
    assert breaker_condition(BreakerView(BreakerState.CLOSED, 0, 3)).word == "closed"
    opened = breaker_condition(BreakerView(BreakerState.OPEN, 3, 3, 11.6))
    assert opened.why == "3 failures (limit 3), retry in 12 s"
    due = breaker_condition(BreakerView(BreakerState.HALF_OPEN, 3, 3, 0.0))
    assert due.why.endswith("trying the next call")
    under_way = breaker_condition(BreakerView(BreakerState.HALF_OPEN, 3, 3, 2.0))
    assert under_way.why.endswith("trying reflex now")


def test_a_pass_is_told_with_its_bounds() -> None:
    """Value, bound and threshold as they were judged."""
    latency, parity, json_compliance = criteria(passed(), Thresholds())
    assert (latency.value, latency.bound, latency.threshold) == (
        "1.31 s",
        "at most 1.62 s",
        "< 2.00 s",
    )
    assert (parity.value, parity.bound, parity.verdict) == ("96 %", "at least 88 %", "pass")
    assert json_compliance.bound == "0 of 198 failed"


@pytest.mark.parametrize("gate", [None, {}, {"metrics": 3}, {"criteria": [3, {"name": []}]}])
def test_a_gate_of_any_kind_shows_what_has_to_be_met(gate: dict[str, Any] | None) -> None:
    """What is missing is a dash, never a pass."""
    found = criteria(gate, Thresholds())
    assert [each.threshold for each in found] == ["< 2.00 s", "≥ 85 %", "≥ 100 %"]
    assert {each.value for each in found} == {"–"}
    assert {each.verdict for each in found} == {""}


def test_no_reply_at_all_is_an_endless_latency() -> None:
    """JSON has no infinity; a failed latency without a value is one."""
    entry = {"name": "p95_latency", "value": None, "state": "fail", "threshold": 2000}
    latency = criteria({"verdict": "fail", "criteria": [entry]}, Thresholds())[0]
    assert (latency.value, latency.verdict) == ("∞", "fail")
    assert latency.bar is not None
    assert latency.bar.limit < latency.bar.value == 1.0


def test_reports_are_newest_first_and_damage_is_told(tmp_path: Path) -> None:
    """A report of the harness's form, one of another, and one that is none."""
    gate = {"verdict": "inconclusive", "criteria": [], "misses": [], "decides": "12 more tasks"}
    document = {
        "created_at": "2026-01-12T10:30:16Z",
        "finished_at": "2026-01-12T10:42:00Z",
        "suite": {"name": "reflex_patchloop_v1"},
        "arms": {"reflex": {"name": "reflex"}, "cloud": {"name": "cloud"}},
        "stamps": ["partial"],
        "gate": gate,
    }
    (tmp_path / "reflex-bakeoff-20260112T103016Z.json").write_text(json.dumps(document))
    (tmp_path / "reflex-bakeoff-20260113T103016Z.json").write_text("{")
    (tmp_path / "reflex-bakeoff-20260111T103016Z.json").write_text("[]")
    (tmp_path / "other.json").write_text("{}")
    damaged, report, strange = (read_report(path) for path, _ in newest(tmp_path))
    assert (damaged.problem, strange.problem) == ("not JSON", "not a report")
    assert damaged.at is not None
    assert damaged.at.day == 13
    assert report.at is not None
    assert report.at.minute == 42  # when it ended, as reports and the command line say
    assert (report.verdict, report.suite, report.arms) == (
        "inconclusive",
        "reflex_patchloop_v1",
        ("reflex", "cloud"),
    )
    assert (report.stamps, report.decides) == (("partial",), "12 more tasks")
    assert report.read() == document
    assert damaged.read() == {"problem": "not JSON"}


@pytest.mark.parametrize(
    "text", ["[" * 60_000, "[" + "[]," * 2_000_001 + "0]"], ids=["deep", "many"]
)
def test_a_report_that_would_take_all_memory_is_not_parsed(tmp_path: Path, text: str) -> None:
    """A megabyte of brackets becomes a gigabyte of lists."""
    path = tmp_path / "reflex-bakeoff-20260112T103016Z.json"
    path.write_text(text)
    assert read_report(path).problem in {
        "it is nested too deeply",
        "it holds over 2,000,000 values",
    }


def test_a_call_is_told_from_decision_to_fallback(tmp_path: Path) -> None:
    """Each step lies where it lay in the call's time, and the chain is checked."""
    log = EventLog(tmp_path, clock=(clock := StillClock()))
    write_a_day(log, clock, 10)
    row = next(decision_row(r) for r in log.tail(99) if r.body.get("is_fallback"))
    records, linked = call_records(tmp_path, row)
    steps = timeline(records)
    assert [step.name for step in steps] == [
        "decision",
        "attempt 1",
        "attempt 2",
        "attempt 3",
        "fallback",
        "attempt 4",
    ]
    assert [step.good for step in steps] == [None, False, False, False, None, True]
    assert all(linked)
    assert all(0 <= step.start <= 1 and step.start + step.length <= 1.001 for step in steps)
    assert [round(step.start, 2) for step in steps[1:4]] == [0.0, 0.22, 0.44]
    assert steps[-1].text == "✓ TTFT 346 ms, 34 tokens"
    log.close()


def test_json_is_shown_plain_and_cut_where_it_is_endless() -> None:
    """What a model wrote is text: no control character, no markup, no megabytes."""
    hostile = {"text": "[bold]\x1b[2J\u202eevil", "n": 1.5, "none": None}
    assert "\x1b" not in indented(hostile)
    assert "\u202e" not in indented(hostile)
    assert "[bold]" in json_text(hostile).plain
    cut = json_text({"text": "x" * 1000}, most=100).plain
    assert cut.endswith("more characters; copying takes all of them")


def test_models_marks_the_configured_one() -> None:
    """Served or not is seen at a glance."""
    text = "\n".join(line.plain for line in models_page(routing_view(), 80))
    assert "● qwen2.5-coder-7b-instruct   configured" in text
    other = replace(unhealthy(Cause.MODEL_MISSING, "not served"), models=("phi-4",))
    text = "\n".join(line.plain for line in models_page(routing_view(other), 80))
    assert "✖ qwen2.5-coder-7b-instruct is configured but not available" in text


def test_status_says_where_each_value_comes_from() -> None:
    """A value of the file names its line, the others are defaults."""
    lines = [line.plain.split() for line in status_page(settings(), routing_view(), None, 90)]
    assert ["enabled", "true", "stage0.toml:2"] in lines
    assert ["max_failures", "3", "default"] in lines
    assert lines[0][:5] == ["next", "Implement", "call", "→", f"{Mode.REFLEX}:"]
    assert lines[1] == [HEALTHY]
