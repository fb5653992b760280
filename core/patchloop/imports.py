"""Imports that a rewritten Python file still needs and no longer has.

A small model that writes a file anew often leaves its first lines out, ``from typing import List``
among them, while it goes on to use the name. The old file says what was meant, so such an import
stays. One whose name the new text does not use, or binds itself, is gone as the model wants it.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from core.patchloop.diff import lines_of
from core.patchloop.masking import parsed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_Import = ast.Import | ast.ImportFrom


def with_needed_imports(before: str, after: str) -> str:
    """``after``, and above its code the top-level imports of ``before`` that it needs.

    Either text may be no Python: then ``after`` is returned as it is.
    """
    old, new = parsed(before), parsed(after)
    if old is None or new is None:
        return after
    wanted = _read(new) - _bound(new)
    lost = [line for one in _imports(old) if (line := _only(one, wanted))]
    if not lost or any(each.name == "*" for one in _imports(new) for each in one.names):
        return after
    lines = lines_of(after)
    at = _opening_ends(new)
    if at and not lines[at - 1].endswith("\n"):
        lines[at - 1] += "\n"
    return "".join([*lines[:at], *(f"{line}\n" for line in dict.fromkeys(lost)), *lines[at:]])


def missing_imports(tree: ast.Module, wanted: Sequence[_Import]) -> list[str]:
    """Those of the ``wanted`` statements that the file does not have at its top level yet."""
    there = {ast.unparse(one) for one in tree.body if isinstance(one, _Import)}
    return [line for line in dict.fromkeys(map(ast.unparse, wanted)) if line not in there]


def below_imports(tree: ast.Module) -> int:
    """After how many lines further imports may stand: those that are there, else the opening."""
    end = _opening_ends(tree)
    for one in tree.body:
        if (one.end_lineno or 0) > end:
            end_of_one = one.end_lineno or end
            if not isinstance(one, _Import) or _end_of_lines(tree, end_of_one) > end_of_one:
                break
            end = end_of_one
    return end


def _end_of_lines(tree: ast.Module, end: int) -> int:
    """The last line of what begins up to line ``end``; later where that reads ``a; b = [``."""
    for one in tree.body:
        if one.lineno <= end:
            end = max(end, one.end_lineno or end)
    return end


def _imports(tree: ast.Module) -> Iterator[_Import]:
    """Those at top level; one for the future means nothing to another file."""
    for one in tree.body:
        if isinstance(one, ast.Import) or (
            isinstance(one, ast.ImportFrom) and one.module != "__future__"
        ):
            yield one


def _only(statement: _Import, wanted: set[str]) -> str:
    """The statement with the names that are ``wanted``; empty when none is."""
    kept = [each for each in statement.names if _name(each) in wanted]
    if not kept:
        return ""
    if isinstance(statement, ast.Import):
        return ast.unparse(ast.Import(kept))
    return ast.unparse(ast.ImportFrom(statement.module, kept, statement.level))


def _name(alias: ast.alias) -> str:
    """What it is called afterwards: ``import a.b`` binds ``a``."""
    return alias.asname or alias.name.partition(".")[0]


def _read(tree: ast.Module) -> set[str]:
    names = (one for one in ast.walk(tree) if isinstance(one, ast.Name))
    return {one.id for one in names if isinstance(one.ctx, ast.Load)}


def _bound(tree: ast.Module) -> set[str]:
    """Every name that some statement binds, in whatever scope: in doubt nothing is added."""
    found: set[str] = set()
    for one in ast.walk(tree):
        if isinstance(one, ast.Name) and not isinstance(one.ctx, ast.Load):
            found.add(one.id)
        elif isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(one.name)
        elif isinstance(one, ast.arg):
            found.add(one.arg)
        elif isinstance(one, ast.alias):
            found.add(_name(one))
        elif isinstance(one, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and one.name:
            found.add(one.name)
        elif isinstance(one, ast.MatchMapping) and one.rest:
            found.add(one.rest)
    return found


def _opening_ends(tree: ast.Module) -> int:
    """After how many lines other imports may stand: the docstring's and those for the future."""
    end = 0
    for nth, one in enumerate(tree.body):
        docstring = nth == 0 and isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant)
        future = isinstance(one, ast.ImportFrom) and one.module == "__future__"
        if not (docstring or future):
            break
        end = one.end_lineno or end
    return _end_of_lines(tree, end)
