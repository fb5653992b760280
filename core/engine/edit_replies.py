"""Replies that turn given files into others, in whichever edit form the schema asks for."""

from __future__ import annotations

import json
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any, NamedTuple

from core.engine.scalar_sample import UnsampleableError

if TYPE_CHECKING:
    from collections.abc import Mapping


# The forms' schemas allow no more.
_MOST_EDITS = 8


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
    edits = [
        edit for path in changed for edit in _edits(fields, path, before.get(path, ""), after[path])
    ]
    return json.dumps({"edits": edits}, ensure_ascii=False)


def _edits(fields: frozenset[str], path: str, old: str, new: str) -> list[dict[str, Any]]:
    if fields == {"path", "content"}:
        return [{"path": path, "content": new}]
    lines, others = old.splitlines(keepends=True), new.splitlines(keepends=True)
    changes = _changes(lines, others)
    if fields == {"path", "search", "replace"}:
        pairs = _searches(changes, old, new)
        return [{"path": path, "search": search, "replace": text} for search, text in pairs]
    if fields == {"path", "start", "end", "text"}:
        return [
            {
                "path": path,
                "start": change.start + 1,
                "end": change.end,
                "text": "".join(others[change.new_start : change.new_end]),
            }
            for change in changes
        ]
    raise UnsampleableError(f"no edit form has the fields {', '.join(sorted(fields))}")


class _Change(NamedTuple):
    """Lines ``start`` to ``end`` become lines ``new_start`` to ``new_end`` of the new text."""

    start: int
    end: int
    new_start: int
    new_end: int

    def joined(self, other: _Change) -> _Change:
        return _Change(self.start, other.end, self.new_start, other.new_end)


def _changes(old: list[str], new: list[str]) -> list[_Change]:
    """What differs, from the top; where nothing does, all of it."""
    codes = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    changes = [_Change(*code[1:]) for code in codes if code[0] != "equal"]
    return changes or [_Change(0, len(old), 0, len(new))]


def _searches(changes: list[_Change], old: str, new: str) -> list[tuple[str, str]]:
    """Texts that occur once and what replaces them: one for each change, or one for all of them.

    A change that takes in another's lines to be told apart, or is made like another, spoils it.
    """
    pairs = [_search(change, old, new) for change in changes]
    text = old
    for search, replacement in pairs:
        text = text.replace(search, replacement) if _occurs_once(search, text) else ""
    if text == new and len(pairs) <= _MOST_EDITS:
        return pairs
    return [_search(changes[0].joined(changes[-1]), old, new)]


def _search(change: _Change, old: str, new: str) -> tuple[str, str]:
    lines, others = old.splitlines(keepends=True), new.splitlines(keepends=True)
    start, end, new_start, new_end = change
    while (start > 0 or end < len(lines)) and not _occurs_once("".join(lines[start:end]), old):
        above, below = int(start > 0), int(end < len(lines))
        start, end, new_start, new_end = (
            start - above,
            end + below,
            new_start - above,
            new_end + below,
        )
    return "".join(lines[start:end]), "".join(others[new_start:new_end])


def _occurs_once(search: str, text: str) -> bool:
    """Overlapping places count too."""
    start = text.find(search)
    return bool(search.strip()) and start >= 0 and text.find(search, start + 1) < 0
