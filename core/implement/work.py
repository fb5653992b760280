"""A task worked on: checked, asked for, checked again; the user's files are left as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.clock import SystemClock
from core.errors import NoBackend
from core.harness.patchloop.job import Job
from core.harness.patchloop.loop import repair
from core.implement.checking import CopyCheck
from core.implement.routed import RoutedAsk
from core.implement.scratch import Scratch
from core.implement.task import Solved, Tried
from core.implement.writing import Change
from core.router.implementer import Implementer

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.harness.gate.trial import Attempt
    from core.harness.patchloop.loop import Repair
    from core.implement.command import Ran
    from core.implement.task import Task
    from core.settings import Settings

_EXHAUSTED = "whoever may answer has failed this task as often as it may (max_failures)"


async def work(
    settings: Settings,
    task: Task,
    *,
    on_before: Callable[[Ran], None],
    on_tried: Callable[[Tried], None],
) -> Solved:
    """Work on ``task`` until a candidate passes its check or nobody is left to ask.

    Told as it goes: how the check ended before any change, and each attempt's end.

    Raises:
        ConfigError: The check cannot be started, or the repository not be copied.
        BackendError: Whoever was asked last cannot be used at all.
        NoBackend: The rule lets nobody answer.
        CapsuleError: A decision could not be recorded; nothing was sent.
    """
    wanted, limit = task.wanted, settings.reflex.fallback.max_failures
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
            ask = RoutedAsk(implementer, wanted.stage, SystemClock(), max_failures=limit)

            def note(attempt: Attempt) -> None:
                asked, given_up = ask.ended(passed=attempt.failure is None)
                tried.append(Tried(len(tried) + 1, asked, attempt, given_up))
                on_tried(tried[-1])

            failing = "" if before.passed else check.told(before)
            repaired, left = None, ""
            try:
                repaired = await repair(_job(settings, task, failing), ask, check, on_attempt=note)
            except NoBackend as error:
                if not tried:
                    raise
                left = _EXHAUSTED if ask.given_up else error.message
    solved = repaired is not None and repaired.solved
    if not solved and not wanted.attempts:
        left = left or _EXHAUSTED
    call_id = repaired.outcome.call_id if repaired and repaired.outcome else None
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
    )


def _job(settings: Settings, task: Task, failing: str) -> Job:
    wanted, reflex = task.wanted, settings.reflex
    # Reflex, the cloud and each further backend may fail as often; then nobody is left.
    most = reflex.fallback.max_failures * (2 + len(reflex.backends))
    return Job(
        instruction=wanted.prompt,
        files={path: one.text for path, one in task.originals.items()},
        editable=tuple(task.originals),
        failing=failing,
        edit_format=wanted.edit_format,
        attempts=wanted.attempts or most,
        candidates=wanted.candidates or reflex.candidates,
    )


def _changes(task: Task, repaired: Repair) -> tuple[Change, ...]:
    texts = repaired.files
    return tuple(
        Change(path, one.data, one.encoded(texts[path]), one.mode)
        for path, one in task.originals.items()
        if texts[path] != one.text
    )
