"""Which journal a run goes by: a new one, or that of a run which was stopped."""

from __future__ import annotations

from random import SystemRandom
from typing import TYPE_CHECKING
from uuid import uuid4

from core.errors import ReportError
from core.harness.bakeoff.interleave import MOST_SEED
from core.harness.bakeoff.journal import Beginning, Journal
from core.harness.bakeoff.scope import eval_directory
from core.plain import plain

if TYPE_CHECKING:
    from pathlib import Path

    from core.clock import Clock
    from core.harness.bakeoff.journal import Sealing
    from core.harness.bakeoff.preparation import Prepared


def begun(prepared: Prepared, sealing: Sealing, clock: Clock) -> Journal:
    """A new journal."""
    scope, now = prepared.scope, clock.now()
    # To the millisecond, as it is written: a resumed run began at the same moment.
    now = now.replace(microsecond=now.microsecond // 1000 * 1000)
    seed = SystemRandom().randint(0, MOST_SEED) if scope.plan.seed is None else scope.plan.seed
    # How the tasks were chosen is for whoever wants to resume; which they are is compared.
    chosen = {"glob": scope.plan.tasks, "shard": scope.plan.shard}
    beginning = Beginning(now, uuid4().hex, seed, {**prepared.about(), **chosen})
    return Journal.begin(eval_directory(scope.plan, scope.settings), beginning, sealing)


def journal_to_resume(directory: Path, sealing: Sealing) -> Journal:
    """The journal to go on with.

    Raises:
        ReportError: There is none but such as are under way, or it cannot be used.
    """
    journal = Journal.newest(directory, sealing)
    if journal is None:
        raise ReportError(
            f"there is no bakeoff to resume in {plain(directory)}",
            remedy="Start one without --resume.",
        )
    return journal


def resumed(journal: Journal, prepared: Prepared) -> Journal:
    """The journal, if it is of the same run.

    Raises:
        ReportError: It is of another.
    """
    before, now = journal.beginning.about, prepared.about()
    seed = prepared.scope.plan.seed
    if seed is not None:
        before, now = {**before, "seed": journal.beginning.seed}, {**now, "seed": seed}
    different = [name for name in now if before.get(name) != now[name]]
    if different:
        raise ReportError(
            f"the bakeoff in {plain(journal.path.name)} cannot be resumed: other "
            f"{', '.join(name.replace('_', ' ') for name in different)}",
            remedy="Give the same options as then and undo what changed, or start anew.",
        )
    return journal
