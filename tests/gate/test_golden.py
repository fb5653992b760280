"""Golden tasks: lost by two of two trials, and by nothing less."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.harness.gate.criteria import GateThresholds, Verdict
from core.harness.gate.golden import confirm, judge_golden

LIMITS = GateThresholds(
    p95_latency_ms=2000,
    success_parity_percent=85,
    json_schema_compliance_percent=100,
    confidence=0.95,
)
LOST, BOTH, OWN, NEITHER = (False, True), (True, True), (True, False), (False, False)
Pairs = list[tuple[bool, bool]]


def arms(tasks: dict[str, Pairs]) -> list[dict[tuple[str, int], bool]]:
    """What reflex and the cloud solved, by task and trial."""
    return [
        {(task, n): pair[arm] for task, pairs in tasks.items() for n, pair in enumerate(pairs)}
        for arm in (0, 1)
    ]


@pytest.mark.parametrize(
    ("pairs", "state"),
    [
        ([LOST, LOST], Verdict.FAIL),
        ([LOST, BOTH], Verdict.PASS),
        ([BOTH, LOST], Verdict.PASS),
        ([LOST, NEITHER], Verdict.PASS),
        ([LOST, OWN], Verdict.PASS),
        ([BOTH], Verdict.PASS),
        ([NEITHER], Verdict.PASS),
        ([LOST], Verdict.INCONCLUSIVE),
        ([], Verdict.INCONCLUSIVE),
        ([LOST, BOTH, LOST, LOST], Verdict.PASS),
    ],
)
def test_a_golden_task_is_lost_by_two_of_two(pairs: Pairs, state: Verdict) -> None:
    """One lost trial may be chance, and asks for a second; later ones are not counted."""
    own, cloud = arms({"g": pairs, "other": [LOST, LOST]})
    assert judge_golden(["g"], own, cloud, LIMITS).state is state
    assert confirm(["g"], own, cloud) == (["g"] if pairs == [LOST] else [])


def test_as_many_may_be_lost_as_are_allowed() -> None:
    """Exactly that many, not one more; the note names them."""
    own, cloud = arms({name: [LOST, LOST] for name in "abc"})
    for allowed, state in ((2.0, Verdict.FAIL), (3.0, Verdict.PASS)):
        limits = replace(LIMITS, golden_regressions_allowed=allowed)
        found = judge_golden(list("abc"), own, cloud, limits)
        assert (found.state, found.value) == (state, 3.0)
        assert found.note == "3 of 3 golden tasks lost in two of two trials: a, b, c"
