"""Logs and indexes that the tests of the capsule share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from core.capsule import EventLog, Record
from core.capsule.index import Index
from tests.support.capsule.filling import COUNT, fill
from tests.support.capsule.making import QuickDisk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[EventLog, list[Record]]:
    """A log that no test changes."""
    path = tmp_path_factory.mktemp("index") / "capsule"
    return EventLog(path), fill(path, COUNT)


@pytest.fixture(scope="module")
def index(filled: tuple[EventLog, list[Record]]) -> Iterator[Index]:
    """An index over all of it, which no test changes either."""
    with Index(filled[0]) as index:
        index.update()
        yield index


@pytest.fixture
def small(tmp_path: Path) -> tuple[EventLog, list[Record]]:
    """A log that a test may change."""
    return EventLog(tmp_path / "capsule", disk=QuickDisk()), fill(tmp_path / "capsule", 50)
