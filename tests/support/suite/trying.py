"""Runs test files in one process, each job with modules of its own: ``python -I trying.py < jobs``.

A job is ``[workspace directory, tests directory]``; the answer to each is ``{test: failure}``, with
null for a test that passed. All of it is JSON. It trusts the code, unlike the sandbox.
"""

from __future__ import annotations

import asyncio  # noqa: F401  loaded once, not by every job
import importlib.util
import inspect
import json
import signal
import sys
import unittest
from pathlib import Path
from typing import Any

LIMIT_S = 60


def run(workspace: Path, tests: Path) -> dict[str, str | None]:
    """Every test of the directory and how it ended."""
    sys.path.insert(0, str(workspace))
    importlib.invalidate_caches()
    ended: dict[str, str | None] = {}
    signal.setitimer(signal.ITIMER_REAL, LIMIT_S)
    try:
        for path in sorted(tests.glob("*.py")):
            _run_file(path, ended)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        sys.path.remove(str(workspace))
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None) or ""
            if file.startswith((str(workspace), str(tests))):
                del sys.modules[name]
    return ended


def _run_file(path: Path, ended: dict[str, str | None]) -> None:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[path.stem] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # noqa: BLE001  as below
        ended[f"{path.name} cannot be imported"] = repr(error)
        return
    for name, function in list(vars(module).items()):
        if name.startswith("test") and inspect.isfunction(function):
            try:
                function()
                ended[name] = None
            except Exception as error:  # noqa: BLE001  whatever the code under test raises
                ended[name] = repr(error)
    suite = unittest.defaultTestLoader.loadTestsFromModule(module)
    for case in _flat(suite):
        result = case.run() or unittest.TestResult()
        problems = [*result.failures, *result.errors, *result.skipped]
        ended[case.id()] = str(problems[0][1]) if problems else None


def _flat(suite: unittest.TestSuite) -> list[unittest.TestCase]:
    cases: list[unittest.TestCase] = []
    for each in suite:
        cases += _flat(each) if isinstance(each, unittest.TestSuite) else [each]
    return cases


def _give_up(*_: Any) -> None:
    raise TimeoutError(f"not done in {LIMIT_S} s")


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    signal.signal(signal.SIGALRM, _give_up)
    jobs = json.load(sys.stdin)
    # What the code under test prints must not end up in the answer.
    answer, sys.stdout = sys.stdout, sys.stderr
    json.dump([run(Path(workspace), Path(tests)) for workspace, tests in jobs], answer)
