"""Quantiles of Student's t, which the standard library lacks."""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist

_EXACT_BELOW = 30


@lru_cache(maxsize=256)
def student_quantile(probability: float, freedom: int) -> float:
    """The t with P(T ≤ t) = ``probability``, for 0.5 ≤ probability < 1 and ``freedom`` ≥ 1.

    Below 30 degrees of freedom by inverting the distribution function, above by the Cornish-Fisher
    expansion (Abramowitz and Stegun 26.7.5), which there is right to six digits up to 0.999.
    """
    if freedom >= _EXACT_BELOW:
        return _expansion(NormalDist().inv_cdf(probability), freedom)
    low, high = 0.0, 1.0
    while _cdf(high, freedom) < probability:
        low, high = high, high * 2
    for _ in range(60):
        middle = (low + high) / 2
        if _cdf(middle, freedom) < probability:
            low = middle
        else:
            high = middle
    return high


def _cdf(t: float, freedom: int) -> float:
    """P(T ≤ t) for t ≥ 0 by the finite sums of Abramowitz and Stegun 26.7.3 and 26.7.4."""
    angle = math.atan(t / math.sqrt(freedom))
    cos_squared = math.cos(angle) ** 2
    odd = freedom % 2
    term = math.cos(angle) if odd else 1.0
    total = term if freedom > 1 else 0.0
    for i in range(2 + odd, freedom - 1, 2):
        term *= cos_squared * (i - 1) / i
        total += term
    within = math.sin(angle) * total
    if odd:
        within = (angle + within) * 2 / math.pi
    return 0.5 + within / 2


def _expansion(z: float, freedom: int) -> float:
    return (
        z
        + (z**3 + z) / (4 * freedom)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * freedom**3)
        + (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / (92160 * freedom**4)
    )
