"""What the patch loop says to a model, from the text files in ``prompts/``.

The long part comes first and never changes between attempts, so that a server with a prefix cache
reads it once: the files, the task, what the tests say, the rules of the edit format; what went
wrong follows in further turns.
The hash of that directory is part of a gate pass: other words are another test.
"""

from __future__ import annotations

import tomllib
from functools import cache
from string import Template
from typing import TYPE_CHECKING

from core.fingerprint import PROMPTS
from core.patchloop.formats import EditFormat, numbered
from core.patchloop.trial import FailureKind
from core.plain import plain_block

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from core.client.backend import Message


MOST_FEEDBACK = 3000
# A reply that ran wild would fill the context if it were quoted in full.
MOST_QUOTED = 6000
# Of edits with the old text in them; the longest that the package's own suite needs takes some 700.
_EDITS_TOKENS = 1024
_READ_ONLY = " (for reference, not to be changed)"


def opening(
    instruction: str,
    files: Mapping[str, str],
    editable: Sequence[str],
    edit_format: EditFormat,
    failing: str = "",
) -> tuple[Message, ...]:
    """The first messages: ``files`` by path, those to edit first, and what ``failing`` tests say.

    ``edit_format`` is one that has been resolved.
    """
    shown = [*editable, *(path for path in files if path not in editable)]
    numbers = edit_format is EditFormat.LINE_RANGE
    listing = "\n".join(
        _text("file").substitute(
            path=path,
            note="" if path in editable else _READ_ONLY,
            text=_shown(files.get(path, ""), numbers=numbers),
        )
        for path in shown
    )
    parts = [_text("task").substitute(files=listing.strip("\n"), instruction=instruction.strip())]
    if failing.strip():
        parts.append(_text("failing").substitute(output=_tidy(failing)))
    # Last, as small models forget rules that stand far from their reply.
    parts.append(_text(edit_format.value).substitute())
    return (
        {"role": "system", "content": _text("system").substitute().strip()},
        {"role": "user", "content": "\n\n".join(part.strip() for part in parts)},
    )


def retry(reply: str, failure: FailureKind, detail: str) -> tuple[Message, ...]:
    """The turns that follow a reply which failed: the reply itself, and why it was not kept."""
    phrases = _phrases()
    what = phrases.get(failure.value, phrases[FailureKind.TEST.value])
    feedback = Template(what).substitute(detail=_tidy(detail))
    return (
        {"role": "assistant", "content": _cut(reply, MOST_QUOTED)},
        {"role": "user", "content": f"{feedback}\n\n{phrases['closing']}"},
    )


def reply_tokens(edit_format: EditFormat, texts: Sequence[str]) -> int:
    """How many tokens a sound reply about files with these ``texts`` may take, with room to spare.

    A small model that has lost its way repeats itself until it is stopped.
    """
    if edit_format is not EditFormat.WHOLE_FILE:
        return _EDITS_TOKENS
    # Code in JSON comes to about three characters a token; it may grow to twice its length.
    return 160 + 2 * sum(map(len, texts)) // 3


def _shown(text: str, *, numbers: bool) -> str:
    return numbered(text) if numbers else text.removesuffix("\n") + "\n"


def _tidy(output: str) -> str:
    """What untrusted code printed: no control characters, and not too much of it."""
    return _cut(plain_block(output).strip(), MOST_FEEDBACK)


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


@cache
def _text(name: str) -> Template:
    return Template((PROMPTS / f"{name}.txt").read_text(encoding="utf-8"))


@cache
def _phrases() -> dict[str, str]:
    return tomllib.loads((PROMPTS / "retry.toml").read_text(encoding="utf-8"))
