"""The order of a run: everything once, in blocks, the same by its seed; shards split it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from core.harness.bakeoff.plan import MOST_SEED, interleave, share

TASKS = st.lists(st.text("abc", min_size=1, max_size=4), min_size=1, max_size=12, unique=True)
SEEDS = st.integers(0, MOST_SEED)


@given(TASKS, st.integers(1, 3), SEEDS)
def test_every_go_once_and_arms_side_by_side(tasks: list[str], trials: int, seed: int) -> None:
    """Whatever drifts during the run hits both arms of a task alike."""
    slots = interleave(tasks, ["reflex", "cloud"], trials, seed)
    assert len(slots) == len({(one.task, one.arm, one.trial) for one in slots})
    assert len(slots) == 2 * len(tasks) * trials
    for first, second in zip(slots[::2], slots[1::2], strict=True):
        assert (first.task, first.trial, first.seed) == (second.task, second.trial, second.seed)
        assert {first.arm, second.arm} == {"reflex", "cloud"}
    assert all(0 <= one.seed <= MOST_SEED for one in slots)


@given(TASKS, SEEDS)
def test_the_seed_is_the_order(tasks: list[str], seed: int) -> None:
    """It does not depend on the order in which tasks are given."""
    assert interleave(tasks, ["a", "b"], 2, seed) == interleave(tasks[::-1], ["b", "a"], 2, seed)


def test_order_is_random() -> None:
    """Other seeds give other orders, of tasks and of arms within a task."""
    tasks = [f"t{number}" for number in range(10)]
    runs = [interleave(tasks, ["a", "b"], 1, seed) for seed in range(10)]
    assert len({tuple(one.task for one in run) for run in runs}) == 10
    assert {run[0].arm for run in runs} == {"a", "b"}


@given(TASKS, SEEDS, st.integers(1, 15))
def test_shards_are_a_partition(tasks: list[str], seed: int, parts: int) -> None:
    """Every task is in exactly one, and its own seed is the same there."""
    shares = [share(tasks, part, parts) for part in range(1, parts + 1)]
    assert sorted(task for part in shares for task in part) == sorted(tasks)
    whole = {(one.task, one.arm): one.seed for one in interleave(tasks, ["a", "b"], 1, seed)}
    for part in filter(None, shares):
        for slot in interleave(part, ["a", "b"], 1, seed):
            assert whole[slot.task, slot.arm] == slot.seed
