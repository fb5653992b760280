"""bakeoff and check: whether a local model has earned its place."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from reflex_tui.cli.arguments.kinds import count, from_one, path, shard

if TYPE_CHECKING:
    from reflex_tui.cli.parser import Commands


def add(commands: Commands) -> None:
    """Add this family's commands."""
    _add_bakeoff(commands)
    _add_check(commands)


def _add_bakeoff(commands: Commands) -> None:
    bakeoff = commands.add(
        "bakeoff",
        "bakeoff:bakeoff",
        "run repair tasks with reflex and cloud, and judge whether reflex has earned its place",
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
        help="a suite of the package, or the path of one (default: %(default)s)",
    )
    add(
        "--arms",
        metavar="A,B",
        default="reflex,cloud",
        help="the backend on trial, and the one it is held against (default: %(default)s)",
    )
    add("--tasks", metavar="GLOB", default="*", help="only tasks whose id matches")
    add("--trials", type=from_one, default=1, metavar="N", help="goes at each task (default 1)")
    add("--attempts", type=from_one, metavar="N", help="attempts a go (default: the suite's)")
    add(
        "--candidates",
        type=from_one,
        metavar="N",
        help="replies asked of a local arm at once (default: that of [reflex])",
    )
    add(
        "--edit-format",
        choices=["auto", "code", "whole_file", "search_replace", "line_range", "fence"],
        help="how edits are written (default: the suite's)",
    )
    add(
        "--concurrency",
        type=from_one,
        default=1,
        metavar="N",
        help="goes under way at once; they share the servers, so latencies rise (default 1)",
    )
    add(
        "--executor",
        metavar="URL",
        help="let the workers of the Dask scheduler at dask://HOST:PORT make the trials, each "
        "--concurrency at once (default: this process)",
    )
    add("--seed", type=count, metavar="N", help="of the random order (default: random, recorded)")
    add("--shard", type=shard, metavar="I/N", help="only the Ith of N parts of the tasks")
    add(
        "--reuse-cloud",
        type=path,
        metavar="REPORT",
        help="take the cloud's trials from this report instead of paying again; it is stamped",
    )
    add("--baseline", type=path, metavar="REPORT", help="fail on what is worse beyond noise")
    add("--junit", type=path, metavar="FILE", help="write the reflex arm's trials as JUnit XML")
    add("--resume", action="store_true", help="go on with the run that was stopped last")
    add("--aa", action="store_true", help="the cloud against itself: how often the gate errs")
    add("--out", type=path, metavar="DIR", help="where reports go (default: .speckit/eval)")
    add(
        "--allow-unsandboxed",
        action="store_true",
        help="run model-written code even where no sandbox holds; it is stamped, never promotes",
    )
    _add_merge(commands.actions(bakeoff))


def _add_merge(actions: Commands) -> None:
    merge = actions.add(
        "merge",
        "merge:merge_command",
        "make one report of a run's shards; latency is not judged across different hardware",
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
        help="where the report goes (default: .speckit/eval)",
    )


def _add_check(commands: Commands) -> None:
    check = commands.add(
        "check",
        "check:check_report",
        "derive the gate's verdict from a report's trials: 0 pass, 1 fail, 3 inconclusive",
        "check",
        "check --report .speckit/eval/reflex-bakeoff-20260112T103016Z.json",
        "check --baseline main.json --junit reflex.xml",
        "check --json | jq -r .headline",
    )
    check.add_argument(
        "--report",
        type=path,
        metavar="PATH",
        help="the JSON report (default: the newest whole one of .speckit/eval)",
    )
    check.add_argument(
        "--baseline",
        type=path,
        metavar="REPORT",
        help="an earlier report of the same suite: fail on what is worse beyond noise",
    )
    check.add_argument(
        "--junit", type=path, metavar="FILE", help="write the reflex arm's trials as JUnit XML"
    )
