"""A run against a real model that is far too weak: an honest fail at its first look."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from core.harness import Plan, run_bakeoff
from core.harness.bakeoff.plan import DEFAULT_SUITE
from core.harness.bakeoff.progress import Finished, LookTaken
from core.settings import load_settings
from core.settings.thresholds import accept
from core.standin.answers import suite_answerer
from core.standin.script import Script
from core.standin.scripted_server import ScriptedServer

if TYPE_CHECKING:
    from pathlib import Path

    from core.engine.process import ServerProcess


@pytest.mark.slow
@pytest.mark.engine
@pytest.mark.long
async def test_the_embedded_engine_fails_at_its_first_look(
    engine: ServerProcess, project: Path
) -> None:
    """Its replies meet the schema, as a grammar makes them; they do not fix the code.

    So after one of four tasks the run ends, says why, and the cloud was never asked.
    """
    solver = suite_answerer(DEFAULT_SUITE, success_rate=1.0, seed=0)
    async with ScriptedServer(Script(ttft_ms=0, tokens_per_s=0), [solver]) as cloud:
        (project / "stage0.toml").write_text(
            f'[reflex]\nendpoint = "{engine.endpoint}"\nmodel = "{engine.model}"\n'
            "timeout_ms = 10000\n[reflex.thresholds]\np95_latency_ms = 10000\n"
            f'[cloud]\nendpoint = "{cloud.endpoint}"\nmodel = "{cloud.script.model}"\n',
            encoding="utf-8",
        )
        refused = load_settings(project / "stage0.toml").refused
        assert refused
        accept(project, refused)
        # By this seed the first of them is recent-files, whose files are short.
        plan = Plan(tasks="re[cdnt]*", attempts=1, seed=5)
        events = [
            event async for event in run_bakeoff(load_settings(project / "stage0.toml"), plan)
        ]
    finished = events[-1]
    assert isinstance(finished, Finished)
    report = finished.report
    assert report.gate["verdict"] == "fail"
    assert "success_parity" in report.gate["misses"]
    assert report.stamps == ("scripted", "subset", "loosened")
    assert report.arms["reflex"].label.startswith("llama.cpp")
    (look,) = [one for one in events if isinstance(one, LookTaken)]
    assert look.ends
    assert look.words == (
        "look 1 of 4, after 1 task: reflex solved 0, the cloud not asked: too far below the "
        "threshold; the other tasks are not needed"
    )
    assert {one.arm for one in report.trials} == {"reflex"}
    own = [one.attempts[0] for one in report.trials]
    assert len(own) == 1
    assert all(one.failure is not None for one in own)
    assert all(one.ttft_ms is not None and one.completion_tokens for one in own if one.compliant)
    page = finished.md_path.read_text(encoding="utf-8")
    assert "reflex solved 0 at its first 1 task; the cloud was not asked further" in page
