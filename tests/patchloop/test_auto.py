"""What ``auto`` is for a job's files, and that it does not end with functions."""

from __future__ import annotations

import json
import tomllib

import pytest

from core.fingerprint import SCHEMAS
from core.patchloop.auto import resolve
from core.patchloop.formats import EditFormat
from core.patchloop.loop import repair
from tests.support.patchloop.loop import Answers, Wants42, job

LIMITS = tomllib.loads((SCHEMAS / "auto.toml").read_text(encoding="utf-8"))
WHOLE, LONGEST = LIMITS["whole_file_characters"], LIMITS["function_characters"]
FUNCTION = "def f():\n    return 1\n"
LONG = "".join(f"def f{number}():\n    return {1000 + number}\n\n\n" for number in range(80))
GIANT = "def giant():\n" + "    call()\n" * (LONGEST // 8)
TABLE = "TABLE = {\n" + "    'a': 1,\n" * WHOLE + "}\n"


@pytest.mark.parametrize(
    ("files", "failing", "wanted"),
    [
        ({"a": "x" * (WHOLE - 1), "b": "x"}, "it fails", EditFormat.CODE),
        ({"a": "x" * WHOLE, "b": "x"}, "it fails", EditFormat.SEARCH_REPLACE),
        ({"a.py": FUNCTION}, "it fails", EditFormat.CODE),
        ({"a.py": LONG}, "it fails", EditFormat.FUNCTION),
        ({"a.py": LONG, "b.py": FUNCTION}, "it fails", EditFormat.FUNCTION),
        # Nothing is wrong yet: something new is wanted.
        ({"a.py": LONG}, " \n", EditFormat.SEARCH_REPLACE),
        # One of them has no function that could be named.
        ({"a.py": LONG, "b.py": "RATE = 1\n"}, "it fails", EditFormat.SEARCH_REPLACE),
        ({"a.py": LONG, "b.py": ""}, "it fails", EditFormat.SEARCH_REPLACE),
        ({"a.py": LONG, "b.html": "<p>"}, "it fails", EditFormat.SEARCH_REPLACE),
        ({"a.py": LONG + "def f(:\n"}, "it fails", EditFormat.SEARCH_REPLACE),
        ({"a.py": TABLE}, "it fails", EditFormat.SEARCH_REPLACE),
        # A function as long as a file that is not given whole, unless another one is wrong.
        ({"a.py": GIANT + FUNCTION}, "it fails", EditFormat.SEARCH_REPLACE),
        ({"a.py": GIANT + FUNCTION}, "in giant", EditFormat.SEARCH_REPLACE),
        ({"a.py": GIANT + FUNCTION}, "in f\n1 != 2", EditFormat.FUNCTION),
    ],
)
def test_auto_goes_by_the_files_and_by_what_fails(
    files: dict[str, str], failing: str, wanted: EditFormat
) -> None:
    """The whole file where it is short, else its functions, else search and replace."""
    assert resolve(EditFormat.AUTO, files, failing) is wanted


def test_what_a_file_holds_beside_its_functions_may_be_deep() -> None:
    """A long sum in the module is nested more deeply than Python calls itself."""
    deep = f"TOTAL = 1{' + 1' * 1500}\n"
    assert resolve(EditFormat.AUTO, {"a.py": deep + FUNCTION}, "it fails") is EditFormat.FUNCTION


def test_a_format_that_is_set_stays() -> None:
    """Whatever the files."""
    assert resolve(EditFormat.LINE_RANGE, {"a.py": LONG}, "it fails") is EditFormat.LINE_RANGE


async def test_what_stands_outside_of_functions_is_mended_in_the_end() -> None:
    """After two questions about functions ``auto`` takes any text; feedback stays there."""
    text = f"if True:\n    return_ = 'return 0'\n\n\n{LONG}"
    given = job(attempts=5, files={"answer.py": text}, failing="it fails")
    function: dict[str, object] = {"path": "answer.py", "function": "f1"}
    function["code"] = ["def f1():", "    return 41"]
    replies = [
        function,
        {**function, "code": ["def f1():", "    return 40"]},
        {"path": "answer.py", "search": "nowhere", "replace": "x"},
        {"path": "answer.py", "search": "'return 0'", "replace": "'return 42'"},
    ]
    ask = Answers(*(json.dumps({"edits": [one]}) for one in replies))
    result = await repair(given, ask, Wants42())
    assert [one.rung for one in result.attempts] == ["rewrite", "mask", "search", "feedback"]
    asked = ["function", "function", "search_replace", "search_replace"]
    assert [one.edit_format for one in result.attempts] == asked
    assert result.files["answer.py"] == text.replace("return 0'", "return 42'")
    fields = [str(request.schema).count("'search'") > 0 for request in ask.requests]
    assert fields == [False, False, True, True]
    assert "return 1079" in ask.requests[2].messages[1]["content"]


async def test_functions_that_are_asked_for_by_name_stay() -> None:
    """A format that is set is part of a pass, so the loop does not leave it."""
    given = job(
        attempts=50, edit_format=EditFormat.FUNCTION, files={"answer.py": LONG}, failing="it fails"
    )
    edit = {"path": "answer.py", "function": "f1", "code": ["def f1():", "    return 41"]}
    ask = Answers(json.dumps({"edits": [edit]}))
    result = await repair(given, ask, Wants42())
    assert "search" not in {one.rung for one in result.attempts}
    assert not any("'search'" in str(request.schema) for request in ask.requests)


async def test_a_long_function_has_room_for_its_reply() -> None:
    """Not only the short one that edits are thought to be."""
    ask = Answers("{}")
    given = job(attempts=1, files={"answer.py": GIANT[: LONGEST - 100] + "\n" + LONG})
    await repair(given, ask, Wants42())
    assert (ask.requests[0].max_tokens or 0) > LONGEST // 2
