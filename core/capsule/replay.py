"""A recorded call again, offline: found by the beginning of its id, its reply as it was kept."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.capsule.segments import decode, lines_from, place_of
from core.errors import NotReplayable
from core.plain import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.capsule.log import EventLog

_SHOWN_IDS = 5
_KEPT = {
    "none": "keyed hashes of request and reply",
    "prompts_only": "the request and a keyed hash of the reply",
}


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """All that the capsule holds of one call: bodies of its events, oldest first.

    ``events`` are all of them, ``decisions`` and ``attempts`` those of two types.
    """

    call_id: str
    decisions: tuple[Mapping[str, Any], ...]
    attempts: tuple[Mapping[str, Any], ...]
    events: tuple[Mapping[str, Any], ...] = ()

    @property
    def last(self) -> Mapping[str, Any]:
        """The LLMCall that ended the call: a call ends with its first good attempt.

        Raises:
            NotReplayable: there is none; nobody knows how the call ended.
        """
        if not self.attempts:
            raise NotReplayable(
                f"call {plain(self.call_id)} was decided, but how it ended was not recorded",
                remedy="The process that made it was stopped before it could write.",
            )
        return self.attempts[-1]


@dataclass(frozen=True, slots=True)
class KeptReply:
    """A reply as recorded: ``text`` to the byte, but for secrets that were never stored."""

    text: str
    tool_calls: tuple[Mapping[str, Any], ...] = ()


def find_call(log: EventLog, prefix: str) -> RecordedCall:
    """The one call whose id is ``prefix`` or begins with it. Reads files, and nothing else.

    Raises:
        NotReplayable: no call's id begins so, or several do.
        CapsuleCorrupt: an event of the call, or the log's framing, is damaged.
    """
    # Escaped as the log writes it; other events that match are left out once decoded.
    needle = b'"call_id":' + json.dumps(prefix, ensure_ascii=False).encode(errors="replace")[:-1]
    found: dict[str, list[Mapping[str, Any]]] = {}
    for place, line in lines_from(log.path, place_of(log.path, 1)):
        if needle not in line:
            continue
        body = decode(log.path, place, line).body
        call_id = body.get("call_id")
        if isinstance(call_id, str) and call_id.startswith(prefix):
            found.setdefault(call_id, []).append(body)
    calls = {call_id: call for call_id, bodies in found.items() if (call := _call(call_id, bodies))}
    if prefix in calls:
        return calls[prefix]
    if len(calls) != 1:
        raise _not_one(prefix, list(calls))
    return next(iter(calls.values()))


def kept_reply(attempt: Mapping[str, Any]) -> KeptReply | None:
    """What an LLMCall kept of the server's reply; None where none had come.

    Raises:
        NotReplayable: it was not recorded with ``capture_mode = "full_io"``.
    """
    mode = attempt.get("capture_mode")
    if mode != "full_io":
        raise NotReplayable(
            f"call {plain(attempt.get('call_id'))} was not recorded in full_io: its capture mode "
            f"{plain(mode)} kept {_KEPT.get(str(mode), 'something else')}",
            remedy='capture_mode = "full_io" under [reflex] keeps the replies of calls to come.',
        )
    response = attempt.get("response")
    if not isinstance(response, dict):
        return None
    text, calls = response.get("text"), response.get("tool_calls")
    return KeptReply(
        text if isinstance(text, str) else "", tuple(calls) if isinstance(calls, list) else ()
    )


def kept_request(attempt: Mapping[str, Any]) -> Mapping[str, Any]:
    """The request of an LLMCall: ``messages``, ``schema``, and further fields as they were asked.

    Raises:
        NotReplayable: it was recorded with ``capture_mode = "none"``.
    """
    request = attempt.get("request")
    if not isinstance(request, dict) or not isinstance(request.get("messages"), list):
        raise NotReplayable(
            f"what call {plain(attempt.get('call_id'))} asked was not recorded: its capture mode "
            f"{plain(attempt.get('capture_mode'))} kept {_KEPT['none']}",
            remedy='capture_mode = "prompts_only" or "full_io" under [reflex] keeps requests.',
        )
    if not isinstance(request.get("schema"), dict | None):
        raise NotReplayable(
            f"what call {plain(attempt.get('call_id'))} asked is no request",
            remedy="Somebody else wrote this record; see `code reflex events verify`.",
        )
    return request


def _call(call_id: str, bodies: list[Mapping[str, Any]]) -> RecordedCall | None:
    decisions, attempts = (
        tuple(body for body in bodies if body.get("event_type") == event_type)
        for event_type in ("RoutingDecision", "LLMCall")
    )
    known = decisions or attempts
    return RecordedCall(call_id, decisions, attempts, tuple(bodies)) if known else None


def _not_one(prefix: str, call_ids: list[str]) -> NotReplayable:
    if not call_ids:
        return NotReplayable(
            f"no call of this workspace's capsule begins with {plain(prefix)!r}",
            remedy="See code reflex events --type LLMCall --json for the calls there are.",
        )
    some = ", ".join(map(plain, call_ids[:_SHOWN_IDS]))
    more = f" and {len(call_ids) - _SHOWN_IDS} more" if len(call_ids) > _SHOWN_IDS else ""
    return NotReplayable(
        f"{len(call_ids)} calls begin with {plain(prefix)!r}: {some}{more}",
        remedy="Give more of the id.",
    )
