"""Whether a candidate is a task: its check fails on the broken state and passes on the right one.

Both are run twice, each in a work tree of its own; what does not end alike both times is flaky.
"""

from __future__ import annotations

import asyncio
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.harness.commands.running import laid_out, run_command
from core.harness.commands.toolchain import find_toolchain, own_packages, with_places
from core.plain import plain

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from core.harness.commands.running import CommandReport
    from core.harness.mining.candidates import TaskCandidate
    from core.harness.sandbox import Sandbox
    from core.harness.suites.tasks import CheckCommand, WorkTree

_TIMES_SLOWER = 4
_ERROR = re.compile(r"^(?:E +)?(\w{0,80}(?:Error|Exception): [^\n]{1,200})", re.MULTILINE)
_MOST_ERROR = 100
_LEAST_LIMIT_S, _MOST_LIMIT_S = 20, 120

NOT_NOTICED = "no test notices"
FLAKY = "flaky: not the same twice"
SLOW = "its check takes too long"
NOT_COMPILED = "does not compile"
WRONG_AFTER = "fails after the change as well"
TOO_MANY = "tests fail that should not notice"
CONTROL = "its wrong fix passes"


@dataclass(frozen=True, slots=True)
class Passing:
    """What passes on a state that is right, both times; ``slowest_s`` is the longer run's time.

    A command that tells of no tests has passed whole: ``tests`` is empty then.
    """

    tests: frozenset[str]
    slowest_s: float


@dataclass(frozen=True, slots=True)
class Verified:
    """A candidate that is a task: the tests that must pass, and its time limit in seconds."""

    candidate: TaskCandidate
    expected: tuple[str, ...]
    noticing: tuple[str, ...]
    time_limit_s: float


class Verifier:
    """Runs checks in the sandbox; ``runs`` counts them, ``limit_s`` ends each."""

    def __init__(
        self, sandbox: Sandbox, project: Path, *, limit_s: float, bind: tuple[str, ...] = ()
    ) -> None:
        self._sandbox = sandbox
        self._project = project
        self._limit_s = limit_s
        self._bind = bind
        self.runs = 0

    async def run(
        self, check: CheckCommand, tree: WorkTree, files: Mapping[str, str]
    ) -> CommandReport:
        """One run of a check on ``tree`` with ``files`` over it.

        Raises:
            SandboxError: No sandbox could be set up.
            SuiteError: A program is not installed.
        """
        own = own_packages(tree.files)
        found = await asyncio.to_thread(find_toolchain, check, self._project, own_packages=own)
        toolchain = with_places(found, self._bind)
        laid = await asyncio.to_thread(laid_out, tree, files)
        self.runs += 1
        return await run_command(self._sandbox, check, toolchain, laid, time_limit_s=self._limit_s)

    async def passing(
        self,
        check: CheckCommand,
        tree: WorkTree,
        files: Mapping[str, str],
        *,
        as_it_is: bool = False,
    ) -> Passing | str:
        """What passes with ``files`` twice, or why nothing can be built on it.

        ``as_it_is`` says that they are the code as it stands: what its tests stumble over is told.
        """
        first = await self.run(check, tree, files)
        if reason := _unusable(first, WRONG_AFTER):
            return _error_in(first.said) if as_it_is and reason == WRONG_AFTER else reason
        second = await self.run(check, tree, files)
        if reason := _unusable(second, FLAKY):
            return reason
        if first.outcomes.passed != second.outcomes.passed:
            return FLAKY
        return Passing(first.outcomes.passed, max(first.wall_s, second.wall_s))

    async def verify(
        self, candidate: TaskCandidate, right: Passing | None = None
    ) -> Verified | str:
        """The task, or why the candidate is none; ``right`` is what passes with its solution.

        The broken state comes first: most candidates end there.
        """
        first = await self.run(candidate.check, candidate.tree, candidate.broken)
        if reason := _not_broken_as_it_should_be(candidate, first, right):
            return reason
        if right is None:
            if first.ended_well and not first.outcomes.failed:
                return NOT_NOTICED
            found = await self.passing(candidate.check, candidate.tree, candidate.solution)
            reason = found if isinstance(found, str) else _not_noticed(candidate, first, found)
            if isinstance(found, str) or reason:
                return reason
            right = found
        return await self._again(candidate, first, right)

    async def _again(
        self, candidate: TaskCandidate, first: CommandReport, right: Passing
    ) -> Verified | str:
        """The second run on the broken state, and the control."""
        second = await self.run(candidate.check, candidate.tree, candidate.broken)
        if second.stopped or _missed(first, right) != _missed(second, right):
            return FLAKY
        # A mutant's control was run before it: which tests should notice shows from that.
        tried = candidate.notice is not None
        if candidate.control and not tried and await self._control_passes(candidate, right):
            return CONTROL
        limit_s = math.ceil(max(_LEAST_LIMIT_S, _TIMES_SLOWER * right.slowest_s))
        return Verified(
            candidate,
            tuple(sorted(right.tests)),
            tuple(sorted(_missed(first, right))),
            float(min(limit_s, _MOST_LIMIT_S)),
        )

    async def _control_passes(self, candidate: TaskCandidate, right: Passing) -> bool:
        files = {**candidate.solution, **candidate.control}
        report = await self.run(candidate.check, candidate.tree, files)
        return report.solves(right.tests)


def _not_broken_as_it_should_be(
    candidate: TaskCandidate, report: CommandReport, right: Passing | None
) -> str:
    if report.stopped:
        return SLOW
    if candidate.origin == "mutation" and not report.compiled:
        return NOT_COMPILED
    return _not_noticed(candidate, report, right) if right else ""


def _unusable(report: CommandReport, otherwise: str) -> str:
    """Why a run on the right state tells nothing."""
    if report.stopped:
        return SLOW
    if not report.compiled:
        return otherwise
    if report.outcomes.passed or (report.ended_well and not report.outcomes.failed):
        return ""
    return otherwise


def _error_in(said: str) -> str:
    """The first error that a check's output names, such as a module that is not installed."""
    found = _ERROR.search(said)
    return plain(found[1], _MOST_ERROR) if found else "nothing passes"


def _missed(report: CommandReport, right: Passing) -> frozenset[str]:
    """The tests that pass when all is right, and do not here."""
    return right.tests - report.outcomes.passed


def _not_noticed(candidate: TaskCandidate, report: CommandReport, right: Passing) -> str:
    """Why the broken state is not seen as it should be, if it is not."""
    if report.solves(right.tests):
        return NOT_NOTICED
    missed = _missed(report, right)
    if candidate.notice is not None and not missed <= candidate.notice:
        return TOO_MANY
    if candidate.origin == "mutation" and len(right.tests) > 1 and missed == right.tests:
        return TOO_MANY
    return ""
