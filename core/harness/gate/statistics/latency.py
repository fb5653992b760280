"""Percentiles of latencies, and what a sample proves about the 95th, whatever its distribution."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from core.figures import first_where, nearest_rank
from core.harness.gate.statistics.repeated import calls_until_proven, latency_evidence

if TYPE_CHECKING:
    from collections.abc import Sequence

SLOW_SHARE = 0.05
MOST_CALLS = 10_000
_NEGLIGIBLE = 1e-18
# Below it a bound is no protection, and each run is judged by itself.
LEAST_CONFIDENCE = 0.5


def binomial_cdf(k: int, n: int, p: float) -> float:
    """P(X ≤ k) for X ~ Binomial(n, p), 0 < p < 1."""
    if k < 0:
        return 0.0
    if k >= n:
        return 1.0
    # Summed outwards from the greatest term, which alone is sure not to vanish.
    top = min(k, math.floor((n + 1) * p))
    greatest = math.exp(
        math.lgamma(n + 1)
        - math.lgamma(top + 1)
        - math.lgamma(n - top + 1)
        + top * math.log(p)
        + (n - top) * math.log1p(-p)
    )
    odds = p / (1 - p)
    total = term = greatest
    for i in range(top, 0, -1):
        term *= i / ((n - i + 1) * odds)
        total += term
        if term < total * _NEGLIGIBLE:
            break
    term = greatest
    for i in range(top, k):
        term *= (n - i) / (i + 1) * odds
        total += term
        if term < total * _NEGLIGIBLE:
            break
    return min(1.0, total)


def p95_slow_allowed(n: int, confidence: float) -> int:
    """The most slow calls among ``n`` that still prove P95 below the threshold; -1 when none do.

    That is the greatest k with P(X ≤ k | n, 0.05) ≤ 1 - ``confidence``: were a twentieth of all
    calls slow, so few among n would be that rare.
    """
    return first_where(range(n), lambda k: binomial_cdf(k, n, SLOW_SHARE) > 1 - confidence) - 1


def p95_bound(latencies: Sequence[float], confidence: float) -> float | None:
    """An upper bound for P95 that holds with ``confidence`` (0 to 1, both excluded), in ms.

    It is an order statistic, free of any assumption but that the calls are independent; None when
    there are too few calls to bound it (fewer than 59 at 0.95).
    """
    allowed = p95_slow_allowed(len(latencies), confidence)
    return None if allowed < 0 else sorted(latencies)[len(latencies) - allowed - 1]


def p95_passes(latencies: Sequence[float], threshold: float, confidence: float) -> bool:
    """P95 is below ``threshold`` (ms), strictly and with ``confidence``; 0 asks the point alone."""
    bound = p95_bound(latencies, confidence) if confidence > 0 else nearest_rank(latencies, 95)
    return bound is not None and bound < threshold


def p95_calls_needed(slow: int, n: int, confidence: float) -> int | None:
    """How many calls in all would pass if ``slow`` in ``n`` went on at that rate.

    None when no number up to 10,000 would.
    """
    for k in range(slow, int(MOST_CALLS * SLOW_SHARE) + 1):
        # At this rate the slow call after the k-th is not due before these many are over.
        calls = MOST_CALLS if slow == 0 else min(MOST_CALLS, ((k + 1) * n - 1) // slow)
        if binomial_cdf(k, calls, SLOW_SHARE) <= 1 - confidence:
            return max(n, _least_calls(k, calls, confidence))
    return None


def latency_proven(
    latencies: Sequence[float],
    threshold: float,
    confidence: float,
    carried: tuple[int, int] = (0, 0),
) -> bool:
    """P95 is below ``threshold`` (ms), however often that was asked on the way.

    ``latencies`` are in the order planned; ``carried`` are the slow and all calls of earlier runs.
    It is proven from the first call on at which the evidence reaches 1 / (1 - confidence), 20 at
    0.95. A confidence below 0.5 protects from nothing, and asks for the plain bound of this run.
    """
    if confidence < LEAST_CONFIDENCE:
        return p95_passes(latencies, threshold, confidence)
    slow, calls = carried
    needed = 1 / (1 - confidence)
    if latency_evidence(slow, calls) >= needed:
        return True
    for one in latencies:
        calls, slow = calls + 1, slow + (one >= threshold)
        if latency_evidence(slow, calls) >= needed:
            return True
    return False


def latency_bound(latencies: Sequence[float], confidence: float) -> float | None:
    """The least latency (ms) that ``latency_proven`` bounds P95 by; None when there is none."""
    if confidence <= 0:
        return None
    if confidence < LEAST_CONFIDENCE:
        return p95_bound(latencies, confidence)
    ordered = sorted(set(latencies))

    def is_bound(latency: float) -> bool:
        return latency_proven(latencies, math.nextafter(latency, math.inf), confidence)

    least = first_where(ordered, is_bound)
    return ordered[least] if least < len(ordered) else None


def latency_calls_needed(slow: int, calls: int, confidence: float) -> int | None:
    """How many calls in all prove it if they go on being slow at the rate seen; None: never."""
    if not calls:
        return None
    if confidence < LEAST_CONFIDENCE:
        return p95_calls_needed(slow, calls, confidence)
    return calls_until_proven(slow, calls, 1 / (1 - confidence), MOST_CALLS)


def proven_rate(n: int, confidence: float) -> float:
    """The least success rate (0 to 1) that ``n`` successes without a failure prove, exactly.

    The rule of three is its approximation: 1 - 3 / n at 0.95.
    """
    return 0.0 if n == 0 else math.exp(math.log1p(-confidence) / n)


def _least_calls(k: int, enough: int, confidence: float) -> int:
    """The fewest calls among which ``k`` slow ones pass, given that ``enough`` are."""
    passing = first_where(
        range(k + 1, enough), lambda n: binomial_cdf(k, n, SLOW_SHARE) <= 1 - confidence
    )
    return k + 1 + passing
