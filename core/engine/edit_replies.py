"""Replies that turn given files into others, in whichever edit form the schema asks for."""

from __future__ import annotations

import json
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any

from core.engine.scalar_sample import UnsampleableError

if TYPE_CHECKING:
    from collections.abc import Mapping


def edit_reply(
    schema: Mapping[str, Any], before: Mapping[str, str], after: Mapping[str, str]
) -> str:
    """The edits of ``before`` to ``after`` (path to text) as JSON that meets ``schema``.

    Raises:
        UnsampleableError: The schema is not that of an edit form.
    """
    try:
        fields = frozenset(schema["properties"]["edits"]["items"]["properties"])
    except (KeyError, TypeError) as error:
        raise UnsampleableError("the schema is not that of an edit form") from error
    changed = [path for path in after if before.get(path) != after[path]] or list(after)[:1]
    edits = [_edit(fields, path, before.get(path, ""), after[path]) for path in changed]
    return json.dumps({"edits": edits}, ensure_ascii=False)


def _edit(fields: frozenset[str], path: str, old: str, new: str) -> dict[str, Any]:
    lines, others = old.splitlines(keepends=True), new.splitlines(keepends=True)
    start, end, tail = _changed_span(lines, others)
    if fields == {"path", "content"}:
        return {"path": path, "content": new}
    if fields == {"path", "search", "replace"}:
        while start > 0 or end < len(lines):
            if _occurs_once("".join(lines[start:end]), old):
                break
            start, end, tail = max(0, start - 1), min(len(lines), end + 1), max(0, tail - 1)
        replacement = "".join(others[start : len(others) - tail])
        return {"path": path, "search": "".join(lines[start:end]), "replace": replacement}
    if fields == {"path", "start", "end", "text"}:
        text = "".join(others[start : len(others) - tail])
        return {"path": path, "start": start + 1, "end": end, "text": text}
    raise UnsampleableError(f"no edit form has the fields {', '.join(sorted(fields))}")


def _occurs_once(search: str, text: str) -> bool:
    """Overlapping places count too."""
    return bool(search.strip()) and text.find(search, text.find(search) + 1) < 0


def _changed_span(old: list[str], new: list[str]) -> tuple[int, int, int]:
    """Lines ``start`` to ``end`` of ``old`` changed; the last ``tail`` lines of both are alike."""
    changes = [
        code
        for code in SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
        if code[0] != "equal"
    ]
    if not changes:
        return 0, len(old), 0
    start, end = changes[0][1], changes[-1][2]
    return start, end, len(old) - end
