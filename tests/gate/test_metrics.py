"""A decision's metrics: one model for who writes them and who shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from core.capsule.events import CriterionMetric, criterion_metrics
from core.settings import Thresholds
from reflex_tui.model.gate import criteria
from tests.support.bakeoff.arena import arena

if TYPE_CHECKING:
    from pathlib import Path

METRIC = {"value": 1.0, "bound": None, "threshold": 2.0, "verdict": "pass"}


@pytest.mark.slow
@pytest.mark.usefixtures("no_sandbox")
async def test_each_criterion_is_shown_with_its_own_verdict(project: Path) -> None:
    """Too few tasks leave latency and parity undecided, and compliance is still a pass."""
    async with arena(project, tasks=3) as a:
        a.configure()
        finished, _ = await a.run()
        [decision] = a.capsule("GateDecision")
    assert decision["verdict"] == "inconclusive"
    judged = {one["name"]: one["state"] for one in finished.report.gate["criteria"]}
    assert judged == {
        "p95_latency": "inconclusive",
        "success_parity": "inconclusive",
        "json_compliance": "pass",
    }
    of_event = criteria(decision, Thresholds())
    assert {row.key: row.verdict for row in of_event} == judged
    of_report = criteria(finished.report.gate, Thresholds())
    assert [(row.value, row.bound, row.verdict) for row in of_event] == [
        (row.value, row.bound, row.verdict) for row in of_report
    ]


@pytest.mark.parametrize(
    "entry",
    [
        None,
        "pass",
        [],
        {},
        {**METRIC, "verdict": "passed"},
        {**METRIC, "value": "1"},
        {**METRIC, "value": float("nan")},
        {**METRIC, "threshold": None},
        {key: METRIC[key] for key in ("value", "bound", "threshold")},
    ],
)
def test_a_malformed_metric_is_left_out(entry: Any) -> None:
    """Anybody can write an event; the others are still shown."""
    body = {"metrics": {"p95_latency": entry, "json_compliance": METRIC}}
    assert criterion_metrics(body) == {"json_compliance": CriterionMetric.model_validate(METRIC)}
    assert criterion_metrics({"metrics": entry if isinstance(entry, list) else "x"}) == {}
