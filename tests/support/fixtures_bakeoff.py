"""Bakeoffs whose checks nothing turns on."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from core.harness.bakeoff import checker
from core.harness.sandbox import TestFailure, TestReport

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def no_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests of other things: the suite's one-line tests are seen through, nothing is run."""

    async def look(
        _: object, *, workspace: Path, tests: Path, limits: object, one_process: bool = False
    ) -> TestReport:
        await asyncio.sleep(0)
        said = (workspace / "answer.py").read_text(encoding="utf-8").split()[-1]
        wanted = (tests / "test_answer.py").read_text(encoding="utf-8").split()[-1]
        solved = said == wanted
        failed = () if solved else (TestFailure("test_answer.py::test_answer", f"{said} is wrong"),)
        return TestReport(
            passed=("test_answer.py::test_answer",) if solved else (),
            failed=failed,
            error=None,
            complete=True,
            solved=solved,
            output="",
            wall_s=0.0,
        )

    monkeypatch.setattr(checker, "run_tests", look)
