"""Our arithmetic beside that of scipy, where it is installed; the product does without."""

from __future__ import annotations

import pytest

from core.harness.gate.statistics import binomial_cdf, student_cdf, student_quantile
from core.harness.gate.statistics.repeated import look_confidence

peer = pytest.importorskip("scipy.stats", reason="scipy is not installed")


def test_students_t() -> None:
    """Quantiles to five digits at all that the gate asks for, the distribution to ten."""
    for freedom in (1, 2, 3, 9, 16, 29, 30, 67, 203):
        for probability in (0.95, 0.96, 0.97, 0.99, 0.999):
            ours = student_quantile(probability, freedom)
            assert ours == pytest.approx(peer.t.ppf(probability, freedom), rel=1e-5)
        for t in (0.1, 0.5, 1.7, 4.0):
            assert student_cdf(t, freedom) == pytest.approx(peer.t.cdf(t, freedom), rel=1e-10)


def test_the_early_looks_quantile() -> None:
    """The strictest that are asked for, at a quarter of 16 and of 200 tasks, to a part in 200."""
    for tasks in (16, 68, 200):
        asked = look_confidence(0.95, tasks // 4, tasks)
        ours = student_quantile(asked, tasks // 4 - 1)
        assert ours == pytest.approx(peer.t.ppf(asked, tasks // 4 - 1), rel=5e-3)


def test_binomial() -> None:
    """As far out as the gate looks."""
    for calls in (20, 59, 153, 1000):
        for slow in (0, 1, 5, 19):
            expected = peer.binom.cdf(slow, calls, 0.05)
            assert binomial_cdf(slow, calls, 0.05) == pytest.approx(expected, rel=1e-9)
