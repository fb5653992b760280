"""Whether an arm now solves less than it did, beyond what chance would do to the same tasks."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Regression:
    """Two runs of one arm compared over the ``tasks`` both have; rates are 0 to 1.

    ``p_value`` is the chance of so great a fall if nothing had changed; ``fell`` and ``rose`` name
    the tasks solved less and more often than before.
    """

    tasks: int
    before: float
    now: float
    p_value: float
    worse: bool
    fell: tuple[str, ...]
    rose: tuple[str, ...]


def paired_regression(
    before: Mapping[str, Sequence[bool]], now: Mapping[str, Sequence[bool]], confidence: float
) -> Regression:
    """Compare two runs' successes, task by task; each task has one result a trial.

    An exact one-sided sign-flip test (Fisher's randomisation test for pairs) on the difference of
    each task's rates: had nothing changed, every difference might as well bear the other sign. With
    one trial a task it is the exact McNemar test. Tasks that only one run has are left out. At
    ``confidence`` 0 any fall is one.
    """
    common = sorted(task for task in before.keys() & now.keys() if before[task] and now[task])
    # Rates as whole numbers over one denominator, so that sums are compared exactly.
    whole = math.lcm(*(len(run[task]) for task in common for run in (before, now)))
    old = {task: sum(before[task]) * whole // len(before[task]) for task in common}
    new = {task: sum(now[task]) * whole // len(now[task]) for task in common}
    falls = [old[task] - new[task] for task in common]
    p_value = _sign_flip(falls)
    scale = max(1, len(common)) * whole
    return Regression(
        tasks=len(common),
        before=sum(old.values()) / scale,
        now=sum(new.values()) / scale,
        p_value=p_value,
        worse=sum(falls) > 0 and p_value <= 1 - confidence,
        fell=tuple(task for task in common if new[task] < old[task]),
        rose=tuple(task for task in common if new[task] > old[task]),
    )


def _sign_flip(differences: Sequence[int]) -> float:
    """P(Σ ±|x| ≥ Σ x) over all equally likely signs, counted without rounding."""
    ways = Counter({0: 1})
    for size in (abs(one) for one in differences if one):
        following: Counter[int] = Counter()
        for total, count in ways.items():
            following[total + size] += count
            following[total - size] += count
        ways = following
    reached = sum(count for total, count in ways.items() if total >= sum(differences))
    return reached / sum(ways.values())
