"""Logs of many made-up calls, always the same ones for a seed."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from core.capsule import EventLog, Record
from core.capsule.events import LLMCallEvent
from core.capsule.index.store import store_file
from core.stages import Mode, Stage
from tests.support.capsule.making import QuickDisk, decision

if TYPE_CHECKING:
    from pathlib import Path


def index_file(capsule: Path) -> Path:
    """Where the index of a capsule lies."""
    file = store_file(capsule)
    assert file is not None
    return file


START = datetime(2026, 1, 12, 10, 0, tzinfo=UTC)


COUNT = 6000


class Ticking:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.moment = START

    def now(self) -> datetime:
        """The moment that was set."""
        return self.moment

    def monotonic(self) -> float:
        """Never asked for."""
        raise NotImplementedError


def call(call_id: str, mode: Mode, **fields: Any) -> LLMCallEvent:
    """An LLMCall."""
    values: dict[str, Any] = {
        "run_id": "r",
        "model": "m",
        "request": {"mode": "cloud", "reason": "not a field of the event"},
        "response": None,
        "latency_ms": 100.0,
        "success": True,
        "attempt": 1,
        "stage": Stage.IMPLEMENT,
        "backend": mode.value,
        "endpoint": "e",
        "capture_mode": "full_io",
    }
    return LLMCallEvent.model_validate(values | {"call_id": call_id, "mode": mode} | fields)


def fill(path: Path, count: int, *, seed: int = 0) -> list[Record]:
    """A log of random decisions and calls, one a second."""
    chance = random.Random(seed)
    clock = Ticking()
    records = []
    with EventLog(path, clock=clock, segment_bytes=1 << 20, disk=QuickDisk()) as log:
        for number in range(count):
            clock.moment = START + timedelta(seconds=number)
            mode = chance.choice([Mode.REFLEX, Mode.CLOUD])
            if chance.random() < 0.5:
                reason = chance.choice(["server_unhealthy", "healthy_and_thresholds_met", "rare"])
                detail = chance.choice([None, "no_bakeoff", "50%_done"])
                event: Any = decision(f"c{number // 2}", mode=mode, reason=reason, detail=detail)
            else:
                event = call(
                    f"c{number // 2}",
                    mode,
                    latency_ms=chance.choice([10.5, 200.0, 3000.0]),
                    ttft_ms=chance.choice([None, 5.0, chance.random() * 100]),
                    success=chance.random() < 0.9,
                    error=chance.choice([None, "Timeout"]),
                    error_message=chance.choice([None, "The server took TOO long"]),
                    origin=chance.choice(["live", "bakeoff", "demo"]),
                )
            records.append(log.append(event))
    return records
