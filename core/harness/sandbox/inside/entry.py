"""The first code in the sandbox: it shuts the last doors behind itself, then runs the program.

It starts as what the tier made it (root without capabilities to speak of, or a user in a user
namespace), unpacks the private copy of the workspace, takes on limits and filters that cannot be
taken off again, says so on the report pipe, and becomes the program.
"""

from __future__ import annotations

import errno
import os
import resource
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

READY = b"R\n"
_NOT_FOUND = 127


def main(job: dict[str, Any], read: Callable[[], Any]) -> None:
    """Run ``job``; never returns. ``read`` gives the tests, if it has any.

    Its keys are made in ``core.harness.sandbox.box``.
    """
    report = job["report_fd"]
    os.umask(0o022)
    if job["layout"] is not None:
        from . import namespaces  # Linux only

        namespaces.enter(job["layout"], own_user=job["uid"] is None)
    if job["uid"] is not None:
        _become(job["uid"])
    _unpack(job["tree"], job["work"])
    os.chdir(job["work"])
    _limit(job["limits"])
    if job["confine"]:
        _confine(job["writable"])
    os.environ.clear()
    os.environ.update(job["env"])
    os.write(report, READY)
    if job["tests"] is not None:
        _run_tests(job, report, read)
    _close_all_but(report)
    os.set_inheritable(report, False)  # noqa: FBT003  positional only
    _become_program(job["argv"])


def _become(uid: int) -> None:
    from . import kernel  # Linux only

    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    try:
        kernel.unshare(kernel.CLONE_NEWUSER)
    except OSError:
        pass  # no user namespaces here; the uid is this run's alone all the same


def _confine(writable: list[str]) -> None:
    from . import kernel, landlock, seccomp  # Linux only

    kernel.renounce()
    landlock.restrict(writable)
    program = seccomp.program(os.uname().machine)
    if program:
        kernel.filter_syscalls(program)


def _unpack(tree: list[tuple[str, int, bytes | str | None]], work: str) -> None:
    for path, mode, content in tree:
        target = os.path.join(work, path)
        if content is None:
            os.mkdir(target, mode | 0o700)
        elif isinstance(content, str):
            os.symlink(content, target)
        else:
            file = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode | 0o600)
            view = memoryview(content)
            while view:
                view = view[os.write(file, view) :]
            os.close(file)


def _limit(limits: dict[str, int]) -> None:
    for name, value in limits.items():
        kind = getattr(resource, name, None)
        if kind is None:
            continue
        hard = value + 1 if name == "RLIMIT_CPU" else value  # first a signal that says why
        try:
            resource.setrlimit(kind, (value, hard))
        except (OSError, ValueError):
            if sys.platform == "linux":  # macOS refuses RLIMIT_AS
                raise


def _close_all_but(*kept: int) -> None:
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    first = 3
    for each in sorted(kept):
        os.closerange(first, each)
        first = each + 1
    os.closerange(first, os.sysconf("SC_OPEN_MAX"))


def _run_tests(job: dict[str, Any], report: int, read: Callable[[], Any]) -> None:
    from . import runner  # sent along only when there are tests

    code = _start_code(job["work"]) if job["tests"]["separate"] else None
    tests = read() | {"work": job["work"]}
    _close_all_but(report, *(code.descriptors if code else ()))
    _hide()
    runner.main(tests, report, code)


def _start_code(work: str) -> Any:
    """Start the process that runs the code under test; what speaks to it is returned here alone.

    It has neither the tests nor the report: both are out of its reach, not just out of sight.
    """
    from . import remote  # sent along only when they are separate

    to_tests, to_code = os.pipe(), os.pipe()
    child = os.fork()
    if not child:
        _close_all_but(to_code[0], to_tests[1])
        _serve(remote.Peer(to_code[0], to_tests[1], end=_leave), work)
    os.close(to_code[0])
    os.close(to_tests[1])
    return remote.Peer(to_tests[0], to_code[1], child=child)


def _serve(peer: Any, work: str) -> None:
    _hide()
    blocked: dict[str, Any] = {"pytest": None}  # neither ours nor the workspace's
    sys.modules |= blocked
    sys.path.append(work)
    peer.serve()


def _leave(_: str) -> NoReturn:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:  # noqa: BLE001, S110  the code under test closed or replaced it
            pass
    os._exit(0)


def _hide() -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == __package__]:
        del sys.modules[name]


def _become_program(argv: list[str]) -> None:
    signal = __import__("_signal")  # what ``signal`` wraps at the price of importing ``enum``
    for each in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores these; others expect them
        signal.signal(each, signal.SIG_DFL)
    try:
        os.execvpe(argv[0], argv, os.environ)  # noqa: S606  an argument list, as the caller gave it
    except OSError as error:
        os.write(2, f"{argv[0]}: {os.strerror(error.errno or errno.ENOENT)}\n".encode())
        os._exit(_NOT_FOUND)
