"""What of a call is kept: nothing but keyed hashes, the request, or both; never a secret."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from core.capsule.keys import keyed_hash
from core.capsule.patterns import (
    PHRASES,
    RUN_CHARACTERS,
    SECRET_FIELDS,
    SHORTEST_RUN,
    TOKENS,
    Rule,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

_MAX_DEPTH = 64
_SHORTEST_KNOWN = 6
_PHRASE_ANCHORS = tuple(anchor for rule in PHRASES for anchor in rule.anchors)
_BLANKED = bytes(code if chr(code) in RUN_CHARACTERS else 32 for code in range(256))


class Capture:
    """Applies a capture mode: ``none``, ``prompts_only`` or ``full_io``.

    ``key`` is the user's; ``known`` are secrets to be taken out whatever they look like.
    """

    def __init__(self, mode: str, key: bytes, known: Collection[str] = ()) -> None:
        if mode not in {"none", "prompts_only", "full_io"}:
            raise ValueError(f"unknown capture mode {mode!r}")
        self.mode = mode
        self._key = key
        self._known = known

    def request(self, obj: Any) -> Any:
        """What is stored of a request, given as JSON values."""
        return self._hashed(obj) if self.mode == "none" else redact(obj, known=self._known)

    def response(self, obj: Any) -> Any:
        """What is stored of a response, given as JSON values."""
        return redact(obj, known=self._known) if self.mode == "full_io" else self._hashed(obj)

    def _hashed(self, obj: Any) -> str:
        return keyed_hash(self._key, obj)


def redact(obj: Any, known: Collection[str] = ()) -> Any:
    """A copy of a JSON value, every secret in its texts and keys replaced by ``[redacted:KIND]``.

    ``known`` are literal secrets to take out wherever they occur (from six characters on). What is
    nested deeper than any real request is left out.
    """
    literals = sorted((secret for secret in known if len(secret) >= _SHORTEST_KNOWN), key=len)
    return _redacted(obj, literals[::-1], 0)


def _redacted(obj: Any, known: list[str], depth: int) -> Any:
    if isinstance(obj, str):
        return _redacted_text(obj, known)
    if depth > _MAX_DEPTH:
        return "[too deep]" if isinstance(obj, dict | list | tuple) else obj
    if isinstance(obj, dict):
        return {
            _redacted_text(str(key), known): (
                "[redacted:field]"
                if isinstance(value, str) and value and _is_secret_field(str(key))
                else _redacted(value, known, depth + 1)
            )
            for key, value in obj.items()
        }
    if isinstance(obj, list | tuple):
        return [_redacted(item, known, depth + 1) for item in obj]
    return obj


def _is_secret_field(name: str) -> bool:
    return name.lower().replace("-", "_") in SECRET_FIELDS


def _redacted_text(text: str, known: list[str]) -> str:
    for secret in known:
        text = text.replace(secret, "[redacted:known]")
    if len(text) >= SHORTEST_RUN:
        runs = _long_runs(text)
        for rule in TOKENS if runs else ():
            if any(anchor in runs for anchor in rule.anchors):
                text = _apply(rule, text)
    lowered = _lowered(text)
    # Most texts hold none of all these, and are told so at once.
    if not any(anchor in lowered for anchor in _PHRASE_ANCHORS):
        return text
    for rule in PHRASES:
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


def _apply(rule: Rule, text: str, lowered: str | None = None) -> str:
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
