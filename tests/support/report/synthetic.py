"""Reports made up of trials with planted results, and hostile text to put into them."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from core.harness.gate.criteria import GateThresholds
from core.harness.report import storage as reports
from core.harness.report.document import (
    ArmRecord,
    Environment,
    Report,
    RunSettings,
    SandboxRecord,
    SuiteRecord,
)
from core.patchloop.trial import Attempt, Candidate, FailureKind, Trial

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

REFLEX = "reflex"
ENDED = datetime(2026, 1, 12, 10, 30, 16, 50_000, tzinfo=UTC)
LIMITS = GateThresholds(
    p95_latency_ms=2000,
    success_parity_percent=85,
    json_schema_compliance_percent=100,
    confidence=0.95,
)
DIFF = "--- a/clock.py\n+++ b/clock.py\n@@ -1 +1 @@\n-HOURS = 12\n+HOURS = 24\n"

# Text that would be markup, a command, or an escape wherever it is not taken as text.
HOSTILE = (
    "<script>alert(1)</script>",
    "</summary></details><img src=x onerror=alert(1)>",
    "a|b || c \\| d \\\\| e",
    "`x` ``y`` ```z```",
    "`<b>` ``<i>`` `",
    "```\n# heading\n```",
    "[click](javascript:alert(1)) ![](http://evil.test/pixel.png) <http://evil.test>",
    "\x1b[31mred\x1b[0m \x9b2J \x07 \x00 \x7f \x85",
    "\u202egnp.exe\u202c \u2028 \u2029 \ufeff \ufffe",
    "::error::pwned\n::add-mask::x\n##[error]y",
    "]]><!-- --> &amp; &#60;b&#62; <![CDATA[",
    "- [ ] @everyone #1 $x$ **bold** __b__ ~~s~~",
    "\ud800 half a pair",
    "",
    "   ",
)


def attempt(ms: float = 100.0, failure: FailureKind | None = None, **values: Any) -> Attempt:
    """One call that took ``ms``; failed in that way, if in any."""
    base = Attempt(
        ttft_ms=ms / 4 if math.isfinite(ms) else None,
        latency_ms=ms,
        compliant=failure is not FailureKind.FORMAT if math.isfinite(ms) else None,
        failure=failure,
        prompt_tokens=800,
        completion_tokens=31,
        cached_tokens=700,
        lines_changed=2,
        lint_passed=True if failure is None else None,
    )
    return replace(base, **values)


def trial(task: str, arm: str, number: int = 0, *, solved: bool = True, ms: float = 100.0) -> Trial:
    """One go at a task: solved at once, or not in two attempts."""
    if solved:
        return Trial(task, arm, number, (attempt(ms),), solved=True, diff=DIFF)
    failed = attempt(ms, FailureKind.TEST, detail="assert 12 == 24")
    return Trial(task, arm, number, (failed, failed), solved=False)


def candidates(*passed_at: tuple[bool, float | None]) -> tuple[Candidate, ...]:
    """Replies asked for at once: whether each passed and when it came; None was cut off."""
    return tuple(
        Candidate(index, None if ms is None else True, passed, math.inf if ms is None else ms, 31)
        for index, (passed, ms) in enumerate(passed_at)
    )


def arm(name: str, **values: Any) -> ArmRecord:
    """An arm of that name."""
    reflex = name == "reflex"
    base = ArmRecord(
        name=name,
        backend=name,
        endpoint="http://127.0.0.1:3009/v1" if reflex else "https://api.openai.com/v1",
        model="qwen2.5-coder-7b-instruct" if reflex else "gpt-5-mini",
        label="SGLang 0.5" if reflex else "openai",
        server_identity="sglang 0.5.2" if reflex else "api.openai.com",
        price_input_per_million=None if reflex else 0.25,
        price_output_per_million=None if reflex else 2.0,
        timeout_ms=1500.0 if reflex else 60_000.0,
    )
    return base.model_copy(update=values)


def task_ids(count: int) -> list[str]:
    """As many task ids."""
    return [f"task-{number:03}" for number in range(count)]


def planted(
    tasks: int = 64, *, lost: int = 0, cloud_lost: int = 0, slow: int = 0, trials: int = 1
) -> list[Trial]:
    """Both arms at each task: reflex loses the first ones, cloud the last; ``slow`` are over 2 s.

    A slow reflex reply solves nothing, as it comes after its deadline.
    """
    made = []
    for index, task in enumerate(task_ids(tasks)):
        for number in range(trials):
            late = tasks - index <= slow
            ms = 2500.0 if late else 100.0 + index
            won = index >= lost and not late
            made.append(trial(task, "reflex", number, solved=won, ms=ms))
            made.append(
                trial(task, "cloud", number, solved=tasks - index > cloud_lost, ms=4000.0 + index)
            )
    return made


def suite(ids: Sequence[str], **values: Any) -> SuiteRecord:
    """A suite of those tasks."""
    base = SuiteRecord(
        name="reflex_patchloop_v1",
        version="1.0",
        hash="sha256:5a17e",
        root="reflex_patchloop_v1",
        tasks=len(ids),
        selected=tuple(ids),
        levels={task: 1 + index % 3 for index, task in enumerate(ids)},
    )
    return base.model_copy(update=values)


def run_settings(**values: Any) -> RunSettings:
    """How it was run."""
    base = RunSettings(
        attempts=3,
        trials=1,
        candidates=1,
        edit_format="auto",
        concurrency=1,
        seed=7,
        timeout_ms=1500.0,
        request_timeout_ms=4000.0,
    )
    return base.model_copy(update=values)


def environment(**values: Any) -> Environment:
    """Where it ran."""
    base = Environment(
        python="3.11.9",
        platform="Linux-6.8-x86_64",
        cpu="Example CPU @ 3.0 GHz",
        cpus=8,
        memory_mb=32_000,
        reflex_version="0.1.0",
        hostname_hash="sha256:ab12",
    )
    return base.model_copy(update=values)


def latency_calls(ids: Sequence[str], trials: int, number: int = 12) -> list[Trial]:
    """Calls of reflex for latency alone, as a run adds them where its tasks are too few."""
    if len(ids) < 50:
        return []
    return [replace(trial(ids[n], "reflex", trials), diff="", solved=False) for n in range(number)]


def made(trials: Iterable[Trial] | None = None, **values: Any) -> Report:
    """A report of those trials (default: an easy pass), everything else replaceable by name."""
    given = planted() if trials is None else list(trials)
    ids = sorted({one.task for one in given})
    most = 1 + max((one.trial for one in given), default=0)
    parts: dict[str, Any] = {
        "run_id": "run-1",
        "created_at": ENDED - timedelta(minutes=9),
        "finished_at": ENDED,
        "suite": suite(ids),
        "arms": {name: arm(name) for name in ("reflex", "cloud")},
        "settings": run_settings(trials=most),
        "thresholds": LIMITS,
        "prompt_hash": "sha256:9f0a",
        "schema_hash": "sha256:5c4e",
        "sandbox": SandboxRecord(tier="bubblewrap", escapes_held=25),
        "environment": environment(),
        "trials": given,
        "latency_calls": latency_calls(ids, most) if "reflex" in values.get("arms", REFLEX) else (),
        "capsule_head": "sha256:77aa",
    }
    return reports.build(**parts | values)
