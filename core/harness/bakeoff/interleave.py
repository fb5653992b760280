"""The order of a bakeoff: random, so that drift hits all arms alike, and the same by its seed."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_SEED = (1 << 31) - 1


@dataclass(frozen=True, slots=True)
class Slot:
    """One arm's go at one task; ``trial`` counts from 0, ``seed`` is for the requests' sampling."""

    task: str
    arm: str
    trial: int
    seed: int


def interleave(tasks: Sequence[str], arms: Sequence[str], trials: int, seed: int) -> list[Slot]:
    """Every task, arm and trial once, in blocks: the arms' goes at a task lie side by side.

    Blocks are in random order, and so are the arms within each. A slot's own seed depends on the
    run's, the task and the trial alone, not on which other tasks are run.
    """
    order = Random(seed)  # noqa: S311  no secret
    blocks = [(task, trial) for task in sorted(tasks) for trial in range(trials)]
    order.shuffle(blocks)
    slots = []
    for task, trial in blocks:
        own = Random(f"{seed}:{task}:{trial}").randint(0, MOST_SEED)  # noqa: S311  no secret
        slots += [Slot(task, arm, trial, own) for arm in order.sample(sorted(arms), len(arms))]
    return slots


def share(tasks: Sequence[str], part: int, parts: int) -> list[str]:
    """The tasks of shard ``part`` (from 1) of ``parts``: every task is in exactly one."""
    return sorted(tasks)[part - 1 :: parts]
