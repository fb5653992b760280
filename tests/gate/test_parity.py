"""The ratio's score test and its bound, against likelihoods maximised by brute force."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.harness.gate.statistics import (
    PairedTable,
    ratio_lower_bound,
    ratio_score,
    student_quantile,
)

counts = st.integers(0, 60)


def brute_score(a: int, b: int, c: int, d: int, delta: float) -> float:
    """The score with the constrained likelihood maximised numerically over p_c.

    p_both and p_b follow from the constraint and from p_neither = d / n.
    """
    n = a + b + c + d
    solved = (a + b + c) / n

    def likelihood(p_c: float) -> float:
        p_b = (p_c - (1 - delta) * solved) / delta
        both = solved - p_b - p_c
        cells = ((a, both), (b, p_b), (c, p_c))
        if any(count and p <= 0 for count, p in cells) or min(both, p_b, p_c) < -1e-12:
            return -math.inf
        return sum(count * math.log(p) for count, p in cells if count)

    low, high = max(0.0, (1 - delta) * solved), solved / (1 + delta)
    golden = (math.sqrt(5) - 1) / 2
    for _ in range(200):
        left, right = high - golden * (high - low), low + golden * (high - low)
        if likelihood(left) < likelihood(right):
            low = left
        else:
            high = right
    p_c = (low + high) / 2
    p_b = (p_c - (1 - delta) * solved) / delta
    return (a + b - delta * (a + c)) / math.sqrt(n * delta * (p_b + p_c))


@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.integers(1, 40),
    st.integers(0, 40),
    st.floats(0.3, 1.6),
)
def test_closed_form_is_the_maximum_likelihood(
    a: int, b: int, c: int, d: int, delta: float
) -> None:
    """The variance's estimates are those that a numerical search finds."""
    assert ratio_score(a, b, c, d, delta) == pytest.approx(
        brute_score(a, b, c, d, delta), rel=1e-5, abs=1e-6
    )


def test_published_interval() -> None:
    """Airway reactivity (Bentur 2009): Tang's 95 % interval for the ratio is 0.065 to 0.907.

    So in Fagerland, Lydersen and Laake, Statistics in Medicine 33 (2014).
    """
    assert ratio_score(1, 1, 7, 12, 0.065) == pytest.approx(1.96, abs=0.01)
    assert ratio_score(1, 1, 7, 12, 0.907) == pytest.approx(-1.96, abs=0.01)


@given(counts, counts, counts, counts, st.sampled_from([0.6, 0.8, 0.95, 0.99]))
def test_bound_is_where_the_corrected_score_is_critical(
    a: int, b: int, c: int, d: int, confidence: float
) -> None:
    """At the limit the score equals Student's t; it lies between 0 and the ratio."""
    n = a + b + c + d
    bound = ratio_lower_bound(a, b, c, d, confidence)
    assert 0 <= bound < math.inf
    if a + c:
        assert bound <= (a + b) / (a + c)
    if n < 2 or a + b == 0:
        assert bound == 0
    elif bound > 0:
        corrected = ratio_score(a, b, c, d, bound) * math.sqrt((n - 1) / n)
        assert corrected == pytest.approx(student_quantile(confidence, n - 1), rel=1e-6)


@given(counts, counts, counts, counts, st.floats(0.5, 1.2))
def test_clears_agrees_with_the_bound(a: int, b: int, c: int, d: int, threshold: float) -> None:
    """The direct test and the searched limit say the same, but for rounding at the limit itself."""
    table = PairedTable(a, b, c, d, tasks=a + b + c + d, design_effect=1.0)
    bound = table.lower_bound(0.95)
    if abs(bound - threshold) > 1e-9:
        assert table.clears(threshold, 0.95) == (bound >= threshold)


@given(counts, st.integers(0, 20), st.integers(1, 20), counts)
def test_a_success_more_never_lowers_the_bound(a: int, b: int, c: int, d: int) -> None:
    """Turning a task that cloud alone solved into one that both solved can only help reflex."""
    before = ratio_lower_bound(a, b, c, d, 0.95)
    assert ratio_lower_bound(a + 1, b, c - 1, d, 0.95) >= before - 1e-12


def test_all_solved_by_both_has_the_limit_in_closed_form() -> None:
    """With no discordant pair z² = a (1 - δ) / δ, whatever neither arm solved."""
    for a, d in ((20, 0), (64, 0), (43, 21)):
        n = a + d
        critical = student_quantile(0.95, n - 1) ** 2 * n / (n - 1)
        assert ratio_lower_bound(a, 0, 0, d, 0.95) == pytest.approx(a / (a + critical))


@pytest.mark.parametrize(
    ("cells", "ratio", "bound"),
    [
        ((0, 0, 0, 0), None, 0.0),
        ((0, 0, 0, 20), None, 0.0),
        ((0, 0, 20, 0), 0.0, 0.0),
        ((1, 0, 0, 0), 1.0, 0.0),
    ],
)
def test_degenerate_tables(
    cells: tuple[int, int, int, int], ratio: float | None, bound: float
) -> None:
    """Nothing tried, nothing solved, nothing solved by one arm, one task: no bound above 0."""
    table = PairedTable(*cells, tasks=sum(cells), design_effect=1.0)
    assert table.ratio == ratio
    assert table.lower_bound(0.95) == bound
    assert not table.clears(0.85, 0.95)


def test_an_infinite_ratio_has_a_finite_bound() -> None:
    """Cloud solved nothing, reflex ten: there is no ratio, and still a limit below it."""
    table = PairedTable(0, 10, 0, 10, tasks=20, design_effect=1.0)
    assert table.ratio is None
    assert 1 < table.lower_bound(0.95) < 10


def test_confidence_of_a_half_or_less_is_the_ratio_itself() -> None:
    """A bound that need not hold more often than not is the point."""
    assert ratio_lower_bound(50, 2, 8, 4, 0.5) == pytest.approx(52 / 58)
    assert ratio_lower_bound(50, 2, 8, 4, 0.1) == pytest.approx(52 / 58)


@given(st.integers(1, 40), st.integers(0, 10), st.integers(0, 10), st.integers(0, 20))
def test_tasks_needed_is_the_least_that_clears(a: int, b: int, c: int, d: int) -> None:
    """At whole multiples of what was seen the table clears from that number on, and not before."""
    n = a + b + c + d
    table = PairedTable(a, b, c, d, tasks=n, design_effect=1.0)
    needed = table.tasks_needed(0.85, 0.95)
    for times in range(1, 40):
        grown = PairedTable(
            a * times, b * times, c * times, d * times, tasks=n * times, design_effect=1.0
        )
        assert grown.clears(0.85, 0.95) == (needed is not None and n * times >= needed)


def test_repeating_a_task_proves_nothing_more() -> None:
    """Three equal trials of each task bound the ratio as one does: the design effect is 3."""
    once = [[(True, True)]] * 36 + [[(False, True)]] * 3 + [[(True, False)]]
    thrice = [row * 3 for row in once]
    assert PairedTable.of(once).design_effect == 1
    assert PairedTable.of(thrice).design_effect == pytest.approx(3)
    assert PairedTable.of(thrice).lower_bound(0.95) == pytest.approx(
        PairedTable.of(once).lower_bound(0.95)
    )


def test_trials_that_vary_do_prove_more() -> None:
    """Failures spread over the tasks' trials tell more than failures of the same tasks."""
    spread = [[(i % 5 != k, True) for k in range(3)] for i in range(40)]
    lumped = [[(i % 5 != 0, True)] * 3 for i in range(40)]
    assert PairedTable.of(spread).ratio == PairedTable.of(lumped).ratio
    assert PairedTable.of(spread).lower_bound(0.95) > PairedTable.of(lumped).lower_bound(0.95)


@given(
    st.lists(
        st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=6),
        min_size=1,
        max_size=30,
    )
)
def test_design_effect_lies_between_independence_and_repetition(
    tasks: list[list[tuple[bool, bool]]],
) -> None:
    """Never under 1, never over what perfectly repeated trials would give."""
    table = PairedTable.of(tasks)
    repeated = sum(len(task) ** 2 for task in tasks) / sum(map(len, tasks))
    assert 1 <= table.design_effect <= repeated + 1e-12
    assert 0 <= table.lower_bound(0.95) < math.inf


@pytest.mark.parametrize(
    ("probability", "freedom", "quantile"),
    [
        (0.95, 1, 6.313752),
        (0.95, 2, 2.919986),
        (0.975, 5, 2.570582),
        (0.95, 19, 1.729133),
        (0.99, 29, 2.462021),
        (0.95, 30, 1.697261),
        (0.999, 30, 3.385185),
        (0.95, 203, 1.652394),
    ],
)
def test_student_quantile_against_its_tables(
    probability: float, freedom: int, quantile: float
) -> None:
    """Six digits, on both sides of the change of method."""
    assert student_quantile(probability, freedom) == pytest.approx(quantile, rel=2e-6)
