"""What the dashboard tells its user of, wherever they look."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from core.plain import plain

if TYPE_CHECKING:
    from collections.abc import Iterable

    from core.capsule import Record
    from core.notify.notice import Happening, UserNotice
    from core.router.view import RoutingView

# What came while the screen was locked need not cover it when it is unlocked.
_MOST = 3
_TOLD_OF = frozenset({"BreakerStateChanged", "GateDecision", "BakeoffFinished"})
# As Textual calls the kinds of its notices.
SEVERITIES: dict[Happening, Literal["information", "warning", "error"]] = {
    "breaker_opened": "warning",
    "pass_lapses": "warning",
    "demoted": "error",
    "bakeoff_done": "information",
}


def notices_of(records: Iterable[Record]) -> tuple[UserNotice, ...]:
    """The newest of what these records give reason to tell, oldest first."""
    told = [record for record in records if record.event_type in _TOLD_OF]
    if not told:
        return ()
    from core.router.news import news_of  # nothing happens before the first paint

    found = [news for record in told if (news := news_of(record.body))]
    return tuple(found[-_MOST:])


def lapse_of(seen: RoutingView, within_days: float) -> UserNotice | None:
    """That the pass is soon too old, where it is."""
    from core.router.news import lapse_news  # as above

    limit = seen.policy.reflex.thresholds.max_age_days
    return lapse_news(seen.gate, max_age_days=limit, within_days=within_days)


def osc9(notice: UserNotice) -> str:
    """The escape sequence with which a terminal shows a notice of its own (OSC 9).

    It begins with a word: after a number some terminals would take it for something else.
    """
    return f"\x1b]9;Reflex: {plain(notice.title, 120)}. {plain(notice.text, 200)}\x07"
