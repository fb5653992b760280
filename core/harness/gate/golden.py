"""Golden tasks: what must work on reflex whenever it works on the cloud."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.harness.gate.criteria import GOLDEN, Criterion, Verdict
from core.plain import plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from core.harness.gate.criteria import GateThresholds

# One lost trial may be chance, so a regression takes two of two.
TRIALS = 2
_MOST_NAMED = 3


def golden_pairs(
    task: str, own: Mapping[tuple[str, int], bool], cloud: Mapping[tuple[str, int], bool]
) -> list[tuple[bool, bool]]:
    """The first two trials of ``task`` that both arms have: reflex solved, cloud solved."""
    numbers = sorted(trial for name, trial in own.keys() & cloud.keys() if name == task)
    return [(own[task, one], cloud[task, one]) for one in numbers[:TRIALS]]


def confirm(
    golden: Sequence[str],
    own: Mapping[tuple[str, int], bool],
    cloud: Mapping[tuple[str, int], bool],
) -> list[str]:
    """Tasks whose only trial the cloud solved and reflex did not: a second one must tell."""
    return [task for task in golden if golden_pairs(task, own, cloud) == [(False, True)]]


def judge_golden(
    golden: Sequence[str],
    own: Mapping[tuple[str, int], bool],
    cloud: Mapping[tuple[str, int], bool],
    thresholds: GateThresholds,
) -> Criterion:
    """Count the golden tasks that the cloud solved and reflex did not, in two of two trials."""
    allowed = thresholds.golden_regressions_allowed
    pairs = {task: golden_pairs(task, own, cloud) for task in golden}
    lost = [task for task in golden if pairs[task] == [(False, True)] * TRIALS]
    unproven = [task for task in golden if pairs[task] in ([], [(False, True)])]
    note, remedy = f"{len(lost)} of {len(golden)} golden tasks lost in two of two trials", ""
    if lost:
        named = ", ".join(plain(one, 60) for one in lost[:_MOST_NAMED])
        more = f" and {len(lost) - _MOST_NAMED} more" if len(lost) > _MOST_NAMED else ""
        note += f": {named}{more}"
    if len(lost) > allowed:
        state = Verdict.FAIL
    elif len(lost) + len(unproven) > allowed:
        state = Verdict.INCONCLUSIVE
        note += f"; {len(unproven)} not tried twice by both arms"
        remedy = f"{len(unproven)} golden tasks need further trials by both arms: run it to its end"
    else:
        state = Verdict.PASS
    return Criterion(
        name=GOLDEN,
        value=float(len(lost)) if len(unproven) < len(golden) else None,
        bound=None,
        threshold=allowed,
        unit="tasks",
        state=state,
        note=note,
        remedy=remedy,
    )
