"""Which bodies are hidden, and that what is left is the file's own text."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.patchloop.masking import masked, unquoted

CART = '''"""A cart."""

TAX = 0.2


class Cart:
    """Holds lines."""

    def total(self) -> float:
        """The sum."""
        # wrong
        return rounded(sum(self.lines)) * TAX

    @property
    def empty(self): return not self.lines


def rounded(value):
    return round(value, 2)


@cache
def other(
    a,
):
    def inner():
        return a

    return inner
'''


def hidden(text: str, failing: str) -> str:
    """The file as it is shown, "" where nothing can be hidden."""
    found = masked({"cart.py": text}, ["cart.py"], failing)
    return found["cart.py"] if found else ""


def test_what_the_failure_names_and_what_that_uses() -> None:
    """Docstrings, constants, decorators and other functions stay."""
    text = hidden(CART, "in total\n  AssertionError: 3 != 4")
    assert '"""The sum."""\n        ...\n\n    @property\n' in text
    assert "def rounded(value):\n    ...\n" in text
    assert "return not self.lines" in text
    assert "return inner" in text
    assert "wrong" not in text
    assert "TAX = 0.2" in text
    ast.parse(text)


def test_a_class_stands_for_its_methods() -> None:
    """One-line bodies are hidden within their line."""
    text = hidden(CART, "Cart() is not empty")
    assert "def empty(self): ...\n" in text
    assert "sum(self.lines)" not in text


def test_without_a_name_all_are_hidden() -> None:
    """The failure may lie anywhere."""
    text = hidden(CART, "exit 1")
    assert "return" not in text
    assert "    a,\n):\n    ...\n" in text


@pytest.mark.parametrize("text", ["", "x = 1\n", "def f(:\n", 'def f():\n    """Only words."""\n'])
def test_where_nothing_can_be_hidden(text: str) -> None:
    """No function, no syntax, no body."""
    assert hidden(text, "f fails") == ""


def test_a_file_whose_lines_python_counts_otherwise_is_left_alone() -> None:
    """It ends a line at a lone CR, where nothing else does."""
    assert hidden("x = 1\rdef f():\r    return 1\rdef g():\n    return 2\n", "in f") == ""


def test_files_that_may_not_be_edited_are_shown_whole() -> None:
    """So are those in other languages."""
    files = {"cart.py": CART, "tests.py": CART, "a.js": "function total() { return 1 }"}
    found = masked(files, ["cart.py", "a.js"], "total")
    assert found is not None
    assert (found["tests.py"], found["a.js"]) == (files["tests.py"], files["a.js"])


@pytest.mark.parametrize(
    "quote",
    [
        "  cart.py:12: return rounded(sum(self.lines)) * TAX",
        'File "cart.py", line 12, in total\n    return rounded(sum(self.lines)) * TAX',
        ">       return rounded(sum(self.lines)) * TAX",
    ],
)
def test_a_traceback_does_not_show_what_is_hidden(quote: str) -> None:
    """A small model copies a faulty line wherever it reads it; what else was said stays."""
    found = masked({"cart.py": CART}, ["cart.py"], "in total")
    assert found
    said = f"total fails\n  tests.py:3: assert cart.total() == 4\n{quote}\n  cart.py:3: TAX = 0.2"
    told = unquoted(said, {"cart.py": CART}, found)
    assert "sum(self.lines)" not in told
    assert told == said.replace("return rounded(sum(self.lines)) * TAX", "...")


@given(
    st.lists(
        st.sampled_from(
            [
                "def f():",
                "    return 'é'",
                "    def g(): pass",
                "class C:",
                "    x = 1; y = 2",
                "",
                "@d",
            ]
        ),
        max_size=8,
    )
)
def test_whatever_can_be_parsed_can_be_after(rows: list[str]) -> None:
    """With the same functions at the top."""
    text = "\n".join(rows)
    found = hidden(text, "")
    if found:
        names = [
            [getattr(node, "name", "") for node in ast.parse(each).body] for each in (text, found)
        ]
        assert names[0] == names[1]
