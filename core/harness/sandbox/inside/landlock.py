"""A second wall behind the mounts: Landlock, where the kernel has it (5.19 and later)."""

from __future__ import annotations

import ctypes
import os

from . import kernel

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION = 1
_PATH_BENEATH = 1

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_FIRST_RIGHTS = (1 << 13) - 1
_LATER_RIGHTS = {2: 1 << 13, 3: 1 << 14, 5: 1 << 15}  # refer, truncate, ioctl on devices
_LEAST = 2  # before it, no file could be moved from one directory to another
_SCOPES_SINCE = 6
_SCOPES = 0b11  # abstract Unix sockets, signals
_FILE_RIGHTS = _EXECUTE | _WRITE_FILE | _READ_FILE | 1 << 14 | 1 << 15


def version() -> int:
    """The kernel's Landlock ABI, or 0 when it has none."""
    try:
        return kernel.syscall(_CREATE_RULESET, 0, 0, _VERSION)
    except OSError:
        return 0


def restrict(writable: list[str]) -> None:
    """Let this process write below ``writable`` only, and signal and reach its own kind only.

    Does nothing where the kernel has none: the mounts hold without it.
    """
    abi = version()
    if abi < _LEAST:
        return
    rights = _FIRST_RIGHTS
    for since, right in _LATER_RIGHTS.items():
        rights |= right if abi >= since else 0
    words = (ctypes.c_uint64 * 3)(rights, 0, _SCOPES if abi >= _SCOPES_SINCE else 0)
    size = 24 if abi >= _SCOPES_SINCE else 8
    ruleset = kernel.syscall(_CREATE_RULESET, kernel.pointer(words), size, 0)
    try:
        _allow(ruleset, "/", _EXECUTE | _READ_FILE | _READ_DIR)
        for path in writable:
            _allow(ruleset, path, rights if os.path.isdir(path) else rights & _FILE_RIGHTS)
        kernel.syscall(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: str, rights: int) -> None:
    descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        rule = ctypes.create_string_buffer(12)  # packed: u64 rights, s32 descriptor
        ctypes.memmove(rule, rights.to_bytes(8, "little") + descriptor.to_bytes(4, "little"), 12)
        kernel.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, kernel.pointer(rule), 0)
    finally:
        os.close(descriptor)
