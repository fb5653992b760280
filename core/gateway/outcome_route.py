"""``POST /v1/outcomes``: an agent says what became of an answer."""

from __future__ import annotations

from core.gateway.dialects.refusals import ErrorReply

MOST_OUTCOME_BYTES = 1 << 20
_MOST_ID = 200


def outcome_asked(document: object) -> tuple[str, bool]:
    """The call and whether its answer did what was asked: ``{"call_id": "…", "ok": true}``.

    Raises:
        ErrorReply: 400, where it is anything else.
    """
    if isinstance(document, dict) and document.keys() == {"call_id", "ok"}:
        call_id, ok = document["call_id"], document["ok"]
        if isinstance(call_id, str) and isinstance(ok, bool) and 0 < len(call_id) <= _MOST_ID:
            return call_id, ok
    raise ErrorReply(
        400, 'the body must be {"call_id": "…", "ok": true or false}', code="invalid_outcome"
    )
