"""Lint of what an edit changed, by ruff where there is one; part of the diff's quality."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import sys
from collections import Counter
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.plain import plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Errors that pyflakes knows and those of syntax; no matter of style.
_RULES = "F,E9"
_TIMEOUT_S = 5.0


async def lint_findings(
    before: Mapping[str, str], after: Mapping[str, str], changed: Sequence[str]
) -> tuple[str, ...] | None:
    """What ruff finds in the ``changed`` Python files of ``after`` and did not find ``before``.

    None where there is no ruff, or it gave no answer. The code is read, never run.
    """
    program = _ruff()
    if program is None:
        return None
    new: list[str] = []
    for path in changed:
        if not path.endswith(".py"):
            continue
        found = await _lint(program, path, after[path])
        if found is None:
            return None
        # A fault that was there already is none of this edit's; most files have none.
        known = await _lint(program, path, before[path]) if found and path in before else ()
        left = Counter(one["code"] for one in known or ())
        for one in found:
            if left[one["code"]] > 0:
                left[one["code"]] -= 1
            else:
                row = one["location"]["row"]
                new.append(plain(f"{path}:{row}: {one['code']} {one['message']}", 300))
    return tuple(new)


async def _lint(program: str, path: str, text: str) -> list[dict[str, Any]] | None:
    process = await asyncio.create_subprocess_exec(
        *(program, "check", "--isolated", "--no-cache", "--quiet", "--exit-zero"),
        *("--select", _RULES, "--output-format", "json", "--stdin-filename", path, "-"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,  # a Ctrl-C is ours to handle
    )
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            output, _ = await process.communicate(text.encode())
        found = json.loads(output)
    except (TimeoutError, ValueError):
        return None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    return found if isinstance(found, list) else None


@cache
def _ruff() -> str | None:
    beside = Path(sys.executable).with_name("ruff")
    return str(beside) if beside.exists() else shutil.which("ruff")
