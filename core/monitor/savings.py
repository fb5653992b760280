"""What reflex saves, against "all calls to the cloud": money, time and tokens, with intervals.

What a call would have cost in the cloud is known only where calls are given to it at random: the
hold-out. Then the mean of those calls less the mean of reflex's, fallbacks included, is what a call
saves, and its interval is Welch's. The calls of one task are held out together and count as one:
a model that needs more of them for it saves less. Without a hold-out the tokens that stayed local
are counted, and priced as if the cloud had needed as many; time and success are not known. Pure
figures.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from statistics import NormalDist, fmean, variance
from typing import TYPE_CHECKING, Any

from core.monitor.pairs import NO_PAIRS, PairedTasks, by_solver
from core.stages import Mode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from core.monitor.facts import CallFacts

CONFIDENCE = 0.95
_REFLEX = Mode.REFLEX.value  # as plain text: a comparison with an enum takes several times as long
LEAST_HELD_OUT = 10
"""So few calls say nothing of the others."""


@dataclass(frozen=True, slots=True)
class SavedFigure:
    """A figure and the interval in which it lies with 95 % confidence; None: not known."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Savings:
    """What one stretch of calls saved; ``name`` is its day, week or session, ``all`` for all.

    ``calls`` are Implement calls, ``local`` those that reflex answered; ``compared`` and
    ``held_out`` are the two sides of the comparison, a task's calls as one. ``tokens_local`` were
    counted by local servers, for all but ``uncounted`` local calls. ``usd`` is saved; ``usd_by``
    says by what: ``holdout``, or ``tokens``, priced as they are. ``seconds`` of waiting are saved.
    ``parity`` is the success of reflex's calls relative to the cloud's, of ``known`` outcomes each;
    1 is the same. ``paired`` are the tasks that both worked on.
    """

    name: str
    calls: int
    local: int
    compared: int
    held_out: int
    tokens_local: int
    uncounted: int
    usd: SavedFigure | None
    usd_by: str
    seconds: SavedFigure | None
    parity: SavedFigure | None
    known: tuple[int, int]
    paired: PairedTasks = NO_PAIRS

    def as_json(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)


def savings_of(
    name: str, calls: Iterable[CallFacts], price: Callable[[int, int], float | None]
) -> Savings:
    """The savings of these calls; ``price`` is what prompt and completion tokens cost, in USD."""
    every = list(calls)
    compared = _by_task(every)
    ours = [one for one in compared if one.eligible]
    theirs = [one for one in compared if one.held_out]
    local = [one for one in every if one.answered == _REFLEX]
    proven = len(theirs) >= LEAST_HELD_OUT and len(ours) >= LEAST_HELD_OUT
    usd: SavedFigure | None = None
    usd_by = ""
    if price(0, 0) is not None:
        if proven:
            usd_by = "holdout"
            usd = _saved([_usd(one, price) for one in ours], [_usd(one, price) for one in theirs])
        else:
            usd_by = "tokens"
            usd = SavedFigure(
                sum(price(one.local_prompt, one.local_completion) or 0.0 for one in local)
            )
    seconds = None
    if proven:
        seconds = _saved(
            [one.waited_ms / 1000 for one in ours], [one.waited_ms / 1000 for one in theirs]
        )
    ended = [[one.ok for one in side if one.ok is not None] for side in (ours, theirs)]
    return Savings(
        name,
        calls=len(every),
        local=len(local),
        compared=len(ours),
        held_out=len(theirs),
        tokens_local=sum(one.local_prompt + one.local_completion for one in local),
        uncounted=sum(not one.counted for one in local),
        usd=usd,
        usd_by=usd_by,
        seconds=seconds,
        parity=_ratio(*ended),
        known=(len(ended[0]), len(ended[1])),
        paired=by_solver(one.solved_by for one in every if one.solved_by),
    )


def grouped(
    calls: Iterable[CallFacts], key: Callable[[CallFacts], str]
) -> dict[str, list[CallFacts]]:
    """The calls by what ``key`` says of each, in the order of their first.

    A task's calls stay together, wherever the first of them belongs.
    """
    groups: dict[str, list[CallFacts]] = {}
    of_tasks: dict[str, str] = {}
    for one in calls:
        name = key(one)
        if one.task is not None:
            name = of_tasks.setdefault(one.task, name)
        groups.setdefault(name, []).append(one)
    return groups


def _by_task(calls: Iterable[CallFacts]) -> list[CallFacts]:
    """The calls, those of one task put together: what they took and cost in all.

    Its side is that of its first call which has one. Its outcome is the newest of that side's, not
    of a backend that took the task over.
    """
    found: list[CallFacts] = []
    places: dict[str, int] = {}
    for one in calls:
        if one.task is None or one.task not in places:
            if one.task is not None:
                places[one.task] = len(found)
            found.append(one)
            continue
        place = places[one.task]
        found[place] = _joined(found[place], one)
    return found


def _joined(task: CallFacts, call: CallFacts) -> CallFacts:
    has_side = task.eligible or task.held_out
    side = task if has_side else call
    same = has_side and (call.eligible, call.held_out) == (task.eligible, task.held_out)
    return replace(
        side,
        waited_ms=task.waited_ms + call.waited_ms,
        cloud_prompt=task.cloud_prompt + call.cloud_prompt,
        cloud_completion=task.cloud_completion + call.cloud_completion,
        ok=call.ok if same and call.ok is not None else side.ok,
    )


def _usd(call: CallFacts, price: Callable[[int, int], float | None]) -> float:
    return price(call.cloud_prompt, call.cloud_completion) or 0.0


def _saved(ours: Sequence[float], theirs: Sequence[float]) -> SavedFigure:
    """What all of ``ours`` together saved, were each ``theirs`` but for chance."""
    each = fmean(theirs) - fmean(ours)
    error = math.sqrt(variance(theirs) / len(theirs) + variance(ours) / len(ours))
    reach = NormalDist().inv_cdf(0.5 + CONFIDENCE / 2) * error
    many = len(ours)
    return SavedFigure(many * each, many * (each - reach), many * (each + reach))


def _ratio(ours: Sequence[bool], theirs: Sequence[bool]) -> SavedFigure | None:
    """The ratio of two success rates (Katz's interval); None where a side has too few outcomes."""
    if min(len(ours), len(theirs)) < LEAST_HELD_OUT or not any(ours) or not any(theirs):
        return None
    a, n, b, m = sum(ours), len(ours), sum(theirs), len(theirs)
    value = (a / n) / (b / m)
    error = math.sqrt(1 / a - 1 / n + 1 / b - 1 / m)
    reach = NormalDist().inv_cdf(0.5 + CONFIDENCE / 2) * error
    return SavedFigure(value, value * math.exp(-reach), value * math.exp(reach))
