"""Simulated and enumerated bakeoffs with a planted ratio, as oracles for the parity test."""

from __future__ import annotations

import math
from functools import cache
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

from core.harness.gate.statistics import PairedTable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

Cells = tuple[float, float, float, float]


class Clusters(NamedTuple):
    """A share of ``lost`` tasks that reflex never solves; else both arms solve with these rates."""

    lost: float
    reflex: float
    cloud: float

    @property
    def ratio(self) -> float:
        """The true ratio of success rates."""
        return (1 - self.lost) * self.reflex / self.cloud


@cache
def cells(cloud: float, overlap: float, ratio: float = 0.85) -> Cells:
    """Probabilities (both, reflex alone, cloud alone, neither) with that true ratio.

    ``overlap`` 0 makes the arms solve as different tasks as can be, 1 makes reflex's a subset.
    """
    reflex = ratio * cloud
    least = max(0.0, reflex + cloud - 1)
    both = least + overlap * (reflex - least)
    return both, reflex - both, cloud - both, max(0.0, 1 - reflex - cloud + both)


def promotion_rate(
    n: int, planted: Cells, confidence: float = 0.95, threshold: float = 0.85
) -> float:
    """The chance that n tasks clear the threshold, summed over all tables that matter.

    Counts further than 6.5 standard deviations from their mean are left out (< 1e-9 in all).
    """
    logs = [math.log(p) if p > 0 else -math.inf for p in planted]
    factorials = [math.lgamma(i + 1) for i in range(n + 1)]
    total = 0.0
    for counts in _tables(n, planted):
        a, _b, c, _d = counts
        if 2 * (a + c) < n:
            continue
        if PairedTable(*counts, tasks=n, design_effect=1.0).clears(threshold, confidence):
            log = factorials[n] + sum(
                count * logs[i] - factorials[count] for i, count in enumerate(counts) if count
            )
            total += math.exp(log)
    return total


def _tables(n: int, planted: Cells) -> Iterator[tuple[int, int, int, int]]:
    a, b, c = (_range(n, p) for p in planted[:3])
    left_over = _range(n, planted[3])
    for i, j, k in product(a, b, c):
        if n - i - j - k in left_over:
            yield i, j, k, n - i - j - k


def _range(n: int, p: float) -> range:
    if p <= 1e-12:
        return range(1)
    reach = 6.5 * math.sqrt(n * p * (1 - p)) + 3
    return range(max(0, math.floor(n * p - reach)), min(n, math.ceil(n * p + reach)) + 1)


def clustered(
    tasks: int, trials: int, planted: Clusters, random: Random
) -> list[list[tuple[bool, bool]]]:
    """One bakeoff's paired results, task by task."""
    rows = []
    for _ in range(tasks):
        rate = 0.0 if random.random() < planted.lost else planted.reflex
        rows.append(
            [(random.random() < rate, random.random() < planted.cloud) for _ in range(trials)]
        )
    return rows
