"""Tests that stay honest however often one looks: planned looks, and evidence that is carried on.

A test at 5 % errs in 5 % of cases when it is looked at once. Whoever looks again after each task,
or runs again until it passes, errs far more often. Two remedies share the 5 % that
``confidence = 0.95`` allows:

* Four fifths (4 %) belong to one planned run, which is looked at four times. Its bounds are those
  of O'Brien and Fleming (Biometrics 35, 1979; Jennison and Turnbull, *Group Sequential Methods*,
  2000): very strict early, near the plain test at the end.
* One fifth (1 %) belongs to all later runs together, by betting (Waudby-Smith and Ramdas,
  arXiv:2010.09686; Ramdas et al., arXiv:2210.01948). A player starts each run with 1 and bets that
  reflex is good enough, at odds that are fair if it is not; by Markov's inequality he then reaches
  100 in at most 1 of 100 cases. As every run asks the *same* tasks, a lucky choice of tasks repeats
  itself; multiplying runs would count it again and again. So runs are added, not multiplied, each
  with a weight, which holds whatever they have in common (Vovk and Wang, Annals of Statistics 49,
  2021: only the average merges dependent e-values). The weights 1/2, 1/6, 1/12, … sum to 1.

A bet against reflex, over all runs together, says when running again has become pointless; it only
advises. The 95th percentile of latency has one bet for ever, calls being new each time: at 20 it is
proven. Everything here is a pure function of counts.
"""

from __future__ import annotations

import math
from collections import Counter
from functools import lru_cache
from statistics import NormalDist
from typing import TYPE_CHECKING

from core.figures import first_where

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

LOOKS = 4
FUTILE_Z = -0.5
# Of the error allowed in all (1 - confidence): what the planned run may spend.
PLANNED_SHARE = 0.8
# The normal bound is a little too lax for so few tasks; scaled until the worst simulated rate of
# false promotions is 4 % (``make torture PARTS=gate``).
SCALE = 1.04
_STEPS = 48
_STAKES = tuple((i - 0.5) / 20 for i in range(1, 21))
# Shares of slow calls that a good model may have, each a bet against 5 %.
_SLOW_SHARES = (0.0, 0.002, 0.005, 0.01, 0.02, 0.03)
_SLOW_LIMIT = 0.05


def look_sizes(tasks: int) -> tuple[int, ...]:
    """After how many tasks a planned run is looked at: a quarter, half, three quarters, all."""
    return tuple(sorted({math.ceil(tasks * k / LOOKS) for k in range(1, LOOKS + 1)} - {0}))


def look_confidence(confidence: float, seen: int, tasks: int, looks: int = LOOKS) -> float:
    """The one-sided confidence that a look at ``seen`` of ``tasks`` asks of the score test.

    For ``confidence`` from 0.5 on; below, the last look asks for that and earlier ones decide
    nothing (1).
    """
    alpha = PLANNED_SHARE * (1 - confidence)
    if confidence < 0.5:  # noqa: PLR2004  a coin
        return confidence if seen >= tasks else 1.0
    z = SCALE * _obrien_fleming(alpha, looks) * math.sqrt(tasks / max(1, seen))
    return NormalDist().cdf(z)


@lru_cache(maxsize=64)
def _obrien_fleming(alpha: float, looks: int) -> float:
    """The C at which a normal score crosses C·√(looks / k) at any look k with chance ``alpha``."""
    low, high = 0.0, 8.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if _crossing(middle, looks) > alpha else (low, middle)
    return high


def _crossing(constant: float, looks: int) -> float:
    """P(a sum of normal steps reaches constant·√looks), by Simpson's rule over where it stood."""
    wall, sd = constant * math.sqrt(looks), math.sqrt(looks)
    floor = min(-6.0 * sd, wall - 1)
    width = (wall - floor) / _STEPS
    places = [floor + i * width for i in range(_STEPS + 1)]
    weights = [
        width / 3 * (1 if i in {0, _STEPS} else 4 if i % 2 else 2) for i in range(_STEPS + 1)
    ]
    normal = NormalDist()
    density = [normal.pdf(x) for x in places]
    crossed = 1 - normal.cdf(wall)
    steps = [normal.pdf(i * width) for i in range(_STEPS + 1)]
    for _ in range(looks - 1):
        held = [w * d for w, d in zip(weights, density, strict=True)]
        crossed += sum(h * (1 - normal.cdf(wall - x)) for h, x in zip(held, places, strict=True))
        density = [
            sum(h * steps[abs(i - j)] for j, h in enumerate(held)) for i in range(_STEPS + 1)
        ]
    return crossed


def rerun_weight(rerun: int) -> float:
    """The weight of the evidence of the ``rerun``-th unplanned run, from 1: 1/2, 1/6, 1/12, …."""
    return 1 / (rerun * (rerun + 1))


def evidence_needed(confidence: float) -> float:
    """What the weighted evidence of all later runs must reach: 100 at 0.95."""
    return 1 / max(1e-12, (1 - PLANNED_SHARE) * (1 - confidence))


def against_needed(confidence: float) -> float:
    """What the weighted evidence of all runs against reflex must reach: 20 at 0.95."""
    return 1 / max(1e-12, 1 - confidence)


def betting_evidence(results: Iterable[tuple[float, float]], ratio: float) -> float:
    """What a bet of 1 on reflex has become, fair if its share is just ``ratio`` of the cloud's.

    ``results`` holds, task by task, the share of trials that reflex and the cloud solved (0 to 1);
    ``ratio`` is above 0. The mean over 20 stakes is taken, as nobody knows the best beforehand.
    """
    alike = Counter(results)
    return _mean_of_exponentials([_stake_log(alike, ratio, stake) for stake in _STAKES])


def _stake_log(alike: Counter[tuple[float, float]], ratio: float, stake: float) -> float:
    """What one stake's bets have come to, as a logarithm; ``alike`` counts equal results."""
    return sum(
        number * math.log1p(stake * (first / ratio - second))
        for (first, second), number in alike.items()
    )


def evidence_against(results: Iterable[tuple[float, float]], ratio: float) -> float:
    """What a bet of 1 *against* reflex has become, fair if its share is just ``ratio``.

    The other side of ``betting_evidence``, with the same ``results``: it grows while reflex solves
    less than that share of what the cloud solves.
    """
    alike = Counter(results)
    logs = [
        sum(
            number * math.log1p(-stake * (first - ratio * second))
            for (first, second), number in alike.items()
        )
        for stake in _STAKES
    ]
    return _mean_of_exponentials(logs)


def betting_bound(results: Sequence[tuple[float, float]], needed: float) -> float:
    """The greatest ratio at which the bet still reaches ``needed``; 0 when none does."""
    low, high = 0.0, 1.0
    while high < 1 << 10 and betting_evidence(results, high) >= needed:
        low, high = high, high * 2
    for _ in range(40):
        middle = (low + high) / 2
        reached = betting_evidence(results, middle) >= needed
        low, high = (middle, high) if reached else (low, middle)
    return low


def tasks_until_proven(
    results: Sequence[tuple[float, float]], ratio: float, needed: float, most: int = 10_000
) -> int | None:
    """How many tasks of a next run would reach ``needed`` at the rates seen; None: never."""
    if not results or not ratio:
        return None
    alike = Counter(results)
    logs = [_stake_log(alike, ratio, stake) / len(results) for stake in _STAKES]

    def reached(tasks: int) -> bool:
        return _mean_of_exponentials([one * tasks for one in logs]) >= needed

    if not reached(most):
        return None
    return 1 + first_where(range(1, most), reached)


def latency_evidence(slow: int, calls: int) -> float:
    """What a bet of 1 on "under one call in twenty is slow" has become after ``calls``."""
    logs = []
    for share in _SLOW_SHARES:
        if slow and not share:
            continue
        fast = (calls - slow) * math.log((1 - share) / (1 - _SLOW_LIMIT))
        logs.append(fast + (slow * math.log(share / _SLOW_LIMIT) if slow else 0.0))
    return _mean_of_exponentials(logs, len(_SLOW_SHARES))


def calls_until_proven(slow: int, calls: int, needed: float, most: int = 10_000) -> int | None:
    """How many calls in all prove it if the next ones are slow at the rate seen; None: never."""
    rate = slow / calls if calls else 0.0
    if rate >= _SLOW_LIMIT:
        return None
    total = calls
    while total <= most:
        if latency_evidence(math.floor(rate * total), total) >= needed:
            return total
        total += 1
    return None


@lru_cache(maxsize=16)
def calls_for_power(needed: float, slow_share: float = 0.01, power: float = 0.95) -> int:
    """After how many calls a server with ``slow_share`` slow ones has been proven that often."""
    chances, proven, calls = {0: 1.0}, 0.0, 0
    while proven < power and calls < 2000:  # noqa: PLR2004  never reached below 0.9999 confidence
        calls += 1
        following: dict[int, float] = {}
        for slow, chance in chances.items():
            for more, p in ((0, 1 - slow_share), (1, slow_share)):
                following[slow + more] = following.get(slow + more, 0.0) + chance * p
        chances = {slow: chance for slow, chance in following.items() if chance > 1e-9}  # noqa: PLR2004
        for slow in [one for one in chances if latency_evidence(one, calls) >= needed]:
            proven += chances.pop(slow)
    return calls


def _mean_of_exponentials(logs: Sequence[float], number: int | None = None) -> float:
    if not logs:
        return 0.0
    top = max(logs)
    if top > 700:  # noqa: PLR2004  e^700 is the greatest float, near enough
        return math.inf
    return math.exp(top) * sum(math.exp(one - top) for one in logs) / (number or len(logs))
