"""The sandbox: a command and a copy of a workspace go in, what it said and how it ended comes out.

What the command sees is the interpreter, the system's libraries and its own copy of the workspace
in a file system of limited size; no home, no environment, no network, no ``/proc``, nobody
else's processes, a uid of its own. It is killed with all it started when it ends or runs out of a
limit. What it does to its copy is lost with it.

Instead of the directory a workspace is sent in as data, and unpacked there.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import stat
import sys
import tempfile
from dataclasses import dataclass, field
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import SandboxError
from core.harness.sandbox import layout, tiers
from core.harness.sandbox.child_process import Ended, passed_limit, supervise
from core.harness.sandbox.limits import MAX_FILES, Limits, Result, Tier

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_INSIDE = "core.harness.sandbox.inside"
_AWAY = "_reflex"
_LINUX_MODULES = ("kernel", "seccomp", "landlock", "namespaces")
_BOOT = """
import marshal, os, sys
def read():
    size, data = int.from_bytes(os.read(0, 8), "little"), b""
    while len(data) < size:
        data += os.read(0, size - len(data))
    return marshal.loads(data)
parcel = read()
for name, code in parcel["modules"]:
    module = sys.modules[name] = type(sys)(name)
    module.__package__ = name.split(".")[0]
    module.__builtins__ = vars(__builtins__).copy()  # what the program does to its own is not ours
    exec(code, module.__dict__)
module.main(parcel["job"], read)
"""
# Uids that no distribution, container manager or directory service hands out.
_FREE_UIDS = range(0x70000000, 0x7FFFFFF0)
_SETUP_FAILED = "The sandbox could not be set up"
# Path relative to the workspace, permission bits, and bytes for a file, text for a symbolic
# link's target, None for a directory.
Entry = tuple[str, int, bytes | str | None]
MAX_ENTRIES = 10_000


@dataclass(frozen=True, slots=True)
class Sandbox:
    """Runs untrusted code in ``tier``; any number of runs may go on at once.

    ``Tier.NONE`` refuses to run anything unless ``allow_unsandboxed`` is set: then the code runs
    as the user, with limits of time and output only.
    """

    tier: Tier
    limits: Limits = field(default_factory=Limits)
    allow_unsandboxed: bool = False

    @property
    def python(self) -> str:
        """The interpreter's path, the same inside as outside."""
        return layout.interpreter()

    async def run(
        self,
        argv: Sequence[str],
        *,
        workspace: Path | Sequence[Entry],
        read_only: Sequence[Path] = (),
        shown: layout.Shown | None = None,
        env: Mapping[str, str] | None = None,
        limits: Limits | None = None,
    ) -> Result:
        """Run ``argv`` in a private copy of ``workspace``, a directory or what would be in one.

        ``read_only`` is shown at its own path, or what ``shown`` says in its place. ``env`` is the
        whole environment but for PATH, HOME, TMPDIR and LANG. Raises ``SandboxError`` when no
        sandbox could be set up, never for what the program does.
        """
        limits = limits or self.limits
        ended = await self.execute(
            {"argv": list(argv), "env": dict(env or {})}, workspace, shown or read_only, limits
        )
        return Result(
            exit_status=ended.exit_status,
            stdout=ended.stdout.decode(errors="replace"),
            stderr=ended.stderr.decode(errors="replace"),
            wall_s=ended.wall_s,
            killed_by=ended.killed_by,
            truncated=ended.truncated,
        )

    async def execute(
        self,
        program: dict[str, Any],
        workspace: Path | Sequence[Entry],
        read_only: Sequence[Path] | layout.Shown,
        limits: Limits,
    ) -> Ended:
        """As ``run``, with the program as the far side takes it.

        That is ``argv`` and ``env``, or ``tests`` and the names of the ``modules`` that run them.
        """
        self._refuse_without_sandbox()
        if isinstance(workspace, Path):
            files = await asyncio.to_thread(pack, workspace, max_bytes=limits.file_mb << 20)
        else:
            files = list(workspace)
        shown = read_only
        if not isinstance(shown, layout.Shown):
            source = workspace if isinstance(workspace, Path) else None
            shown = layout.Shown(tuple(shown), workspace=source)
        try:
            ended = await self._supervised(program, files, shown, limits)
        except OSError as error:
            raise SandboxError(f"{_SETUP_FAILED} ({self.tier}): {error}") from error
        if not ended.report and ended.killed_by not in {"wall", "memory"}:
            reason = ended.stderr.decode(errors="replace").strip().rpartition("\n")[2]
            raise SandboxError(f"{_SETUP_FAILED} ({self.tier}): {reason or ended.exit_status}")
        return ended

    async def _supervised(
        self,
        program: dict[str, Any],
        files: list[Entry],
        shown: layout.Shown,
        limits: Limits,
    ) -> Ended:
        with _scratch(self.tier) as directory:
            command, job = self._prepare(limits, shown, directory)
            job |= {"argv": None, "tests": None} | program | {"tree": files}
            job["env"] = _environment(directory) | program.get("env", {})
            # The tests come last: what runs the code under test must not have read them.
            tests = job.pop("tests")
            job["tests"] = None if tests is None else {"separate": tests["separate"]}
            parcel = {"modules": _modules(job.pop("modules", ())), "job": job}
            over = partial(passed_limit, limits=limits, directory=directory)
            return await supervise([*command, *_python()], (parcel, tests), limits, over=over)

    def _refuse_without_sandbox(self) -> None:
        if self.tier is Tier.NONE and not self.allow_unsandboxed:
            raise SandboxError(
                "Model-written code would run without a sandbox, so it does not run.",
                remedy="Install bubblewrap, or pass --allow-unsandboxed; "
                "such a run is marked and cannot enable reflex.",
            )

    def _prepare(
        self, limits: Limits, shown: layout.Shown, directory: Path | None
    ) -> tuple[list[str], dict[str, Any]]:
        """The command that encloses the interpreter, and the job's part that the tier decides."""
        if directory is not None:
            return self._enclose(directory, shown), {
                "layout": None,
                "uid": None,
                "confine": False,
                "writable": [],
                "work": str(directory),
                "limits": _resource_limits(limits, count_processes=False),
            }
        root = layout.linux_layout(limits, shown)
        as_root = is_real_root()
        bwrap = self.tier is Tier.BUBBLEWRAP
        return _bwrap(root, as_root=as_root) if bwrap else [], {
            "layout": None if bwrap else _as_job(root),
            "uid": secrets.choice(_FREE_UIDS) if as_root else None,
            "confine": True,
            "writable": root.writable,
            "work": layout.WORK,
            "limits": _resource_limits(limits, count_processes=True),
        }

    def _enclose(self, directory: Path, shown: layout.Shown) -> list[str]:
        if self.tier is Tier.NONE:
            return []
        program = tiers.find_sandbox_exec()
        if program is None:
            raise SandboxError(f"{_SETUP_FAILED}: there is no sandbox-exec here.")
        readable = [*layout.interpreter_paths(), *shown.checked()]
        layout.refuse_private(readable)
        masked = layout.masked_packages(readable) + shown.masked(readable)
        return tiers.sandbox_exec_command(program, readable, masked, str(directory))


@cache
def is_real_root() -> bool:
    """True for the host's root, who may take any uid; false for one in a user namespace."""
    if os.geteuid() != 0 or sys.platform != "linux":
        return False
    with contextlib.suppress(OSError, ValueError):
        inside, outside, count = Path("/proc/self/uid_map").read_text(encoding="ascii").split()
        return (int(inside), int(outside)) == (0, 0) and int(count) > _FREE_UIDS.stop
    return False


def _bwrap(root: layout.Layout, *, as_root: bool) -> list[str]:
    program = tiers.find_bubblewrap()
    if program is None:
        raise SandboxError(f"{_SETUP_FAILED}: there is no bubblewrap here.")
    return tiers.bubblewrap_command(program, root, as_root=as_root)


def _as_job(root: layout.Layout) -> dict[str, list[tuple[str, ...]]]:
    return {
        "links": list(root.links),
        "read_only": [(path, path) for path in root.read_only],
        "devices": [(path, path) for path in root.devices],
        "masked": [(path,) for path in root.masked],
        "scratch": [
            (path, f"mode=1777,size={size}m,nr_inodes={MAX_FILES}") for path, size in root.scratch
        ],
    }


def _resource_limits(limits: Limits, *, count_processes: bool) -> dict[str, int]:
    values = {
        "RLIMIT_CPU": max(1, limits.cpu_s),
        "RLIMIT_DATA" if limits.reserving else "RLIMIT_AS": limits.memory_mb << 20,
        "RLIMIT_FSIZE": limits.file_mb << 20,
        "RLIMIT_NOFILE": limits.open_files,
        "RLIMIT_CORE": 0,
    }
    # Elsewhere it would count the user's other processes as well.
    return values | ({"RLIMIT_NPROC": limits.processes} if count_processes else {})


def _environment(directory: Path | None) -> dict[str, str]:
    home = str(directory or "/tmp")  # noqa: S108  the sandbox's own
    path = os.pathsep.join((str(Path(layout.interpreter()).parent), "/usr/bin", "/bin"))
    return {"PATH": path, "HOME": home, "TMPDIR": home, "LANG": "C.UTF-8"}


def _python() -> list[str]:
    # Isolated but for the environment, which is empty save for the hash seed.
    return [layout.interpreter(), "-s", "-P", "-S", "-B", "-c", _BOOT]


@cache
def _modules(further: tuple[str, ...]) -> list[tuple[str, Any]]:
    names = (*(_LINUX_MODULES if sys.platform == "linux" else ()), *further, "entry")
    return [
        (_AWAY, _code(_INSIDE)),
        *((f"{_AWAY}.{name}", _code(f"{_INSIDE}.{name}")) for name in names),
    ]


def _code(name: str) -> Any:
    spec = find_spec(name)
    assert spec is not None
    assert spec.loader is not None
    return spec.loader.get_code(name)  # type: ignore[attr-defined]


@contextlib.contextmanager
def _scratch(tier: Tier) -> Iterator[Path | None]:
    """A directory for the tiers that have no file system of their own, gone afterwards."""
    if tier in {Tier.BUBBLEWRAP, Tier.NAMESPACES}:
        yield None
        return
    directory = Path(tempfile.mkdtemp(prefix=layout.SCRATCH_PREFIX)).resolve()
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def pack(workspace: Path, *, max_bytes: int) -> list[Entry]:
    """Read a workspace, directories before what is in them and links last.

    Links are kept as links and never followed; sockets, pipes and devices are left out. Raises
    ``SandboxError`` when it cannot be read or holds more than ``max_bytes``.
    """
    entries: list[Entry] = []
    links: list[Entry] = []
    left = max_bytes
    try:
        for path, info in _walk(workspace):
            name = path.relative_to(workspace).as_posix()
            mode = stat.S_IMODE(info.st_mode)
            if stat.S_ISDIR(info.st_mode):
                entries.append((name, mode, None))
            elif stat.S_ISLNK(info.st_mode):
                links.append((name, mode, str(path.readlink())))
            elif stat.S_ISREG(info.st_mode):
                content = _read(path, left)
                left -= len(content)
                entries.append((name, mode, content))
            if left < 0 or len(entries) + len(links) > MAX_ENTRIES:
                raise SandboxError(
                    f"The workspace is too large for the sandbox: over {max_bytes >> 20} MiB or "
                    f"{MAX_ENTRIES} files.",
                    remedy="Give the check fewer files, or raise file_mb.",
                )
    except OSError as error:
        raise SandboxError(f"The workspace cannot be read: {error}") from error
    return entries + links


def _walk(directory: Path) -> Iterator[tuple[Path, os.stat_result]]:
    for path in sorted(directory.iterdir()):
        info = path.lstat()
        yield path, info
        if stat.S_ISDIR(info.st_mode):
            yield from _walk(path)


def _read(path: Path, left: int) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        return file.read(left + 1)
