"""A strict reader of unified diffs, and replies that turn one text into another, as oracles."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from typing import Any

HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@\n")


def lines_of(text: str) -> list[str]:
    """Lines with their newlines."""
    parts = text.split("\n")
    return [line + "\n" for line in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


def patched(old: str, diff: str) -> str:
    """``old`` with a one-file diff applied; an AssertionError when context or counts are wrong."""
    source, rows = lines_of(old), lines_of(diff)[2:]
    made: list[str] = []
    done = at = 0
    while at < len(rows):
        header = HUNK.fullmatch(rows[at])
        assert header is not None, rows[at]
        old_start, old_count = int(header[1]), int(header[2] or 1)
        new_start, new_count = int(header[3]), int(header[4] or 1)
        first = old_start - 1 if old_count else old_start
        made += source[done:first]
        assert new_start == len(made) + (1 if new_count else 0)
        done, before = first, len(made)
        at += 1
        while at < len(rows) and not rows[at].startswith("@@"):
            mark, line = rows[at][0], rows[at][1:]
            at += 1
            if at < len(rows) and rows[at].startswith("\\"):
                line = line.removesuffix("\n")
                at += 1
            if mark in " -":
                assert source[done] == line
                done += 1
            if mark in " +":
                made.append(line)
        assert (done - first, len(made) - before) == (old_count, new_count)
    return "".join(made + source[done:])


def ranges_reply(path: str, old: str, new: str) -> dict[str, Any]:
    """A ``line_range`` reply that turns ``old`` into ``new``."""
    before, after = lines_of(old), lines_of(new)
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    return {
        "edits": [
            {"path": path, "start": i1 + 1, "end": i2, "text": "".join(after[j1:j2])}
            for tag, i1, i2, j1, j2 in matcher.get_opcodes()
            if tag != "equal"
        ]
    }


def search_reply(path: str, old: str, new: str) -> dict[str, Any]:
    """A ``search_replace`` reply: one edit whose search grows until it is unique."""
    least = min(len(old), len(new))
    head = next((i for i in range(least) if old[i] != new[i]), least)
    tail = next((i for i in range(least - head) if old[-1 - i] != new[-1 - i]), least - head)
    start, end = head, len(old) - tail
    while start > 0 or end < len(old):
        search = old[start:end]
        if search and old.find(search) == start and old.find(search, start + 1) < 0:
            break
        start, end = max(0, start - 1), min(len(old), end + 1)
    replace = new[start : len(new) - (len(old) - end)]
    return {"edits": [{"path": path, "search": old[start:end], "replace": replace}]}
