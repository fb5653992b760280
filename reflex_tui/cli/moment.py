"""``--since``: a duration ago or a moment, as records write their time."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from core.clock import Clock, SystemClock, rfc3339
from core.errors import ConfigError
from core.plain import plain

_AGO = re.compile(r"(\d+(?:\.\d+)?)([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def moment(text: str | None, clock: Clock | None = None) -> str:
    """RFC 3339 in UTC; ``""``, which is before all others, for None.

    Raises:
        ConfigError: ``text`` is neither a duration nor a moment.
    """
    if text is None:
        return ""
    try:
        if ago := _AGO.fullmatch(text):
            elapsed = timedelta(seconds=float(ago[1]) * _SECONDS[ago[2]])
            return rfc3339((clock or SystemClock()).now() - elapsed)
        return rfc3339(datetime.fromisoformat(text).astimezone(UTC))
    except (ValueError, OverflowError):
        raise ConfigError(
            f"--since {plain(text, 60)!r} is neither a duration nor a moment",
            remedy="For example 30s, 15m, 2h, 7d, or 2026-01-12T10:30:00Z.",
        ) from None
