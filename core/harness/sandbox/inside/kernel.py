"""The kernel calls that a sandbox is made of; Linux only."""

from __future__ import annotations

import ctypes
import os

CLONE_NEWNS = 0x00020000
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_RDONLY = 0x1
MS_NOSUID = 0x2
MS_NODEV = 0x4
MS_REMOUNT = 0x20
MS_BIND = 0x1000
MS_REC = 0x4000
MS_PRIVATE = 0x40000
MNT_DETACH = 2

_PR_SET_PDEATHSIG = 1
_PR_SET_SECCOMP = 22
_PR_CAPBSET_DROP = 24
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_CLEAR_ALL = 4
_SYS_MOUNT_SETATTR = 442
_AT_FDCWD = -100
_AT_RECURSIVE = 0x8000
_LAST_CAPABILITY = 63
_CAPABILITY_VERSION_3 = 0x20080522
_SECCOMP_MODE_FILTER = 2
_SIGKILL = 9

_libc = ctypes.CDLL(None, use_errno=True)


def call(name: str, *arguments: object) -> int:
    """Call a function of the C library; a negative result raises ``OSError``."""
    result: int = getattr(_libc, name)(*arguments)
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
    return result


def syscall(number: int, *arguments: int | ctypes.c_void_p) -> int:
    """Make a system call that the C library has no name for."""
    words = (
        each if isinstance(each, ctypes.c_void_p) else ctypes.c_long(each) for each in arguments
    )
    return call("syscall", ctypes.c_long(number), *words)


def pointer(data: object) -> ctypes.c_void_p:
    """The address of a ctypes object that the caller keeps alive."""
    return ctypes.cast(ctypes.byref(data), ctypes.c_void_p)  # type: ignore[arg-type]


def prctl(option: int, *arguments: int) -> int:
    """``prctl(2)``."""
    words = (*arguments, 0, 0, 0, 0)[:4]
    return call("prctl", ctypes.c_int(option), *map(ctypes.c_ulong, words))


def unshare(flags: int) -> None:
    """Leave the namespaces of these kinds for new ones."""
    call("unshare", ctypes.c_int(flags))


def mount(source: str, target: str, kind: str | None, flags: int, data: str = "") -> None:
    """``mount(2)``."""
    call(
        "mount",
        os.fsencode(source),
        os.fsencode(target),
        kind.encode() if kind else None,
        ctypes.c_ulong(flags),
        data.encode(),
    )


def seal_mount(path: str) -> None:
    """Make a mount and all below it read-only, without devices or set-user-id programs."""
    attributes = (ctypes.c_uint64 * 4)(MS_RDONLY | MS_NOSUID | MS_NODEV, 0, 0, 0)
    name = ctypes.create_string_buffer(os.fsencode(path))
    size = ctypes.sizeof(attributes)
    syscall(_SYS_MOUNT_SETATTR, _AT_FDCWD, pointer(name), _AT_RECURSIVE, pointer(attributes), size)


def pivot_root(new: str, old: str) -> None:
    """Make ``new`` the root and move the old one to ``old``."""
    call("pivot_root", os.fsencode(new), os.fsencode(old))


def detach(path: str) -> None:
    """Unmount lazily, with all below it."""
    call("umount2", os.fsencode(path), ctypes.c_int(MNT_DETACH))


def die_with_parent() -> None:
    """Be killed when the parent dies."""
    prctl(_PR_SET_PDEATHSIG, _SIGKILL)


def renounce() -> None:
    """Give up every capability, now and over any later ``exec``."""
    prctl(_PR_SET_NO_NEW_PRIVS, 1)
    for capability in range(_LAST_CAPABILITY + 1):
        try:
            prctl(_PR_CAPBSET_DROP, capability)
        except OSError:  # this kernel has no such capability, or we never held the right
            break
    prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    call("capset", header, (ctypes.c_uint32 * 6)())


def filter_syscalls(program: bytes) -> None:
    """Install a seccomp filter, given as packed ``struct sock_filter``."""

    class _Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))

    body = ctypes.create_string_buffer(program, len(program))
    sock_fprog = _Program(len(program) // 8, ctypes.addressof(body))
    prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.addressof(sock_fprog))
