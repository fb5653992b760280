"""``bakeoff`` runs one, with its progress on standard error; ``bakeoff merge`` joins its shards."""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
from typing import TYPE_CHECKING

from core.stages import EDIT_FORMATS
from reflex_tui.cli.kinds import count, from_one, path, shard

if TYPE_CHECKING:
    from core.harness.bakeoff.plan import Plan
    from core.harness.bakeoff.progress import Finished
    from core.harness.report.compare import Comparison
    from core.settings import Settings
    from reflex_tui.cli.parser import Actions, Commands

_INCONCLUSIVE = 3


def add(commands: Commands) -> None:
    """Declare the command and its action."""
    bakeoff = commands.add(
        "bakeoff",
        run,
        "bakeoff",
        "bakeoff --tasks 'c*' --candidates 4",
        "bakeoff --suite path/to/QuixBugs --trials 3",
        "bakeoff --resume",
        "bakeoff --reuse-cloud .speckit/eval/reflex-bakeoff-20260112T103016Z.json",
        "bakeoff --shard 1/2 --seed 7 --out shards",
        "bakeoff merge shards/*.json",
        "bakeoff --executor dask://127.0.0.1:8786",
        "bakeoff --aa",
    )
    add = bakeoff.add_argument
    add(
        "--suite",
        metavar="NAME|PATH",
        default="reflex_patchloop_v1",
        help="a built-in suite, or the path of one (default: %(default)s)",
    )
    add(
        "--arms",
        metavar="A,B",
        default="reflex,cloud",
        help="candidate and baseline (default: %(default)s)",
    )
    add("--tasks", metavar="GLOB", default="*", help="only tasks whose id matches")
    add("--trials", type=from_one, default=1, metavar="N", help="trials per task (default: 1)")
    add(
        "--attempts",
        type=from_one,
        metavar="N",
        help="attempts per trial (default: the suite's)",
    )
    add(
        "--candidates",
        type=from_one,
        metavar="N",
        help="parallel replies per local call (default: candidates of [reflex])",
    )
    add(
        "--edit-format",
        choices=EDIT_FORMATS,
        help="format of the edits (default: edit_format of [reflex], else the suite's)",
    )
    add(
        "--concurrency",
        type=from_one,
        default=1,
        metavar="N",
        help="trials run in parallel; they share the servers, so latencies rise (default: 1)",
    )
    add(
        "--executor",
        metavar="URL",
        help="run the trials on the workers of the Dask scheduler at dask://HOST:PORT, "
        "--concurrency in parallel on each (default: in this process)",
    )
    add(
        "--seed",
        type=count,
        metavar="N",
        help="of the random order (default: random, and recorded)",
    )
    add("--shard", type=shard, metavar="I/N", help="only the Ith of N parts of the tasks")
    add(
        "--reuse-cloud",
        type=path,
        metavar="REPORT",
        help="take the cloud's trials from this report instead of paying again; the new report "
        "is marked",
    )
    add(
        "--latency-calls",
        type=count,
        metavar="N",
        help="calls of reflex alone, up to N first calls in all, when the tasks are too few to "
        "judge its latency; 0: none (default: what a good server needs)",
    )
    add(
        "--no-early-stop",
        action="store_true",
        help="run all tasks, for complete figures, even when an earlier look has decided; a pass "
        "stays a pass",
    )
    add(
        "--baseline",
        type=path,
        metavar="REPORT",
        help="an earlier report of the same suite: fail on a significant regression",
    )
    add("--junit", type=path, metavar="FILE", help="write the reflex arm's trials as JUnit XML")
    add("--resume", action="store_true", help="resume the last interrupted run")
    add("--aa", action="store_true", help="A/A test: the cloud twice, for the false-alarm rate")
    add("--out", type=path, metavar="DIR", help="directory for reports (default: .speckit/eval)")
    add(
        "--allow-unsandboxed",
        action="store_true",
        help="run model-written code without a sandbox; the report is marked and cannot enable "
        "reflex",
    )
    _add_merge(commands.actions(bakeoff))


def _add_merge(actions: Actions) -> None:
    merge = actions.add(
        "merge",
        run_merge,
        "join the reports of a run's shards; latency is not judged across different hardware",
        "bakeoff merge shards/*.json",
        "bakeoff merge --out .speckit/eval shard-1.json shard-2.json",
        "bakeoff merge shards/*.json --json | jq -r .gate.verdict",
    )
    merge.add_argument(
        "reports", nargs="+", type=path, metavar="REPORT", help="the shards' JSON reports"
    )
    merge.add_argument(
        "--out",
        type=path,
        metavar="DIR",
        default=argparse.SUPPRESS,
        help="directory for the report (default: .speckit/eval)",
    )


def run(arguments: argparse.Namespace) -> int:
    """0 pass, 1 fail, 3 inconclusive, 130 interrupted."""
    import asyncio

    from core.harness.report.compare import compare
    from core.harness.report.junit import write_junit
    from core.harness.report.storage import read
    from core.settings import load_settings
    from reflex_tui.cli.output import print_json, warn
    from reflex_tui.cli.verdict_lines import bakeoff_document, bakeoff_lines

    settings = load_settings(arguments.config)
    warn(settings.warning)
    plan = _plan(arguments)
    # Read before anything is run: an hour's work should not end in a wrong file name.
    baseline = read(arguments.baseline) if arguments.baseline else None
    try:
        finished = asyncio.run(_to_the_end(settings, plan))
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
    comparison = compare(finished.report, baseline) if baseline else None
    if arguments.junit:
        write_junit(finished.report, arguments.junit)
    if arguments.json:
        print_json(bakeoff_document(finished, comparison))
    else:
        print("\n".join(bakeoff_lines(finished, comparison)))
    return _status(finished, comparison)


def _plan(arguments: argparse.Namespace) -> Plan:
    from core.harness.bakeoff.plan import Plan
    from core.patchloop.formats import EditFormat

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
        early_stop=not arguments.no_early_stop,
        latency_calls=arguments.latency_calls,
    )


async def _to_the_end(settings: Settings, plan: Plan) -> Finished:
    """The run to its end; the first Ctrl-C stops it in order, the second at once."""
    import asyncio

    from core.clock import SystemClock
    from core.harness.bakeoff.progress import Finished as Ended
    from core.harness.bakeoff.run import run_bakeoff
    from core.plain import plain
    from reflex_tui.cli.output import shown
    from reflex_tui.cli.progress_line import progress_on

    stop = asyncio.Event()
    show = progress_on(sys.stderr, SystemClock())
    loop = asyncio.get_running_loop()

    this = asyncio.current_task()
    assert this is not None

    def interrupt() -> None:
        if stop.is_set():
            this.cancel()
            return
        stop.set()
        show.say("stopping; finished trials are kept …")

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupt)
    finished: Finished | None = None
    try:
        async with contextlib.aclosing(run_bakeoff(settings, plan, stop=stop)) as events:
            async for event in events:
                show.event(event)
                if isinstance(event, Ended):
                    finished = event
    except BaseException:
        if finished:
            show.say(f"finished trials are in {plain(shown(finished.md_path))}; --resume continues")
        raise
    finally:
        show.end()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
    if finished is None:
        raise KeyboardInterrupt  # before the first trial
    return finished


def _status(finished: Finished, comparison: Comparison | None) -> int:
    from core.harness.bakeoff.run import INTERRUPTED
    from core.harness.report.derived import EXIT_STATUS
    from core.harness.report.storage import rederive
    from reflex_tui.cli.main import INTERRUPTED as INTERRUPTED_STATUS

    if finished.stopped:
        return INTERRUPTED_STATUS if finished.stopped == INTERRUPTED else _INCONCLUSIVE
    if finished.false_alarms:
        return 0
    status = EXIT_STATUS[rederive(finished.report).verdict]
    return 1 if comparison and comparison.regressed else status


def run_merge(arguments: argparse.Namespace) -> int:
    """Merge ``arguments.reports`` into ``arguments.out`` (default ``.speckit/eval``).

    0 pass, 1 fail, 3 inconclusive; a report that lacks shards is 3 whatever it says. The result
    cannot enable reflex: this machine did not see what others ran.
    """
    from core.harness.report.derived import EXIT_STATUS
    from core.harness.report.merge import merge
    from core.harness.report.storage import read, rederive, write
    from core.plain import plain
    from core.settings import load_settings
    from reflex_tui.cli.output import print_json
    from reflex_tui.cli.verdict_lines import about, gate_lines, marked

    out = arguments.out or load_settings(arguments.config).state_dir / "eval"
    report = merge([read(path) for path in arguments.reports])
    path, page, sha256 = write(report, out)
    gate = rederive(report)
    if arguments.json:
        document = {
            "report": str(path),
            "markdown": str(page),
            "sha256": f"sha256:{sha256}",
            "stamps": list(report.stamps),
            "gate": gate.as_json(),
        }
        print_json(document)
    else:
        print(marked(gate.verdict, gate.summary))
        print(f"{about(report)}\n{plain(path)}\n")
        print("\n".join(gate_lines(gate)))
        if gate.decides:
            print(f"\nneeded for a verdict: {gate.decides}")
    status = EXIT_STATUS[gate.verdict]
    return _INCONCLUSIVE if report.partial and status == 0 else status
