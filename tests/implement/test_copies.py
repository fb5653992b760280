"""The copy in which a check is run: what is in it, and that the tree stays as it is."""

from __future__ import annotations

import errno
import shutil
import subprocess
import tempfile
from typing import TYPE_CHECKING

import pytest

from core.errors import ConfigError
from core.implement import checking as listing
from core.implement.checking import Scratch, listed
from core.implement.user_files import FilePlace

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(params=["git", "plain"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> FilePlace:
    """A small project, in git and without."""
    root = tmp_path / "project"
    for name in ("src/a.py", "src/__pycache__/a.pyc", "built/gen.py", ".venv/bin/tool", "x.log"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    (root / "link").symlink_to("src/a.py")
    if request.param == "git":
        (root / ".gitignore").write_text("built/\n.venv/\n*.log\n")
        subprocess.run(["git", "init", "-q"], cwd=root, check=True)
        subprocess.run(["git", "add", "src/a.py"], cwd=root, check=True)
    return FilePlace(root, root / "src")


async def test_what_is_copied(place: FilePlace) -> None:
    """Tracked files, others that are not ignored, links as links; dependencies by a link."""
    is_git = (place.root / ".git").exists()
    with Scratch(place) as scratch:
        async with scratch.copy({"src/a.py": b"candidate"}) as copy:
            assert copy.name == "project"
            assert (copy / "src/a.py").read_text() == "candidate"
            assert (copy / "link").is_symlink()
            assert (copy / ".venv/bin/tool").read_text() == ".venv/bin/tool"
            assert (copy / ".venv").is_symlink()
            assert not (copy / "src/__pycache__").exists()
            assert not (copy / ".git").exists()
            assert (copy / "built/gen.py").exists() is not is_git
            (copy / "src/a.py").write_text("spoilt")
            (copy / "src/new.py").touch()
        assert not copy.exists()
        async with scratch.copy({}) as again:
            assert (again / "src/a.py").read_text() == "src/a.py"
            assert not (again / "src/new.py").exists()
    assert not scratch.directory.exists()
    assert (place.root / "src/a.py").read_text() == "src/a.py"


async def test_what_git_ignores_may_be_asked_for(place: FilePlace) -> None:
    """Directories with all that is in them, and single files."""
    with Scratch(place, ["built", "x.log"]) as scratch:
        async with scratch.copy({}) as copy:
            assert (copy / "built/gen.py").exists()
            assert (copy / "x.log").exists()


def test_a_repository_within_brings_neither_its_git_nor_what_it_ignores(place: FilePlace) -> None:
    """A submodule's ``.git`` leads to its history; its ignored files may be secrets."""
    inner = place.root / "inner"
    inner.mkdir()
    subprocess.run(["git", "init", "-q"], cwd=inner, check=True)
    for name in ("b.py", "secret.env"):
        (inner / name).touch()
    (inner / ".gitignore").write_text("*.env\n")
    assert {name for name in listed(place.root) if name.startswith("inner/")} == {
        "inner/.gitignore",
        "inner/b.py",
    }
    asked = listed(place.root, ["inner"])
    assert "inner/secret.env" in asked
    assert not [name for name in asked if ".git" in name.split("/")]


def test_too_many_files(place: FilePlace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Says what to do."""
    monkeypatch.setattr(listing, "MOST_FILES", 1)
    with pytest.raises(ConfigError, match="over 1 files") as caught:
        listed(place.root)
    assert ".gitignore" in caught.value.remedy


async def test_a_full_disk(place: FilePlace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Says where there is no space, and what to do; nothing half copied stays."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copyfileobj", full)
    with Scratch(place) as scratch:
        where = str(scratch.directory.parent)
        with pytest.raises(ConfigError, match="No space left") as caught:
            async with scratch.copy({}):
                pass
        assert where in caught.value.message
        assert "TMPDIR" in caught.value.remedy
        assert not list(scratch.directory.iterdir())


def test_a_temporary_directory_within(place: FilePlace, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy of the copy of the copy is not begun."""
    monkeypatch.setattr(tempfile, "tempdir", str(place.root))
    with pytest.raises(ConfigError, match="TMPDIR"), Scratch(place):
        pass
    assert not list(place.root.glob("reflex-implement-*"))
