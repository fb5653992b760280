"""Two stand-ins that solve the tasks they are told to, a small suite, and a workspace over them."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from core.capsule import EventLog
from core.harness import Plan, run_bakeoff
from core.harness.bakeoff.progress import Finished
from core.settings import Settings, load_settings
from core.standin.answers import edit_reply
from core.standin.script import Script
from core.standin.scripted_server import ScriptedServer
from tests.support.consent import OWN_SUITE, consent

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator
    from pathlib import Path

    from core.harness.bakeoff.progress import Progress
    from core.standin.answers import Question

BROKEN = "def answer():\n    return 0\n"
# At this confidence five calls in time are enough: 0.95 ** 5 ≤ 1 - 0.2 < 0.95 ** 4.
LITTLE = "[reflex.thresholds]\nconfidence = 0.2\n"


def make_suite(directory: Path, tasks: int, *, attempts: int = 1) -> Path:
    """A suite whose task ``tNN`` wants ``answer.py`` to return NN, from 1."""
    directory.mkdir(parents=True)
    (directory / "suite.toml").write_text(
        f'name = "small"\nversion = "1"\nattempts = {attempts}\n', encoding="utf-8"
    )
    for number in range(1, tasks + 1):
        task = directory / f"t{number:02}"
        files = {
            "task.toml": f'id = "t{number:02}"\ntitle = "Answer {number}"\nlevel = 1\n'
            f'category = "answers"\neditable = ["answer.py"]\nprompt = "Return {number:02}!"\n',
            "workspace/answer.py": BROKEN,
            "solution/answer.py": solution(number),
            "tests/test_answer.py": "from answer import answer\n\n\n"
            f"def test_answer():\n    assert answer() == {number}\n",
        }
        for name, text in files.items():
            (task / name).parent.mkdir(parents=True, exist_ok=True)
            (task / name).write_text(text, encoding="utf-8")
    return directory


def solution(number: int) -> str:
    """What solves the task of this number."""
    return f"def answer():\n    return {number}\n"


@dataclass
class Solver:
    """Answers tasks of ``make_suite``: the numbers in ``solves`` rightly, others wrongly."""

    solves: frozenset[int] = frozenset()
    asked: list[str] = field(default_factory=list)

    def answer(self, question: Question) -> str | None:
        """As an ``Answerer``."""
        number = int(question.text.partition("Return ")[2][:2])
        self.asked.append(f"t{number:02}")
        if question.schema is None:
            return json.dumps(
                {"edits": [{"path": "answer.py", "code": solution(number).splitlines()}]}
            )
        after = solution(number if number in self.solves else 99)
        return edit_reply(question.schema, {"answer.py": BROKEN}, {"answer.py": after})


@dataclass
class Arena:
    """Both servers with what they solve, and the workspace whose configuration names them."""

    reflex: ScriptedServer
    cloud: ScriptedServer
    by_reflex: Solver
    by_cloud: Solver
    root: Path
    suite: Path

    @property
    def settings(self) -> Settings:
        """The configuration as it is on disk."""
        return load_settings(self.root / "stage0.toml")

    @property
    def eval(self) -> Path:
        """Where reports lie."""
        return self.root / ".speckit" / "eval"

    def configure(self, text: str = "", *, model: str = "local", reflex: str = "") -> None:
        """Write stage0.toml; ``text`` is added, ``reflex`` goes into that table.

        Passes on the suite count, and looser thresholds are accepted, as a user would.
        """
        suites = "" if "suites =" in reflex else OWN_SUITE
        (self.root / "stage0.toml").write_text(
            f'[reflex]\nenabled = true\nendpoint = "{self.reflex.endpoint}"\nmodel = "{model}"\n'
            f'{suites}{reflex}\n[cloud]\nendpoint = "{self.cloud.endpoint}"\n'
            f'model = "{self.cloud.script.model}"\n{text}',
            encoding="utf-8",
        )
        consent(self.root)

    def solve(self, reflex: int, cloud: int) -> None:
        """Reflex solves the first so many tasks, and the cloud so many."""
        self.by_reflex.solves = frozenset(range(1, reflex + 1))
        self.by_cloud.solves = frozenset(range(1, cloud + 1))

    def reflex_is(self, **changes: Any) -> None:
        """Change the reflex server's script."""
        self.reflex.script = replace(self.reflex.script, **changes)

    def cloud_is(self, **changes: Any) -> None:
        """Change the cloud's script; how fast it is changes no verdict."""
        self.cloud.script = replace(self.cloud.script, **changes)

    def plan(self, **changes: Any) -> Plan:
        """A plan over the suite."""
        return Plan(**{"suite": str(self.suite), "seed": 1, "concurrency": 2, **changes})

    async def run(
        self, stop: asyncio.Event | None = None, **changes: Any
    ) -> tuple[Finished, list[Progress]]:
        """A bakeoff to its end, and all it told."""
        events = [
            event
            async for event in run_bakeoff(
                self.settings, self.plan(**changes), stop=stop, pauses_s=(0.0, 0.0)
            )
        ]
        finished = events[-1]
        assert isinstance(finished, Finished)
        return finished, events

    def capsule(self, *types: str) -> list[dict[str, Any]]:
        """The capsule's records of these types (all without), oldest first."""
        with EventLog(self.root / ".speckit" / "capsule") as log:
            assert log.verify().ok
            return [dict(r.body) for r in log.read() if not types or r.event_type in types]


@asynccontextmanager
async def arena(
    project: Path, *, tasks: int = 5, attempts: int = 1, owned_by: str = "local-test"
) -> AsyncIterator[Arena]:
    """Servers that solve everything at once, and thresholds that little evidence meets."""
    by_reflex, by_cloud = Solver(), Solver()
    script = Script(model="local", ttft_ms=0, tokens_per_s=0, owned_by=owned_by)
    async with (
        ScriptedServer(script, [by_reflex]) as reflex,
        ScriptedServer(replace(script, model="distant"), [by_cloud]) as cloud,
    ):
        suite = make_suite(project / "suite", tasks, attempts=attempts)
        made = Arena(reflex, cloud, by_reflex, by_cloud, project, suite)
        made.solve(tasks, tasks)
        made.configure(LITTLE)
        yield made
