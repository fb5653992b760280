"""The stand-in as a solver of a suite's tasks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from core.standin.answers import Question, SolvedTask, SuiteAnswerer

if TYPE_CHECKING:
    from collections.abc import Mapping

TASKS = [
    SolvedTask("short", "Fix it.", {"a.py": "broken"}, {"a.py": "fixed"}),
    SolvedTask("long", "Fix it. Then test it.", {"b.py": "broken"}, {"b.py": "fixed"}),
]
SCHEMA = {"type": "object"}


def changed_files(
    schema: Mapping[str, Any], before: Mapping[str, str], after: Mapping[str, str]
) -> str:
    """An edit form of our own: the files as they shall be, and the schema it was asked in."""
    assert before.keys() == after.keys()
    return json.dumps({"files": after, "schema": schema})


def answers(answerer: SuiteAnswerer, text: str, count: int) -> list[bool]:
    """For so many askings, whether the answer fixes the task."""
    given = [answerer.answer(Question(f"You are…\n{text}", SCHEMA)) for _ in range(count)]
    return ["fixed" in (answer or "") for answer in given]


def suite(success_rate: float, seed: int = 0) -> SuiteAnswerer:
    """The answerer under test."""
    return SuiteAnswerer(TASKS, changed_files, success_rate=success_rate, seed=seed)


def test_the_task_is_known_by_its_prompt_the_longest_that_fits() -> None:
    """A prompt that is part of another's does not hide it."""
    answer = suite(1).answer(Question("Files follow. Fix it. Then test it.", SCHEMA))
    assert answer is not None
    assert json.loads(answer) == {"files": {"b.py": "fixed"}, "schema": SCHEMA}


def test_it_is_silent_about_other_things() -> None:
    """Without a task's prompt, or without an edit schema, somebody else may answer."""
    assert suite(1).answer(Question("Hello", SCHEMA)) is None
    assert suite(1).answer(Question("Fix it.", None)) is None


def test_rates_at_the_ends_are_certain() -> None:
    """1 always solves, 0 never; a failing answer is a well-formed edit that changes nothing."""
    assert all(answers(suite(1), "Fix it.", 20))
    assert not any(answers(suite(0), "Fix it.", 20))
    failing = suite(0).answer(Question("Fix it.", SCHEMA))
    assert failing is not None
    assert json.loads(failing)["files"] == {"a.py": "broken"}


def test_the_rate_is_kept_and_the_seed_decides() -> None:
    """Over many askings the rate shows; the same seed repeats, whatever was asked between."""
    once = answers(suite(0.7, seed=5), "Fix it.", 1000)
    assert sum(once) / 1000 == pytest.approx(0.7, abs=0.05)
    mixed = suite(0.7, seed=5)
    answers(mixed, "Fix it. Then test it.", 3)
    assert answers(mixed, "Fix it.", 1000) == once
    assert answers(suite(0.7, seed=6), "Fix it.", 1000) != once
