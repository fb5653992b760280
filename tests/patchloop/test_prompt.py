"""What a model is told, and what becomes of hostile texts on the way."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.fingerprint import PROMPTS
from core.patchloop.attempt import compile_problem
from core.patchloop.formats import EditFormat
from core.patchloop.ladder import FailedAttempt, Rung
from core.patchloop.prompt import (
    MOST_FAILING,
    MOST_FEEDBACK,
    MOST_QUOTED,
    opening,
    reply_tokens,
    retry,
)
from core.patchloop.trial import FailureKind

FILES = {"notes.py": "x = '$files'\n", "cart.py": "lines = []\n"}
FORMATS = [one for one in EditFormat if one is not EditFormat.AUTO]


@pytest.mark.parametrize("edit_format", FORMATS)
def test_the_order_of_a_prompt(edit_format: EditFormat) -> None:
    """Task, reference, the faulty file, what the tests say, and last the rules."""
    system, user = opening("Fix\nthe cart.", FILES, ["cart.py"], edit_format, "1 test fails")
    assert system["content"] == "You are an expert Python programmer."
    assert edit_format.value in {path.stem for path in PROMPTS.glob("*.txt")}
    text = user["content"]
    rules = "in one ```python" if edit_format is EditFormat.FENCE else '{"edits":'
    parts = ("Fix\nthe cart.", "notes.py", "a version of cart.py that is wrong", "1 test fails")
    places = [text.index(part) for part in (*parts, rules)]
    assert places == sorted(places)
    assert "x = '$files'" in text
    assert text.count("not to be changed") == 1


def test_words_that_ask_for_a_copy_are_not_used() -> None:
    """Small models take them at their word and return the file as it is."""
    for path in PROMPTS.iterdir():
        words = path.read_text(encoding="utf-8").lower()
        for phrase in ("as little as possible", "everything else", "all of it", "as they are;"):
            assert phrase not in words, path


def test_a_file_is_wrong_only_where_a_check_fails() -> None:
    """Without a failure it is what there is; one to be made is not shown."""
    text = opening("Add it.", FILES, ["cart.py", "new.txt"], EditFormat.FENCE)[1]["content"]
    assert "is wrong" not in text
    assert "Here is cart.py:\n```\nlines = []\n```" in text
    assert "new.txt does not exist yet." in text
    assert "### FILE" in text


def test_what_others_have_tried() -> None:
    """Each change with how it failed, the last three."""
    past = [
        FailedAttempt(
            Rung.REWRITE, FailureKind.TEST, f"it is {number}", "{}", f"+return {number}\n"
        )
        for number in range(5)
    ]
    text = opening("t", FILES, ["cart.py"], EditFormat.CODE, "fails", tried=past)[1]["content"]
    assert "Others have tried this before" in text
    assert "(test) it is 4" in text
    assert "+return 2" in text
    assert "+return 1" not in text


def test_lines_are_numbered_where_numbers_are_asked_for() -> None:
    """Only the line-range form shows them."""
    shown = opening("Fix it.", FILES, ["cart.py"], EditFormat.LINE_RANGE)[1]["content"]
    assert "   1 | lines = []" in shown
    plain = opening("Fix it.", FILES, ["cart.py"], EditFormat.WHOLE_FILE)[1]["content"]
    assert "1 |" not in plain


def test_nothing_that_ran_wild_fills_the_context() -> None:
    """Replies and test output are cut when they are quoted."""
    turns = retry("x" * 100_000, FailureKind.TEST, "y" * 100_000)
    assert len(turns[0]["content"]) == MOST_QUOTED
    assert len(turns[1]["content"]) < MOST_FEEDBACK + 500
    said = "z" * 100_000 + "the end"
    text = opening("t", {}, ["a"], EditFormat.WHOLE_FILE, said)[1]["content"]
    assert len(text) < MOST_FAILING + 500
    assert "the end" in text


def test_feedback_holds_no_control_characters() -> None:
    """What untrusted code printed is text, whatever it holds; ``$`` stays what it is."""
    text = retry("{}", FailureKind.TEST, "\x1b[2J$detail $$")[1]["content"]
    assert "\x1b" not in text
    assert "$detail $$" in text


def test_a_whole_file_may_take_more_tokens_than_an_edit() -> None:
    """The limit grows with the files only where they are asked for whole."""
    assert reply_tokens(EditFormat.WHOLE_FILE, ["x" * 2000]) > reply_tokens(
        EditFormat.SEARCH_REPLACE, ["x" * 2000]
    )


@given(st.text())
def test_compiling_any_text_ends_in_words(text: str) -> None:
    """Whatever a model writes, the compiler's opinion is a line or nothing."""
    problem = asyncio.run(compile_problem({"a.py": text}, ["a.py"]))
    assert "\n" not in problem
    assert problem == "" or problem.startswith("a.py")


@pytest.mark.parametrize(
    "text",
    ["(" * 10_000, "-" * 50_000 + "1", "x = 1\0", "if 1:\n" + " " * 90_000 + "(", "9" * 9_000],
)
async def test_compiling_survives_what_is_made_to_break_it(text: str) -> None:
    """Deep nesting, NULs and monstrous literals are problems of the text."""
    assert await compile_problem({"a.py": text}, ["a.py"])


async def test_only_python_that_changed_is_compiled() -> None:
    """A broken file that was so before is not this edit's fault."""
    assert await compile_problem({"a.py": "(", "b.txt": "("}, ["b.txt"]) == ""
    assert await compile_problem({"a.py": "x = 'is' is 'is'\n"}, ["a.py"]) == ""
