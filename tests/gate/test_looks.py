"""The rules of the looks and of the evidence, each where breaking it would show."""

from __future__ import annotations

from statistics import NormalDist

import pytest

from core.harness.gate.criteria import GateThresholds, Verdict
from core.harness.gate.looks import GatePlan, ParityJudgement, judge_parity, looks_of
from core.harness.gate.statistics import repeated
from core.harness.gate.statistics.repeated import (
    SCALE,
    evidence_needed,
    look_confidence,
    rerun_weight,
)

LIMITS = GateThresholds(
    p95_latency_ms=2000,
    success_parity_percent=85,
    json_schema_compliance_percent=100,
    confidence=0.95,
)
BOTH, LOST, OWN = (True, True), (False, True), (True, False)
TASKS = 68
ORDER = tuple(f"t{n:02}" for n in range(TASKS))


def plan(rerun: int = 0, evidence: float = 0.0) -> GatePlan:
    """A first run, or a later one that evidence was carried to."""
    looks = looks_of(LIMITS.confidence, TASKS)
    return GatePlan(ORDER, looks, run=rerun + 1, rerun=rerun, evidence=evidence)


def judged(results: list[tuple[bool, bool]], by: GatePlan) -> ParityJudgement:
    """These tasks, in the plan's order."""
    return judge_parity(dict(zip(ORDER, ([one] for one in results), strict=False)), LIMITS, by)


def test_only_the_first_run_may_pass_at_a_look() -> None:
    """The same results: a later run has to run to its end, and to bring the evidence."""
    good = [BOTH] * 51
    assert judged(good, plan()).promoted_by == "planned"
    later = judged(good, plan(rerun=1, evidence=1e9))
    assert (later.promoted_by, later.criterion.state) == ("", Verdict.INCONCLUSIVE)
    whole = judged([BOTH] * TASKS, plan(rerun=1, evidence=1e9))
    assert (whole.promoted_by, whole.criterion.state) == ("evidence", Verdict.PASS)


def test_evidence_is_carried_on_and_weighed() -> None:
    """A run's own share is a half, a sixth, …; what is missing may come from earlier runs."""
    results = [BOTH] * 64 + [LOST] * 4
    for rerun in (1, 2, 5):
        found = judged(results, plan(rerun=rerun, evidence=3.0))
        assert found.evidence == pytest.approx(3.0 + rerun_weight(rerun) * found.own_evidence)
    alone = judged(results, plan(rerun=2))
    assert alone.promoted_by == ""
    missing = 100 - alone.evidence
    assert judged(results, plan(rerun=2, evidence=missing - 0.1)).promoted_by == ""
    assert judged(results, plan(rerun=2, evidence=missing + 0.1)).promoted_by == "evidence"


def test_evidence_does_not_excuse_a_run_that_misses() -> None:
    """Whatever was gathered before, a point estimate under the threshold fails."""
    weak = [BOTH] * 57 + [LOST] * 11
    found = judged(weak, plan(rerun=1, evidence=1e9))
    assert (found.criterion.state, found.promoted_by) == (Verdict.FAIL, "")


def test_a_pass_at_a_look_stays_one_whatever_comes_later() -> None:
    """With all tasks run, what came after the look does not count."""
    found = judged([BOTH] * 51 + [LOST] * 17, plan())
    assert (found.criterion.state, found.promoted_by) == (Verdict.PASS, "planned")
    assert len(found.looks) == 3


def test_looks_are_at_whole_quarters_only() -> None:
    """Between two looks nothing is decided, and early ones ask for far more than the last."""
    assert [look.outcome for look in judged([BOTH] * 50, plan()).looks] == ["open", "open"]
    bounds = [look.bound for look in judged([BOTH] * 33 + [LOST] * 2 + [BOTH] * 33, plan()).looks]
    assert bounds == sorted(bounds, key=lambda one: one or 0.0)
    assert bounds[0] is not None
    assert bounds[0] < 60


def test_a_run_far_below_is_futile_and_one_just_below_is_not() -> None:
    """At a first look: 14 of 17 go on, 13 of 17 do not."""
    for solved, outcome in ((14, "open"), (13, "futile")):
        (look,) = judged([BOTH] * solved + [LOST] * (17 - solved), plan()).looks
        assert look.outcome == outcome


@pytest.mark.parametrize(("solved", "asked"), [(0, False), (4, False), (7, True), (17, True)])
def test_the_cloud_is_asked_only_where_it_can_matter(*, solved: int, asked: bool) -> None:
    """Of 17 tasks a fair cloud solves at least 8.5, of which 85 % are 7.2: 7 may still do."""
    alone = {task: [n < solved] for n, task in enumerate(ORDER[:17])}
    found = judge_parity({}, LIMITS, plan(), alone=alone)
    assert found.decided is not asked
    if not asked:
        assert found.looks[-1].cloud is None
        assert found.criterion.state is Verdict.FAIL
    # Where the cloud's trials are there already, nothing is guessed.
    pairs = {task: [(True, False)] for task in ORDER[:17]}
    assert not judge_parity(pairs, LIMITS, plan(), alone=alone).decided


def test_the_planned_run_and_all_later_ones_share_five_hundredths() -> None:
    """What the four looks may err, and what the evidence of all later runs may, together."""
    z = NormalDist().inv_cdf(look_confidence(0.95, TASKS, TASKS)) / SCALE
    planned = repeated._crossing(z, 4)
    assert planned == pytest.approx(0.04, abs=1e-4)
    assert planned + 1 / evidence_needed(0.95) == pytest.approx(0.05, abs=1e-4)
