"""What a model is told, and what becomes of hostile texts on the way."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.fingerprint import PROMPTS
from core.patchloop.attempt import compile_problem
from core.patchloop.formats import EditFormat
from core.patchloop.prompt import MOST_FEEDBACK, MOST_QUOTED, opening, reply_tokens, retry
from core.patchloop.trial import FailureKind

FILES = {"notes.py": "x = '$files'\n", "cart.py": "lines = []\n"}
FORMATS = [one for one in EditFormat if one is not EditFormat.AUTO]


@pytest.mark.parametrize("edit_format", FORMATS)
def test_the_long_part_comes_first(edit_format: EditFormat) -> None:
    """Files, task, what the tests say, and last the rules; the task is quoted word for word."""
    _, user = opening("Mend\nthe cart.", FILES, ["cart.py"], edit_format, "1 test fails")
    assert edit_format.value in {path.stem for path in PROMPTS.glob("*.txt")}
    text = user["content"]
    places = [
        text.index(part)
        for part in ("cart.py", "notes.py", "Mend\nthe cart.", "1 test fails", '{"edits":')
    ]
    assert places == sorted(places)
    assert "x = '$files'" in text
    assert text.count("not to be changed") == 1


def test_lines_are_numbered_where_numbers_are_asked_for() -> None:
    """Only the line-range form shows them."""
    shown = opening("Mend it.", FILES, ["cart.py"], EditFormat.LINE_RANGE)[1]["content"]
    assert "   1 | lines = []" in shown
    plain = opening("Mend it.", FILES, ["cart.py"], EditFormat.WHOLE_FILE)[1]["content"]
    assert "1 |" not in plain


def test_nothing_that_ran_wild_fills_the_context() -> None:
    """Replies and test output are cut when they are quoted."""
    turns = retry("x" * 100_000, FailureKind.TEST, "y" * 100_000)
    assert len(turns[0]["content"]) == MOST_QUOTED
    assert len(turns[1]["content"]) < MOST_FEEDBACK + 500
    assert len(opening("t", {}, ["a"], EditFormat.WHOLE_FILE, "z" * 100_000)[1]["content"]) < 4000


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
