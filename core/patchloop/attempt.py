"""One reply on its way: asked for, validated, applied, compiled, checked.

A reply that leaves the program as it was, and so fails like it, is a failure of its own kind: small
models return the file with a blank line more or other quotes.
"""

from __future__ import annotations

import ast
import asyncio
import math
import warnings
from typing import TYPE_CHECKING

from core.errors import (
    AttemptTimeout,
    BadRequest,
    Busy,
    CutReply,
    EditRejected,
    EditUnchanged,
    Misconfigured,
    NotCompliant,
    OnlyReasoning,
    RateLimited,
    TooLong,
)
from core.patchloop.applying import apply
from core.patchloop.formats import EditFormat, parse, parse_fenced
from core.patchloop.masking import FUNCTIONS, parsed
from core.patchloop.trial import UNANSWERED, FailureKind
from core.plain import plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from core.errors import BackendError
    from core.patchloop.applying import Applied
    from core.patchloop.formats import Edit
    from core.patchloop.job import Check, Job
    from core.router.evidence import Outcome


# Compiling takes about a millisecond per 10 KiB; beyond this it leaves the event loop.
_QUICK_CHARACTERS = 32 * 1024
_DOCUMENTED = (ast.Module, ast.ClassDef, *FUNCTIONS)


async def compile_problem(files: Mapping[str, str], changed: Sequence[str]) -> str:
    """What the compiler says against the first ``changed`` file that is at fault, else nothing.

    Only ``.py`` files are looked at.
    """
    sources = [(path, files[path]) for path in changed if path.endswith(".py")]
    if sum(len(text) for _, text in sources) <= _QUICK_CHARACTERS:
        return _first_problem(sources)
    return await asyncio.to_thread(_first_problem, sources)


def _first_problem(sources: Sequence[tuple[str, str]]) -> str:
    return next(filter(None, (_problem(path, text) for path, text in sources)), "")


def _problem(path: str, text: str) -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(text, path, "exec", dont_inherit=True)
    except SyntaxError as error:
        source = f": {error.text.strip()}" if error.text else ""
        return plain(f"{path}:{error.lineno}: {error.msg}{source}", 500)
    except (ValueError, RecursionError, MemoryError, OverflowError) as error:
        return plain(f"{path}: {error or type(error).__name__}", 500)
    return ""


def same_program(before: Mapping[str, str], after: Mapping[str, str]) -> bool:
    """Whether two sets of files are the same but for what a Python program does not see.

    Python files are compared by syntax tree, so blank lines, quotes and comments do not count, nor
    do docstrings that were left out; others by their text.
    """
    return before.keys() == after.keys() and all(
        text == after[path] or (path.endswith(".py") and _same_tree(text, after[path]))
        for path, text in before.items()
    )


def _same_tree(before: str, after: str) -> bool:
    was, now = parsed(before), parsed(after)
    if was is None or now is None:
        return False
    try:
        dump = ast.dump(now)
        return dump in (ast.dump(was), ast.dump(_without_docstrings(was)))
    except RecursionError:
        return False


def _without_docstrings(tree: ast.Module) -> ast.Module:
    """The tree, from which small models leave docstrings out when they copy it."""
    for node in ast.walk(tree):
        if isinstance(node, _DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            del node.body[0]
    return tree


# The further a reply came, the more its failure tells the model.
# A whole reply came, and it was not in the format.
_CAME_WRONG = (NotCompliant, CutReply, OnlyReasoning)
_ORDER = (
    FailureKind.TRANSPORT,
    FailureKind.REFUSED,
    FailureKind.TOO_LONG,
    FailureKind.BUSY,
    FailureKind.TIMEOUT,
    FailureKind.ONLY_REASONING,
    FailureKind.FORMAT,
    FailureKind.APPLY,
    FailureKind.COMPILE,
    FailureKind.UNCHANGED,
    FailureKind.SANDBOX,
    FailureKind.TEST,
    FailureKind.LINT,
)


class Try:
    """One reply of an attempt; what it holds is right at any moment, also when cancelled.

    ``failure`` is the first thing that went wrong and ``detail`` says what; ``passed`` that the
    check did, which a lint failure does not undo.
    """

    def __init__(self, job: Job, edit_format: EditFormat) -> None:
        self._job = job
        self.edit_format = edit_format
        self.outcome: Outcome | None = None
        self.applied: Applied | None = None
        self.failure: FailureKind | None = None
        self.detail = ""
        self.late = False
        self.passed = False
        self.lint_passed: bool | None = None
        self._malformed = False

    async def judge(self, outcome: Outcome, check: Check) -> bool:
        """Judge how it ended; returns whether it passed."""
        self.outcome = outcome
        error = outcome.error
        self.late = self.came and outcome.latency_ms > self._job.timeout_ms
        if self.late:
            limit, took = self._job.timeout_ms, outcome.latency_ms
            self._failed(FailureKind.TIMEOUT, f"answered after {took:.0f} ms, over {limit:g} ms")
        elif error is not None:
            self._failed(_kind(error), error.message)
        else:
            await self._judge(check)
        return self.passed

    async def _judge(self, check: Check) -> None:
        edits = self._edits()
        if edits is None:
            return
        try:
            self.applied = apply(self._job.files, edits, self._job.editable)
        except EditUnchanged as error:
            self._failed(FailureKind.UNCHANGED, self._job.failing or error.message)
            return
        except EditRejected as error:
            self._failed(FailureKind.APPLY, error.message)
            return
        problem = await compile_problem(self.applied.files, self.applied.changed)
        if problem:
            self._failed(FailureKind.COMPILE, problem)
            return
        checked = await check(self.applied.files, self.applied.changed)
        self.passed, self.lint_passed = checked.passed, checked.lint_passed
        if checked.failure is None:
            return
        kind = checked.failure
        # Looked at only now: a check may be of the very thing that a program does not see.
        if kind is FailureKind.TEST and same_program(self._job.files, self.applied.files):
            kind = FailureKind.UNCHANGED
        self._failed(kind, checked.feedback)

    def _edits(self) -> Sequence[Edit] | None:
        """What the reply says; None where it is not in the format."""
        assert self.outcome is not None
        assert self.outcome.reply is not None
        fenced = self.edit_format is EditFormat.FENCE
        try:
            if fenced:
                return parse_fenced(self.outcome.reply.text, self._job.editable)
            return parse(self.edit_format, self.outcome.reply.data)
        except EditRejected as error:
            # JSON has met its schema by now; what is wrong with it is an edit's content.
            self._malformed = fenced
            self._failed(FailureKind.FORMAT if fenced else FailureKind.APPLY, error.message)
            return None

    def _failed(self, kind: FailureKind, detail: str) -> None:
        self.failure, self.detail = kind, detail

    @property
    def came(self) -> bool:
        """A whole reply arrived, good or bad."""
        return self.outcome is not None and (
            self.outcome.reply is not None or self.compliant is False
        )

    @property
    def compliant(self) -> bool | None:
        """Whether the reply was in the format asked for; None while or when none came."""
        if self.outcome is None:
            return None
        if self.outcome.reply is not None:
            return not self._malformed
        return False if isinstance(self.outcome.error, _CAME_WRONG) else None

    @property
    def latency_ms(self) -> float:
        """From the request to the reply's last byte; ∞ when it never came."""
        return self.outcome.latency_ms if self.outcome and self.came else math.inf

    @property
    def waited_ms(self) -> float:
        """As ``latency_ms``, but a call that was refused or broke off ended when it did."""
        refused = self.outcome is not None and self.failure in UNANSWERED
        return self.outcome.latency_ms if self.outcome and refused else self.latency_ms

    @property
    def ttft_ms(self) -> float | None:
        """From the request to the first content, also of a reply that failed."""
        ending = self.outcome and (self.outcome.reply or self.outcome.error)
        return ending.ttft_ms if ending else None

    @property
    def text(self) -> str:
        """The reply as it came."""
        if self.outcome is None:
            return ""
        if self.outcome.reply is not None:
            return self.outcome.reply.text
        return getattr(self.outcome.error, "text", "")

    @property
    def came_as_far_as(self) -> int:
        """How far the reply got; of several that failed, the furthest is fed back."""
        return _ORDER.index(self.failure) if self.failure else len(_ORDER)


# The first that fits; what fits none is the transport's.
_KINDS: tuple[tuple[type[BackendError] | tuple[type[BackendError], ...], FailureKind], ...] = (
    (OnlyReasoning, FailureKind.ONLY_REASONING),
    ((NotCompliant, CutReply), FailureKind.FORMAT),
    (AttemptTimeout, FailureKind.TIMEOUT),
    (TooLong, FailureKind.TOO_LONG),
    ((Busy, RateLimited), FailureKind.BUSY),
    ((BadRequest, Misconfigured), FailureKind.REFUSED),
)


def _kind(error: BackendError) -> FailureKind:
    found = (kind for types, kind in _KINDS if isinstance(error, types))
    return next(found, FailureKind.TRANSPORT)
