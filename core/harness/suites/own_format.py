"""Reads a suite in this package's own format: ``suite.toml`` beside one directory a task."""

from __future__ import annotations

import tomllib
from functools import partial
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from core.fingerprint import BESIDE_TASKS, suite_content_hash
from core.harness.suites.reading import (
    MAX_DEPTH,
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
from core.harness.suites.tasks import (
    DEFAULT_ATTEMPTS,
    DEFAULT_TIME_LIMIT_S,
    MAX_TASKS,
    Answers,
    CheckCommand,
    ResultKind,
    Suite,
    Task,
)
from core.harness.suites.trees import DIRECTORY, bytes_of_trees, read_tree_of
from core.plain import plain, plain_block
from core.stages import EditFormatName  # noqa: TC001  pydantic reads it

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_PARTS = ("workspace", "tests", "solution", "control")
_NO_TASKS = BESIDE_TASKS | {"suite.toml", "__pycache__", DIRECTORY}
_EXPECTED = "expected.txt"
_MOST_EXPECTED = 2 << 20
_PROJECT_DEPTH = 12  # of a project's own directories, where a command is the check
_Label = Annotated[str, Field(pattern=TASK_ID)]
_Words = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=1000)]], Field(max_length=100)
]
_Paths = Annotated[list[Annotated[str, Field(min_length=1, max_length=500)]], Field(max_length=16)]


class _CheckToml(Strict):
    command: Annotated[_Words, Field(min_length=1)]
    compile: _Words = Field(default=[])
    result: ResultKind = "exit"
    report: Annotated[str, Field(max_length=200)] = ""
    python_path: _Paths = Field(default=[])
    bind: _Paths = Field(default=[])

    def command_of(self, where: str) -> CheckCommand:
        if self.result == "junit" and not self.report:
            raise fault(where, "check.report is missing", "Name the XML file that is written.")
        for path in (*self.python_path, *([self.report] if self.report else [])):
            if path.startswith("/") or ".." in path.split("/"):
                raise fault(where, f"check: {path!r} leads out", "Use paths of the work tree.")
        return CheckCommand(
            tuple(self.command),
            tuple(self.compile),
            self.result,
            self.report,
            tuple(self.python_path),
            tuple(self.bind),
        )


class _SuiteToml(Strict):
    name: _Label
    version: Annotated[str, Field(pattern=r"^[0-9A-Za-z.+-]{1,32}$")]
    description: Annotated[str, Field(max_length=1000)] = ""
    edit_format: EditFormatName = "auto"
    attempts: Annotated[int, Field(ge=1, le=20)] = DEFAULT_ATTEMPTS
    check: _CheckToml | None = None
    made: dict[_Label, Annotated[str, Field(max_length=200)]] = Field(default={})


class _TaskToml(Strict):
    id: _Label
    title: Annotated[str, Field(min_length=1, max_length=120)]
    prompt: Annotated[str, Field(min_length=1, max_length=8000)]
    level: Annotated[int, Field(ge=0, le=3)]
    category: _Label
    editable: Annotated[list[str], Field(min_length=1, max_length=16)]
    time_limit_s: Annotated[float, Field(gt=0, le=120)] = DEFAULT_TIME_LIMIT_S
    tags: dict[_Label, _Label] = Field(default={}, max_length=8)
    golden: bool = False
    check: _CheckToml | None = None
    tree: _Label | None = None


def detect(root: Path) -> bool:
    """Whether ``root`` holds a suite in this format."""
    return (root / "suite.toml").exists()


def read(root: Path) -> Suite:
    """The suite at ``root``.

    Raises:
        SuiteError: Anything about it is not as the format says.
    """
    toml = read_bytes(root, "suite.toml")
    about = checked(_SuiteToml, _toml(toml, root / "suite.toml"), "suite.toml")
    suite_check = about.check.command_of("suite.toml") if about.check else None
    tasks, left_bytes = [], MAX_SUITE_BYTES - len(toml) - bytes_of_trees(root)
    for name in _task_directories(root):
        task, its_bytes = _read_task(root, name, suite_check)
        tasks.append(task)
        left_bytes -= its_bytes
        if left_bytes < 0:
            raise fault(str(root), f"is over {MAX_SUITE_BYTES >> 20} MiB", "Split the suite.")
    return Suite(
        name=about.name,
        version=about.version,
        tasks=tuple(tasks),
        hash=suite_content_hash(root),
        edit_format=about.edit_format,
        attempts=about.attempts,
        root=root,
        description=plain(about.description),
        made=about.made,
    )


def _task_directories(root: Path) -> list[str]:
    names = []
    for entry in listed(root):
        if entry.name.startswith(".") or entry.name in _NO_TASKS:
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


def _read_task(root: Path, name: str, suite_check: CheckCommand | None) -> tuple[Task, int]:
    """The task in the directory ``name``, and how many bytes it is made of."""
    directory = root / name
    toml = read_bytes(directory, "task.toml")
    about = checked(_TaskToml, _toml(toml, directory / "task.toml"), f"{name}/task.toml")
    if about.id != name:
        raise fault(
            f"{name}/task.toml", f"id is {about.id!r}", f"Name the id {name!r} as its directory."
        )
    check = about.check.command_of(f"{name}/task.toml") if about.check else suite_check
    if about.tree and check is None:
        raise fault(f"{name}/task.toml", "a tree without a check", "Add [check] with a command.")
    for entry in listed(directory):
        if not entry.name.startswith(".") and entry.name not in {"task.toml", _EXPECTED, *_PARTS}:
            raise fault(entry.path, "has no place in a task", f"A task has {', '.join(_PARTS)}.")
    parts = _read_parts(directory, by_command=check is not None)
    texts = {
        part: {path: decode(data, f"{name}/{part}/{path}") for path, data in found.items()}
        for part, found in parts.items()
    }
    _check_editable(name, about.editable, texts)
    if check is None and not any(is_test_file(path) for path in texts["tests"]):
        raise fault(f"{name}/tests", "has no test_*.py", "Add a file of test functions.")
    expected = b""
    if (directory / _EXPECTED).exists():
        expected = read_bytes(directory, _EXPECTED, limit=_MOST_EXPECTED)
    read = [toml, expected, *(data for found in parts.values() for data in found.values())]
    task = Task(
        id=about.id,
        title=plain(about.title),
        prompt=plain_block(about.prompt.strip()),
        level=about.level,
        category=about.category,
        editable=tuple(about.editable),
        time_limit_s=float(about.time_limit_s),
        workspace=texts["workspace"],
        tests=texts["tests"],
        answers=partial(_answers, directory, check is not None),
        tags=about.tags,
        golden=about.golden,
        check=check,
        base=partial(read_tree_of, root, about.tree) if about.tree else None,
        expected=tuple(decode(expected, f"{name}/{_EXPECTED}").splitlines()),
    )
    return task, sum(map(len, read))


def _read_parts(directory: Path, *, by_command: bool) -> dict[str, dict[str, bytes]]:
    """The files of each part; with a command as its check, a task may have no tests of its own."""
    depth = _PROJECT_DEPTH if by_command else MAX_DEPTH
    parts: dict[str, dict[str, bytes]] = {"tests": {}}
    for part in _PARTS:
        optional = part == "control" or (part == "tests" and by_command)
        if not optional or (directory / part).exists():
            parts[part] = read_tree(directory, part, max_depth=depth)
    return parts


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
    for path in texts["tests"].keys() & set(editable):
        raise fault(f"{name}/tests/{path}", "is editable, and protected", "Make it one of both.")
    for part in texts.keys() - {"workspace", "tests"}:
        if not texts[part]:
            raise fault(f"{name}/{part}", "is empty", "Put the changed files here, complete.")
        for path in texts[part].keys() - set(editable):
            raise fault(f"{name}/{part}/{path}", "is not editable", "Add it to editable.")


def _answers(directory: Path, by_command: bool, which: Answers) -> Mapping[str, str]:  # noqa: FBT001
    if which == "control" and not (directory / "control").exists():
        return {}
    found = read_tree(directory, which, max_depth=_PROJECT_DEPTH if by_command else MAX_DEPTH)
    return {path: decode(data, f"{directory.name}/{path}") for path, data in found.items()}


def _toml(data: bytes, path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(decode(data, str(path)))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise fault(str(path), str(error), "Fix the TOML.") from None
