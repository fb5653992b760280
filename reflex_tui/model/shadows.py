"""Tasks that reflex worked on in the background, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.figures import percent, plural

if TYPE_CHECKING:
    from core.monitor.pairs import PairedTasks
    from core.settings import Settings

_TELLING_PERCENT = 50  # less says nothing of a model, only that there were few tasks


def paired_tasks(tasks: PairedTasks, settings: Settings) -> str:
    """Who solved how many, and how much of the cloud's success that proves."""
    from core.harness.gate.own_tasks import parity_of  # not for the first paint

    parity = parity_of(tasks, settings.reflex.thresholds)
    who = f"reflex solved {tasks.reflex}, the cloud {tasks.cloud}"
    proven = ""
    if parity.bound_percent is not None and parity.bound_percent < _TELLING_PERCENT:
        proven = ": too few to prove much"
    elif parity.bound_percent is not None:
        proven = f": proves at least {percent(int(parity.bound_percent))} of the cloud's success"
    return f"{plural(tasks.count, 'task')} with a check, {who}{proven}"
