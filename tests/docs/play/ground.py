"""The workspace in which a page is played: a repository, its configuration, its two servers."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from core.capsule import EventLog
from core.engine.weights import default_weights
from core.harness.bakeoff.plan import DEFAULT_SUITE
from core.router.implementer import Implementer
from core.settings import Reflex, load_settings
from core.settings.thresholds import accept
from core.standin.answers import SuiteAnswerer, edit_reply, suite_answerer
from core.standin.script import DEFAULT_MODEL, Script
from tests.docs.play import scenes
from tests.docs.play.network import instead_of_the_default_suite
from tests.support.router.world import QUESTION, promote
from tests.support.standin import standin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from core.standin.answers import Answerer
    from core.standin.scripted_server import ScriptedServer

ENDPOINT, MODEL = Reflex().endpoint, Reflex().model
_PORT = 3009
_TOLD_TO_FAIL = "Return the sum of both numbers."
_CONFIGURATION = """\
[reflex]
endpoint = "{endpoint}"
model = "{model}"
timeout_ms = 15000
enabled = {enabled}
capture_mode = "full_io"
suites = ["reflex_patchloop_v1", "mine"]

[reflex.thresholds]
p95_latency_ms = 60000
confidence = 0

[cloud]
endpoint = "{cloud}"
model = "{cloud_model}"
"""


@dataclass
class Ground:
    """The repository at ``root``, and the stand-in at the configured endpoint."""

    root: Path
    answerers: list[Answerer]
    local: ScriptedServer | None = None
    _serving: ExitStack = field(default_factory=ExitStack)

    def let_serve(self, *, local: bool) -> None:
        """Start or stop the local stand-in: the embedded engine wants its port."""
        if local and not self.local:
            # Named as a server of its own kind: what a stand-in passes promotes nothing.
            script = Script(model=MODEL, ttft_ms=0, tokens_per_s=0, owned_by="somebody")
            server = standin(script, self.answerers, port=_PORT)
            self.local = self._serving.enter_context(server)
        elif self.local and not local:
            self._serving.close()
            self.local = None

    def set_scene(self, command: str) -> None:
        """Lay out, and commit, the files of the example whose task the command names."""
        scene = next(one for one in scenes.SCENES if f"'{one.prompt}'" in command)
        for name in {name for one in scenes.SCENES for name in one.files}:
            (self.root / name).unlink(missing_ok=True)
        for name, text in scene.files.items():
            (self.root / name).write_text(text)
        git(self.root, "add", "--all", "--", ":!stage0.toml")
        git(self.root, "commit", "--quiet", "--allow-empty", "--message", "broken")

    def newest_call(self) -> str:
        """The id of the last call in the capsule."""
        with EventLog(self.root / ".speckit" / "capsule") as log:
            return [str(r.body["call_id"]) for r in log.read() if r.event_type == "LLMCall"][-1]

    def head(self) -> str:
        """The hash of the capsule's last record."""
        with EventLog(self.root / ".speckit" / "capsule") as log:
            return [record.hash for record in log.read()][-1]

    def newest_report(self) -> Path:
        """The last report of the default suite's whole, seen from the workspace."""
        of_it = [path for path in self._reports() if _is_of_the_default_suite(path)]
        return of_it[-1].relative_to(self.root)

    def ends_with_a_report(self) -> bool:
        """Whether the last report is such a one."""
        return any(map(_is_of_the_default_suite, self._reports()[-1:]))

    def _reports(self) -> list[Path]:
        found = (self.root / ".speckit" / "eval").glob("reflex-bakeoff-*.json")
        return sorted(found, key=lambda path: path.stat().st_mtime_ns)


def at_home(home: Path) -> None:
    """Let this process and all it starts live in ``home``, with our commands first on PATH."""
    for name in [one for one in os.environ if one.startswith(("REFLEX_", "SPECKIT_", "OPENAI_"))]:
        del os.environ[name]
    os.environ |= {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / "config"),
        "XDG_DATA_HOME": str(home / "data"),
        "XDG_STATE_HOME": str(home / "state"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "NO_COLOR": "1",
        "TERM": "xterm-256color",
        **{f"GIT_{who}_NAME": "n" for who in ("AUTHOR", "COMMITTER")},
        **{f"GIT_{who}_EMAIL": "n@example.org" for who in ("AUTHOR", "COMMITTER")},
    }


class Grounds:
    """Workspaces below ``home``, alike at first, with all suites that the pages name."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._number = count(1)
        self._first = home / "first"
        _laid_out(self._first)
        suites = [
            scenes.small_suite(home / "small"),
            scenes.own_suite(self._first / "my-suite", task="billing-cents"),
            scenes.own_suite(self._first / "suite3", task="cash-rounding"),
            scenes.quixbugs(home / "src" / "QuixBugs"),
            scenes.quixbugs(self._first / "path" / "to" / "QuixBugs"),
        ]
        git(self._first, "add", "--all")
        git(self._first, "commit", "--quiet", "--message", "begun")
        instead_of_the_default_suite(suites[0])
        known = [suite_answerer(str(s), success_rate=1, seed=0) for s in suites]
        tasks = [scene.task() for scene in scenes.SCENES]
        wrong = [task for task in tasks if task.prompt == _TOLD_TO_FAIL]
        right = [task for task in tasks if task not in wrong]
        self._local: list[Answerer] = [
            SuiteAnswerer(wrong, edit_reply, success_rate=0, seed=0),
            SuiteAnswerer(right, edit_reply, success_rate=1, seed=0),
            *known,
        ]
        self._distant = [SuiteAnswerer(tasks, edit_reply, success_rate=1, seed=0), *known]

    @contextmanager
    def new(self, *, promoted: bool) -> Iterator[Ground]:
        """One more. Promoted, it is as after a bakeoff, ``enable`` and one call."""
        root = self._home / f"project-{next(self._number)}"
        shutil.copytree(self._first, root, symlinks=True)
        at_once = Script(model=DEFAULT_MODEL, ttft_ms=0, tokens_per_s=0, owned_by="somebody")
        with standin(at_once, self._distant) as cloud:
            (root / "stage0.toml").write_text(
                _CONFIGURATION.format(
                    endpoint=ENDPOINT,
                    model=MODEL,
                    enabled=str(promoted).lower(),
                    cloud=cloud.endpoint,
                    cloud_model=DEFAULT_MODEL,
                )
            )
            (root / "path").mkdir(exist_ok=True)
            shutil.copy(root / "stage0.toml", root / "path")
            for workspace in (root, root / "path"):
                if refused := load_settings(workspace / "stage0.toml").refused:
                    accept(workspace, refused)
            here = Ground(root, self._local)
            here.let_serve(local=True)
            try:
                if promoted:
                    asyncio.run(_promoted(root))
                yield here
            finally:
                here.let_serve(local=False)


async def _promoted(root: Path) -> None:
    settings = load_settings(root / "stage0.toml")
    await promote(settings)
    async with Implementer.from_settings(settings) as implementer:
        await implementer.complete(QUESTION)  # type: ignore[arg-type]


def _laid_out(root: Path) -> None:
    """A repository with what stays in it."""
    root.mkdir()
    git(root, "init", "--quiet")
    (root / "qwen2.5-coder-7b-instruct-q4_k_m.gguf").symlink_to(default_weights())
    (root / ".gitignore").write_text(".speckit/\n*.gguf\n__pycache__/\n")
    # A check by pytest finds the tests of the project alone, not those of the suites.
    (root / "pytest.ini").write_text("[pytest]\nnorecursedirs = my-suite suite3 path .*\n")


def _is_of_the_default_suite(report: Path) -> bool:
    document = json.loads(report.read_text())
    return document["suite"]["name"] == DEFAULT_SUITE and document["stamps"] == ["loosened"]


def git(root: Path, *arguments: str) -> None:
    """Run git there."""
    subprocess.run(["git", *arguments], cwd=root, check=True)
