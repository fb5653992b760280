"""Which events are worth a notice, and what it says; pure functions.

An event is told by the process that wrote it, so once. That a pass lapses soon is no event: see
``lapse_news``. A breaker that opens again after a probe has failed is no news.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from core.figures import plural
from core.notify.notice import UserNotice
from core.router.lapses import LAPSES, RUN_AGAIN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.router.decision import GateView

# A pass of a few days is not announced as ending from its first hour on.
_LAST_PART = 0.25
_VERDICTS = {"pass": "passed", "fail": "failed", "inconclusive": "undecided"}


def news_of(event: Mapping[str, Any]) -> UserNotice | None:
    """The notice about an event that was just written; None where it is worth none."""
    match event.get("event_type"):
        case "BreakerStateChanged":
            return _breaker_news(event)
        case "GateDecision" if event.get("cause") in LAPSES:
            return _demotion_news(event)
        case "BakeoffFinished":
            return bakeoff_news(event)
    return None


def _breaker_news(event: Mapping[str, Any]) -> UserNotice | None:
    if (event.get("before"), event.get("after")) != ("closed", "open"):
        return None
    model, cause = str(event.get("model")), str(event.get("cause"))
    count = event.get("failure_count")
    failed = plural(count, "failure") if isinstance(count, int) else "failures"
    return UserNotice(
        "breaker_opened",
        f"Breaker open: {model}",
        f"{failed} in a row, the last: {cause}. Calls go elsewhere until it answers again.",
        {
            "endpoint": str(event.get("endpoint")),
            "model": model,
            "cause": cause,
            "failure_count": count if isinstance(count, int) else None,
        },
    )


def _demotion_news(event: Mapping[str, Any]) -> UserNotice:
    cause, model = str(event["cause"]), str(event.get("model"))
    sentence = LAPSES[cause].sentence
    return UserNotice(
        "demoted",
        f"Demoted: {model}",
        f"{sentence[0].upper()}{sentence[1:]}. Calls go to the cloud. {RUN_AGAIN}",
        {"endpoint": str(event.get("endpoint")), "model": model, "cause": cause},
    )


def bakeoff_news(event: Mapping[str, Any], verdict: str = "", suite: str = "") -> UserNotice:
    """A bakeoff's end; ``verdict`` and ``suite`` where they are known."""
    ended = "stopped early" if event.get("partial") else "finished"
    word = _VERDICTS.get(verdict)
    said = f"{suite or 'It'} {ended}{f': {word}' if word else ''}."
    return UserNotice(
        "bakeoff_done",
        f"Bakeoff {word or ended}",
        f"{said} Report: {event.get('report_path')}",
        {
            "verdict": verdict or None,
            "suite": suite or None,
            "partial": bool(event.get("partial")),
            "report_path": str(event.get("report_path")),
        },
    )


def lapse_news(gate: GateView, *, max_age_days: float, within_days: float) -> UserNotice | None:
    """That the pass which holds is soon too old: within so many days, or its last quarter."""
    if not gate.valid or gate.age_days is None or gate.event is None:
        return None
    left = max_age_days - gate.age_days
    if left > min(within_days, _LAST_PART * max_age_days):
        return None
    days = "less than a day" if left < 1 else plural(int(left), "day")
    model = str(gate.event.get("model"))
    return UserNotice(
        "pass_lapses",
        f"Pass lapses: {model}",
        f"In {days} the pass is too old, and calls go to the cloud. {RUN_AGAIN}",
        {"model": model, "days_left": round(left, 2), "lapses_at": _lapses_at(gate, left)},
    )


def _lapses_at(gate: GateView, left: float) -> str | None:
    try:
        decided = datetime.fromisoformat(str((gate.event or {}).get("decided_at")))
        return (decided + timedelta(days=left + (gate.age_days or 0.0))).isoformat()
    except (ValueError, OverflowError):
        return None
