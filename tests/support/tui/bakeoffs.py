"""What the tests of the bakeoff pane share: a dashboard over real servers, and made-up runs."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from core.clock import SystemClock
from core.harness.bakeoff.progress import AttemptEnded, Started, TrialEnded, TrialStarted
from core.harness.gate.judge import judge
from core.harness.report.document import SandboxRecord
from core.patchloop.trial import FailureKind, Trial
from reflex_tui.app import ReflexApp
from tests.support.patience import PATIENCE_S
from tests.support.report import synthetic
from tests.support.report.synthetic import LIMITS
from tests.support.tui.bench import Bench
from tests.support.tui.making import ENDPOINT, LOCAL, NOW, REMOTE, StillClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from core.harness.bakeoff.progress import Progress
    from core.harness.report.document import ArmRecord, Report
    from core.patchloop.trial import Attempt
    from core.settings import Settings

DIFF = (
    "--- a/calc.py\n+++ b/calc.py\n@@ -1,2 +1,2 @@\n def add(a, b):\n"
    "-    return a - b\n+    return a + b\n"
)
NAMES = [
    "price-at-time",
    "thermostat-limits",
    "column-letters",
    "mail-placeholders",
    "build-order",
    "branch-name",
    "served-files",
    "redo-after-edit",
    "paged-results",
    "ticket-age",
    "model-mixins",
    "compact-numbers",
]


@asynccontextmanager
async def running(
    configured: Settings, *, size: tuple[int, int] = (120, 40)
) -> AsyncIterator[Bench]:
    """A dashboard on the bakeoff pane, by the machine's own clock; it sees what it is told."""
    app = ReflexApp(configured, clock=SystemClock(), watch=False)
    app.animation_level = "none"
    async with app.run_test(size=size, notifications=True) as pilot:
        while not app.dashboard.is_whole:
            await pilot.pause()
        bench = Bench(app, pilot, StillClock())  # which the app does not look at
        await bench.press("3")
        yield bench


async def until(bench: Bench, holds: Callable[[], bool]) -> None:
    """Let the dashboard work until it holds."""
    async with asyncio.timeout(PATIENCE_S):
        while not holds():
            assert bench.app.is_running, "the dashboard is gone"
            await asyncio.sleep(0.02)  # the pilot's pause asks every widget, at each turn
    await bench.pilot.pause()


def attempt(latency_ms: float, failure: FailureKind | None = None, **fields: Any) -> Attempt:
    """One attempt, good unless it says otherwise."""
    given = {"compliant": True, "prompt_tokens": 900, "completion_tokens": 60}
    return synthetic.attempt(latency_ms, failure, **{**given, "cached_tokens": None, **fields})


def trial(task: str, arm: str, number: int, *, tries: int = 1, solved: bool = True) -> Trial:
    """A trial whose latencies follow from ``number``, always the same."""
    base = (180.0 if arm == "reflex" else 900.0) * (1 + (number * 37 % 11) / 8)
    failed = [
        attempt(base, FailureKind.TEST, detail=f"test_{task}: 3 != 4\n[bold]not markup[/]")
        for _ in range(tries - 1 if solved else tries)
    ]
    good = [attempt(base * 1.1)] if solved else []
    return Trial(task, arm, 0, (*failed, *good), solved, DIFF if solved else "")


def trials(count: int, *, lost: Sequence[int] = (), later: Sequence[int] = ()) -> list[Trial]:
    """Both arms' trials of so many tasks; reflex does not solve ``lost``, the cloud not the 2nd."""
    made = []
    for number in range(count):
        task = name_of(number)
        tries = 2 if number in later else 3 if number in lost else 1
        made += [
            trial(task, "reflex", number, tries=tries, solved=number not in lost),
            trial(task, "cloud", number, tries=3 if number == 1 else 1, solved=number != 1),
        ]
    return made


def name_of(number: int) -> str:
    """The name of a task."""
    return NAMES[number] if number < len(NAMES) else f"task-{number:03}"


def events(
    of: int, done: Sequence[Trial], *, kept: int = 0, arms: Any = None, **started: Any
) -> list[Progress]:
    """A run of ``of`` tasks as far as ``done``, the first ``kept`` from before; one more begun."""
    arms = arms or ("reflex", "cloud")
    names = tuple(name_of(number) for number in range(of))
    told: list[Progress] = [
        Started(
            "run-1",
            "reflex_patchloop_v1",
            names,
            arms,
            1,
            1,
            2 * of,
            kept,
            tuple(done[:kept]),
            **started,
        )
    ]
    for number, one in enumerate(done[kept:], kept + 1):
        told.append(TrialStarted(one.task, one.arm, 0))
        told += [AttemptEnded(one.task, one.arm, 0, each) for each in one.attempts]
        gate = judge(
            done[:number], reflex="reflex", cloud="cloud", thresholds=LIMITS, timeout_ms=1500
        )
        told.append(TrialEnded(one, number, 2 * of, gate if one.arm == "cloud" else None))
    waiting = len({one.task for one in done})
    if waiting < of:
        told.append(TrialStarted(name_of(waiting), "reflex", 0))
    return told


def report(done: Sequence[Trial], *, stamps: Sequence[str] = (), minutes: int = 0) -> Report:
    """A report over these trials, made ``minutes`` before now."""
    end = NOW - timedelta(minutes=minutes)
    names = tuple(dict.fromkeys(one.task for one in done))
    return synthetic.made(
        done,
        created_at=end - timedelta(seconds=2 * len(done)),
        finished_at=end,
        suite=synthetic.suite(names, version="1", hash="sha256:" + "ab" * 32),
        arms={
            "reflex": arm("reflex", model=LOCAL, endpoint=ENDPOINT, label="SGLang 0.5.23"),
            "cloud": arm("cloud", model=REMOTE, label="OpenAI-compatible"),
        },
        settings=synthetic.run_settings(seed=1),
        prompt_hash="sha256:" + "cd" * 32,
        schema_hash="sha256:" + "ef" * 32,
        sandbox=SandboxRecord(tier="namespaces", escapes_held=38),
        environment=synthetic.environment(
            python="3.11",
            platform="Linux",
            cpu="a processor",
            cpus=2,
            memory_mb=4096,
            hostname_hash="h",
        ),
        capsule_head="",
        stamps=stamps,
    )


def arm(name: str, **values: Any) -> ArmRecord:
    """An arm on an engine of no known version, with reflex's deadline."""
    return synthetic.arm(name, server_identity="engine", timeout_ms=1500.0, **values)
