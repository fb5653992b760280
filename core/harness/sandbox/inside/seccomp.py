"""The system calls that the code under test has no business with.

Namespaces keep it from the host's things; this keeps it from the doors between: new user
namespaces, mounts, other processes' memory, key rings, socket families that a network namespace
does not hold (vsock reaches a virtual machine's host), and memory that no limit counts: System V
and POSIX queues, semaphores and segments, extended attributes, watches, anonymous shared maps,
large buffers of pipes and sockets.
"""

from __future__ import annotations

import struct

from . import kernel

_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_SYS_CLONE = {"x86_64": 56, "aarch64": 220}
_SYS_SOCKET = {"x86_64": 41, "aarch64": 198}
_SYS_SETSOCKOPT = {"x86_64": 54, "aarch64": 208}
_SYS_FCNTL = {"x86_64": 72, "aarch64": 25}
_SYS_MMAP = {"x86_64": 9, "aarch64": 222}
_SYS_CLONE3 = 435
_X32 = 0x40000000

# The numbers above 423 are the same on every architecture.
_DENIED_EVERYWHERE = (
    425,  # io_uring_setup: it opens sockets behind the filter's back
    *range(428, 434),  # open_tree move_mount fsopen fsconfig fsmount fspick
    438,  # pidfd_getfd
    442,  # mount_setattr
    447,  # memfd_secret
    463,  # setxattrat
)
_DENIED = {
    "x86_64": (
        *(272, 308, 165, 166, 155, 161),  # unshare setns mount umount2 pivot_root chroot
        *(101, 310, 311, 312),  # ptrace process_vm_readv process_vm_writev kcmp
        *(248, 249, 250, 321, 298, 323),  # add_key request_key keyctl bpf perf_event_open userfault
        *(
            319,
            29,
            64,
            68,
            240,
            304,
            103,
        ),  # memfd shmget semget msgget mq_open open_by_handle syslog
        *(188, 189, 190),  # setxattr lsetxattr fsetxattr
        *(253, 294, 300),  # inotify_init inotify_init1 fanotify_init
    ),
    "aarch64": (
        *(97, 268, 40, 39, 41, 51),
        *(117, 270, 271, 272),
        *(217, 218, 219, 280, 241, 282),
        *(279, 194, 190, 186, 180, 265, 116),
        *(5, 6, 7),
        *(26, 262),
    ),
}
_SOL_SOCKET, _SO_SNDBUF, _SO_RCVBUF = 1, 7, 8
_F_SETPIPE_SZ = 1031
_MAP_SHARED, _MAP_ANONYMOUS = 0x01, 0x20
_FAMILIES = (1, 2, 10)  # AF_UNIX AF_INET AF_INET6: the namespaces hold these
_NAMESPACE_FLAGS = (
    kernel.CLONE_NEWNS
    | kernel.CLONE_NEWCGROUP
    | kernel.CLONE_NEWUTS
    | kernel.CLONE_NEWIPC
    | kernel.CLONE_NEWUSER
    | kernel.CLONE_NEWPID
    | kernel.CLONE_NEWNET
)

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCH, _ARGUMENT_0 = 0, 4, 16  # offsets in struct seccomp_data; 8 bytes an argument
_KILL, _ALLOW, _ERRNO = 0x80000000, 0x7FFF0000, 0x00050000
_EPERM, _ENOSYS, _EAFNOSUPPORT = 1, 38, 97


def program(machine: str) -> bytes:
    """The filter for a machine as ``uname -m`` names it; empty where we have none."""
    if machine not in _AUDIT_ARCH:
        return b""
    lines = [
        (_LOAD, 0, 0, _ARCH),
        (_EQUAL, 1, 0, _AUDIT_ARCH[machine]),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 0, 1, _X32),
        (_RETURN, 0, 0, _ERRNO | _ENOSYS),
    ]
    for number in (*_DENIED_EVERYWHERE, *_DENIED[machine]):
        lines += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ERRNO | _EPERM)]
    # clone3 takes its flags by pointer, where no filter sees them; without it libc uses clone.
    lines += [(_EQUAL, 0, 1, _SYS_CLONE3), (_RETURN, 0, 0, _ERRNO | _ENOSYS)]
    lines += _unless(_SYS_CLONE[machine], _EPERM, (0, _ANY_BIT, _NAMESPACE_FLAGS))
    # Memory that a process can have and not map any more; buffers larger than the default.
    shared = ((3, _ANY_BIT, _MAP_ANONYMOUS), (3, _ANY_BIT, _MAP_SHARED))
    lines += _unless(_SYS_MMAP[machine], _EPERM, *shared)
    lines += _unless(_SYS_FCNTL[machine], _EPERM, (1, _EQUAL, _F_SETPIPE_SZ))
    lines += [
        (_EQUAL, 0, 7, _SYS_SETSOCKOPT[machine]),
        (_LOAD, 0, 0, _ARGUMENT_0 + 8),
        (_EQUAL, 0, 4, _SOL_SOCKET),
        (_LOAD, 0, 0, _ARGUMENT_0 + 16),
        (_EQUAL, 1, 0, _SO_SNDBUF),
        (_EQUAL, 0, 1, _SO_RCVBUF),
        (_RETURN, 0, 0, _ERRNO),  # done, it says: what asks for more lives with less
        (_RETURN, 0, 0, _ALLOW),
    ]
    lines += [
        (_EQUAL, 0, len(_FAMILIES) + 2, _SYS_SOCKET[machine]),
        (_LOAD, 0, 0, _ARGUMENT_0),
    ]
    for left, family in zip(range(len(_FAMILIES), 0, -1), _FAMILIES, strict=True):
        lines.append((_EQUAL, left, 0, family))
    lines += [(_RETURN, 0, 0, _ERRNO | _EAFNOSUPPORT), (_RETURN, 0, 0, _ALLOW)]
    return b"".join(struct.pack("=HBBI", *line) for line in lines)


def _unless(
    number: int, errno: int, *conditions: tuple[int, int, int]
) -> list[tuple[int, int, int, int]]:
    """Allow one system call, but not when all ``conditions`` (argument, test, value) hold."""
    lines = []
    for left, (argument, test, value) in zip(
        range(len(conditions), 0, -1), conditions, strict=True
    ):
        lines.append((_LOAD, 0, 0, _ARGUMENT_0 + 8 * argument))
        lines.append((test, 0, 2 * left - 1, value))
    lines += [(_RETURN, 0, 0, _ERRNO | errno), (_RETURN, 0, 0, _ALLOW)]
    return [(_EQUAL, 0, len(lines), number), *lines]
