"""Mutants of Python source by its syntax tree: one small change in one function each.

The change is made in the text, so layout and comments stay. Pure.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.harness.suites.reading import MAX_FILE_BYTES
from core.syntax import NOT_PYTHON, parse

if TYPE_CHECKING:
    from collections.abc import Iterator

_SWAPPED: dict[type[ast.cmpop], tuple[str, str]] = {
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.Is: ("is", "is not"),
    ast.IsNot: ("is not", "is"),
    ast.In: ("in", "not in"),
    ast.NotIn: ("not in", "in"),
}
_ARITHMETIC: dict[type[ast.operator], tuple[str, str]] = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "+"),
    ast.FloorDiv: ("//", "/"),
    ast.Mod: ("%", "//"),
}
_MOST_LINES = 60  # of a function
_LARGE = 1000
_PROBE = 'raise NotImplementedError("not written yet")'


@dataclass(frozen=True, slots=True)
class Mutant:
    """A changed source: ``operator`` says how, ``line`` where; ``before`` and ``after`` are it."""

    path: str
    function: str
    operator: str
    line: int
    text: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class _Edit:
    """Bytes ``start`` to ``end`` of the source become ``new``."""

    operator: str
    start: int
    end: int
    new: str


def mutants(path: str, source: str, function: str = "") -> Iterator[Mutant]:
    """Every mutant of ``source``, or of its ``function``, in order.

    Each parses and is another program. One takes as long as parsing the file twice.
    """
    parsed = _parsed(source)
    if parsed is None:
        return
    text = source.encode()
    starts = _line_starts(text)
    tree = ast.dump(parsed)
    for name, found in _functions(parsed):
        if function not in {"", name}:
            continue
        for edit in _Finder(text, starts).edits(found):
            changed = text[: edit.start] + edit.new.encode() + text[edit.end :]
            other = _parsed(changed.decode(errors="replace"))
            if other is None or ast.dump(other) == tree:
                continue
            number = text.count(b"\n", 0, edit.start)
            new = changed.decode()
            yield Mutant(
                path,
                name,
                edit.operator,
                number + 1,
                new,
                source.splitlines()[number].strip(),
                (new.splitlines() or [""])[min(number, new.count("\n"))].strip(),
            )


def probe(source: str, function: str) -> str | None:
    """``source`` with the body of ``function`` raising: who fails then is who should notice."""
    parsed = _parsed(source)
    if parsed is None:
        return None
    found = dict(_functions(parsed)).get(function)
    if found is None:
        return None
    text = source.encode()
    starts = _line_starts(text)
    body = found.body
    docstring = isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)
    first = body[1] if docstring and len(body) > 1 else body[0]
    last = body[-1]
    start = starts[first.lineno - 1] + first.col_offset
    end = starts[(last.end_lineno or last.lineno) - 1] + (last.end_col_offset or 0)
    changed = (text[:start] + _PROBE.encode() + text[end:]).decode(errors="replace")
    return changed if _parsed(changed) is not None else None


def functions(source: str) -> dict[str, tuple[int, int]]:
    """The first and last line of each function, by its dotted name."""
    parsed = _parsed(source)
    found = _functions(parsed) if parsed else ()
    return {name: (each.lineno, each.end_lineno or each.lineno) for name, each in found}


def _parsed(source: str) -> ast.Module | None:
    if len(source) > MAX_FILE_BYTES:
        return None
    try:
        parsed = parse(source)
        compile(source, "mutant", "exec", dont_inherit=True)
    except NOT_PYTHON:
        return None
    return parsed


def _line_starts(text: bytes) -> list[int]:
    return [0, *(match.end() for match in re.finditer(rb"\n", text))]


def _functions(
    node: ast.AST, above: str = ""
) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Functions and methods worth breaking, the outer ones only."""
    for each in ast.iter_child_nodes(node):
        if isinstance(each, ast.ClassDef):
            yield from _functions(each, f"{above}{each.name}.")
        elif isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (each.end_lineno or each.lineno) - each.lineno
            if each.name not in {"__repr__", "__str__", "main"} and lines <= _MOST_LINES:
                yield f"{above}{each.name}", each


class _Finder(ast.NodeVisitor):
    """Finds the edits of one function; annotations and docstrings stay."""

    def __init__(self, text: bytes, starts: list[int]) -> None:
        self._text = text
        self._starts = starts
        self._found: list[_Edit] = []

    def edits(self, function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[_Edit]:
        for default in (*function.args.defaults, *filter(None, function.args.kw_defaults)):
            self.visit(default)
        for statement in function.body:
            self.visit(statement)
        return self._found

    def _span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        last = node.end_lineno or node.lineno
        start = self._starts[node.lineno - 1] + node.col_offset
        return start, self._starts[last - 1] + (node.end_col_offset or 0)

    def _source(self, node: ast.expr | ast.stmt) -> str:
        start, end = self._span(node)
        return self._text[start:end].decode(errors="replace")

    def _replace(self, operator: str, node: ast.expr | ast.stmt, new: str) -> None:
        self._found.append(_Edit(operator, *self._span(node), new))

    def _between(self, operator: str, left: ast.expr, right: ast.expr, old: str, new: str) -> None:
        """Swap the operator that stands between two expressions."""
        start, end = self._span(left)[1], self._span(right)[0]
        gap = self._text[start:end].decode(errors="replace")
        if gap.count(old) == 1 and "#" not in gap:
            at = start + len(gap[: gap.index(old)].encode())
            self._found.append(_Edit(operator, at, at + len(old.encode()), new))

    def visit_Compare(self, node: ast.Compare) -> None:
        if len(node.ops) == 1 and type(node.ops[0]) in _SWAPPED:
            old, new = _SWAPPED[type(node.ops[0])]
            kind = "boundary" if old in {"<", "<=", ">", ">="} else "comparison"
            self._between(kind, node.left, node.comparators[0], old, new)
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        if type(node.op) in _ARITHMETIC and not _is_text(node):
            old, new = _ARITHMETIC[type(node.op)]
            self._between("arithmetic", node.left, node.right, old, new)
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        old, new = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
        if len(node.values) == 2:  # noqa: PLR2004  both sides of one operator
            self._between("logic", node.values[0], node.values[1], old, new)
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        if isinstance(node.op, ast.Not):
            self._replace("negation", node, f"bool({self._source(node.operand)})")
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        value = node.value
        if isinstance(value, bool):
            self._replace("constant", node, str(not value))
        elif isinstance(value, int) and 0 <= value < _LARGE and self._source(node).isdecimal():
            self._replace("off-by-one", node, str(value + 1))

    def visit_Return(self, node: ast.Return) -> None:
        value = node.value
        if value is not None and not isinstance(value, ast.Constant):
            self._replace("return-value", value, "None")
        self.generic_visit(node)

    def visit_If(self, node: ast.If) -> None:
        test = node.test
        if not isinstance(test, ast.Compare | ast.BoolOp | ast.UnaryOp):
            self._replace("condition", test, f"not ({self._source(test)})")
        self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Constant):
            return  # a docstring
        if isinstance(node.value, ast.Call):
            self._replace("lost-call", node, "pass")
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self._replace("lost-update", node, "pass")
        self.generic_visit(node)

    def visit_Continue(self, node: ast.Continue) -> None:
        self._replace("loop-control", node, "break")

    def visit_Break(self, node: ast.Break) -> None:
        self._replace("loop-control", node, "continue")

    def visit_Call(self, node: ast.Call) -> None:
        two = node.args[:2]
        plain_two = len(two) == 2 and not any(isinstance(each, ast.Starred) for each in two)  # noqa: PLR2004
        if plain_two and self._source(two[0]) != self._source(two[1]):
            (start, first_end), (second, end) = self._span(two[0]), self._span(two[1])
            between = self._text[first_end:second].decode(errors="replace")
            new = self._source(two[1]) + between + self._source(two[0])
            self._found.append(_Edit("swapped-arguments", start, end, new))
        self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        """Positions inside of it are not those of the source in every version of Python."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        for statement in node.body:
            self.visit(statement)


def _is_text(node: ast.BinOp) -> bool:
    """Whether a sum or a remainder is of texts, as far as can be seen."""
    return any(
        isinstance(side, ast.JoinedStr)
        or (isinstance(side, ast.Constant) and isinstance(side.value, str))
        for side in (node.left, node.right)
    )
