"""The workspace in which a page is played: a repository, its configuration, its two servers."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from core.capsule import EventLog
from core.engine.weights import default_weights
from core.router.implementer import Implementer
from core.settings import Reflex, load_settings
from core.settings.thresholds import accept
from core.standin.answers import SuiteAnswerer, edit_reply, suite_answerer
from core.standin.script import DEFAULT_MODEL, Script
from core.standin.server import ScriptedServer
from tests.docs.play import scenes
from tests.docs.play.network import instead_of_the_default_suite
from tests.support.router.world import QUESTION, promote

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from core.standin.answers import Answerer

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

    async def let_serve(self, *, local: bool) -> None:
        """Start or stop the local stand-in: the embedded engine wants its port."""
        if local and not self.local:
            # Named as a server of its own kind: what a stand-in passes promotes nothing.
            script = Script(model=MODEL, ttft_ms=0, tokens_per_s=0, owned_by="somebody")
            self.local = ScriptedServer(script, self.answerers, port=_PORT)
            await self.local.__aenter__()
        elif self.local and not local:
            await self.local.__aexit__(None, None, None)
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
        """The last bakeoff's report, seen from the workspace."""
        reports = (self.root / ".speckit" / "eval").glob("reflex-bakeoff-*.json")
        return max(reports, key=lambda path: path.name).relative_to(self.root)


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
        "PYTHONDONTWRITEBYTECODE": "1",
    }


@asynccontextmanager
async def ground(home: Path, text: str, *, promoted: bool) -> AsyncIterator[Ground]:
    """A workspace below ``home`` with the suites that the commands in ``text`` name.

    Promoted, it is as after a bakeoff, ``enable`` and one call.
    """
    root = home / "project"
    own = _laid_out(root, text)
    suites = [
        scenes.small_suite(home / "small"),
        scenes.quixbugs(home / "src" / "QuixBugs"),
        *own,
    ]
    instead_of_the_default_suite(suites[0])
    known: list[Answerer] = [suite_answerer(str(s), success_rate=1, seed=0) for s in suites]
    tasks = [scene.task() for scene in scenes.SCENES]
    wrong = [task for task in tasks if task.prompt == _TOLD_TO_FAIL]
    right = [task for task in tasks if task not in wrong]
    local: list[Answerer] = [
        SuiteAnswerer(wrong, edit_reply, success_rate=0, seed=0),
        SuiteAnswerer(right, edit_reply, success_rate=1, seed=0),
    ]
    distant = SuiteAnswerer(tasks, edit_reply, success_rate=1, seed=0)
    at_once = Script(model=DEFAULT_MODEL, ttft_ms=0, tokens_per_s=0, owned_by="somebody")
    async with ScriptedServer(at_once, [distant, *known]) as cloud:
        here = Ground(root, [*local, *known])
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
        await here.let_serve(local=True)
        try:
            if promoted:
                settings = load_settings(root / "stage0.toml")
                await promote(settings)
                async with Implementer.from_settings(settings) as implementer:
                    await implementer.complete(QUESTION)  # type: ignore[arg-type]
            yield here
        finally:
            await here.let_serve(local=False)


def _laid_out(root: Path, text: str) -> list[Path]:
    """The repository with what stays in it; the suites that are its own."""
    root.mkdir()
    git(root, "init", "--quiet")
    for key, value in (("user.name", "n"), ("user.email", "n@example.org")):
        git(root, "config", key, value)
    # Only those: a check by pytest would find the tests of all.
    own = [
        make(root / name)
        for name, make in (
            ("my-suite", partial(scenes.own_suite, task="billing-cents")),
            ("suite12", partial(scenes.own_suite, task="cash-rounding")),
            ("path/to/QuixBugs", scenes.quixbugs),
        )
        if name in text
    ]
    (root / "qwen2.5-coder-7b-instruct-q4_k_m.gguf").symlink_to(default_weights())
    (root / ".gitignore").write_text(".speckit/\n*.gguf\n__pycache__/\n")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "begun")
    return own


def git(root: Path, *arguments: str) -> None:
    """Run git there."""
    subprocess.run(["git", *arguments], cwd=root, check=True)
