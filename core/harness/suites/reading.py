"""Strict reading of files below a suite's root, which may come from anywhere."""

from __future__ import annotations

import os
import re
import stat
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from core.errors import SuiteError
from core.plain import plain

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAX_FILE_BYTES = 64 * 1024
MAX_FILES = 64
MAX_ENTRIES = 10_000
MAX_SUITE_BYTES = 64 << 20
MAX_DEPTH = 4
TASK_ID = r"^[a-z0-9][a-z0-9_-]{0,63}$"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
Model = TypeVar("Model", bound=BaseModel)


def fault(where: str, problem: str, remedy: str) -> SuiteError:
    """A SuiteError that names the task or file, and what to do."""
    return SuiteError(f"{plain(where, 300)}: {plain(problem, 300)}", remedy=remedy)


def is_test_file(path: str) -> bool:
    """Whether the tests in this file of a task's ``tests`` are run."""
    name = path.rpartition("/")[2]
    return name.endswith(".py") and (name.startswith("test_") or name.endswith("_test.py"))


def check_path(path: str, where: str) -> None:
    """Refuse a relative path that ``read_tree`` would not have found.

    Raises:
        SuiteError: It is absolute, leads up, is hidden, or has odd characters.
    """
    if not all(_NAME.fullmatch(part) for part in path.split("/")):
        raise fault(where, f"odd path {path!r}", "Use relative paths of plain names.")


def read_bytes(root: Path, path: str, *, limit: int = MAX_FILE_BYTES) -> bytes:
    """Content of the regular file ``path`` (with /) below ``root``, through no symbolic link.

    Raises:
        SuiteError: It is missing, a link, special, or larger than ``limit`` bytes.
    """
    at = root
    for part in path.split("/"):
        at /= part
        if part in {"", ".", ".."} or at.is_symlink():
            raise fault(str(at), "leads out of the suite or is a link", "Put the file itself here.")
    data = head_of(at, limit + 1)
    if len(data) > limit:
        raise fault(str(at), f"is over {limit // 1024} KiB", "Make it smaller or leave it out.")
    return data


def head_of(path: Path, count: int) -> bytes:
    """The first ``count`` bytes of a regular file, without waiting for a pipe's writer.

    Raises:
        SuiteError: It is missing, a link, or special.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise fault(str(path), "is not a regular file", "Put an ordinary text file here.")
            return file.read(count)
    except OSError as error:
        why = error.strerror or "unreadable"
        raise fault(str(path), why, "Add it or fix its permissions.") from None


def text_of(data: bytes, path: str) -> str:
    """UTF-8 text of the file ``path``, of a Python file without its byte order mark.

    Python reads the mark in a file's bytes only: text that begins with it parses nowhere. In other
    files the mark may be what a test is about, so it stays.

    Raises:
        UnicodeDecodeError: It is not UTF-8.
    """
    return data.decode("utf-8-sig" if path.endswith(".py") else "utf-8")


def decode(data: bytes, path: str) -> str:
    """As ``text_of``.

    Raises:
        SuiteError: It is not UTF-8, or holds a NUL.
    """
    try:
        text = text_of(data, path)
    except UnicodeDecodeError as error:
        raise fault(path, f"is not UTF-8 at byte {error.start}", "Save it as UTF-8.") from None
    if "\0" in text:
        raise fault(path, "holds a NUL character", "Save it as plain text.")
    return text


def read_text(root: Path, path: str, *, limit: int = MAX_FILE_BYTES) -> str:
    """As ``read_bytes``, decoded."""
    return decode(read_bytes(root, path, limit=limit), str(root / path))


def read_tree(
    root: Path, below: str, *, max_files: int = MAX_FILES, max_depth: int = MAX_DEPTH
) -> dict[str, bytes]:
    """Every file of the directory ``below`` in ``root``, by its path relative to that directory.

    Names that begin with a dot and ``__pycache__`` are passed over.

    Raises:
        SuiteError: The directory is missing; there is a link, an odd name, or too much of it.
    """
    directory = root / below
    if directory.is_symlink() or not directory.is_dir():
        raise fault(str(directory), "is missing or no directory", "Add the directory.")
    found: dict[str, bytes] = {}
    for path in _walk(directory, "", max_depth):
        if len(found) == max_files:
            raise fault(str(directory), f"holds over {max_files} files", "Leave some out.")
        found[path] = read_bytes(directory, path)
    return found


def listed(directory: Path) -> list[os.DirEntry[str]]:
    """What is in a directory, by name.

    Raises:
        SuiteError: It cannot be read, or holds more than any part of a suite.
    """
    try:
        with os.scandir(directory) as listing:
            entries = list(islice(listing, MAX_ENTRIES + 1))
    except OSError as error:
        raise fault(
            str(directory), error.strerror or "unreadable", "Fix its permissions."
        ) from None
    if len(entries) > MAX_ENTRIES:
        raise fault(str(directory), f"holds over {MAX_ENTRIES:,} files", "Leave some out.")
    return sorted(entries, key=lambda entry: entry.name)


def _walk(directory: Path, below: str, max_depth: int) -> Iterator[str]:
    for entry in listed(directory / below):
        if entry.name.startswith(".") or entry.name == "__pycache__":
            continue
        if entry.is_symlink():
            raise fault(entry.path, "is a symbolic link", "Put the file itself here.")
        if not _NAME.fullmatch(entry.name):
            raise fault(entry.path, "has an odd name", "Use letters, digits, '_', '-' and '.'.")
        path = f"{below}/{entry.name}" if below else entry.name
        if not entry.is_dir():
            yield path
        elif path.count("/") + 1 < max_depth:
            yield from _walk(directory, path, max_depth)
        else:
            raise fault(entry.path, "lies too deep", f"Use at most {max_depth} levels.")


class Strict(BaseModel):
    """Base of what is read from TOML: no unknown key, no conversion."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Lenient(BaseModel):
    """Base of what is read from a public format, whose further keys are passed over."""

    model_config = ConfigDict(extra="ignore", strict=True)


def checked(model: type[Model], data: Any, where: str) -> Model:
    """``data`` as ``model``.

    Raises:
        SuiteError: A key is unknown or missing, or a value is not of its kind.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(map(str, first["loc"])) or "the whole"
        known = ", ".join(model.model_fields)
        raise fault(where, f"{key}: {first['msg']}", f"The keys are {known}.") from None
