"""What pairs of the user's own tasks prove: the gate's bet, looked at any time."""

from __future__ import annotations

from random import Random

from core.harness.gate.own_tasks import parity_of
from core.harness.gate.statistics.repeated import betting_evidence
from core.monitor.pairs import NO_PAIRS, PairedTasks, by_solver
from core.settings.model import Thresholds

LIMITS = Thresholds()


def test_without_tasks_nothing_is_proven() -> None:
    """No share, no bound, no evidence beyond the stake."""
    found = parity_of(NO_PAIRS, LIMITS)
    assert (found.percent, found.bound_percent, found.evidence) == (None, None, 1.0)


def test_tasks_that_both_solve_prove_more_and_more() -> None:
    """The bound rises with them; it passes the threshold just where the evidence is enough."""
    bounds = [parity_of(PairedTasks(both=n), LIMITS).bound_percent or 0.0 for n in range(1, 41)]
    assert bounds == sorted(bounds)
    for tasks in range(1, 41):
        found = parity_of(PairedTasks(both=tasks), LIMITS)
        assert (bounds[tasks - 1] >= LIMITS.success_parity_percent) == (
            found.evidence >= found.needed
        )
    assert bounds[19] < LIMITS.success_parity_percent < bounds[-1]


def test_a_task_that_neither_solves_says_nothing() -> None:
    """It is the same pair whichever backend it is looked at from."""
    some, more = PairedTasks(both=9, cloud_only=2), PairedTasks(both=9, cloud_only=2, neither=50)
    assert parity_of(some, LIMITS) == parity_of(more, LIMITS)


def test_it_is_the_evidence_of_the_gate_s_own_bet() -> None:
    """Task by task, in any order."""
    pairs = [(True, True)] * 7 + [(True, False)] * 2 + [(False, True)] + [(False, False)] * 3
    Random(1).shuffle(pairs)
    found = parity_of(by_solver(pairs), LIMITS)
    assert found.evidence == betting_evidence([(float(a), float(b)) for a, b in pairs], 0.85)
    assert found.percent == 100 * 9 / 8


def test_bounds_can_be_switched_off() -> None:
    """``confidence = 0`` asks for the figures alone."""
    found = parity_of(PairedTasks(both=5), LIMITS.model_copy(update={"confidence": 0.0}))
    assert (found.percent, found.bound_percent) == (100, None)
