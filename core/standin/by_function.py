"""The stand-in's edits of Python functions: a new version of a file, told definition by definition.

What can be told is what ``core.patchloop.definitions`` puts into a file: functions that change,
and beside them new ones, constants and imports. Other changes are left out of the reply, as a model
would have to leave them out.
"""

from __future__ import annotations

import ast
from textwrap import dedent
from typing import TYPE_CHECKING, Any

from core.patchloop.masking import FUNCTIONS, first_line, parsed

if TYPE_CHECKING:
    from collections.abc import Iterator


def function_edits(path: str, old: str, new: str) -> list[dict[str, Any]]:
    """The edits of ``old`` to ``new``; where no definition changes, its first function as it was.

    A file without functions gives its text as one function's, which nobody can apply.
    """
    before, after = _definitions(old), _definitions(new)
    imports = [text for text in _imports(new) if text not in set(_imports(old))]
    changed = [name for name in after if before.get(name) != after[name]]
    edits: list[dict[str, Any]] = []
    waiting = list(imports)  # what goes with the next definition that is there to be replaced
    for name in changed:
        if name not in before and _is_function(after[name]):
            waiting.append(after[name])
            continue
        edits.append(_edit(path, name, [*waiting, after[name]]))
        waiting = []
    if waiting or not edits:
        first = next((name for name, text in after.items() if name in before), "")
        edits.append(_edit(path, first, [*waiting, after.get(first, new)]))
    return edits


def _edit(path: str, name: str, texts: list[str]) -> dict[str, Any]:
    return {"path": path, "function": name, "code": "\n".join(texts).split("\n")}


def _definitions(text: str) -> dict[str, str]:
    """The text of each function, ``CLASS.NAME`` for a method, and each constant of the module."""
    tree, lines = parsed(text), text.split("\n")
    return {
        name: dedent("\n".join(lines[first - 1 : last]))
        for name, first, last in (_named(tree) if tree else ())
    }


def _named(node: ast.Module | ast.ClassDef) -> Iterator[tuple[str, int, int]]:
    for one in node.body:
        last = one.end_lineno or one.lineno
        if isinstance(one, FUNCTIONS):
            name = f"{node.name}.{one.name}" if isinstance(node, ast.ClassDef) else one.name
            yield name, first_line(one), last
        elif isinstance(one, ast.ClassDef):
            yield from _named(one)
        elif isinstance(one, ast.Assign) and isinstance(node, ast.Module):
            (target, *_) = one.targets
            if isinstance(target, ast.Name):
                yield target.id, one.lineno, last


def _is_function(text: str) -> bool:
    tree = parsed(text)
    return tree is not None and any(isinstance(one, FUNCTIONS) for one in tree.body)


def _imports(text: str) -> list[str]:
    tree = parsed(text)
    found = tree.body if tree else []
    return [ast.unparse(one) for one in found if isinstance(one, ast.Import | ast.ImportFrom)]
