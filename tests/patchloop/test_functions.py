"""Replies that hold single functions: what is shown, what is replaced, what is refused."""

from __future__ import annotations

import ast
import json
from typing import Any, get_args

import pytest

from core.errors import EditRejected
from core.patchloop.applying import apply
from core.patchloop.formats import EditFormat, parse, schema
from core.patchloop.loop import repair
from core.patchloop.masking import focused
from core.settings.model import EditFormatName
from core.stages import EDIT_FORMATS
from core.standin.answers import edit_reply
from tests.support.patchloop.loop import Answers, Wants42, job

PATH = "cart.py"
CART = '''"""A cart."""
import math

RATE = 0.2


class Cart:
    """Holds lines."""

    @property
    def empty(self):
        return bool(self.lines)

    def total(self):
        return rounded(sum(self.lines))


def rounded(value):
    """To whole cents."""
    return math.floor(value)


def unrelated():
    return "nothing to do with it"
'''


def edited(function: str, *code: str, text: str = CART) -> str:
    """The file after one edit."""
    data = {"edits": [{"path": PATH, "function": function, "code": list(code)}]}
    return apply({PATH: text}, parse(EditFormat.FUNCTION, data), [PATH]).files[PATH]


def test_a_function_is_replaced_and_nothing_else() -> None:
    """At its own indentation, decorators included; imports may stand before one at top level."""
    made = edited("Cart.empty", "@property", "def empty(self):", "    return not self.lines")
    assert made == CART.replace("return bool(self.lines)", "return not self.lines")
    made = edited("Cart.total", "    def total(self):", "        return 0")
    assert made == CART.replace("return rounded(sum(self.lines))", "return 0")
    made = edited("rounded", "import decimal", "def rounded(value):", "    return value")
    assert "import decimal\ndef rounded(value):\n    return value\n\n\ndef unrelated" in made
    ast.parse(made)


@pytest.mark.parametrize(
    ("function", "code", "complaint"),
    [
        ("Cart.sum", ["def sum(self):", "    pass"], "these are: Cart.empty, Cart.total, rounded"),
        ("rounded", ["def round(value):", "    pass"], "must be the function rounded"),
        ("rounded", ["def rounded(value:"], "must be the function rounded"),
        ("rounded", ["def rounded(v): pass", "RATE = 1"], "whole and alone"),
        ("Cart.total", ["import os", "def total(self): pass"], "whole and alone"),
        ("Cart.total", ["class Cart:", "    def total(self): pass"], "whole and alone"),
    ],
)
def test_what_is_no_such_function_is_refused(
    function: str, code: list[str], complaint: str
) -> None:
    """In words for the model."""
    with pytest.raises(EditRejected, match=complaint):
        edited(function, *code)


@pytest.mark.parametrize(
    "row",
    [
        {"path": PATH, "function": "f"},
        {"path": PATH, "function": "f", "code": "def f(): pass"},
        {"path": PATH, "function": 3, "code": ["x"]},
        {"path": PATH, "code": ["x"]},
        {"path": PATH, "function": "f", "code": ["x"], "content": "x"},
        ["f"],
    ],
)
def test_other_shapes_are_refused(row: Any) -> None:
    """As strictly as in every format."""
    with pytest.raises(EditRejected):
        parse(EditFormat.FUNCTION, {"edits": [row]})


def test_files_that_are_no_python_have_no_functions() -> None:
    """The model is told, and asked again in another way."""
    with pytest.raises(EditRejected, match="no Python"):
        edited("f", "def f(): pass", text="key: [value")


def test_only_what_the_failure_reaches_is_shown_whole() -> None:
    """Of the rest signatures and docstrings; without a name in the failure everything is."""
    shown = focused({PATH: CART}, [PATH], "in total\nAssertionError: 3 != 4")[PATH]
    assert "return rounded(sum(self.lines))" in shown
    assert "return math.floor(value)" in shown
    assert "def unrelated():\n    pass  # not shown\n" in shown
    assert "def empty(self):\n        pass  # not shown\n" in shown
    assert focused({PATH: CART}, [PATH], "1 test fails")[PATH] == CART


async def test_the_loop_asks_for_functions() -> None:
    """First with what is wrong, then without; the rest of a long file is not shown."""
    text = "def answer():\n    return 0\n\n\ndef other():\n    return 'long'\n"
    replies = [
        json.dumps({"edits": [{"path": "answer.py", "function": "answer", "code": code}]})
        for code in (["def answer():", "    return 1"], ["def answer():", "    return 42"])
    ]
    ask = Answers(*replies)
    given = job(
        edit_format=EditFormat.FUNCTION, files={"answer.py": text}, failing="answer() == 42"
    )
    result = await repair(given, ask, Wants42())
    assert result.solved
    assert result.files["answer.py"] == text.replace("return 0", "return 42")
    first, second = (request.messages[-1]["content"] for request in ask.requests)
    assert "return 0" in first
    assert "Write each function that is wrong anew" in first
    assert "return 0" not in second
    assert "long" not in first + second


def test_the_stand_in_answers_in_it() -> None:
    """Its reply, applied, is the solution."""
    after = CART.replace("bool(self.lines)", "not self.lines").replace("floor", "ceil")
    data = json.loads(edit_reply(schema(EditFormat.FUNCTION, [PATH]), {PATH: CART}, {PATH: after}))
    assert [one["function"] for one in data["edits"]] == ["Cart.empty", "rounded"]
    assert apply({PATH: CART}, parse(EditFormat.FUNCTION, data), [PATH]).files[PATH] == after


def test_every_format_has_one_name() -> None:
    """In the configuration, on the command line and in the loop."""
    assert set(EDIT_FORMATS) == set(get_args(EditFormatName)) == set(EditFormat)
