"""What the stand-in says: a suite's solutions, else the plainest reply the schema allows."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from random import Random
from typing import Any, Protocol

from core.engine.scalar_sample import UnsampleableError
from core.engine.schema_sample import sample

SENTENCE = "This is the scripted stand-in; there is no model behind it."


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked: the text of all messages, and the schema that the reply must meet."""

    text: str
    schema: Mapping[str, Any] | None


class Answerer(Protocol):
    """One source of answers; the first that has one is heard."""

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
        try:
            return _instance(json.dumps(question.schema))
        except RecursionError as error:
            raise UnsampleableError("the schema is too deep") from error


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
        """See ``Answerer``; silent without a schema, or when no task's prompt was quoted."""
        task = next((task for task in self._tasks if task.prompt in question.text), None)
        if task is None or question.schema is None:
            return None
        occurrence = self._asked[task.task_id]
        self._asked[task.task_id] += 1
        chance = Random(f"{self._seed}:{task.task_id}:{occurrence}")  # noqa: S311  not a secret
        good = chance.random() < self._success_rate
        after = task.solved if good else task.wrong or task.broken
        return self._form(question.schema, task.broken, after)


@lru_cache(maxsize=256)
def _instance(schema_text: str) -> str:
    from jsonschema import Draft202012Validator  # noqa: PLC0415  costs start-up
    from jsonschema.exceptions import SchemaError, ValidationError  # noqa: PLC0415
    from referencing import Registry  # noqa: PLC0415
    from referencing.exceptions import Unresolvable  # noqa: PLC0415

    schema = json.loads(schema_text)
    try:
        Draft202012Validator.check_schema(schema)
        instance = sample(schema)
        # An empty registry: no reference ever makes it fetch anything.
        Draft202012Validator(schema, registry=Registry()).validate(instance)
    except SchemaError as error:
        raise UnsampleableError(f"not a JSON schema: {error.message}") from error
    except (ValidationError, Unresolvable, re.error) as error:
        raise UnsampleableError(f"the stand-in found no instance: {error}") from error
    return json.dumps(instance, ensure_ascii=False)
