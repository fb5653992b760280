"""What became of each live Implement call, read from the log in one go, prompts left unread.

The log may come from anybody: a field counts only where it is of its kind.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from pydantic_core import SchemaValidator, ValidationError, core_schema

from core.capsule.keys import seal_holds
from core.capsule.segments import blocks_from, place_of
from core.monitor.holdout import NOT_COMPARED
from core.monitor.pairs import solved_by
from core.stages import LIVE_ORIGINS, Mode, Reason, Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import date
    from pathlib import Path

_MOST_TOKENS = 1 << 40
_MOST_MS = 1e9
_MINUTE = len("2026-01-12T10:00")
# As plain text: a comparison with an enum takes several times as long.
_IMPLEMENT, _CLOUD, _REFLEX = Stage.IMPLEMENT.value, Mode.CLOUD.value, Mode.REFLEX.value
_CHOSEN, _HELD_OUT = Reason.HEALTHY_AND_THRESHOLDS_MET.value, Reason.HOLDOUT.value


def _parser(*names: str) -> Callable[[bytes], Mapping[str, Any]]:
    """Parses a JSON object for these fields alone; None stands for one that it has not.

    It raises ValidationError where there is no such object.
    """
    schema = core_schema.with_default_schema(core_schema.any_schema(), default=None)
    fields = dict.fromkeys(names, core_schema.typed_dict_field(schema))
    object_schema = core_schema.typed_dict_schema(fields, extra_behavior="ignore")
    return SchemaValidator(object_schema).validate_json


_DECISION = b'{"event_type":"RoutingDecision"'
_CALL = b'{"event_type":"LLMCall"'
_OUTCOME = b'{"event_type":"CallOutcome"'
_PAIR = b'{"event_type":"ShadowChecked"'
_OF_DECISION = (
    *("call_id", "time", "stage", "origin", "is_fallback"),
    *("reason", "detail", "session", "task_id"),
)
_OF_CALL = ("call_id", "mode", "success", "latency_ms", "prompt_tokens", "completion_tokens")
_decision, _decision_fields = _parser(*_OF_DECISION), itemgetter(*_OF_DECISION)
_call, _call_fields = _parser(*_OF_CALL), itemgetter(*_OF_CALL)


@dataclass(slots=True)
class CallFacts:
    """One call: why its first backend was asked, who answered (None: nobody), what it took.

    Tokens are those of the attempts that answered, by mode; ``waited_ms`` all attempts together.
    ``counted`` says that the server told the tokens of the answer. ``ok`` is the newest outcome;
    ``solved_by`` whether reflex, unseen, and the cloud solved the task that the call began.
    ``task`` is shared by the calls of one task, and None of a call by itself.
    """

    time: str
    reason: str
    detail: str | None
    session: str | None
    answered: str | None = None
    waited_ms: float = 0.0
    cloud_prompt: int = 0
    cloud_completion: int = 0
    local_prompt: int = 0
    local_completion: int = 0
    counted: bool = False
    ok: bool | None = None
    solved_by: tuple[bool, bool] | None = None
    task: str | None = None

    @property
    def eligible(self) -> bool:
        """Reflex was chosen, and the cloud might have been by the hold-out."""
        return self.reason == _CHOSEN and self.detail != NOT_COMPARED

    @property
    def held_out(self) -> bool:
        """The cloud was chosen by the hold-out."""
        return self.reason == _HELD_OUT


def facts_of(
    capsule: Path, workspace: Path, *, since: str = "", after: int = 0, key: bytes | None = None
) -> list[CallFacts]:
    """Each live Implement call decided since then (RFC 3339, UTC), oldest first.

    ``capsule`` is the log's directory.
    Records up to the ``seq`` ``after`` are not looked at.
    Outcomes and pairs count where they carry the seal of the user whose ``key`` it is.

    Raises:
        CapsuleCorrupt: the log's framing is damaged.
    """
    calls: dict[object, CallFacts] = {}
    blocks = blocks_from(capsule, place_of(capsule, after + 1))
    for line in chain.from_iterable(lines for _, lines in blocks):
        try:
            if line.startswith(_CALL):
                _take_call(calls, _call(line))
            elif line.startswith(_DECISION):
                _take_decision(calls, _decision(line), since)
            elif line.startswith((_OUTCOME, _PAIR)) and key:
                _take_sealed(calls, line, workspace, key)
        except (ValidationError, TypeError):
            continue  # nobody's record
    return list(calls.values())


def _take_decision(calls: dict[object, CallFacts], body: Mapping[str, Any], since: str) -> None:
    call_id, time, stage, origin, fallback, reason, detail, session, task = _decision_fields(body)
    if call_id in calls or fallback or not isinstance(time, str) or time < since:
        return
    if stage != _IMPLEMENT or origin not in LIVE_ORIGINS:
        return
    calls[call_id] = CallFacts(
        time,
        str(reason),
        detail,
        session if isinstance(session, str) else None,
        task=task if isinstance(task, str) else None,
    )


def _take_call(calls: dict[object, CallFacts], body: Mapping[str, Any]) -> None:
    call_id, mode, success, latency_ms, prompt_tokens, completion_tokens = _call_fields(body)
    call = calls.get(call_id)
    if call is None:
        return
    if isinstance(latency_ms, int | float) and 0 <= latency_ms < _MOST_MS:
        call.waited_ms += latency_ms
    if success is not True:
        return
    prompt, completion = _tokens(prompt_tokens), _tokens(completion_tokens)
    call.counted = prompt is not None and completion is not None
    if mode == _CLOUD:
        call.answered = _CLOUD
        call.cloud_prompt += prompt or 0
        call.cloud_completion += completion or 0
    else:
        call.answered = _REFLEX
        call.local_prompt += prompt or 0
        call.local_completion += completion or 0


def _take_sealed(calls: dict[object, CallFacts], line: bytes, workspace: Path, key: bytes) -> None:
    """What a check, an agent or a person found."""
    import json

    try:
        body = json.loads(line)
    except (ValueError, RecursionError):
        return
    paired = line.startswith(_PAIR)
    call = calls.get(body.get("original_call_id" if paired else "call_id"))
    if call is None or not seal_holds(body, workspace, key):
        return
    if paired:
        call.solved_by = solved_by(body)
    else:
        call.ok = body.get("ok") is True


def _tokens(value: object) -> int | None:
    return value if type(value) is int and 0 <= value <= _MOST_TOKENS else None


def day_of(time: str) -> str:
    """The day, local: ``2026-01-12``; empty where it is no time."""
    found = _local_date(time[:_MINUTE])
    return found.isoformat() if found else ""


def week_of(time: str) -> str:
    """The ISO week, local: ``2026-W03``; empty where it is no time."""
    found = _local_date(time[:_MINUTE])
    if found is None:
        return ""
    year, week, _ = found.isocalendar()
    return f"{year}-W{week:02}"


@lru_cache(maxsize=2048)
def _local_date(minute: str) -> date | None:
    """The date here at a minute in UTC; None where it is no time. Calls come many a minute."""
    try:
        return datetime.fromisoformat(f"{minute}Z").astimezone().date()
    except (ValueError, OverflowError):
        return None


GROUPINGS: dict[str, Callable[[CallFacts], str]] = {
    "day": lambda call: day_of(call.time),
    "week": lambda call: week_of(call.time),
    "session": lambda call: call.session or "none",
}
"""What calls are put together by, and the name of the group that one belongs to."""
