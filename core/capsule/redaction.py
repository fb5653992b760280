"""Secrets taken out of what is stored, shown or said in an error.

They are found by a list of rules (``secret_rules``). A rule's pattern is tried only where one of
its anchors (a literal) is found, over a bounded length and without backtracking, so that hostile
text takes linear time. No rule matches ``[redacted:KIND]``: redacting twice changes nothing.

A request holds thousands of short texts, and most anchors occur in none of them: all texts together
are looked through first, and each of them for the anchors that are there at all.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from core.capsule.secret_rules import (
    KEY_BEGINS,
    KEY_CUT,
    KEY_ENDS,
    KEY_LINE,
    PHRASES,
    RUN_CHARACTERS,
    SECRET_FIELDS,
    SHORTEST_RUN,
    TOKEN_FIELDS,
    TOKENS,
    SecretRule,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator


_MAX_DEPTH = 64
_SHORTEST_KNOWN = 6
_LOOKS_LIKE_TOKEN = re.compile(r"(?=\D{0,64}\d|.{20}).{8}", re.DOTALL)
_TOKEN_ANCHORS = frozenset(anchor for rule in TOKENS for anchor in rule.anchors)
_PHRASE_ANCHORS = frozenset(anchor for rule in PHRASES for anchor in rule.anchors)
_NONE: frozenset[str] = frozenset()
# What colours a terminal, also as JSON and Python write it.
_COLOUR = re.compile(
    r"(?:\x1b|\\+(?:u001[bB]|x1[bB]|033|e))\[[0-9;?]{0,64}[ -/]{0,8}[@-~]", re.ASCII
)
_COLOURED = ("\x1b", "\\u001b", "\\u001B", "\\x1b", "\\x1B", "\\033", "\\e[")
_BLANKED = bytes(code if chr(code) in RUN_CHARACTERS else 32 for code in range(256))


def redact(obj: Any, known: Collection[str] = ()) -> Any:
    """A copy of a JSON value, every secret in its texts and keys replaced by ``[redacted:KIND]``.

    ``known`` are literal secrets to take out wherever they occur (from six characters on). What is
    nested deeper than any real request is left out.
    """
    literals = sorted((secret for secret in known if len(secret) >= _SHORTEST_KNOWN), key=len)
    texts: list[str] = []
    _collect(obj, texts, 0)
    wanted = _Wanted.of("\n".join(texts), literals[::-1])
    if isinstance(obj, str) and not any(wanted):
        return obj
    return _redacted(obj, wanted, 0)


class _Wanted(NamedTuple):
    """What must be looked for in each text, since it occurs somewhere in the whole value."""

    known: tuple[str, ...]
    tokens: tuple[SecretRule, ...]
    phrases: tuple[SecretRule, ...]
    anchors: tuple[str, ...]
    keys: bool

    @classmethod
    def of(cls, text: str, known: list[str]) -> Self:
        """For the texts that make up ``text``."""
        runs, lowered = _long_runs(text), text.lower()
        tokens = frozenset(anchor for anchor in _TOKEN_ANCHORS if anchor in runs) if runs else _NONE
        phrases = frozenset(anchor for anchor in _PHRASE_ANCHORS if anchor in lowered)
        return cls(
            tuple(secret for secret in known if secret in text),
            _with_any(tokens, TOKENS),
            _with_any(phrases, PHRASES),
            tuple(phrases),
            "begin " in lowered and "private key" in lowered,
        )


def _with_any(anchors: frozenset[str], rules: tuple[SecretRule, ...]) -> tuple[SecretRule, ...]:
    """The rules that have one of ``anchors``: most often there is none to look for."""
    return tuple(rule for rule in rules if not anchors.isdisjoint(rule.anchors)) if anchors else ()


def _collect(obj: Any, texts: list[str], depth: int) -> None:
    """Add all the texts and keys that ``_redacted`` looks at."""
    if isinstance(obj, str):
        texts.append(_uncoloured(obj))
    elif depth <= _MAX_DEPTH and isinstance(obj, dict):
        for key, value in obj.items():
            texts.append(_uncoloured(str(key)))
            _collect(value, texts, depth + 1)
    elif depth <= _MAX_DEPTH and isinstance(obj, list | tuple):
        for value in obj:
            _collect(value, texts, depth + 1)


def _redacted(obj: Any, wanted: _Wanted, depth: int) -> Any:
    if isinstance(obj, str):
        return _redacted_text(obj, wanted)
    if depth > _MAX_DEPTH:
        return "[too deep]" if isinstance(obj, dict | list | tuple) else obj
    if isinstance(obj, dict):
        return {
            _redacted_text(str(key), wanted): (
                _redacted_field(value, wanted, depth + 1)
                if _is_secret_field(str(key))
                else _redacted_token(value, wanted)
                if isinstance(value, str) and str(key).lower() in TOKEN_FIELDS
                else _redacted(value, wanted, depth + 1)
            )
            for key, value in obj.items()
        }
    if isinstance(obj, list | tuple):
        return [_redacted(item, wanted, depth + 1) for item in obj]
    return obj


def _redacted_field(value: Any, wanted: _Wanted, depth: int) -> Any:
    """The value of a field that is named like a secret: a text, a number, or a list of them."""
    if isinstance(value, list | tuple) and depth <= _MAX_DEPTH:
        return [_redacted_field(item, wanted, depth + 1) for item in value]
    if isinstance(value, dict) and isinstance(value.get("value"), str):
        value = value | {"value": "[redacted:field]"}
    if isinstance(value, str | int | float) and value and not isinstance(value, bool):
        return "[redacted:field]"
    return _redacted(value, wanted, depth)


def _redacted_token(value: str, wanted: _Wanted) -> str:
    # As in a text; a word stays, since models' replies name their tokens so.
    looks_so = not any(map(str.isspace, value)) and _LOOKS_LIKE_TOKEN.match(value)
    return "[redacted:field]" if looks_so else _redacted_text(value, wanted)


def _is_secret_field(name: str) -> bool:
    return name.lower().replace("-", "").replace("_", "") in SECRET_FIELDS


def _without_keys(text: str) -> str:
    """Without private keys in PEM; each place of the text is looked at once."""
    pieces: list[str] = []
    done = 0
    end, line = KEY_ENDS.search(text), KEY_LINE.search(text)
    for begin in KEY_BEGINS.finditer(text):
        if begin.start() < done:
            continue
        if end and end.start() < begin.end():
            end = KEY_ENDS.search(text, begin.end())
        if line and line.start() < begin.end():
            line = KEY_LINE.search(text, begin.end())
        if end is None:
            cut = KEY_CUT.match(text, begin.end())
            assert cut
            upto = cut.end()
        elif line and line.start() < end.start():
            upto = end.end()
        else:  # a program that reads keys: both marks, and no key
            continue
        pieces += (text[done : begin.start()], "[redacted:pem]")
        done = upto
    return "".join((*pieces, text[done:]))


def _uncoloured(text: str) -> str:
    """``text`` without the codes that colour it, ``text`` itself where there are none.

    A search that marks what it found cuts a token in two.
    """
    if "\x1b" not in text and "\\" not in text:
        return text
    return _COLOUR.sub("", text) if any(code in text for code in _COLOURED) else text


def _redacted_text(text: str, wanted: _Wanted) -> str:
    bare = _uncoloured(text)
    if bare is not text and (hidden := _hidden(bare, wanted)) != bare:
        return hidden
    return _hidden(text, wanted)


def _hidden(text: str, wanted: _Wanted) -> str:
    for secret in wanted.known:
        text = text.replace(secret, "[redacted:known]")
    if wanted.tokens and len(text) >= SHORTEST_RUN:
        runs = _long_runs(text)
        for rule in wanted.tokens if runs else ():
            if any(anchor in runs for anchor in rule.anchors):
                text = _apply(rule, text)
    lowered = _lowered(text)
    if wanted.keys and "begin " in lowered and "private key" in lowered:
        text = _without_keys(text)
        lowered = _lowered(text)
    # Most texts hold none of these: one quick look.
    if not any(anchor in lowered for anchor in wanted.anchors):
        return text
    for rule in wanted.phrases:
        if any(anchor in lowered for anchor in rule.anchors):
            text = _apply(rule, text, lowered)
            lowered = _lowered(text)
    return text


def _long_runs(text: str) -> str:
    """Only the words long enough for a token: some hundred bytes, where most rules end at once."""
    words = text.encode(errors="replace").translate(_BLANKED).split()
    return b" ".join([word for word in words if len(word) >= SHORTEST_RUN]).decode()


def _lowered(text: str) -> str:
    lowered = text.lower()
    if len(lowered) == len(text):
        return lowered
    # Some letters have a longer small form; places must stay the same.
    return re.sub(r"[A-Z]+", lambda capitals: capitals[0].lower(), text)


@cache
def _compiled(source: str, *, any_case: bool) -> re.Pattern[str]:
    return re.compile(source, re.ASCII | (re.IGNORECASE if any_case else re.NOFLAG))


def _apply(rule: SecretRule, text: str, lowered: str | None = None) -> str:
    pattern = _compiled(rule.source, any_case=lowered is not None)
    pieces: list[str] = []
    done = 0
    for place in sorted(_places(lowered or text, rule.anchors)):
        found = pattern.match(text, place) if place >= done else None
        if found is None:
            continue
        group = found.lastindex or 0
        pieces += (text[done : found.start(group)], f"[redacted:{rule.kind}]")
        done = found.end(group)
    return "".join((*pieces, text[done:]))


def _places(haystack: str, anchors: tuple[str, ...]) -> Iterator[int]:
    for anchor in anchors:
        place = haystack.find(anchor)
        while place >= 0:
            yield place
            place = haystack.find(anchor, place + 1)
