"""The patch loop: what is tried, what is told apart, and what the model reads of it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from core.errors import (
    AttemptTimeout,
    BackendError,
    BadRequest,
    Busy,
    CapsuleError,
    ConnectFailed,
    CutReply,
    IncompleteReply,
    Misconfigured,
    RateLimited,
    ServerError,
    TooLong,
)
from core.patchloop.formats import EditFormat
from core.patchloop.job import CheckResult
from core.patchloop.loop import repair
from core.patchloop.trial import FailureKind
from tests.support.patchloop.loop import BROKEN, GOOD, WRONG, Answers, Wants42, job, whole

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from core.client.backend import ChatRequest
    from core.patchloop.trial import Attempt
    from core.router.evidence import Outcome


async def test_a_good_reply_solves_at_once() -> None:
    """The files, the diff and the figures are the reply's."""
    seen: list[Attempt] = []
    result = await repair(
        job(), Answers((whole(GOOD), 120.0, 0)), Wants42(), on_attempt=seen.append
    )
    assert result.solved
    assert result.files == {"answer.py": GOOD, "notes.txt": "keep\n"}
    assert "-    return 0\n+    return 42\n" in result.diff
    (attempt,) = result.attempts
    assert seen == [attempt]
    assert (attempt.latency_ms, attempt.ttft_ms, attempt.compliant) == (120.0, 60.0, True)
    assert (attempt.failure, attempt.lines_changed, attempt.candidates) == (None, 2, ())
    assert (attempt.prompt_tokens, attempt.completion_tokens) == (100, len(whole(GOOD)))


async def test_attempts_end_and_the_files_are_as_they_were() -> None:
    """An unsolved job leaves nothing behind."""
    result = await repair(job(attempts=2), Answers(whole(WRONG)), Wants42())
    assert not result.solved
    assert [one.failure for one in result.attempts] == [FailureKind.TEST] * 2
    assert result.files["answer.py"] == BROKEN
    assert result.diff == ""


DISGUISED = "def answer():\n\n    return 0  # the answer\n"


@pytest.mark.parametrize(
    ("reply", "kind", "told"),
    [
        ("Sure! " + whole(GOOD), FailureKind.FORMAT, "not the answer asked for"),
        ('{"edits": []}', FailureKind.FORMAT, "not the answer asked for"),
        (CutReply("cut at the limit", finish_reason="length"), FailureKind.FORMAT, "cut at the"),
        (whole(BROKEN), FailureKind.UNCHANGED, "the same program as before"),
        (whole(DISGUISED), FailureKind.UNCHANGED, "the same program as before"),
        (whole("def answer(:\n"), FailureKind.COMPILE, "answer.py:1: invalid syntax"),
        (whole(WRONG), FailureKind.TEST, "it is not 42"),
    ],
)
async def test_failures_are_told_apart_and_fed_back(
    reply: str | BackendError, kind: FailureKind, told: str
) -> None:
    """At the third rung the model reads the reply that failed last, and why."""
    ask = Answers(reply, reply, whole(GOOD))
    result = await repair(job(), ask, Wants42())
    assert result.solved
    assert [one.failure for one in result.attempts] == [kind, kind, None]
    assert [one.rung for one in result.attempts] == ["rewrite", "mask", "feedback"]
    assert result.attempts[0].compliant is (kind is not FailureKind.FORMAT)
    first, _, third = (list(request.messages) for request in ask.requests)
    assert third[: len(first)] == first
    assert [message["role"] for message in third] == ["system", "user", "assistant", "user"]
    assert told in third[-1]["content"]
    assert "not kept" in third[-1]["content"]


async def test_what_only_looks_like_a_copy_may_be_the_solution() -> None:
    """A check of blank lines or comments is passed by what is the same program."""

    async def check(files: Mapping[str, str], changed: Sequence[str]) -> CheckResult:
        del changed
        passed = files["answer.py"] == DISGUISED
        return CheckResult(passed=passed, failure=None if passed else FailureKind.TEST)

    assert (await repair(job(), Answers(whole(DISGUISED)), check)).solved


async def test_a_copy_of_a_text_file_is_one_to_the_letter() -> None:
    """Without a syntax tree, a blank line is a change."""
    ask = Answers(whole("keep", "notes.txt"), whole("keep\n\n", "notes.txt"))
    result = await repair(job(editable=("notes.txt",), attempts=2), ask, Wants42())
    kinds = [one.failure for one in result.attempts]
    assert kinds == [FailureKind.UNCHANGED, FailureKind.TEST]


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("", FailureKind.UNCHANGED),
        ('    """What it is."""\n', FailureKind.TEST),
    ],
    ids=["left out", "another"],
)
async def test_a_copy_without_its_docstrings_is_a_copy(said: str, kind: FailureKind) -> None:
    """Small models leave them out; another docstring may be what a check wants."""
    written = '"""Answers."""\n\n\ndef answer():\n    """The answer."""\n    return 0\n'
    ask = Answers(whole(f"def answer():\n{said}    return 0\n"))
    result = await repair(job(files={"answer.py": written}, attempts=1), ask, Wants42())
    assert [one.failure for one in result.attempts] == [kind]


async def test_blocks_instead_of_json() -> None:
    """No schema is sent; a reply that is anything else is not in the format."""
    ask = Answers(f"Here it is:\n```\n{GOOD}```", f"```python\n{GOOD}```")
    result = await repair(job(edit_format=EditFormat.FENCE), ask, Wants42())
    assert result.solved
    assert [one.failure for one in result.attempts] == [FailureKind.FORMAT, None]
    assert [one.compliant for one in result.attempts] == [False, True]
    assert ask.requests[0].schema is None
    assert "in one ```python block and nothing else" in ask.requests[0].messages[-1]["content"]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ConnectFailed("refused"), FailureKind.TRANSPORT),
        (IncompleteReply("broke off"), FailureKind.TRANSPORT),
        (ServerError("broken", status=500), FailureKind.TRANSPORT),
        (Busy("its queue is full", status=503), FailureKind.BUSY),
        (RateLimited("later", status=429), FailureKind.BUSY),
        (BadRequest("no such schema", status=400), FailureKind.REFUSED),
        (Misconfigured("no such model", status=404), FailureKind.REFUSED),
        (TooLong("over the context", status=400), FailureKind.TOO_LONG),
        (AttemptTimeout("too late"), FailureKind.TIMEOUT),
    ],
)
async def test_a_call_without_reply_is_asked_again_as_it_was(
    error: BackendError, kind: FailureKind
) -> None:
    """There is nothing to feed back, and for the percentiles it took for ever."""
    ask = Answers(error, whole(GOOD))
    result = await repair(job(), ask, Wants42())
    assert result.solved
    failed = result.attempts[0]
    assert (failed.failure, failed.compliant, failed.late) == (kind, None, False)
    assert failed.answered_ms == math.inf
    assert ask.requests[0].messages == ask.requests[1].messages


async def test_a_late_reply_is_measured_and_fails() -> None:
    """In real work nobody would have waited for it, so it is neither applied nor quoted."""
    check = Wants42()
    ask = Answers((whole(GOOD), 1501.0, 0), (whole(GOOD), 1500.0, 0))
    result = await repair(job(timeout_ms=1500.0), ask, check)
    late, good = result.attempts
    assert (late.late, late.failure, late.compliant) == (True, FailureKind.TIMEOUT, True)
    assert late.answered_ms == 1501.0
    assert (good.late, good.failure) == (False, None)
    assert len(check.looked_at) == 1
    assert ask.requests[0].messages == ask.requests[1].messages


async def test_each_edit_is_made_on_the_files_as_given() -> None:
    """A search that an earlier attempt's edit would have spoiled still applies."""
    edit = '{"edits": [{"path": "answer.py", "search": "return 0", "replace": "return %d"}]}'
    result = await repair(
        job(edit_format=EditFormat.SEARCH_REPLACE), Answers(edit % 41, edit % 42), Wants42()
    )
    assert result.solved
    assert [one.failure for one in result.attempts] == [FailureKind.TEST, None]


async def test_lint_is_recorded_and_does_not_undo_a_solution() -> None:
    """A working patch with a lint fault is solved, at that attempt."""
    result = await repair(job(), Answers(whole(GOOD)), Wants42(lint=False))
    assert result.solved
    (attempt,) = result.attempts
    assert (attempt.failure, attempt.lint_passed) == (FailureKind.LINT, False)


async def test_fences_in_the_code_are_taken_off_and_counted() -> None:
    """Models put Markdown into the JSON's string."""
    result = await repair(job(), Answers(whole(f"```python\n{GOOD}```")), Wants42())
    assert result.solved
    assert result.files["answer.py"] == GOOD
    assert result.attempts[0].fences_stripped == 1


async def test_only_editable_files_may_change() -> None:
    """The schema keeps others out already."""
    ask = Answers(whole("x", "notes.txt"))
    result = await repair(job(attempts=1), ask, Wants42())
    assert result.attempts[0].failure is FailureKind.FORMAT


async def test_the_format_follows_the_length() -> None:
    """``auto`` asks for short files line by line, and for the functions of long ones."""
    short, long = Answers(whole(GOOD)), Answers(whole(GOOD))
    await repair(job(attempts=1), short, Wants42())
    await repair(job(attempts=1, files={"answer.py": BROKEN * 200}), long, Wants42())
    fields = [str(ask.requests[0].schema) for ask in (short, long)]
    assert "code" in fields[0]
    assert "function" in fields[1]


async def test_what_must_end_the_loop_ends_it() -> None:
    """Evidence that cannot be written is no failure of the model."""

    async def ask(request: ChatRequest) -> Outcome:
        raise CapsuleError("no space")

    with pytest.raises(CapsuleError, match="no space"):
        await repair(job(), ask, Wants42())


async def test_every_request_has_its_seed() -> None:
    """The same job asks the same questions; another attempt is another question."""
    runs = []
    for _ in range(2):
        ask = Answers(whole(WRONG))
        await repair(job(seed=7, attempts=2, candidates=2), ask, Wants42())
        runs.append([(request.seed, request.temperature) for request in ask.requests])
    assert runs[0] == runs[1]
    assert len({seed for seed, _ in runs[0]}) == 4
    assert [temperature for _, temperature in runs[0]] == [0.0, 0.8, 0.0, 0.8]
