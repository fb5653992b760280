"""What became of an answer: reported by a check, an agent or a person, and put on record.

An outcome is for a call that this workspace's capsule holds and that was answered. All that is said
of a call stays on record; the newest has the say where outcomes are shown, the first is what the
monitor counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from core.capsule.events import CallOutcomeEvent
from core.capsule.keys import seal, user_key
from core.errors import UnknownCall
from core.plain import plain
from core.stages import Mode, Stage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from core.capsule import EventLog

Source = Literal["gateway", "command", "implement"]
MOST_OUTCOMES = 10
# How the APIs that agents speak write a call's id.
_API_PREFIXES = ("chatcmpl-", "msg_", "resp_")
_LONGEST_ID = 100


def bare_id(given: str) -> str:
    """The call's id, of which an agent may know only the form that its API gave it."""
    for prefix in _API_PREFIXES:
        given = given.removeprefix(prefix)
    return given[:_LONGEST_ID]


def outcome_event(
    call: Sequence[Mapping[str, Any]],
    call_id: str,
    *,
    ok: bool,
    source: Source,
    run_id: str,
    policy_hash: str,
    workspace: Path,
    key_directory: Path | None = None,
) -> CallOutcomeEvent:
    """The sealed event that says so of the call whose records (oldest first) are ``call``.

    Raises:
        UnknownCall: there is no such call, it was not answered, or enough was said of it.
        CapsuleError: the user's key cannot be read.
    """
    answered = [one for one in call if one.get("event_type") == "LLMCall" and one.get("success")]
    if not answered:
        raise UnknownCall(
            f"no answered call {plain(call_id, 40)!r} in this workspace's capsule",
            remedy="The id is in the header x-reflex-call-id, and in `code reflex events`.",
        )
    said = [one.get("ok") is True for one in call if one.get("event_type") == "CallOutcome"]
    if len(said) >= MOST_OUTCOMES:
        raise UnknownCall(
            f"{len(said)} outcomes of call {plain(call_id, 40)} are recorded already",
            remedy="What is recorded stays; see `code reflex events`.",
        )
    last = answered[-1]
    try:
        event = CallOutcomeEvent(
            run_id=run_id,
            policy_hash=policy_hash,
            call_id=call_id,
            ok=ok,
            source=source,
            mode=Mode(last["mode"]),
            stage=Stage(last["stage"]),
            backend=str(last["backend"]),
            endpoint=str(last["endpoint"]),
            model=str(last["model"]),
            origin=str(last["origin"]),
            answered_seq=int(last["seq"]),
            before=said[-1] if said else None,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise UnknownCall(f"call {plain(call_id, 40)} is not recorded as a call is") from error
    key = user_key(directory=key_directory)
    return event.model_copy(update={"seal": seal(event.body(), workspace, key)})


def recent_call(log: EventLog, call_id: str) -> list[Mapping[str, Any]]:
    """The answer of a call that ended a moment ago, looked for from the log's end backwards."""
    found = log.last("LLMCall", where=lambda body: body.get("call_id") == call_id)
    return [found.body] if found else []
