"""A run against a real model that is far too weak: an honest fail, with its reasons."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from core.harness import Plan, run_bakeoff
from core.harness.bakeoff.plan import DEFAULT_SUITE
from core.harness.bakeoff.progress import Finished
from core.settings import load_settings
from core.settings.thresholds import accept
from core.standin.answers import suite_answerer
from core.standin.script import Script
from core.standin.server import ScriptedServer

if TYPE_CHECKING:
    from pathlib import Path

    from core.engine.process import ServerProcess


@pytest.mark.engine
@pytest.mark.long
async def test_the_embedded_engine_fails_honestly(engine: ServerProcess, project: Path) -> None:
    """Its replies meet the schema, as a grammar makes them; they do not mend the code."""
    solver = suite_answerer(DEFAULT_SUITE, success_rate=1.0, seed=0)
    async with ScriptedServer(Script(ttft_ms=0, tokens_per_s=0), [solver]) as cloud:
        (project / "stage0.toml").write_text(
            f'[reflex]\nendpoint = "{engine.endpoint}"\nmodel = "{engine.model}"\n'
            "timeout_ms = 30000\n[reflex.thresholds]\nconfidence = 0\np95_latency_ms = 30000\n"
            f'[cloud]\nendpoint = "{cloud.endpoint}"\nmodel = "{cloud.script.model}"\n',
            encoding="utf-8",
        )
        refused = load_settings(project / "stage0.toml").refused
        assert refused
        accept(project, refused)
        plan = Plan(tasks="recent-files", attempts=1, seed=3)
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
    own = [one.attempts[0] for one in report.trials if one.arm == "reflex"]
    assert all(one.failure is not None for one in own)
    assert all(one.ttft_ms is not None and one.completion_tokens for one in own if one.compliant)
    assert all(one.solved for one in report.trials if one.arm == "cloud")
