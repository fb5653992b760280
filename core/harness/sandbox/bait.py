"""What the escape attempts are after, laid out on the host and watched from there.

A secret file, sockets, a process, an environment variable, writable directories; and an empty file
in each of the user's own directories and beside the interpreter, removed again afterwards.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.harness.sandbox import layout
from core.harness.sandbox.box import Sandbox, is_real_root
from core.harness.sandbox.inside import attacks
from core.harness.sandbox.limits import MAX_FILES, Limits, Tier

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

LIMITS = Limits(wall_s=30.0, file_mb=4, processes=16)
_VARIABLE = "REFLEX_SELFTEST_SECRET"
_BAIT_PREFIX = ".reflex-selftest-"
_STALE_S = 3600


class Bait:
    """Everything worth stealing or breaking, laid out in a temporary directory; a context manager.

    ``facts`` is what the attacks are told; ``workspace`` what they run in.
    """

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            base = Path(tempfile.mkdtemp(prefix="reflex-selftest-")).resolve()
            stack.callback(shutil.rmtree, base, ignore_errors=True)
            base.chmod(0o755)
            self._lay_files(base)
            self._planted = [stack.enter_context(each) for each in _planted_baits()]
            self._open_sockets(stack, base)
            stack.enter_context(_variable())
            victim = stack.enter_context(_victim())
            self.facts: dict[str, Any] = self._facts(victim)
            text = json.dumps(self.facts)
            (self.workspace / "bait.json").write_text(text, encoding="utf-8")
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    async def run(self, tier: Tier, *names: str) -> dict[str, str]:
        """What each attack got, in words; empty for nothing. Run as ``tier`` without a refusal."""
        sandbox = Sandbox(tier, LIMITS, allow_unsandboxed=True)
        argv = [sandbox.python, "-I", "-S", "-B", "attacks.py", *names]
        result = await sandbox.run(argv, workspace=self.workspace, read_only=[self.shown])
        return answers(result.stdout.encode())

    def seen(self) -> dict[str, str]:
        """By attack, what the host itself noticed."""
        found: dict[str, str] = {}
        for name, listener in self._listeners.items():
            with contextlib.suppress(BlockingIOError):
                if listener.type == socket.SOCK_DGRAM:
                    listener.recv(16)
                else:
                    listener.accept()[0].close()
                found[name] = "the host was reached"
        written = {
            "outside_write": any(self.outside.iterdir()),
            "git_hook": any((self.workspace / ".git/hooks").iterdir()),
            "original_workspace": (self.workspace / "victim.py").exists(),
            "read_only_place": (self.shown / "planted.py").exists(),
        }
        return found | {name: "the host found a file" for name, was in written.items() if was}

    def _lay_files(self, base: Path) -> None:
        self.workspace, self.outside, self.shown = (base / n for n in ("work", "out", "shown"))
        self.secret = base / "secret"
        self.secret.write_text("a secret", encoding="utf-8")
        for path in (self.workspace / ".git/hooks", self.outside, self.shown):
            path.mkdir(parents=True)
            path.chmod(0o777)  # so that it is not the permissions that hold
        self.workspace.chmod(0o777)
        (self.workspace / "shipped").symlink_to(self.secret)
        (self.workspace / "oldroot").symlink_to("/")
        shutil.copyfile(attacks.__file__, self.workspace / "attacks.py")

    def _open_sockets(self, stack: contextlib.ExitStack, base: Path) -> None:
        self.unix_path = str(base / "s")
        self.abstract = f"reflex-selftest-{os.getpid()}-{base.name}"
        self.address = _own_address()
        wanted: list[tuple[str, int, int, Any]] = [
            ("tcp_loopback", socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)),
            ("tcp_outward", socket.AF_INET, socket.SOCK_STREAM, (self.address, 0)),
            ("tcp_ipv6", socket.AF_INET6, socket.SOCK_STREAM, ("::1", 0)),
            ("udp", socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0)),
            ("unix_socket", socket.AF_UNIX, socket.SOCK_STREAM, self.unix_path),
        ]
        if sys.platform == "linux":
            name = b"\0" + self.abstract.encode()
            wanted += [("abstract_socket", socket.AF_UNIX, socket.SOCK_STREAM, name)]
        self._listeners: dict[str, socket.socket] = {}
        for key, family, kind, address in wanted:
            with contextlib.suppress(OSError):  # a machine without IPv6, say
                listener = stack.enter_context(socket.socket(family, kind))
                listener.bind(address)
                listener.setblocking(False)  # noqa: FBT003  positional only
                if kind == socket.SOCK_STREAM:
                    listener.listen(8)
                self._listeners[key] = listener
        Path(self.unix_path).chmod(0o777)

    def _port(self, name: str) -> int:
        listener = self._listeners.get(name)
        return listener.getsockname()[1] if listener else 1

    def _facts(self, victim: int) -> dict[str, Any]:
        return {
            "address": self.address,
            "tcp_port": self._port("tcp_loopback"),
            "outward_port": self._port("tcp_outward"),
            "tcp6_port": self._port("tcp_ipv6"),
            "udp_port": self._port("udp"),
            "unix_path": self.unix_path,
            "abstract": self.abstract,
            "user_files": [str(path) for path in self._planted if path],
            "secret": str(self.secret),
            "variable": _VARIABLE,
            "pid": os.getpid(),
            "victim": victim,
            "outside": str(self.outside),
            "workspace": str(self.workspace),
            "shown": str(self.shown),
            "hostname": socket.gethostname(),
            "host_root": is_real_root(),
            "too_many": LIMITS.processes * 2,
            "too_many_files": 2 * MAX_FILES,
            "too_many_mb": LIMITS.file_mb * 2,
        }


@contextlib.contextmanager
def _variable() -> Iterator[None]:
    os.environ[_VARIABLE] = "a secret"
    try:
        yield
    finally:
        os.environ.pop(_VARIABLE, None)


@contextlib.contextmanager
def _victim() -> Iterator[int]:
    """A process of our own to be attacked: an interpreter that waits for its input to end."""
    with subprocess.Popen(
        [layout.interpreter(), "-I", "-S", "-B", "-c", "input()"],
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            yield process.pid
        finally:
            process.kill()


def _own_address() -> str:
    """The address this machine would send from; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # reserved for documentation
        except OSError:
            return "127.0.0.1"
        name: tuple[str, int] = probe.getsockname()
        return name[0]


def _planted_baits() -> list[contextlib.AbstractContextManager[Path | None]]:
    """A file for each directory of the user's own, and for those that lead to the interpreter."""
    program = Path(layout.interpreter())
    places = [*layout.private_places(), *program.parents, *program.parent.parent.glob("*")]
    places += [Path(path, "site-packages") for path in layout.standard_libraries()]
    with contextlib.suppress(RuntimeError):  # no home
        places.append(Path.home())
    allowed = set(layout.interpreter_paths())
    return [
        _planted(place)
        for place in dict.fromkeys(places)
        if str(place) not in {*allowed, "/"} and place.is_dir() and not place.is_relative_to("/usr")
    ]


@contextlib.contextmanager
def _planted(directory: Path) -> Iterator[Path | None]:
    """An empty file for the attacks to find, removed again; None where we may not write."""
    with contextlib.suppress(OSError):
        for left in directory.glob(f"{_BAIT_PREFIX}*"):  # by a self-test that was killed
            if time.time() - left.lstat().st_mtime > _STALE_S and left.is_file():
                left.unlink()
    try:
        file = tempfile.NamedTemporaryFile(prefix=_BAIT_PREFIX, dir=directory)  # noqa: SIM115
    except OSError:
        yield None
        return
    try:
        yield Path(file.name)
    finally:
        with contextlib.suppress(OSError):  # somebody has removed it
            file.close()


def answers(stdout: bytes) -> dict[str, str]:
    """What each attack got, from what ``attacks.py`` printed."""
    found: dict[str, str] = {}
    for line in stdout.splitlines():
        with contextlib.suppress(ValueError, RecursionError):
            name, got = json.loads(line)
            found[name] = got
    return found
