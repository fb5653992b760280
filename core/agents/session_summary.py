"""What came of a stretch of work, from the log: calls, who answered, what stayed local."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.errors import CapsuleCorrupt
from core.stages import LIVE_ORIGINS, Mode

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from core.capsule import EventLog
    from core.settings.model import Cloud


@dataclass(frozen=True, slots=True)
class Summary:
    """Calls of some runs: ``local`` and ``cloud`` ones were answered, ``failed`` ones were not.

    ``fallbacks`` are calls that the cloud answered after reflex had failed. ``local_tokens`` of
    ``tokens`` were counted by local servers; ``saved_usd`` is what the cloud's prices make of them,
    None without prices. ``events`` records were read; ``damage`` says what is wrong with them.
    """

    local: int = 0
    cloud: int = 0
    failed: int = 0
    fallbacks: int = 0
    local_tokens: int = 0
    tokens: int = 0
    saved_usd: float | None = None
    events: int = 0
    damage: str = ""

    @property
    def calls(self) -> int:
        """All that were made."""
        return self.local + self.cloud + self.failed


def summarize(log: EventLog, runs: Collection[str], cloud: Cloud, *, after: int) -> Summary:
    """What the log says since ``seq`` ``after`` of calls in these runs, each record checked."""
    ends: dict[str, Mapping[str, Any]] = {}
    retried: set[str] = set()
    events, damage = 0, ""
    try:
        for record in log.read(after=after):
            events += 1
            body = record.body
            if record.event_type != "LLMCall" or str(body.get("run_id")) not in runs:
                continue
            if str(body.get("origin")) not in LIVE_ORIGINS:
                continue
            call = str(body.get("call_id"))
            if call in ends:
                retried.add(call)
            ends[call] = body
    except CapsuleCorrupt as error:
        damage = error.message
    return _counted(ends, retried, cloud, events, damage)


def _counted(
    ends: Mapping[str, Mapping[str, Any]],
    retried: Collection[str],
    cloud: Cloud,
    events: int,
    damage: str,
) -> Summary:
    answered = {call: body for call, body in ends.items() if body.get("success")}
    local = {call: body for call, body in answered.items() if body.get("mode") == Mode.REFLEX}
    prompt, completion = _tokens(local, "prompt_tokens"), _tokens(local, "completion_tokens")
    return Summary(
        local=len(local),
        cloud=len(answered) - len(local),
        failed=len(ends) - len(answered),
        fallbacks=sum(call in retried and call not in local for call in answered),
        local_tokens=prompt + completion,
        tokens=_tokens(answered, "prompt_tokens") + _tokens(answered, "completion_tokens"),
        saved_usd=cloud.price_usd(prompt, completion),
        events=events,
        damage=damage,
    )


def _tokens(calls: Mapping[str, Mapping[str, Any]], name: str) -> int:
    counts = [body.get(name) for body in calls.values()]
    return sum(count for count in counts if isinstance(count, int) and count > 0)
