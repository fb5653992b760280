"""What a check's command needs of this machine: found by looking, never by running the project's.

The sandbox shows the system's own programs. Beside them a command gets, read-only and by its first
word: the project's virtual environment with the interpreter behind it, ``node_modules``, the Rust
toolchain with the crates that were fetched, Go with its modules. Of the user's directories only
those parts are shown, never what lies around them: ``~/.cargo`` holds a registry's key as well.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import SuiteError
from core.harness.sandbox.layout import WORK, Shown, interpreter
from core.plain import plain

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from core.harness.suites.tasks import CheckCommand, Task

_PYTHONS = frozenset({"python", "python3", "pytest", "py.test"})
_NODES = frozenset({"node", "npm", "npx", "tsc", "vitest", "jest", "mocha", "ava", "tap"})
_ENVIRONMENTS = (".venv", "venv", "env")
_ASK_S = 10.0
_MOST_LINKS = 8
CACHE = "/tmp/reflex-cache"  # noqa: S108  the sandbox's own


@dataclass(frozen=True, slots=True)
class Toolchain:
    """What is needed to run a check here.

    ``shown`` is what of the machine is shown; ``links`` lead from the work tree to something of it.
    ``path`` are directories of programs. ``command`` and
    ``compile`` are the check's words, with programs in place of names where these would not do.
    """

    command: tuple[str, ...]
    compile: tuple[str, ...]
    shown: Shown = field(default_factory=Shown)
    links: Mapping[str, str] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    path: tuple[str, ...] = ()


def language_of(check: CheckCommand) -> str:
    """``python``, ``rust``, ``go`` or ``node`` by the command's program; empty for any other."""
    program = Path(check.command[0]).name
    if program in _PYTHONS or program.startswith("python3."):
        return "python"
    if program in _NODES:
        return "node"
    return {"cargo": "rust", "rustc": "rust", "go": "go"}.get(program, "")


def find_toolchain(
    check: CheckCommand, project: Path, *, own_packages: Iterable[str] = ()
) -> Toolchain:
    """What ``check`` needs, for the project whose root is ``project``.

    ``own_packages`` are the project's own top-level packages: an installed copy of them is hidden,
    since it would be the solution, or tested in the work tree's place.

    Raises:
        SuiteError: A program is not installed; ``remedy`` says what to install.
    """
    made = Toolchain(check.command, check.compile)
    language = language_of(check)
    if language == "python":
        made = _python(made, check, project, frozenset(own_packages))
    elif language == "rust":
        made = _rust(made)
    elif language == "go":
        made = _go(made)
    elif language == "node":
        made = _node(made, project)
    elif "/" not in check.command[0] and not _on_system_path(check.command[0]):
        raise missing(check.command[0], f"Install {plain(check.command[0], 60)}, then run it again")
    return made


def own_packages(paths: Collection[str]) -> frozenset[str]:
    """The top-level packages of a project that has the files ``paths``."""
    found = {path.split("/")[0].removesuffix(".py") for path in paths}
    return frozenset(found | {path.split("/")[1] for path in paths if path.startswith("src/")})


def with_tools(tasks: Sequence[Task], project: Path) -> tuple[tuple[Task, ...], tuple[str, ...]]:
    """The ``tasks`` whose programs are here, and a line for each program that is not.

    Raises:
        SuiteError: None of them can be run here.
    """
    why = {id(task): _what_is_missing(task.check, project) for task in tasks}
    usable = tuple(task for task in tasks if not why[id(task)])
    counts = Counter(each for each in why.values() if each)
    lines = tuple(f"{count} tasks are left out: {each}" for each, count in counts.items())
    if not usable and lines:
        raise SuiteError(lines[0], remedy="No task of the suite can be run without it.")
    return usable, lines


def _what_is_missing(check: CheckCommand | None, project: Path) -> str:
    if check is None:
        return ""
    try:
        find_toolchain(check, project)
    except SuiteError as error:
        return f"{error.message}. {error.remedy}"
    return ""


def with_places(made: Toolchain, places: Iterable[str]) -> Toolchain:
    """``made`` with further places shown read-only."""
    shown = made.shown
    further = (*shown.read_only, *map(Path, places))
    return replace(made, shown=replace(shown, read_only=further))


def missing(program: str, remedy: str) -> SuiteError:
    """That a program which a task needs is not here."""
    return SuiteError(f"{plain(program, 80)} is not installed here", remedy=f"{remedy}.")


def _on_system_path(program: str) -> bool:
    return any(Path(place, program).exists() for place in ("/usr/local/bin", "/usr/bin", "/bin"))


def _python(
    made: Toolchain, check: CheckCommand, project: Path, own_packages: frozenset[str]
) -> Toolchain:
    environment = virtual_environment(project)
    if environment is None:
        program = Path(interpreter())
        shown = Shown()
    else:
        program = environment / "bin" / "python"
        packages = [*environment.glob("lib/python3*/site-packages")]
        copies = [place / name for place in packages for name in sorted(own_packages)]
        shown = Shown(
            (environment, *_base_of(program)),
            hidden=tuple(path for path in copies if path.is_dir()),
            links=_links_behind(program),
        )
    words = list(check.command)
    if Path(words[0]).name in {"pytest", "py.test"}:
        words[:1] = [str(program), "-m", "pytest"]
    else:
        words[0] = str(program)
    inner = [f"{WORK}/{path}" for path in check.python_path]
    return replace(
        made,
        command=tuple(words),
        compile=tuple(
            str(program) if index == 0 and Path(word).name in _PYTHONS else word
            for index, word in enumerate(made.compile)
        ),
        shown=shown,
        env={
            "PYTHONPATH": os.pathsep.join((*inner, WORK)),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONHASHSEED": "0",
        },
        path=(str(program.parent),),
    )


def virtual_environment(project: Path) -> Path | None:
    """The project's own environment, else the active one, else the one this program runs in."""
    active = os.environ.get("VIRTUAL_ENV")
    places = [project / name for name in _ENVIRONMENTS]
    places += [Path(active)] if active else []
    places.append(Path(sys.executable).parent.parent)
    for place in places:
        # A link could lead to any directory of the user's.
        if not place.is_symlink() and (place / "pyvenv.cfg").is_file():
            return place.absolute()
    return None


def _base_of(program: Path) -> tuple[Path, ...]:
    """The interpreter behind a virtual environment's, with its libraries."""
    real = Path(os.path.realpath(program))
    if str(real) == interpreter():
        return ()  # the sandbox has it
    version = real.name if real.name.startswith("python3.") else ""
    prefix = real.parent.parent
    libraries = [
        path
        for path in prefix.glob("lib/python3.*")
        if (path / "os.py").is_file() and version in {"", path.name}
    ]
    if not libraries:
        raise missing(str(program), "Make the virtual environment again")
    shared = [path for path in prefix.glob("lib/lib*.so*") if path.is_file()]
    found = (real, *libraries, *shared)
    return tuple(path for path in found if not str(path).startswith("/usr/"))


def _links_behind(program: Path) -> tuple[tuple[str, str], ...]:
    """The links from a virtual environment's interpreter to the real one, outside of it."""
    found: list[tuple[str, str]] = []
    at = program
    for _ in range(_MOST_LINKS):
        if not at.is_symlink():
            break
        target = str(at.readlink())
        found.append((str(at), target))
        at = Path(os.path.normpath(at.parent / target))
    return tuple(found)


def _rust(made: Toolchain) -> Toolchain:
    sysroot = _answer(("rustc", "--print", "sysroot"))
    if sysroot is None or not (Path(sysroot) / "bin" / "cargo").exists():
        raise missing("cargo", "Install Rust, for example with rustup")
    home = Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo")
    fetched = [home / name for name in ("registry", "git")]
    return replace(
        made,
        shown=Shown(
            (
                *_outside_system(Path(sysroot)),
                *(path for path in fetched if path.is_dir() and not path.is_symlink()),
            )
        ),
        env={
            "LD_LIBRARY_PATH": f"{sysroot}/lib",  # found by its own path only where there is /proc
            "CARGO_HOME": str(home) if any(map(Path.is_dir, fetched)) else f"{CACHE}/cargo",
            "CARGO_NET_OFFLINE": "true",
            "CARGO_TARGET_DIR": f"{CACHE}/target",
            "CARGO_INCREMENTAL": "0",
            # Rust brings a linker of its own that needs /proc.
            "CARGO_BUILD_RUSTFLAGS": "-Clink-arg=-fuse-ld=bfd",
            "CARGO_TERM_COLOR": "never",
            "CARGO_PROFILE_DEV_DEBUG": "0",
            "RUST_TEST_THREADS": "2",
        },
        path=(f"{sysroot}/bin",),
    )


def _go(made: Toolchain) -> Toolchain:
    said = _answer(("go", "env", "GOROOT", "GOMODCACHE"))
    if said is None or len(said.splitlines()) != 2:  # noqa: PLR2004  what was asked for
        raise missing("go", "Install Go, for example with your system's package golang-go")
    root, modules = map(Path, said.splitlines())
    return replace(
        made,
        shown=Shown((*_outside_system(root), *([modules] if modules.is_dir() else []))),
        env={
            "GOROOT": str(root),
            "GOMODCACHE": str(modules) if modules.is_dir() else f"{CACHE}/modules",
            "GOCACHE": f"{CACHE}/go",
            "GOFLAGS": "-mod=mod" if not modules.is_dir() else "",
            "GOPATH": f"{CACHE}/gopath",
            "GOPROXY": "off",
            "GOTOOLCHAIN": "local",
            "GOTELEMETRY": "off",
        },
        path=(f"{root}/bin",),
    )


def _node(made: Toolchain, project: Path) -> Toolchain:
    program = shutil.which("node")
    if program is None:
        raise missing("node", "Install Node.js")
    real = Path(os.path.realpath(program))
    beside = real.parent.parent / "lib" / "node_modules"  # npm and what is installed globally
    shown = [*_outside_system(real), *(_outside_system(beside) if beside.is_dir() else ())]
    links = {}
    modules = project / "node_modules"
    if modules.is_dir() and not modules.is_symlink():
        shown.append(modules)
        links["node_modules"] = str(modules.absolute())
    command, further = _node_words(made.command, modules)
    compile_, more = _node_words(made.compile, modules)
    return replace(
        made,
        command=command,
        compile=compile_,
        shown=Shown((*shown, *further, *more)),
        links=links,
        env={"NODE_DISABLE_COLORS": "1", "NO_COLOR": "1", "npm_config_offline": "true"},
        path=(f"{WORK}/node_modules/.bin", str(real.parent)),
    )


def _node_words(words: Sequence[str], modules: Path) -> tuple[tuple[str, ...], list[Path]]:
    """``tsc`` and its like: the project's own, else the one on PATH, whose package is shown."""
    if not words or words[0] in {"node", "npm", "npx"}:
        return tuple(words), []
    if (modules / ".bin" / words[0]).exists():
        return tuple(words), []
    program = shutil.which(words[0])
    if program is None:
        raise missing(words[0], f"Install it: npm install --global {_package_of(words[0])}")
    real = Path(os.path.realpath(program))
    package = next((path for path in real.parents if path.parent.name == "node_modules"), None)
    if package is None:
        raise missing(words[0], f"Install it: npm install --global {_package_of(words[0])}")
    return ("node", str(real), *words[1:]), [*_outside_system(package)]


def _package_of(program: str) -> str:
    return "typescript" if program == "tsc" else plain(program, 60)


def _outside_system(path: Path) -> tuple[Path, ...]:
    """``path`` where the sandbox does not show it anyway; never all of a shared prefix."""
    if str(path) == "/usr" or str(path).startswith("/usr/"):
        return ()
    return (path,)


@cache
def _answer(words: tuple[str, ...]) -> str | None:
    """What a program of the user's own says, asked in the root directory: no project has a say."""
    try:
        ended = subprocess.run(
            words, cwd="/", capture_output=True, text=True, timeout=_ASK_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return ended.stdout.strip() or None
