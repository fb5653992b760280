"""Reads a suite in this package's own format: ``suite.toml`` beside one directory a task."""

from __future__ import annotations

import tomllib
from functools import partial
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from core.harness.suites.model import (
    DEFAULT_ATTEMPTS,
    DEFAULT_TIME_LIMIT_S,
    MAX_TASKS,
    Answers,
    Suite,
    Task,
    content_hash,
)
from core.harness.suites.reading import (
    MAX_SUITE_BYTES,
    TASK_ID,
    Strict,
    checked,
    decode,
    fault,
    is_test_file,
    listed,
    read_bytes,
    read_tree,
)
from core.plain import plain, plain_block
from core.settings.model import EditFormatName  # noqa: TC001  pydantic reads it

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_PARTS = ("workspace", "tests", "solution", "control")
_BESIDE_TASKS = frozenset({"suite.toml", "README.md", "LICENSE"})
_Label = Annotated[str, Field(pattern=TASK_ID)]


class _SuiteToml(Strict):
    name: _Label
    version: Annotated[str, Field(pattern=r"^[0-9A-Za-z.+-]{1,32}$")]
    description: Annotated[str, Field(max_length=1000)] = ""
    edit_format: EditFormatName = "auto"
    attempts: Annotated[int, Field(ge=1, le=20)] = DEFAULT_ATTEMPTS


class _TaskToml(Strict):
    id: _Label
    title: Annotated[str, Field(min_length=1, max_length=120)]
    prompt: Annotated[str, Field(min_length=1, max_length=8000)]
    level: Annotated[int, Field(ge=0, le=3)]
    category: _Label
    editable: Annotated[list[str], Field(min_length=1, max_length=16)]
    time_limit_s: Annotated[float, Field(gt=0, le=120)] = DEFAULT_TIME_LIMIT_S


def detect(root: Path) -> bool:
    """Whether ``root`` holds a suite in this format."""
    return (root / "suite.toml").exists()


def read(root: Path) -> Suite:
    """The suite at ``root``.

    Raises:
        SuiteError: Anything about it is not as the format says.
    """
    files = {"suite.toml": read_bytes(root, "suite.toml")}
    about = checked(_SuiteToml, _toml(files["suite.toml"], root / "suite.toml"), "suite.toml")
    tasks, left_bytes = [], MAX_SUITE_BYTES
    for name in _task_directories(root):
        of_task: dict[str, bytes] = {}
        tasks.append(_read_task(root, name, of_task))
        files |= of_task
        left_bytes -= sum(map(len, of_task.values()))
        if left_bytes < 0:
            raise fault(str(root), f"is over {MAX_SUITE_BYTES >> 20} MiB", "Split the suite.")
    return Suite(
        name=about.name,
        version=about.version,
        tasks=tuple(tasks),
        hash=content_hash(files),
        edit_format=about.edit_format,
        attempts=about.attempts,
        root=root,
        description=plain(about.description),
    )


def _task_directories(root: Path) -> list[str]:
    names = []
    for entry in listed(root):
        if entry.name.startswith(".") or entry.name in _BESIDE_TASKS | {"__pycache__"}:
            continue
        if entry.is_symlink() or not entry.is_dir():
            raise fault(
                entry.path, "is no task directory", "Move it out, or put the task's files here."
            )
        names.append(entry.name)
    if not names:
        raise fault(str(root), "has no tasks", "Add a directory with a task.toml.")
    if len(names) > MAX_TASKS:
        raise fault(str(root), f"has over {MAX_TASKS} tasks", "Split the suite.")
    return names


def _read_task(root: Path, name: str, files: dict[str, bytes]) -> Task:
    """The task in the directory ``name``; what it is made of is added to ``files``."""
    directory = root / name
    toml = read_bytes(directory, "task.toml")
    about = checked(_TaskToml, _toml(toml, directory / "task.toml"), f"{name}/task.toml")
    if about.id != name:
        raise fault(
            f"{name}/task.toml", f"id is {about.id!r}", f"Name the id {name!r} as its directory."
        )
    for entry in listed(directory):
        if not entry.name.startswith(".") and entry.name not in {"task.toml", *_PARTS}:
            raise fault(entry.path, "has no place in a task", f"A task has {', '.join(_PARTS)}.")
    parts = {part: read_tree(directory, part) for part in _PARTS[:3]}
    if (directory / "control").exists():
        parts["control"] = read_tree(directory, "control")
    texts = {
        part: {path: decode(data, f"{name}/{part}/{path}") for path, data in found.items()}
        for part, found in parts.items()
    }
    _check_editable(name, about.editable, texts)
    files[f"{name}/task.toml"] = toml
    files.update(
        (f"{name}/{part}/{path}", data)
        for part, found in parts.items()
        for path, data in found.items()
    )
    return Task(
        id=about.id,
        title=plain(about.title),
        prompt=plain_block(about.prompt.strip()),
        level=about.level,
        category=about.category,
        editable=tuple(about.editable),
        time_limit_s=float(about.time_limit_s),
        workspace=texts["workspace"],
        tests=texts["tests"],
        answers=partial(_answers, directory),
    )


def _check_editable(name: str, editable: list[str], texts: Mapping[str, Mapping[str, str]]) -> None:
    for path in editable:
        if path not in texts["workspace"]:
            raise fault(
                f"{name}/task.toml",
                f"editable: no file {path!r} in workspace/",
                "Name files relative to workspace/, with / between directories.",
            )
    if len(set(editable)) != len(editable):
        raise fault(f"{name}/task.toml", "editable names a file twice", "Name it once.")
    for part in texts.keys() - {"workspace", "tests"}:
        if not texts[part]:
            raise fault(f"{name}/{part}", "is empty", "Put the changed files here, complete.")
        for path in texts[part].keys() - set(editable):
            raise fault(f"{name}/{part}/{path}", "is not editable", "Add it to editable.")
    if not any(is_test_file(path) for path in texts["tests"]):
        raise fault(f"{name}/tests", "has no test_*.py", "Add a file of test functions.")


def _answers(directory: Path, which: Answers) -> Mapping[str, str]:
    if which == "control" and not (directory / "control").exists():
        return {}
    found = read_tree(directory, which)
    return {path: decode(data, f"{directory.name}/{path}") for path, data in found.items()}


def _toml(data: bytes, path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(decode(data, str(path)))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise fault(str(path), str(error), "Fix the TOML.") from None
