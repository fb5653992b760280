"""Whether a workspace passes its tests, by a verdict that the workspace cannot write itself.

The tests are read, listed and compiled out here and are not on disk in there. They run in a process
of their own, and reach the code under test in another one (``inside/remote.py``): it has neither
the tests nor the pipe that the report comes over, and returns values. What the code prints, how it
exits and which files (``conftest.py``, ``sitecustomize.py``, ``pytest/``) it brings decide nothing.
A skip is a failure. An object that agrees with wrong values is a cheat.

Tests that patch, derive from or await what they test need it in their own process. Who can walk the
stack there may forge the report. Therefore such tests count only when a second, fresh run, the
control, has *failed* each of them: it runs them in reverse, rewritten so that they cannot pass. A
forger, a patched ``unittest`` or a test whose code was swapped passes there as well, and is caught.
Spying on the runner (``gc``, tracing, ctypes) ends the run.

Not protected: in one process, code written with this runner in view that tells the two runs apart;
anywhere, code that answers the tests' questions without solving the task. Held-out tests are the
answer to that.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import tempfile
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from core.harness.sandbox.box import pack
from core.harness.sandbox.instrument import Instrumented, read_tests
from core.harness.sandbox.layout import SCRATCH_PREFIX, WORK, interpreter_paths
from core.harness.sandbox.limits import Tier

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet
    from pathlib import Path

    from core.harness.sandbox.box import Sandbox
    from core.harness.sandbox.child_process import Ended
    from core.harness.sandbox.limits import Limits

    _How = Literal["separate", "one_process", "control"]

_TEMPORARY = re.escape(os.path.realpath(tempfile.gettempdir()))
_WORK = re.compile(rf"(?<![\w/]){WORK}/|{_TEMPORARY}/{SCRATCH_PREFIX}\w+/")
_MAX_RECORD = 64 << 10  # bytes; a message of 2,000 characters and its frames are below it
_MAX_RECORDS_A_TEST = 8
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


@dataclass(frozen=True, slots=True)
class TestFailure:
    """A test that did not pass; ``message`` names lines by file, never by full path."""

    __test__: ClassVar[bool] = False
    id: str
    message: str


@dataclass(frozen=True, slots=True)
class TestReport:
    """What the tests said.

    ``complete`` means that every test ended; ``error`` says why the run as a whole does not count
    (time, early exit, tampering). ``solved`` is the verdict. ``output`` is what the code printed;
    ``wall_s`` includes the control run. ``separate`` says that the code ran in a process without
    the tests.
    """

    __test__: ClassVar[bool] = False
    passed: tuple[str, ...]
    failed: tuple[TestFailure, ...]
    error: str | None
    complete: bool
    solved: bool
    output: str
    wall_s: float
    separate: bool = False

    def feedback(self, limit: int = 4000) -> str:
        """What a model should read: failures first, no paths, no timings, the same every time."""
        total = len(self.passed) + len(self.failed)
        parts = [f"{len(self.failed)} of {total} tests fail."] if self.failed else []
        parts += [self.error] if self.error else []
        parts += [f"{failure.id}\n{failure.message}" for failure in self.failed]
        parts += [f"Output:\n{self.output}"] if self.output.strip() and not self.solved else []
        text = "\n\n".join(parts)
        return text if len(text) <= limit else text[: limit - 1] + "…"


@dataclass(frozen=True, slots=True)
class _Records:
    """What one run reported: by test how it ended, and the test that began and did not end."""

    ended: dict[str, list[str]]
    running: str | None
    tampered: str | None
    finished: bool


async def run_tests(
    sandbox: Sandbox,
    *,
    workspace: Path,
    tests: Path,
    limits: Limits | None = None,
    one_process: bool = False,
) -> TestReport:
    """Run the tests in the directory ``tests`` against a copy of ``workspace``.

    ``tests`` must lie outside the workspace; ``limits`` hold for each of the two runs. Raises
    ``SuiteError`` for tests that cannot be used and ``SandboxError`` when no sandbox could be set
    up; everything the code does is in the report.
    """
    code = read_tests(tests)
    limits = limits or sandbox.limits
    separate = code.separable and not one_process and sandbox.tier is not Tier.SANDBOX_EXEC
    how: _How = "separate" if separate else "one_process"
    ended, records = await _run(sandbox, code, workspace, tests, limits=limits, how=how)
    report = _report(code, workspace, ended, records, limits)
    if separate or not report.solved:
        return replace(report, separate=separate)
    control, records = await _run(sandbox, code, workspace, tests, limits=limits, how="control")
    doubt = _doubt(code, control, records, limits)
    wall_s = report.wall_s + control.wall_s
    return replace(report, error=doubt, solved=doubt is None, wall_s=wall_s)


async def _run(
    sandbox: Sandbox,
    code: Instrumented,
    workspace: Path,
    tests: Path,
    *,
    limits: Limits,
    how: _How,
) -> tuple[Ended, _Records]:
    nonce = secrets.token_hex(16)
    shown = [tests] if code.has_data else []
    root = f"{tests.resolve()}/" if code.has_data else ""  # noqa: ASYNC240  one system call
    cases = code.cases[::-1] if how == "control" else code.cases
    job: dict[str, Any] = {
        "nonce": nonce,
        "separate": how == "separate",
        "preload": list(code.preload),
        "cases": [(c.id, c.module, c.kind, c.function, c.coroutine) for c in cases],
        "modules": [(name, "", None) for name in code.packages]
        + [
            (each.name, root + each.file, each.control if how == "control" else each.verdict)
            for each in code.modules
        ],
    }
    unittest = ("testcase",) if "unittest" in code.preload else ()
    remote = ("wire", "containers", "proxies", "remote") if how == "separate" else ()
    modules = ("judge", "integrity", *unittest, *remote, "runner")
    program = {"tests": job, "modules": modules}
    ended = await sandbox.execute(program, workspace, shown, limits)
    return ended, _read(ended.report, nonce, {case.id for case in code.cases})


def _read(report: bytes, nonce: str, cases: AbstractSet[str]) -> _Records:
    """The records of one run; lines that no runner writes are passed over, whatever they hold."""
    ended: dict[str, list[str]] = {}
    running = tampered = None
    finished = False
    prefix = f'["{nonce}",'.encode()
    lines = [line for line in report.split(b"\n") if line.startswith(prefix)]
    for line in lines[: _MAX_RECORDS_A_TEST * (len(cases) + 1)]:
        match _record(line):
            case ["start" | "pass" | "fail", case, *_] if case not in cases:
                continue
            case ["start", case]:
                running = case
            case ["pass" | "fail" as how, case, *rest] if case in ended:
                ended[case] = ["fail", "", f"it ended twice, also by: {how}", *rest[2:]]
            case ["pass" | "fail", case, *_] as record:
                ended[case] = [record[0], *record[2:]]
                running = None
            case ["tampered", what]:
                tampered = what
            case ["end"]:
                finished = True
    return _Records(ended, running, tampered, finished)


def _record(line: bytes) -> list[str]:
    """The fields after the nonce; nothing for a line that is no flat list of short strings."""
    if len(line) > _MAX_RECORD:
        return []
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        return []
    if not isinstance(fields, list) or not all(isinstance(each, str) for each in fields):
        return []
    return fields[1:]


def _report(
    code: Instrumented, workspace: Path, ended: Ended, records: _Records, limits: Limits
) -> TestReport:
    passed = tuple(c.id for c in code.cases if records.ended.get(c.id, [""])[0] == "pass")
    failing = [c.id for c in code.cases if records.ended.get(c.id, [""])[0] == "fail"]
    sources = _sources(code, workspace, limits.file_mb << 20) if failing else {}
    failed = tuple(TestFailure(each, _message(records.ended[each], sources)) for each in failing)
    error = _why_not_whole(ended, records, limits)
    complete = error is None and len(records.ended) == len(code.cases) == len(passed) + len(failed)
    if error is None and not complete:
        error = "The tests did not all run."
    return TestReport(
        passed=passed,
        failed=failed,
        error=error,
        complete=complete,
        solved=complete and not failed,
        output=_clean(_output(ended)),
        wall_s=ended.wall_s,
    )


def _why_not_whole(ended: Ended, records: _Records, limits: Limits) -> str | None:
    if records.tampered:
        return f"The code interfered with its tests: {records.tampered}."
    if ended.killed_by is None and records.finished:
        return None
    words = {
        None: "The process ended before the tests did",
        "wall": f"The tests were stopped after {limits.wall_s:g} s",
        "cpu": f"The tests were stopped after {limits.cpu_s} s of computing",
        "memory": f"The tests used more than {limits.memory_mb} MiB of memory",
    }
    what = words.get(ended.killed_by, f"The tests were ended by {ended.killed_by}")
    return f"{what} in {records.running}." if records.running else f"{what}."


def _doubt(code: Instrumented, ended: Ended, records: _Records, limits: Limits) -> str | None:
    """Why a control run does not confirm the verdict, if it does not."""
    passed = [case.id for case in code.cases if records.ended.get(case.id, [""])[0] == "pass"]
    if passed:
        return f"The verdict does not hold: {passed[0]} also passes when it must fail."
    error = _why_not_whole(ended, records, limits)
    if error is None and set(records.ended) != {case.id for case in code.cases}:
        error = "The tests did not all run."
    return None if error is None else f"The verdict could not be confirmed. {error}"


def _message(ended: list[str], sources: dict[str, list[str]]) -> str:
    _, kind, text, frames = (*ended, "", "", "")[:4]
    head = f"{kind}: {text}" if kind and text else kind or text
    lines = [_line(frame, sources, head) for frame in frames.splitlines()]
    return _clean("\n".join((head, *filter(None, lines))))


def _sources(code: Instrumented, workspace: Path, max_bytes: int) -> dict[str, list[str]]:
    """The lines of every file a traceback may name, by the name the runner gives it."""
    packed = pack(workspace, max_bytes=max_bytes)
    lines = {
        f"./{path}": content.decode(errors="replace").splitlines()
        for path, _, content in packed
        if path.endswith(".py") and isinstance(content, bytes)
    }
    return lines | {module.file: list(module.lines) for module in code.modules}


def _line(frame: str, sources: dict[str, list[str]], head: str) -> str:
    """``  file.py:12: the line`` for a frame in the tests or the workspace, else nothing.

    The line is left out where ``head`` says it already.
    """
    path, _, number = frame.rpartition(":")
    if path not in sources or not number.isdecimal() or len(number) > 6:  # noqa: PLR2004
        return ""
    lines = sources[path]
    text = lines[int(number) - 1].strip() if 0 < int(number) <= len(lines) else ""
    shown = "" if head.startswith(text) else f": {text}"
    return f"  {path.removeprefix('./')}:{number}{shown}"


def _output(ended: Ended) -> str:
    return (ended.stdout + ended.stderr).decode(errors="replace")


def _clean(text: str) -> str:
    for path in interpreter_paths():
        text = text.replace(f"{path}/", "")
    return _ADDRESS.sub("", _WORK.sub("", text))
