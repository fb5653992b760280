"""Percentiles and the bound for P95, against exact rational arithmetic and simulation."""

from __future__ import annotations

import math
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.figures import nearest_rank
from core.harness.gate.statistics import (
    binomial_cdf,
    p95_bound,
    p95_calls_needed,
    p95_passes,
    p95_slow_allowed,
    proven_rate,
)

latencies = st.lists(
    st.one_of(st.floats(min_value=0, max_value=1e6), st.just(math.inf)), min_size=1, max_size=200
)


def exact_cdf(k: int, n: int, p: Fraction) -> Fraction:
    """P(X ≤ k) without rounding."""
    terms = (math.comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(k + 1))
    return sum(terms, Fraction(0))


@given(latencies, st.integers(1, 100))
def test_percentile_is_the_least_value_with_enough_at_or_below(values: list[float], q: int) -> None:
    """Nearest rank by its definition, ∞ included."""
    found = nearest_rank(values, q)
    enough = [v for v in values if 100 * sum(1 for w in values if w <= v) >= q * len(values)]
    assert found == min(enough)


def test_percentile_of_nothing_is_none() -> None:
    """No calls have no percentile, rather than one of zero."""
    assert nearest_rank([], 95) is None


def test_percentile_does_not_round_its_rank_up_by_accident() -> None:
    """The 95th of 20 and of 100 is the 19th and the 95th value, exactly."""
    assert nearest_rank(range(1, 21), 95) == 19
    assert nearest_rank(range(1, 101), 95) == 95


@pytest.mark.parametrize("p", [Fraction(1, 20), Fraction(1, 2), Fraction(9, 10)])
@pytest.mark.parametrize("n", [1, 7, 59, pytest.param(204, marks=pytest.mark.slow)])
def test_binomial_cdf_agrees_with_rational_arithmetic(n: int, p: Fraction) -> None:
    """Twelve digits over the whole range, tails included."""
    for k in range(-1, n + 1):
        assert binomial_cdf(k, n, float(p)) == pytest.approx(
            float(exact_cdf(k, n, p)), rel=1e-9, abs=1e-300
        )


def test_binomial_cdf_does_not_vanish_in_long_samples() -> None:
    """Where the single terms underflow the sum is still right."""
    assert binomial_cdf(49_000, 50_000, 0.05) == pytest.approx(1)
    assert binomial_cdf(2500, 50_000, 0.05) == pytest.approx(0.5, abs=0.01)
    assert binomial_cdf(10, 50_000, 0.05) == 0


@pytest.mark.parametrize(("slow", "calls"), [(0, 59), (1, 93), (2, 124), (3, 153)])
def test_least_number_of_calls_for_each_number_of_slow_ones(slow: int, calls: int) -> None:
    """59, 93, 124 and 153 prove P95 at 95 % with 0 to 3 slow calls; one fewer does not."""
    alpha, p = Fraction(1, 20), Fraction(1, 20)
    assert exact_cdf(slow, calls, p) <= alpha < exact_cdf(slow, calls - 1, p)
    assert p95_slow_allowed(calls, 0.95) == slow
    assert p95_slow_allowed(calls - 1, 0.95) == slow - 1


@given(latencies, st.floats(0, 1e6), st.sampled_from([0.5, 0.8, 0.95, 0.99]))
def test_bound_and_rule_are_one(values: list[float], threshold: float, confidence: float) -> None:
    """The bound is below a threshold exactly when the slow calls there are few enough."""
    slow = sum(1 for value in values if value >= threshold)
    by_rule = slow <= p95_slow_allowed(len(values), confidence)
    bound = p95_bound(values, confidence)
    assert by_rule == (bound is not None and bound < threshold)
    assert by_rule == p95_passes(values, threshold, confidence)


def test_a_call_at_the_threshold_is_slow() -> None:
    """Strictly below: 59 calls with one exactly at the limit prove nothing."""
    assert p95_passes([1999.0] * 59, 2000, 0.95)
    assert not p95_passes([1999.0] * 58 + [2000.0], 2000, 0.95)


def test_without_confidence_the_point_decides() -> None:
    """Confidence 0 asks whether the nearest-rank P95 is below, however few the calls."""
    assert p95_passes([10.0], 11, 0)
    assert not p95_passes([10.0], 10, 0)
    assert not p95_passes([], 10, 0)


@pytest.mark.slow
def test_bound_holds_as_often_as_it_says() -> None:
    """Over 4,000 samples of a skewed distribution the true P95 exceeds the bound in at most 5 %."""
    random = Random(7)
    true = -math.log(0.05)
    for n in (59, 100, 153):
        above = 0
        for _ in range(4000):
            bound = p95_bound([random.expovariate(1) for _ in range(n)], 0.95)
            assert bound is not None
            above += true > bound
        assert above / 4000 <= 0.055


@given(st.integers(0, 6), st.integers(1, 400), st.sampled_from([0.8, 0.95]))
def test_calls_needed_would_pass_at_that_rate(slow: int, n: int, confidence: float) -> None:
    """Going on at the rate seen, that many calls pass."""
    slow = min(slow, n)
    total = p95_calls_needed(slow, n, confidence)
    if total is None:
        assert slow * 25 > n
    else:
        assert p95_slow_allowed(total, confidence) >= slow * total // n


def test_calls_needed_in_the_plain_cases() -> None:
    """59 without a slow call; more for one; none for a rate that misses by itself."""
    assert p95_calls_needed(0, 12, 0.95) == 59
    assert p95_calls_needed(1, 60, 0.95) == 93
    assert p95_calls_needed(1, 20, 0.95) is None


def test_proven_rate_is_the_exact_rule_of_three() -> None:
    """So many successes leave the rate where n in a row would be as rare as 1 - confidence."""
    for n in (1, 59, 198):
        assert proven_rate(n, 0.95) ** n == pytest.approx(0.05)
    assert proven_rate(300, 0.95) == pytest.approx(1 - 3 / 300, abs=1e-4)
    assert proven_rate(0, 0.95) == 0
