"""The suite in four languages: its form for all tasks, and its checks where the toolchain is."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from core.harness.commands.toolchain import with_tools
from core.harness.mining.soundness import check_tasks
from core.harness.suites.loading import load_suite

if TYPE_CHECKING:
    from core.harness.sandbox import SelfTest

SUITE = load_suite("polyglot_v1")


def test_its_form() -> None:
    """Six tasks a language with tags and controls; compile errors and a golden one in each."""
    assert len(SUITE.tasks) == 24
    languages = Counter(task.tags["language"] for task in SUITE.tasks)
    assert languages == {"rust": 6, "go": 6, "typescript": 6, "python": 6}
    compiled = {task.tags["language"] for task in SUITE.tasks if task.tags["kind"] == "compile"}
    assert compiled == set(languages)
    assert {task.tags["language"] for task in SUITE.tasks if task.golden} == set(languages)
    assert all(task.control for task in SUITE.tasks)
    assert all(task.check or task.tags["language"] == "python" for task in SUITE.tasks)
    assert len({task.prompt for task in SUITE.tasks}) == 24


# One task of the languages that are compiled: `code reflex suite check polyglot_v1` runs them all.
@pytest.mark.parametrize(
    "glob",
    [
        pytest.param("py-*", marks=pytest.mark.slow),
        pytest.param("ts-order-total", marks=pytest.mark.slow),
        pytest.param("rust-badge-*", marks=pytest.mark.slow),
        pytest.param("go-shapes", marks=pytest.mark.slow),
    ],
)
def test_its_tasks_are_sound(glob: str, self_test: SelfTest, *, torture: bool) -> None:
    """Broken fails, the solution passes, the control fails, by the language's own tools."""
    if glob.startswith("ts-") and not torture:
        pytest.skip("the TypeScript compiler takes half a minute")
    chosen = SUITE.select(glob)
    usable, missing = with_tools(SUITE.tasks, Path.cwd())
    if not set(chosen.tasks) <= set(usable):
        pytest.skip(" ".join(missing))

    async def problems() -> dict[str, str]:
        states = check_tasks(chosen, self_test.sandbox(), Path.cwd())
        return {state.task: state.problem async for state in states if state.problem}

    assert asyncio.run(problems()) == {}
