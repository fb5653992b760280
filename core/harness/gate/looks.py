"""Success parity with the cloud, judged so that looking often, or running again, cannot help.

The first run of a fingerprint is *planned*: it is looked at after a quarter, half, three quarters
and all of its tasks, in an order fixed before its first call, and passes at the first look whose
bound clears. Every later run only adds evidence, which the capsule carries on. Both are explained
in ``statistics.repeated``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from core.figures import percent, plural
from core.harness.gate.criteria import SUCCESS_PARITY, Criterion, GateThresholds, Verdict
from core.harness.gate.statistics import LEAST_CONFIDENCE, PairedTable, ratio_score
from core.harness.gate.statistics.repeated import (
    FUTILE_Z,
    against_needed,
    betting_bound,
    betting_evidence,
    evidence_against,
    evidence_needed,
    look_confidence,
    look_sizes,
    rerun_weight,
    tasks_until_proven,
)
from core.patchloop.trial import STRICT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Pair = tuple[bool, bool]
# What to say once the bets against reflex have won.
AGAINST = "all runs together say that it is below the threshold: take a stronger model"
_Count = Annotated[int, Field(ge=0)]
_Evidence = Annotated[float, Field(ge=0, allow_inf_nan=False)]


@dataclass(frozen=True, slots=True)
class GatePlan:
    """How a bakeoff is judged, fixed before its first call.

    ``order`` is the random order of the tasks, ``looks`` after how many of them it is looked at.
    ``run`` counts the runs of this ``fingerprint``; ``rerun`` is 0 for a planned run, else which
    unplanned one it is, from 1. ``evidence`` is what earlier reruns have gathered, ``against`` what
    all earlier runs have against reflex, ``slow`` of ``calls`` what they saw of latency.
    """

    __pydantic_config__: ClassVar = STRICT

    order: tuple[str, ...]
    looks: tuple[_Count, ...]
    trials: Annotated[int, Field(ge=1)] = 1
    run: Annotated[int, Field(ge=1)] = 1
    rerun: _Count = 0
    evidence: _Evidence = 0.0
    against: _Evidence = 0.0
    slow: _Count = 0
    calls: _Count = 0
    fingerprint: str = ""

    @classmethod
    def single(cls, order: Sequence[str], trials: int) -> GatePlan:
        """One look at the end: for a shard, a merged run, and reports that record no plan."""
        return cls(order=tuple(order), looks=(len(order),), trials=max(1, trials))


def looks_of(confidence: float, tasks: int) -> tuple[int, ...]:
    """After how many of ``tasks`` a run judged with ``confidence`` is looked at."""
    return look_sizes(tasks) if confidence >= LEAST_CONFIDENCE else (tasks,)


@dataclass(frozen=True, slots=True)
class Look:
    """One look at a run: ``value`` and ``bound`` are parity in percent after so many tasks.

    ``outcome`` is ``pass``, ``futile`` (going on would hardly change it) or ``open``; without
    ``cloud`` the cloud was not asked any more, and ``value`` is the most that parity could be.
    """

    tasks: int
    reflex: int
    cloud: int | None
    value: float | None
    bound: float | None
    outcome: str

    @property
    def words(self) -> str:
        """What it found: ``after 17 tasks: reflex solved 15, cloud 16: nothing decided yet``."""
        cloud = "the cloud not asked" if self.cloud is None else f"cloud {self.cloud}"
        found = {
            "pass": "success parity clears",
            "futile": "too far below the threshold",
            "open": "nothing decided yet",
        }[self.outcome]
        return f"after {plural(self.tasks, 'task')}: reflex solved {self.reflex}, {cloud}: {found}"

    def as_json(self) -> dict[str, Any]:
        """The look in RFC JSON."""
        return {
            "tasks": self.tasks,
            "reflex": self.reflex,
            "cloud": self.cloud,
            "value": self.value,
            "bound": self.bound,
            "outcome": self.outcome,
        }


@dataclass(frozen=True, slots=True)
class ParityJudgement:
    """The criterion, the looks taken, and the evidence.

    ``own_evidence`` is what this run alone adds to that of later runs, ``evidence`` what all
    reruns have gathered, of ``evidence_needed``; ``promoted_by`` is ``planned``, ``evidence``, or
    empty where parity did not clear. ``own_against`` and ``against`` are the same of the bet
    against reflex, over all runs.
    """

    criterion: Criterion
    looks: tuple[Look, ...]
    own_evidence: float
    evidence: float
    promoted_by: str
    own_against: float
    against: float

    @property
    def decided(self) -> bool:
        """Whether the newest look says that the run may end."""
        return bool(self.looks) and self.looks[-1].outcome != "open"


def judge_parity(
    pairs: Mapping[str, Sequence[Pair]],
    thresholds: GateThresholds,
    plan: GatePlan,
    *,
    alone: Mapping[str, Sequence[bool]] | None = None,
    unpaired: int = 0,
) -> ParityJudgement:
    """Judge each task's pairs (reflex solved, cloud solved), one a trial.

    ``alone`` holds reflex's results at every task, also where the cloud was not asked;
    ``unpaired`` trials had no partner and were left out.
    """
    wanted = thresholds.success_parity_percent
    looks = _looks(pairs, thresholds, plan)
    passed = bool(looks) and looks[-1].outcome == "pass"
    within = plan.order[: looks[-1].tasks] if passed else tuple(pairs)
    table = PairedTable.of([pairs[task] for task in within if task in pairs])
    if not passed and (hopeless := _hopeless_look(pairs, alone or {}, thresholds, plan)):
        return _not_asked((*looks, hopeless), thresholds, plan)
    means = _means(pairs, plan)
    own = betting_evidence(means, wanted / 100) if wanted and plan.rerun else 0.0
    own_against = evidence_against(means, wanted / 100) if means else 0.0
    against = plan.against + rerun_weight(plan.run) * own_against
    evidence = plan.evidence + (rerun_weight(plan.rerun) * own if plan.rerun else 0.0)
    state, by = _state(table, thresholds), ""
    if state is Verdict.INCONCLUSIVE and 2 * (table.a + table.c) >= table.pairs > 0:
        if passed:
            state, by = Verdict.PASS, "planned"
        elif (
            plan.rerun
            and _whole(pairs, plan)
            and evidence >= evidence_needed(thresholds.confidence)
        ):
            state, by = Verdict.PASS, "evidence"
    needed, remedy = None, ""
    if state is Verdict.INCONCLUSIVE:
        needed, remedy = _remedy(table, means, thresholds, plan, evidence)
        if needed is not None and against >= against_needed(thresholds.confidence):
            needed, remedy = None, AGAINST
    criterion = Criterion(
        name=SUCCESS_PARITY,
        value=None if table.ratio is None else 100 * table.ratio,
        bound=_bound(table, means, thresholds, plan, by),
        threshold=wanted,
        unit="%",
        state=state,
        note=_note(table, unpaired, looks, by, plan),
        needed=needed,
        remedy=remedy,
    )
    return ParityJudgement(criterion, looks, own, evidence, by, own_against, against)


def parity_clears(table: PairedTable, thresholds: GateThresholds) -> Verdict:
    """What one look at the whole ``table`` comes to."""
    state = _state(table, thresholds)
    if state is not Verdict.INCONCLUSIVE or 2 * (table.a + table.c) < table.pairs:
        return state
    nominal = look_confidence(thresholds.confidence, table.tasks, table.tasks, 1)
    clears = table.clears(thresholds.success_parity_percent / 100, nominal)
    return Verdict.PASS if clears else Verdict.INCONCLUSIVE


def _state(table: PairedTable, thresholds: GateThresholds) -> Verdict:
    """The verdict of the point estimate: a miss, a pass where that is all that is asked, or open.

    Open whatever the share when the cloud arm solved under half of its own: then it is no
    yardstick.
    """
    wanted, cloud = thresholds.success_parity_percent, table.a + table.c
    if not table.pairs or 2 * cloud < table.pairs:
        return Verdict.INCONCLUSIVE
    if 100 * (table.a + table.b) < wanted * cloud:
        return Verdict.FAIL
    return Verdict.PASS if thresholds.confidence <= 0 or wanted <= 0 else Verdict.INCONCLUSIVE


def _done(pairs: Mapping[str, Sequence[Pair]], plan: GatePlan) -> int:
    """How many tasks, in the plan's order, both arms have finished in every trial."""
    for number, task in enumerate(plan.order):
        if len(pairs.get(task, ())) < plan.trials:
            return number
    return len(plan.order)


def _whole(pairs: Mapping[str, Sequence[Pair]], plan: GatePlan) -> bool:
    return _done(pairs, plan) == len(plan.order)


def _looks(
    pairs: Mapping[str, Sequence[Pair]], thresholds: GateThresholds, plan: GatePlan
) -> tuple[Look, ...]:
    """The looks that the finished tasks allow, up to the first that passes."""
    looks: list[Look] = []
    done = _done(pairs, plan)
    for seen in (one for one in plan.looks if 0 < one <= done):
        table = PairedTable.of([pairs[task] for task in plan.order[:seen]])
        look = _look(table, thresholds, plan)
        looks.append(look)
        if look.outcome == "pass":
            break
    return tuple(looks)


def look_outcome(table: PairedTable, thresholds: GateThresholds, plan: GatePlan) -> str:
    """``pass``, ``futile`` or ``open``: what a look at these tasks comes to.

    Only a planned run may pass at a look; a rerun may stop where going on is futile.
    """
    wanted, confidence = thresholds.success_parity_percent / 100, thresholds.confidence
    if wanted <= 0 or confidence <= 0 or 2 * (table.a + table.c) < table.pairs:
        return "open"
    nominal = _nominal(table, thresholds, plan)
    if not plan.rerun and nominal < 1 and table.clears(wanted, nominal):
        return "pass"
    return "futile" if table.score(wanted) <= FUTILE_Z else "open"


def _nominal(table: PairedTable, thresholds: GateThresholds, plan: GatePlan) -> float:
    return look_confidence(thresholds.confidence, table.tasks, len(plan.order), len(plan.looks))


def _look(table: PairedTable, thresholds: GateThresholds, plan: GatePlan) -> Look:
    nominal = _nominal(table, thresholds, plan)
    bounded = thresholds.confidence > 0 and not plan.rerun and nominal < 1
    return Look(
        tasks=table.tasks,
        reflex=table.a + table.b,
        cloud=table.a + table.c,
        value=None if table.ratio is None else 100 * table.ratio,
        bound=100 * table.lower_bound(nominal) if bounded else None,
        outcome=look_outcome(table, thresholds, plan),
    )


def _hopeless_look(
    pairs: Mapping[str, Sequence[Pair]],
    alone: Mapping[str, Sequence[bool]],
    thresholds: GateThresholds,
    plan: GatePlan,
) -> Look | None:
    """The look at reflex alone that makes it pointless to ask the cloud; None where there is none.

    The cloud must solve half of the tasks to be a yardstick at all. So reflex is compared with a
    cloud that solves just that, and, as far as can be, the same ones.
    """
    done, wanted = _done(pairs, plan), thresholds.success_parity_percent / 100
    if wanted <= 0:
        return None
    for seen in (one for one in plan.looks if one > done):
        order = plan.order[:seen]
        if any(len(alone.get(task, ())) < plan.trials for task in order):
            return None
        if any(task in pairs for task in plan.order[done:seen]):
            return None
        solved, tried = sum(sum(alone[task]) for task in order), seen * plan.trials
        half = tried / 2
        both = min(solved, half)
        score = ratio_score(both, solved - both, half - both, tried - max(half, solved), wanted)
        last = seen == len(plan.order)
        limit = 0.0 if last else FUTILE_Z
        if solved < wanted * half and (last or thresholds.confidence > 0) and score <= limit:
            return Look(seen, solved, None, 100 * solved / half, None, "futile")
    return None


def _not_asked(
    looks: tuple[Look, ...], thresholds: GateThresholds, plan: GatePlan
) -> ParityJudgement:
    last = looks[-1]
    criterion = Criterion(
        name=SUCCESS_PARITY,
        value=last.value,
        bound=None,
        threshold=thresholds.success_parity_percent,
        unit="%",
        state=Verdict.FAIL,
        note=f"reflex solved {last.reflex} at its first {plural(last.tasks, 'task')}; the cloud "
        f"was not asked further, as parity would be at most {percent(last.value)} even if it "
        "solved half",
    )
    return ParityJudgement(criterion, looks, 0.0, plan.evidence, "", 0.0, plan.against)


def _means(pairs: Mapping[str, Sequence[Pair]], plan: GatePlan) -> list[tuple[float, float]]:
    """Each task's share of solved trials by both arms, in the plan's order."""
    return [
        (sum(first for first, _ in own) / len(own), sum(second for _, second in own) / len(own))
        for own in (pairs[task] for task in plan.order if pairs.get(task))
    ]


def _bound(
    table: PairedTable,
    means: Sequence[tuple[float, float]],
    thresholds: GateThresholds,
    plan: GatePlan,
    by: str,
) -> float | None:
    """The bound in percent, by the rule that this run is judged by."""
    confidence, wanted = thresholds.confidence, thresholds.success_parity_percent
    if confidence <= 0 or not table.pairs:
        return None
    if not plan.rerun:
        nominal = _nominal(table, thresholds, plan)
        return 100 * table.lower_bound(nominal) if nominal < 1 else None
    needed = evidence_needed(confidence)
    own = 100 * betting_bound(means, needed / rerun_weight(plan.rerun))
    if by == "evidence":
        return max(own, wanted)
    missing = max(needed - plan.evidence, 1e-9) / rerun_weight(plan.rerun)
    return min(wanted, 100 * betting_bound(means, missing))


def _note(table: PairedTable, unpaired: int, looks: Sequence[Look], by: str, plan: GatePlan) -> str:
    if table.pairs:
        note = (
            f"reflex solved {table.a + table.b}, cloud {table.a + table.c} of {table.pairs} "
            f"({table.b} by reflex alone, {table.c} by cloud alone)"
        )
    else:
        note = "no task was tried by both arms"
    if table.design_effect > 1:
        note += f"; trials of a task repeat each other, design effect {table.design_effect:.2f}"
    if looks and len(plan.looks) > 1 and looks[-1].tasks < len(plan.order):
        last = looks[-1]
        if by == "planned":
            note += f"; decided at look {len(looks)} of {len(plan.looks)}, after {last.tasks} tasks"
        elif last.outcome == "futile":
            note += (
                f"; at look {len(looks)} of {len(plan.looks)}, after {last.tasks} tasks, it was "
                "too far below the threshold to go on"
            )
    if unpaired:
        note += f"; {unpaired} trials without a partner left out"
    return note


def _remedy(
    table: PairedTable,
    means: Sequence[tuple[float, float]],
    thresholds: GateThresholds,
    plan: GatePlan,
    evidence: float,
) -> tuple[int | None, str]:
    """How many tasks of further runs would give a verdict, and the same in words."""
    cloud, confidence = table.a + table.c, thresholds.confidence
    if not table.pairs:
        return None, "run both arms on the same tasks"
    if 2 * cloud < table.pairs:
        return None, (
            f"the cloud arm solved only {cloud} of {table.pairs}, and parity with it means nothing "
            "under half: give it a stronger model or more attempts, or take another suite"
        )
    if confidence < LEAST_CONFIDENCE:
        return None, "take a suite of more tasks"
    missing = max(0.0, evidence_needed(confidence) - evidence) / rerun_weight(plan.rerun + 1)
    total = tasks_until_proven(means, thresholds.success_parity_percent / 100, missing)
    if total is None:
        return None, "at the rates observed, no number of tasks up to 10,000 would give a verdict"
    there = len(plan.order)
    if total <= there:
        return total, (
            f"about {total} more tasks would decide at these rates: run it again, which adds to "
            "the evidence"
        )
    return total, (
        f"running it again adds evidence, but about {total} more tasks would decide at these rates "
        f"and the suite has {there}: take a larger suite, whose first run has planned looks"
    )
