"""What models do to text on its way through JSON, undone: fences, newlines, the final newline."""

from __future__ import annotations

import re

_FENCE = re.compile(r"[ ]{0,3}(?P<fence>`{3,}|~{3,})(?P<info>[^`]*)")
_LINE = re.compile(r"[^\n]*\n|[^\n]+")


def lines_of(text: str) -> list[str]:
    """The lines with their newlines; only LF ends one."""
    return _LINE.findall(text)


def is_fenced(text: str) -> bool:
    """One Markdown fence encloses the whole: its first line opens it and its last closes it."""
    lines = text.strip().split("\n")
    opening = _FENCE.fullmatch(lines[0].rstrip())
    if opening is None or len(lines) == 1:
        return False
    fence = opening["fence"]
    closing = lines[-1].strip()
    if set(closing) != {fence[0]} or len(closing) < len(fence):
        return False
    # A fence at the margin in between means several blocks, not one.
    return not any(line.startswith(fence) for line in lines[1:-1])


def unfenced(text: str) -> str:
    """The inside of a text that ``is_fenced``, without a final newline."""
    return "\n".join(text.strip().split("\n")[1:-1])


def unified(text: str) -> str:
    """CRLF as LF; a lone CR stays."""
    return text.replace("\r\n", "\n")


def restored(original: str, edited: str) -> str:
    """``edited`` (with LF) in the newline style and with the final newline of ``original``.

    Where the original mixes styles, lines before the first and after the last change keep their
    own, and those between take the more frequent one.
    """
    if edited and original:
        edited = edited.removesuffix("\n") + "\n" * original.endswith("\n")
    crlf = original.count("\r\n")
    lf = original.count("\n") - crlf
    if not crlf:
        return edited
    if not lf:
        return edited.replace("\n", "\r\n")
    return _mixed(lines_of(original), lines_of(edited), "\r\n" if crlf > lf else "\n")


def _mixed(original: list[str], edited: list[str], newline: str) -> str:
    same = [unified(line) for line in original]
    least = min(len(same), len(edited))
    head = next((i for i in range(least) if same[i] != edited[i]), least)
    rest = least - head
    tail = next((i for i in range(rest) if same[-1 - i] != edited[-1 - i]), rest)
    middle = [line.replace("\n", newline) for line in edited[head : len(edited) - tail]]
    return "".join(original[:head] + middle + original[len(original) - tail :])
