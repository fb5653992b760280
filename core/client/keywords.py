"""Which keywords of JSON schema each grammar takes: one table, asked of the grammars themselves.

A grammar is what an engine constrains replies with. A keyword is *taken* where the grammar neither
refuses a schema for it nor forbids what the schema allows. ``tests/client/recordings/grammars``
holds their answers, by version; ``code reflex health --schema`` asks the configured server.
"""

from __future__ import annotations

from enum import StrEnum


class Grammar(StrEnum):
    """What a server's replies are constrained by; ``PORTABLE`` is one that is not known."""

    PORTABLE = "portable"
    XGRAMMAR = "xgrammar"
    LLGUIDANCE = "llguidance"
    OUTLINES = "outlines"
    LLAMACPP = "llamacpp"


_ALL = frozenset(Grammar)
_KNOWN = _ALL - {Grammar.PORTABLE}
_NOT_OUTLINES = _ALL - {Grammar.OUTLINES}

TAKEN = {
    "minLength": _KNOWN,
    "bounds of numbers": _NOT_OUTLINES,
    "several types": _NOT_OUTLINES,
    "minItems beside prefixItems": _NOT_OUTLINES,
    "a schema of additionalProperties beside properties": _NOT_OUTLINES,
}
"""By keyword, or keywords side by side, the grammars that take it."""

_FEW = frozenset({"date", "time", "date-time", "uuid"})
_MANY = _FEW | {"duration", "email", "hostname", "ipv4", "ipv6", "uri"}
FORMATS = {
    Grammar.PORTABLE: frozenset[str](),
    Grammar.XGRAMMAR: _MANY,
    Grammar.LLGUIDANCE: _MANY,
    Grammar.OUTLINES: _FEW,
    Grammar.LLAMACPP: _FEW,
}
"""The values of ``format`` that each grammar takes, of those that replies are checked for."""

MOST_REPEATED = 256
"""The longest length, count or repetition that is sent.

Grammars unroll them: compiling ``minLength: 100000`` takes xgrammar more than eight gigabytes,
and a pattern with ``{1,5000}`` half a minute.
"""
