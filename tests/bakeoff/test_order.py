"""The order of a run: everything once, in stages, the same by its seed; shards split it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ConfigError
from core.harness.bakeoff.plan import MOST_SEED, Plan, Scope, Slot, share, stages, task_order
from core.harness.gate.looks import GatePlan, looks_of
from core.patchloop.formats import EditFormat
from core.settings import load_settings
from tests.support.suite.making import make_suite, write

if TYPE_CHECKING:
    from pathlib import Path

TASKS = st.lists(st.text("abc", min_size=1, max_size=4), min_size=1, max_size=12, unique=True)
SEEDS = st.integers(0, MOST_SEED)


def staged(tasks: list[str], trials: int, seed: int) -> list[list[Slot]]:
    """The stages of a run over these tasks."""
    order = tuple(task_order(tasks, seed))
    plan = GatePlan(order=order, looks=looks_of(0.95, len(order)), trials=trials)
    return stages(plan, ["reflex", "cloud"], seed)


@given(TASKS, st.integers(1, 3), SEEDS)
def test_every_trial_once_and_reflex_before_the_cloud(
    tasks: list[str], trials: int, seed: int
) -> None:
    """Up to each look both arms have the same tasks, reflex first, with the same seeds."""
    made = staged(tasks, trials, seed)
    slots = [slot for stage in made for slot in stage]
    assert len(slots) == len({(one.task, one.arm, one.trial) for one in slots})
    assert len(slots) == 2 * len(tasks) * trials
    for first, second in zip(made[::2], made[1::2], strict=True):
        assert {one.arm for one in first} == {"reflex"}
        assert {one.arm for one in second} == {"cloud"}
        assert [(one.task, one.trial, one.seed) for one in first] == [
            (one.task, one.trial, one.seed) for one in second
        ]
    assert all(0 <= one.seed <= MOST_SEED for one in slots)


@given(TASKS, SEEDS)
def test_the_seed_is_the_order(tasks: list[str], seed: int) -> None:
    """It does not depend on the order in which tasks are given."""
    assert staged(tasks, 2, seed) == staged(tasks[::-1], 2, seed)


def test_order_is_random() -> None:
    """Other seeds give other orders of the tasks."""
    tasks = [f"t{number}" for number in range(10)]
    assert len({tuple(task_order(tasks, seed)) for seed in range(10)}) == 10


@given(TASKS, SEEDS, st.integers(1, 15))
def test_shards_are_a_partition(tasks: list[str], seed: int, parts: int) -> None:
    """Every task is in exactly one, and its own seed is the same there."""
    shares = [share(tasks, part, parts) for part in range(1, parts + 1)]
    assert sorted(task for part in shares for task in part) == sorted(tasks)
    whole = {(s.task, s.arm): s.seed for stage in staged(tasks, 1, seed) for s in stage}
    for part in filter(None, shares):
        for stage in staged(part, 1, seed):
            assert all(whole[slot.task, slot.arm] == slot.seed for slot in stage)


def test_a_format_in_which_a_task_cannot_be_edited_is_refused(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before any call: functions are for Python, and each attempt would fail."""
    monkeypatch.chdir(project)
    suite = make_suite(project / "suite", "sound", "other")
    write(suite / "other/workspace/area.py", "to area :width :height\n")
    config = write(project / "stage0.toml", '[reflex]\nmodel = "m"\n')
    settings = load_settings(config)
    for edit_format in EditFormat:
        plan = Plan(suite="./suite", edit_format=edit_format)
        if edit_format is EditFormat.FUNCTION:
            with pytest.raises(ConfigError, match="no editable file of the task other"):
                Scope.of(plan, settings)
        else:
            assert len(Scope.of(plan, settings).tasks) == 2
    one = Plan(suite="./suite", tasks="sound", edit_format=EditFormat.FUNCTION)
    assert [task.id for task in Scope.of(one, settings).tasks] == ["sound"]
