"""Which files may be named, and what writing them keeps."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from core.errors import ConfigError, UnsafeFile
from core.files import replace_user_file
from core.implement.user_files import (
    MOST_BYTES,
    FileChange,
    FilePlace,
    place_of,
    read_named,
    write_all,
)
from core.settings import load_settings

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def place(project: Path) -> FilePlace:
    """A repository with files of every kind, the person standing in ``src``."""
    (project / "src").mkdir()
    (project / "src" / "a.py").write_bytes("﻿x = 'ä'\r\n".encode())
    (project / "outside.txt").symlink_to(project.parent / "elsewhere")
    (project / "linked").symlink_to(project / "src")
    (project / "binary").write_bytes(b"\xff\xfe\x00")
    (project / "nul.txt").write_bytes(b"a\0b")
    (project / "large.txt").write_bytes(b"x" * (MOST_BYTES + 1))
    os.mkfifo(project / "pipe")
    (project / ".git" / "config").touch()
    (project / ".speckit").mkdir()
    (project / ".speckit" / "x").touch()
    (project.parent / "elsewhere").write_text("secret")
    return FilePlace(project, project / "src")


def test_a_named_file_is_read_as_it_is(place: FilePlace) -> None:
    """From where the person stands; its byte order mark and newlines come back with an edit."""
    found = read_named(place, ["a.py", "../src/a.py", str(place.here / "a.py")])
    (original,) = found.values()
    assert original.path == "src/a.py"
    assert original.text == "x = 'ä'\r\n"
    assert original.encoded(original.text) == original.data


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("../../elsewhere", "not inside the repository"),
        ("/etc/passwd", "not inside the repository"),
        ("..", "not inside the repository"),
        ("../outside.txt", "is a symbolic link"),
        ("../linked/a.py", "behind a symbolic link"),
        ("../binary", "not UTF-8"),
        ("../nul.txt", "binary"),
        ("../large.txt", "over 256 KiB"),
        ("../pipe", "not a regular file"),
        ("../src", "not a regular file"),
        ("../.git/config", "belongs to version control"),
        ("../.speckit/x", "belongs to version control"),
        ("missing.py", "cannot be read"),
        ("a\x1b.py", "cannot be shown"),
    ],
)
def test_what_may_not_be_named(place: FilePlace, name: str, why: str) -> None:
    """Each is refused before anything is sent or run, with the reason in plain text."""
    with pytest.raises(ConfigError, match=why) as caught:
        read_named(place, [name])
    assert caught.value.message.isprintable()


def test_where_the_repository_begins(tmp_path: Path) -> None:
    """At ``.git``; without one, at the configuration; without that, here."""
    (tmp_path / "stage0.toml").touch()
    inner = tmp_path / "inner"
    inner.mkdir()
    settings = load_settings(tmp_path / "stage0.toml")
    assert place_of(settings, inner) == FilePlace(tmp_path, inner)
    (inner / ".git").mkdir()
    assert place_of(settings, inner) == FilePlace(inner, inner)
    elsewhere = tmp_path.parent / f"{tmp_path.name}-elsewhere"
    elsewhere.mkdir()
    assert place_of(settings, elsewhere) == FilePlace(elsewhere, elsewhere)


def test_modes_are_kept(project: Path) -> None:
    """A script stays one that can be run."""
    script = project / "run.sh"
    script.write_bytes(b"old")
    script.chmod(0o750)
    write_all(project, [FileChange("run.sh", b"old", b"new")])
    assert script.read_bytes() == b"new"
    assert script.stat().st_mode & 0o7777 == 0o750
    assert sorted(path.name for path in project.iterdir()) == [".git", "run.sh"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_owner_and_group_are_kept(project: Path) -> None:
    """Root in a container rewrites a user's file, and puts it back when the next one fails."""
    for name in ("a", "b"):
        (project / name).write_bytes(b"old")
        os.chown(project / name, 1234, 4321)
        (project / name).chmod(0o4750)
    write_all(project, [FileChange(name, b"old", b"new") for name in ("a", "b")])
    replace_user_file(project / "b", b"newer")
    for name, data in (("a", b"new"), ("b", b"newer")):
        status = (project / name).stat()
        assert (status.st_uid, status.st_gid, status.st_mode & 0o7777) == (1234, 4321, 0o4750)
        assert (project / name).read_bytes() == data


@pytest.mark.skipif(shutil.which("unshare") is None, reason="needs util-linux")
def test_in_a_container_without_that_user_the_text_is_replaced(project: Path) -> None:
    """A user namespace has no name for whoever owns the file; it then belongs to this process."""
    (project / "a").write_bytes(b"old")
    program = (
        "import pathlib, sys; from core.files import replace_user_file; "
        "replace_user_file(pathlib.Path(sys.argv[1]), b'new')"
    )
    namespace = ["unshare", "--user"]
    if subprocess.run([*namespace, "true"], check=False, capture_output=True).returncode:
        pytest.skip("no user namespaces here")
    subprocess.run([*namespace, sys.executable, "-c", program, project / "a"], check=True)
    assert (project / "a").read_bytes() == b"new"


def test_extended_attributes_are_kept(project: Path) -> None:
    """Access lists are among them."""
    (project / "a").write_bytes(b"old")
    try:
        os.setxattr(project / "a", "user.mark", b"1")
    except (AttributeError, OSError):
        pytest.skip("no extended attributes here")
    replace_user_file(project / "a", b"new")
    assert os.getxattr(project / "a", "user.mark") == b"1"


def test_only_a_users_own_regular_file_is_replaced(project: Path) -> None:
    """A link, a pipe, or nothing is no file to rewrite; nothing is left beside it."""
    os.mkfifo(project / "pipe")
    (project / "link").symlink_to("pipe")
    for name in ("pipe", "link"):
        with pytest.raises(UnsafeFile):
            replace_user_file(project / name, b"new")
    with pytest.raises(FileNotFoundError):
        replace_user_file(project / "none", b"new")
    assert sorted(path.name for path in project.iterdir()) == [".git", "link", "pipe"]


def test_all_or_none(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the second cannot be replaced, the first is put back."""
    for name in ("a", "b"):
        (project / name).write_bytes(b"old")
    plainly, calls = os.replace, []

    def replace(source: Path, target: Path) -> None:
        calls.append(target)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        plainly(source, target)

    monkeypatch.setattr(os, "replace", replace)
    changes = [FileChange(name, b"old", b"new") for name in ("a", "b")]
    with pytest.raises(OSError, match="No space"):
        write_all(project, changes)
    assert [(project / name).read_bytes() for name in ("a", "b")] == [b"old", b"old"]
    assert sorted(path.name for path in project.iterdir()) == [".git", "a", "b"]


def test_a_file_that_was_changed_meanwhile_is_left_alone(project: Path) -> None:
    """And so are all others; the message says which it was."""
    for name in ("a", "b"):
        (project / name).write_bytes(b"old")
    (project / "b").write_bytes(b"theirs")
    changes = [FileChange(name, b"old", b"new") for name in ("a", "b")]
    with pytest.raises(ConfigError, match="changed since: b;"):
        write_all(project, changes)
    assert [(project / name).read_bytes() for name in ("a", "b")] == [b"old", b"theirs"]
