"""A reply's function put into its file, and with it what the change needs beside it.

That may be imports, which go to the top of the file, and functions, classes and constants of the
function's own level (the module, or its class): new ones go before it, others in the old one's
place. Whatever is not in the reply stays, so a file that was shown in part is never lost in part.
"""

from __future__ import annotations

import ast
import io
import tokenize
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.errors import EditRejected
from core.patchloop.diff import lines_of, unified
from core.patchloop.imports import below_imports, missing_imports
from core.patchloop.masking import (
    FUNCTIONS,
    NOT_SHOWN,
    Function,
    first_line,
    functions_by_name,
    parsed,
)
from core.plain import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.patchloop.formats import FunctionBody


# A function and what it needs beside it; more is a reply that ran wild, and slow to read.
_MOST_PARTS = 64
_MOST_CODE = 32 * 1024


def replace_function(text: str, edit: FunctionBody) -> str:
    """``text`` (with LF) with one function replaced, decorators included, at its own indentation.

    Of several with its name (a property's, say) the one with the same decorators is meant, else
    the last. A constant of the module may be named instead, also one that is new.

    Raises:
        EditRejected: The file has no such function, or the code is something else.
    """
    tree = parsed(text)
    if tree is None:
        raise EditRejected(f"{edit.path}: it is no Python that can be read; give another edit.")
    named = plain(edit.function, 120)
    if len(edit.code) > _MOST_CODE:
        raise EditRejected(f'{edit.path}: "code" is too long: {len(edit.code)} characters.')
    read = _read(edit.code)
    if read is None:
        raise EditRejected(
            f'{edit.path}: "code" must be the function {named}, and it is no Python.'
        )
    code, parts = read
    if len(parts) > _MOST_PARTS:
        raise EditRejected(f'{edit.path}: "code" has {len(parts)} statements; give {named} alone.')
    # Python itself takes names that look alike for the same.
    owner, _, name = unicodedata.normalize("NFKC", edit.function).rpartition(".")
    functions = functions_by_name(tree)
    found = functions.get(f"{owner}.{name}" if owner else name)
    constants = {_constant(part.node) for part in parts} - {""}
    constant = not found and not owner and name in constants
    if not found and not constant:
        names = ", ".join(list(functions)[:20]) or "none"
        raise EditRejected(f'{edit.path}: there is no function "{named}"; these are: {names}.')
    if not constant and name not in {getattr(part.node, "name", "") for part in parts}:
        raise EditRejected(f'{edit.path}: "code" must be the function {named}, whole.')
    level = _Level(found.beside if found else tree.body)
    try:
        made = _Change(text, tree, level, edit.path).made(name, code, parts)
    except RecursionError:
        raise EditRejected(f'{edit.path}: "code" is nested too deeply.') from None
    if parsed(made) is None:  # a form feed in the reply's indentation, say, which Python skips
        raise EditRejected(f'{edit.path}: indent "code" with spaces alone.')
    return made


@dataclass(frozen=True, slots=True)
class _Part:
    """One statement of a reply: its lines, at the margin, comments above it included."""

    node: ast.stmt
    first: int
    last: int


def _read(code: str) -> tuple[_Code, list[_Part]] | None:
    """The reply's lines at the margin and its statements; None where it is no Python.

    A reply that mixes tabs and spaces is read as if tabs were eight wide.
    """
    plainly = unified(code).removeprefix("\ufeff").strip("\n") + "\n"
    for text in (plainly, plainly.expandtabs(8)):
        made = _at_margin(text)
        tree = parsed(made.text) if made else None
        if made and tree and tree.body:
            return made, _parts(tree.body, len(made.lines))
    return None


def _parts(body: Sequence[ast.stmt], count: int) -> list[_Part]:
    parts, end = [], 0
    for node in body:
        parts.append(_Part(node, end + 1, node.end_lineno or end + 1))
        end = parts[-1].last
    parts[-1] = _Part(body[-1], parts[-1].first, count)
    return parts


class _Code:
    """Lines of Python, and which of them begin within a string, where no space may be added."""

    def __init__(self, lines: list[str], fixed: frozenset[int]) -> None:
        self.lines = lines
        self._fixed = fixed

    @property
    def text(self) -> str:
        return "".join(self.lines)

    def indented(self, part: _Part, margin: str) -> str:
        """The part's lines, moved right by ``margin``."""
        numbers = range(part.first, part.last + 1)
        lines = [(number, self.lines[number - 1]) for number in numbers]
        moved = (
            line if number in self._fixed or not line.strip() else margin + line
            for number, line in lines
        )
        return "".join(moved).strip("\n") + "\n"


def _at_margin(text: str) -> _Code | None:
    """The code moved left, as a method's may come at the indentation it has in its class."""
    lines = lines_of(text)
    code = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    if not code:
        return None
    margin = code[0][: len(code[0]) - len(code[0].lstrip(" \t"))]
    above = "if True:\n" if margin else ""
    tree = parsed(above + text)
    if tree is None:
        return None
    fixed = frozenset(one - len(lines_of(above)) for one in _within_strings(above + text, tree))
    moved = [
        line if number in fixed else line.removeprefix(margin)
        for number, line in enumerate(lines, 1)
    ]
    return _Code(moved, fixed)


def _within_strings(text: str, tree: ast.Module) -> set[int]:
    """The lines that begin within a string; a docstring's move with its function."""
    found: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type != tokenize.NEWLINE:
            found.update(range(token.start[0] + 1, token.end[0] + 1))
    for node in ast.walk(tree):
        if isinstance(node, (*FUNCTIONS, ast.ClassDef)) and ast.get_docstring(node) is not None:
            first = node.body[0]
            found.difference_update(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    return found


class _Level:
    """The statements of a module, a class or a branch."""

    def __init__(self, body: Sequence[ast.stmt]) -> None:
        self.body = body

    def counterpart(self, node: ast.stmt) -> ast.stmt | None:
        """What ``node`` is the new version of; None where it is new."""
        if name := _constant(node):
            return next((one for one in reversed(self.body) if _constant(one) == name), None)
        if isinstance(node, ast.ClassDef):
            classes = (one for one in self.body if isinstance(one, ast.ClassDef))
            return next((one for one in classes if one.name == node.name), None)
        if not isinstance(node, FUNCTIONS):
            return None
        same = [one for one in self.body if isinstance(one, FUNCTIONS) and one.name == node.name]
        alike = [one for one in same if _decorators(one) == _decorators(node)]
        found = alike or ([] if _is_accessor(node) else same)
        return found[-1] if found else None


def _constant(node: ast.stmt) -> str:
    """The one name that a plain assignment gives a value; empty for other statements."""
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    if isinstance(node, ast.Assign | ast.AnnAssign) and len(targets) == 1:
        return targets[0].id if isinstance(targets[0], ast.Name) else ""
    return ""


def _decorators(node: Function) -> list[str]:
    return [ast.dump(each) for each in node.decorator_list]


def _is_accessor(node: Function) -> bool:
    """Whether it adds to an earlier function of its name, as a property's setter does."""
    return any(
        isinstance(each, ast.Attribute)
        and isinstance(each.value, ast.Name)
        and each.value.id == node.name
        for each in node.decorator_list
    )


class _Change:
    """The lines of a file that a reply replaces, gathered before any is changed."""

    def __init__(self, text: str, tree: ast.Module, level: _Level, path: str) -> None:
        self._lines = lines_of(text)
        self._tree = tree
        self._level = level
        self._path = path
        self._spans: list[tuple[int, int, str]] = []  # lines from 1, first to before-the-second

    def made(self, name: str, code: _Code, parts: Sequence[_Part]) -> str:
        """The file with all ``parts`` in their places; ``name`` is what the edit is about."""
        imports = [one.node for one in parts if isinstance(one.node, ast.Import | ast.ImportFrom)]
        added: list[_Part] = []
        taken: set[int] = set()
        for part, before in zip(parts, [None, *parts], strict=False):
            if before and part.node.lineno <= before.last:
                raise self._refused("give each statement a line of its own")
            if part.node in imports:
                continue
            asked = name in {getattr(part.node, "name", ""), _constant(part.node)}
            old = self._level.counterpart(part.node)
            twice = [one for one in added if _called(one.node) == _called(part.node)]
            if id(old) in taken or (twice and not _follows(part.node)):
                raise self._refused(f"{_called(part.node)} is given twice; give it once")
            if old is None:
                self._may_be_added(part.node)
                added.append(part)
            elif self._says_something(part, old, code, asked=asked):
                taken.add(id(old))
                self._replace(old, part, code)
        anchor = self._anchor(name)
        self._add([one for one in added if not _follows(one.node)], code, anchor, after=False)
        self._add([one for one in added if _follows(one.node)], code, anchor, after=True)
        if lines := missing_imports(self._tree, imports):
            at = below_imports(self._tree) + 1
            self._spans.append((at, at, "".join(f"{line}\n" for line in lines)))
        return self._text()

    def _text(self) -> str:
        lines = [line.removesuffix("\n") + "\n" for line in self._lines]
        # From the end, so that line numbers hold; of two at one line the later comes above.
        for first, end, new in sorted(self._spans, key=lambda one: -one[0]):
            lines[first - 1 : end - 1] = [new]
        return "".join(lines)

    def _may_be_added(self, node: ast.stmt) -> None:
        if not _called(node):
            wanted = "functions, classes, constants and imports"
            raise self._refused(f'"code" may hold {wanted}, and no other statements')

    def _says_something(self, part: _Part, old: ast.stmt, code: _Code, *, asked: bool) -> bool:
        """Whether the part is a change: neighbours come back as copies, or as they were hidden."""
        if isinstance(part.node, ast.ClassDef):
            raise self._refused(
                f"the class {part.node.name} is there; give its functions alone, as CLASS.NAME"
            )
        if _is_hidden(part, code, asked=asked):
            if asked:
                raise self._refused(f"{_called(part.node)} has no body; write it")
            return False
        return asked or ast.dump(part.node) != ast.dump(old)

    def _replace(self, old: ast.stmt, part: _Part, code: _Code) -> None:
        first = first_line(old) if isinstance(old, FUNCTIONS) else old.lineno
        last = old.end_lineno or first
        others = (one for one in self._level.body if one is not old)
        if any(one.lineno <= last and (one.end_lineno or 0) >= first for one in others):
            raise self._refused(f"{_called(old)} shares its line with another statement")
        self._spans.append((first, last + 1, code.indented(part, self._margin(first))))

    def _add(
        self, parts: Sequence[_Part], code: _Code, anchor: ast.stmt | None, *, after: bool
    ) -> None:
        """New definitions before the function that needs them, or below the imports."""
        if not parts:
            return
        if anchor is None:
            at, margin = below_imports(self._tree) + 1, ""
            text = "".join(f"\n{code.indented(part, margin)}" for part in parts)
        else:
            first = first_line(anchor) if isinstance(anchor, FUNCTIONS) else anchor.lineno
            margin = self._margin(first)
            gap = "\n" if margin else "\n\n"
            made = [code.indented(part, margin) for part in parts]
            at = (anchor.end_lineno or first) + 1 if after else self._above(first)
            text = "".join(f"{gap}{one}" if after else f"{one}{gap}" for one in made)
        self._spans.append((at, at, text))

    def _anchor(self, name: str) -> ast.stmt | None:
        body = self._level.body
        found = [one for one in body if name in {getattr(one, "name", ""), _constant(one)}]
        return found[-1] if found else None

    def _above(self, first: int) -> int:
        """Where something new goes that stands before line ``first``: above its comments."""
        ends = [one.end_lineno or 0 for one in self._level.body if (one.end_lineno or 0) < first]
        least = max(ends, default=first - 1)
        while first - 1 > least and self._lines[first - 2].lstrip().startswith("#"):
            first -= 1
        return first

    def _margin(self, number: int) -> str:
        line = self._lines[number - 1]
        return line[: len(line) - len(line.lstrip(" \t"))]

    def _refused(self, why: str) -> EditRejected:
        return EditRejected(f"{self._path}: {why}.")


def _called(node: ast.stmt) -> str:
    """What a definition is called; empty where the statement is none."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return plain(node.name, 120)
    return plain(_constant(node), 120)


def _follows(node: ast.stmt) -> bool:
    return isinstance(node, FUNCTIONS) and _is_accessor(node)


def _is_hidden(part: _Part, code: _Code, *, asked: bool) -> bool:
    """Whether it is a function as the prompt shows those whose body is not shown.

    One that was not asked for comes back without the comment, too: it is not emptied for that.
    """
    if not isinstance(part.node, FUNCTIONS):
        return False
    has_docstring = ast.get_docstring(part.node, clean=False) is not None
    match part.node.body[has_docstring:]:
        case [ast.Expr(ast.Constant(value))]:
            return value is ...
        case [ast.Pass()]:
            return not asked or NOT_SHOWN in code.indented(part, "")
    return False
