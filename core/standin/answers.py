"""What the stand-in says: a suite's solutions, else the plainest reply the schema allows.

A solution is written in whichever format the schema, or the prompt where there is none, asks for.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from core.client.bounded import parse_now, plain_schema
from core.errors import BadRequest, NotCompliant
from core.standin.by_function import function_edits
from core.standin.sample import UnsampleableError, sample

if TYPE_CHECKING:
    from core.harness.suites.loading import Task


# The forms' schemas allow no more.
_MOST_EDITS = 8


def edit_reply(
    schema: Mapping[str, Any], before: Mapping[str, str], after: Mapping[str, str]
) -> str:
    """The edits of ``before`` to ``after`` (path to text) as JSON that meets ``schema``.

    Raises:
        UnsampleableError: The schema is not that of an edit form.
    """
    try:
        fields = frozenset(schema["properties"]["edits"]["items"]["properties"])
    except (KeyError, TypeError) as error:
        raise UnsampleableError("the schema is not that of an edit form") from error
    changed = [path for path in after if before.get(path) != after[path]] or list(after)[:1]
    edits = [
        edit for path in changed for edit in _edits(fields, path, before.get(path, ""), after[path])
    ]
    return json.dumps({"edits": edits}, ensure_ascii=False)


# How the patch loop's prompt asks for Markdown blocks instead of JSON.
_BLOCKS = re.compile(r"in one `{3,}\w* block")
_HEADINGS = '"### FILE"'


def fenced_reply(before: Mapping[str, str], after: Mapping[str, str], *, headings: bool) -> str:
    """The files that ``after`` changes, each in a Markdown block, below its path if wanted."""
    changed = [path for path in after if before.get(path) != after[path]] or list(after)[:1]
    blocks = []
    for path in changed:
        fence = "```"
        while fence in after[path].split("\n"):
            fence += "`"
        text = f"{fence}python\n{after[path].removesuffix(chr(10))}\n{fence}"
        blocks.append(f"### {path}\n{text}" if headings else text)
    return "\n\n".join(blocks)


def _edits(fields: frozenset[str], path: str, old: str, new: str) -> list[dict[str, Any]]:
    if fields == {"path", "content"}:
        return [{"path": path, "content": new}]
    if fields == {"path", "code"}:
        return [{"path": path, "code": new.removesuffix("\n").split("\n") if new else []}]
    if fields == {"path", "function", "code"}:
        return function_edits(path, old, new)
    lines, others = old.splitlines(keepends=True), new.splitlines(keepends=True)
    changes = _changes(lines, others)
    if fields == {"path", "search", "replace"}:
        pairs = _searches(changes, old, new)
        return [{"path": path, "search": search, "replace": text} for search, text in pairs]
    if fields == {"path", "start", "end", "text"}:
        return [
            {
                "path": path,
                "start": change.start + 1,
                "end": change.end,
                "text": "".join(others[change.new_start : change.new_end]),
            }
            for change in changes
        ]
    raise UnsampleableError(f"no edit form has the fields {', '.join(sorted(fields))}")


class _Change(NamedTuple):
    """Lines ``start`` to ``end`` become lines ``new_start`` to ``new_end`` of the new text."""

    start: int
    end: int
    new_start: int
    new_end: int

    def joined(self, other: _Change) -> _Change:
        return _Change(self.start, other.end, self.new_start, other.new_end)


def _changes(old: list[str], new: list[str]) -> list[_Change]:
    """What differs, from the top; where nothing does, all of it."""
    codes = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    changes = [_Change(*code[1:]) for code in codes if code[0] != "equal"]
    return changes or [_Change(0, len(old), 0, len(new))]


def _searches(changes: list[_Change], old: str, new: str) -> list[tuple[str, str]]:
    """Texts that occur once and what replaces them: one for each change, or one for all of them.

    A change that takes in another's lines to be unique, or is made like another, spoils it.
    """
    pairs = [_search(change, old, new) for change in changes]
    text = old
    for search, replacement in pairs:
        text = text.replace(search, replacement) if _occurs_once(search, text) else ""
    if text == new and len(pairs) <= _MOST_EDITS:
        return pairs
    return [_search(changes[0].joined(changes[-1]), old, new)]


def _search(change: _Change, old: str, new: str) -> tuple[str, str]:
    lines, others = old.splitlines(keepends=True), new.splitlines(keepends=True)
    start, end, new_start, new_end = change
    while (start > 0 or end < len(lines)) and not _occurs_once("".join(lines[start:end]), old):
        above, below = int(start > 0), int(end < len(lines))
        start, end, new_start, new_end = (
            start - above,
            end + below,
            new_start - above,
            new_end + below,
        )
    return "".join(lines[start:end]), "".join(others[new_start:new_end])


def _occurs_once(search: str, text: str) -> bool:
    """Overlapping places count too."""
    start = text.find(search)
    return bool(search.strip()) and start >= 0 and text.find(search, start + 1) < 0


SENTENCE = "This is the scripted stand-in; there is no model behind it."


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked: the text of all messages, and the schema that the reply must meet."""

    text: str
    schema: Mapping[str, Any] | None


class Answerer(Protocol):
    """One source of answers; the first that has one counts."""

    def answer(self, question: Question) -> str | None:
        """The reply's text, or None where this source has nothing to say.

        Raises:
            UnsampleableError: The question cannot be answered by anyone.
        """


class SampleAnswerer:
    """Answers everything: a minimal instance of the schema, or one sentence without one."""

    def answer(self, question: Question) -> str:
        """See ``Answerer``; the instance has been validated against its schema."""
        if question.schema is None:
            return SENTENCE
        return _instance(question.schema)


@dataclass(frozen=True, slots=True)
class SolvedTask:
    """A repair task with its solution: the prompt by which it is known, and files by path.

    ``wrong`` is what a failing answer makes of them; where it is empty, they stay ``broken``.
    """

    task_id: str
    prompt: str
    broken: Mapping[str, str]
    solved: Mapping[str, str]
    wrong: Mapping[str, str] = field(default_factory=dict)


EditForm = Callable[[Mapping[str, Any], Mapping[str, str], Mapping[str, str]], str]
"""``(schema, before, after)`` to the reply that turns the files ``before`` into ``after``."""


class SuiteAnswerer:
    """Solves the tasks of a suite, ``success_rate`` of the times each is asked.

    A failing answer is a well-formed edit that does not solve the task. Which times fail depends
    on the seed, the task and how often it was asked before, not on the order of the tasks.
    """

    def __init__(
        self, tasks: Sequence[SolvedTask], form: EditForm, *, success_rate: float, seed: int
    ) -> None:
        # The longest prompt first: a short one may be part of another.
        self._tasks = sorted(tasks, key=lambda task: -len(task.prompt))
        self._form = form
        self._success_rate = success_rate
        self._seed = seed
        self._asked: Counter[str] = Counter()

    def answer(self, question: Question) -> str | None:
        """See ``Answerer``; silent where no edits are asked for, or no task's prompt was quoted."""
        named = [task for task in self._tasks if task.prompt in question.text]
        # Mutants of one file have the same prompt: the file as it is shown tells them apart. Of a
        # long one a part is not shown, so the task counts of which the most is.
        task = max(named, key=lambda one: _lines_in(one.broken, question.text), default=None)
        if task is None or (question.schema is None and not _BLOCKS.search(question.text)):
            return None
        occurrence = self._asked[task.task_id]
        self._asked[task.task_id] += 1
        chance = Random(f"{self._seed}:{task.task_id}:{occurrence}")  # noqa: S311  not a secret
        good = chance.random() < self._success_rate
        after = task.solved if good else task.wrong or task.broken
        if question.schema is None:
            return fenced_reply(task.broken, after, headings=_HEADINGS in question.text)
        return self._form(question.schema, task.broken, after)


def _lines_in(files: Mapping[str, str], question: str) -> float:
    """The share of the files' lines that stand in the question."""
    lines = [line for text in files.values() for line in text.split("\n") if line.strip()]
    asked = set(question.split("\n"))
    return sum(line in asked for line in lines) / max(1, len(lines))


def _instance(schema: Mapping[str, Any]) -> str:
    try:
        text = json.dumps(sample(plain_schema(schema)), ensure_ascii=False)
        parse_now(text, schema)
    except (BadRequest, NotCompliant) as error:
        raise UnsampleableError(f"the stand-in found no instance: {error.message}") from error
    return text


def suite_answerer(name_or_path: str, *, success_rate: float, seed: int) -> SuiteAnswerer:
    """An answerer for all tasks of a suite.

    Raises:
        SuiteError: There is no such suite, or it cannot be used.
    """
    from core.harness.suites.loading import load_suite  # the harness costs start-up

    tasks = [_solved(task) for task in load_suite(name_or_path).tasks]
    return SuiteAnswerer(tasks, edit_reply, success_rate=success_rate, seed=seed)


def _solved(task: Task) -> SolvedTask:
    broken = {path: task.workspace[path] for path in task.editable if path in task.workspace}
    first = task.editable[0]
    # A suite of a public format has no control; a comment fixes nothing either.
    wrong = task.control or {first: broken.get(first, "").rstrip("\n") + "\n# unchanged\n"}
    return SolvedTask(
        task.id, task.prompt, broken, {**broken, **task.solution}, {**broken, **wrong}
    )
