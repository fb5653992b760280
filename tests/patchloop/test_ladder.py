"""The ladder: another question each time, and an end when all have been asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from core.patchloop.ladder import FailedAttempt, Rung, next_rung
from core.patchloop.loop import repair
from core.patchloop.trial import FailureKind
from tests.support.patchloop.loop import BROKEN, GOOD, WRONG, Answers, Wants42, job, whole

if TYPE_CHECKING:
    from collections.abc import Sequence

HINTS = 4


def past(*steps: tuple[Rung, str]) -> Sequence[FailedAttempt]:
    """Attempts with their failure's text, each with a reply of its own."""
    return [
        FailedAttempt(rung, FailureKind.TEST, detail, f"reply {number}")
        for number, (rung, detail) in enumerate(steps)
    ]


@pytest.mark.parametrize(
    ("steps", "can_mask", "rung"),
    [
        ([], True, Rung.REWRITE),
        ([(Rung.REWRITE, "a")], True, Rung.MASK),
        ([(Rung.REWRITE, "a")], False, Rung.FEEDBACK),
        ([(Rung.REWRITE, "a"), (Rung.MASK, "a")], True, Rung.FEEDBACK),
        ([(Rung.REWRITE, "a"), (Rung.FEEDBACK, "b")], False, Rung.FEEDBACK),
        ([(Rung.REWRITE, "a"), (Rung.FEEDBACK, "a")], False, Rung.VARIANT),
        ([(Rung.REWRITE, "a"), (Rung.FEEDBACK, "b"), (Rung.FEEDBACK, "a")], False, Rung.VARIANT),
        ([(Rung.REWRITE, "a"), (Rung.FEEDBACK, "a"), (Rung.VARIANT, "b")], False, Rung.FEEDBACK),
    ],
)
def test_which_comes_next(
    steps: list[tuple[Rung, str]],
    can_mask: bool,  # noqa: FBT001  a case
    rung: Rung,
) -> None:
    """An unchanged failure is never asked again in the same way."""
    assert next_rung(past(*steps), can_mask=can_mask, hints=HINTS) is rung


@pytest.mark.parametrize(
    ("rungs", "rung"),
    [
        ("rewrite", Rung.MASK),
        ("rewrite mask", Rung.SEARCH),
        ("rewrite mask search", Rung.FEEDBACK),
    ],
)
def test_functions_are_followed_by_search_and_replace(rungs: str, rung: Rung) -> None:
    """Before the last reply is talked about: nothing that stands outside of them was tried yet."""
    steps = [(Rung(one), one) for one in rungs.split()]
    assert next_rung(past(*steps), can_mask=True, can_search=True, hints=HINTS) is rung


async def test_no_question_is_asked_twice_and_the_ladder_ends() -> None:
    """A model that says the same each time: rewrite, mask, feedback, then each variant once."""
    ask = Answers(whole(BROKEN))
    result = await repair(job(attempts=50), ask, Wants42())
    assert not result.solved
    asked = [str(request.messages) for request in ask.requests]
    assert len(set(asked)) == len(asked) == 3 + 2 * HINTS
    assert {one.failure for one in result.attempts} == {FailureKind.UNCHANGED}


async def test_the_second_question_does_not_show_the_faulty_body() -> None:
    """Nor the reply that failed; the signature and the failure are there."""
    ask = Answers(whole(WRONG), whole(GOOD))
    failing = "0 == 42 is false\n  answer.py:2: return 0"
    result = await repair(job(failing=failing), ask, Wants42())
    assert [one.rung for one in result.attempts] == ["rewrite", "mask"]
    first, second = (request.messages[-1]["content"] for request in ask.requests)
    assert first.count("return 0") == 2
    assert "return" not in second.replace("return 42", "")
    for part in ("def answer():\n    ...\n", "0 == 42 is false", "Write the whole of answer.py"):
        assert part in second


async def test_another_backend_begins_at_the_first_rung_and_reads_what_was_tried() -> None:
    """Each change, and how it failed."""
    ask = Answers(whole(WRONG), whole(BROKEN), whole(GOOD))
    result = await repair(job(), ask, Wants42(), on_attempt=lambda _: len(ask.requests) == 2)
    assert [one.rung for one in result.attempts] == ["rewrite", "mask", "rewrite"]
    told = ask.requests[2].messages[-1]["content"]
    assert "Others have tried this before" in told
    assert "+    return 41" in told
    assert "(test) it is not 42" in told
    assert "(unchanged)" in told
