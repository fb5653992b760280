"""978-A2: TTFT, latency and throughput over the suite's tasks, P95 held against the threshold.

Whether the small embedded model on the machine at hand meets the target is the report's to say,
not this test's: it asks that what is reported was measured, and that the verdict follows from it.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from core.harness import Plan, run_bakeoff
from core.harness.bakeoff.plan import DEFAULT_SUITE
from core.harness.bakeoff.progress import Finished
from core.harness.gate.judge import judge
from core.harness.report.summary import summaries
from core.settings import load_settings
from core.standin.answers import suite_answerer
from core.standin.script import Script
from core.standin.scripted_server import ScriptedServer
from tests.support.acceptance.workplace import PATIENT_MS, configure, events

if TYPE_CHECKING:
    from core.engine.process import ServerProcess

pytestmark = [pytest.mark.engine, pytest.mark.long]
CODE = Path(sys.executable).parent / "code"
# All of the suite takes some ten minutes here; three of its shortest tasks show the same.
TASKS = "*" if os.environ.get("REFLEX_TORTURE") else "[bcp][rl]*[th]-[cdn]*"


@pytest.fixture(scope="module")
def measured(
    engine: ServerProcess, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Finished, Path]:
    """A bakeoff over a few tasks of the suite, at the thresholds as they come; and its project."""
    project = tmp_path_factory.mktemp("latency")
    (project / ".git").mkdir()
    return asyncio.run(_bakeoff(project, engine)), project


async def _bakeoff(project: Path, engine: ServerProcess) -> Finished:
    solver = suite_answerer(DEFAULT_SUITE, success_rate=1.0, seed=0)
    async with ScriptedServer(Script(ttft_ms=0, tokens_per_s=0), [solver]) as cloud:
        settings = load_settings(configure(project, engine, cloud, f"timeout_ms = {PATIENT_MS}\n"))
        plan = Plan(tasks=TASKS, attempts=1, seed=1, early_stop=False)
        *_, finished = [event async for event in run_bakeoff(settings, plan)]
    assert isinstance(finished, Finished)
    return finished


def test_each_call_is_measured(measured: tuple[Finished, Path]) -> None:
    """Every task was put to the model once; what answered has TTFT, total and tokens, in order."""
    report = measured[0].report
    own = [trial.attempts[0] for trial in report.trials if trial.arm == "reflex"]
    assert len(own) == len(report.suite.selected) >= 3
    answered = [attempt for attempt in own if attempt.compliant]
    assert answered
    for attempt in answered:
        assert attempt.ttft_ms is not None
        assert 0 < attempt.ttft_ms <= attempt.latency_ms <= report.settings.request_timeout_ms
        assert attempt.completion_tokens
    summary = summaries(report)["reflex"]
    assert summary.calls == len(own)
    assert summary.tokens_per_s is not None
    assert summary.tokens_per_s > 0


def test_the_capsule_has_the_same_times(measured: tuple[Finished, Path]) -> None:
    """What the report says of a call is what its LLMCall says."""
    finished, project = measured
    calls = [
        call
        for call in events(load_settings(project / "stage0.toml"), "LLMCall")
        if call["mode"] == "reflex" and call["success"]
    ]
    answered = {
        round(trial.attempts[0].ttft_ms, 3)
        for trial in finished.report.trials
        if trial.arm == "reflex" and trial.attempts[0].ttft_ms is not None
    }
    assert calls
    assert {call["ttft_ms"] for call in calls} <= answered
    assert all(call["origin"] == "bakeoff" for call in calls)


def test_the_verdict_follows_from_the_p95(measured: tuple[Finished, Path]) -> None:
    """The nearest-rank P95, worked out here, is the criterion's: from 2000 ms on it is a miss."""
    report = measured[0].report
    latencies = sorted(
        trial.attempts[0].answered_ms for trial in report.trials if trial.arm == "reflex"
    )
    p95 = latencies[math.ceil(0.95 * len(latencies)) - 1]
    (latency,) = [one for one in report.gate["criteria"] if one["name"] == "p95_latency"]
    assert latency["threshold"] == 2000
    assert latency["value"] == (None if math.isinf(p95) else p95)
    assert latency["misses"] == (p95 >= 2000)
    # Under 59 calls prove nothing at 95 %: what does not miss is then undecided, never a pass.
    if len(latencies) < 59:
        assert latency["state"] == ("fail" if p95 >= 2000 else "inconclusive")
    assert ("p95_latency" in report.gate["misses"]) == latency["misses"]


@pytest.mark.parametrize(("above_ms", "state"), [(0, "fail"), (1, "pass")])
def test_the_threshold_decides_both_ways(
    measured: tuple[Finished, Path], above_ms: float, state: str
) -> None:
    """The same calls miss a threshold equal to their P95, and by points meet one just above it."""
    report = measured[0].report
    # A call that was given up has no P95 to be near to; it lasted as long as it was waited for.
    trials = [
        replace(
            trial,
            attempts=tuple(
                replace(
                    one,
                    failure=None,
                    latency_ms=min(one.latency_ms, report.settings.request_timeout_ms),
                )
                for one in trial.attempts
            ),
        )
        for trial in report.trials
    ]
    own = sorted(trial.attempts[0].latency_ms for trial in trials if trial.arm == "reflex")
    p95 = own[math.ceil(0.95 * len(own)) - 1]
    limits = replace(report.thresholds, p95_latency_ms=p95 + above_ms, confidence=0)
    gate = judge(trials, reflex="reflex", cloud="cloud", thresholds=limits, timeout_ms=math.inf)
    (latency,) = [one for one in gate.criteria if one.name == "p95_latency"]
    assert latency.state == state


def test_ci_gets_the_same_verdict(measured: tuple[Finished, Path]) -> None:
    """``code reflex check`` derives it again from the report on disk, and exits by it."""
    finished, project = measured
    done = subprocess.run(
        [CODE, "reflex", "check", "--json", "--report", str(finished.json_path)],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    document = json.loads(done.stdout)
    gate = finished.report.gate
    assert document["gate"]["verdict"] == gate["verdict"]
    assert document["stored_verdict"] == gate["verdict"]
    # A part of the suite, held against a stand-in, is never good for a pass.
    assert done.returncode == document["exit_status"] != 0
    assert document["gate"]["criteria"] == gate["criteria"]
