"""Replies that hold single functions: what is shown, what is replaced, what is refused."""

from __future__ import annotations

import ast
import json
from typing import Any

import pytest

from core.errors import EditRejected
from core.patchloop.applying import apply
from core.patchloop.formats import EditFormat, parse, schema
from core.patchloop.loop import repair
from core.patchloop.masking import focused
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


@pytest.mark.parametrize(
    ("opening", "expected"),
    [
        ("import os; X = [\n    1,\n]\n", "import math\nimport os; X = [\n    1,\n]\n"),
        ("import os\nimport re; X = [\n    1,\n]\n", "import os\nimport math\nimport re; X = ["),
        ('"""Doc."""; X = [\n    1,\n]\n', '"""Doc."""; X = [\n    1,\n]\nimport math\n'),
        (
            "from __future__ import annotations; X = 1; Y = [\n    1,\n]\n",
            "X = 1; Y = [\n    1,\n]\nimport math\n",
        ),
        ("import os; X = 1\n", "import os; X = 1\nimport math\n"),
    ],
)
def test_an_import_never_lands_within_another_statement(opening: str, expected: str) -> None:
    """Also where that begins on the line of an import, and ends below it."""
    text = f"{opening}\n\ndef f():\n    return 1\n"
    made = edited("f", "import math", "def f():", "    return math.pi", text=text)
    ast.parse(made)
    assert expected in made


def test_a_function_is_replaced_and_nothing_else() -> None:
    """At its own indentation, decorators included."""
    made = edited("Cart.empty", "@property", "def empty(self):", "    return not self.lines")
    assert made == CART.replace("return bool(self.lines)", "return not self.lines")
    made = edited("Cart.total", "    def total(self):", "        return 0")
    assert made == CART.replace("return rounded(sum(self.lines))", "return 0")


@pytest.mark.parametrize(
    ("function", "code", "complaint"),
    [
        ("Cart.sum", ["def sum(self):", "    pass"], "these are: Cart.empty, Cart.total, rounded"),
        ("", ["def rounded(v): pass"], 'no function ""'),
        ("rounded", ["def rounded(v): pass", f"RATE = 1{' + 1' * 1500}"], "nested too deeply"),
        ("rounded", ["def round(value):", "    pass"], "must be the function rounded"),
        ("rounded", ["def rounded(value:"], "must be the function rounded"),
        ("rounded", ["def rounded(v): pass", "print(rounded(1))"], "and no other statements"),
        ("rounded", ["def rounded(v): pass", "class Cart: pass"], "Cart is there; give its"),
        ("rounded", ["def rounded(v): pass", "def rounded(v): return v"], "given twice"),
        ("rounded", ["def rounded(v): return v", "A = 1; B = 2"], "a line of its own"),
        ("rounded", ["def rounded(v):", "    pass  # not shown"], "rounded has no body"),
        ("rounded", ["def rounded(v): ..."], "rounded has no body"),
        (
            "Cart.total",
            ["class Cart:", "    def total(self): pass"],
            "the function Cart.total, whole",
        ),
        ("rounded", ["rounded = round"], "the function rounded, whole"),
        ("rounded", ["# nothing"], "no Python"),
        ("rounded", ["def rounded(v): pass", "A = 1", "A = 2"], "A is given twice"),
        ("rounded", ["def rounded(v): pass", "#" * 70_000], "too long"),
        ("rounded", [f"a{n} = 1" for n in range(64)] + ["def rounded(v): pass"], "65 statements"),
        ("Cart.RATE", ["RATE = 1"], "there is no function"),
        ("Cart.total", ["def total(self):", "  \x0c  return 0"], "with spaces alone"),
    ],
)
def test_what_is_no_such_function_is_refused(
    function: str, code: list[str], complaint: str
) -> None:
    """In words for the model."""
    with pytest.raises(EditRejected, match=complaint):
        edited(function, *code)


def test_what_a_function_needs_may_stand_beside_it() -> None:
    """Imports go to the top, new names before the function, old constants in their place."""
    made = edited(
        "rounded",
        "from decimal import Decimal",
        "import math",
        "# What a unit is.",
        "CENT = Decimal('0.01')",
        "RATE = 0.25",
        "def cents(value):",
        "    return value / CENT",
        "def rounded(value):",
        "    return math.ceil(cents(value))",
    )
    helpers = """# What a unit is.
CENT = Decimal('0.01')


def cents(value):
    return value / CENT


def rounded(value):
    return math.ceil(cents(value))
"""
    wanted = CART.replace("import math\n", "import math\nfrom decimal import Decimal\n")
    old = CART[CART.index("def rounded") : CART.index("\n\ndef unrelated")]
    assert made == wanted.replace(old, helpers).replace("RATE = 0.2\n", "RATE = 0.25\n")
    made = edited("Cart.total", "limit = 9", "def total(self):", "    return self.limit")
    assert "    limit = 9\n\n    def total(self):\n        return self.limit\n\n\ndef" in made


def test_what_encloses_or_spells_a_function_otherwise_is_no_hindrance() -> None:
    """A Markdown fence, a byte order mark, letters that Python takes for the same."""
    wanted = CART.replace("math.floor(value)", "value")
    body = ["def rounded(value):", '    """To whole cents."""', "    return value"]
    data = {"edits": [{"path": PATH, "function": "rounded", "code": ["```python", *body, "```"]}]}
    applied = apply({PATH: CART}, parse(EditFormat.FUNCTION, data), [PATH])
    assert (applied.files[PATH], applied.fences_stripped) == (wanted, 1)
    assert edited("rounded", f"\ufeff{body[0]}", *body[1:]) == wanted
    assert edited("\uff52ounded", *body) == wanted


def test_a_constant_may_be_what_is_wrong() -> None:
    """In its place; one that is new goes below the imports."""
    assert edited("RATE", "RATE = 0.3") == CART.replace("RATE = 0.2", "RATE = 0.3")
    made = edited("_numbers", "import itertools", "_numbers = itertools.count()")
    top = "import math\nimport itertools\n\n_numbers = itertools.count()\n\nRATE = 0.2\n"
    assert made == CART.replace("import math\n\nRATE = 0.2\n", top)


def test_neighbours_in_a_reply_are_not_lost() -> None:
    """A small model that gives the file it was shown gives bodies that were hidden from it."""
    shown = focused({PATH: CART}, [PATH], "in rounded")[PATH]
    functions = shown[shown.index("def rounded") :].replace("floor", "ceil")
    assert edited("rounded", *functions.split("\n")) == CART.replace("floor", "ceil")
    # The mark may be lost on the way.
    unmarked = functions.replace("  # not shown", "").split("\n")
    assert unmarked[-2:] == ["    pass", ""]
    assert edited("rounded", *unmarked) == CART.replace("floor", "ceil")


PAIR = """class Box:
    @property
    def size(self):
        return self._size

    @size.setter
    def size(self, value):
        self._size = value
"""


def test_of_functions_with_one_name_the_last_is_meant() -> None:
    """As Python has it, also where one of them stands in a branch."""
    branch = "if WINDOWS:\n    def seat():\n        return 1\n"
    plainly = "def seat():\n    return 2\n"
    new = ["def seat():", "    return 3"]
    assert edited("seat", *new, text=branch + plainly) == branch + plainly.replace("2", "3")
    assert edited("seat", *new, text=plainly + branch) == plainly + branch.replace("1", "3")


def test_of_functions_with_one_name_the_decorators_tell() -> None:
    """A property's getter is not put where its setter was, and a deleter is new."""
    getter = ["@property", "def size(self):", "    return 1"]
    assert edited("Box.size", *getter, text=PAIR) == PAIR.replace("return self._size", "return 1")
    setter = ["@size.setter", "def size(self, value):", "    pass"]
    made = edited("Box.size", *getter, *setter, text=PAIR)
    wanted = PAIR.replace("return self._size", "return 1").replace("self._size = value", "pass")
    assert made == wanted
    deleter = ["@size.deleter", "def size(self):", "    del self._size"]
    made = edited("Box.size", *deleter, text=PAIR)
    assert made.startswith(PAIR)
    assert made.endswith("\n    @size.deleter\n    def size(self):\n        del self._size\n")


@pytest.mark.parametrize(
    ("text", "code", "wanted"),
    [
        ("class A:\n\tdef f(self):\n\t\treturn 1\n", ["def f(self):", "    return '\t'"], "'\t'"),
        (
            'class A:\n    def f(self):\n        return """a\nb"""\n',
            ["    def f(self):", '        return """a', 'c"""'],
            '"""a\nc"""',
        ),
        ("class A:\n    async def f(self):\n        pass\n", ["async def f(self): return 2"], "2"),
        (
            "class A:\r\n    def f(self):\r\n        pass\r\n",
            ["def f(self):", "\treturn 3"],
            "3\r\n",
        ),
        ("class A:\n    if 1:\n        def f(self): pass", ["def f(self):", "    return 4"], "4"),
        ("class A:\n  def f(self): pass\n  é = 1\n", ["é = 2", "def f(self): return 5"], "é = 2"),
    ],
)
def test_the_files_own_style_stays(text: str, code: list[str], wanted: str) -> None:
    """Tabs, line ends, strings of several lines: what comes out is Python, and only f differs."""
    made = edited("A.f", *code, text=text)
    ast.parse(made)
    assert wanted in made
    assert made.count("def f") == 1
    assert made.endswith("\n") is text.endswith("\n")


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
    assert focused({PATH: CART}, [PATH], "1 test fails")[PATH] == CART


def test_what_made_the_object_is_shown_with_the_method_that_failed() -> None:
    """Its constructor, and other methods on the same attributes: the fault may be theirs."""
    text = (
        "class Board:\n"
        "    def __init__(self):\n        self.rows = [[]] * 3\n"
        "    def put(self, row, stone):\n        self.rows[row].append(stone)\n"
        "    def named(self):\n        return self.name\n"
        "    def text(self):\n        return str(self.rows)\n"
        "class Other:\n"
        "    def width(self):\n        return self.rows\n"
    )
    shown = focused({PATH: text}, [PATH], "assert board.text() == '.'")[PATH]
    assert "[[]] * 3" in shown
    assert "append(stone)" in shown
    assert shown.count("pass  # not shown") == 2
    assert "return self.name" not in shown


def test_a_class_without_end_is_not_shown_whole() -> None:
    """The shortest methods on the same attributes first, as many as fit."""
    long = "".join(f"        self.rows[{at}]\n" for at in range(70))
    methods = "".join(f"    def m{at}(self):\n{long}" for at in range(3))
    made = "    def __init__(self):\n        self.rows = []\n"
    text = f"class Board:\n{methods}{made}    def text(self):\n        return str(self.rows)\n"
    shown = focused({PATH: text}, [PATH], "assert board.text() == '.'")[PATH]
    assert "self.rows = []" in shown
    assert shown.count("pass  # not shown") == 2


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
    assert set(EDIT_FORMATS) == set(EditFormat)
