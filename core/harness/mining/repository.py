"""A repository's commits and files, read through git with a directory of our own.

It borrows the repository's objects and takes nothing else of it: no configuration, hooks, filters
or attributes, and no other commit than those reached from the one that is checked out.
"""

from __future__ import annotations

import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

from core.errors import ConfigError
from core.git import directories, run_git, take
from core.harness.suites.tasks import WorkTree
from core.harness.suites.trees import MOST_FILES, is_inner, leads_inside

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

MOST_FILE_BYTES = 1 << 20
_MOST_TOTAL = 80 << 20
_BATCH = 16 << 20
_DEADLINE_S = 60.0
_MOST_LINK = 1000
_MOST_SHALLOW = 1 << 20
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_LINK, _EXECUTABLE = "120000", "100755"


class FileEntry(NamedTuple):
    """A file of a commit: its mode as git has it, its object, and its size in bytes."""

    mode: str
    object: str
    size: int


class PathChange(NamedTuple):
    """What a commit does to a path: ``A`` adds, ``M`` modifies, ``D`` deletes, ``T`` retypes."""

    path: str
    kind: str


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit with one parent."""

    id: str
    parent: str
    message: str
    changes: tuple[PathChange, ...]


class Repository:
    """The repository whose work tree is at ``root``; a context manager.

    Raises:
        ConfigError: There is none, it has no commit, or git refuses.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._found = directories(root)
        self._own = tempfile.TemporaryDirectory(prefix="reflex-git-")
        self._contents: dict[str, bytes] = {}
        self._make(Path(self._own.name))
        words = ["rev-parse", "--verify", "--quiet", "HEAD^{commit}"]
        environ = {"GIT_CEILING_DIRECTORIES": str(root.parent)}
        try:
            said = run_git(words, cwd=root, environ=environ)
        except ConfigError:
            raise ConfigError(
                "the repository has no commit yet", remedy="Commit your code first."
            ) from None
        self.head = said.decode(errors="replace").strip()
        if not _COMMIT.fullmatch(self.head):
            raise ConfigError("git names no commit as the one that is checked out")

    def _make(self, own: Path) -> None:
        objects = self._found.common / "objects"
        if "\n" in str(objects):
            raise ConfigError("the repository's path has an odd name")
        for name in ("objects/info", "refs"):
            (own / name).mkdir(parents=True)
        (own / "HEAD").write_text("ref: refs/heads/none\n")
        (own / "config").write_text(
            "[core]\n\trepositoryformatversion = 1\n\tbare = true\n"
            f"[extensions]\n\tobjectformat = {self._found.hash_name}\n"
        )
        (own / "objects/info/alternates").write_text(f"{objects.resolve()}\n")
        take(self._found.common / "shallow", own / "shallow", _MOST_SHALLOW)

    def _git(self, *words: str, given: bytes = b"") -> bytes:
        environ = {"GIT_DIR": self._own.name}
        own = Path(self._own.name)
        return run_git(words, cwd=own, environ=environ, deadline_s=_DEADLINE_S, given=given)

    def commits(self, most: int) -> Iterator[Commit]:
        """Up to ``most`` commits with one parent, the newest first.

        Raises:
            ConfigError: git refuses.
        """
        listed = self._git("rev-list", "--no-merges", "--parents", f"-n{most}", self.head)
        parents = {
            words[0]: words[1]
            for words in map(str.split, listed.decode().splitlines())
            if len(words) == 2  # noqa: PLR2004  itself and one parent
        }
        ids = list(parents)
        given = "".join(f"{each}\n" for each in ids).encode()
        raw = self._git("diff-tree", "--stdin", "-r", "-z", "--raw", "--no-renames", given=given)
        changed = _changes(raw)
        for at in range(0, len(ids), 200):
            batch = ids[at : at + 200]
            for each, content in self._objects(batch).items():
                message = content.partition(b"\n\n")[2].decode(errors="replace")
                yield Commit(each, parents[each], message, tuple(changed.get(each, ())))

    def files(self, commit: str) -> dict[str, FileEntry]:
        """The files and links of a commit, by path; submodules are left out.

        Raises:
            ConfigError: git refuses.
        """
        found = {}
        for line in self._git("ls-tree", "-r", "-z", "-l", "--full-tree", commit).split(b"\0"):
            about, _, path = line.partition(b"\t")
            words = about.decode().split()
            if len(words) == 4 and words[1] == "blob":  # noqa: PLR2004  mode, type, object, size
                found[os.fsdecode(path)] = FileEntry(words[0], words[2], int(words[3]))
        return found

    def contents(self, objects: Iterable[str], sizes: int) -> dict[str, bytes]:
        """The contents of ``objects``, ``sizes`` bytes in all; those read before are kept.

        Raises:
            ConfigError: They are too much for a suite, or git refuses.
        """
        if sizes > _MOST_TOTAL:
            raise ConfigError(
                f"the project is over {_MOST_TOTAL >> 20} MiB, too much for a suite",
                remedy="Make the suite in a repository of the part that matters.",
            )
        wanted = set(objects)
        missing = sorted(wanted - self._contents.keys())
        self._contents |= self._objects(missing)
        return {each: self._contents[each] for each in wanted if each in self._contents}

    def tree(self, commit: str) -> WorkTree:
        """The work tree of a commit without what no suite can hold: large files, odd names.

        Raises:
            ConfigError: It is too large for a suite, or git refuses.
        """
        usable = {
            path: each
            for path, each in self.files(commit).items()
            if each.size <= MOST_FILE_BYTES and is_inner(path) and path.isprintable()
        }
        if len(usable) > MOST_FILES:
            raise ConfigError(
                f"the project has over {MOST_FILES:,} files, too many for a suite",
                remedy="Make the suite in a repository of the part that matters.",
            )
        found = self.contents(
            (each.object for each in usable.values()), sum(each.size for each in usable.values())
        )
        files, links = {}, {}
        for path, each in usable.items():
            content = found.get(each.object, b"")
            if each.mode != _LINK:
                files[path] = (content, each.mode == _EXECUTABLE)
                continue
            target = content[:_MOST_LINK].decode(errors="replace")
            if leads_inside(path, target):
                links[path] = target
        return WorkTree(files, links)

    def commits_since(self, commit: str) -> int | None:
        """How many commits the present one is ahead of ``commit``; None where it is no ancestor."""
        if not _COMMIT.fullmatch(commit):
            return None
        try:
            self._git("merge-base", "--is-ancestor", commit, self.head)
            return int(self._git("rev-list", "--count", f"{commit}..{self.head}"))
        except (ConfigError, ValueError):
            return None

    def _objects(self, ids: Sequence[str]) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        for batch in self._batches(ids):
            given = "".join(f"{each}\n" for each in batch).encode()
            found |= _batch(self._git("cat-file", "--batch", given=given))
        return found

    def _batches(self, ids: Sequence[str]) -> Iterator[list[str]]:
        """Parts of ``ids`` whose contents fit into one answer."""
        if not ids:
            return
        given = "".join(f"{each}\n" for each in ids).encode()
        sizes = self._git("cat-file", "--batch-check", given=given).decode().splitlines()
        batch: list[str] = []
        total = 0
        for line in sizes:
            words = line.split()
            if len(words) != 3:  # noqa: PLR2004  object, type, size; else it is missing
                continue
            size = int(words[2])
            if batch and total + size > _BATCH:
                yield batch
                batch, total = [], 0
            batch.append(words[0])
            total += size
        if batch:
            yield batch

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._own.cleanup()


def _changes(raw: bytes) -> dict[str, list[PathChange]]:
    """What ``diff-tree --stdin -z --raw`` says, by commit."""
    found: dict[str, list[PathChange]] = {}
    commit, kind = "", ""
    for part in raw.split(b"\0"):
        if kind:
            found[commit].append(PathChange(os.fsdecode(part), kind))
            kind = ""
        elif part.startswith(b":"):
            kind = part.decode(errors="replace").split()[-1][:1]
        elif part:
            commit = part.decode(errors="replace").strip()
            found[commit] = []
    return found


def _batch(answer: bytes) -> dict[str, bytes]:
    """What ``cat-file --batch`` says: a line about each object, then its content."""
    found = {}
    at = 0
    while at < len(answer):
        end = answer.index(b"\n", at)
        words = answer[at:end].decode().split()
        if len(words) != 3:  # noqa: PLR2004  as above
            at = end + 1
            continue
        size = int(words[2])
        found[words[0]] = answer[end + 1 : end + 1 + size]
        at = end + 1 + size + 1
    return found
