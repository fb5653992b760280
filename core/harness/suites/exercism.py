"""Reads a clone of Exercism's Python track: practice exercises with stub, example and tests."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from core.harness.suites.public import LEVEL, LeftOutError, answers, collect, parse, uses
from core.harness.suites.reading import (
    Lenient,
    check_path,
    checked,
    decode,
    fault,
    listed,
    read_bytes,
    read_text,
)
from core.harness.suites.tasks import Suite, Task
from core.plain import plain, plain_block

_EXERCISES = "exercises/practice"
_TIME_LIMIT_S = 20.0
_DOCS = ("introduction.md", "instructions.md", "instructions.append.md")
_Names = Annotated[list[str], Field(max_length=16)]


class _Files(Lenient):
    solution: _Names
    test: _Names
    example: _Names = Field(default_factory=list)
    exemplar: _Names = Field(default_factory=list)
    editor: _Names = Field(default_factory=list)


class _Config(Lenient):
    files: _Files
    blurb: str = ""


def detect(root: Path) -> bool:
    """Whether ``root`` looks like a clone of an Exercism track."""
    return (root / _EXERCISES).is_dir()


def read(root: Path) -> Suite:
    """One task a practice exercise in Python.

    Raises:
        SuiteError: A ``config.json`` or a file it names cannot be read.
    """
    folders = listed(root / _EXERCISES)
    slugs = [one.name for one in folders if (Path(one.path) / ".meta" / "config.json").is_file()]
    return collect("exercism", root, slugs, partial(_task, root))


def _task(root: Path, slug: str) -> Task:
    where = f"{_EXERCISES}/{slug}/.meta/config.json"
    config = checked(_Config, _json(decode(read_bytes(root, where), where), where), where)
    files = config.files
    if not files.solution or not all(path.endswith(".py") for path in files.solution):
        raise LeftOutError("it is not in Python")
    if not files.test:
        raise LeftOutError("it has no tests")
    examples = files.example or files.exemplar
    if len(examples) != len(files.solution):
        raise LeftOutError("its example does not match its solution, file by file")
    folder = root / _EXERCISES / slug
    for path in [*files.solution, *files.editor, *files.test]:
        check_path(path, where)
    tests = {path: read_text(folder, path) for path in files.test}
    for path, text in tests.items():
        if uses(parse(text, path), "pytest"):
            raise LeftOutError(f"{path} needs pytest")
    workspace = {path: read_text(folder, path) for path in [*files.solution, *files.editor]}
    pairs = dict(zip(files.solution, examples, strict=True))
    return Task(
        id=slug,
        title=plain(slug.replace("-", " ")),
        prompt=_prompt(folder, config, files.solution),
        level=LEVEL,
        category="exercise",
        editable=tuple(files.solution),
        time_limit_s=_TIME_LIMIT_S,
        workspace=workspace,
        tests=tests,
        answers=answers(
            lambda: {path: read_text(folder, example) for path, example in pairs.items()}
        ),
    )


def _prompt(folder: Path, config: _Config, solution: list[str]) -> str:
    docs = [f".docs/{name}" for name in _DOCS if (folder / ".docs" / name).exists()]
    texts = [read_text(folder, path).strip() for path in docs] or [config.blurb]
    return plain_block("\n\n".join([f"Complete {', '.join(solution)}.", *texts]))


def _json(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise fault(where, "is not JSON", "Fix the file.") from None
