"""Lays out tasks as broken, solved and wrongly fixed, and runs their tests."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from core.harness.suites.loading import Task, lay_out

if TYPE_CHECKING:
    from collections.abc import Sequence

Ended = dict[str, str | None]
VARIANTS = ("broken", "solution", "control")


def try_tasks(
    tasks: Sequence[Task], directory: Path, variants: Sequence[str] = VARIANTS
) -> dict[str, dict[str, Ended]]:
    """How the tests of each task end in each variant, by task id and variant."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        done = pool.map(lambda variant: _try(tasks, variant, directory / variant), variants)
        by_variant = dict(zip(variants, done, strict=True))
    return {task.id: {name: by_variant[name][task.id] for name in variants} for task in tasks}


def _try(tasks: Sequence[Task], variant: str, directory: Path) -> dict[str, Ended]:
    jobs = []
    for task in tasks:
        change = {} if variant == "broken" else task.answers(variant)  # type: ignore[arg-type]
        workspace, tests = directory / task.id / "workspace", directory / task.id / "tests"
        lay_out({**task.workspace, **change}, workspace)
        lay_out(task.tests, tests)
        jobs.append((str(workspace), str(tests)))
    done = subprocess.run(
        [sys.executable, "-I", Path(__file__).with_name("trying.py")],
        input=json.dumps(jobs),
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return {task.id: ended for task, ended in zip(tasks, json.loads(done.stdout), strict=True)}
