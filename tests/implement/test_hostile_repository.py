"""A hostile repository: git runs nothing that it names, and what git refuses ends the work."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from core import git as calls
from core.errors import ConfigError
from core.git import kept_files, run_git
from core.implement.checking import Scratch, listed
from core.implement.user_files import FilePlace
from tests.support.engine.processes import eventually, running


def git(root: Path, *words: str, **environ: str) -> None:
    """Run git as a user does."""
    subprocess.run(["git", *words], cwd=root, check=True, env=os.environ | environ)


def commit(root: Path) -> None:
    """What was added, by somebody."""
    roles = ("AUTHOR", "COMMITTER")
    who = {f"GIT_{role}_{what}": "a@b" for role in roles for what in ("NAME", "EMAIL")}
    git(root, "commit", "-qm", "one", **who)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with a tracked file, another, and a secret that git ignores."""
    root = Path(os.path.realpath(tmp_path)) / "project"
    root.mkdir()
    git(root, "init", "-q")
    for name, text in (("a.py", "1"), ("new.py", "2"), ("secret.env", "KEY=1")):
        (root / name).write_text(text)
    (root / ".gitignore").write_text("*.env\n")
    git(root, "add", "a.py")
    return root


def program(root: Path) -> tuple[str, Path]:
    """A program that leaves a mark when it is run, outside of the work tree; and the mark."""
    mark = root.parent / "ran"
    path = root.parent / "program"
    path.write_text(f"#!/bin/sh\ntouch {mark}\nexit 1\n")
    path.chmod(0o755)
    return str(path), mark


KEPT = [".gitignore", "a.py", "new.py"]
_RUNS = (
    "core.fsmonitor",
    "core.pager",
    "core.sshCommand",
    "core.askPass",
    "core.alternateRefsCommand",
    "core.editor",
    "core.gitProxy",
    "credential.helper",
    "diff.external",
    "diff.x.textconv",
    "filter.x.clean",
    "filter.x.smudge",
    "filter.x.process",
    "gpg.program",
    "trailer.x.command",
    "uploadpack.packObjectsHook",
    "alias.ls-files",
    "alias.rev-parse",
)


@pytest.mark.parametrize("key", _RUNS)
def test_no_program_that_a_repository_names_is_run(root: Path, key: str) -> None:
    """Whatever a configuration may name as a program, also where attributes ask for it."""
    path, mark = program(root)
    (root / ".gitattributes").write_text("* filter=x diff=x\n")
    git(root, "config", key, f"!{path}" if key.startswith("alias") else path)
    git(root, "config", "core.hooksPath", str(root.parent))
    assert sorted(listed(root)) == sorted([*KEPT, ".gitattributes"])
    assert not mark.exists()


def test_the_overrides_win_where_git_would_run_it(root: Path) -> None:
    """Listing files asks no monitor, and so does not show whether one is switched off."""
    path, mark = program(root)
    commit(root)
    git(root, "config", "core.fsmonitor", path)
    run_git(["status", "--porcelain"], cwd=root)
    assert not mark.exists()
    subprocess.run(["git", "status"], cwd=root, check=False, timeout=30, capture_output=True)
    assert mark.exists(), "the trap itself does not work"


def test_a_partial_clone_fetches_nothing(root: Path) -> None:
    """A sparse index names a tree that is not there; its promisor's transport is a program."""
    path, mark = program(root)
    (root / "far").mkdir()
    (root / "far" / "b.py").touch()
    git(root, "add", "far")
    commit(root)
    git(root, "sparse-checkout", "set", "--cone", "--sparse-index", "near")
    shutil.rmtree(root / ".git" / "objects")
    (root / ".git" / "objects").mkdir()
    for key, value in (
        ("core.repositoryFormatVersion", "1"),
        ("extensions.partialClone", "origin"),
        ("remote.origin.url", f"ext::{path}"),
        ("remote.origin.promisor", "true"),
        ("protocol.ext.allow", "always"),
    ):
        git(root, "config", key, value)
    assert sorted(listed(root)) == KEPT
    assert not mark.exists()
    subprocess.run(["git", "ls-files"], cwd=root, check=False, timeout=30, capture_output=True)
    assert mark.exists(), "the trap itself does not work"


@pytest.mark.parametrize("line", ["excludesFile = PIPE", "attributesFile = PIPE", "worktree = /"])
def test_a_configuration_that_leads_astray_does_not_count(root: Path, line: str) -> None:
    """Neither a pipe to read excludes from, nor another work tree."""
    pipe = root.parent / "pipe"
    os.mkfifo(pipe)
    with (root / ".git" / "config").open("a") as file:
        file.write(f"[core]\n\t{line.replace('PIPE', str(pipe))}\n")
    assert sorted(listed(root)) == KEPT


@pytest.mark.parametrize(
    "where", ["index", "info/exclude", "config", "HEAD", "commondir", "../.gitignore", "included"]
)
def test_a_pipe_blocks_nothing(root: Path, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    """Git itself would wait for ever; here it has a deadline, or is never asked."""
    monkeypatch.setattr(calls, "_LOOK_S", 0.5)
    path = root / ".git" / where
    path.unlink(missing_ok=True)
    if where == "included":
        git(root, "config", "include.path", str(path))
    os.mkfifo(path)
    with pytest.raises(ConfigError, match=r"not done within|not a regular file|git refused"):
        kept_files(root, deadline_s=1)


def test_git_and_all_it_started_is_ended_at_the_deadline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its whole process group, also what holds its output open."""
    fake = tmp_path / "git"
    fake.write_text(f"#!/bin/sh\nsleep 60 & echo $! > {tmp_path}/child\nwait\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(ConfigError, match="not done within"):
        run_git(["status"], cwd=tmp_path, deadline_s=3)
    child = int((tmp_path / "child").read_text())
    assert eventually(lambda: not running(child))


@pytest.mark.parametrize("why", ["another owner", "corrupt", "no index", "no git"])
async def test_what_git_refuses_ends_the_work(
    root: Path, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    """Files that git would ignore, secrets among them, are never copied instead."""
    said = "git refused"
    match why:
        case "another owner":
            if os.geteuid():
                pytest.skip("only root can give files away")
            os.chown(root, 4321, 4321)
            os.chown(root / ".git", 4321, 4321)
            said = "dubious ownership"
        case "corrupt":
            (root / ".git" / "HEAD").unlink()
        case "no index":
            (root / ".git" / "index").write_bytes(b"DIRC\0\0\0\2no index at all" + bytes(40))
        case "no git":
            monkeypatch.setenv("PATH", str(root))
            said = "git is not installed"
    with Scratch(FilePlace(root, root)) as scratch:
        with pytest.raises(ConfigError, match=said) as caught:
            async with scratch.copy({}):
                pass
        assert "git status" in caught.value.remedy
        assert not list(scratch.directory.rglob("secret.env"))


@pytest.mark.parametrize("forged", ["../x.py", "/tmp/xx", ".git/xxx", "li/x.py"])
async def test_an_index_cannot_name_what_lies_elsewhere(root: Path, forged: str) -> None:
    """Git checks paths when they are added, not when they are read; ``li`` is a link to above."""
    (root.parent / "x.py").write_text("not in the repository")
    (root / ".git" / "xxx").touch()
    (root / "li").symlink_to("..")
    name = "y" * len(forged)
    (root / name).touch()
    git(root, "add", name)
    (root / name).unlink()
    index = root / ".git" / "index"
    body = index.read_bytes()[:-20].replace(name.encode(), forged.encode())
    index.write_bytes(body + hashlib.sha1(body, usedforsecurity=False).digest())
    assert forged in kept_files(root)
    assert forged not in listed(root)
    with Scratch(FilePlace(root, root)) as scratch:
        async with scratch.copy({}) as copy:
            assert (copy / "a.py").exists()
            assert not [path for path in copy.parent.rglob("*") if path.name in {"x.py", "xxx"}]


async def test_what_is_no_file_is_not_opened(root: Path) -> None:
    """Pipes are left out, tracked or not; links to devices stay links."""
    os.mkfifo(root / "pipe")
    (root / "zero").symlink_to("/dev/zero")
    (root / "a.py").unlink()
    os.mkfifo(root / "a.py")
    with Scratch(FilePlace(root, root)) as scratch:
        async with scratch.copy({}) as copy:
            assert sorted(path.name for path in copy.iterdir()) == [".gitignore", "new.py", "zero"]
            assert (copy / "zero").is_symlink()


def test_what_the_user_ignores_everywhere_stays_ignored(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user's own configuration counts, and the repository's own excludes do."""
    home = root.parent / "home"
    home.mkdir()
    (home / "ignored").write_text("new.py\n")
    (home / ".gitconfig").write_text(f"[core]\n\texcludesFile = {home}/ignored\n")
    monkeypatch.setenv("HOME", str(home))
    assert sorted(listed(root)) == [".gitignore", "a.py"]
    (root / ".git" / "info" / "exclude").write_text(".gitignore\n")
    assert sorted(listed(root)) == ["a.py"]


def test_a_work_tree_of_its_own_and_another_hash(root: Path) -> None:
    """``git worktree`` keeps the index elsewhere; SHA-256 repositories have another one."""
    commit(root)
    other = root.parent / "other"
    git(root, "worktree", "add", "-q", str(other))
    (other / "b.py").touch()
    assert sorted(listed(other)) == ["a.py", "b.py"]
    longer = root.parent / "longer"
    git(root.parent, "init", "-q", "--object-format=sha256", str(longer))
    (longer / "c.py").touch()
    git(longer, "add", "c.py")
    git(longer, "update-index", "--split-index")
    assert listed(longer) == ["c.py"]
