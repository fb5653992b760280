"""What a sandbox must withstand, as a program: ``python attacks.py NAME…`` with ``bait.json``.

Each attack returns what it got hold of, or nothing. It runs inside; the bait is laid out by the
host (see ``core.harness.sandbox.selftest``), which watches from its own side as well. The same
attacks, run without a sandbox, must succeed: that is how we know that they are attacks.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import mmap
import os
import socket
import sys
import time
from pathlib import Path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Bait = dict[str, Any]

_ATTEMPT_S = 0.2


def tcp_loopback(bait: Bait) -> object:
    """A server of the host's on 127.0.0.1."""
    return _connect(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", bait["tcp_port"]))


def tcp_outward(bait: Bait) -> object:
    """The host by its own address."""
    return _connect(socket.AF_INET, socket.SOCK_STREAM, (bait["address"], bait["outward_port"]))


def tcp_ipv6(bait: Bait) -> object:
    """A server of the host's on ::1."""
    return _connect(socket.AF_INET6, socket.SOCK_STREAM, ("::1", bait["tcp6_port"]))


def udp(bait: Bait) -> object:
    """A datagram; only the host can tell whether it arrived."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(b"x", ("127.0.0.1", bait["udp_port"]))
    return None


def unix_socket(bait: Bait) -> object:
    """A socket in the host's file system."""
    return _connect(socket.AF_UNIX, socket.SOCK_STREAM, bait["unix_path"])


def abstract_socket(bait: Bait) -> object:
    """A socket in no file system at all; Linux only."""
    return _connect(socket.AF_UNIX, socket.SOCK_STREAM, b"\0" + bait["abstract"].encode())


def vsock(bait: Bait) -> object:
    """The machine below this one: no network namespace holds it."""
    del bait
    with socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM):
        return "a vsock socket"


def user_files(bait: Bait) -> object:
    """What lies in the user's home, data, configuration and state, and beside the interpreter."""
    return [path for path in bait["user_files"] if os.path.lexists(path)]


def secret_file(bait: Bait) -> object:
    """A file by its absolute path."""
    return Path(bait["secret"]).read_text()


def traversal(bait: Bait) -> object:
    """The same file, climbing out of the workspace."""
    return Path("../" * 40, bait["secret"].lstrip("/")).read_text()


def planted_symlink(bait: Bait) -> object:
    """The same file, through a link of our own."""
    os.symlink(bait["secret"], "innocent")
    return Path("innocent").read_text()


def shipped_symlink(bait: Bait) -> object:
    """The same file, through a link that came with the workspace."""
    del bait
    return Path("shipped").read_text()


def old_root(bait: Bait) -> object:
    """What a sloppy change of root leaves behind, also by links named to be followed."""
    places = ["/oldroot", "/old", "/old_root", "/.old_root", "/proc/1/root", "oldroot"]
    paths = [f"{place}{bait['secret']}" for place in places]
    return [path for path in paths if os.path.exists(path)]


def environment(bait: Bait) -> object:
    """The host's environment."""
    return os.environ.get(bait["variable"])


def parent_environment(bait: Bait) -> object:
    """The environment of the process that started us, from ``/proc``."""
    pids = {os.getppid(), bait["pid"], bait["victim"]}
    return any(bait["variable"].encode() in _read(f"/proc/{pid}/environ") for pid in pids)


def host_processes(bait: Bait) -> object:
    """Who else is there."""
    return os.path.exists(f"/proc/{bait['pid']}") or _read(f"/proc/{bait['pid']}/cmdline")


def signal_host(bait: Bait) -> object:
    """A signal to the host's process; 0 only asks."""
    os.kill(bait["victim"], 0)
    return "a signal arrived"


def trace_host(bait: Bait) -> object:
    """``ptrace`` of a process of the same user."""
    return ctypes.CDLL(None).ptrace(16, bait["victim"], None, None) == 0


def outside_write(bait: Bait) -> object:
    """A file beside the workspace."""
    Path(bait["outside"], "written").write_text("x")
    return "written"


def original_workspace(bait: Bait) -> object:
    """The workspace that ours is a copy of."""
    Path(bait["workspace"], "victim.py").write_text("x")
    return "written"


def git_hook(bait: Bait) -> object:
    """A hook that the user's next commit would run."""
    hook = Path(bait["workspace"], ".git/hooks/pre-commit")
    hook.write_text("#!/bin/sh\n")
    return "written"


def read_only_place(bait: Bait) -> object:
    """What was shown to be read."""
    Path(bait["shown"], "planted.py").write_text("x")
    return "written"


def standard_library(bait: Bait) -> object:
    """The interpreter that the user's next program runs on; removed again where it succeeds."""
    del bait
    planted = Path(os.__file__).with_name("reflex_planted.py")
    planted.write_text("")
    planted.unlink()
    return "written"


def root_directory(bait: Bait) -> object:
    """New files where the system keeps its own."""
    del bait
    for place in ("/", "/usr", "/etc", "/var/tmp", "/dev"):  # noqa: S108
        with contextlib.suppress(OSError):
            planted = Path(place, "reflex-planted")
            planted.write_text("")
            planted.unlink()
            return place
    return None


def devices(bait: Bait) -> object:
    """The host's disks, memory and terminal."""
    del bait
    names = ("mem", "kmsg", "sda", "vda", "nvme0n1", "fuse", "kvm", "vsock", "ptmx", "disk0")
    return [name for name in names if os.path.exists(f"/dev/{name}")]


def mount(bait: Bait) -> object:
    """A mount, by way of a user namespace of our own."""
    del bait
    libc = ctypes.CDLL(None)
    made = libc.unshare(0x10000000 | 0x00020000) == 0
    mounted = libc.mount(b"none", b"/tmp", b"tmpfs", 0, None) == 0
    return "mounted" if made and mounted else None


def become_root(bait: Bait) -> object:
    """The host's root again."""
    if os.getuid() == 0:
        return "root all along" if bait["host_root"] else None
    os.setuid(0)
    return "root"


def device_node(bait: Bait) -> object:
    """A disk made by hand."""
    del bait
    os.mknod("disk", 0o60600, os.makedev(8, 0))
    return "made"


def key_ring(bait: Bait) -> object:
    """The user's kernel key ring."""
    del bait
    number = {"x86_64": 250, "aarch64": 219}[os.uname().machine]
    return ctypes.CDLL(None).syscall(number, 0, -4, 1) >= 0


def host_name(bait: Bait) -> object:
    """The host's name."""
    return socket.gethostname() == bait["hostname"] and bait["hostname"] != "sandbox"


def open_descriptors(bait: Bait) -> object:
    """A door left open."""
    del bait
    found = []
    for descriptor in range(3, 1024):
        with contextlib.suppress(OSError):
            os.fstat(descriptor)
            found.append(descriptor)
    return found


def terminal(bait: Bait) -> object:
    """The user's terminal, to type on."""
    del bait
    os.close(os.open("/dev/tty", os.O_RDWR))
    return "a terminal"


def control_groups(bait: Bait) -> object:
    """The host's control groups."""
    del bait
    return os.access("/sys/fs/cgroup", os.W_OK) or os.path.exists("/sys/fs/cgroup/cgroup.procs")


def memory_file(bait: Bait) -> object:
    """Memory that belongs to no process and so is in nobody's count."""
    del bait
    os.close(os.memfd_create("x"))
    return "memory"


def semaphores(bait: Bait) -> object:
    """The same, as a set of System V semaphores."""
    return _system_v(bait, "semget", "semctl", 32_000)


def shared_segment(bait: Bait) -> object:
    """The same, as a System V segment."""
    return _system_v(bait, "shmget", "shmctl", 1 << 20)


def message_queue(bait: Bait) -> object:
    """The same, as a System V queue."""
    return _system_v(bait, "msgget", "msgctl")


def posix_queue(bait: Bait) -> object:
    """The same, as a POSIX queue."""
    del bait
    library = _real_time_library()
    name = f"/reflex-{os.getpid()}".encode()
    queue = library.mq_open(name, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600, None)
    if queue < 0:
        return None
    os.close(queue)
    library.mq_unlink(name)
    return "a queue"


def extended_attributes(bait: Bait) -> object:
    """The same, as an attribute of a file."""
    del bait
    os.setxattr(".", "user.x", bytes(1 << 10))
    return "an attribute"


def shared_pages(bait: Bait) -> object:
    """The same, as pages that all of a family share and none need keep mapped."""
    del bait
    mmap.mmap(-1, 1 << 16).close()
    return "shared pages"


def large_pipe(bait: Bait) -> object:
    """The same, in a pipe larger than pipes are."""
    del bait
    ends = os.pipe()
    size = fcntl.fcntl(ends[1], 1031, 1 << 20)
    for end in ends:
        os.close(end)
    return f"{size} bytes"


def large_buffer(bait: Bait) -> object:
    """The same, in a socket that buffers more than sockets do."""
    del bait
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as one:
        before = one.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * before)
        return one.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) > before


def watches(bait: Bait) -> object:
    """The same, as watches on files."""
    del bait
    descriptor = ctypes.CDLL(None).inotify_init1(0)
    if descriptor < 0:
        return None
    os.close(descriptor)
    return "a watch"


def kernel_rings(bait: Bait) -> object:
    """The same, as a ring, a fault handler, or a secret area."""
    del bait
    fault = {"x86_64": 323, "aarch64": 282}[os.uname().machine]
    parameters = ctypes.create_string_buffer(120)
    calls = {"io_uring": (425, 1, parameters), "memfd_secret": (447, 0), "userfaultfd": (fault, 1)}
    return [name for name, each in calls.items() if _opens(*each)]


def normal_work(bait: Bait) -> object:
    """No attack: what honest code needs; it returns what fails."""
    del bait
    Path("made").mkdir()
    Path("made", "a").write_text("x")
    Path("made", "a").rename("b")
    left, right = socket.socketpair()
    with left, right:
        left.sendall(b"x")
        right.recv(1)
    if sys.platform == "darwin":  # a run is one process there
        return None
    child = os.fork()
    if not child:
        os._exit(0)
    return os.waitpid(child, 0)[1]


def fork_bomb(bait: Bait) -> object:
    """As many processes as there may be; each waits to be killed."""
    made = 0
    while made < bait["too_many"]:
        child = os.fork()
        if not child:
            time.sleep(60)
            os._exit(0)
        made += 1
    return f"{made} processes"


def daemon(bait: Bait) -> object:
    """A process in a session of its own that outlives us; it shows by keeping the output open."""
    del bait
    if os.fork():
        time.sleep(0.02)
        return None
    os.setsid()
    if os.fork():
        os._exit(0)
    time.sleep(60)
    os._exit(0)


def fill_disk(bait: Bait) -> object:
    """More than the workspace may hold, in files that are each small enough."""
    chunk = bytes(1 << 20)
    for number in range(bait["too_many_mb"]):
        Path(f"filler{number}").write_bytes(chunk)
    return f"{bait['too_many_mb']} MiB"


def empty_files(bait: Bait) -> object:
    """More files than there may be; each is empty, and still costs memory."""
    for number in range(bait["too_many_files"]):
        os.close(os.open(f"empty{number}", os.O_CREAT | os.O_WRONLY))
    return f"{bait['too_many_files']} files"


def socket_queues(bait: Bait) -> object:
    """More than the memory limit, in the queues of sockets that nobody reads."""
    del bait
    for _ in range(8):
        if not os.fork():
            pairs = [socket.socketpair() for _ in range(50)]
            for one in [each for pair in pairs for each in pair]:
                one.setblocking(False)  # noqa: FBT003  positional only
                with contextlib.suppress(BlockingIOError):
                    while True:
                        one.send(bytes(1 << 16))
            time.sleep(60)
    time.sleep(1)
    return "80 MiB"


def _system_v(bait: Bait, get: str, control: str, *size: int) -> object:
    del bait
    library = ctypes.CDLL(None)
    made = getattr(library, get)(0, *size, 0o1600)  # a private key; IPC_CREAT
    if made < 0:
        return None
    arguments = (made, 0, 0) if get == "semget" else (made, 0, None)
    getattr(library, control)(*arguments)  # IPC_RMID
    return get


def _real_time_library() -> Any:
    for name in (None, "librt.so.1"):
        library = ctypes.CDLL(name)
        if hasattr(library, "mq_open"):
            return library
    return None


def _opens(*arguments: Any) -> bool:
    descriptor = ctypes.CDLL(None).syscall(*arguments)
    if descriptor < 0:
        return False
    os.close(descriptor)
    return True


def _connect(family: int, kind: int, address: Any) -> object:
    with socket.socket(family, kind) as client:
        client.settimeout(_ATTEMPT_S)
        client.connect(address)
        return f"connected to {address!r}"


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError:
        return b""


def attempt(name: str, bait: Bait) -> str:
    """What the attack got, in words; empty when it got nothing."""
    attack: Callable[[Bait], object] = globals()[name]
    try:
        got = attack(bait)
    except Exception as error:  # noqa: BLE001  refused, in whichever way
        return f"fails: {error}" if name == "normal_work" else ""
    return str(got) if got else ""


if __name__ == "__main__":
    laid = json.loads(Path("bait.json").read_text())
    for wanted in sys.argv[1:]:
        print(json.dumps([wanted, attempt(wanted, laid)]), flush=True)  # noqa: T201
