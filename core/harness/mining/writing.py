"""Writes a suite of verified tasks, whole or not at all."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import tomlkit

from core.errors import SuiteError
from core.harness.suites.loading import own_suites
from core.harness.suites.tasks import lay_out
from core.harness.suites.trees import TreeWriter
from core.plain import plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from core.harness.mining.verifying import Verified
    from core.harness.suites.tasks import CheckCommand


def place_for(workspace: Path, name: str, *, replace: bool) -> Path:
    """Where the suite ``name`` will lie.

    Raises:
        SuiteError: There is one already, and it is not to be replaced.
    """
    place = own_suites(workspace) / name
    if place.exists() and not replace:
        raise SuiteError(
            f"there is a suite {plain(name, 64)} already: {plain(place)}",
            remedy="Give another name, or --replace it; passes by the old one lapse.",
        )
    return place


def write_suite(
    place: Path, name: str, tasks: Sequence[Verified], made: Mapping[str, str], bind: Sequence[str]
) -> None:
    """Write the suite at ``place``, in place of what is there.

    Raises:
        OSError: It cannot be written; nothing is left then.
    """
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = place.with_name(f".{place.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(mode=0o700)
    try:
        about = {
            "name": name,
            "version": "1",
            "description": f"Tasks from this project's own code, as of {made['commit'][:12]}.",
            "made": dict(made),
        }
        (partial / "suite.toml").write_text(tomlkit.dumps(about), encoding="utf-8")
        trees = TreeWriter(partial)
        try:
            for id_, task in _named(tasks).items():
                _write_task(partial / id_, id_, task, trees.add(task.candidate.tree), bind)
        finally:
            trees.close()
        shutil.rmtree(place, ignore_errors=True)
        partial.rename(place)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _named(tasks: Sequence[Verified]) -> dict[str, Verified]:
    """The tasks by an id of their own."""
    found: dict[str, Verified] = {}
    for task in tasks:
        id_, number = task.candidate.id, 2
        while id_ in found:
            id_, number = f"{task.candidate.id}-{number}", number + 1
        found[id_] = task
    return found


def _write_task(directory: Path, id_: str, task: Verified, tree: str, bind: Sequence[str]) -> None:
    one = task.candidate
    about = {
        "id": id_,
        "title": one.title,
        "prompt": one.prompt,
        "level": one.level,
        "category": one.category,
        "editable": list(one.broken),
        "time_limit_s": task.time_limit_s,
        "tree": tree,
        "tags": one.tags,
        "check": _check(one.check, bind),
    }
    directory.mkdir()
    (directory / "task.toml").write_text(tomlkit.dumps(about), encoding="utf-8")
    (directory / "expected.txt").write_text(
        "".join(f"{name}\n" for name in task.expected), encoding="utf-8"
    )
    lay_out(one.broken, directory / "workspace")
    lay_out(one.solution, directory / "solution")
    if one.control:
        lay_out(one.control, directory / "control")


def _check(check: CheckCommand, bind: Sequence[str]) -> dict[str, object]:
    values: dict[str, object] = {
        "command": list(check.command),
        "compile": list(check.compile),
        "result": check.result,
        "report": check.report,
        "python_path": list(check.python_path),
        "bind": list(bind),
    }
    return {name: value for name, value in values.items() if value}
