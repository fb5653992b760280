"""A Python file without the function bodies that a failing check reaches.

A small model that is shown a faulty body copies it, fault included; one that is shown the signature
and the docstring writes the body. Signatures, docstrings, constants and all other code stay.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.syntax import NOT_PYTHON, parse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Function = ast.FunctionDef | ast.AsyncFunctionDef
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
BRANCHES = (ast.stmt, ast.ExceptHandler, ast.match_case)
"""What may hold further statements; expressions hold none, and may be deep."""
NOT_SHOWN = "# not shown"
# Of methods that are shown for the state they share: some 3,000 characters.
_MOST_LINES_BESIDE = 80
_BEFORE_QUOTE = re.compile(r"\s*[^\s:]+:\d+: |[>\s]+")
_LINE = re.compile(r"[^\n]*\n|[^\n]+")


def parsed(text: str) -> ast.Module | None:
    """The syntax tree of a Python file; None when it has none, or other line numbers than ours.

    Python ends a line at a lone CR too, and all who cut a file by the tree's lines at LF alone.
    """
    if text.count("\r") != text.count("\r\n"):
        return None
    try:
        return parse(text)
    except NOT_PYTHON:
        return None


def first_line(node: Function) -> int:
    """Where a function begins, decorators included; from 1."""
    return min([node.lineno, *(each.lineno for each in node.decorator_list)])


@dataclass(frozen=True, slots=True)
class Defined:
    """A function, the class that it is in (empty outside of one), and what it stands among."""

    owner: str
    node: Function
    beside: Sequence[ast.stmt]

    @property
    def name(self) -> str:
        """As a reply names it: ``NAME``, a method as ``CLASS.NAME``."""
        return f"{self.owner}.{self.node.name}" if self.owner else self.node.name


def defined(tree: ast.AST) -> Iterator[Defined]:
    """The functions of a file in their order; not those within another's body."""
    waiting: list[tuple[str, ast.AST, Sequence[ast.stmt]]] = [("", tree, ())]
    while waiting:
        owner, node, beside = waiting.pop()
        if isinstance(node, FUNCTIONS):
            yield Defined(owner, node, beside)
            continue
        within = node.name if isinstance(node, ast.ClassDef) else owner
        blocks = [block for _, block in ast.iter_fields(node) if isinstance(block, list)]
        inner = [
            (within, one, block) for block in blocks for one in block if isinstance(one, BRANCHES)
        ]
        waiting += reversed(inner)


def functions_by_name(tree: ast.AST) -> dict[str, Defined]:
    """The functions of a file by name; of two alike the last."""
    return {one.name: one for one in defined(tree)}


def focused(files: Mapping[str, str], editable: Sequence[str], failing: str) -> dict[str, str]:
    """``files`` without the bodies of ``editable`` ones that the failing check does not reach.

    For replies that hold single functions: of the rest the signatures and docstrings are enough.
    A method's object was made and changed by others before it failed, so those are shown with it.
    """
    trees = {path: parsed(files.get(path, "")) for path in editable if path.endswith(".py")}
    functions = {path: list(defined(tree)) for path, tree in trees.items() if tree}
    reached = _with_their_state([one for found in functions.values() for one in found], failing)
    shown = dict(files)
    for path, found in functions.items():
        rest = [one.node for one in found if id(one.node) not in reached]
        shown[path] = _without(files[path], rest, f"pass  {NOT_SHOWN}")
    return shown


def reached_sources(files: Mapping[str, str], editable: Sequence[str], failing: str) -> list[str]:
    """The texts of the functions that ``focused`` leaves whole."""
    trees = {path: parsed(files.get(path, "")) for path in editable if path.endswith(".py")}
    functions = {path: list(defined(tree)) for path, tree in trees.items() if tree}
    reached = _with_their_state([one for found in functions.values() for one in found], failing)
    lines = {path: _LINE.findall(files[path]) for path in functions}
    return [
        "".join(lines[path][first_line(one.node) - 1 : one.node.end_lineno])
        for path, found in functions.items()
        for one in found
        if id(one.node) in reached
    ]


def masked(
    files: Mapping[str, str], editable: Sequence[str], failing: str
) -> dict[str, str] | None:
    """``files`` with bodies of ``editable`` ones replaced by ``...``; None when none can be.

    Hidden are the functions that ``failing``, the check's output, names, and those that they use;
    all of them where it names none.
    """
    trees = {path: parsed(files.get(path, "")) for path in editable if path.endswith(".py")}
    functions = {path: list(defined(tree)) for path, tree in trees.items() if tree}
    if not any(functions.values()):
        return None
    reached = _reached([one for found in functions.values() for one in found], failing)
    shown = dict(files)
    for path, found in functions.items():
        hidden = [one.node for one in found if id(one.node) in reached]
        shown[path] = _without(files[path], hidden)
    return shown if shown != files else None


def unquoted(failing: str, files: Mapping[str, str], shown: Mapping[str, str]) -> str:
    """A check's output without the lines of ``files`` that are hidden in ``shown``.

    Tracebacks quote them: alone, behind a mark, or behind where they stand (``FILE:LINE: ``).
    """
    hidden = {
        line.strip()
        for path, text in shown.items()
        for line in {*files.get(path, "").split("\n")} - {*text.split("\n")}
    } - {""}
    lines = []
    for line in failing.split("\n"):
        before = _BEFORE_QUOTE.match(line)
        end = before.end() if before else 0
        lines.append(f"{line[:end]}..." if line[end:].strip() in hidden else line)
    return "\n".join(lines)


def _reached(functions: Sequence[Defined], failing: str) -> set[int]:
    """Those that ``failing`` names, by themselves or by their class, and those that they use."""
    by_name: dict[str, list[Function]] = {}
    for one in functions:
        for name in {one.owner, one.node.name} - {""}:
            by_name.setdefault(name, []).append(one.node)
    names = set(re.findall(r"\w+", failing)) & by_name.keys()
    if not names:
        return {id(one.node) for one in functions}
    reached: set[int] = set()
    while names:
        for node in by_name.pop(names.pop(), ()):
            if id(node) not in reached:
                reached.add(id(node))
                names |= _used(node) & by_name.keys()
    return reached


def _with_their_state(functions: Sequence[Defined], failing: str) -> set[int]:
    """Those reached, and of the same classes the methods that use the same attributes.

    A check's output names the method that answered wrongly, seldom the one that left the object
    so, such as its constructor. The shortest come first, up to a length.
    """
    reached = _reached(functions, failing)
    state: dict[str, set[str]] = {}
    for one in functions:
        if one.owner and id(one.node) in reached:
            state.setdefault(one.owner, set()).update(_attributes(one.node))
    left = _MOST_LINES_BESIDE
    for one in sorted(functions, key=lambda one: _lines(one.node)):
        if id(one.node) in reached or not _attributes(one.node) & state.get(one.owner, set()):
            continue
        left -= _lines(one.node)
        if left < 0:
            break
        reached.add(id(one.node))
    return reached


def _attributes(method: Function) -> set[str]:
    """Those of the object that a method is called on."""
    given = [*method.args.posonlyargs, *method.args.args][:1]
    return {
        one.attr
        for one in ast.walk(method)
        if isinstance(one, ast.Attribute)
        and isinstance(one.value, ast.Name)
        and one.value.id in {each.arg for each in given}
    }


def _lines(function: Function) -> int:
    return (function.end_lineno or function.lineno) - first_line(function) + 1


def _used(function: Function) -> set[str]:
    return {
        one.id if isinstance(one, ast.Name) else one.attr
        for one in ast.walk(function)
        if isinstance(one, ast.Name | ast.Attribute)
    }


def _without(text: str, functions: Sequence[Function], instead: str = "...") -> str:
    """``text`` with each body replaced, from the last to the first so that line numbers hold."""
    lines = _LINE.findall(text)
    for node in sorted(functions, key=lambda one: -one.lineno):
        body = node.body[1:] if ast.get_docstring(node, clean=False) is not None else node.body
        if not body:
            continue
        decorators = [each.lineno for each in getattr(body[0], "decorator_list", ())]
        first = min([body[0].lineno, *decorators])
        # The syntax tree counts columns in bytes.
        before = lines[first - 1].encode()[: body[0].col_offset].decode()
        if not before.strip():
            before = " " * body[0].col_offset
            if body is not node.body:  # a comment below the docstring may tell of the fault
                first = (node.body[0].end_lineno or first - 1) + 1
        lines[first - 1 : body[-1].end_lineno] = [f"{before}{instead}\n"]
    return "".join(lines)
