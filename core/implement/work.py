"""A task worked on: checked, asked for, checked again; the user's files are left as they are."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from core.capsule.events import BackendGivenUpEvent, FailedAttemptRecord
from core.clock import SystemClock
from core.errors import CapsuleError, ConfigError, NoBackend
from core.implement.checking import CopyCheck, Scratch
from core.implement.recording import recorded
from core.implement.routed import RoutedAsk
from core.implement.sandboxed import SandboxedCheck
from core.implement.shadowing import TaskShadow
from core.implement.user_files import FileChange, FilePlace, Original, read_named, relative
from core.patchloop.auto import fits, refuse_unfit
from core.patchloop.formats import EditFormat
from core.patchloop.job import Job
from core.patchloop.loop import repair
from core.patchloop.questions import fewest_questions
from core.plain import plain
from core.router.implementer import Implementer
from core.stages import CLOUD, Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from core.harness.sandbox import Sandbox
    from core.implement.command import Ran
    from core.implement.shadowing import ShadowedTask
    from core.patchloop.loop import Repair
    from core.patchloop.trial import Attempt
    from core.router.answer import Answer
    from core.router.evidence import AskedBackend
    from core.settings import Settings


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person asks for; ``names`` are as typed, ``check`` in words.

    ``attempts`` are at most so many in all; None is ``max_failures`` for each backend there is.
    ``edit_format`` None is the configured one.
    """

    prompt: str
    names: tuple[str, ...]
    check: tuple[str, ...]
    check_timeout_s: float = 300.0
    also: tuple[str, ...] = ()
    stage: Stage = Stage.IMPLEMENT
    attempts: int | None = None
    candidates: int | None = None
    edit_format: EditFormat | None = None


@dataclass(frozen=True, slots=True)
class Tried:
    """An attempt that ended: who was asked (None: nobody could be), and who is given up now."""

    number: int
    asked: AskedBackend | None
    attempt: Attempt
    given_up: frozenset[str]

    def of(self, backend: str) -> bool:
        """Whether ``backend`` was asked."""
        return self.asked is not None and self.asked.backend == backend


@dataclass(frozen=True, slots=True)
class RepairTask:
    """What a person asks for, found and read: everything that can be refused has been."""

    wanted: Wanted
    place: FilePlace
    originals: dict[str, Original]
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Solved:
    """How the work on a task ended; ``changes`` are empty and ``answer`` None where unsolved.

    ``before`` is the check of the files as they were; ``left`` says why nobody was left to ask.
    ``shadow`` is what came of giving the cloud's task to reflex too, None where it was not.
    """

    before: Ran
    tried: tuple[Tried, ...]
    changes: tuple[FileChange, ...] = ()
    diff: str = field(default="", repr=False)
    answer: Answer | None = None
    left: str = ""
    run_id: str = ""
    policy_hash: str = ""
    warnings: tuple[str, ...] = ()
    shadow: ShadowedTask | None = None

    @property
    def lines_changed(self) -> int:
        """Added plus removed."""
        return (self.tried[-1].attempt.lines_changed or 0) if self.changes else 0


def prepare(settings: Settings, wanted: Wanted, place: FilePlace) -> RepairTask:
    """The task with its files read.

    Raises:
        ConfigError: A file cannot or may not be worked on, or not in the format asked for.
    """
    also = tuple(relative(place, name, "--also") for name in wanted.also)
    for name, path in zip(wanted.also, also, strict=True):
        if not os.path.lexists(place.root / path):
            raise ConfigError(f"--also {plain(name, 200)!r}: there is no such file or directory")
    originals = read_named(place, wanted.names)
    refuse_unfit(
        wanted.edit_format or EditFormat(settings.reflex.edit_format),
        {path: one.text for path, one in originals.items()},
        named=f"none of {', '.join(plain(path, 120) for path in list(originals)[:10])}",
    )
    return RepairTask(wanted, place, originals, also)


_EXHAUSTED = "every backend that may answer has failed this task max_failures times"


async def work(
    settings: Settings,
    task: RepairTask,
    *,
    on_before: Callable[[Ran], None],
    on_tried: Callable[[Tried], None],
    on_comparing: Callable[[str, float, Callable[[], None]], None] = lambda *_: None,
) -> Solved:
    """Work on ``task`` until a candidate passes its check or no backend is left.

    ``on_before`` is called with the check of the files as they are, ``on_tried`` with each attempt,
    ``on_comparing`` once all is done but a comparison with reflex: with the solution's diff (empty
    where there is none), the seconds that it may take, and what ends it before: the answer is kept
    then.

    Raises:
        ConfigError: The check cannot be started, or the repository not be copied.
        BackendError: Whoever was asked last cannot be used at all.
        NoBackend: The rule lets nobody answer.
        CapsuleError: A decision could not be recorded; nothing was sent.
    """
    wanted = task.wanted
    # No question is asked twice: where none is left the next backend is asked.
    limit = min(settings.reflex.fallback.max_failures, fewest_questions())
    tried: list[Tried] = []
    with Scratch(task.place, task.also) as scratch:
        # What a model wrote is run: it needs no key.
        withheld = (settings.cloud.api_key_env,)
        check = CopyCheck(
            task.place,
            task.originals,
            scratch,
            wanted.check,
            limit_s=wanted.check_timeout_s,
            withheld=withheld,
        )
        async with Implementer.from_settings(settings) as implementer:
            before = await check.before()
            on_before(before)
            failing = "" if before.passed else check.feedback(before)
            edit_format = wanted.edit_format or await _edit_format(settings, task, implementer)
            job = _job(settings, task, failing, edit_format)
            shadow = TaskShadow(
                implementer.shadow,
                wanted.stage,
                None if before.passed else replace(job, attempts=min(job.attempts, limit)),
                partial(_sandboxed, task, scratch),
            )
            ask = RoutedAsk(
                implementer,
                wanted.stage,
                SystemClock(),
                max_failures=limit,
                on_answer=shadow.consider,
            )

            def note(attempt: Attempt) -> bool:
                asked, given_up = ask.ended(passed=attempt.failure is None)
                tried.append(Tried(len(tried) + 1, asked, attempt, given_up))
                for name in sorted(given_up):
                    event = _given_up(name, tried, implementer)
                    ask.warnings += filter(None, [recorded(settings, event)])
                    outcomes.update(dict.fromkeys(ask.last_answers(name), False))
                on_tried(tried[-1])
                return bool(given_up)

            outcomes: dict[str, bool] = {}
            repaired, left, shadowed = None, "", None
            try:
                try:
                    repaired = await repair(
                        job, ask, check, on_attempt=note, most_replies=ask.most_replies
                    )
                except NoBackend as error:
                    if not tried:
                        raise
                    left = _EXHAUSTED if ask.given_up else error.message
                if shadow.under_way and _was_the_clouds(tried):
                    found = repaired.diff if repaired else ""
                    on_comparing(found, settings.reflex.shadow.wait_s, shadow.skip)
                    shadowed = await shadow.ended(
                        _clouds_solution(repaired, ask),
                        cloud_attempts=sum(one.of(CLOUD) for one in tried),
                        wait_s=settings.reflex.shadow.wait_s,
                    )
            finally:
                await shadow.stop()
            solved = repaired is not None and repaired.solved
            call_id = repaired.outcome.call_id if repaired and repaired.outcome else None
            if solved and call_id:
                outcomes[call_id] = True
            ask.warnings += await _reported(implementer, outcomes)
    if not solved and not wanted.attempts:
        left = left or _EXHAUSTED
    return Solved(
        before,
        tuple(tried),
        changes=_changes(task, repaired) if repaired and solved else (),
        diff=repaired.diff if repaired else "",
        answer=ask.answers[call_id] if call_id else None,
        left=left,
        run_id=implementer.run_id,
        policy_hash=implementer.policy.policy_hash,
        warnings=tuple(dict.fromkeys(ask.warnings)),
        shadow=shadowed,
    )


def _was_the_clouds(tried: Sequence[Tried]) -> bool:
    """Whether the cloud worked on the task by itself until it was solved or the cloud given up."""
    for one in tried:
        if not one.of(CLOUD):
            return False
        if CLOUD in one.given_up:
            return True
    return bool(tried)


def _clouds_solution(repaired: Repair | None, ask: RoutedAsk) -> Mapping[str, str] | None:
    """The files with which the cloud solved the task; None where it did not."""
    if repaired is None or not repaired.solved or repaired.outcome is None:
        return None
    call_id = repaired.outcome.call_id
    by_cloud = call_id is not None and ask.answers[call_id].backend == CLOUD
    return repaired.files if by_cloud else None


def _sandboxed(task: RepairTask, scratch: Scratch, sandbox: Sandbox) -> SandboxedCheck:
    """The task's check, for code that nobody asked for."""
    wanted = task.wanted
    return SandboxedCheck(
        task.place,
        task.originals,
        scratch,
        wanted.check,
        limit_s=wanted.check_timeout_s,
        sandbox=sandbox,
    )


async def _reported(implementer: Implementer, outcomes: Mapping[str, bool]) -> list[str]:
    """Put the check's word on record: of the task, once for each backend that was asked for it."""
    warnings = []
    for call_id, ok in outcomes.items():
        try:
            await implementer.outcome(call_id, ok=ok, source="implement")
        except CapsuleError as error:
            warnings.append(f"an outcome is not in the capsule: {error.message}")
    return warnings


def _given_up(name: str, tried: Sequence[Tried], implementer: Implementer) -> BackendGivenUpEvent:
    return BackendGivenUpEvent(
        run_id=implementer.run_id,
        policy_hash=implementer.policy.policy_hash,
        backend=name,
        attempts=[
            FailedAttemptRecord(
                rung=one.attempt.rung,
                failure=one.attempt.failure or "",
                lines_changed=one.attempt.lines_changed,
                edit_format=one.attempt.edit_format,
            )
            for one in tried
            if one.of(name)
        ],
    )


async def _edit_format(
    settings: Settings, task: RepairTask, implementer: Implementer
) -> EditFormat:
    """The configured format; for ``auto`` that of the pass, where it fits the files."""
    configured = EditFormat(settings.reflex.edit_format)
    if configured is not EditFormat.AUTO:
        return configured
    gate = (await implementer.view()).gate
    passed = str((gate.event or {}).get("edit_format")) if gate.valid else ""
    earned = EditFormat(passed) if passed in set(EditFormat) else EditFormat.AUTO
    texts = {path: one.text for path, one in task.originals.items()}
    return earned if fits(earned, texts) else EditFormat.AUTO


def _job(settings: Settings, task: RepairTask, failing: str, edit_format: EditFormat) -> Job:
    wanted, reflex = task.wanted, settings.reflex
    # Reflex, the cloud and each further backend may fail as often; then nobody is left.
    most = reflex.fallback.max_failures * (2 + len(reflex.backends))
    return Job(
        instruction=wanted.prompt,
        files={path: one.text for path, one in task.originals.items()},
        editable=tuple(task.originals),
        failing=failing,
        edit_format=edit_format,
        attempts=wanted.attempts or most,
        candidates=wanted.candidates or reflex.candidates,
    )


def _changes(task: RepairTask, repaired: Repair) -> tuple[FileChange, ...]:
    texts = repaired.files
    return tuple(
        FileChange(path, one.data, one.encoded(texts[path]))
        for path, one in task.originals.items()
        if texts[path] != one.text
    )
