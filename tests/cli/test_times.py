"""Times are local, or say their zone; what is printed can be given back to ``--since``."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from core.capsule import EventLog
from core.clock import rfc3339
from core.errors import ConfigError
from reflex_tui.cli.events import local
from reflex_tui.cli.main import run
from reflex_tui.cli.since import moment
from tests.support.capsule.making import decision

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ZONES = ["Asia/Kathmandu", "America/St_Johns", "UTC", "Pacific/Kiritimati"]


class Fixed:
    """A clock that has stopped."""

    def __init__(self, at: str) -> None:
        self._at = datetime.fromisoformat(at).astimezone()

    def now(self) -> datetime:
        """When it stopped."""
        return self._at.astimezone(UTC)

    def monotonic(self) -> float:
        """It does not move."""
        return 0.0


@pytest.fixture(params=ZONES)
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The process's time zone."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("zone")
@pytest.mark.parametrize("hours", [0, 5, 23, 30, 400])
def test_what_is_listed_can_be_given_back(hours: int) -> None:
    """To the millisecond on the same day, else to the second, as one word."""
    clock = Fixed("2026-07-01T23:59:59.999")
    at = clock.now() - timedelta(hours=hours, milliseconds=876)
    shown = local(rfc3339(at), clock)
    assert " " not in shown
    back = datetime.fromisoformat(moment(shown, clock))
    assert timedelta() <= at - back < timedelta(seconds=1)
    if hours < 24:
        assert moment(shown, clock) == rfc3339(at)


@pytest.mark.usefixtures("zone")
def test_events_lists_local_time(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And finds the event again by it; one that is later is left out."""
    monkeypatch.chdir(project)
    with EventLog(project / ".speckit" / "capsule") as log:
        record = log.append(decision())
    assert run(["events"], "x") == 0
    line = capsys.readouterr().out
    shown = line.split()[1]
    at = datetime.fromisoformat(record.time).astimezone()
    assert shown in {f"{at:%H:%M:%S}.{at.microsecond // 1000:03}", f"{at:%Y-%m-%dT%H:%M:%S}"}
    assert run(["events", "--since", shown], "x") == 0
    assert capsys.readouterr().out == line


@pytest.mark.usefixtures("zone")
def test_a_time_alone_is_the_last_such() -> None:
    """Today's, or yesterday's when that is still to come today."""
    clock = Fixed("2026-03-10T08:00")
    for text, day in (("07:59", 10), ("08:00", 10), ("08:01", 9), ("23:15:30.5", 9)):
        found = datetime.fromisoformat(moment(text, clock)).astimezone()
        assert (found.day, f"{found:%H:%M}") == (day, text[:5])


def test_a_zone_is_believed() -> None:
    """Whatever the machine's own."""
    assert moment("2026-01-12T10:30:00Z") == "2026-01-12T10:30:00.000Z"
    assert moment("2026-01-12T10:30:00+05:45") == "2026-01-12T04:45:00.000Z"


@pytest.mark.parametrize("text", ["", "soon", "25:00", "10", "7w", "2026-13-01", "9" * 400 + "d"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    """With examples."""
    with pytest.raises(ConfigError, match="neither a duration nor a moment") as found:
        moment(text)
    assert re.search("10:30", found.value.remedy)
