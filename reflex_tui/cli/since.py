"""``--since``: a duration ago, a time of day, or a date and time, as records write their time."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

from core.errors import ConfigError
from core.plain import plain

if TYPE_CHECKING:
    from core.clock import Clock

_AGO = re.compile(r"(\d+(?:\.\d+)?)([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def moment(text: str | None, clock: Clock | None = None) -> str:
    """``--since`` as RFC 3339 in UTC; ``""``, which is before all others, for None.

    A duration ago; or a date and time, or a time of the last 24 hours, which are local unless they
    say their zone. All times that this command line prints are among these.

    Raises:
        ConfigError: ``text`` is neither a duration nor a moment.
    """
    from core.clock import SystemClock, rfc3339

    if text is None:
        return ""
    now = (clock or SystemClock()).now()
    try:
        if ago := _AGO.fullmatch(text):
            return rfc3339(now - timedelta(seconds=float(ago[1]) * _SECONDS[ago[2]]))
        return rfc3339((_of_day(text, now) or datetime.fromisoformat(text)).astimezone(UTC))
    except (ValueError, OverflowError):
        raise ConfigError(
            f"--since {plain(text, 60)!r} is neither a duration nor a moment",
            remedy="For example 30s, 15m, 2h, 7d, 10:30, or 2026-01-12T10:30:00Z. "
            "A time without a zone is local.",
        ) from None


def _of_day(text: str, now: datetime) -> datetime | None:
    """When the clock last showed this time; None for what is not a time alone."""
    try:
        wanted = time.fromisoformat(text)
    except ValueError:
        return None
    if ":" not in text or wanted.tzinfo is not None:
        return None
    today = now.astimezone().date()
    found = datetime.combine(today, wanted).astimezone()
    return found if found <= now else datetime.combine(today - timedelta(days=1), wanted)
