"""Whatever comes back from a sandbox, a model or a worker fails its trial; the run goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from core.harness.bakeoff import checker, executors, in_process
from core.harness.bakeoff.progress import TrialEnded
from core.harness.report.storage import read
from core.harness.suites.loading import lay_out
from core.patchloop.loop import repair
from core.patchloop.trial import FailureKind
from tests.support.bakeoff.arena import arena

if TYPE_CHECKING:
    from pathlib import Path

FAULTS = [
    RecursionError("maximum recursion depth exceeded"),
    MemoryError(),
    UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"),
    ValueError("Exceeds the limit (4300 digits) for integer string conversion"),
    KeyError("verdict"),
    OSError(36, "File name too long"),
    ExceptionGroup("several", [RuntimeError("at once")]),
]
TASKS = 3


def broken_by(fault: Exception, real: Any, when: Any) -> Any:
    """``real``, which raises ``fault`` for the first call that ``when`` holds for."""
    left = [fault]

    async def call(*arguments: Any, **named: Any) -> Any:
        if left and when(*arguments, **named):
            raise left.pop()
        return await real(*arguments, **named)

    return call


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
@pytest.mark.usefixtures("no_sandbox")
async def test_a_check_that_breaks_is_a_failed_attempt(
    project: Path, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    """As when code that a model wrote sends 60,000 brackets back; the other trials count."""

    def edited(_: object, *, workspace: Path, **__: object) -> bool:
        return "return 0" not in (workspace / "answer.py").read_text()

    real = vars(checker)["run_tests"]  # of the fixture, no sandbox
    monkeypatch.setattr(checker, "run_tests", broken_by(fault, real, edited))
    async with arena(project, tasks=TASKS) as a:
        finished, events = await a.run(concurrency=1)
    stored = read(finished.json_path)
    assert len([one for one in events if isinstance(one, TrialEnded)]) == 2 * TASKS
    assert not stored.partial
    (failed,) = [one for one in stored.trials if not one.solved]
    assert failed.failure is FailureKind.SANDBOX
    assert type(fault).__name__ in failed.attempts[-1].detail


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
@pytest.mark.usefixtures("no_sandbox")
async def test_a_reply_that_breaks_the_loop_is_a_failed_trial(
    project: Path, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    """It counts as a reply of the wrong format that never came, against the arm that sent it."""
    monkeypatch.setattr(in_process, "repair", broken_by(fault, repair, lambda *_, **__: True))
    async with arena(project, tasks=TASKS) as a:
        finished, _ = await a.run(concurrency=1)
    stored = read(finished.json_path)
    assert len(stored.trials) == 2 * TASKS
    (failed,) = [one for one in stored.trials if not one.solved]
    assert failed.failure is FailureKind.FORMAT
    assert failed.attempts[-1].replies == (False,)
    assert type(fault).__name__ in failed.attempts[-1].detail


@pytest.mark.usefixtures("no_sandbox")
async def test_a_reply_with_half_a_character_goes_through_the_whole_run(project: Path) -> None:
    """A lone surrogate is text to JSON, and no file takes it."""
    async with arena(project, tasks=TASKS) as a:
        real = a.by_reflex.answer
        a.by_reflex.answer = lambda question: (  # type: ignore[method-assign]
            (real(question) or "").replace("99", "'\\ud800'")
        )
        a.solve(TASKS - 1, TASKS)
        finished, _ = await a.run()
    stored = read(finished.json_path)
    assert len(stored.trials) == 2 * TASKS
    assert sum(one.solved for one in stored.trials if one.arm == "reflex") == TASKS - 1


@pytest.mark.parametrize(
    "said", ["", "[" * 60_000, "null", 7, None, '{"host": 1}', "\ud800", "[" + "1," * 2_100_000]
)
def test_a_workers_answer_is_read_within_limits(said: object) -> None:
    """Each of these is a ValueError, of which ``RemoteTrials`` makes a failed trial."""
    with pytest.raises(ValueError):  # noqa: PT011  of JSON, of UTF-8 and of the model
        executors.read_answer(said)


def test_laid_out_text_need_not_be_text(tmp_path: Path) -> None:
    """What the surrogate above runs into: the fault is provoked for real."""
    with pytest.raises(UnicodeEncodeError):
        lay_out({"a.py": "\ud800"}, tmp_path)
