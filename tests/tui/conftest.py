"""What the dashboard's tests share: one time zone, one place for pictures, a capsule to look at."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_textual_snapshot
from textual.notifications import Notification

from core.capsule import EventLog
from tests.support.patience import PATIENCE_S
from tests.support.tui.making import StillClock, write_a_day
from tests.support.tui.watching import Heartbeat

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from syrupy.location import PyTestLocation

    from core.capsule import Record

SNAPSHOTS = Path(__file__).parents[2] / "snapshots"


class _Pictures(pytest_textual_snapshot.SVGImageExtension):
    """Pictures lie in ``snapshots`` at the root, where a person looks for them."""

    @classmethod
    def dirname(cls, *, test_location: PyTestLocation) -> str:
        """One directory a test file."""
        return str(SNAPSHOTS / test_location.basename)


# The fixture ``snap_compare`` looks its extension up by this name each time it is made.
pytest_textual_snapshot.SVGImageExtension = _Pictures


@pytest.fixture(autouse=True)
def _one_time_zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Times of day are drawn in the user's zone; here that is UTC."""
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.delenv("NO_COLOR", raising=False)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture(autouse=True)
def _notices_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """A notice stays however long a busy machine takes to look at it."""
    monkeypatch.setattr(Notification, "time_left", PATIENCE_S)


@pytest.fixture
def clock() -> StillClock:
    """A clock that stands."""
    return StillClock()


@pytest.fixture
def capsule(tmp_path: Path) -> Path:
    """Where a workspace's capsule is; not there yet."""
    return tmp_path / "api" / ".speckit" / "capsule"


@pytest.fixture(scope="session")
def a_day(tmp_path_factory: pytest.TempPathFactory) -> tuple[Record, ...]:
    """The records of forty calls of every kind."""
    log = EventLog(tmp_path_factory.mktemp("day"), clock=(clock := StillClock()))
    write_a_day(log, clock)
    log.close()
    return tuple(log.tail(1000))


@pytest.fixture
async def heartbeat() -> AsyncIterator[Heartbeat]:
    """A heartbeat beside the dashboard, on the loop that the test runs on."""
    beating = Heartbeat()
    task = asyncio.create_task(beating.beat())
    yield beating
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
