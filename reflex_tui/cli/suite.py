"""``suite``: makes a suite from the project's own code, lists suites, shows one, checks one."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from typing import TYPE_CHECKING

from core.errors import ConfigError, SuiteError
from core.figures import plural
from core.plain import plain
from reflex_tui.cli.kinds import from_one, path, positive, words
from reflex_tui.cli.output import coloured, columns, print_json, shown, warn

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from core.harness.mining.making import MadeSuite, MakingTally, SuiteWish
    from core.harness.sandbox import Sandbox
    from core.harness.suites.tasks import Suite
    from core.settings import Settings
    from reflex_tui.cli.parser import Actions, Commands

_DEFAULT_TASKS, _DEFAULT_TIME_S = 40, 600.0
_MOST_AT_ONCE = 4
_DAY = 86_400
_MOST_ROWS = 12  # of reasons: a project's own words are among them


def add(commands: Commands) -> None:
    """Declare the command and its actions."""
    suite = commands.add(
        "suite",
        run_list,
        "suite make",
        "suite list",
        "suite show mine",
        "suite check mine --with reflex-bakeoff-20260112T103016Z.json",
    )
    actions = commands.actions(suite)
    _add_make(actions)
    actions.add("list", run_list, "list the package's suites and this project's own", "suite list")
    show = actions.add("show", run_show, "show a suite's tasks", "suite show reflex_patchloop_v1")
    check = actions.add(
        "check",
        run_check,
        "run each task's tests on the broken state, the solution and the control",
        "suite check mine",
        "suite check mine --with reflex-bakeoff-20260112T103016Z.json",
    )
    for action in (show, check):
        action.add_argument("suite", type=words, metavar="NAME|PATH", help="which suite")
    check.add_argument("--tasks", metavar="GLOB", default="*", help="only tasks whose id matches")
    check.add_argument(
        "--with",
        dest="report",
        type=path,
        metavar="REPORT",
        help="do not run anything: show how this report's trials fell, and whether the suite tells "
        "models apart",
    )
    _add_bind(check)


def _add_bind(action: argparse.ArgumentParser) -> None:
    action.add_argument(
        "--bind",
        action="append",
        default=[],
        type=path,
        metavar="PATH",
        help="a further place that checks may read; shown to model-written code from now on",
    )


def _add_make(actions: Actions) -> None:
    make = actions.add(
        "make",
        run_make,
        "make tasks from this repository's history and from mutants of its source",
        "suite make",
        "suite make mine --check 'pytest -q' --tasks 20 --time 300",
        "suite make --from history --check 'cargo test --offline'",
    )
    add = make.add_argument
    add("name", nargs="?", type=words, metavar="NAME", help="the suite's name (default: own)")
    add(
        "--check",
        type=words,
        metavar="CMD",
        help="the command that checks the project; {tests} in it becomes the test files that "
        "matter (default: found)",
    )
    add(
        "--result",
        choices=["exit", "junit", "tap", "cargo", "go"],
        help="how its result is read (default: by the command)",
    )
    _add_bind(make)
    add(
        "--from",
        dest="origins",
        choices=["history", "mutation", "both"],
        default="both",
        help="where tasks come from (default: both)",
    )
    add("--tasks", type=from_one, default=_DEFAULT_TASKS, metavar="N", help="enough (default: 40)")
    add(
        "--time",
        type=positive,
        default=_DEFAULT_TIME_S,
        metavar="S",
        help="the longest it may take, in seconds (default: 600)",
    )
    add(
        "--check-time",
        type=positive,
        metavar="S",
        help="the longest that one check may take, in seconds (default: 60; or a "
        "twentieth of --time, if that is less and test files can be run alone)",
    )
    add(
        "--concurrency",
        type=from_one,
        metavar="N",
        help="checks run in parallel (default: the processors, at most 4)",
    )
    add("--replace", action="store_true", help="in place of the suite of that name")


def run_make(arguments: argparse.Namespace) -> int:
    """0 with a suite written, also after Ctrl-C; 1 when no task was found."""
    import asyncio

    from core.harness.commands.accepted import accept_places
    from core.settings import load_settings

    settings = load_settings(arguments.config)
    root = settings.source.root
    wanted = _wanted(arguments)
    accept_places(root, wanted.bind)
    made = asyncio.run(_made(root, wanted))
    if arguments.json:
        print_json(_document(made))
    else:
        print("\n".join(_told(made, wanted.name)))
    return 0 if made.place else 1


def _wanted(arguments: argparse.Namespace) -> SuiteWish:
    import re

    from core.harness.mining.making import SuiteWish as Wish
    from core.harness.suites.reading import TASK_ID
    from core.implement.command import words_of

    name = arguments.name or "own"
    if not re.fullmatch(TASK_ID, name):
        raise ConfigError(
            f"{plain(name, 80)!r} is no name for a suite",
            remedy="Use small letters, digits, '-' and '_'.",
        )
    both = arguments.origins == "both"
    at_once = min(os.cpu_count() or 1, _MOST_AT_ONCE)
    return Wish(
        name=name,
        check=words_of(arguments.check) if arguments.check else _asked(),
        result=arguments.result,
        bind=tuple(str(place.absolute()) for place in arguments.bind),
        origins=("history", "mutation") if both else (arguments.origins,),
        tasks=arguments.tasks,
        time_s=arguments.time,
        check_s=arguments.check_time,
        at_once=arguments.concurrency or at_once,
        replace=arguments.replace,
    )


def _asked() -> tuple[str, ...] | None:
    """The command that a person names at a terminal; None leaves it to be found."""
    from core.implement.command import words_of

    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None
    sys.stderr.write("the command that checks this project (Enter: find it): ")
    sys.stderr.flush()
    line = sys.stdin.readline(1000).strip()
    return words_of(line) if line else None


async def _sandbox() -> Sandbox:
    from core.errors import SandboxError
    from core.harness.sandbox import Tier, choose_tier

    found = await choose_tier()
    if found.tier is Tier.NONE:
        raise SandboxError(
            f"no sandbox passes its self-test here: {plain(found.reason, 300)}",
            remedy="Install bubblewrap.",
        )
    return found.sandbox()


async def _made(root: Path, wanted: SuiteWish) -> MadeSuite:
    import asyncio

    from core.harness.mining.making import make_suite

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    show = _Progress()
    try:
        return await make_suite(root, wanted, await _sandbox(), stop=stop, tell=show)
    finally:
        show.end()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


class _Progress:
    """One line on a terminal, else a line for each task that is kept."""

    def __init__(self) -> None:
        self._width = self._kept = 0

    def __call__(self, tally: MakingTally) -> None:
        kept, tried = tally.kept.total(), tally.tried.total()
        text = f"{kept} kept of {tried} candidates  {plain(tally.now, 60)}"
        if sys.stderr.isatty():
            sys.stderr.write("\r" + text.ljust(self._width))
            self._width = len(text)
        elif kept > self._kept:
            sys.stderr.write(f"{text}\n")
        self._kept = kept
        sys.stderr.flush()

    def end(self) -> None:
        if self._width:
            sys.stderr.write("\r" + " " * self._width + "\r")


def _told(made: MadeSuite, name: str) -> list[str]:
    tally = made.tally
    rows: list[tuple[object, ...]] = [("", "candidates", "kept", "dropped")]
    rows += [
        (origin, tally.tried[origin], tally.kept[origin], _dropped(tally, origin))
        for origin in sorted(tally.tried)
    ]
    why = [
        (count, f"{origin}: {plain(reason, 100)}")
        for (origin, reason), count in tally.dropped.most_common()
    ]
    tried = tally.tried.total()
    files = [(count, plain(reason, 100)) for reason, count in tally.passed_over.most_common()]
    each = f", {made.seconds / tried:.1f} s a candidate" if tried else ""
    own_mib, check_mib = _memory_mib()
    lines = [
        *columns(rows, right=frozenset({1, 2, 3})),
        "",
        *reasons("dropped because:", why),
        *reasons("files passed over:", files),
        (
            f"{made.runs} checks in {made.seconds:.0f} s{each}; "
            f"{tally.commits} commits looked at; "
            f"memory {own_mib} MiB, a check's {check_mib} MiB at most"
        ),
    ]
    if made.stopped:
        lines.append("stopped early; what was found is kept")
    if made.place is None:
        lines.append("no task was found, so no suite was written")
        lines.append(f"the check was: {plain(' '.join(made.check.command), 200)}")
        return lines
    return [
        *lines,
        f"{plural(len(made.tasks), 'task')} in {plain(shown(made.place))}",
        f"next: code reflex bakeoff --suite {name}",
    ]


def reasons(title: str, rows: list[tuple[int, str]]) -> list[str]:
    """The most frequent rows, and how much the others come to; nothing where there is no row."""
    if rows[_MOST_ROWS:]:
        others = rows[_MOST_ROWS - 1 :]
        text = f"{len(others)} further reasons: --json has each"
        rows = [*rows[: _MOST_ROWS - 1], (sum(count for count, _ in others), text)]
    return [title, *columns(rows, right=frozenset({0})), ""] if rows else []


def _dropped(tally: MakingTally, origin: str) -> int:
    return sum(count for (of, _), count in tally.dropped.items() if of == origin)


def _memory_mib() -> tuple[int, int]:
    """The most that this process, and one that it started, has had in memory."""
    import resource

    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    own, started = (
        resource.getrusage(who).ru_maxrss // unit
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return own, started


def _document(made: MadeSuite) -> dict[str, object]:
    tally = made.tally
    own_mib, check_mib = _memory_mib()
    return {
        "suite": str(made.place) if made.place else None,
        "check": list(made.check.command),
        "tasks": [
            {"id": each.candidate.id, "tags": each.candidate.tags, "noticing": list(each.noticing)}
            for each in made.tasks
        ],
        "candidates": dict(tally.tried),
        "kept": dict(tally.kept),
        "dropped": [
            {"from": origin, "why": why, "count": count}
            for (origin, why), count in tally.dropped.most_common()
        ],
        "passed_over": dict(tally.passed_over.most_common()),
        "commits": tally.commits,
        "checks": made.runs,
        "seconds": round(made.seconds, 1),
        "memory_mib": own_mib,
        "check_memory_mib": check_mib,
        "stopped": made.stopped,
    }


def run_list(arguments: argparse.Namespace) -> int:
    """A line a suite: its tasks, languages, kinds, age, and how far the code has moved since."""
    from core.harness.mining.suite_facts import all_suites
    from core.settings import load_settings

    found = all_suites(load_settings(arguments.config).source.root)
    if arguments.json:
        print_json([one.as_json() for one in found])
        return 0
    rows: list[tuple[object, ...]] = [("suite", "tasks", "languages", "kinds", "age", "code since")]
    for one in found:
        if one.problem:
            rows.append((one.name, "", f"cannot be used: {plain(one.problem, 80)}", "", "", ""))
            continue
        age = "–" if one.age is None else f"{one.age.total_seconds() / _DAY:.0f} d"
        moved = "–" if one.moved is None else f"{one.moved} commits" if one.moved else "the same"
        counts = [
            ", ".join(f"{plain(name, 20)} {count}" for name, count in sorted(each.items()))
            for each in (one.languages or {}, one.kinds or {})
        ]
        rows.append((one.name, one.tasks, *counts, age, moved))
    print("\n".join(columns(rows, right=frozenset({1}))))
    return 0


def run_show(arguments: argparse.Namespace) -> int:
    """A suite's tasks, a line each."""
    from core.harness.mining.suite_facts import language_of_task

    suite = _loaded(arguments)[1]
    if arguments.json:
        print_json(
            {
                "name": suite.name,
                "hash": suite.hash,
                "made": dict(suite.made),
                "tasks": [
                    {
                        "id": task.id,
                        "title": task.title,
                        "level": task.level,
                        "category": task.category,
                        "language": language_of_task(task),
                        "tags": dict(task.tags),
                        "golden": task.golden,
                        "editable": list(task.editable),
                        "expected": len(task.expected),
                    }
                    for task in suite.tasks
                ],
            }
        )
        return 0
    print(f"{suite.name} {suite.version}  {len(suite.tasks)} tasks  {suite.hash[:19]}")
    if suite.description:
        print(suite.description)
    rows: list[tuple[object, ...]] = [("task", "level", "language", "kind", "title")]
    rows += [
        (
            task.id + (" (golden)" if task.golden else ""),
            task.level,
            language_of_task(task),
            task.tags.get("kind", "written"),
            plain(task.title, 60),
        )
        for task in suite.tasks
    ]
    print("\n".join(columns(rows, right=frozenset({1}))))
    return 0


def _loaded(arguments: argparse.Namespace) -> tuple[Settings, Suite]:
    from core.harness.suites.loading import load_suite
    from core.settings import load_settings

    settings = load_settings(arguments.config)
    return settings, load_suite(arguments.suite, settings.source.root)


def run_check(arguments: argparse.Namespace) -> int:
    """0 when every task is sound, 1 otherwise; with a report, 1 when it tells no models apart."""
    import asyncio

    settings, suite = _loaded(arguments)
    suite = suite.select(arguments.tasks)
    if arguments.report:
        return _show_spread(arguments, settings, suite)
    from core.harness.commands.accepted import accept_places
    from core.harness.commands.toolchain import with_tools

    root = settings.source.root
    accept_places(root, [str(place.absolute()) for place in arguments.bind])
    tasks, lines = with_tools(suite.tasks, root)
    for line in lines:
        warn(line)
    problems = asyncio.run(_problems(suite, {task.id for task in tasks}, root))
    if arguments.json:
        print_json({"suite": suite.name, "checked": len(tasks), "problems": problems})
    else:
        for name, problem in problems.items():
            print(f"{name}: {plain(problem, 400)}")
        state = "✓ all sound" if not problems else coloured(f"✖ {len(problems)} unsound", "red")
        print(f"{plural(len(tasks), 'task')} checked: {state}")
    return 1 if problems else 0


async def _problems(suite: Suite, chosen: set[str], root: Path) -> dict[str, str]:
    from dataclasses import replace

    from core.harness.mining.soundness import check_tasks

    usable = replace(suite, tasks=tuple(task for task in suite.tasks if task.id in chosen))
    found = {}
    async with contextlib.aclosing(check_tasks(usable, await _sandbox(), root)) as states:
        async for state in states:
            sys.stderr.write(f"{state.task}: {'unsound' if state.problem else 'sound'}\n")
            if state.problem:
                found[state.task] = state.problem
    return found


def _show_spread(arguments: argparse.Namespace, settings: Settings, suite: Suite) -> int:
    from core.figures import percent
    from core.harness.mining.soundness import spread_of
    from core.harness.report.storage import read

    report = arguments.report
    if report.name == str(report) and not report.exists():
        report = settings.state_dir / "eval" / report
    if not report.exists():
        raise SuiteError(
            f"there is no report {plain(report)}", remedy="See: code reflex report list"
        )
    spread = spread_of(read(report), suite)
    apart = spread.verdict.startswith("It tells")
    if arguments.json:
        print_json(
            {
                "suite": suite.name,
                "solved": spread.solved,
                "easy": list(spread.easy),
                "between": list(spread.between),
                "hard": list(spread.hard),
                "tells_apart": apart,
                "verdict": spread.verdict,
            }
        )
        return 0 if apart else 1
    rows: list[tuple[object, ...]] = [
        (plain(arm, 40), "solved", percent(100 * share)) for arm, share in spread.solved.items()
    ]
    rows += [
        ("by all", "tasks", len(spread.easy)),
        ("by some", "tasks", len(spread.between)),
        ("by none", "tasks", len(spread.hard)),
    ]
    print("\n".join(columns(rows)))
    print(spread.verdict)
    return 0 if apart else 1
