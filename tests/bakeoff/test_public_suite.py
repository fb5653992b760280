"""A bakeoff over a suite in a public format: what cannot be used is told in the report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.harness import Plan, run_bakeoff
from core.harness.bakeoff.progress import Finished
from core.settings import load_settings
from core.standin.answers import suite_answerer
from core.standin.script import Script
from core.standin.scripted_server import ScriptedServer
from tests.support.suite.humanevalpack import ROW, dump

if TYPE_CHECKING:
    from pathlib import Path


async def test_tasks_that_cannot_be_used_are_in_the_report(project: Path) -> None:
    """By name and with why, in the JSON and in the Markdown; those that can be are run."""
    rust = ROW | {"task_id": "Rust/3", "test": "fn main() {}"}
    path = str(dump(project / "mixed.jsonl", ROW, rust))
    solver = suite_answerer(path, success_rate=1.0, seed=0)
    async with ScriptedServer(Script(ttft_ms=0, tokens_per_s=0), [solver]) as server:
        served = f'endpoint = "{server.endpoint}"\nmodel = "{server.script.model}"\n'
        (project / "stage0.toml").write_text(
            f"[reflex]\n{served}[cloud]\n{served}", encoding="utf-8"
        )
        settings = load_settings(project / "stage0.toml")
        events = [event async for event in run_bakeoff(settings, Plan(suite=path, seed=1))]
    finished = events[-1]
    assert isinstance(finished, Finished)
    suite = finished.report.suite
    assert suite.left_out == ("mixed.jsonl, line 2: Rust/3 is not Python",)
    assert (suite.tasks, suite.selected) == (1, ("python-0",))
    assert [one.solved for one in finished.report.trials] == [True, True]
    page = finished.md_path.read_text(encoding="utf-8")
    assert "`mixed.jsonl, line 2: Rust/3 is not Python`" in page
