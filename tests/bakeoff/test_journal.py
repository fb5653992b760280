"""A journal's file lies in the project, so it is opened and read as a stranger's."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from core import files
from core.errors import ReflexError, ReportError
from core.harness.bakeoff.journal import Journal, JournalHeader, JournalSeal
from core.harness.gate.looks import GatePlan

if TYPE_CHECKING:
    from pathlib import Path

NAME = "reflex-bakeoff-20260101T000000Z.journal.jsonl"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Where a workspace's journals lie."""
    path = tmp_path / ".speckit" / "eval"
    path.mkdir(parents=True)
    return path


def sealing(directory: Path) -> JournalSeal:
    """The seal of this workspace."""
    return JournalSeal(directory.parent.parent, b"a key of thirty-two bytes or more")


def begun(directory: Path) -> Journal:
    """A new journal there."""
    header = JournalHeader(datetime(2026, 1, 1, tzinfo=UTC), "run", 1, {}, GatePlan.single((), 1))
    return Journal.create(directory, header, sealing(directory))


@pytest.mark.parametrize("place", ["link", "dangling link", "pipe", "directory"])
def test_only_a_regular_file_is_a_journal(directory: Path, place: str) -> None:
    """Nobody waits for a pipe, and no link leads to another file of the user's."""
    path, outside = directory / NAME, directory.parent.parent / "outside"
    match place:
        case "link":
            begun(directory).close()
            path.rename(outside)
            path.symlink_to(outside)
        case "dangling link":
            path.symlink_to(outside)
        case "pipe":
            os.mkfifo(path)
        case "directory":
            path.mkdir()
    with pytest.raises(ReflexError):
        Journal.newest(directory, sealing(directory))


def test_a_linked_directory_is_refused_for_reading_and_writing(directory: Path) -> None:
    """A run would write its trials elsewhere."""
    outside = directory.parent.parent / "outside"
    directory.rename(outside)
    directory.symlink_to(outside)
    with pytest.raises(ReportError, match="is a link"):
        Journal.newest(directory, sealing(directory))
    with pytest.raises(ReportError):
        begun(directory)
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize(
    "line", [b"[" * 60_000, b"1" * 5000, b'{"a":' * 9000, b'{"a": NaN}', b"\xff", b"null"]
)
def test_a_hostile_line_is_a_damaged_journal(directory: Path, line: bytes) -> None:
    """Typed, however it is nested or written."""
    journal = begun(directory)
    journal.close()
    with journal.path.open("ab") as file:
        file.write(line + b"\n")
    with pytest.raises(ReportError, match="cannot be resumed"):
        Journal.newest(directory, sealing(directory))


def test_a_directory_full_of_files_is_refused(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looking for the newest has an end."""
    begun(directory).close()
    assert Journal.newest(directory, sealing(directory))
    monkeypatch.setattr(files, "MOST_NAMES", 0)
    with pytest.raises(ReportError, match="holds over"):
        Journal.newest(directory, sealing(directory))
