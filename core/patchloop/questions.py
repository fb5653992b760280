"""What is asked about a job, from attempt to attempt: which words, files, schema and format."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from core.client.backend import ChatRequest
from core.patchloop.asking import Asking
from core.patchloop.attempt import Try
from core.patchloop.auto import resolve
from core.patchloop.formats import MASKABLE, EditFormat, schema
from core.patchloop.grammar import fence_for, fence_grammar
from core.patchloop.ladder import FailedAttempt, Rung, next_rung
from core.patchloop.masking import focused, masked, reached_sources
from core.patchloop.prompt import hints, info_of, opening, reply_tokens, retry
from core.patchloop.trial import UNANSWERED, FailureKind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from core.client.backend import Message
    from core.patchloop.job import Job

FIRST_TEMPERATURE = 0.0
OTHER_TEMPERATURE = 0.8
# Seeds of an attempt's candidates lie side by side; no attempt has more of them.
_SEEDS_AN_ATTEMPT = 64
_MOST_SEED = 1 << 31


def fewest_questions() -> int:
    """How many different questions there are for any job; then it is another backend's turn."""
    return 2 + len(hints())


@dataclass(frozen=True, slots=True)
class _Form:
    """A job in one format: its files as they are shown, and a request without messages."""

    edit_format: EditFormat
    files: Mapping[str, str]
    masked: Mapping[str, str] | None
    request: ChatRequest


def _form(job: Job, edit_format: EditFormat) -> _Form:
    files = job.files
    texts = [files.get(path, "") for path in job.editable]
    fenced = edit_format is EditFormat.FENCE
    if edit_format is EditFormat.FUNCTION:
        texts = reached_sources(files, job.editable, job.failing)
        files = focused(files, job.editable, job.failing)
    return _Form(
        edit_format,
        files,
        masked(files, job.editable, job.failing) if edit_format in MASKABLE else None,
        ChatRequest(
            messages=(),
            schema=None if fenced else schema(edit_format, job.editable),
            schema_name="edits",
            grammar=_grammar(job.editable, texts) if fenced else None,
            max_tokens=reply_tokens(edit_format, texts),
        ),
    )


def _grammar(editable: Sequence[str], texts: Sequence[str]) -> str:
    return fence_grammar(editable, info=info_of(editable), fence=fence_for(texts))


class Questions:
    """What is asked about a job, and what has been tried.

    Raises:
        ValueError: No file may be edited.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        texts = {path: job.files.get(path, "") for path in job.editable}
        self._form = _form(job, resolve(job.edit_format, texts, job.failing))
        # Functions cannot say every change, so `auto` does not end with them.
        by_function = self._form.edit_format is EditFormat.FUNCTION
        self._search = (
            _form(job, EditFormat.SEARCH_REPLACE)
            if by_function and job.edit_format is EditFormat.AUTO
            else None
        )
        self._last = self._form
        self._past: list[FailedAttempt] = []
        self._tried: list[FailedAttempt] = []

    def next_rung(self) -> Rung | None:
        """How the next attempt asks; None when every question has been asked."""
        return next_rung(
            self._past,
            can_mask=self._form.masked is not None,
            can_search=self._search is not None,
            hints=len(hints()),
        )

    def failed(self, rung: Rung, chosen: Try) -> None:
        """Remember an attempt whose reply came; one without is asked again as it was."""
        if chosen.failure is None or chosen.failure in UNANSWERED | {FailureKind.TIMEOUT}:
            return
        diff = chosen.applied.diff if chosen.applied else ""
        self._past.append(FailedAttempt(rung, chosen.failure, chosen.detail, chosen.text, diff))
        forms = [one for one in (self._form, self._search) if one]
        self._last = next(one for one in forms if one.edit_format is chosen.edit_format)

    def begin_again(self) -> None:
        """Another backend is asked from now on: the ladder begins anew, with what was tried."""
        self._tried += self._past
        self._past = []

    def requests(self, rung: Rung, number: int, most: int = 1) -> list[Asking]:
        """The attempt's requests: the question that is due first, then variants, sampled.

        A variant is asked for up to ``most`` replies at once.
        """
        job = self._job
        seed = None if job.seed is None else job.seed + number * _SEEDS_AN_ATTEMPT
        made = []
        index = 0
        while index < job.candidates:
            form = self._form if index else self._form_of(rung)
            count = min(most, job.candidates - index) if index else 1
            request = replace(
                form.request,
                messages=self._variant(number * job.candidates + index)
                if index
                else self._messages(rung, form),
                temperature=OTHER_TEMPERATURE if index else FIRST_TEMPERATURE,
                seed=None if seed is None else (seed + index) % _MOST_SEED,
            )
            tries = [Try(job, form.edit_format) for _ in range(count)]
            made.append(Asking(request, tries))
            index += count
        return made

    def _form_of(self, rung: Rung) -> _Form:
        if rung is Rung.SEARCH and self._search:
            return self._search
        return self._last if rung is Rung.FEEDBACK else self._form

    def _messages(self, rung: Rung, form: _Form) -> tuple[Message, ...]:
        if rung is Rung.VARIANT:
            return self._variant(sum(one.rung is Rung.VARIANT for one in self._past))
        if rung is Rung.FEEDBACK:
            last = self._past[-1]
            return (*self._opening(form), *retry(last.reply, last.failure, last.detail))
        return self._opening(form, mask=rung is Rung.MASK)

    def _variant(self, number: int) -> tuple[Message, ...]:
        """With and without bodies in turn, and with another hint after each pair."""
        masks = self._form.masked is not None
        hint = hints()[number // (2 if masks else 1) % len(hints())]
        return self._opening(self._form, mask=masks and number % 2 == 1, hint=hint)

    def _opening(self, form: _Form, *, mask: bool = False, hint: str = "") -> tuple[Message, ...]:
        job = self._job
        return opening(
            job.instruction,
            form.files,
            job.editable,
            form.edit_format,
            job.failing,
            masked=form.masked if mask else None,
            tried=self._tried,
            hint=hint,
        )
