"""Time that passes for the breaker without anybody's waiting."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest


def pass_time(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """From now on the machine's own count, which the breaker goes by, is ``seconds`` ahead."""
    count = time.clock_gettime
    monkeypatch.setattr(time, "clock_gettime", lambda which: count(which) + seconds)
