"""A scratch repository with a planted bug, two stand-ins that answer as planned, the command."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import subprocess
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.implement.command import words_of
from core.implement.undo import apply_solution
from core.implement.user_files import FilePlace
from core.implement.work import Solved, Wanted, prepare, work
from core.settings import load_settings
from core.standin.answers import edit_reply
from core.standin.script import Script
from core.standin.scripted_server import ScriptedServer
from tests.support.command import reflex
from tests.support.patience import PATIENCE_S
from tests.support.router.world import World, promote

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from core.standin.answers import Question

CODE = Path(sys.executable).with_name("code")
PROMPT = "add() must return the sum of both numbers."
BROKEN = "def add(a, b):\n    return a - b\n"
GOOD = "def add(a, b):\n    return a + b\n"
WRONG = "def add(a, b):\n    return b - a\n"
TEST = "from calc import add\n\nassert add(2, 3) == 5, add(2, 3)\n"
CHECK = f"{sys.executable} test_calc.py"
QUESTION = "[y/N] "
SKIPS = "Ctrl-C skips it\r\n"
# Ctrl-C is a key of the controlling terminal alone.
_ON_THIS_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    "os.execv(sys.argv[1], sys.argv[1:])"
)


class Planned:
    """Answers with edits of ``calc.py``, in order, the last again and again; keeps what is asked.

    A plan is the file's new text, or a dictionary that is the reply itself.
    """

    def __init__(self, plans: Sequence[str | dict[str, Any]]) -> None:
        self._plans = plans
        self.asked: list[str] = []

    def answer(self, question: Question) -> str:
        """The next reply."""
        plan = self._plans[min(len(self.asked), len(self._plans) - 1)]
        self.asked.append(question.text)
        if isinstance(plan, dict):
            return json.dumps(plan)
        assert question.schema
        return edit_reply(question.schema, {"calc.py": BROKEN}, {"calc.py": plan})


@dataclass
class Scene:
    """The repository, and what both servers were asked."""

    root: Path
    world: World
    reflex: Planned
    cloud: Planned

    def git(self, *arguments: str) -> str:
        """What git says in the repository."""
        done = subprocess.run(
            ["git", "-c", "user.name=n", "-c", "user.email=e@example.org", *arguments],
            cwd=self.root,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    @property
    def calc(self) -> str:
        """The file with the bug, as it is now."""
        return (self.root / "calc.py").read_text()

    @property
    def decisions(self) -> list[tuple[str, str, str | None, bool]]:
        """Backend, reason, detail and fallback of each decision on record."""
        return [
            (body["backend"], body["reason"], body["detail"], body["is_fallback"])
            for body in self.world.events("RoutingDecision")
        ]


@asynccontextmanager
async def scene(
    root: Path,
    *,
    reflex: Sequence[str | dict[str, Any]] = (WRONG,),
    cloud: Sequence[str | dict[str, Any]] = (GOOD,),
    text: str = "",
    in_reflex: str = "",
    promoted: bool = True,
    ttft_ms: float = 0,
    owned_by: str = "test",
) -> AsyncIterator[Scene]:
    """A git repository at ``root``; ``text`` is added to its stage0.toml, ``in_reflex`` within.

    There, ``LOCAL`` is the reflex server's endpoint.
    """
    root.mkdir(parents=True, exist_ok=True)
    for name, content in (("calc.py", BROKEN), ("test_calc.py", TEST), (".gitignore", "*.log\n")):
        (root / name).write_text(content)
    script = Script(ttft_ms=ttft_ms, tokens_per_s=0)
    answers = Planned(reflex), Planned(cloud)
    async with (
        ScriptedServer(replace(script, model="local", owned_by=owned_by), [answers[0]]) as local,
        ScriptedServer(script, [answers[1]]) as remote,
    ):
        path = root / "stage0.toml"
        path.write_text(
            f'[reflex]\nenabled = true\nendpoint = "{local.endpoint}"\nmodel = "local"\n'
            f"{in_reflex.replace('LOCAL', local.endpoint)}\n"
            f'[cloud]\nendpoint = "{remote.endpoint}"\nmodel = "{remote.script.model}"\n{text}'
        )
        settings = load_settings(path)
        if promoted:
            await promote(settings)
        found = Scene(root, World(local, remote, settings), *answers)
        found.git("init", "-q")
        found.git("add", "calc.py", "test_calc.py", ".gitignore", "stage0.toml")
        found.git("commit", "-qm", "planted")
        yield found


@dataclass
class Ended:
    """How a command ended; on a terminal ``out`` has all that it wrote."""

    status: int
    out: str
    err: str = ""

    @property
    def document(self) -> Any:
        """What ``--json`` printed."""
        return json.loads(self.out)


async def start(here: Path, *arguments: str, **environ: str) -> asyncio.subprocess.Process:
    """``code reflex implement`` without a terminal."""
    return await asyncio.create_subprocess_exec(
        *(str(CODE), "reflex", "implement", *arguments),
        cwd=here,
        env=os.environ | environ,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def implement(here: Path, *arguments: str, **environ: str) -> Ended:
    """``code reflex implement`` without a terminal, to its end."""
    process = await start(here, *arguments, **environ)
    out, err = await process.communicate()
    assert process.returncode is not None
    assert b"Traceback" not in err, err.decode()
    return Ended(process.returncode, out.decode(), err.decode())


async def refused_or_undone(here: Path, *arguments: str) -> Ended:
    """The same beside the servers, where nothing is run: that needs a process's signals."""
    done = await asyncio.to_thread(reflex, here, "implement", *arguments)
    return Ended(done.returncode, done.stdout, done.stderr)


async def fix(here: Path, *more: str, check: str = CHECK, **environ: str) -> Ended:
    """The planted bug's task by the command with ``--yes --json``, and ``more``."""
    given = (PROMPT, "--file", "calc.py", "--check", check, "--yes", "--json", *more)
    return await implement(here, *given, **environ)


async def solve(
    found: Scene,
    *,
    check: str = CHECK,
    on_comparing: Callable[[str, float, Callable[[], None]], None] = lambda *_: None,
    **wanted: Any,
) -> Solved:
    """The planted bug's task within this process, and its solution written."""
    given = Wanted(PROMPT, ("calc.py",), words_of(check), **wanted)
    settings, place = found.world.settings, FilePlace(found.root, found.root)
    solved = await work(
        settings,
        prepare(settings, given, place),
        on_before=lambda _: None,
        on_tried=lambda _: None,
        on_comparing=on_comparing,
    )
    if solved.changes:
        assert apply_solution(settings, place.root, solved) is None
    return solved


async def at_terminal(here: Path, *arguments: str, answers: Sequence[str]) -> Ended:
    """``code reflex implement`` on a terminal, each question answered by the next of ``answers``.

    ``^C`` is that key; a comparison that it may skip asks for one as well.
    """
    return await asyncio.to_thread(_at_terminal, here, arguments, list(answers))


def _at_terminal(here: Path, arguments: Sequence[str], answers: list[str]) -> Ended:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", _ON_THIS_TERMINAL, CODE, "reflex", "implement", *arguments],
        cwd=here,
        env=os.environ | {"NO_COLOR": "1"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    seen = b""
    told = 0
    try:
        while chunk := _read(ours):
            seen += chunk
            if seen[told:].endswith((QUESTION.encode(), SKIPS.encode())):
                told = len(seen)
                answer = answers.pop(0)
                os.write(ours, b"\x03" if answer == "^C" else f"{answer}\n".encode())
    finally:
        os.close(ours)
    status = process.wait(PATIENCE_S)
    return Ended(status, seen.decode().replace("\r\n", "\n"))


def _read(fd: int) -> bytes:
    try:
        return os.read(fd, 4096)
    except OSError:  # Linux's way to say that the other side is gone
        return b""
