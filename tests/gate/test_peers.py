"""Our arithmetic beside that of scipy, where it is installed; the product does without."""

from __future__ import annotations

import math
from typing import Any

import pytest

from core.harness.gate.statistics import (
    binomial_cdf,
    paired_regression,
    parity,
    proven_rate,
    repeated,
    student_cdf,
    student_quantile,
)
from core.harness.gate.statistics.repeated import look_confidence


@pytest.fixture(scope="module")
def peer() -> Any:
    """Scipy takes seconds to load, so it is loaded by whoever runs these tests."""
    return pytest.importorskip("scipy.stats", reason="scipy is not installed")


@pytest.mark.slow
def test_students_t(peer: Any) -> None:
    """Quantiles to five digits at all that the gate asks for, the distribution to ten."""
    for freedom in (1, 2, 3, 9, 16, 29, 30, 67, 203):
        for probability in (0.95, 0.96, 0.97, 0.99, 0.999):
            ours = student_quantile(probability, freedom)
            assert ours == pytest.approx(peer.t.ppf(probability, freedom), rel=1e-5)
        for t in (0.1, 0.5, 1.7, 4.0):
            assert student_cdf(t, freedom) == pytest.approx(peer.t.cdf(t, freedom), rel=1e-10)


def test_the_early_looks_quantile(peer: Any) -> None:
    """The strictest that are asked for, at a quarter of 16 and of 200 tasks, to a part in 200."""
    for tasks in (16, 68, 200):
        asked = look_confidence(0.95, tasks // 4, tasks)
        ours = student_quantile(asked, tasks // 4 - 1)
        assert ours == pytest.approx(peer.t.ppf(asked, tasks // 4 - 1), rel=5e-3)


def test_binomial(peer: Any) -> None:
    """As far out as the gate looks."""
    for calls in (20, 59, 153, 1000):
        for slow in (0, 1, 5, 19):
            expected = peer.binom.cdf(slow, calls, 0.05)
            assert binomial_cdf(slow, calls, 0.05) == pytest.approx(expected, rel=1e-9)


def test_the_four_looks_err_together_as_often_as_planned(peer: Any) -> None:
    """A normal score at a quarter, half, three quarters and all, by the multivariate normal."""
    for alpha in (0.04, 0.025):
        constant = repeated._obrien_fleming(alpha, 4)
        steps = range(1, 5)
        together = peer.multivariate_normal(cov=[[min(i, j) for j in steps] for i in steps], seed=1)
        crossed = 1 - together.cdf([constant * 2.0] * 4)
        assert crossed == pytest.approx(alpha, abs=2e-4)


def test_the_score_takes_the_likeliest_probabilities() -> None:
    """Those that scipy finds by search: the variance of the score test rests on them."""
    optimize = pytest.importorskip("scipy.optimize")
    for a, b, c, d in ((50, 3, 8, 7), (9, 2, 1, 8), (30, 1, 20, 13)):
        n = a + b + c + d

        def unlikelihood(at: Any, a: int = a, b: int = b, c: int = c, d: int = d) -> float:
            """Of p_b and p_c, where (p_a + p_b) = 0.85 (p_a + p_c)."""
            p_b, p_c = at
            p_a = (0.85 * p_c - p_b) / 0.15
            p_d = 1 - p_a - p_b - p_c
            if min(p_a, p_b, p_c, p_d) <= 0:
                return math.inf
            counted = zip((a, b, c, d), (p_a, p_b, p_c, p_d), strict=True)
            return -sum(count * math.log(p) for count, p in counted)

        start = min(
            ((i / 200, j / 200) for i in range(1, 200) for j in range(1, 200)), key=unlikelihood
        )
        fine = {"xatol": 1e-10, "fatol": 1e-12, "maxiter": 4000}
        found = optimize.minimize(unlikelihood, start, method="Nelder-Mead", options=fine)
        assert parity._constrained(a, b, c, n, 0.85) == pytest.approx(tuple(found.x), abs=1e-6)


def test_a_regression_is_the_exact_sign_test(peer: Any) -> None:
    """With one trial a task it is McNemar's, which is a binomial test of the changed tasks."""
    for fell, rose in ((5, 0), (9, 2), (3, 3)):
        before = {f"f{i}": [True] for i in range(fell)} | {f"r{i}": [False] for i in range(rose)}
        now = {task: [not solved[0]] for task, solved in before.items()}
        expected = peer.binomtest(fell, fell + rose, 0.5, alternative="greater").pvalue
        assert paired_regression(before, now, 0.95).p_value == pytest.approx(expected)


def test_successes_without_a_failure_prove_what_clopper_and_pearson_say(peer: Any) -> None:
    """The exact lower bound of a rate of which no failure was seen."""
    for calls in (1, 59, 68, 299):
        assert proven_rate(calls, 0.95) == pytest.approx(peer.beta.ppf(0.05, calls, 1))
