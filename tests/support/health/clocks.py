"""A clock that moves when told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class FakeClock:
    """Both clocks in step, from a fixed moment."""

    def __init__(self) -> None:
        self._s = 1000.0

    def now(self) -> datetime:
        """The wall clock."""
        return datetime(2026, 1, 12, tzinfo=UTC) + timedelta(seconds=self._s)

    def monotonic(self) -> float:
        """The monotonic clock."""
        return self._s

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._s += seconds
