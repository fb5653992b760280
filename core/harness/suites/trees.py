"""The work trees that a suite's tasks are checked in, each file kept once for all of them.

``trees/contents.zip`` holds every content under its SHA-256, ``trees/ID.json`` one tree: paths with
content and mode, and links. A suite may come from anybody, so both are read with limits, and a path
or a link that would lead out of the tree is refused.
"""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from core.harness.suites.reading import TASK_ID, Strict, checked, decode, fault, read_bytes
from core.harness.suites.tasks import WorkTree

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

DIRECTORY = "trees"
CONTENTS = "contents.zip"
MOST_FILES = 9_000
MOST_TREE_BYTES = 96 << 20
MOST_CONTENTS = 60 << 20
_MOST_LISTING = 4 << 20
_Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_ODD = re.compile(r"[\x00-\x1f\x7f]")


class _Listing(Strict):
    files: dict[str, tuple[_Digest, bool]]
    links: dict[str, str] = Field(default={})


def bytes_of_trees(root: Path) -> int:
    """How many bytes ``trees/`` of the suite at ``root`` holds.

    Raises:
        SuiteError: Something there has no place in it, or is too large.
    """
    directory = root / DIRECTORY
    if not directory.exists():
        return 0
    count = 0
    for path in sorted(directory.iterdir()):
        limit = MOST_CONTENTS if path.name == CONTENTS else _MOST_LISTING
        if path.name != CONTENTS and not re.fullmatch(r"[a-z0-9-]{1,64}\.json", path.name):
            raise fault(str(path), "has no place in trees/", "Take it out.")
        count += len(read_bytes(directory, path.name, limit=limit))
    return count


def read_tree_of(root: Path, name: str) -> WorkTree:
    """The tree ``name`` of the suite at ``root``.

    Raises:
        SuiteError: It is missing, too large, damaged, or a path in it leads out of it.
    """
    if not re.fullmatch(TASK_ID, name):
        raise fault(f"{DIRECTORY}/{name}.json", "is no name of a tree", "Use letters and digits.")
    where = f"{DIRECTORY}/{name}.json"
    try:
        data = json.loads(decode(read_bytes(root, where, limit=_MOST_LISTING), where))
    except (ValueError, RecursionError):
        raise fault(where, "is not JSON", "Make the suite again.") from None
    if isinstance(data, dict) and isinstance(data.get("files"), dict):  # JSON has no tuples
        data["files"] = {
            path: tuple(each) if isinstance(each, list) else each
            for path, each in data["files"].items()
        }
    listing = checked(_Listing, data, where)
    if len(listing.files) + len(listing.links) > MOST_FILES:
        raise fault(where, f"has over {MOST_FILES:,} files", "Make the suite of fewer files.")
    for path in (*listing.files, *listing.links):
        if not is_inner(path):
            raise fault(where, f"odd path {path!r}", "Make the suite again.")
    for path, target in listing.links.items():
        if not leads_inside(path, target):
            raise fault(where, f"the link {path!r} leads out of the tree", "Make the suite again.")
    return WorkTree(_contents(root / DIRECTORY / CONTENTS, listing.files), listing.links)


def _contents(packed: Path, files: Mapping[str, tuple[str, bool]]) -> dict[str, tuple[bytes, bool]]:
    wanted = {digest for digest, _ in files.values()}
    found: dict[str, bytes] = {}
    left = MOST_TREE_BYTES
    try:
        with zipfile.ZipFile(packed) as archive:
            for digest in sorted(wanted):
                with archive.open(digest) as file:
                    found[digest] = file.read(left + 1)
                left -= len(found[digest])
                if left < 0:
                    raise fault(str(packed), "unpacks to too much", "Make the suite again.")
                if hashlib.sha256(found[digest]).hexdigest() != digest:
                    raise fault(str(packed), f"{digest} is damaged", "Make the suite again.")
    except (OSError, KeyError, ValueError, RuntimeError, zipfile.BadZipFile, EOFError) as error:
        raise fault(str(packed), f"cannot be read: {error}", "Make the suite again.") from None
    return {path: (found[digest], mode) for path, (digest, mode) in files.items()}


def is_inner(path: str) -> bool:
    """Whether a path stays below the tree, and is none of git's own or of our state."""
    parts = path.split("/")
    odd = any(part in {"", ".", "..", ".git", ".speckit"} for part in parts)
    return not odd and len(path) < 1000 and not _ODD.search(path)  # noqa: PLR2004


def leads_inside(path: str, target: str) -> bool:
    """Whether the link at ``path`` leads to somewhere in the same tree."""
    if target.startswith("/") or _ODD.search(target):
        return False
    depth = len(PurePosixPath(path).parts) - 1
    for part in PurePosixPath(target).parts:
        depth += -1 if part == ".." else 1
        if depth < 0:
            return False
    return True


class TreeWriter:
    """Writes the trees of a new suite below its root; ``close`` before the suite is read."""

    def __init__(self, root: Path) -> None:
        self._directory = root / DIRECTORY
        self._directory.mkdir(parents=True)
        self._archive = zipfile.ZipFile(self._directory / CONTENTS, "w", zipfile.ZIP_DEFLATED)
        self._known: set[str] = set()

    def add(self, tree: WorkTree) -> str:
        """Keep a tree; returns its name, the same for the same tree."""
        listing: dict[str, tuple[str, bool]] = {}
        for path, (content, mode) in sorted(tree.files.items()):
            digest = hashlib.sha256(content).hexdigest()
            listing[path] = (digest, mode)
            if digest not in self._known:
                self._known.add(digest)
                self._archive.writestr(zipfile.ZipInfo(digest), content, zipfile.ZIP_DEFLATED)
        text = json.dumps({"files": listing, "links": dict(sorted(tree.links.items()))})
        name = hashlib.sha256(text.encode()).hexdigest()[:16]
        (self._directory / f"{name}.json").write_text(text, encoding="utf-8")
        return name

    def close(self) -> None:
        """Finish the archive."""
        self._archive.close()
