"""What the capsule's tests share: events, faults, and whether the full form was asked for."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from core.capsule.events import RoutingDecisionEvent
from core.capsule.logend import Disk
from core.stages import Mode, Stage

if TYPE_CHECKING:
    from pathlib import Path

FULL = bool(os.environ.get("REFLEX_TORTURE"))


def decision(call_id: str = "c", **fields: object) -> RoutingDecisionEvent:
    """A RoutingDecision; the fields not given are those of an ordinary call."""
    values: dict[str, object] = {
        "run_id": "run",
        "mode": Mode.REFLEX,
        "reason": "healthy_and_thresholds_met",
        "latency_ms": 0.4,
        "stage": Stage.IMPLEMENT,
        "backend": "reflex",
        "endpoint": "http://127.0.0.1:3009/v1",
        "model": "m",
        "failure_count": 0,
        "call_id": call_id,
    }
    return RoutingDecisionEvent.model_validate(values | fields)


class QuickDisk(Disk):
    """Leaves out the syncs: what is tested is not the medium, and they take most of the time."""

    def sync(self, fd: int) -> None:
        """Nothing."""

    def sync_directory(self, path: Path) -> None:
        """Nothing."""


class FaultyDisk(QuickDisk):
    """Fails the ``nth`` call (from 1) of one operation; with ``for_good`` all after it as well.

    A failing write first writes ``partly`` bytes, as a disk does that fills up.
    """

    def __init__(
        self,
        operation: str = "",
        nth: int = 1,
        *,
        for_good: bool = False,
        partly: int = 0,
        code: int = errno.EIO,
    ) -> None:
        self.operation = operation
        self.nth = nth
        self.for_good = for_good
        self.partly = partly
        self.code = code
        self.calls: dict[str, int] = {}

    def _meet(self, operation: str) -> bool:
        count = self.calls[operation] = self.calls.get(operation, 0) + 1
        hit = count == self.nth or (self.for_good and count > self.nth)
        return operation == self.operation and hit

    def _error(self) -> OSError:
        return OSError(self.code, os.strerror(self.code))

    def write(self, fd: int, data: bytes) -> int:
        """As the real one, or a part of it and then the error."""
        if self._meet("write"):
            if self.partly:
                super().write(fd, data[: self.partly])
            raise self._error()
        return super().write(fd, data)

    def sync(self, fd: int) -> None:
        """As the real one, or the error."""
        if self._meet("sync"):
            raise self._error()
        super().sync(fd)

    def truncate(self, fd: int, size: int) -> None:
        """As the real one, or the error."""
        if self._meet("truncate"):
            raise self._error()
        super().truncate(fd, size)

    def create(self, path: Path) -> None:
        """As the real one, or the error."""
        if self._meet("create"):
            raise self._error()
        super().create(path)

    def sync_directory(self, path: Path) -> None:
        """As the real one, or the error."""
        if self._meet("sync_directory"):
            raise self._error()
        super().sync_directory(path)
