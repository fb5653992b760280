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
    from typing import Any

READY = b"R\n"
_NOT_FOUND = 127


def main(job: dict[str, Any]) -> None:
    """Run ``job``; never returns. See ``core.harness.sandbox.launch`` for its keys."""
    report = job["report_fd"]
    os.umask(0o022)
    if job["layout"] is not None:
        from . import namespaces  # Linux only

        namespaces.enter(job["layout"], own_user=job["uid"] is None)
    if job["uid"] is not None:
        _become(job["uid"])
    _unpack(job["tree"], job["work"])
    os.chdir(job["work"])
    _close_all_but(report)
    _limit(job["limits"])
    if job["confine"]:
        _confine(job["writable"])
    os.environ.clear()
    os.environ.update(job["env"])
    os.write(report, READY)
    if job["argv"] is None:
        _run_tests(job["tests"] | {"work": job["work"]}, report)
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


def _close_all_but(report: int) -> None:
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.closerange(3, report)
    os.closerange(report + 1, os.sysconf("SC_OPEN_MAX"))


def _run_tests(tests: dict[str, Any], report: int) -> None:
    from . import runner  # sent along only when there are tests

    run = runner.main
    for name in [name for name in sys.modules if name.split(".")[0] == __package__]:
        del sys.modules[name]
    run(tests, report)


def _become_program(argv: list[str]) -> None:
    signal = __import__("_signal")  # what ``signal`` wraps at the price of importing ``enum``
    for each in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores these; others expect them
        signal.signal(each, signal.SIG_DFL)
    try:
        os.execvpe(argv[0], argv, os.environ)  # noqa: S606  an argument list, as the caller gave it
    except OSError as error:
        os.write(2, f"{argv[0]}: {os.strerror(error.errno or errno.ENOENT)}\n".encode())
        os._exit(_NOT_FOUND)
