"""What the patch loop says to a model, from the text files in ``prompts/``.

First the task and the files for reference, which no attempt changes, so that a server with a prefix
cache reads them once; then the files to edit, what the tests say, and the rules of the format, as
small models forget rules that stand far from their reply. Wording that asks for a copy ("as little
as possible", "keep everything else") is avoided: small models then return the file as it is.
The hash of that directory is part of a gate pass: other words are another test.
"""

from __future__ import annotations

import tomllib
from functools import cache
from string import Template
from typing import TYPE_CHECKING, Any

from core.fingerprint import PROMPTS
from core.patchloop.formats import WHOLE_FORMATS, EditFormat, numbered
from core.patchloop.grammar import fence_for
from core.patchloop.masking import unquoted
from core.patchloop.trial import FailureKind
from core.plain import plain_block

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from core.client.backend import Message
    from core.patchloop.ladder import FailedAttempt


MOST_FEEDBACK = 3000
# Of the check's output at first; small models lose the thread of longer ones.
MOST_FAILING = 1200
# A reply that ran wild would fill the context if it were quoted in full.
MOST_QUOTED = 6000
_MOST_TRIED, _MOST_DIFF, _MOST_REASON = 3, 1500, 400
# Of edits with the old text in them; the longest that the package's own suite needs takes some 700.
_EDITS_TOKENS = 1024


def opening(
    instruction: str,
    files: Mapping[str, str],
    editable: Sequence[str],
    edit_format: EditFormat,
    failing: str = "",
    *,
    masked: Mapping[str, str] | None = None,
    tried: Sequence[FailedAttempt] = (),
    hint: str = "",
) -> tuple[Message, ...]:
    """The first messages: the task, ``files`` by path, and what ``failing`` tests say.

    ``edit_format`` is one that has been resolved. ``masked`` are the files without the bodies to
    be written, which are then not quoted from ``failing`` either; ``tried`` is what another backend
    has failed with; ``hint`` is added at the end.
    """
    parts = [instruction]
    parts += [_file("reference", path, files[path]) for path in files if path not in editable]
    for path in editable:
        kind = "wrong" if failing.strip() else "present"
        if masked and masked.get(path) != files.get(path):
            kind = "masked"
        text = (masked or files).get(path, "")
        if edit_format is EditFormat.LINE_RANGE:
            text = numbered(text)
        parts.append(_file(kind if path in files else "absent", path, text))
    if failing.strip():
        said = _ends(_tidy(failing), MOST_FAILING)
        said = unquoted(said, files, masked) if masked else said
        parts.append(f"{_phrase('fails')}\n{_block(said)}")
    parts.append(_package(tried))
    by_function = edit_format is EditFormat.FUNCTION
    paths = _phrase("functions") if by_function else _listed(editable)
    write = _phrase("whole" if masked else "anew", paths=paths)
    several = edit_format is EditFormat.FENCE and len(editable) > 1
    parts.append(
        _text("fences" if several else edit_format.value).substitute(
            write=write,
            fence=fence_for(files.get(path, "") for path in editable),
            info=info_of(editable),
        )
    )
    parts.append(hint)
    system = _text("system").substitute(language="Python " if info_of(editable) else "")
    return (
        {"role": "system", "content": system.strip()},
        {"role": "user", "content": "\n\n".join(part.strip() for part in parts if part.strip())},
    )


def retry(reply: str, failure: FailureKind, detail: str) -> tuple[Message, ...]:
    """The turns that follow a reply which failed: the reply itself, and why it was not kept."""
    name = failure.value if failure.value in _phrases() else FailureKind.TEST.value
    feedback = _phrase(name, detail=_ends(_tidy(detail), MOST_FEEDBACK))
    return (
        # Chat templates want turns to alternate, so a reply that was cut off is stood in for.
        {"role": "assistant", "content": _cut(reply or "…", MOST_QUOTED)},
        {"role": "user", "content": f"{feedback}\n\n{_phrase('closing')}"},
    )


def info_of(editable: Sequence[str]) -> str:
    """The language that a block about these files is marked with; empty where it is no Python."""
    return "python" if all(path.endswith(".py") for path in editable) else ""


def hints() -> Sequence[str]:
    """What makes one variant of a question differ from another."""
    found: list[str] = _phrases()["hints"]
    return found


def reply_tokens(edit_format: EditFormat, texts: Sequence[str]) -> int:
    """How many tokens a sound reply about these ``texts`` may take, with room to spare.

    They are the files', or with ``FUNCTION`` those of the functions that may be wrong. A small
    model that has lost its way repeats itself until it is stopped.
    """
    if edit_format is EditFormat.FUNCTION:
        longest = max(texts, key=len, default="")
        return max(_EDITS_TOKENS, reply_tokens(EditFormat.CODE, [longest]))
    if edit_format not in WHOLE_FORMATS:
        return _EDITS_TOKENS
    length = sum(map(len, texts))
    if edit_format is EditFormat.CODE:
        length += 6 * sum(text.count("\n") for text in texts)  # each line's quotes and comma
    # Code in JSON comes to about three characters a token; it may grow to twice its length.
    return 160 + 2 * length // 3


def _file(kind: str, path: str, text: str) -> str:
    intro = _phrase(kind, path=path)
    return intro if kind == "absent" else f"{intro}\n{_block(text)}"


def _block(text: str) -> str:
    fence = fence_for((text,))
    return f"{fence}\n{text.removesuffix(chr(10))}\n{fence}"


def _package(tried: Sequence[FailedAttempt]) -> str:
    """What others have tried: each change with how it failed, the last ones."""
    if not tried:
        return ""
    parts = [_phrase("tried")]
    for one in tried[-_MOST_TRIED:]:
        if one.diff:
            parts.append(f"{_phrase('tried_diff')}\n{_block(_cut(one.diff, _MOST_DIFF))}")
        reason = _ends(_tidy(one.detail), _MOST_REASON)
        parts.append(f"({one.failure.value}) {reason}")
    return "\n".join(parts)


def _listed(paths: Sequence[str]) -> str:
    *first, last = paths
    return f"{', '.join(first)} and {last}" if first else last


def _tidy(output: str) -> str:
    """What untrusted code printed, without control characters."""
    return plain_block(output).strip()


def _ends(text: str, limit: int) -> str:
    """The beginning and, larger, the end of a long text: runners put their summary there."""
    if len(text) <= limit:
        return text
    head = limit // 3
    return f"{text[:head]}\n…\n{text[len(text) - (limit - head - 3) :]}"


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _phrase(name: str, **values: str) -> str:
    return Template(_phrases()[name]).substitute(values)


@cache
def _text(name: str) -> Template:
    return Template((PROMPTS / f"{name}.txt").read_text(encoding="utf-8"))


@cache
def _phrases() -> dict[str, Any]:
    return tomllib.loads((PROMPTS / "phrases.toml").read_text(encoding="utf-8"))
