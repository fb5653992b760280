"""``bakeoff``: runs one with its progress on stderr, and says what came of it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.harness.bakeoff.plan import Plan
from core.harness.bakeoff.progress import Finished
from core.harness.bakeoff.run import INTERRUPTED, run_bakeoff
from core.harness.gate.criteria import Verdict
from core.harness.report.compare import Comparison, compare
from core.harness.report.files import read, rederive
from core.harness.report.junit import write_junit
from core.harness.report.summary import summaries
from core.harness.report.verdict import EXIT_STATUS
from core.patchloop.formats import EditFormat
from core.plain import plain
from core.settings import load_settings
from reflex_tui.cli.main import INTERRUPTED as INTERRUPTED_STATUS
from reflex_tui.cli.output import about, gate_lines, marked, print_json, warn
from reflex_tui.cli.progress import progress_on

if TYPE_CHECKING:
    import argparse

    from core.harness.report.model import Report
    from core.settings import Settings

_INCONCLUSIVE = 3


def bakeoff(arguments: argparse.Namespace) -> int:
    """0 pass, 1 fail, 3 inconclusive, 130 interrupted."""
    settings = load_settings(arguments.config)
    warn(settings.warning)
    plan = _plan(arguments)
    # Read before anything is run: an hour's work should not end in a wrong file name.
    baseline = read(arguments.baseline) if arguments.baseline else None
    try:
        finished = asyncio.run(_run(settings, plan))
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
    comparison = compare(finished.report, baseline) if baseline else None
    if arguments.junit:
        write_junit(finished.report, arguments.junit)
    if arguments.json:
        print_json(_document(finished, comparison))
    else:
        print("\n".join(_lines(finished, comparison)))
    return _status(finished, comparison)


def _plan(arguments: argparse.Namespace) -> Plan:
    return Plan(
        suite=arguments.suite,
        arms=tuple(name.strip() for name in arguments.arms.split(",")),
        trials=arguments.trials,
        tasks=arguments.tasks,
        attempts=arguments.attempts,
        candidates=arguments.candidates,
        edit_format=EditFormat(arguments.edit_format) if arguments.edit_format else None,
        concurrency=arguments.concurrency,
        executor=arguments.executor,
        seed=arguments.seed,
        shard=arguments.shard,
        reuse_cloud=arguments.reuse_cloud,
        out=arguments.out,
        allow_unsandboxed=arguments.allow_unsandboxed,
        aa=arguments.aa,
        resume=arguments.resume,
    )


async def _run(settings: Settings, plan: Plan) -> Finished:
    """The run to its end; the first Ctrl-C ends it in order, the second at once."""
    stop = asyncio.Event()
    show = progress_on(sys.stderr)
    loop = asyncio.get_running_loop()

    this = asyncio.current_task()
    assert this is not None

    def interrupt() -> None:
        if stop.is_set():
            this.cancel()
            return
        stop.set()
        show.say("stopping; what is done is kept …")

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupt)
    finished: Finished | None = None
    try:
        async with contextlib.aclosing(run_bakeoff(settings, plan, stop=stop)) as events:
            async for event in events:
                show.event(event)
                if isinstance(event, Finished):
                    finished = event
    except BaseException:
        if finished:
            show.say(f"what was done lies in {plain(_shown(finished.md_path))}; --resume goes on")
        raise
    finally:
        show.end()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
    if finished is None:
        raise KeyboardInterrupt  # before the first trial
    return finished


def _status(finished: Finished, comparison: Comparison | None) -> int:
    if finished.stopped:
        return INTERRUPTED_STATUS if finished.stopped == INTERRUPTED else _INCONCLUSIVE
    if finished.false_alarms:
        return 0
    status = EXIT_STATUS[rederive(finished.report).verdict]
    return 1 if comparison and comparison.regressed else status


def _lines(finished: Finished, comparison: Comparison | None) -> list[str]:
    """Verdict first, the gate, what follows from it, and where the report lies."""
    report = finished.report
    gate = rederive(report)
    if finished.stopped:
        headline = marked(Verdict.INCONCLUSIVE, f"partial: {finished.stopped}")
    else:
        headline = marked(gate.verdict, gate.summary)
    lines = [headline, about(report), "", *gate_lines(gate), ""]
    if gate.decides and not finished.stopped:
        lines.append(f"needed for a verdict: {gate.decides}")
    if comparison:
        worse = [f"significant regression: {plain(one, 400)}" for one in comparison.reasons]
        lines += worse or ["no significant regression against the baseline"]
    lines += [*_alarms(finished), *_next(finished, gate.verdict)]
    return [*lines, f"report: {plain(_shown(finished.md_path))} and .json"]


def _alarms(finished: Finished) -> list[str]:
    if finished.false_alarms is None:
        return []
    alarms = finished.false_alarms
    failed, undecided = 100 * alarms.failed, 100 * alarms.inconclusive
    line = (
        f"false alarms, over {alarms.rounds} re-deals of these {alarms.tasks} tasks: of two equal "
        f"arms one fails parity {failed:.1f} % of the time, {undecided:.1f} % stay undecided"
    )
    return [line]


def _next(finished: Finished, verdict: Verdict) -> list[str]:
    if finished.stopped == INTERRUPTED:
        return ["go on with: code reflex bakeoff --resume, and the same options"]
    if not finished.recorded:
        return [f"promotes nothing: {finished.unrecorded}"]
    if verdict is not Verdict.PASS:
        return []
    stamps = set(finished.report.stamps)
    if "unsandboxed" in stamps or ("scripted" in stamps and "demo" not in stamps):
        return ["promotes nothing: stamped, see the report"]
    return ["reflex has earned Implement calls; switch it on with: code reflex enable"]


def _document(finished: Finished, comparison: Comparison | None) -> dict[str, Any]:
    report: Report = finished.report
    return {
        "verdict": report.gate["verdict"],
        "gate": report.gate,
        "partial": report.partial,
        "stopped": finished.stopped or None,
        "stamps": list(report.stamps),
        "report": str(finished.json_path),
        "markdown": str(finished.md_path),
        "sha256": f"sha256:{finished.sha256}",
        "gate_decision": {"recorded": finished.recorded, "reason": finished.unrecorded or None},
        "arms": {name: one.as_json() for name, one in summaries(report).items()},
        "false_alarms": finished.false_alarms
        and {
            "tasks": finished.false_alarms.tasks,
            "rounds": finished.false_alarms.rounds,
            "failed": finished.false_alarms.failed,
            "inconclusive": finished.false_alarms.inconclusive,
        },
        "baseline": comparison and comparison.as_json(),
    }


def _shown(path: Path) -> Path:
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
