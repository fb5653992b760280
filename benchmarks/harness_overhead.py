"""What the harness itself costs an attempt: all but the model, the tests and the linter.

Runs a bakeoff of two stand-ins one trial at a time. From the wall time between two journal entries
it takes the exchanges with the model (from before the request is sent to after the last byte, as
the system may let the stand-in compute before ``send`` returns) and what the checks took.
The rest is prompt, schema, evidence, validation, edits, compiling, journal and verdict. Medians,
as on a busy machine every wait for another process has a long tail.

    python benchmarks/harness_overhead.py [TASKS-GLOB]
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from core.client import structured
from core.client.attempt import Attempt
from core.engine.scripted import start_scripted
from core.harness import Plan, run_bakeoff
from core.harness.bakeoff import checker
from core.harness.bakeoff import trials as running
from core.harness.bakeoff.journal import Journal
from core.harness.bakeoff.plan import DEFAULT_SUITE
from core.harness.patchloop import candidate
from core.harness.patchloop import loop as patchloop
from core.router.evidence import Evidence
from core.settings import load_settings

if TYPE_CHECKING:
    from core.harness.gate.trial import Trial

OUTSIDE = ("model", "tests, before", "tests and lint, after")
LIMIT_MS = 5.0
# As a model streams: reading a reply overlaps with waiting for its next token.
PACE = {"ttft_ms": 30.0, "tokens_per_s": 1000.0}
took_ms: defaultdict[str, list[float]] = defaultdict(list)


def timed(name: str, holder: Any, attribute: str) -> None:
    """Have ``holder.attribute`` record under ``name`` what each call takes."""
    function = getattr(holder, attribute)

    @functools.wraps(function)
    async def later(*arguments: Any, **options: Any) -> Any:
        since = time.perf_counter()
        try:
            return await function(*arguments, **options)
        finally:
            took_ms[name].append(1000 * (time.perf_counter() - since))

    @functools.wraps(function)
    def now(*arguments: Any, **options: Any) -> Any:
        since = time.perf_counter()
        try:
            return function(*arguments, **options)
        finally:
            took_ms[name].append(1000 * (time.perf_counter() - since))

    setattr(holder, attribute, later if inspect.iscoroutinefunction(function) else now)


def instrument() -> None:
    """Time the parts."""
    timed("tests, before", checker.Checks, "of")
    timed("tests and lint, after", checker.TaskCheck, "__call__")
    timed("prompt", patchloop, "opening")
    timed("apply and diff", candidate, "apply")
    timed("compile", candidate, "compile_problem")
    timed("decision on disk", Evidence, "decided")
    timed("call on disk", Evidence, "called")
    timed("model", Attempt, "run")
    timed("validation", structured, "parse")
    timed("journal", Journal, "add")
    timed("verdict so far", running, "verdict_over")


class Overheads:
    """The harness's own time in each trial, per attempt: told at each journal entry."""

    def __init__(self) -> None:
        self.own_ms: list[float] = []
        self._since = time.perf_counter()
        self._outside_ms = 0.0

    def trial_ended(self, trial: Trial) -> None:
        """A trial was journalled: what went by since the one before."""
        now, outside_ms = time.perf_counter(), sum(sum(took_ms[name]) for name in OUTSIDE)
        own_ms = 1000 * (now - self._since) - (outside_ms - self._outside_ms)
        self.own_ms.append(own_ms / len(trial.attempts))
        self._since, self._outside_ms = now, outside_ms


async def measure(tasks: str) -> None:
    """Run the bakeoff and print the table."""
    overheads = Overheads()
    add = Journal.add

    def add_and_tell(journal: Journal, trial: Trial) -> None:
        add(journal, trial)
        overheads.trial_ended(trial)

    Journal.add = add_and_tell  # type: ignore[method-assign]
    instrument()
    with (
        tempfile.TemporaryDirectory() as directory,
        start_scripted(suite=DEFAULT_SUITE, **PACE, model="a") as reflex,
        start_scripted(suite=DEFAULT_SUITE, **PACE, model="b") as cloud,
    ):
        config = Path(directory) / "stage0.toml"
        config.write_text(
            f'[reflex]\nendpoint = "{reflex.endpoint}"\nmodel = "a"\n'
            f'[cloud]\nendpoint = "{cloud.endpoint}"\nmodel = "b"\n'
        )
        async for _ in run_bakeoff(load_settings(config), Plan(tasks=tasks, seed=1)):
            pass
    print(f"{len(overheads.own_ms)} trials; medians in ms\n")
    for name, samples in took_ms.items():
        print(f"{name:<30}{median(samples):8.2f}  ({len(samples)} times)")
    # The first trial began before the run did.
    own_ms = median(overheads.own_ms[1:])
    print(f"\n{'the harness itself, an attempt':<30}{own_ms:8.2f}  (wanted: under {LIMIT_MS:g})")


if __name__ == "__main__":
    asyncio.run(measure(sys.argv[1] if len(sys.argv) > 1 else "*"))
