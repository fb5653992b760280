"""Namespaces of our own with a root of our own, made without bubblewrap; Linux only.

Three processes: the outer one waits and dies with the host's signal; process 1 of the new PID
namespace reaps, and takes everything with it when it ends; the third one goes on and becomes the
program. The new root is built below an empty tmpfs, never inside a tree that a model wrote.
"""

from __future__ import annotations

import fcntl
import os
import socket
import struct

from . import kernel

_KINDS = (
    kernel.CLONE_NEWNS
    | kernel.CLONE_NEWPID
    | kernel.CLONE_NEWNET
    | kernel.CLONE_NEWIPC
    | kernel.CLONE_NEWUTS
    | kernel.CLONE_NEWCGROUP
)
_STAGE = "/tmp"  # noqa: S108  any directory would do: the tmpfs on it is ours alone
_OLD, _NEW = "/old", "/new"
_HOSTNAME = b"sandbox"
_SIOCSIFFLAGS, _IFF_UP = 0x8914, 0x1


def enter(layout: dict[str, list[tuple[str, ...]]], *, own_user: bool) -> None:
    """Return in the innermost process only; its ancestors exit as it does.

    ``layout`` has ``links`` (path, target), ``read_only`` and ``devices`` (source, path),
    ``masked`` (path), and ``scratch`` (path, tmpfs options). ``own_user`` asks for a user
    namespace, which everyone but the real root needs. Raises ``OSError`` where the kernel refuses.
    """
    uid, gid = os.geteuid(), os.getegid()
    kernel.unshare(_KINDS | (kernel.CLONE_NEWUSER if own_user else 0))
    if own_user:
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", f"{uid} {uid} 1")
        _write("/proc/self/gid_map", f"{gid} {gid} 1")
    kernel.die_with_parent()
    alive, parent = os.pipe()
    first = os.fork()
    if first:
        os.write(parent, b"x")
        os._exit(_status(os.waitpid(first, 0)[1]))
    os.close(parent)
    kernel.die_with_parent()
    if not os.read(alive, 1):  # the parent died before it could take us along
        os._exit(1)
    os.close(alive)
    _build_root(layout)
    _bring_loopback_up()
    kernel.call("sethostname", _HOSTNAME, len(_HOSTNAME))
    program = os.fork()
    if program:
        _reap_until(program)


def _build_root(layout: dict[str, list[tuple[str, ...]]]) -> None:
    kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    quiet = kernel.MS_NOSUID | kernel.MS_NODEV
    kernel.mount("tmpfs", _STAGE, "tmpfs", quiet, "mode=0755,size=1m")
    os.mkdir(_STAGE + _OLD)
    os.mkdir(_STAGE + _NEW)
    kernel.pivot_root(_STAGE, _STAGE + _OLD)
    os.chdir("/")
    kernel.mount("tmpfs", _NEW, "tmpfs", quiet, "mode=0755,size=1m,nr_inodes=4k")
    for path, options in layout["scratch"]:
        os.makedirs(_NEW + path, exist_ok=True)
        kernel.mount("tmpfs", _NEW + path, "tmpfs", quiet, options)
    for path, target in layout["links"]:
        os.makedirs(os.path.dirname(_NEW + path), exist_ok=True)
        os.symlink(target, _NEW + path)
    for source, path in layout["read_only"]:
        _bind(_OLD + source, _NEW + path)
        kernel.seal_mount(_NEW + path)
    for (path,) in layout["masked"]:
        kernel.mount("tmpfs", _NEW + path, "tmpfs", quiet | kernel.MS_RDONLY, "size=4k")
    for source, path in layout["devices"]:
        _bind(_OLD + source, _NEW + path)
    kernel.detach(_OLD)
    os.chdir(_NEW)
    kernel.pivot_root(".", ".")
    kernel.detach(".")
    os.chdir("/")
    kernel.mount("none", "/", None, kernel.MS_REMOUNT | kernel.MS_BIND | kernel.MS_RDONLY | quiet)


def _bind(source: str, path: str) -> None:
    if os.path.isdir(source):
        os.makedirs(path, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o644))
    kernel.mount(source, path, None, kernel.MS_BIND | kernel.MS_REC)


def _bring_loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", _IFF_UP))


def _reap_until(program: int) -> None:
    while True:
        pid, status = os.wait()
        if pid == program:
            os._exit(_status(status))


def _status(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)
