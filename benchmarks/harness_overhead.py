"""What the harness itself costs an attempt: all but the model, the tests and the linter.

Runs a bakeoff of two stand-ins one trial at a time. From the wall time between two journal entries
it takes what is not the harness's own:

- the exchanges with the model, from before the request is sent to after the last byte, as the
  system may let the stand-in compute before ``send`` returns;
- the tests before and after: laying out the files, starting the sandbox, the tests, reading their
  verdict, and the linter's process.

What is left counts, waits included: prompt, schema, the decision's way to the disk, validation,
edits, compiling, journal, verdict so far, and the event loop between them. The record of the call
(``call on disk``) is written while the tests run, so it is shown but takes none of an attempt's
time, unless it outlasts them. Medians, as on a busy machine every wait for a disk or another
process has a long tail; on one with other work none of this says anything but "at most".

    python benchmarks/harness_overhead.py [--quick]
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any

from engines import engine
from processes import drivers
from table import Curve, Given, Result, Row, main, number

from core.client import schema as structured
from core.client.request import Exchange
from core.harness import Plan, run_bakeoff
from core.harness.bakeoff import checker
from core.harness.bakeoff import run as running
from core.harness.bakeoff.journal import Journal
from core.harness.bakeoff.plan import DEFAULT_SUITE
from core.patchloop import attempt as candidate
from core.patchloop import questions
from core.router.attempts import Attempts
from core.router.evidence import Evidence
from core.settings import load_settings
from core.standin.scripted_server import start_scripted

if TYPE_CHECKING:
    from core.engine.process import ServerProcess
    from core.harness.report.document import Environment
    from core.patchloop.trial import Trial

OUTSIDE = ("model", "tests, before", "tests and lint, after")
LIMIT_MS = 5.0
# As a model streams: reading a reply overlaps with waiting for its next token.
PACE: dict[str, Any] = {"ttft_ms": 30.0, "tokens_per_s": 1000.0}
AT_ONCE = 64
MOST_MB = 80
LONG = structured.response_format(
    "reply", {"type": "string", "enum": ["the first line is wrong, " * 4]}
)
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
    timed("prompt", questions, "opening")
    timed("apply and diff", candidate, "apply")
    timed("compile", candidate, "compile_problem")
    timed("decision on disk", Evidence, "record_decision")
    timed("call's record made", Evidence, "begin_call_record")
    timed("call's record on disk", Attempts, "recorded")
    timed("model", Exchange, "run")
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


overheads = Overheads()


def measure(given: Given) -> Result:
    """Own time per attempt, memory at 64 at once, and the engine's pace beside a bare client's."""
    result = Result("harness_overhead")
    asyncio.run(_run(Plan(tasks="b*" if given.quick else "*", seed=1)))
    # The first trial began before the run did.
    own_ms = median(overheads.own_ms[1:])
    parts = [(name, number(median(ms)), str(len(ms))) for name, ms in took_ms.items()]
    result.curves.append(Curve("Where an attempt's time goes", ("part", "ms", "times"), parts))
    result.rows += [
        Row(
            "harness: own overhead, an attempt",
            "ms",
            own_ms,
            f"≤ {LIMIT_MS:g} ms",
            own_ms <= LIMIT_MS,
            ratio=f"{len(overheads.own_ms)} trials",
        ),
        memory_row(),
    ]
    with engine() as server:
        if server:
            result.rows.append(pace_row(given, server))
    return result


def memory_row() -> Row:
    """The most memory of a process that runs a bakeoff with 64 trials at once."""
    told = subprocess.run(
        [sys.executable, __file__, "--memory"], check=True, capture_output=True, text=True
    )
    megabytes = float(told.stdout)
    return Row(
        f"harness: memory at {AT_ONCE} at once",
        "MB",
        megabytes,
        f"≤ {MOST_MB} MB",
        megabytes <= MOST_MB,
    )


def pace_row(given: Given, server: ServerProcess) -> Row:
    """Replies a second that the engine makes for our client and for a bare one, taking turns.

    Each comes first as often as the other, and the two of a turn are compared with each other, as
    other work comes and goes. What our client could take from the engine at most is the CPU time
    that it uses beyond the bare one's.
    """
    rates: dict[str, list[float]] = {"bare asyncio": [], "reflex": []}
    cpu_s = dict.fromkeys(rates, 0.0)
    wall_s = 0.0
    calls = given.times(2, 4)
    with drivers(given, tuple(rates), server.endpoint, server.model) as clients:
        for turn in range(given.times(12, 40) + 1):
            for name in sorted(clients, reverse=bool(turn % 2)):
                told = clients[name].run(2, calls=calls, extra={"response_format": LONG})
                assert not told["failures"], told["failures"]
                if turn:  # the first fills the prefix cache
                    rates[name].append(calls / told["wall_s"])
                    cpu_s[name] += told["cpu_s"]
                    wall_s += told["wall_s"] if name == "reflex" else 0.0
    ours, bare = median(rates["reflex"]), median(rates["bare asyncio"])
    turns = zip(rates["reflex"], rates["bare asyncio"], strict=True)
    low, ratio, high = quantiles([mine / theirs for mine, theirs in turns], n=4)
    more = (cpu_s["reflex"] - cpu_s["bare asyncio"]) / wall_s
    return Row(
        "harness: the engine's replies a second",
        "/s",
        ours,
        "≥ 0.97 × with a bare client",
        ratio >= 0.97,
        floor=("bare asyncio", bare),
        ratio=f"{number(ratio)} × bare in the same turn (half of the turns {number(low)} to"
        f" {number(high)}); {100 * more:.1f} % of a core more",
    )


async def _run(plan: Plan) -> None:
    add = Journal.add

    def add_and_tell(
        journal: Journal, trial: Trial, machine: Environment, *, first_call: bool = False
    ) -> None:
        add(journal, trial, machine, first_call=first_call)
        overheads.trial_ended(trial)

    Journal.add = add_and_tell  # type: ignore[assignment, method-assign]
    instrument()
    await bakeoff(plan)


async def bakeoff(plan: Plan) -> None:
    """A bakeoff of two stand-ins."""
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
        async for _ in run_bakeoff(load_settings(config), plan):
            pass


def most_memory_mb() -> float:
    """Of this process since it began."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (2**20 if sys.platform == "darwin" else 2**10)


if __name__ == "__main__":
    if sys.argv[1:] == ["--memory"]:
        asyncio.run(bakeoff(Plan(tasks="[a-i]*", seed=1, concurrency=AT_ONCE)))
        print(most_memory_mb())
    else:
        main(measure)
