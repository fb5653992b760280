"""The arithmetic of promotion: percentiles, bounds, and tests for paired successes.

``latency`` says what a sample of calls proves about the 95th percentile, whatever its
distribution. ``parity`` bounds the ratio of two arms' successes at the same tasks, and tests
whether an arm solves less than it did. ``repeated`` keeps both honest when they are looked at more
than once. All of it is pure and needs the standard library alone;
docs/gate.md says what each figure is for.
"""

from __future__ import annotations

from core.harness.gate.statistics.latency import (
    LEAST_CONFIDENCE,
    binomial_cdf,
    latency_bound,
    latency_calls_needed,
    latency_proven,
    p95_bound,
    p95_calls_needed,
    p95_passes,
    p95_slow_allowed,
    proven_rate,
)
from core.harness.gate.statistics.parity import (
    PairedTable,
    Regression,
    paired_regression,
    ratio_lower_bound,
    ratio_score,
    student_cdf,
    student_quantile,
)

__all__ = [
    "LEAST_CONFIDENCE",
    "PairedTable",
    "Regression",
    "binomial_cdf",
    "latency_bound",
    "latency_calls_needed",
    "latency_proven",
    "p95_bound",
    "p95_calls_needed",
    "p95_passes",
    "p95_slow_allowed",
    "paired_regression",
    "proven_rate",
    "ratio_lower_bound",
    "ratio_score",
    "student_cdf",
    "student_quantile",
]
