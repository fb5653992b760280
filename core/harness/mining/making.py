"""Makes a suite within a budget: history first, then mutants, several candidates at once.

Whoever stops it keeps what is found by then.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple

from core.clock import SystemClock, rfc3339
from core.errors import ConfigError, SandboxError, SuiteError
from core.harness.commands.toolchain import find_toolchain
from core.harness.mining.candidates import MOST_SHOWN_BYTES, TaskCandidate, slug
from core.harness.mining.history import candidate_of, worth_a_look
from core.harness.mining.line_mutants import line_mutants
from core.harness.mining.mutants import Mutant, functions, mutants, probe
from core.harness.mining.project_layout import (
    TestMap,
    find_check,
    for_tests,
    given_check,
    is_source,
    language,
    map_tests,
    suites_among,
    takes_tests,
)
from core.harness.mining.repository import Repository
from core.harness.mining.verifying import Passing, Verified, Verifier
from core.harness.mining.writing import place_for, write_suite
from core.harness.suites.reading import text_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence

    from core.harness.mining.candidates import Origin
    from core.harness.mining.repository import Commit
    from core.harness.sandbox import Sandbox
    from core.harness.suites.tasks import CheckCommand, ResultKind, WorkTree

_MOST_COMMITS = 500
_TRIES_A_FUNCTION = 3
_MOST_CHECKS = 2  # a function is looked for in so many test files, one after the other
_FUNCTIONS_A_TURN = 2  # what passes in a test file is then found out for both
_LEAST_CHECK_S, _MOST_CHECK_S = 10.0, 60.0
_CHECKS_SHARE = 0.05  # of the time, for one run
_HISTORYS_SHARE = 0.5  # of the time, where mutants are wanted as well
DUPLICATE = "near-duplicate of another"
NOT_IMPORTED = "no test imports it"
NOT_REACHED = "no test reaches the function"
TOO_LARGE = f"over {MOST_SHOWN_BYTES >> 10} KiB, too much for a prompt"
UNSOUND = "its tests do not pass as the code is"
_PROMPT = (
    "Something in {path} has stopped working: tests fail, as shown. Make the code do again what "
    "its names, docstrings and tests say, and keep what already works."
)


@dataclass(frozen=True, slots=True)
class SuiteWish:
    """What the user asks for; ``check`` are the command's words, None to find it.

    ``tasks`` and ``time_s`` are the budget, ``at_once`` is how many checks run in parallel.
    ``check_s`` is the longest that one may take; None is a minute, or a twentieth of the time where
    that is less and a check can be run on one test file: a quicker one is found there.
    """

    name: str
    check: tuple[str, ...] | None = None
    result: ResultKind | None = None
    bind: tuple[str, ...] = ()
    origins: tuple[Origin, ...] = ("history", "mutation")
    tasks: int = 40
    time_s: float = 600.0
    check_s: float | None = None
    at_once: int = 2
    replace: bool = False

    def longest_check(self, check: CheckCommand) -> float:
        """Seconds after which a run of ``check`` is ended."""
        if self.check_s is not None:
            return self.check_s
        if not takes_tests(check):
            return _MOST_CHECK_S
        return min(_MOST_CHECK_S, max(_LEAST_CHECK_S, self.time_s * _CHECKS_SHARE))


@dataclass(slots=True)
class MakingTally:
    """How far it has come: what was kept of the candidates looked at, and why not the others.

    ``passed_over`` counts the files of which there was no candidate, by why.
    """

    commits: int = 0
    tried: Counter[Origin] = field(default_factory=Counter)
    kept: Counter[Origin] = field(default_factory=Counter)
    dropped: Counter[tuple[Origin, str]] = field(default_factory=Counter)
    passed_over: Counter[str] = field(default_factory=Counter)
    now: str = ""


@dataclass(frozen=True, slots=True)
class MadeSuite:
    """The suite that was written; ``place`` is None when no task was found."""

    place: Path | None
    tasks: tuple[Verified, ...]
    tally: MakingTally
    check: CheckCommand
    runs: int
    seconds: float
    stopped: bool


async def make_suite(
    root: Path,
    wanted: SuiteWish,
    sandbox: Sandbox,
    *,
    stop: asyncio.Event,
    tell: Callable[[MakingTally], None] = lambda _: None,
) -> MadeSuite:
    """Make the suite from the repository at ``root`` and write it below its ``.speckit``.

    Raises:
        ConfigError: There is no repository, or no check command can be found.
        SuiteError: A program is missing, or there is such a suite already.
        SandboxError: No sandbox could be set up.
    """
    place = place_for(root, wanted.name, replace=wanted.replace)
    with Repository(root) as repository:
        tree = await asyncio.to_thread(repository.tree, repository.head)
        check = given_check(wanted.check, tree, wanted.result) if wanted.check else find_check(tree)
        if check is None:
            raise ConfigError(
                "no command that checks this project was found",
                remedy="Name it, for example: --check 'make test'",
            )
        find_toolchain(check, root)
        limit_s = wanted.longest_check(check)
        verifier = Verifier(sandbox, root, limit_s=limit_s, bind=wanted.bind)
        maker = _Maker(wanted, _Project(repository, tree, check), verifier, tell)
        stopped = await maker.work(stop)
        made = {
            "commit": repository.head,
            "at": rfc3339(SystemClock().now()),
            "check": " ".join(check.command)[:200],
        }
    tasks = tuple(maker.kept)
    if tasks:
        await asyncio.to_thread(write_suite, place, wanted.name, tasks, made, wanted.bind)
    return MadeSuite(
        place if tasks else None,
        tasks,
        maker.tally,
        check,
        verifier.runs,
        maker.elapsed_s,
        stopped,
    )


class _Project(NamedTuple):
    """What tasks are made of: the repository, its work tree as it is now, and its check."""

    repository: Repository
    tree: WorkTree
    check: CheckCommand


class _Maker:
    """One making, from its first candidate to its last."""

    def __init__(
        self,
        wanted: SuiteWish,
        project: _Project,
        verifier: Verifier,
        tell: Callable[[MakingTally], None],
    ) -> None:
        self._wanted = wanted
        self._repository, self._tree, self._check = project
        self._verifier = verifier
        self._tests: TestMap | None = None
        self._aside = suites_among(self._tree.files)
        self._tell = tell
        self._started = time.monotonic()
        self._baselines: dict[tuple[str, ...], asyncio.Task[Passing | str]] = {}
        self._operators: Counter[str] = Counter()
        self._shapes: set[tuple[str, str]] = set()
        self.kept: list[Verified] = []
        self.tally = MakingTally()

    @property
    def elapsed_s(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self._started

    async def work(self, stop: asyncio.Event) -> bool:
        """Work until the budget is used up or all was tried; True when ``stop`` ended it."""
        origins = self._wanted.origins
        share = _HISTORYS_SHARE if "mutation" in origins else 1.0
        try:
            if "history" in origins:
                jobs = (self._job_of_commit(each) for each in self._commits())
                await self._until(self._all(jobs), self._wanted.time_s * share, stop)
            if "mutation" in origins:
                await self._until(self._mutate(), self._wanted.time_s, stop)
        finally:
            for task in self._baselines.values():
                task.cancel()
            await asyncio.gather(*self._baselines.values(), return_exceptions=True)
        return stop.is_set()

    async def _until(
        self, work: Coroutine[Any, Any, None], until_s: float, stop: asyncio.Event
    ) -> None:
        """Work; at the end of the time, or when it shall stop, what is at work is given up."""
        working, stopping = asyncio.create_task(work), asyncio.create_task(stop.wait())
        left_s = max(0.0, until_s - self.elapsed_s)
        try:
            both: set[asyncio.Task[Any]] = {working, stopping}
            await asyncio.wait(both, timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                working.result()
        finally:
            stopping.cancel()
            working.cancel()
            with contextlib.suppress(asyncio.CancelledError, SandboxError, SuiteError, ConfigError):
                await working

    async def _all(self, jobs: Iterator[Callable[[], Awaitable[None]]]) -> None:
        """Work on jobs in parallel until there are tasks enough."""

        async def worker() -> None:
            for job in jobs:
                if len(self.kept) >= self._wanted.tasks:
                    return
                await job()
                self._tell(self.tally)

        await asyncio.gather(*(worker() for _ in range(self._wanted.at_once)))

    def _ended(self, origin: Origin, found: Verified | str) -> None:
        """Count a candidate, and keep it if it is a task and there is room."""
        if isinstance(found, str):
            self.tally.dropped[origin, found] += 1
        elif len(self.kept) < self._wanted.tasks:
            self.kept.append(found)
            self.tally.kept[origin] += 1

    # From history.

    def _commits(self) -> Iterator[Commit]:
        for commit in self._repository.commits(_MOST_COMMITS):
            self.tally.commits += 1
            if worth_a_look(commit, self._aside):
                yield commit

    def _job_of_commit(self, commit: Commit) -> Callable[[], Awaitable[None]]:
        async def job() -> None:
            self.tally.now = f"commit {commit.id[:8]}"
            self._tell(self.tally)
            self.tally.tried["history"] += 1
            candidate = await asyncio.to_thread(candidate_of, commit, self._repository, self._check)
            if isinstance(candidate, str):
                self._ended("history", candidate)
            else:
                self._ended("history", await self._verifier.verify(candidate))

        return job

    # From mutation.

    async def _mutate(self) -> None:
        if takes_tests(self._check):
            self._tests = await asyncio.to_thread(map_tests, self._tree)
        turns = await self._turns()
        await self._all(self._job_of_turn(*each) for each in turns)

    async def _turns(self) -> list[tuple[str, list[str]]]:
        """Path and a few functions; files take turns, so that a budget spreads over all.

        What may be a task soonest comes first: files with a short test named like them, and of
        each the functions that this test names. Only their names are kept: the mutants of all
        functions of a large project would fill the memory.
        """
        by_file = []
        for path in await asyncio.to_thread(self._in_order):
            self.tally.now = path
            names = await asyncio.to_thread(self._named, path)
            starts = range(0, len(names), _FUNCTIONS_A_TURN)
            by_file.append([(path, names[at : at + _FUNCTIONS_A_TURN]) for at in starts])
        return [turn for each in zip_longest(*by_file) for turn in each if turn]

    def _in_order(self) -> list[str]:
        sizes = {path: len(content) for path, (content, _) in sorted(self._tree.files.items())}
        usable = []
        for path in (path for path in sizes if is_source(path, self._aside)):
            if sizes[path] > MOST_SHOWN_BYTES:
                self.tally.passed_over[TOO_LARGE] += 1
            elif self._tests and not (path.endswith(".py") and self._tests.of(path)):
                self.tally.passed_over[NOT_IMPORTED] += 1
            else:
                usable.append(path)
        cost = self._tests.cost if self._tests else lambda path: -sizes[path]
        return sorted(usable, key=cost)

    def _named(self, path: str) -> list[str]:
        source = self._source(path)
        if path.endswith(".py"):
            names = list(functions(source))
            tests = self._tests
            if tests is not None:
                files = tests.of(path)
                names.sort(key=lambda name: not tests.names(files, name))
            return names
        return list(dict.fromkeys(each.function for each in line_mutants(path, source)))

    def _mutants(self, path: str, function: str) -> list[Mutant]:
        source = self._source(path)
        if path.endswith(".py"):
            return list(mutants(path, source, function))
        return [each for each in line_mutants(path, source) if each.function == function]

    def _source(self, path: str) -> str:
        """Its text; empty where it is none."""
        try:
            return text_of(self._tree.files[path][0], path)
        except UnicodeDecodeError:
            return ""

    def _job_of_turn(self, path: str, names: list[str]) -> Callable[[], Awaitable[None]]:
        async def job() -> None:
            for function in names:
                self.tally.now = f"{path}: {function}"
                self._tell(self.tally)
                found = await asyncio.to_thread(self._mutants, path, function)
                if found and len(self.kept) < self._wanted.tasks:
                    await self._break(path, function, found)

        return job

    async def _break(self, path: str, function: str, found: list[Mutant]) -> None:
        """Keep one mutant of a function, of the operator that was used least."""
        why = NOT_REACHED
        for check in self._checks(path):
            right = await self._baseline(check)
            if isinstance(right, str):
                why = f"{UNSOUND} ({right})"
                continue
            probed = await self._probed(path, function, check, right)
            if not isinstance(probed, str):
                break
            why = probed
        else:
            self._drop_all(why)
            return
        control, reached = probed
        for mutant in self._in_turn(found):
            candidate = self._mutation(mutant, check, control, reached)
            self.tally.tried["mutation"] += 1
            verified = await self._verifier.verify(candidate, right)
            self._ended("mutation", verified)
            self._tell(self.tally)
            if not isinstance(verified, str):
                self._operators[mutant.operator] += 1
                return

    def _checks(self, path: str) -> list[CheckCommand]:
        """The checks to try for a file: each test file that looks at it alone, or the whole.

        One test file is quick, and what passes in it is found out once for all that it looks at.
        """
        if self._tests is None:
            return [self._check]
        return [for_tests(self._check, (test,)) for test in self._tests.of(path)[:_MOST_CHECKS]]

    async def _probed(
        self, path: str, function: str, check: CheckCommand, right: Passing
    ) -> tuple[dict[str, str], frozenset[str] | None] | str:
        """A function's control and the tests that reach it, or why it cannot be used.

        In other languages than Python neither is known.
        """
        probed = probe(self._source(path), function) if path.endswith(".py") else None
        if probed is None:
            return {}, None
        report = await self._verifier.run(check, self._tree, {path: probed})
        if report.solves(right.tests):
            return NOT_REACHED
        return {path: probed}, right.tests - report.outcomes.passed

    def _mutation(
        self,
        mutant: Mutant,
        check: CheckCommand,
        control: dict[str, str],
        reached: frozenset[str] | None,
    ) -> TaskCandidate:
        return TaskCandidate(
            id=slug(PurePosixPath(mutant.path).stem, mutant.function, mutant.operator),
            origin="mutation",
            title=f"Repair {mutant.path}"[:110],
            prompt=_PROMPT.format(path=mutant.path),
            category=slug(mutant.operator),
            language=language(mutant.path),
            check=check,
            tree=self._tree,
            broken={mutant.path: mutant.text},
            solution={mutant.path: self._source(mutant.path)},
            control=control,
            notice=reached,
        )

    def _drop_all(self, why: str) -> None:
        """A function that no mutant of can be a task is one candidate."""
        self.tally.tried["mutation"] += 1
        self._ended("mutation", why)

    def _in_turn(self, found: Sequence[Mutant]) -> Iterator[Mutant]:
        """A few mutants, those of rare operators first, none like one that was tried."""
        tried: set[str] = set()
        order = sorted(found, key=lambda each: (self._operators[each.operator], each.line % 7))
        for mutant in order:
            shape = (mutant.before, mutant.after)
            if mutant.operator in tried or len(tried) == _TRIES_A_FUNCTION:
                continue
            tried.add(mutant.operator)
            if shape in self._shapes:
                self.tally.tried["mutation"] += 1
                self._ended("mutation", DUPLICATE)
                continue
            self._shapes.add(shape)
            yield mutant

    async def _baseline(self, check: CheckCommand) -> Passing | str:
        """What passes as the code is; found out once for each choice of tests."""
        if check.command not in self._baselines:
            self._baselines[check.command] = asyncio.ensure_future(
                self._verifier.passing(check, self._tree, {}, as_it_is=True)
            )
        return await asyncio.shield(self._baselines[check.command])
