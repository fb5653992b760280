"""The user's secret key, and what is made with it: keyed hashes, and seals on gate decisions."""

from __future__ import annotations

import fcntl
import hmac
import json
import os
from typing import TYPE_CHECKING, Any

from core.errors import CapsuleError, NoHome
from core.files import make_private, open_state
from core.plain import plain
from core.userdirs import user_dir

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

KEY_BYTES = 32
_NAME = "capsule.key"
_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode
_UNSEALED = frozenset({"seal", "seq", "time", "prev", "hash", "schema_version"})


def user_key(*, directory: Path | None = None) -> bytes:
    """The user's 32 secret bytes, made on first use; ``directory`` is the user's own by default.

    Raises:
        CapsuleError: the key is there and cannot be read, is not whole, or is another user's.
        NoHome: there is no directory of the user's own, or it cannot be made.
    """
    directory = directory or own_directory()
    path = directory / _NAME
    try:
        make_private(directory)
        fd = open_state(path, os.O_RDWR | os.O_CREAT)
    except OSError as error:
        reason, remedy = plain(error.strerror or error), f"Make {plain(directory)} writable."
        if not os.path.lexists(path):  # HOME=/nonexistent, as daemons have it
            raise NoHome(
                f"the secret key {plain(path)} cannot be made: {reason}", remedy=remedy
            ) from error
        raise CapsuleError(
            f"the secret key {plain(path)} cannot be opened: {reason}", remedy=remedy
        ) from error
    try:
        return _read_or_make(fd, path)
    finally:
        os.close(fd)


def own_key() -> bytes | None:
    """As ``user_key``; None where there is no directory of the user's own: then nothing is theirs.

    Raises:
        CapsuleError: as ``user_key``.
    """
    try:
        return user_key()
    except NoHome:
        return None


def own_directory() -> Path:
    """The user's own data directory; not created."""
    return user_dir("data")


def _read_or_make(fd: int, path: Path) -> bytes:
    if os.fstat(fd).st_uid != os.geteuid():
        raise CapsuleError(
            f"the secret key {plain(path)} belongs to another user",
            remedy="Run as the user whose home directory this is.",
        )
    # Of several processes that come first, one makes the key and the others wait for it.
    fcntl.flock(fd, fcntl.LOCK_EX)
    key = os.pread(fd, KEY_BYTES + 1, 0)
    if not key:
        key = os.urandom(KEY_BYTES)
        os.pwrite(fd, key, 0)
        os.fsync(fd)
    if len(key) != KEY_BYTES:
        raise CapsuleError(
            f"the secret key {plain(path)} is damaged",
            remedy="Remove it: a new one is made, and earlier gate passes no longer hold.",
        )
    return key


def keyed_hash(key: bytes, obj: Any) -> str:
    """``hmac-sha256:…`` of a JSON value: equal values compare equal, and nobody can guess back.

    Raises:
        CapsuleError: it is no JSON, or nested too deeply.
    """
    return "hmac-sha256:" + _mac(key, b"capture", obj)


def seal(body: Mapping[str, Any], workspace: Path, key: bytes) -> str:
    """The seal for an event's body in this workspace; what the log adds to it does not count."""
    sealed = {name: value for name, value in body.items() if name not in _UNSEALED}
    return "hmac-sha256:" + _mac(key, b"seal", [sealed, str(workspace.resolve())])


def seal_holds(body: Mapping[str, Any], workspace: Path, key: bytes) -> bool:
    """Whether the body carries the seal that this user's key gives it in this workspace."""
    found = body.get("seal")
    if not isinstance(found, str):
        return False
    try:
        expected = seal(body, workspace, key)
    except CapsuleError:
        return False
    return hmac.compare_digest(found.encode(errors="replace"), expected.encode())


def _mac(key: bytes, purpose: bytes, obj: Any) -> str:
    # Escaped to ASCII, so that text which is no valid Unicode has a hash as well.
    try:
        canonical = _canonical(obj).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise CapsuleError(
            f"a value cannot be hashed: {type(error).__name__}",
            remedy="It must be JSON: strings, numbers, lists, objects; not too deep.",
        ) from error
    return hmac.digest(key, purpose + b"\0" + canonical, "sha256").hex()
