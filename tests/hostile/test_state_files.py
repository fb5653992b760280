"""Whatever a stranger's repository has in the place of a state file: nothing blocks, nothing leaks.

Each kind of plant is put at every path that the product's own writers use; then everything that
reads or writes state runs.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
from itertools import groupby, zip_longest
from typing import TYPE_CHECKING

import pytest

from core import files
from core.capsule import EventLog
from core.capsule.index import EventFilter, Index
from core.errors import ReflexError, UnsafeFile
from core.settings import load_settings
from reflex_tui.cli.main import run
from reflex_tui.model.estimate import newest_unfinished
from reflex_tui.model.reports import newest, read_report
from tests.support.hostile.statefiles import WRITERS, configured, written

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PRECIOUS = b"precious\n"
COMMANDS = (
    ["status"],
    ["events"],
    ["events", "verify"],
    ["check"],
)


def fifo(path: Path, _: Path) -> None:
    """A pipe that nobody writes to."""
    os.mkfifo(path)


def directory(path: Path, _: Path) -> None:
    """A directory with something in it."""
    path.mkdir()
    (path / "inside").write_bytes(PRECIOUS)


def link(path: Path, outside: Path) -> None:
    """A link to somebody's file."""
    path.symlink_to(outside / "victim")


def hard_link(path: Path, outside: Path) -> None:
    """A second name of somebody's file."""
    path.hardlink_to(outside / "victim")


def dangling(path: Path, outside: Path) -> None:
    """A link to a file that is not there yet."""
    path.symlink_to(outside / "new")


def device(path: Path, _: Path) -> None:
    """A device that never ends; a socket where making one is not allowed."""
    try:
        os.mknod(path, 0o666 | 0o020000, os.makedev(1, 5))
    except PermissionError:
        here = os.open(path.parent, os.O_PATH)
        try:
            with socket.socket(socket.AF_UNIX) as made:
                made.bind(f"/proc/self/fd/{here}/{path.name}")
        finally:
            os.close(here)


def sparse(path: Path, _: Path) -> None:
    """A file of 256 GiB that takes no room."""
    path.touch()
    os.truncate(path, 1 << 38)


def linked_parent(path: Path, outside: Path) -> None:
    """Its directory is a link to somebody's, where a file of that name lies."""
    there = outside / path.parent.name
    there.mkdir()
    (there / path.name).write_bytes(PRECIOUS)
    path.parent.rmdir()
    path.parent.symlink_to(there)


PLANTS = (fifo, directory, link, hard_link, dangling, device, sparse, linked_parent)
_SHORT = (fifo, link, hard_link, sparse)


@pytest.fixture
def _in_time() -> Iterator[None]:
    """Blocking for good ends in a failure."""

    def late(*_: object) -> None:
        raise AssertionError("it blocks")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.usefixtures("_in_time")
@pytest.mark.parametrize(
    "plant",
    [one if one in _SHORT else pytest.param(one, marks=pytest.mark.slow) for one in PLANTS],
    ids=lambda plant: plant.__name__,
)
def test_planted_state_files(
    plant: Callable[[Path, Path], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Nothing blocks, nothing outside changes, and what is wrong is said in a line or two."""
    example = tmp_path / "example"
    (example / ".git").mkdir(parents=True)
    places = written(example)
    assert len(places) >= 11, places
    for number, planted in enumerate(rounds([*places, "capsule/index.sqlite"])):
        root, outside = tmp_path / f"p{number}", tmp_path / f"o{number}"
        outside.mkdir()
        (outside / "victim").write_bytes(PRECIOUS)
        (root / ".git").mkdir(parents=True)
        for place in planted:
            path = root / ".speckit" / place
            path.parent.mkdir(parents=True)
            plant(path, outside)
        before = content(outside)
        settings = configured(root)
        monkeypatch.chdir(root)
        for command in (["health"], *COMMANDS) if number == 0 else COMMANDS:
            status = run(command, "code reflex")
            told = capsys.readouterr()
            assert status in {0, 1, 2, 3}, (planted, command)
            assert "Traceback" not in told.err, (planted, command)
            assert len(told.err.splitlines()) <= 3, (planted, command, told.err)
        read_all(root)
        for write in WRITERS:
            with contextlib.suppress(ReflexError, OSError):
                write(settings)
        read_all(root)
        assert content(outside) == before, planted
        shutil.rmtree(root)


def test_a_link_that_comes_while_a_file_is_opened_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looking beforehand is not enough: somebody may put it there in between."""
    victim, place = tmp_path / "victim", tmp_path / ".speckit" / "breaker"
    victim.write_bytes(PRECIOUS)
    place.parent.mkdir()
    monkeypatch.setattr(files, "refuse_links", lambda _: place.symlink_to(victim))
    with pytest.raises(UnsafeFile):
        files.open_state(place, os.O_RDWR | os.O_CREAT)
    assert victim.read_bytes() == PRECIOUS


@pytest.mark.parametrize("flags", [os.O_RDWR | os.O_CREAT, os.O_WRONLY | os.O_TRUNC, os.O_RDWR])
def test_a_second_name_of_a_file_is_read_but_never_written(tmp_path: Path, flags: int) -> None:
    """It may be any of the user's; it is neither emptied nor given another mode."""
    victim, place = tmp_path / "victim", tmp_path / ".speckit" / "breaker"
    victim.write_bytes(PRECIOUS)
    victim.chmod(0o644)
    place.parent.mkdir()
    place.hardlink_to(victim)
    with pytest.raises(UnsafeFile, match="second name"):
        files.open_state(place, flags)
    assert (victim.read_bytes(), victim.stat().st_mode & 0o777) == (PRECIOUS, 0o644)
    assert files.read_state(place) == PRECIOUS


def rounds(places: list[str]) -> list[list[str]]:
    """The places, those of different directories together: one round a place of the fullest."""
    folders = [[*group] for _, group in groupby(sorted(places), lambda place: place.split("/")[0])]
    return [list(filter(None, chosen)) for chosen in zip_longest(*folders)]


def content(outside: Path) -> dict[str, tuple[int, bytes]]:
    """Every file there, and its mode."""
    return {
        str(path): (path.stat().st_mode, path.read_bytes())
        for path in outside.rglob("*")
        if path.is_file()
    }


def read_all(root: Path) -> None:
    """What a dashboard reads."""
    state = load_settings(cwd=root).state_dir
    for path, _ in newest(state / "eval"):
        read_report(path).read()
    newest_unfinished(state / "eval")
    with contextlib.suppress(ReflexError), EventLog(state / "capsule") as log, Index(log) as index:
        log.tail(200)
        index.update()
        index.count(EventFilter())


@pytest.mark.usefixtures("_in_time")
def test_a_linked_state_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """``.speckit`` itself may not lead out of the workspace, also where all below it is sound."""
    example = tmp_path / "example"
    (example / ".git").mkdir(parents=True)
    written(example)
    root = tmp_path / "root"
    (root / ".git").mkdir(parents=True)
    (root / ".speckit").symlink_to(example / ".speckit")
    settings = configured(root)
    before = content(example)
    monkeypatch.chdir(root)
    for command in COMMANDS:
        assert run(command, "code reflex") in {0, 1, 2, 3}
        assert "Traceback" not in capsys.readouterr().err
    for write in WRITERS:
        with contextlib.suppress(ReflexError, OSError):
            write(settings)
    assert content(example) == before
